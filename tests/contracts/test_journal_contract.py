"""What every journal does, the real one and the fake."""

from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from core.plans import DAY, EXCHANGE, PLAN, at
from fakes.journal import FakeJournal

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.journal import SqliteJournal
from pbx_bridge.core.changes import summary
from pbx_bridge.core.events import (
    BridgeStarted,
    CallBackAsked,
    CalledOut,
    CallTaken,
    CapPassed,
    CertificateEnds,
    CertificateRenewed,
    CommandRefused,
    CoverAnswered,
    CoverAsked,
    DataErased,
    DataRead,
    DayHours,
    Decided,
    EmergencyCalled,
    Event,
    FloodBegan,
    FloodEnded,
    ForwardAnswered,
    ForwardOffered,
    ForwardWithdrawn,
    HistoryLost,
    LineShort,
    LineStaffed,
    LinkLost,
    LossAccepted,
    LossTold,
    MessageLeft,
    MessageSorted,
    NoticeDelivered,
    NoticeDropped,
    NoticeDue,
    NoticeUndeliverable,
    PartGone,
    PermitGranted,
    PermitsRevoked,
    PhoneBlocked,
    PhoneFound,
    PhoneHoursBroken,
    PhoneHoursResumed,
    PhoneLost,
    PhoneUnblocked,
    PinProved,
    PinRefused,
    PlanChanged,
    PlanInForce,
    RecordGap,
    ReferralCancelled,
    ReferralSet,
    RequestsRefused,
    ReturnClosed,
    ReturnDue,
    ReturnKept,
    ReturnReminded,
    ShieldLifted,
    SignedIn,
    SignedOut,
    SoundAgreed,
    SoundRefused,
    TrunkTroubled,
    TrunkWell,
)
from pbx_bridge.core.folding import fold
from pbx_bridge.core.state import (
    About,
    Channel,
    Closed,
    Consent,
    Exchange,
    Lost,
    Notice,
    Opened,
    Part,
    Referral,
    Sighting,
    Stage,
)
from pbx_bridge.ports import Journal

