"""Operators that fail, and emergency calls: noted once, and told to the switchboard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from core.cel_tables import read_table
from core.plans import DAY, EXCHANGE, NIGHT, PLAN

from pbx_bridge.core import notices, outside
from pbx_bridge.core.attendance import staffing
from pbx_bridge.core.commands import Command, NoteEmergency, Refusal, ReportOutage, SeeTrunk
from pbx_bridge.core.events import (
    EmergencyCalled,
    Event,
    NoticeDropped,
    NoticeDue,
    TrunkTroubled,
    TrunkWell,
)
from pbx_bridge.core.folding import fold, fresh, under
from pbx_bridge.core.handling import handle
from pbx_bridge.core.latency import fold_call
from pbx_bridge.core.model import Device
from pbx_bridge.core.sentences import Digits, Named, Sentence
from pbx_bridge.core.state import About, Channel, Exchange, Loss, Lost, Notice, Part
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.trunks import Trunk, near, ways

MASTS = Trunk("mast", ("192.0.2.10:5060", "192.0.2.11:5060"), ("198.51.100.0/28",))
CABLE = Trunk("cable", ("203.0.113.5:5060",))
TRUNKS = {"mast": MASTS, "cable": CABLE}


def obeyed(command: Command, exchange: Exchange) -> tuple[Event, ...]:
    found = handle(command, exchange, DAY)
    assert not isinstance(found, Refusal)
    return found


def told(events: tuple[Event, ...], exchange: Exchange, now: object = DAY) -> list[Notice]:
    after = fold(exchange, events)
    found = notices.due(events, exchange, after, now)  # type: ignore[arg-type]  # a moment of the table
    return [one.notice for one in found if isinstance(one, NoticeDue)]


@pytest.mark.parametrize(
    ("kind", "servers"),
    [
        ("geographic", ["192.0.2.10:5060", "192.0.2.11:5060", "203.0.113.5:5060"]),
        ("mobile", ["203.0.113.5:5060"]),
        ("emergency", ["203.0.113.5:5060", "192.0.2.10:5060", "192.0.2.11:5060"]),
    ],
)
def test_all_servers_of_a_trunk_come_before_the_next_and_an_emergency_takes_all(
    kind: str, servers: list[str]
) -> None:
    routes = {"mobile": ("cable",), "emergency": ("cable",)}
    assert [one.host for one in ways(TRUNKS, routes, kind)] == servers


def test_an_emergency_call_takes_who_could_not_prove_who_they_are_behind_all_others() -> None:
    trunks = {**TRUNKS, "mast": replace(TRUNKS["mast"], authority="/ca.pem")}
    routes = {"emergency": ("mast", "cable")}
    tried = [(one.host, one.proven) for one in ways(trunks, routes, "emergency")]
    servers = ["192.0.2.10:5060", "192.0.2.11:5060", "203.0.113.5:5060"]
    assert tried == [
        *((one, True) for one in servers),
        ("192.0.2.10:5060", False),
        ("192.0.2.11:5060", False),
    ]
    assert all(one.proven for one in ways(trunks, routes, "geographic"))


@pytest.mark.parametrize(
    ("sender", "trunk"),
    [
        ("192.0.2.77", "mast"),
        ("198.51.100.200", "mast"),
        ("203.0.113.6", "cable"),
        ("10.0.0.4", None),
        ("192.0.3.10", None),
        ("", None),
    ],
)
def test_who_calls_from_beside_an_operators_servers_may_be_the_operator(
    sender: str, trunk: str | None
) -> None:
    assert near(sender, TRUNKS, "10.0.0.1") == trunk
    assert near("203.0.113.6", TRUNKS, "203.0.113.200") is None, "phones are there"


def test_a_trouble_is_noted_when_it_begins_and_when_it_is_over() -> None:
    begins = SeeTrunk("operator", "unreachable", troubled=True)
    events = obeyed(begins, EXCHANGE)
    assert [type(one) for one in events] == [TrunkTroubled]
    after = fold(EXCHANGE, events)
    assert obeyed(begins, after) == ()
    assert list(outside.troubles_of(after, "operator")) == ["unreachable"]
    over = obeyed(SeeTrunk("operator", "unreachable", troubled=False), after)
    assert [type(one) for one in over] == [TrunkWell]
    assert fold(after, over).trunk_troubles == {}
    assert {(one.about, one.to, one.channel) for one in told(events, EXCHANGE)} == {
        (About.TRUNK, "", Channel.LIST),
        (About.TRUNK, "111", Channel.MESSAGE),
    }
    assert {one.about for one in told(over, after)} == {About.TRUNK_WELL}


def acted(exchange: Exchange, *commands: Command) -> Exchange:
    """After commands that came one by one, with what is told of each."""
    for command in commands:
        events = obeyed(command, exchange)
        after = fold(exchange, events)
        exchange = fold(after, notices.due(events, exchange, after, DAY))
    return exchange


def waiting(exchange: Exchange, about: About) -> list[tuple[str, Channel]]:
    """To whom and how it is to be told."""
    return [(one.to, one.channel) for one in exchange.outbox.values() if one.about is about]


LISTENERS = [("", Channel.LIST), ("111", Channel.MESSAGE)]


def test_an_operator_is_well_again_once_however_much_was_wrong() -> None:
    first, second = (SeeTrunk("operator", one, troubled=True) for one in ("unreachable", "failing"))
    well = [replace(one, troubled=False) for one in (first, second)]
    some = acted(EXCHANGE, first, second, well[0])
    assert waiting(some, About.TRUNK_WELL) == [], "something is wrong still"
    after = acted(some, well[1])
    assert waiting(after, About.TRUNK_WELL) == LISTENERS
    assert waiting(acted(after, first), About.TRUNK_WELL) == [], "not any more"
    again = acted(after, first, well[0], first, well[0])
    assert waiting(again, About.TRUNK_WELL) == LISTENERS


def test_outages_that_nobody_has_heard_of_yet_are_told_as_one_of_each_part() -> None:
    begun = [DAY - timedelta(minutes=one) for one in (30, 20, 10)]
    outages = [ReportOutage(Part.BRIDGE, at, at + timedelta(minutes=5), "it ended") for at in begun]
    other = ReportOutage(Part.ASTERISK, DAY - timedelta(minutes=1), DAY, "it ended")
    after = acted(EXCHANGE, *outages, other)
    assert waiting(after, About.OUTAGE) == LISTENERS * 2
    told = [one.since for one in after.outbox.values() if one.about is About.OUTAGE]
    assert told == [begun[0]] * 2 + [other.since] * 2


def test_nobody_can_say_by_a_code_that_a_trunk_is_well() -> None:
    refused = handle(SeeTrunk("operator", "failing", troubled=True, by="102"), EXCHANGE, DAY)
    assert isinstance(refused, Refusal)


def test_an_emergency_call_is_told_once_with_who_and_where() -> None:
    note = NoteEmergency("17.1", "105", "112", DAY)
    events = obeyed(note, EXCHANGE)
    assert events == (EmergencyCalled("17.1", "105", "112", DAY),)
    after = fold(EXCHANGE, events)
    assert obeyed(note, after) == (), "the record tells of it again"
    found = told(events, EXCHANGE)
    assert {(one.to, one.channel) for one in found} == {
        ("", Channel.LIST),
        ("111", Channel.MESSAGE),
        ("111", Channel.MAIL),
    }
    says = [one for one in spoken(found[0], after) if isinstance(one, Sentence)]
    assert [one.key.removeprefix("notice-emergency") for one in says] == [
        "",
        "-place",
        "-extension",
    ]
    assert says[0].slots["name"] == PLAN.people["105"].name
    unit = PLAN.units[PLAN.people["105"].unit]
    assert says[1].slots["note"] == Named(unit.title)
    assert says[2].slots["number"] == Digits("105")


def test_who_stands_in_at_the_switchboard_is_told_of_an_emergency_call() -> None:
    """Where the attendant's phone is away, the calls ring at the backup's, and so does this."""
    there = EXCHANGE.signed_in[PLAN.switchboard.name]
    lost = {one: Loss(Lost.UNREACHABLE, DAY) for one in there}
    exchange = replace(EXCHANGE, losses=lost)
    joined = staffing(exchange, PLAN.switchboard, DAY).joined
    assert joined
    found = told(obeyed(NoteEmergency("17.1", "105", "112", DAY), exchange), exchange)
    assert {one.to for one in found} >= {"", *joined}


def test_what_was_told_waits_until_it_was_heard_whatever_else_happens() -> None:
    """Of a trunk only while it is so."""
    exchange = EXCHANGE
    for command in (
        NoteEmergency("17.1", "105", "112", DAY),
        SeeTrunk("operator", "unreachable", troubled=True),
        SeeTrunk("operator", "failing", troubled=True),
        SeeTrunk("operator", "failing", troubled=False),
    ):
        events = obeyed(command, exchange)
        after = fold(exchange, events)
        exchange = fold(after, notices.due(events, exchange, after, DAY))
    later = obeyed(NoteEmergency("17.2", "106", "112", DAY), exchange)
    dropped = [
        exchange.outbox[one.id]
        for one in notices.due(later, exchange, fold(exchange, later), DAY)
        if isinstance(one, NoticeDropped)
    ]
    assert dropped == []
    listed = [one for one in exchange.outbox.values() if one.channel is Channel.LIST]
    assert [(one.about, one.cause) for one in listed] == [
        (About.EMERGENCY, ""),
        (About.TRUNK, "unreachable"),
    ]


def test_the_place_of_the_device_is_told_where_it_is_written() -> None:
    two = (Device("desk", "kommunhuset, rum 204"), Device("dect"))
    person = replace(PLAN.people["105"], devices=two)
    plan = replace(PLAN, people={**PLAN.people, "105": person})
    assert outside.place_of("105", plan) == "kommunhuset, rum 204"
    assert outside.place_of("105-dect", plan) == Named(plan.units[person.unit].title)
    assert outside.place_of("999", plan) == ""


def test_at_night_all_who_may_attend_the_switchboard_are_told() -> None:
    alone = replace(EXCHANGE, signed_in={})
    events = obeyed(NoteEmergency("17.1", "105", "112", NIGHT), alone)
    messages = {one.to for one in told(events, alone, NIGHT) if one.channel is Channel.MESSAGE}
    assert messages == set(PLAN.switchboard.members) - {"105"}


def test_an_emergency_call_of_a_time_without_a_bridge_is_read_in_the_record() -> None:
    table = """
    0.0  CHAN_START  PJSIP/trunk-00000001
    0.1  MARK        PJSIP/trunk-00000001  dial|emergency|112
    5.0  HANGUP      PJSIP/trunk-00000001  16
    """
    events = [
        one._replace(channel=one.channel.replace("trunk", "105-dect"))
        for one in read_table(table, context="from-phone", exten="0112")
    ]
    journey = fold_call(events[0].linkedid, events)
    assert journey is not None
    found = outside.noted(journey)
    assert found is not None
    assert (found.call, found.endpoint, found.number) == (journey.linkedid, "105-dect", "112")
    assert outside.noted(replace(journey, origin="from-trunk")) is None
    assert outside.noted(replace(journey, steps=())) is None


def test_a_new_exchange_knows_of_no_trouble() -> None:
    assert fresh(PLAN).trunk_troubles == {}


@pytest.mark.parametrize("about", [About.TRUNK, About.TRUNK_WELL, About.OUTAGE])
def test_what_is_told_of_an_operator_or_a_part_outlives_a_start(about: About) -> None:
    """What it tells of is neither a person nor a line; it was dropped with the next plan."""
    of = Part.ASTERISK if about is About.OUTAGE else next(iter(PLAN.trunks))
    notice = Notice("n", Channel.LIST, about, "", of, DAY, since=DAY)
    told = fold(fresh(PLAN), [NoticeDue(notice)])
    assert under(PLAN, told).outbox == {"n": notice}
    gone = fold(fresh(PLAN), [NoticeDue(replace(notice, person="an operator that has left"))])
    assert under(PLAN, gone).outbox == {}
