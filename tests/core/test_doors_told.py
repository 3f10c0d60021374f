"""Devices that can't talk, and the end of a certificate: what is noted, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from core.plans import DAY, PROMPTS, attended

from pbx_bridge.core.certificates import TOLD_BEFORE
from pbx_bridge.core.commands import EXCHANGE as BY_ITSELF
from pbx_bridge.core.commands import NoteCertificate, NoteSound, Refusal
from pbx_bridge.core.delivery import is_moot
from pbx_bridge.core.events import CertificateEnds, Event, NoticeDue
from pbx_bridge.core.folding import fold, under
from pbx_bridge.core.handling import handle
from pbx_bridge.core.meters import of_exchange
from pbx_bridge.core.model import Device, Language
from pbx_bridge.core.notices import due
from pbx_bridge.core.state import About, Channel, Exchange, Notice
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.wording import render

BEFORE = attended("vaxel", "111")
UNTIL = DAY.astimezone(UTC) + timedelta(days=400)


def obeyed(
    command: NoteSound | NoteCertificate, exchange: Exchange, now: datetime = DAY
) -> tuple[tuple[Event, ...], Exchange, list[Notice]]:
    events = handle(command, exchange, now)
    assert not isinstance(events, Refusal)
    after = fold(exchange, events)
    told = [one.notice for one in due(events, exchange, after, now) if isinstance(one, NoticeDue)]
    return events, after, told


def words(notice: Notice, exchange: Exchange) -> str:
    found = spoken(notice, exchange)
    return " ".join(render(one, Language.EN, notice.at, PROMPTS) for one in found)  # type: ignore[arg-type]  # no note is spoken here


def test_a_device_that_can_not_talk_is_told_once_until_it_has_talked() -> None:
    refused = NoteSound("101", agreed=False, by=BY_ITSELF)
    events, after, told = obeyed(refused, BEFORE)
    assert len(events) == 1
    assert {(one.about, one.to, one.channel) for one in told} == {
        (About.NO_SOUND, "", Channel.LIST),
        (About.NO_SOUND, "111", Channel.MESSAGE),
    }
    assert words(told[0], after).startswith(
        "A telephone of Anna Berg is connected but has no sound"
    )
    measures = {one.name: one.value for one in of_exchange(after, {}, DAY)}
    assert measures["devices_without_sound"] == 1
    assert obeyed(refused, after)[0] == ()
    assert not is_moot(told[0], after, DAY)
    events, again, nothing = obeyed(replace(refused, agreed=True), after)
    assert nothing == []
    assert again.without_sound == {}
    assert is_moot(told[0], again, DAY)
    assert obeyed(replace(refused, agreed=True), again)[0] == ()


def test_a_further_device_is_named_and_goes_with_the_plan() -> None:
    anna = replace(BEFORE.plan.people["101"], devices=(Device("desk"), Device("softphone")))
    plan = replace(BEFORE.plan, people={**BEFORE.plan.people, "101": anna})
    exchange = under(plan, BEFORE)
    refused = NoteSound("101-softphone", agreed=False, by=BY_ITSELF)
    _, after, told = obeyed(refused, exchange)
    assert "A telephone of Anna Berg, softphone, is connected" in words(told[0], after)
    assert not is_moot(told[0], after, DAY)
    assert under(BEFORE.plan, after).without_sound == {}
    assert obeyed(NoteSound("101-old", agreed=False, by=BY_ITSELF), exchange)[0] == ()
    assert obeyed(NoteSound("operator", agreed=False, by=BY_ITSELF), exchange)[0] == ()


def test_nobody_but_the_exchange_and_operators_say_so() -> None:
    for by in ("102", ""):
        assert isinstance(handle(NoteSound("101", False, by), BEFORE, DAY), Refusal)
        assert isinstance(handle(NoteCertificate(DAY, by), BEFORE, DAY), Refusal)


def test_the_end_of_a_certificate_is_told_some_weeks_before_and_again_nearer_to_it() -> None:
    exchange, told_at = BEFORE, []
    moment = UNTIL - timedelta(days=40)
    while moment < UNTIL + timedelta(days=3):
        events, exchange, told = obeyed(NoteCertificate(UNTIL, BY_ITSELF), exchange, moment)
        assert bool(events) == bool(told)
        if told:
            assert {(one.to, one.channel) for one in told} == {
                ("", Channel.LIST),
                ("111", Channel.MESSAGE),
            }
            told_at.append(moment)
        moment += timedelta(hours=1)
    assert [UNTIL - one for one in told_at] == list(TOLD_BEFORE)


@pytest.mark.parametrize(
    ("left", "said"),
    [(timedelta(days=6), "certificate ends"), (-timedelta(days=1), "certificate ended")],
)
def test_what_is_said_of_it_is_over_when_it_was_renewed(left: timedelta, said: str) -> None:
    _, after, told = obeyed(NoteCertificate(DAY + left, BY_ITSELF), BEFORE)
    assert said in words(told[0], after)
    assert not is_moot(told[0], after, DAY)
    events, renewed, nothing = obeyed(NoteCertificate(UNTIL, BY_ITSELF), after)
    assert len(events) == 1
    assert nothing == []
    assert is_moot(told[0], renewed, DAY)
    late = NoteCertificate(DAY + timedelta(days=2), BY_ITSELF)
    assert CertificateEnds(late.until, DAY) in obeyed(late, after)[0]
