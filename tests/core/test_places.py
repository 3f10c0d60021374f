"""A call whose caller keeps their place in a queue, and the one that holds it: one journey."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from core.cel_tables import LINKEDID, START, read_table, recorded
from core.plans import DAY, EXCHANGE, PLAN

from pbx_bridge.core import returning
from pbx_bridge.core.events import CallTaken, ReturnClosed, ReturnDue
from pbx_bridge.core.handling import handle
from pbx_bridge.core.latency import Journey, Outcome, fold
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.report import summarise
from pbx_bridge.core.state import Opened, Return

NUMBER, PLACE = "0402222222", "1795422615.4"
KEEPS = """
0.000000  CHAN_START  PJSIP/trunk-00000001
0.010000  MARK        PJSIP/trunk-00000001  queue|line-open|vaxel
0.020000  ANSWER      PJSIP/trunk-00000001
8.020000  MARK        PJSIP/trunk-00000001  ask|wait-told|x||TIMEOUT
15.70000  MARK        PJSIP/trunk-00000001  hold|place-kept|vaxel
"""
HEARS_SO = """
15.80000  MARK        PJSIP/trunk-00000001  say|place-kept|p&q|when|SUCCESS
21.40000  HANGUP      PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""
HELD = f"""
15.71000  CHAN_START  Local/place@pbx-bridge-held-00000000;1
15.71500  MARK        Local/place@pbx-bridge-held-00000000;1  held|place-kept|{LINKEDID}
"""
TURN = """
30.00000  CHAN_START    PJSIP/111-00000005
31.00000  ANSWER        PJSIP/111-00000005
42.00000  MARK          PJSIP/111-00000005       back|place-kept|
42.01000  CHAN_START    PJSIP/operator-00000006
"""
ANSWERS = """
44.90000  ANSWER        PJSIP/operator-00000006
44.91000  BRIDGE_ENTER  PJSIP/operator-00000006  b1
44.91100  BRIDGE_ENTER  PJSIP/111-00000005       b1
46.91100  BRIDGE_EXIT   PJSIP/111-00000005       b1
46.91110  HANGUP        PJSIP/operator-00000006  16 PJSIP/operator-00000006
"""
LETS_GO = """
46.91180  BRIDGE_ENTER  PJSIP/111-00000005       b2
46.91181  BRIDGE_ENTER  Local/place@pbx-bridge-held-00000000;1  b2
46.91300  HANGUP        Local/place@pbx-bridge-held-00000000;1  16
46.91400  HANGUP        PJSIP/111-00000005       16
"""
ANOTHER_SERVER = """
44.01000  CHAN_START    PJSIP/operator-00000007
44.80000  ANSWER        PJSIP/operator-00000007
44.90000  HANGUP        PJSIP/operator-00000006  26
44.91000  BRIDGE_ENTER  PJSIP/operator-00000007  b1
44.91100  BRIDGE_ENTER  PJSIP/111-00000005       b1
46.91100  BRIDGE_EXIT   PJSIP/111-00000005       b1
46.91110  HANGUP        PJSIP/operator-00000007  16 PJSIP/operator-00000007
"""
NOBODY_CAME = """
3615.710  HANGUP        Local/place@pbx-bridge-held-00000000;1  16
"""
DECLINES = """
44.00000  HANGUP        PJSIP/operator-00000006  21 PJSIP/operator-00000006
"""


def read(tables: str, **fields: str) -> list[CelEvent]:
    """Tables one after the other."""
    return read_table("\n".join(filter(None, tables.splitlines())), **fields)


def keeps(rest: str = HEARS_SO) -> list[CelEvent]:
    """The caller's own call."""
    return read(KEEPS + rest, exten="018000100", caller=NUMBER)


def place(table: str) -> list[CelEvent]:
    """The exchange's call that holds the place."""
    return [
        one._replace(
            linkedid=PLACE,
            uniqueid=PLACE if one.channel.startswith("Local/") else f"of {one.channel}",
            context="pbx-bridge-held",
            exten="place",
            caller=NUMBER,
        )
        for one in read(table)
    ]


def whole(table: str, starts: tuple[float, ...] = ()) -> Journey:
    """The one journey of both calls."""
    events = [*keeps(), *place(table)]
    (found,) = fold(events, [START + timedelta(seconds=one) for one in starts])
    return found


@pytest.mark.parametrize("answers", [ANSWERS, ANOTHER_SERVER])
def test_s21_who_is_called_back_has_waited_since_their_first_ring(answers: str) -> None:
    """Also where one server of the operator was silent and another one reached them."""
    call = whole(HELD + TURN + answers + LETS_GO)
    assert (call.linkedid, call.outcome, call.answered_by) == (LINKEDID, Outcome.ANSWERED, "111")
    assert call.wait_s == pytest.approx(44.911)
    (talk,) = call.talks  # what comes after it is nobody's voice
    assert (talk.by, talk.since) == ("111", call.answered_at)
    assert talk.until == START + timedelta(seconds=46.911)
    assert call.ended_at == START + timedelta(seconds=46.9111)
    assert call.ended_by_caller
    assert (call.caller, call.dialled, call.origin) == (NUMBER, "018000100", "from-trunk")
    report = summarise([call])
    assert (report.offered, report.answered, report.within, report.told) == (1, 1, 0, 0)
    assert report.service_level == 0.0


