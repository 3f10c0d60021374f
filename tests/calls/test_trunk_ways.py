"""How an operator is reached and reaches us: TLS with SRTP, TCP, IPv6; and what it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from calls.baresip import Account, Baresip
from calls.carriers import Carrier, Incoming, Says
from calls.conftest import TUESDAY, idle, opened, sample_town
from calls.hearing import tone_s, voice
from calls.test_identity import OWN, identity
from ports import free_port

from pbx_bridge.files import replace_file
from pbx_bridge.softphone.audio import tone
from pbx_bridge.softphone.behaviour import Answers
from pbx_bridge.stage import Stage
from pbx_bridge.wire import x509

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

ANSWERS = (Says(180), Says(200, 0.1))
OURS_HZ, THEIRS_HZ = 700, 1500
HEARD_S = 1.0
CALLER = "0401234567"
SERVICES = ("116117", "1177")
"""Of the country, and of the site's own list."""
STREAM_HOST, STRICT_HOST = "127.0.5.2", "127.0.5.3"
DOORS = {"tcp_port:": "tcp_port: 0", "tls_port:": "tls_port: 0", "host_ipv6:": 'host_ipv6: "::1"'}
TRUNKS = """
trunks:
  secure:
    host: 127.0.0.1:{secure}
    transport: tls
    certificate_authority: {certificate}
    encryption: srtp
    numbers: e164
    caller_id: 018 000 100
    watch: false
  six:
    host: "[::1]:{six}"
    watch: false
  stream:
    host: {stream_host}:{stream}
    transport: tcp
    from_user: norrskar
  strict:
    host: {strict_host}:{strict}
    numbers: e164
    shows_callers: false
    names: true
    watch: false
routes:
  geographic: [secure]
  mobile: [strict]
  free: [six]
  service: [stream]
  emergency: [strict]
"""


