"""Ways of SIP and kinds of sound, with a phone that nobody here wrote."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from calls.baresip import baresip
from calls.conftest import TUESDAY, opened, sample_town
from calls.hearing import tone_s, voice

from pbx_bridge.files import replace_files
from pbx_bridge.softphone.audio import tone
from pbx_bridge.stage import Stage
from pbx_bridge.supervisor import Wanted
from pbx_bridge.supervisor.keeping import Supervisor
from pbx_bridge.supervisor.state import State
from pbx_bridge.wire import x509

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

CALLER_HZ, PHONE_HZ = 700, 1500
DOORS = {
    "tcp_port:": "tcp_port: 0",
    "tls_port:": "tls_port: 0",
    "host_ipv6:": 'host_ipv6: "::1"',
    "tls_certificate:": "tls_certificate: certificate.pem",
    "tls_key:": "tls_key: key.pem",
}
DEVICES = """
  devices:
    desk:
    secure: {transport: tls, encryption: srtp, codecs: [g722, alaw]}
    six: {ipv6: true}
    old: {codecs: [gsm]}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The sample municipality with all its doors open, and Anna with telephones of every kind."""
    town = sample_town(tmp_path_factory.mktemp("media") / "town")
    text = (town / "config.yaml").read_text()
    for closed, open_ in DOORS.items():
        text = text.replace(f"{closed}\n", f"{open_}\n")
    (town / "config.yaml").write_text(text)
    renew(town)
    people = (town / "dialplan/people.yaml").read_text()
    anna = "\n101:\n"
    assert anna in people
    (town / "dialplan/people.yaml").write_text(people.replace(anna, anna[:-1] + DEVICES))
    async with opened(town, tmp_path_factory.mktemp("m"), TUESDAY) as stage:
        yield stage


def renew(town: Path) -> str:
    """Another certificate in the technician's files; its text."""
    certificate, key = x509.make(["127.0.0.1", "::1"], datetime.now(UTC))
    replace_files({town / "certificate.pem": certificate.decode(), town / "key.pem": key.decode()})
    return certificate.decode()


@pytest.mark.parametrize(
    ("user", "how"),
    [
        ("101", {"transport": "udp", "codecs": ("G722",)}),
        ("101", {"transport": "tcp"}),
        ("101", {"transport": "tls", "codecs": ("opus",)}),
        ("101-secure", {"transport": "tls", "encryption": "srtp-mand", "codecs": ("G722",)}),
        ("101-six", {"ipv6": True}),
    ],
    ids=["udp-g722", "tcp-alaw", "tls-opus", "tls-srtp-g722", "ipv6"],
)
async def test_both_hear_each_other_by_every_way(
    house: Stage, user: str, how: dict[str, object]
) -> None:
    async with baresip(house, user, plays=tone(PHONE_HZ, 1.0), **how) as phone:
        calling = asyncio.create_task(house.call("018000101", plays=voice(CALLER_HZ)))
        await phone.answer()
        await asyncio.sleep(2.0)
        await phone.hang_up()
        made = await calling
        await phone.ended()
        heard = phone.heard()
    assert made.journey.answered_by == "101"
    assert tone_s(made.result.heard, PHONE_HZ) > 1.0
    assert tone_s(heard, CALLER_HZ) > 1.0


async def test_both_hear_each_other_by_ice(tmp_path: Path) -> None:
    """At an address of this machine that others know: Asterisk offers no loopback one."""
    host = own_address()
    town = sample_town(tmp_path / "town")
    text = (town / "config.yaml").read_text().replace("  host: 127.0.0.1\n", f"  host: {host}\n")
    (town / "config.yaml").write_text(text)
    people = (town / "dialplan/people.yaml").read_text()
    devices = "\n101:\n  devices: {roams: {ice: true}}\n"
    (town / "dialplan/people.yaml").write_text(people.replace("\n101:\n", devices))
    async with (
        opened(town, tmp_path / "s", TUESDAY) as stage,
        baresip(stage, "101", ice=True, plays=tone(PHONE_HZ, 1.0)) as roams,
        baresip(stage, "107", plays=tone(CALLER_HZ, 1.0)) as calls,
    ):
        await calls.dial("101")
        await roams.answer()
        await asyncio.sleep(2.0)
        await calls.hang_up()
        await asyncio.gather(roams.ended(), calls.ended())
        assert f" {host} " in next(
            line for line in roams.printed().splitlines() if line.startswith("a=candidate:")
        )
        assert tone_s(roams.heard(), CALLER_HZ) > 1.0
        assert tone_s(calls.heard(), PHONE_HZ) > 1.0


