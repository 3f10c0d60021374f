"""Messages: who is told of one, once; who may hear which mailbox, by code and by menu (S16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, attended, away, changed_line, shown, way
from core.plans import spoken as spoken_in
from core.test_menu import DESK, OWN_MOBILE, PIN, Talk
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core import mailboxes
from pbx_bridge.core.call import Call, Listen, Voicemail
from pbx_bridge.core.codes import HearMessages, read
from pbx_bridge.core.commands import EXCHANGE as ITSELF
from pbx_bridge.core.commands import Refusal, TakeMessage
from pbx_bridge.core.delivery import is_moot, may_be_sent
from pbx_bridge.core.events import MessageLeft, ReturnDue
from pbx_bridge.core.folding import fold, fresh
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language
from pbx_bridge.core.notices import due
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import About, Channel, Exchange, Notice
from pbx_bridge.core.telling import spoken, subject
from pbx_bridge.core.wording import write

CALLER = "+358401234567"
LEFT = DAY - timedelta(minutes=1)
TAKE = TakeMessage("105", "1795518740-00000001", CALLER, 12, LEFT, "PJSIP/operator-00000001")
OF_LINE = replace(TAKE, mailbox="181")


def taken(command: TakeMessage, exchange: Exchange = EXCHANGE, now: datetime = DAY) -> Exchange:
    """The state after the command and its notices."""
    events = handle(command, exchange, now)
    assert not isinstance(events, Refusal)
    after = fold(exchange, events)
    return fold(after, due(events, exchange, after, now))


def notices(exchange: Exchange) -> Sequence[Notice]:
    return [one for one in exchange.outbox.values() if one.about is About.MESSAGE]


def letter(notice: Notice, exchange: Exchange, language: Language = Language.SV) -> str:
    zone = PLAN.organisation.zone
    told = [*spoken(notice, exchange), subject(notice, exchange)]
    return "\n".join(
        write(one, language, zone, PROMPTS) for one in told if isinstance(one, Sentence)
    )


def test_s16_whose_mailbox_it_is_has_a_letter_with_number_moment_and_length() -> None:
    exchange = taken(TAKE)
    (notice,) = notices(exchange)
    assert (notice.to, notice.channel, notice.message) == ("105", Channel.MAIL, TAKE.message)
    assert letter(notice, exchange) == (
        "Nytt röstmeddelande till Elin Strand från 0401234567. Det lämnades tisdag 3.3.2026 "
        "kl. 9.59 och är 12 sekunder långt.\n"
        "Röstmeddelande till Elin Strand från 0401234567"
    )
    assert "klo 9.59" in letter(notice, exchange, Language.FI)
    assert may_be_sent(notice, exchange, at("2026-03-03 23:00")), "mail disturbs nobody"
    assert not is_moot(notice, exchange, DAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("language", "words"),
    [(Language.SV, "ett dolt nummer"), (Language.FI, "salaisesta"), (Language.EN, "a withheld")],
)
def test_a_withheld_number_is_told_as_withheld(language: Language, words: str) -> None:
    exchange = taken(replace(TAKE, caller=""))
    (notice,) = notices(exchange)
    assert letter(notice, exchange, language).count(words) >= 1
    assert not any(word.isdecimal() and len(word) > 4 for word in letter(notice, exchange).split())


def test_the_same_message_is_told_once_also_after_a_restart() -> None:
    events = handle(TAKE, EXCHANGE, DAY)
    assert isinstance(events, tuple)
    left, due = events
    assert isinstance(due, ReturnDue)
    assert (due.target, due.number) == ("105", "0401234567")
    assert left == MessageLeft("105", TAKE.message, CALLER, 12, LEFT, TAKE.channel)
    restarted = fold(fresh(PLAN), events)
    assert handle(TAKE, restarted, DAY + timedelta(days=3)) == ()
    assert handle(OF_LINE, restarted, DAY) != (), "the same id in another mailbox is another one"


def test_what_was_left_longer_ago_than_is_remembered_is_told_no_more() -> None:
    late = DAY + mailboxes.KEPT
    assert handle(TAKE, EXCHANGE, late - timedelta(minutes=2)) != ()
    assert handle(TAKE, EXCHANGE, late) == ()


def test_a_message_from_a_clock_that_was_ahead_is_of_now() -> None:
    events = handle(replace(TAKE, at=DAY + timedelta(days=30)), EXCHANGE, DAY)
    assert isinstance(events, tuple)
    assert [one.at for one in events if isinstance(one, MessageLeft)] == [DAY]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-12, 0), st.integers(0, 24 * 3)),
        max_size=20,
    )
)
def test_no_message_is_ever_told_twice(seen: list[tuple[int, int, int]]) -> None:
    """Whichever are seen again, however late, while the clock goes on."""
    told: list[str] = []
    exchange, now = EXCHANGE, DAY
    first: dict[int, datetime] = {}
    for number, days, hours in seen:
        now += timedelta(hours=hours)
        left = first.setdefault(number, now + timedelta(days=days))
        events = handle(replace(TAKE, message=str(number), at=left), exchange, now)
        assert isinstance(events, tuple)
        told += [one.message for one in events if isinstance(one, MessageLeft)]
        exchange = fold(exchange, events)
    assert len(told) == len(set(told))


def test_a_mailbox_that_nobody_has_is_passed_over_and_nobody_may_pretend() -> None:
    for box in ("999", "111", "vaxel", ""):
        assert handle(replace(TAKE, mailbox=box), EXCHANGE, DAY) == ()
    for by, entitled in ((ITSELF, True), ("101", False)):
        answer = handle(replace(TAKE, by=by), EXCHANGE, DAY)
        assert isinstance(answer, Refusal) is not entitled


def test_a_message_for_a_line_goes_to_those_who_attend_it() -> None:
    exchange = taken(OF_LINE, attended("bygglov", "102"))
    assert [one.to for one in notices(exchange)] == ["102"]
    assert "bygglovsrådgivningen" in letter(notices(exchange)[0], exchange)


@pytest.mark.parametrize(
    "exchange", [attended("bygglov"), away("101", "2026-03-03 14:00")], ids=["nobody", "away"]
)
def test_where_nobody_attends_the_line_all_who_may_are_told(exchange: Exchange) -> None:
    assert [one.to for one in notices(taken(OF_LINE, exchange))] == ["101", "102"]


def test_two_messages_of_one_moment_are_two_letters() -> None:
    first = taken(TAKE)
    both = taken(replace(TAKE, message="1795518740-00000002"), first)
    assert len(notices(both)) == 2
    assert len({one.id for one in notices(both)}) == 2


@pytest.mark.parametrize(
    ("extension", "digits", "found"),
    [
        ("101", "*97", HearMessages("101")),
        ("101", "*97#", HearMessages("101")),
        ("101", "*97*2", HearMessages("181")),
        ("102", "*97*2#", HearMessages("181")),
        ("111", "*97*1", HearMessages("180")),
        ("111", "*97", "refused-no-mailbox"),
        ("110", "*97*3", "refused-no-mailbox"),
        ("101", "*97*1", "refused-not-member"),
        ("101", "*97*9", "refused-unknown-code"),
        ("101", "*97*", "refused-unknown-code"),
        ("101", "*972", "refused-unknown-code"),
        ("101", "*97*2*2", "refused-unknown-code"),
    ],
)
def test_whose_messages_a_code_asks_for(
    extension: str, digits: str, found: HearMessages | str
) -> None:
    answer = read(digits, PLAN.people[extension], EXCHANGE, DAY)
    assert (answer.key if isinstance(answer, Sentence) else answer) == found


@pytest.mark.parametrize("code", ["*97#", "*98*"])
def test_a_site_may_choose_another_code(code: str) -> None:
    plan = replace(PLAN, codes=replace(PLAN.codes, hear_messages=code))
    assert read(code, plan.people["101"], fresh(plan), DAY) == HearMessages("101")


@pytest.mark.parametrize(
    ("result", "then"),
    [
        ("SUCCESS", []),
        ("", []),
        ("FAILED", ["say:mailbox mailbox-closed: mailbox-failed"]),
        ("NOAPP", ["say:mailbox mailbox-closed: mailbox-failed"]),
    ],
)
def test_from_ones_own_phone_messages_are_heard_and_the_call_ends_well(
    result: str, then: list[str]
) -> None:
    found = list(way(Call("*97", phone="105"), EXCHANGE, DAY, {"listen:105": result}))
    assert found[0].step == Listen("105")
    assert [shown(one) for one in found] == [
        "listen:105 mailbox-opened",
        *then,
        "hangup: nothing-left",
    ]


def test_f38_from_outside_the_code_is_a_number_that_nobody_has() -> None:
    found = [shown(one) for one in way(Call("*97", "0457000102"), EXCHANGE, DAY)]
    assert found[0].startswith("say:unknown unknown-number")
    assert not any("listen" in one for one in found)


def test_the_menu_offers_the_own_messages_and_those_of_the_lines() -> None:
    talk = Talk(OWN_MOBILE, [PIN, "5"])
    assert talk.marks[-3:] == ["listen:102", "say:goodbye", "hangup:"]
    told = " ".join(talk.heard)
    assert "Tryck fem för att lyssna på dina meddelanden." in told
    assert "Tryck sex för att lyssna på meddelanden till bygglovsrådgivningen." in told
    assert Talk(DESK, ["6"]).marks[-3] == "listen:181"


def test_s29_the_menu_opens_no_mailbox_without_the_pin() -> None:
    guessing = Talk(OWN_MOBILE, ["1", "5", "5", "5"])
    assert not any(mark.startswith("listen:") for mark in guessing.marks)
    for key in ("7", "8", "9"):
        assert not any(mark.startswith("listen:") for mark in Talk(DESK, [key]).marks)


def test_who_has_no_mailbox_is_offered_none() -> None:
    """Karin has no box of her own, and the switchboard's none either here."""
    talk = Talk(replace(DESK, phone="111"), ["5"], changed_line("vaxel", mailbox=""))
    assert not any("meddelanden" in one for one in talk.heard)
    assert not any(mark.startswith("listen:") for mark in talk.marks)


