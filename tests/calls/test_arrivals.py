"""Calls as operators deliver them: to a login, by other addresses, twice, given up at once."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from calls.carriers import Carrier, Incoming, Says
from calls.conftest import TUESDAY, idle, opened, sample_town
from calls.hearing import voice
from calls.product import Product, product

from pbx_bridge.bootstrap import SECRETS
from pbx_bridge.core.latency import Outcome, fold
from pbx_bridge.softphone.behaviour import Answers, NeverAnswers
from pbx_bridge.softphone.sipp import Address
from pbx_bridge.stage import Stage
from pbx_bridge.wire import rtp, sip

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

HERE, SECOND_SERVER, NETWORK, NOBODYS = "127.0.1.1", "127.0.1.2", "127.0.2.9", "127.0.3.1"
TIMES = 20
PASSWORD = "of the operator"
CHALLENGE = 'WWW-Authenticate: Digest realm="operator", nonce="n1", algorithm=MD5, qop="auth"'
TRUNKS = """
trunks:
  operator:
    host: {here}:{port}
    calls_from: [127.0.2.0/28]
    username: login77
    registers: true
    caller_id: 018 000 100
"""


def challenged(request: sip.Message) -> Says:
    """Who doesn't say who they are is asked."""
    return Says(200 if "authorization" in request.headers else 401, headers=(CHALLENGE,))


@dataclass(frozen=True)
class Registered:
    stage: Stage
    operator: Carrier

    @property
    def server(self) -> Address:
        return self.stage.up.running.sip

    @property
    def contact(self) -> str:
        """Where the operator was told to call us."""
        found = re.search(r"<(sip:[^>]+)>", self.operator.registered[-1].headers["contact"])
        assert found is not None
        return found[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registered]:
    folder = tmp_path_factory.mktemp("arrivals")
    state = folder / "s"
    async with Carrier(host=HERE, on_register=challenged) as operator:
        town = town_of(folder, operator)
        state.mkdir(mode=0o700)
        kept_password(state)
        async with opened(town, state, TUESDAY) as stage:
            async with asyncio.timeout(10):
                while len(operator.registered) < 2:
                    await asyncio.sleep(0.05)
            yield Registered(stage, operator)


def town_of(folder: Path, operator: Carrier) -> Path:
    """The sample with an operator that wants a login."""
    town = sample_town(folder / "town")
    trunks = town / "dialplan/trunks.yaml"
    _, dialling, rest = trunks.read_text().partition("\ndialling:")
    trunks.write_text(TRUNKS.format(here=HERE, port=operator.port) + dialling + rest)
    return town


def kept_password(state: Path) -> None:
    """As a technician has written it, before the first start."""
    held = {"ari": "a" * 32, "ami": "b" * 32, "phones": {}, "mailboxes": {}}
    (state / SECRETS).write_text(json.dumps({**held, "trunks": {"operator": PASSWORD}}))
    (state / SECRETS).chmod(0o600)


async def arrives(
    exchange: Registered, host: str, uri: str, *, to: str = "", caller: str = "0401234567"
) -> tuple[str, str]:
    """A call that is given up while 101's phone rings: what the phone saw as the caller, and what
    the record says was dialled."""
    first = len(exchange.stage.watch.events)
    async with (
        Carrier(host=host) as server,
        exchange.stage.phone("101", NeverAnswers()) as phone,
        asyncio.TaskGroup() as tasks,
    ):
        calling = tasks.create_task(
            server.invite(exchange.server, uri, to=to, caller=caller, cancel_after_s=1.0)
        )
        ringing = await phone.rang()
        assert await calling == {"1": 487}
        await phone.ended()
    await idle(exchange.stage)
    await exchange.stage.watch.settled()
    (journey,) = fold(exchange.stage.watch.events[first:])
    return ringing.number, journey.dialled


async def test_an_operator_that_we_register_with_calls_our_login_and_says_whom_in_to(
    exchange: Registered,
) -> None:
    """From any server of its: the address that was registered holds a secret."""
    assert sip.party(exchange.operator.registered[-1].headers["to"]).number == "login77"
    assert exchange.contact.startswith("sip:login77@")
    found = await arrives(exchange, SECOND_SERVER, exchange.contact, to="018000101")
    assert found == ("0401234567", "018000101")
    async with Carrier(host=SECOND_SERVER) as forged:
        uri = exchange.contact.partition(";line=")[0]
        assert await forged.invite(exchange.server, uri, to="018000101") == {"1": 401}
    await troubled(exchange.stage, {"refused"})


async def test_a_caller_with_an_extension_for_a_number_is_the_operators(
    exchange: Registered,
) -> None:
    """A colleague's mobile forwards to us, and shows who has called it: from a network of its."""
    found = await arrives(exchange, NETWORK, "018000101", caller="107")
    assert found == ("107", "018000101")


async def test_a_call_that_is_delivered_twice_rings_once(exchange: Registered) -> None:
    """Also where the copies come right after one another."""
    first = len(exchange.stage.watch.events)
    found = []
    async with (
        Carrier(host=HERE) as server,
        exchange.stage.phone("101", NeverAnswers()) as phone,
    ):
        for _ in range(TIMES):
            ways = ("1", "2", "3")
            statuses = await server.invite(
                exchange.server, "018000101", branches=ways, cancel_after_s=0.2
            )
            await phone.ended()
            found.append(sorted(statuses.values()))
        assert len(phone.rings) == TIMES
    assert found == [[480, 480, 487]] * TIMES
    await exchange.stage.watch.settled()
    outcomes = Counter(one.outcome for one in fold(exchange.stage.watch.events[first:]))
    assert outcomes == {Outcome.ABANDONED: TIMES, Outcome.DOUBLE: 2 * TIMES}