def own_address() -> str:
    """By which this machine is known in its network; a machine without one skips the test."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # says nothing
        except OSError:
            pytest.skip("this machine has no network, and ICE none without")
        return str(asking.getsockname()[0])


@pytest.mark.parametrize(
    ("user", "how", "fits"),
    [
        ("101", {"encryption": "srtp-mand", "transport": "tls"}, {"transport": "tls"}),
        ("101-old", {"codecs": ("PCMA",)}, None),
    ],
    ids=["srtp-only", "codec"],
)
async def test_a_phone_that_is_registered_and_can_not_talk_is_named(
    house: Stage, user: str, how: dict[str, object], fits: dict[str, object] | None
) -> None:
    """Until it has talked; its own calls are refused without a trace (488)."""
    async with baresip(house, user, **how) as phone:
        await phone.dial("102")
        assert "488" in await phone.ended()
        made = await house.call("018000101", hold_s=0.5)
        assert made.whys[:2] == ["person-rings", "person-unreachable"]
    async with asyncio.timeout(5):
        while not (told := (await house.ask("status"))["without_sound"]):
            await asyncio.sleep(0.1)
    assert [(one["endpoint"], one["name"]) for one in told] == [(user, "Anna Berg")]
    notices = (await house.ask("status"))["notices"]["to_be_heard"]
    assert ("no-sound", "101") in {(one["about"], one["person"]) for one in notices}
    if fits is not None:
        async with baresip(house, user, **fits) as phone:
            calling = asyncio.create_task(house.call("018000101"))
            await phone.answer()
            await phone.hang_up()
            await calling
        async with asyncio.timeout(5):
            while (await house.ask("status"))["without_sound"]:
                await asyncio.sleep(0.1)


async def test_a_phone_that_comes_by_the_wrong_kind_of_address_is_named_when_it_registers(
    house: Stage,
) -> None:
    """Nobody calls it, and it calls nobody; then it comes as people.yaml says."""
    for user, ipv6 in (("102", True), ("101-six", False)):
        async with baresip(house, user, ipv6=ipv6):
            await named(house, user, silent=True)
        async with baresip(house, user, ipv6=not ipv6):
            await named(house, user, silent=False)


async def test_a_phone_whose_own_calls_are_refused_for_their_encryption_is_named(
    house: Stage,
) -> None:
    """Nobody has called it; Asterisk's log alone knows of it."""
    async with baresip(house, "106", encryption="srtp-mand", transport="tls") as phone:
        await phone.dial("102")
        assert "488" in await phone.ended()
        await named(house, "106", silent=True)


async def named(house: Stage, endpoint: str, *, silent: bool) -> None:
    async with asyncio.timeout(15):
        while silent is not any(
            one["endpoint"] == endpoint for one in (await house.ask("status"))["without_sound"]
        ):
            await asyncio.sleep(0.1)


async def test_a_renewed_certificate_is_shown_while_talks_go_on(house: Stage) -> None:
    """The supervisor notices it; nobody starts Asterisk anew."""
    pid, town = house.up.asterisk.pid, house.up.site.deployment.dialplan.parent
    wanted = Wanted(town / "config.yaml", house.up.state)
    keeping = asyncio.create_task(Supervisor(house.up, wanted, State(0))._keep_configuration())
    door = next((host, port) for way, host, port in house.up.running.sip_doors if way == "tls")
    secure = {"transport": "tls", "encryption": "srtp-mand", "plays": tone(PHONE_HZ, 1.0)}
    try:
        async with baresip(house, "101-secure", codecs=("G722",), **secure) as phone:
            async with house.caller("018000101", plays=voice(CALLER_HZ)) as caller:
                await phone.answer()
                new = renew(town)
                async with asyncio.timeout(15):
                    while await asyncio.to_thread(ssl.get_server_certificate, door) != new:
                        await asyncio.sleep(0.2)
                before = caller.heard.size
                await asyncio.sleep(1.0)
                assert tone_s(caller.heard[before:], PHONE_HZ) > 0.8
            await phone.ended()
        async with baresip(house, "101", transport="tls"):
            assert house.up.running.certificate.read_text() == new
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert house.up.asterisk.pid == pid