ZONE = ZoneInfo("Europe/Mariehamn")
NOON = datetime(2026, 10, 25, 12, tzinfo=ZONE)
# The hour that comes twice: the second half past three, in winter time.
TWICE = datetime(2026, 10, 25, 3, 30, tzinfo=ZONE, fold=1)
EVERY_KIND: list[Event] = [
    ReferralSet("101", "lunch", NOON, TWICE, "tandläkare “öå” 🙂", "101"),
    ReferralCancelled("101", NOON, "100"),
    ForwardOffered("101", "102", NOON, NOON, NOON, "101"),
    ForwardAnswered("101", "102", NOON, Consent.ACCEPTED, "102"),
    ForwardWithdrawn("101", "102", NOON, "101"),
    NoticeDue(
        Notice(
            "absence-101",
            Channel.MAIL,
            About.UNPLANNED,
            "103",
            "101",
            NOON,
            "sjuk",
            NOON,
            NOON,
            "tandläkare “öå” 🙂",
            "1795422600.1",
            "102",
        )
    ),
    NoticeDelivered("absence-101", "111"),
    NoticeUndeliverable("absence-101", "550 no such user"),
    NoticeDropped("absence-101"),
    PinProved("101", "0457000101", NOON, own=True),
    PinRefused("101", "0457000101", NOON),
    ShieldLifted("101", "111"),
    MessageLeft("101", "1795518740-00000001", "", 12, NOON, "PJSIP/operator-00000001"),
    CallBackAsked("1795422600.1", "101", "0457000199", NOON),
    SignedIn("växeln", "101", "101"),
    SignedOut("växeln", "101", "100"),
    CommandRefused("SignOut", "101", "S18", "last-attendant", "101"),
    Decided("1795422600.1", "018000101", "ring", "person-rings"),
    LinkLost("ari", NOON),
    BridgeStarted("4f5e", "0.1.0"),
    HistoryLost(5, 9, "missing", NOON, "ab"),
    LossTold(NOON),
    PlanChanged(
        *("4f5e", {"dialplan/people.yaml": "ab12"}, ("dialplan/people.yaml (anna)",)),
        *(("people: +114",), "technician:anna", NOON),
    ),
    LossAccepted("technician:anna", "disken gick sönder", NOON),
    PhoneHoursBroken("bygglov", NOON, NOON, "ett brådskande ärende", "101"),
    PhoneHoursBroken(*("bygglov", NOON, NOON, "en olycka", "101"), DayHours(((NOON, NOON),), NOON)),
    PhoneHoursResumed("bygglov", NOON, "101"),
    PhoneLost("111", Lost.NO_ANSWER, NOON),
    PhoneFound("111", NOON),
    PhoneBlocked(
        *("105", "", "111", NOON, "på färjan öå 🙂"),
        (Sighting("105", "192.0.2.7:5060", "Yealink SIP-T46S", NOON, registered=True),),
    ),
    PhoneUnblocked("105", "mobile", "technician:anna", NOON),
    LineShort("vaxel", "no-answer", ("111", "113"), ("104",), NOON),
    LineStaffed("vaxel", NOON),
    CoverAsked("vaxel", "111", "113", NOON, NOON, NOON, "111"),
    CoverAsked(
        *("bygglov", "101", "102", NOON, NOON, NOON, "101"),
        Referral("101", "lunch", NOON, NOON, "öå 🙂", "1795422600.1", "103"),
        signs_out=True,
    ),
    CoverAnswered("vaxel", "111", "113", NOON, Consent.LAPSED, "exchange"),
    PlanInForce(summary(PLAN), NOON),
    RequestsRefused(NOON, NOON, (("malformed", 2), ("wrong-password", 130)), 120),
    FloodBegan(NOON),
    FloodEnded(NOON),
    SoundRefused("101-softphone", NOON),
    SoundAgreed("101-softphone", NOON),
    CertificateEnds(NOON, NOON),
    CertificateRenewed(NOON, NOON),
    EmergencyCalled("1795422600.1", "101-dect", "112", NOON),
    TrunkTroubled("operator", "unreachable", NOON),
    TrunkWell("operator", "unreachable", NOON),
    CallTaken("1795422600.1", "101", "0401234567", NOON),
    PermitGranted("101", ("SE", "premium"), NOON, NOON, "kanslichefen", "technician:eva"),
    CalledOut("1795422600.9", "101", "0046812345678", NOON, 61.5),
    CapPassed("101", reached=True, at=NOON, until=NOON),
    PermitsRevoked("101", NOON, "111"),
    ReturnDue("101", "0401234567", "1795422600.2", Opened.MISSED, NOON, NOON),
    ReturnReminded("101", "0401234567", Stage.UNIT, NOON),
    RecordGap(NOON, NOON, 3),
    PartGone(Part.ASTERISK, NOON, NOON, "Asterisk is gone: ended by SIGKILL"),
    MessageLeft("101", "1795422600-00000001", "0401234567", 12, NOON, "PJSIP/operator-1"),
    MessageSorted("101", "1795422600-00000001", True, "101"),
    DataErased("calls", NOON, 3),
    DataRead("calls 2026-11-24", "revisor", "öå 🙂", NOON),
    ReturnKept("101", NOON, NOON, NOON, Closed.CALLED, promised=True),
    ReturnClosed("101", "0401234567", NOON, Closed.CONTACT, "102", "", "öå 🙂"),
]
WATCH: list[Event] = [
    PhoneLost("111", Lost.UNREACHABLE, DAY),
    LineShort("vaxel", "unreachable", ("111",), ("104",), DAY),
    CoverAsked(
        *("bygglov", "101", "102", DAY, at("2026-03-03 11:00"), DAY, "101"),
        Referral("101", "lunch", DAY, at("2026-03-03 11:00"), by="101"),
    ),
    CoverAnswered("bygglov", "101", "102", DAY, Consent.ACCEPTED, "102"),
    ReferralSet("101", "lunch", DAY, at("2026-03-03 11:00"), "", "101", at=DAY),
    PlanInForce(summary(PLAN), DAY),
]
"""A morning on which a phone is lost and a colleague covers."""