def test_s16_an_answered_place_opens_no_return_and_closes_those_there_are() -> None:
    (first,) = fold(keeps())
    assert (first.outcome, first.counted) == (Outcome.HELD, False)
    assert returning.noted(first, PLAN) is None
    assert summarise([first]).offered == 0
    command = returning.noted(whole(HELD + TURN + ANSWERS), PLAN)
    assert command is not None
    assert (command.number, command.sought, command.reached) == (NUMBER, "vaxel", "111")
    waits = Return("vaxel", NUMBER, DAY, DAY, DAY, ("0.1",), (Opened.MISSED,), "")
    exchange = replace(EXCHANGE, returns={("vaxel", NUMBER): waits})
    now = DAY + timedelta(days=400)
    found = handle(command, exchange, now)
    assert isinstance(found, tuple)
    assert {type(one) for one in found} >= {CallTaken, ReturnClosed}
    assert ReturnDue not in {type(one) for one in found}


@pytest.mark.parametrize("table", [HELD + TURN + DECLINES + LETS_GO, HELD + NOBODY_CAME])
def test_s16_a_place_that_was_held_in_vain_is_a_wait_in_vain(table: str) -> None:
    """The caller doesn't take the call, or it is never their turn."""
    call = whole(table)
    assert (call.outcome, call.talks, call.answered_at) == (Outcome.ABANDONED, (), None)
    assert call.ended_at is not None
    assert call.ended_at > START + timedelta(seconds=44)
    assert (call.told_when, call.untold, call.ended_by_caller) == (True, "", False)
    command = returning.noted(call, PLAN)
    assert command is not None
    assert (command.number, command.sought, command.reached) == (NUMBER, "vaxel", "")
    assert summarise([call]).service_level_of_answered is None
    assert summarise([call]).abandoned == 1


def test_f07_a_place_that_dies_with_asterisk_is_lost_and_a_talk_that_does_was_answered() -> None:
    lost = whole(HELD, starts=(60,))
    assert (lost.outcome, lost.cut) == (Outcome.LOST, True)
    talking = whole(HELD + TURN + ANSWERS.partition("46.9")[0], starts=(60,))
    assert (talking.outcome, talking.cut) == (Outcome.ANSWERED, True)


@pytest.mark.parametrize(
    ("rest", "outcome"),
    [
        (HEARS_SO, Outcome.HELD),
        ("15.9 HANGUP PJSIP/trunk-00000001 16 PJSIP/trunk-00000001", Outcome.HELD),
        (HEARS_SO.replace("SUCCESS", "FAILURE"), Outcome.TOLD),
        (HEARS_SO.replace("|when|SUCCESS", "||FAILURE"), Outcome.ABANDONED),
    ],
    ids=["held", "gone at once", "told when instead", "neither"],
)
def test_a_call_is_held_where_its_place_is(rest: str, outcome: Outcome) -> None:
    (call,) = fold(keeps(rest))
    assert call.outcome is outcome


def test_a_place_that_is_still_held_or_whose_call_isn_t_known_stays_by_itself() -> None:
    first, held = fold([*keeps(), *place(HELD)])
    assert (first.outcome, held.outcome) == (Outcome.HELD, Outcome.ANNOUNCEMENT)
    (alone,) = fold(place(HELD + TURN + ANSWERS))
    assert (alone.outcome, alone.counted) == (Outcome.ANNOUNCEMENT, False)
    assert alone.talks[0].by == "111"


def test_two_places_that_one_caller_keeps_are_two_journeys() -> None:
    one = [*keeps(), *place(HELD + TURN + ANSWERS + LETS_GO)]
    other = [
        event._replace(
            time=event.time + timedelta(minutes=5),
            **{key: f"2{getattr(event, key)}" for key in ("linkedid", "uniqueid", "channel")},
            extra=event.extra.replace(LINKEDID, f"2{LINKEDID}"),
        )
        for event in [*keeps(), *place(HELD + TURN + DECLINES + LETS_GO)]
    ]
    # Channels keep their kind.
    other = [event._replace(channel=event.channel.removeprefix("2")) for event in other]
    assert [call.outcome for call in fold([*one, *other])] == [
        Outcome.ANSWERED,
        Outcome.ABANDONED,
    ]


def test_a_real_place_that_was_kept_and_answered() -> None:
    """Its caller came third, and hears the attendant 49.9 s after their first ring."""
    *_, call = fold(recorded("cel_place_kept.csv"))
    assert (call.outcome, call.caller, call.answered_by) == (Outcome.ANSWERED, NUMBER, "111")
    assert call.wait_s == pytest.approx(49.896, abs=0.001)
    (talk,) = call.talks
    assert talk.until is not None
    assert (talk.until - talk.since).total_seconds() == pytest.approx(2.003, abs=0.001)
    assert call.ended_by_caller


def test_a_real_place_that_was_kept_in_vain() -> None:
    """Their phone declines. The attendant meets the exchange's own channel for a moment."""
    _, call = fold(recorded("cel_place_in_vain.csv"))
    assert (call.outcome, call.caller, call.talks) == (Outcome.ABANDONED, NUMBER, ())
    assert [(leg.endpoint, leg.answered is not None) for leg in call.legs] == [
        ("111", True),
        ("operator", False),
    ]
