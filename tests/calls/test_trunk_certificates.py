"""Operators over TLS: who shows a certificate that nobody vouches for is called by no call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from calls.carriers import Carrier, Incoming, Says
from calls.conftest import TUESDAY, idle, opened, sample_town
from calls.streams import Secure
from vouching import Authority, show

from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

ANSWERS = (Says(180), Says(200, 0.1))
SHOWN = {
    "named": ("ours", "localhost"),
    "starred": ("ours", "*.pbx-bridge.example"),
    "addressed": ("ours", "127.0.0.1"),
    "stranger": ("theirs", "localhost"),
    "misnamed": ("ours", "sip.other.example"),
    "alone": ("", "localhost"),
    "any": ("", "sip.other.example"),
}
"""By trunk: who vouches for the certificate of its server, and for what name."""
CALLED = {"addressed": "127.0.0.1", "starred": "sip.pbx-bridge.example"}
"""By what, where it isn't localhost."""
REFUSED = {"stranger", "misnamed", "alone"}
TRUNK = """  {name}:
    host: {host}:{port}
    transport: tls
    {trusts}
    caller_id: 018 000 100
"""
ROUTES = """routes:
  geographic: [named]
  mobile: [stranger, addressed]
  free: [misnamed, any]
  service: [alone, starred]
"""


@dataclass(frozen=True)
class Operators:
    stage: Stage
    carriers: Mapping[str, Carrier]
    authorities: Mapping[str, Authority]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operators(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operators]:
    folder = tmp_path_factory.mktemp("certificates")
    town = sample_town(folder / "town")
    config = town / "config.yaml"
    config.write_text(config.read_text().replace("tls_port:\n", "tls_port: 0\n"))
    authorities = {"ours": Authority("CA"), "theirs": Authority("CA")}
    (town / "dialplan/ca.pem").write_bytes(authorities["ours"].certificate)
    async with AsyncExitStack() as running:
        carriers = {}
        for name, (vouches, shown) in SHOWN.items():
            certificate = show(folder / f"{name}.pem", authorities.get(vouches), shown)
            carrier = Carrier(ANSWERS, transport="tls", certificate=certificate)
            carriers[name] = await running.enter_async_context(carrier)
        trunks = town / "dialplan/trunks.yaml"
        _, dialling, rest = trunks.read_text().partition("\ndialling:")
        written = "".join(
            TRUNK.format(
                name=name,
                host=CALLED.get(name, "localhost"),
                port=one.port,
                trusts="verify: false" if name == "any" else "certificate_authority: ca.pem",
            )
            for name, one in carriers.items()
        )
        trunks.write_text(f"trunks:\n{written}{ROUTES}{dialling}{rest}")
        state = folder / "s"
        state.mkdir(mode=0o700)
        (state / "addresses.json").write_text('{"sip.pbx-bridge.example": ["127.0.0.1"]}')
        async with opened(town, state, TUESDAY) as stage:
            yield Operators(stage, carriers, authorities)


def reached(carrier: Carrier) -> tuple[int, int]:
    """Its calls, and its connections over which anything was said."""
    assert isinstance(carrier._wire, Secure)
    return len(carrier.called), carrier._wire.taken


@pytest.mark.parametrize(
    ("dialled", "tried", "taken"),
    [
        ("0186543", "named", "named"),
        ("0457111777", "stranger", "addressed"),
        ("0800123456", "misnamed", "any"),
        ("116117", "alone", "starred"),
    ],
)
async def test_a_call_goes_by_who_can_prove_who_they_are_from_its_beginning_to_its_end(
    operators: Operators, dialled: str, tried: str, taken: str
) -> None:
    """What their servers answer names an address that no certificate is for."""
    carrier, refusing = operators.carriers[taken], operators.carriers[tried]
    before, refused_before = len(carrier.called), reached(refusing)
    over = carrier.over
    made = await operators.stage.call(dialled, phone="107", hold_s=0.3)
    assert made.result.answered_at is not None
    assert carrier.called[before:] == [dialled]
    async with asyncio.timeout(5):
        while carrier.over == over:
            await asyncio.sleep(0.05)
    if tried in REFUSED:
        assert refusing.options == 0
        assert reached(refusing) == refused_before
    await idle(operators.stage)


async def test_f24_112_goes_by_who_can_not_prove_who_they_are_where_nobody_else_takes_it(
    operators: Operators,
) -> None:
    believed = [one for name, one in operators.carriers.items() if name not in REFUSED]
    for one in believed:
        one.says = (Says(503),)
    try:
        made = await operators.stage.call("112", phone="107", hold_s=0.3)
    finally:
        for one in believed:
            one.says = ANSWERS
    assert made.result.answered_at is not None
    assert all("112" in one.called for one in believed)
    assert any("112" in operators.carriers[name].called for name in REFUSED)
    await idle(operators.stage)


async def test_an_operator_calls_by_a_connection_of_its_own_and_hears_when_we_hang_up(
    operators: Operators,
) -> None:
    stage, carrier = operators.stage, operators.carriers["named"]
    door = next((host, port) for way, host, port in stage.up.running.sip_doors if way == "tls")
    assert isinstance(carrier._wire, Secure)
    await carrier._wire.connect(door)
    before = carrier.over
    async with stage.phone("101", Answers(after_s=0.1, talks_s=0.3)) as phone:
        call = Incoming.begin(carrier, door, "018000101", "<sip:0401234567@op.example>")
        await call.begins()
        await phone.ended()
    async with asyncio.timeout(5):
        while carrier.over == before:
            await asyncio.sleep(0.05)
    await idle(stage)


async def test_who_is_not_believed_is_told_and_all_others_answer(operators: Operators) -> None:
    async with asyncio.timeout(40):
        while True:
            told = (await operators.stage.ask("status"))["trunks"]
            troubles = {one["trunk"]: set(one["troubles"]) for one in told}
            if {name for name, whats in troubles.items() if "untrusted" in whats} == REFUSED:
                break
            await asyncio.sleep(0.2)
        while not all(
            one.options for name, one in operators.carriers.items() if name not in REFUSED
        ):
            await asyncio.sleep(0.2)
    assert not any("unreachable" in whats for whats in troubles.values())
    parts = {one["part"]: one["what"] for one in (await operators.stage.ask("status"))["parts"]}
    assert "alone is untrusted (localhost:" in parts["trunks"]