@pytest.fixture(params=["sqlite", "fake"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    if request.param == "fake":
        yield FakeJournal()
        return
    database = Database(tmp_path / "journal.sqlite")
    yield SqliteJournal(database)
    database.close()


async def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert list(journal.entries()) == []


async def test_every_kind_of_event_comes_back_as_it_was(journal: Journal) -> None:
    await journal.append(NOON, EVERY_KIND)
    entries = list(journal.entries())
    assert [entry.seq for entry in entries] == list(range(1, len(EVERY_KIND) + 1))
    assert {entry.at for entry in entries} == {NOON.astimezone(UTC)}
    # Instants are compared in UTC: Python holds a repeated hour unequal to any other zone's.
    kept = entries[0].event
    assert isinstance(kept, ReferralSet)
    assert kept.until.astimezone(UTC) == TWICE.astimezone(UTC)
    assert [entry.event for entry in entries[1:]] == EVERY_KIND[1:]


def test_no_kind_is_left_out() -> None:
    assert {type(one) for one in EVERY_KIND} == set(get_args(Event))
    filled = {
        (type(one), field.name)
        for one in EVERY_KIND
        for field in fields(one)
        if getattr(one, field.name)
    }
    assert {(CoverAsked, "absence"), (CoverAsked, "signs_out"), (LineShort, "missing")} <= filled


def folded(events: list[Event]) -> list[Exchange]:
    """The states after each event."""
    return [fold(EXCHANGE, events[: count + 1]) for count in range(len(events))]


async def test_f04_what_was_read_again_folds_into_the_same_states(journal: Journal) -> None:
    await journal.append(DAY, WATCH)
    states = folded([entry.event for entry in journal.entries()])
    assert states == folded(WATCH)
    assert len({repr(one) for one in states}) == len(WATCH), "each of them changes something"
    *_, last = states
    assert (set(last.losses), set(last.shortages)) == ({"111"}, {"vaxel"})
    assert [one.consent for one in last.covers["bygglov"]] == [Consent.ACCEPTED]


async def test_notes_and_appends_keep_the_order_in_which_they_were_made(journal: Journal) -> None:
    steps = [Decided("1.1", "018000100", "say", str(number)) for number in range(9)]
    for first in range(0, 9, 3):
        journal.note(NOON, steps[first : first + 2])
        await journal.append(NOON, steps[first + 2 : first + 3])
    assert [entry.event for entry in journal.entries()] == steps


async def test_an_append_makes_earlier_notes_durable_too(journal: Journal) -> None:
    journal.note(NOON, [BridgeStarted("4f5e", "0.1.0")])
    await journal.append(NOON, [])
    assert len(list(journal.entries())) == 1


async def test_a_moment_without_a_zone_is_refused(journal: Journal) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        await journal.append(naive, [BridgeStarted("4f5e", "0.1.0")])
    with pytest.raises(ValueError, match="no time zone"):
        journal.note(naive, [BridgeStarted("4f5e", "0.1.0")])
    await journal.append(NOON + timedelta(seconds=1), [BridgeStarted("4f5e", "0.1.0")])
    assert len(list(journal.entries())) == 1


async def test_kinds_that_a_reader_does_without_are_left_out(journal: Journal) -> None:
    await journal.append(NOON, EVERY_KIND)
    found = [one.event for one in journal.entries(without=(type(EVERY_KIND[0]),))]
    assert found == [one for one in EVERY_KIND if type(one) is not type(EVERY_KIND[0])]
    assert len(list(journal.entries(without=()))) == len(EVERY_KIND)


async def test_entries_are_chosen_by_kind_by_moment_and_by_row(journal: Journal) -> None:
    for minute in range(3):
        steps: list[Event] = [Decided("1.1", "018000100", "say", str(minute))]
        steps.append(BridgeStarted("4f5e", "0.1.0"))
        await journal.append(NOON + timedelta(minutes=minute), steps)
    found = await journal.select((Decided,))
    assert [one.seq for one in found] == [1, 3, 5]
    assert await journal.select((Decided,), NOON + timedelta(minutes=2)) == found[:2]
    assert await journal.select((Decided,), after=1) == found[1:]
    assert await journal.select((Decided,), NOON + timedelta(minutes=2), after=1) == found[1:2]
    assert await journal.select((Decided,), after=5) == []
