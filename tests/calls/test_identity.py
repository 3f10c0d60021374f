"""Who calls, and who is said to call: numbers in every form, withheld ones, and ours."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from calls.carriers import Carrier, Incoming, Says
from calls.conftest import TUESDAY, command, idle, mirrored, opened, sample_town
from calls.recorded import RECORDED_WITHIN_S, journeys
from calls.test_faults import decided_again
from ports import free_port

from pbx_bridge.cli.options import exchange_of
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.core.returning import AT_ONCE_S
from pbx_bridge.core.state import Return
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers
from pbx_bridge.softphone.incoming import Ringing
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.stage import Stage
from pbx_bridge.wire import sip

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

RINGS = (Says(180),)
ANSWERS = (Says(180), Says(200, 0.1))
OWN, TOWN = "+35818000107", "+35818000100"
MOBILE = "+358457000105"
NUMBER = "+358457111445"


@dataclass(frozen=True)
class Town:
    """An exchange with one operator, who wants numbers as E.164 has them."""

    stage: Stage
    port: int

    def carrier(self, *says: Says) -> Carrier:
        return Carrier(says, port=self.port)

    def calls(self, carrier: Carrier, called: str, caller: str, *headers: str) -> Incoming:
        return Incoming.begin(carrier, self.stage.up.running.sip, called, caller, *headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("identity")
    sample = sample_town(folder / "town")
    port = free_port()
    trunks = sample / "dialplan/trunks.yaml"
    _, _, rest = trunks.read_text().partition("\ndialling:")
    written = f"""
trunks:
  operator:
    host: 127.0.0.1:{port}
    numbers: e164
    keys: info
    caller_id: 018 000 100