@pytest.mark.parametrize(
    "name",
    ["P-Charging-Vector: icid-value={};icid-generated-at=192.0.2.1", "Session-ID: {};remote=0"],
)
async def test_a_call_that_two_servers_deliver_rings_once(exchange: Registered, name: str) -> None:
    """Each of them gives it a Call-ID of its own."""
    server, caller = exchange.server, "<sip:0401234567@operator.example>"
    async with (
        Carrier(host=HERE) as one,
        Carrier(host=HERE) as other,
        exchange.stage.phone("101", NeverAnswers()) as phone,
    ):
        told = name.format("0f" * 16)
        call = Incoming.begin(one, server, "018000101", caller, told)
        await call.hears(180)
        await phone.rang()
        await Incoming.begin(other, server, "018000101", caller, told).is_refused(480)
        await call.gives_up()
        await idle(exchange.stage)
        assert len(phone.rings) == 1
        second = Incoming.begin(other, server, "018000101", caller, name.format("1e" * 16))
        await second.hears(180)
        await second.gives_up()
        await idle(exchange.stage)


async def test_f09_who_hangs_up_while_it_is_decided_is_no_failure_of_the_bridge(
    exchange: Registered,
) -> None:
    before = (await exchange.stage.ask("status"))["bridge"]
    async with Carrier(host=HERE) as server:
        for number in range(40):
            pause = number % 10 / 500
            await server.invite(exchange.server, "018000101", cancel_after_s=pause)
    await idle(exchange.stage)
    after = (await exchange.stage.ask("status"))["bridge"]
    assert after["left_to_fallback"] == before["left_to_fallback"]


async def test_sound_of_a_caller_goes_to_the_operator_alone(exchange: Registered) -> None:
    """Who sends some to the call's port, while the caller is silent, gets none of the talk."""
    stolen = heard = 0

    async def spoken(to: sip.Media) -> None:
        nonlocal stolen, heard
        loop = asyncio.get_running_loop()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as operator,
        ):
            thief.setblocking(False)
            thief.bind((NOBODYS, 0))
            operator.setblocking(False)
            operator.bind((HERE, server.sound_port))
            noise = rtp.encode(voice(1500)[:160], rtp.Codec.PCMA)
            for number in range(50):
                packet = rtp.Packet(int(rtp.Codec.PCMA), number, 160 * number, 7, noise)
                await loop.sock_sendto(thief, rtp.build(packet), (to.host, to.port))
                await asyncio.sleep(0.02)
                with suppress(BlockingIOError):
                    while thief.recv(2048):
                        stolen += 1
                with suppress(BlockingIOError):
                    while operator.recv(2048):
                        heard += 1

    talks = Answers(after_s=0.1, plays=voice(700))
    async with Carrier(host=HERE) as server, exchange.stage.phone("101", talks) as phone:
        assert await server.invite(exchange.server, "018000101", talks=spoken) == {"1": 200}
        await phone.ended()
    assert heard > 0, "there is a talk"
    assert stolen == 0


async def test_f24_an_operator_that_does_not_answer_questions_is_told_and_called_all_the_same(
    exchange: Registered,
) -> None:
    operator, stage = exchange.operator, exchange.stage
    before = await troubles(stage)
    operator.answers_options = False
    await troubled(stage, before | {"unreachable"})
    parts = {one["part"]: one["well"] for one in (await stage.ask("status"))["parts"]}
    assert parts["trunks"] is False
    operator.says = (Says(180), Says(200, 0.1))
    made = await stage.call("112", phone="107", hold_s=0.3)
    assert made.result.answered_at is not None
    assert operator.called[-1] == "112"
    operator.answers_options = True
    await troubled(stage, before)


async def troubles(stage: Stage) -> set[str]:
    """What is wrong with the only trunk."""
    (trunk,) = (await stage.ask("status"))["trunks"]
    return set(trunk["troubles"])


async def troubled(stage: Stage, wanted: set[str]) -> None:
    """Wait until that is wrong with it."""
    async with asyncio.timeout(40):
        while await troubles(stage) != wanted:
            await asyncio.sleep(0.1)


async def test_f26_a_login_without_its_password_keeps_no_telephone_from_working(
    tmp_path: Path,
) -> None:
    """It is told, and the operator has us once the password is written."""
    async with Carrier(host=HERE, on_register=challenged) as operator:
        town = town_of(tmp_path, operator)
        async with product(town, tmp_path / "s") as kept:
            await kept.start()
            assert any('THE TRUNK "operator" HAS NO PASSWORD' in line for line in kept.said)
            async with kept.phone("103", Answers(after_s=0.1)), kept.caller("103", "104") as caller:
                assert await caller.answered() is not None
            await told_of(kept, ["unregistered"])
            assert operator.registered == []
            code, said = await kept.run("doctor")
            assert code == 1
            assert 'none of operator behind "trunks"' in said
            held = json.loads((kept.state / SECRETS).read_text())
            (kept.state / SECRETS).write_text(
                json.dumps({**held, "trunks": {"operator": PASSWORD}})
            )
            assert (await kept.run("reload"))[0] == 0
            async with asyncio.timeout(20):
                while len(operator.registered) < 2:
                    await asyncio.sleep(0.05)
            await told_of(kept, [])


async def told_of(kept: Product, troubles: list[str]) -> None:
    """Wait until these are the operator's troubles."""
    async with asyncio.timeout(40):
        while True:
            _, said = await kept.run("status", "--json")
            (trunk,) = json.loads(said)["trunks"]
            if sorted(trunk["troubles"]) == troubles:
                return
            await asyncio.sleep(0.5)