@dataclass(frozen=True)
class Ways:
    """An exchange with an operator by every way."""

    stage: Stage
    ports: dict[str, int]
    certificate: Path
    """Of the operator that is reached over TLS, with its key."""

    def secure(self, encryption: str = "srtp-mand") -> Baresip:
        how = {"transport": "tls", "encryption": encryption, "certificate": self.certificate}
        # Over TLS it listens at the next port.
        return self._operator("tls", "127.0.0.1", self.ports["secure"] - 1, **how)

    def six(self) -> Baresip:
        return self._operator("udp", "::1", self.ports["six"])

    def _operator(self, way: str, host: str, port: int, **how: object) -> Baresip:
        doors = self.stage.up.running.sip_doors
        door = next(one for kind, address, one in doors if (kind, address) == (way, host))
        account = Account(
            *((host, door), CALLER, ""),
            listens=port,
            any_number=True,
            plays=tone(THEIRS_HZ, 1.0),
            **how,  # type: ignore[arg-type]  # as the callers above give it
        )
        return Baresip(account, registers=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ways(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ways]:
    folder = tmp_path_factory.mktemp("ways")
    town = sample_town(folder / "town")
    config = town / "config.yaml"
    text = config.read_text()
    for closed, open_ in DOORS.items():
        text = text.replace(f"{closed}\n", f"{open_}\n")
    config.write_text(text)
    ports = {
        "secure": free_port(row=2) + 1,
        "six": free_port("::1"),
        "stream": free_port(STREAM_HOST),
        "strict": free_port(STRICT_HOST),
    }
    trunks = town / "dialplan/trunks.yaml"
    _, dialling, rest = trunks.read_text().partition("\ndialling:")
    hosts = {"stream_host": STREAM_HOST, "strict_host": STRICT_HOST}
    assert "  # classes:\n  #   service: [10020]\n" in rest
    rest = rest.replace(
        "  # classes:\n  #   service: [10020]\n", "  classes:\n    service: [1177]\n"
    )
    certificate = folder / "operator.pem"
    trunks.write_text(TRUNKS.format(**ports, **hosts, certificate=certificate) + dialling + rest)
    made, key = x509.make(["127.0.0.1"], datetime.now(UTC))
    replace_file(certificate, (made + key).decode())
    async with opened(town, folder / "s", TUESDAY) as stage:
        yield Ways(stage, ports, certificate)


@pytest.mark.parametrize(
    ("way", "dialled", "invited"),
    [
        ("secure", "0186543", "INVITE sip:+358186543@127.0.0.1:{};transport=tls SIP/2.0"),
        ("six", "0800123456", "INVITE sip:0800123456@[::1]:{} SIP/2.0"),
    ],
    ids=["tls-srtp", "ipv6"],
)
async def test_an_operator_and_a_phone_hear_each_other_in_calls_out_and_in(
    ways: Ways, way: str, dialled: str, invited: str
) -> None:
    stage = ways.stage
    async with getattr(ways, way)() as operator:
        calling = asyncio.create_task(stage.call(dialled, phone="107", plays=voice(OURS_HZ)))
        await operator.answer()
        await asyncio.sleep(2.0)
        await operator.hang_up()
        made = await calling
        await operator.ended()
        assert tone_s(operator.heard(), OURS_HZ) > HEARD_S
        assert tone_s(made.result.heard, THEIRS_HZ) > HEARD_S
        assert made.whys == ["outgoing"]
        talks = Answers(after_s=0.1, plays=voice(OURS_HZ), talks_s=2.0)
        async with stage.phone("101", talks) as phone:
            await operator.dial("018000101")
            await operator.happened("CALL_ESTABLISHED")
            await operator.ended()
            await phone.ended()
            assert tone_s(operator.heard(), OURS_HZ) > HEARD_S
            assert tone_s(phone.heard, THEIRS_HZ) > HEARD_S
            assert phone.rings[0].number == CALLER
        printed = operator.printed()
        assert invited.format(ways.ports[way]) in printed
    assert any(f"PJSIP/{way}-" in str(event) for event in stage.watch.events)
    sound = "RTP/SAVP" if way == "secure" else "c=IN IP6 ::1"
    assert printed.count(sound) >= 4, "both sides of both calls"
    await idle(stage)


async def test_an_operator_that_offers_no_srtp_where_it_is_wanted_is_refused(ways: Ways) -> None:
    async with ways.secure(encryption="") as operator:
        await operator.dial("018000101")
        assert "488" in await operator.ended()


async def test_calls_out_and_in_go_over_tcp_and_services_by_their_own_route(ways: Ways) -> None:
    """And From has the user whom the operator wants to see there."""
    stage, door = ways.stage, ways.stage.up.running.sip_tcp_port
    assert door is not None
    async with Carrier(ANSWERS, STREAM_HOST, ways.ports["stream"], transport="tcp") as operator:
        for service in SERVICES:
            made = await stage.call(service, phone="107", hold_s=0.3)
            assert made.result.answered_at is not None
            assert made.whys == ["outgoing"]
        for invite, service in zip(operator.invited, SERVICES, strict=True):
            where = f"sip:{service}@{STREAM_HOST}:{operator.port};transport=tcp"
            assert invite.start == f"INVITE {where} SIP/2.0"
            assert invite.headers["via"].startswith("SIP/2.0/TCP ")
            assert "transport=tcp" in invite.headers["contact"].lower()
            assert identity(invite) == ("norrskar", "018000107", "")
        async with stage.phone("101", Answers(after_s=0.1)) as phone:
            server = ("127.0.0.1", door)
            call = Incoming.begin(operator, server, "018000101", f"<sip:{CALLER}@op.example>")
            await call.talks()
            await phone.ended()
            assert phone.rings[0].number == CALLER
        async with asyncio.timeout(15):
            while not operator.options:  # asked over TCP too whether it is there
                await asyncio.sleep(0.1)
    assert any("PJSIP/stream-" in str(event) for event in stage.watch.events)
    await idle(stage)


async def test_an_operator_is_shown_numbers_of_ours_alone_and_the_names_that_belong_to_them(
    ways: Ways,
) -> None:
    """With `shows_callers: false` and `names: true`: a caller whom we pass on is nowhere."""
    stage, theirs = ways.stage, "+35818000105"
    callers = (f'"Ragnhild" <sip:{CALLER}@op.example>', '"Anonymous" <sip:anonymous@a.invalid>')
    async with Carrier(ANSWERS, STRICT_HOST, ways.ports["strict"]) as operator:
        await stage.call("0457111777", phone="107", hold_s=0.3)
        await stage.call("#31#0457111777", phone="107", hold_s=0.3)
        operator.says = (Says(180),)
        for caller in callers:
            call = Incoming.begin(operator, stage.up.running.sip, "018000105", caller)
            await call.hears(180)
            async with asyncio.timeout(10):
                while len(operator.invited) < 3 + callers.index(caller):
                    await asyncio.sleep(0.05)
            await call.gives_up()
            await idle(stage)
        await stage.call("105", phone="107", hold_s=1.0)
        await idle(stage)
    own, hidden, *passed_on = operator.invited
    assert identity(own) == (OWN, OWN, "Gun Lindroos")
    assert identity(hidden) == ("anonymous", OWN, "Anonymous")
    assert "Gun" not in "".join(hidden.headers.values())
    assert [identity(one) for one in passed_on] == [(theirs, theirs, "")] * 3
    for one in passed_on:
        assert "privacy" not in one.headers
        told = "".join(one.headers.values())
        assert not any(who in told for who in ("Ragnhild", CALLER[1:], "Gun", OWN[3:]))
