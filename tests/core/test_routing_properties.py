"""What holds for every call, whatever the state, the hour and the outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.plans import EXCHANGE, PLAN, PROMPTS, ZONE, sentences
from core.states import histories
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.absence import absence
from pbx_bridge.core.call import (
    Ask,
    Call,
    Decision,
    Dial,
    Hangup,
    Listen,
    Obey,
    Ring,
    Say,
    Why,
    decode,
    encode,
    with_attempt,
    with_result,
)
from pbx_bridge.core.commands import AskCallBack, ProvePin, Refusal
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.decide import MOST_STEPS, decide
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle
from pbx_bridge.core.model import Language
from pbx_bridge.core.reach import consenting, off_duty
from pbx_bridge.core.routes.outgoing import BUSY_CAUSE
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.wording import render

RESULTS = ("NOANSWER", "BUSY", "CHANUNAVAIL", "TIMEOUT", "JOINEMPTY", "SUCCESS", "FAILED", "1", "")
HEALTH = ("sjuk", "sick", "sairas")

people = st.sampled_from(sorted(PLAN.people))
moments = st.datetimes(
    min_value=datetime(2026, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2027, 12, 30),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.just(ZONE),
)
codes = st.builds(
    "{}{}".format,
    st.sampled_from(
        ("*23*", "#23#", "*#23#", "*28*", "#28*", "*230*", "*21*", "*22#", "*27#", "*29*", "*97")
    ),
    st.text("0123456789*#", max_size=13),
)
dialled = st.one_of(
    st.sampled_from(sorted([*PLAN.numbers, *PLAN.people, "112", "018000199"])),
    codes,
    st.text("0123456789+*#", max_size=14),
)
calls = st.builds(
    Call,
    dialled=dialled,
    caller=st.text(max_size=8),
    phone=st.one_of(st.just(""), people),
    language=st.sampled_from(Language),
)

related = sorted(
    {one for person in PLAN.people.values() for one in person.deputies}
    | {one for line in PLAN.lines.values() for one in line.backups}
)
"""Deputies and backups: whom a call may reach besides the one who was dialled."""
among_colleagues = [
    *((one.extension, deputy) for one in PLAN.people.values() for deputy in one.deputies),
    *(
        (one.digits, PLAN.lines[one.target].backups[0])
        for one in PLAN.numbers.values()
        if one.target in PLAN.lines
    ),
]
calls_among_colleagues = st.builds(
    lambda pair, inside: Call(pair[0], phone=pair[1] if inside else ""),
    st.sampled_from(among_colleagues),
    st.booleans(),
)
"""To those whose calls others take, also from the phones of these others."""


@st.composite
def exchanges(draw: st.DrawFn, now: datetime) -> Exchange:
    """Any referrals around `now`, and anybody signed in anywhere."""
    referrals = {}
    for person in draw(st.sets(people | st.sampled_from(related), max_size=8)):
        since = now - timedelta(minutes=draw(st.integers(-30, 5000)))
        until = since + timedelta(minutes=draw(st.integers(1, 20_000)))
        reason = draw(st.sampled_from(sorted(PLAN.reasons_by_name)))
        referrals[person] = (Referral(person, reason, since, until),)
    signed_in = {name: frozenset(draw(st.sets(people, max_size=4))) for name in PLAN.lines}
    return replace(EXCHANGE, referrals=referrals, signed_in=signed_in)


def states(now: datetime) -> st.SearchStrategy[Exchange]:
    """Any state, and any that commands can lead to: with forwards, planned absences, notices."""
    return st.one_of(exchanges(now), histories(now, most=5).map(lambda one: one.exchange))


@dataclass(frozen=True)
class World:
    """A moment, two states that take turns without notice, and what comes of each step."""

    now: datetime
    states: tuple[Exchange, Exchange]
    results: tuple[str, ...]
    minutes: tuple[int, ...]
    flips: tuple[bool, ...]

    def at(self, step: int) -> tuple[Exchange, datetime, str]:
        """The state and the moment of a step, and its result."""
        place = step % len(self.results)
        passed = timedelta(minutes=sum(self.minutes[: step % len(self.minutes)]))
        state = self.states[self.flips[step % len(self.flips)]]
        return state, self.now + passed, self.results[place]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    now = draw(moments)
    results = st.one_of(st.sampled_from(RESULTS), st.text(max_size=5))
    return World(
        now,
        (draw(states(now)), draw(states(now))),
        tuple(draw(st.lists(results, min_size=1, max_size=8))),
        tuple(draw(st.lists(st.integers(0, 120), min_size=1, max_size=8))),
        tuple(draw(st.lists(st.booleans(), min_size=1, max_size=8))),
    )


def walk(call: Call, world: World) -> Iterator[tuple[Decision, Exchange, datetime]]:
    """Yield the decisions as Asterisk and the app would ask for them, until the end."""
    for step in range(MOST_STEPS + 1):
        exchange, now, result = world.at(step)
        decision = decide(call, exchange, now)
        yield decision, exchange, now
        if isinstance(decision.step, Hangup):
            return
        call = with_attempt(call, decision.about)
        if isinstance(decision.step, Obey):
            answer = handle(decision.step.command, exchange, now)
            told = (
                (answer.spoken,)
                if isinstance(answer, Refusal)
                else confirmation(decision.step.command, fold(exchange, answer), now)
            )
            call = with_result(call, "refused" if isinstance(answer, Refusal) else "done")
            call = with_attempt(call, decision.about.told)
            if not told:
                continue
            yield Decision(decision.about.told, Say(told), Why.COMMAND_DONE), exchange, now
        carried = decode(encode(call), replace(call, tried=()))
        assert carried == call
        call = with_result(carried, result)
    raise AssertionError("the call does not end")


@settings(max_examples=200, deadline=None)
@given(calls, worlds())
def test_every_call_ends_and_no_step_is_taken_twice(call: Call, world: World) -> None:
    marks = [decision.mark for decision, _, _ in walk(call, world)]
    assert len(marks) == len(set(marks))
    assert len(marks) < MOST_STEPS


IN_SPITE = (Why.PERSON_VIP, Why.PERSON_INSISTED, Why.SHIELD_LIFTED)


@settings(max_examples=200, deadline=None)
@given(st.one_of(calls_among_colleagues, calls), worlds())
def test_no_phone_rings_whose_owner_is_away_or_calls(call: Call, world: World) -> None:
    wanted = PLAN.numbers[call.dialled].target if call.dialled in PLAN.numbers else call.dialled
    for decision, exchange, now in walk(call, world):
        if isinstance(decision.step, Ring) and decision.why not in IN_SPITE:
            for extension in decision.step.extensions:
                assert absence(exchange, extension, now) is None
                on_duty = decision.why is Why.BACKUP_RINGS
                assert on_duty or not off_duty(exchange, PLAN.people[extension], now)
                assert extension != call.phone or extension == wanted


@settings(max_examples=200, deadline=None)
@given(calls, worlds())
def test_s1_no_call_ends_untold(call: Call, world: World) -> None:
    *before, (last, _, _) = walk(call, world)
    assert isinstance(last.step, Hangup)
    if last.step.cause == BUSY_CAUSE:
        assert isinstance(before[-1][0].step, Dial)
    else:
        # What the switchboard has heard is noted silently.
        heard = [one for one, _, _ in before if not isinstance(one.step, Obey)]
        assert isinstance(heard[-1].step, Say | Ask | Listen)
        assert isinstance(heard[-1].step, Listen) or sentences(heard[-1])


@settings(max_examples=150, deadline=None)
@given(st.one_of(calls_among_colleagues, calls), worlds())
def test_s14_who_rings_for_somebody_else_has_agreed(call: Call, world: World) -> None:
    for decision, exchange, now in walk(call, world):
        if isinstance(decision.step, Ring) and decision.step.sought:
            sought = PLAN.people[decision.step.sought]
            agreed = {one.extension for one in consenting(exchange, sought, now)}
            assert set(decision.step.extensions) <= agreed


NO_HUMAN_IS_SOUGHT = (Why.MENU, Why.PIN_ASKED, Why.EMERGENCY, Why.OUTGOING)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted([*PLAN.numbers, *PLAN.people])), worlds())
def test_s7_who_reaches_nobody_is_told_when(number: str, world: World) -> None:
    """Whatever happens before: that every ring stays unanswered is the worst case."""
    decisions = [decision for decision, _, _ in walk(Call(number, "0401234567"), world)]
    if decisions[0].why in NO_HUMAN_IS_SOUGHT:
        return
    assert any(decision.tells_when for decision in decisions)


@settings(max_examples=150, deadline=None)
@given(calls, worlds())
def test_all_that_is_told_can_be_spoken_and_names_no_illness(call: Call, world: World) -> None:
    told: set[tuple[str, str]] = set()
    for decision, _, now in walk(call, world):
        for sentence in sentences(decision):
            for language in Language:
                told.add((sentence.key, render(sentence, language, now, PROMPTS)))
    for key, text in told:
        assert text.strip(), key
        assert not set("{}") & set(text), key
        assert not any(word in text.lower() for word in HEALTH), key


@settings(max_examples=50, deadline=None)
@given(people, worlds())
def test_f24_112_is_the_first_step_from_every_phone_in_every_state(
    phone: str, world: World
) -> None:
    first, _, _ = next(walk(Call("112", phone=phone), world))
    assert first.step == Dial("112")


@settings(max_examples=100, deadline=None)
@given(dialled, st.text(max_size=8), worlds())
def test_from_a_trunk_nothing_is_commanded_or_dialled_out(
    number: str, caller: str, world: World
) -> None:
    for decision, _, _ in walk(Call(number, caller), world):
        step = decision.step
        assert not isinstance(step, Dial)
        # what callers may ask for: to be called back, and to have a PIN looked at
        assert not isinstance(step, Obey) or isinstance(step.command, AskCallBack | ProvePin)
