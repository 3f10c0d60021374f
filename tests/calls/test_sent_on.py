"""A phone sends its caller on to a number outside (REFER): what it is told, and who calls there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from calls.carriers import Carrier, Says
from calls.conftest import TUESDAY, idle, opened, sample_town
from calls.desk import Desk, desk
from calls.test_identity import OWN, identity
from calls.test_record import happened
from ports import free_port

from pbx_bridge.softphone.caller import Caller
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

CALLER = "+358457111445"
OUTSIDE, CALLED, PREMIUM = "0457111777", "+358457111777", "0600123456"
PAUSE_S = 0.5
"""Far more than a packet of sound takes (20 ms)."""
BUSY = (Says(100), Says(486, PAUSE_S))
UNKNOWN = (Says(100), Says(404, PAUSE_S))
REFUSES = (Says(100), Says(503, PAUSE_S))
ANSWERS = (Says(100), Says(180, PAUSE_S), Says(200, PAUSE_S))


@dataclass(frozen=True)
class House:
    """An exchange with one operator."""

    stage: Stage
    port: int

    def carrier(self, *says: Says) -> Carrier:
        return Carrier(says, port=self.port)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("sent-on")
    sample = sample_town(folder / "town")
    port = free_port()
    trunks = sample / "dialplan/trunks.yaml"
    _, _, rest = trunks.read_text().partition("\ndialling:")
    written = "trunks:\n  operator:\n    numbers: e164\n    caller_id: 018 000 100\n"
    written += f"    host: 127.0.0.1:{port}\n"
    trunks.write_text(f"{written}\ndialling:{rest}")
    async with opened(sample, folder / "s", TUESDAY) as stage:
        yield House(stage, port)


@asynccontextmanager
async def sent_on(
    house: House, number: str, by: str = "107", dialled: str = "018000107"
) -> AsyncIterator[tuple[Desk, Caller]]:
    """A caller from outside talks with somebody's phone, which sends them to `number`."""
    stage = house.stage
    first = len(stage.watch.events)
    async with (
        desk(stage.up.running.sip, by, stage.secrets[by]) as phone,
        stage.caller(dialled, from_number=CALLER) as caller,
    ):
        talk = await phone.answer()
        await caller.answered()
        # Asterisk refuses (400) to send on what isn't connected yet; a line's call has two halves.
        await happened(stage, "BRIDGE_ENTER", first, times=2 if dialled.endswith(by) else 4)
        await phone.refer(talk, number)
        yield phone, caller
        await phone.hang_up(talk)
        await caller.hang_up()
        await caller.ended()
    await idle(stage)


@pytest.mark.parametrize(
    ("says", "final"),
    [(BUSY, 486), (REFUSES, 503), (UNKNOWN, 503)],
    ids=["busy", "fails", "nobody"],
)
@pytest.mark.parametrize(("by", "dialled"), [("107", "018000107"), ("111", "018000100")])
async def test_a_phone_is_told_that_it_failed_and_has_the_caller_back(
    house: House, says: Sequence[Says], final: int, by: str, dialled: str
) -> None:
    async with (
        house.carrier(*says) as carrier,
        sent_on(house, OUTSIDE, by, dialled) as (phone, _),
    ):
        back = await phone.answer()
        assert phone.told == [100, final]
        await phone.hang_up(back)
    assert carrier.called == [CALLED]


@pytest.mark.parametrize(("by", "dialled"), [("107", "018000107"), ("111", "018000100")])
async def test_a_phone_is_told_of_success_once_it_rings_there(
    house: House, by: str, dialled: str
) -> None:
    async with (
        house.carrier(*ANSWERS) as carrier,
        sent_on(house, OUTSIDE, by, dialled) as (phone, _),
    ):
        await phone.is_told(200)
        assert 180 in carrier.said
        assert (phone.told[0], phone.told[-1]) == (100, 200)


async def test_a_caller_is_sent_on_with_the_number_withheld(house: House) -> None:
    """`#31#` before the number, as the phone would dial it itself."""
    async with (
        house.carrier(*ANSWERS) as carrier,
        sent_on(house, f"#31#{OUTSIDE}") as (phone, _),
    ):
        await phone.is_told(200)
    (invite,) = carrier.invited
    assert carrier.called == [CALLED]
    assert identity(invite) == ("anonymous", OWN, "Anonymous")
    assert invite.headers["privacy"] == "id"
    assert invite.headers["diversion"].endswith(";privacy=full")


@pytest.mark.parametrize("consults", [False, True], ids=["blind", "consulted"])
@pytest.mark.parametrize("number", [OUTSIDE, "112"])
async def test_whoever_takes_a_call_over_sees_the_number_that_was_dialled(
    house: House, number: str, *, consults: bool
) -> None:
    """And nobody the name of an extension of the exchange's own dialplan."""
    stage = house.stage
    async with (
        house.carrier(*ANSWERS) as carrier,
        desk(stage.up.running.sip, "107", stage.secrets["107"]) as gun,
        desk(stage.up.running.sip, "106", stage.secrets["106"]) as other,
    ):
        first = len(stage.watch.events)
        talk = await gun.dial(number)
        await happened(stage, "BRIDGE_ENTER", first, times=2)
        if consults:
            (consultation, _), taken = await asyncio.gather(gun.dials("106"), other.answer())
            await happened(stage, "BRIDGE_ENTER", first, times=4)
            await gun.refer(talk, "106", consultation)
            await other.is_shown(number)
            await gun.hang_up(consultation)
        else:
            await gun.refer(talk, "106")
            taken = await other.answer()
        await gun.hang_up(talk)
        await other.hang_up(taken)
        await idle(stage)
    assert other.shown[-1] == number
    known = {number, "107", "106", OWN}
    assert {*gun.shown, *other.shown} <= known
    assert {party for one in carrier.invited for party in identity(one)[:2]} <= known


@pytest.mark.parametrize(
    "number", [PREMIUM, f"#31#{PREMIUM}", "*23*1*1430#", f"*23*{OUTSIDE}", "0,1", "+"]
)
async def test_a_caller_who_cannot_be_sent_on_is_back_at_the_phone(
    house: House, number: str
) -> None:
    """By the phone's own rights; a code is for whoever dials it."""
    async with house.carrier(*ANSWERS) as carrier, sent_on(house, number) as (phone, _):
        back = await phone.answer()
        assert phone.told == [100, 503]
        await phone.hang_up(back)
    assert carrier.called == []
    assert (await house.stage.ask("status"))["referrals"] == []