RING, RING_DEPUTY = "ring:106", "ring:107"
STATES = {
    "absent": (away("106", "2026-03-04 08:30"), DAY, {}, "är åter i morgon klockan halv nio"),
    "off duty": (EXCHANGE, at("2026-03-03 20:00"), {}, "kan nås igen i morgon klockan åtta"),
    "busy": (EXCHANGE, DAY, {RING: "BUSY", RING_DEPUTY: "BUSY"}, "talar i telefon just nu"),
    "no answer": (EXCHANGE, DAY, {}, "svarar inte just nu"),
    "no phone": (EXCHANGE, DAY, {RING: "CHANUNAVAIL"}, "kan inte nås just nu"),
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", STATES)
def test_s7_before_the_tone_callers_hear_why_and_when_in_their_language(
    state: str, language: Language
) -> None:
    """In every state; the sentences before the tone are the greeting, nobody records one."""
    exchange, now, results, words = STATES[state]
    call = Call("018000106", "0401234567", language=language)
    chosen = {**results, "ask:choice": "1", "ask:choice-again": "1"}
    found = list(way(call, exchange, now, chosen))
    at_tone = next(n for n, one in enumerate(found) if isinstance(one.step, Voicemail))
    before = " ".join(spoken_in(one, now, language) for one in found[:at_tone])
    assert "Fredrik Dahl" in before
    assert any(one.tells_when for one in found[:at_tone])
    assert shown(found[at_tone - 1]).endswith("leave-message")
    if language is Language.SV:
        assert words in before
    assert shown(found[at_tone + 1]).endswith("message-saved")
