"""Missed calls, messages and promises, until the caller was reached (S16, S23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, NIGHT, PLAN, at, away, shown, spoken, steps, then
from core.test_notices import after, told
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import numbers, retention, returning
from pbx_bridge.core.call import Call, with_attempt
from pbx_bridge.core.commands import (
    AskCallBack,
    Command,
    NoteCall,
    Promise,
    RecordContact,
    Refusal,
    RemindOfReturns,
)
from pbx_bridge.core.decide import decide
from pbx_bridge.core.events import CallBackAsked, Event, ReturnClosed, ReturnDue
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.core.state import About, Channel, Closed, Exchange, Opened, Stage
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.trace import Mark, Talk

CALLER = "0401234567"
ANNA, BO = "101", "102"


def missed(
    sought: str = ANNA, number: str = CALLER, call: str = "1.1", now: datetime = DAY
) -> NoteCall:
    return NoteCall(call, now, number, sought, "")


def answered(by: str, number: str = CALLER, now: datetime = DAY) -> NoteCall:
    return NoteCall("2.1", now, number, ANNA, by)


def called(by: str, number: str = CALLER, now: datetime = DAY) -> NoteCall:
    return NoteCall("3.1", now, number, "", "", by)


def open_(exchange: Exchange) -> list[tuple[str, str]]:
    return list(exchange.returns)


MISSED = after(EXCHANGE, missed())
LATER = DAY + timedelta(minutes=10)


def test_s16_a_missed_call_has_to_be_returned_before_the_working_day_ends() -> None:
    (entry,) = MISSED.returns.values()
    assert (entry.target, entry.number, entry.how) == (ANNA, CALLER, (Opened.MISSED,))
    assert entry.due == at("2026-03-03 16:00")


def test_repeated_calls_by_one_caller_are_one_entry() -> None:
    exchange = after(MISSED, missed(call="1.2", now=LATER), missed(BO, call="1.3", now=LATER))
    assert open_(exchange) == [(ANNA, CALLER), (BO, CALLER)]
    entry = exchange.returns[ANNA, CALLER]
    assert (entry.calls, entry.since, entry.last) == (("1.1", "1.2"), DAY, LATER)


def test_f19_a_call_that_is_told_twice_is_one() -> None:
    assert handle(missed(), MISSED, LATER) == ()
    reached = after(MISSED, answered(BO, now=LATER))
    assert handle(answered(BO, now=LATER), reached, LATER) == ()


@pytest.mark.parametrize(
    ("command", "how", "by"),
    [
        (answered(BO, now=LATER), Closed.ANSWERED, BO),
        (called(BO, now=LATER), Closed.CALLED, BO),
        (RecordContact(ANNA, CALLER, by=ANNA), Closed.CONTACT, ANNA),
        (RecordContact(ANNA, "+358401234567", by=BO), Closed.CONTACT, BO),
    ],
)
def test_s16_whoever_was_reached_waits_no_more(command: Command, how: Closed, by: str) -> None:
    events = handle(command, MISSED, LATER)
    assert not isinstance(events, Refusal)
    (closed,) = [one for one in events if isinstance(one, ReturnClosed)]
    assert (closed.how, closed.by) == (how, by)
    assert open_(fold(MISSED, events)) == []


def test_a_talk_from_before_the_call_returns_nothing() -> None:
    exchange = after(MISSED, called(BO, now=DAY - timedelta(minutes=1)))
    assert open_(exchange) == [(ANNA, CALLER)]


def test_another_number_is_another_caller() -> None:
    assert open_(after(MISSED, called(BO, "0409999999", LATER))) == [(ANNA, CALLER)]


def test_a_withheld_number_can_t_be_returned_but_its_message_is_open() -> None:
    assert handle(missed(number=""), EXCHANGE, DAY) == ()
    due = returning.message_left(EXCHANGE, ANNA, "", "1770000000-00000001", DAY, DAY)
    (entry,) = fold(EXCHANGE, due).returns.values()
    assert entry.withheld
    assert returning.message_left(fold(EXCHANGE, due), ANNA, "", entry.number, DAY, DAY) == ()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at("2026-03-03 10:00"), at("2026-03-03 16:00")),
        (at("2026-03-03 20:00"), at("2026-03-04 16:00")),
        (at("2026-03-06 20:00"), at("2026-03-09 16:00")),  # a Friday night
    ],
)
def test_who_calls_at_night_is_called_the_next_working_day(now: datetime, due: datetime) -> None:
    assert returning.due_at(EXCHANGE, ANNA, now) == due


def test_who_is_away_returns_calls_on_the_day_they_are_back() -> None:
    assert returning.due_at(away(ANNA, "2026-03-05 10:00"), ANNA, DAY) == at("2026-03-05 16:00")


def test_a_line_returns_calls_before_it_closes() -> None:
    line = PLAN.lines["bygglov"]
    due = returning.due_at(EXCHANGE, line.name, NIGHT)
    assert due.date() == at("2026-03-04 00:00").date()
    assert due > at("2026-03-04 09:00")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-03 16:30", "2026-03-04 08:00"),
        ("2026-03-03 23:59", "2026-03-04 08:00"),
        ("2026-03-04 00:01", "2026-03-04 08:00"),
        ("2026-03-04 07:59", "2026-03-04 08:00"),
        ("2026-03-04 08:01", "2026-03-05 08:00"),  # open next in the afternoon
        ("2026-03-07 10:00", "2026-03-08 00:00"),  # of a duty from Friday to Monday
        ("2026-03-07 23:59", "2026-03-09 00:00"),
        ("2026-03-09 00:01", "2026-03-09 08:00"),
    ],
)
def test_s16_a_line_on_call_returns_calls_by_the_end_of_the_duty_that_holds(
    now: str, due: str
) -> None:
    """Or by midnight, where that is longer than a day."""
    assert returning.due_at(EXCHANGE, "jour", at(now)) == at(due)


def sent_on(left: str, number: str = CALLER) -> NoteCall:
    return NoteCall("5.1", LATER, number, ANNA, ANNA, left=left, left_at=LATER)


def test_s16_who_was_reached_and_sent_on_in_vain_is_returned_by_the_last_one_sought() -> None:
    """And by nobody else any more."""
    assert open_(after(MISSED, sent_on(BO))) == [(BO, CALLER)]
    again = after(MISSED, sent_on(ANNA)).returns[ANNA, CALLER]
    assert (again.since, again.last, len(again.calls)) == (DAY, LATER, 2), "open since before"
    assert open_(after(MISSED, sent_on("nobody"))) == []
    once = after(EXCHANGE, sent_on(BO))
    assert handle(sent_on(BO), once, LATER) == (), "told again"
    assert open_(after(EXCHANGE, sent_on(BO), answered(BO, now=LATER + timedelta(minutes=5)))) == []


def test_s23_a_promise_sets_the_time_and_only_its_maker_keeps_it() -> None:
    promised = Promise(ANNA, CALLER, at("2026-03-04 09:00"), by=ANNA)
    exchange = after(MISSED, promised)
    (entry,) = exchange.returns.values()
    assert (entry.due, entry.promised_by) == (at("2026-03-04 09:00"), ANNA)
    assert entry.how == (Opened.MISSED, Opened.PROMISED)
    assert open_(after(exchange, called(BO, now=LATER))) == [(ANNA, CALLER)]
    assert open_(after(exchange, called(ANNA, now=LATER))) == []


@pytest.mark.parametrize(
    ("command", "clause"),
    [
        (Promise(ANNA, CALLER, DAY, by=ANNA), "S23"),
        (Promise(ANNA, "", LATER, by=ANNA), "S23"),
        (Promise(ANNA, CALLER, DAY + timedelta(days=800), by=ANNA), "S23"),
        (Promise(ANNA, CALLER, LATER, by="120"), "S29"),
        (RecordContact(ANNA, "0400000000", by=ANNA), "S16"),
        (RecordContact(ANNA, CALLER, by="120"), "S29"),
        (RecordContact("nobody", CALLER, by=ANNA), "S29"),
    ],
)
def test_what_makes_no_sense_or_is_somebody_else_s_is_refused(
    command: Command, clause: str
) -> None:
    answer = handle(command, MISSED, DAY)
    assert isinstance(answer, Refusal)
    assert answer.clause == clause


def test_a_caller_who_asks_to_be_called_back_is_one_who_waits() -> None:
    exchange = after(EXCHANGE, AskCallBack("1.1", ANNA, CALLER))
    assert exchange.returns[ANNA, CALLER].how == (Opened.ASKED,)
    assert open_(after(EXCHANGE, AskCallBack("1.1", ANNA, BO))) == [], "a colleague"


def test_s16_the_one_sought_is_reminded_then_the_unit_then_the_foreman() -> None:
    due = MISSED.returns[ANNA, CALLER].due
    assert returning.next_reminder(MISSED) == due - timedelta(hours=1)
    assert handle(RemindOfReturns(), MISSED, due - timedelta(minutes=61)) == ()
    exchange = MISSED
    for before, about, whom in (
        (60, About.RETURNS, {(ANNA, Channel.MESSAGE), (ANNA, Channel.MAIL)}),
        (30, About.RETURNS_LEFT, {("102", Channel.MESSAGE), ("110", Channel.MESSAGE)}),
        (0, About.RETURNS_OVERDUE, {("103", Channel.MESSAGE), ("103", Channel.MAIL)}),
    ):
        now = due - timedelta(minutes=before)
        exchange = after(exchange, RemindOfReturns(), now=now)
        assert told(exchange, about) == whom
        assert handle(RemindOfReturns(), exchange, now) == ()
    assert returning.next_reminder(exchange) is None
    assert told(after(exchange, called(BO, now=due)), About.RETURNS_OVERDUE) == set(), "moot"


def test_after_a_long_rest_only_the_last_stage_is_told() -> None:
    exchange = after(MISSED, RemindOfReturns(), now=DAY + timedelta(days=1))
    assert exchange.returns[ANNA, CALLER].told == Stage.FOREMAN.rank
    assert not told(exchange, About.RETURNS)
    assert told(exchange, About.RETURNS_OVERDUE)


def test_several_callers_are_one_notice() -> None:
    exchange = after(MISSED, missed(number="0409999999", call="1.2"))
    exchange = after(exchange, RemindOfReturns(), now=at("2026-03-03 15:10"))
    notes = [one.note for one in exchange.outbox.values() if one.about is About.RETURNS]
    assert notes == ["2", "2"]


def test_a_line_s_callers_are_told_to_who_attends_it_and_to_the_switchboard() -> None:
    exchange = after(EXCHANGE, missed("bygglov"))
    due = exchange.returns["bygglov", CALLER].due
    for before, about in (
        (60, About.RETURNS),
        (30, About.RETURNS_LEFT),
        (0, About.RETURNS_OVERDUE),
    ):
        exchange = after(exchange, RemindOfReturns(), now=due - timedelta(minutes=before))
        assert told(exchange, about), about
    assert ("", Channel.LIST) in told(exchange, About.RETURNS_LEFT)


# On the phone


def code(digits: str, phone: str = ANNA) -> Call:
    return Call(digits, phone=phone)


def test_who_has_nobody_to_call_hears_so() -> None:
    decision = decide(code("*96#"), EXCHANGE, DAY)
    assert spoken(decision, DAY) == "Ingen väntar på att du ska höra av dig."


def test_callers_are_told_one_after_the_other_and_can_be_noted_as_reached() -> None:
    exchange = after(MISSED, missed(number="0409999999", call="1.2", now=LATER))
    first = with_attempt(code("*96#"), StepId("say", "returns"))
    asked = decide(first, exchange, DAY)
    assert asked.mark == f"ask:return.{ANNA}.{CALLER}"
    assert "Återkom senast i dag klockan fyra." in spoken(asked, DAY)
    tried = [("say:returns", ""), (asked.mark, "1")]
    reached = then(code("*96#"), *tried)
    obeys = decide(reached, exchange, DAY)
    assert shown(obeys).startswith("obey")
    exchange = after(exchange, RecordContact(ANNA, CALLER, by=ANNA))
    tried += [(obeys.mark, "done"), (obeys.mark.replace("obey", "say"), "")]
    following = then(code("*96#"), *tried)
    assert decide(following, exchange, DAY).mark == f"ask:return.{ANNA}.0409999999"
    ended = then(code("*96#"), *tried, (f"ask:return.{ANNA}.0409999999", "#"))
    assert spoken(decide(ended, exchange, DAY), DAY) == "Det var alla."


def test_a_caller_can_be_called_at_once() -> None:
    first = then(code("*96#"), ("say:returns", ""), (f"ask:return.{ANNA}.{CALLER}", "2"))
    assert decide(first, MISSED, DAY).mark == f"dial:{CALLER}"


def test_a_call_of_the_list_ends_however_long_it_is() -> None:
    exchange = EXCHANGE
    for number in range(30):
        exchange = after(exchange, missed(number=f"04000000{number:02}", call=f"1.{number}"))
    way = steps(code("*96#"), exchange)
    assert sum("ask:return" in one for one in way) == 10
    assert way[-1].startswith("hangup")


def test_s23_a_promise_is_dialled_after_the_call() -> None:
    exchange = after(EXCHANGE, answered(ANNA))
    for digits, number, due in (
        ("*95*1500#", CALLER, "2026-03-03 15:00"),
        ("*95*0304*0900#", CALLER, "2026-03-04 09:00"),
        ("*95*0409999999*1500#", "0409999999", "2026-03-03 15:00"),
        ("*95*0409999999*0304*0900#", "0409999999", "2026-03-04 09:00"),
    ):
        decision = decide(code(digits), exchange, DAY)
        assert decision.step.command == Promise(ANNA, number, at(due), by=ANNA)  # type: ignore[union-attr]  # it is a step
    for digits in ("*95*2500#", "*95*#", "*95#", "*95*0409999999#", "*95*1*2*3*4#", "*95*0900#"):
        assert decide(code(digits), exchange, DAY).mark == "say:code", digits


# What Asterisk recorded


def journey(**changes: object) -> Journey:
    end = DAY + timedelta(seconds=9)
    made = Journey(
        "1.1", CALLER, "from-trunk", "018000101", DAY, None, "", end, Outcome.ABANDONED, (), ()
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of Journey, by name


@pytest.mark.parametrize(
    ("call", "command"),
    [
        (journey(), NoteCall("1.1", DAY + timedelta(seconds=9), CALLER, ANNA, "")),
        (journey(ended_at=DAY + timedelta(milliseconds=14)), None),
        (journey(outcome=Outcome.DOUBLE), None),
        (
            journey(outcome=Outcome.ANSWERED, answered_at=DAY, answered_by="0457000102"),
            NoteCall("1.1", DAY, CALLER, ANNA, BO),
        ),
        (
            journey(
                outcome=Outcome.OUTGOING,
                dialled="+358409999999",
                caller=ANNA,
                phone=ANNA,
                answered_at=DAY,
                talks=(Talk("operator", DAY, DAY),),
                steps=(Mark(DAY, "dial", "outgoing", "+358409999999"),),
            ),
            NoteCall("1.1", DAY, "0409999999", "", "", ANNA),
        ),
        (journey(outcome=Outcome.OUTGOING, dialled="0409999999", phone=ANNA), None),
        (journey(phone=BO, caller=BO), None),
        (journey(caller=""), None),
        (journey(outcome=Outcome.CODE), None),
        (journey(dialled="018000123"), None),
        (journey(dialled="999"), None),
    ],
)
def test_what_a_recorded_call_means(call: Journey, command: NoteCall | None) -> None:
    assert returning.noted(call, PLAN) == command


# Reports


def test_returns_are_in_time_late_or_overdue() -> None:
    events: list[Event] = []

    def tell(exchange: Exchange, command: Command, now: datetime) -> Exchange:
        found = handle(command, exchange, now)
        assert not isinstance(found, Refusal)
        events.extend(found)
        return fold(exchange, found)

    exchange = EXCHANGE
    numbers = ("0400000001", "0400000002", "0400000003")
    for number in numbers:
        exchange = tell(exchange, missed(number=number, call=number), DAY)
    exchange = tell(exchange, called(ANNA, numbers[0], LATER), LATER)
    exchange = tell(
        exchange, called(ANNA, numbers[1], at("2026-03-04 09:00")), at("2026-03-04 09:00")
    )
    exchange = tell(exchange, Promise(ANNA, numbers[2], LATER, by=ANNA), DAY)
    midnight = at("2026-03-03 00:00")
    waiting = exchange.returns.values()
    found = returning.kept(events, waiting, midnight, midnight + timedelta(days=1))
    assert (found.opened, found.in_time, found.late, found.overdue) == (3, 1, 0, 2)
    assert (found.promised, found.promises_late) == (1, 1)
    later = returning.kept(events, waiting, midnight, midnight + timedelta(days=7))
    assert (later.in_time, later.late, later.overdue) == (1, 1, 1)
    assert returning.kept(events, waiting, midnight - timedelta(days=9), midnight).opened == 0


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["missed", "answered", "called", "contact", "promise", "remind"]),
        st.sampled_from([ANNA, BO, "bygglov"]),
        st.sampled_from([CALLER, "0409999999", ""]),
        st.integers(1, 900),
    ),
    max_size=20,
)


@given(COMMANDS)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_the_ledger_is_sound(
    happened: list[tuple[str, str, str, int]],
) -> None:
    """Told again nothing changes, nobody who was just reached waits, and every caller does."""
    exchange, now = EXCHANGE, DAY
    for at_, (kind, who, number, minutes) in enumerate(happened):
        now += timedelta(minutes=minutes)
        person = ANNA if who == "bygglov" else who
        commands: dict[str, Command] = {
            "missed": NoteCall(f"1.{at_}", now, number, who, ""),
            "answered": NoteCall(f"1.{at_}", now, number, who, person),
            "called": NoteCall(f"1.{at_}", now, number, "", "", person),
            "contact": RecordContact(who, number, by="technician"),
            "promise": Promise(person, number, now + timedelta(hours=2), by="technician"),
            "remind": RemindOfReturns(),
        }
        command = commands[kind]
        events = handle(command, exchange, now)
        if isinstance(events, Refusal):
            continue
        exchange = fold(exchange, events)
        if kind != "promise" and kind != "contact":
            assert handle(command, exchange, now) == ()
        held = {key for key, one in exchange.returns.items() if not one.promised_by}
        if kind in ("answered", "called") and number:
            assert number not in {caller for _, caller in held}
        if kind == "missed" and number:
            assert (who, number) in exchange.returns
        assert all(one.calls for one in exchange.returns.values())


@pytest.mark.parametrize("old", ["358401234567", "+358401234567", "00358401234567"])
def test_an_entry_that_was_opened_in_another_form_is_the_same_callers(old: str) -> None:
    """Journals of before hold numbers as they were signalled."""
    due = ReturnDue(ANNA, old, "0.9", Opened.MISSED, DAY, LATER)
    exchange = fold(EXCHANGE, (due,))
    assert open_(exchange) == [(ANNA, CALLER)]
    again = after(exchange, missed())
    assert open_(again) == [(ANNA, CALLER)]
    assert again.returns[ANNA, CALLER].calls == ("0.9", "1.1")
    closed = ReturnClosed(ANNA, old, LATER, Closed.CONTACT, ANNA)
    assert open_(fold(exchange, (closed,))) == []
    assert retention.is_needed(due, exchange, DAY)


@pytest.mark.parametrize("word", ["anonymous", "Restricted", "unavailable"])
def test_s16_who_withholds_their_number_opens_no_entry_that_another_one_closes(word: str) -> None:
    due = ReturnDue(ANNA, word, "0.9", Opened.MISSED, DAY, LATER)
    assert open_(fold(EXCHANGE, (due,))) == []
    message = ReturnDue(
        ANNA, "1770000000-0000000a", "1770000000-0000000a", Opened.MESSAGE, DAY, LATER
    )
    assert len(open_(fold(EXCHANGE, (message,)))) == 1, "a message has to be heard all the same"


def test_somebody_is_forgotten_in_every_form_in_which_they_were_kept() -> None:
    forms = ("358401234567", "+358 40-123 45 67", "0401234567", "tel:+358401234567")
    entries = [(seq, CallBackAsked("1.1", ANNA, one, DAY)) for seq, one in enumerate(forms)]
    is_theirs = numbers.same_as(CALLER, PLAN.dialling)
    assert list(retention.tells_of(entries, is_theirs)) == list(range(len(forms)))
    other = CallBackAsked("1.1", ANNA, "0409999999", DAY)
    assert list(retention.tells_of([(1, other)], is_theirs)) == []