"""
    trunks.write_text(f"{written}\ndialling:{rest}")
    async with opened(sample, folder / "s", TUESDAY) as stage:
        yield Town(stage, port)


def identity(invite: sip.Message) -> tuple[str, str, str]:
    """The number in From and in P-Asserted-Identity, and the name in From."""
    shown = sip.party(invite.headers["from"])
    return shown.number, sip.party(invite.headers["p-asserted-identity"]).number, shown.name


@pytest.mark.parametrize(
    ("phone", "dialled", "number"),
    [
        ("107", "0457111777", OWN),
        ("107", "112", OWN),
        ("107", "#31#112", OWN),
        ("120", "0457111777", TOWN),
        ("120", "112", TOWN),
    ],
)
async def test_a_call_out_shows_the_direct_number_or_the_municipalitys_and_no_name(
    town: Town, phone: str, dialled: str, number: str
) -> None:
    async with town.carrier(*ANSWERS) as carrier:
        made = await town.stage.call(dialled, phone=phone, hold_s=0.3)
        await idle(town.stage)
    assert made.result.status == 200
    (invite,) = carrier.invited
    assert identity(invite) == (number, number, "")
    told = "\n".join(invite.headers.values())
    assert not any(one in told for one in ("Gun", "Lindroos", "stationen", f"sip:{phone}@"))
    assert "diversion" not in invite.headers
    assert "telephone-event" not in invite.body, "its keys come by INFO (keys: info)"


async def test_a_number_is_withheld_for_one_call_also_without_a_bridge(town: Town) -> None:
    async with town.carrier(*ANSWERS) as carrier:
        await town.stage.call("#31#0457111777", phone="107", hold_s=0.3)
        made = await town.stage.call("*31#116117", phone="107", hold_s=0.3)
        town.stage.up.bridge.signal(signal.SIGSTOP)
        try:
            await town.stage.call("#31#0457111777", phone="107", hold_s=0.3)
            await town.stage.call("0457111777", phone="107", hold_s=0.3)
        finally:
            town.stage.up.bridge.signal(signal.SIGCONT)
        await decided_again(town.stage)
        await idle(town.stage)
    hidden, shown, hidden_too, usual = carrier.invited
    for one in (hidden, hidden_too):
        assert identity(one) == ("anonymous", OWN, "Anonymous")
        assert one.headers["privacy"] == "id"
    for one in (shown, usual):
        assert identity(one) == (OWN, OWN, "")
        assert "privacy" not in one.headers
    assert carrier.called == ["+358457111777", "116117", "+358457111777", "+358457111777"]
    assert (made.journey.dialled, made.journey.outcome) == ("116117", Outcome.OUTGOING)


async def test_a_mobile_is_shown_the_caller_and_on_whose_behalf(town: Town) -> None:
    withheld = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    async with town.carrier(*RINGS) as carrier:
        for count, caller in enumerate((f"<sip:{NUMBER}@operator.example>", withheld), 1):
            call = town.calls(carrier, "018000105", caller)
            await carrier.is_called(count)
            await call.gives_up()
            await idle(town.stage)
        await town.stage.call("105", phone="107", hold_s=1.0)
        await idle(town.stage)
    outside, hidden, colleague = carrier.invited
    assert carrier.called == [MOBILE] * 3
    ours = "+35818000105"
    assert identity(outside) == (NUMBER, ours, "")
    assert identity(hidden) == ("anonymous", ours, "Anonymous")
    assert identity(colleague) == (OWN, ours, "")
    assert (hidden.headers["privacy"], "privacy" in outside.headers) == ("id", False)
    assert {sip.party(one.headers["diversion"]).number for one in carrier.invited} == {ours}


async def test_a_mobile_that_sends_its_calls_back_is_called_once(town: Town) -> None:
    """The operator makes a new call to us of each one to the mobile, with and without Diversion."""
    for diversion in ((f"Diversion: <sip:{MOBILE}@operator.example>;reason=unconditional",), ()):
        async with town.carrier(*RINGS) as carrier:
            call = town.calls(carrier, "018000105", f"<sip:{NUMBER}@operator.example>")
            await call.hears(180)
            back = town.calls(carrier, "018000105", f"<sip:{NUMBER}@operator.example>", *diversion)
            if diversion:  # and no other phone of its owner rings for it
                await back.is_refused(486)
            made = await town.stage.call("105", phone="107", hold_s=6.0)
            assert carrier.called == [MOBILE]
            assert "Elin Strand" in made.heard
            if not diversion:
                await back.gives_up()
            await call.gives_up()
            await idle(town.stage)


async def missed(call: Incoming, phone: Phone) -> None:
    """Let the phone ring for so long that it counts, and give up."""
    await call.hears(180)
    await phone.rang()
    await asyncio.sleep(AT_ONCE_S + 0.1)
    await call.gives_up()
    await phone.ended()


async def entry_for(stage: Stage, person: str, calls: int) -> Return:
    """The only caller whom somebody has to reach, once they have called so often."""
    found: list[Return] = []
    for _ in range(int(RECORDED_WITHIN_S / 0.1)):
        every = await asyncio.to_thread(exchange_of, stage.up.site)
        found = [one for one in every.returns.values() if one.target == person]
        if [len(one.calls) for one in found] == [calls]:
            return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"{calls} calls of one caller are expected, there are {found}")


async def calls_to(stage: Stage, number: str, count: int) -> list[Journey]:
    """The calls to a number, once so many are kept."""
    async with asyncio.timeout(RECORDED_WITHIN_S):
        while True:
            every = await asyncio.to_thread(journeys, stage)
            if len(found := [one for one in every if one.dialled == number]) == count:
                return found
            await asyncio.sleep(0.1)


WITHHELD = {
    "anonymous": ('"Anonymous" <sip:anonymous@anonymous.invalid>',),
    "restricted": ("<sip:Restricted@operator.example>",),
    "unavailable": ("<sip:unavailable@operator.example>",),
    "no user": ("<sip:operator.example>",),
    "privacy": (f'"Ragnhild" <sip:{NUMBER}@operator.example>', "Privacy: id"),
    "asserted": (
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        f"P-Asserted-Identity: <sip:{NUMBER}@operator.example>",
        "Privacy: user;id;critical",
    ),
}


async def test_who_withholds_their_number_is_nobody_else_and_nowhere(town: Town) -> None:
    """One missed call and one answered in each way; a number is known in all its forms."""
    stage, rings = town.stage, list[Ringing]()
    async with town.carrier() as carrier:
        async with stage.phone("106", NeverAnswers()) as phone:
            for caller, *headers in WITHHELD.values():
                call = town.calls(carrier, "018000106", caller, *headers)
                await missed(call, phone)
            for number in (
                "358457111333",
                "0457-111-333;npdi;rn=+35840",
                "%2B358%20(0)45%207111333",
            ):
                call = town.calls(carrier, "018000106", f"<sip:{number}@operator.example>")
                await missed(call, phone)
            rings += phone.rings
        assert (await entry_for(stage, "106", 3)).number == "0457111333"
        async with stage.phone("106", Answers(after_s=0.1)) as phone:
            for caller, *headers in WITHHELD.values():
                call = town.calls(carrier, "018000106", caller, *headers)
                await call.talks()
            await idle(stage)
            rings += phone.rings
        found = await calls_to(stage, "018000106", 2 * len(WITHHELD) + 3)
    entry = await entry_for(stage, "106", 3)
    assert [one.caller for one in found].count("") == 2 * len(WITHHELD)
    assert [one.number for one in rings].count("anonymous") == 2 * len(WITHHELD)
    told = "".join(value for one in rings for value in one.headers.values())
    assert "457111445" not in told
    assert "Ragnhild" not in told
    await command(stage, "RecordContact", target="106", number=entry.number)


@pytest.mark.parametrize(
    "called",
    [
        *("35818000106", "18000106", "+35818000106;npdi;rn=+35840000", "018000106;isub=1"),
        *("018000106;phone-context=+358", "018-000%20106"),
    ],
)
async def test_a_number_of_ours_is_found_as_operators_send_it(town: Town, called: str) -> None:
    async with town.carrier() as carrier, town.stage.phone("106", NeverAnswers()) as phone:
        await missed(town.calls(carrier, called, "<sip:0457111333@operator.example>"), phone)
        await idle(town.stage)
        assert len(phone.rings) == 1


async def test_s22_the_attendant_sees_whom_the_caller_sought_why_and_until_when(
    town: Town,
) -> None:
    stage = town.stage
    until = "2026-11-24T14:30:00+02:00"
    await command(stage, "SetReferral", person="105", reason="lunch", until=until)
    await mirrored(stage)
    async with stage.phone("111", Answers(after_s=0.1, talks_s=0.2)) as phone:
        made = await stage.call("018000105")
        stage.up.bridge.signal(signal.SIGSTOP)
        try:
            alone = await stage.call("018000105")
        finally:
            stage.up.bridge.signal(signal.SIGCONT)
    await decided_again(stage)
    await command(stage, "CancelReferral", person="105")
    assert [one.journey.answered_by for one in (made, alone)] == ["111", "111"]
    decided, by_itself = phone.rings
    assert decided.display_name == "Elin Strand lunch 14.30 · växeln"
    assert by_itself.display_name == "Elin Strand lunch 14.30"
    for one in phone.rings:
        assert one.party("Diversion") == sip.Party("Elin Strand", "105")
