"""`python -m benchmarks.lamps`: 500 phones with 20 lamp keys each, on one exchange.

Each phone subscribes to the dialogs (RFC 4235) of 20 colleagues, so that each person has 20 who
watch. What is measured: how long and what CPU the 10,000 subscriptions take; how soon the 20 who
watch are told that somebody has gone away; and the same for 100 people at once (2,000 NOTIFYs).
The phones are a part of this process, on the same machine as Asterisk.
"""

from __future__ import annotations

import asyncio
import re
import secrets as random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from benchmarks.stand import CONFIG, _cpu_s, working_hours
from pbx_bridge.adapters import control
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS, control_socket
from pbx_bridge.cli.logs import log_to_stderr
from pbx_bridge.config.site import read_deployment, read_site
from pbx_bridge.supervisor.exchange import Unattended, exchange
from pbx_bridge.wire import sip

PHONES, KEYS, FIRST = 500, 20, 1000
AT_ONCE = 40
"""Phones that subscribe at the same time."""
TOGETHER = 100
"""People who go away at the same time."""
ASKING = 20
"""Commands under way at the same time; the bridge admits 50."""
ALONE = 20
"""Changes of one person that are timed."""
PATIENCE_S = 10.0


@dataclass
class Phone(asyncio.DatagramProtocol):
    """Subscribes, and answers each NOTIFY."""

    server: tuple[str, int]
    user: str
    password: str
    told: dict[str, list[float]] = field(default_factory=dict)
    """When it was told of a subscription, by Call-ID."""
    port: int = 0

    def __post_init__(self) -> None:
        """Nothing was answered yet."""
        self.answers: dict[str, asyncio.Future[sip.Message]] = {}
        self.wire: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has its port."""
        self.wire = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the exchange's
        """Take an answer, or a NOTIFY."""
        message = sip.parse(data.decode())
        head = message.headers
        if message.status is not None:
            waits = self.answers.get(f"{head['call-id']} {head['cseq']}")
            if waits is not None and not waits.done():
                waits.set_result(message)
            return
        assert self.wire is not None
        self.wire.sendto(
            f"SIP/2.0 200 OK\r\nVia: {head['via']}\r\nFrom: {head['from']}\r\nTo: {head['to']}\r\n"
            f"Call-ID: {head['call-id']}\r\nCSeq: {head['cseq']}\r\n"
            "Content-Length: 0\r\n\r\n".encode(),
            self.server,
        )
        if message.start.startswith("NOTIFY"):
            self.told.setdefault(head["call-id"], []).append(time.perf_counter())

    async def subscribe(self, extension: str) -> None:
        """Watch somebody. Raises `AssertionError` where the exchange refuses it."""
        call, tag = random.token_hex(8), random.token_hex(4)
        uri = f"sip:{extension}@{self.server[0]}:{self.server[1]}"
        answer = await self._asked(uri, call, tag, 1, "")
        challenge = answer.headers["www-authenticate"]
        proof = sip.authorization(self.user, self.password, "SUBSCRIBE", uri, challenge)
        answer = await self._asked(uri, call, tag, 2, f"Authorization: {proof}\r\n")
        assert answer.status == 200, answer.start

    async def _asked(self, uri: str, call: str, tag: str, count: int, proof: str) -> sip.Message:
        own = f"sip:{self.user}@{self.server[0]}"
        asked = (
            f"SUBSCRIBE {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{random.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nFrom: <{own}>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {call}\r\n"
            f"CSeq: {count} SUBSCRIBE\r\nContact: <sip:{self.user}@127.0.0.1:{self.port}>\r\n"
            "Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 3600\r\n"
            f"{proof}Content-Length: 0\r\n\r\n"
        ).encode()
        key = f"{call} {count} SUBSCRIBE"
        waits = self.answers[key] = asyncio.get_running_loop().create_future()
        assert self.wire is not None
        async with asyncio.timeout(PATIENCE_S):
            while not waits.done():
                self.wire.sendto(asked, self.server)
                await asyncio.wait({waits}, timeout=0.5)  # a datagram may be lost
        return self.answers.pop(key).result()


def town(folder: Path) -> Path:
    """The sample with 500 more people; its `config.yaml`."""
    shutil.copy(CONFIG, folder)
    for part in ("dialplan", "voicemail"):
        shutil.copytree(CONFIG.parent / part, folder / part)
    entries = (
        f"\n{FIRST + at}:\n  name: Person {at}\n  title: tjänsteman\n  unit: skola\n"
        "  shielded: false\n"  # the fallback's sentences for each of them take a while
        for at in range(PHONES)
    )
    with (folder / "dialplan/people.yaml").open("a", encoding="utf-8") as people:
        people.writelines(entries)
    return folder / "config.yaml"


async def measure() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="pbx-lamps-") as held:
        folder = Path(held)
        config = town(folder)
        deployment = read_deployment(config, folder / "state")
        free = deployment.but(sip_port=0, ari_port=0, ami_port=0, agi_port=0, operations_port=0)
        site = read_site(free, datetime.now().astimezone().date())
        async with exchange(config, site, _say, working_hours(site)) as up:
            passwords = secrets.load(deployment.state / SECRETS, site.plan).phones
            phones = [await _phone(up, str(FIRST + at), passwords) for at in range(PHONES)]
            await _subscribe(up, phones)
            await _one_by_one(up, phones)
            await _together(up, phones)
            for phone in phones:
                assert phone.wire is not None
                phone.wire.close()


async def _phone(up: Unattended, user: str, passwords: Mapping[str, str]) -> Phone:
    loop = asyncio.get_running_loop()
    phone = Phone(up.running.sip, user, passwords[user])
    await loop.create_datagram_endpoint(lambda: phone, local_addr=("127.0.0.1", 0))
    return phone


async def _subscribe(up: Unattended, phones: Sequence[Phone]) -> None:
    """All keys of all phones."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def keys(at: int) -> None:
        async with gate:
            for key in range(1, KEYS + 1):
                await phones[at].subscribe(str(FIRST + (at + key) % PHONES))

    began, used = time.perf_counter(), _cpu_s(up.asterisk.pid)
    async with asyncio.TaskGroup() as tasks:
        for at in range(len(phones)):
            tasks.create_task(keys(at))
    await _told(phones, PHONES * KEYS)
    took, cpu = time.perf_counter() - began, _cpu_s(up.asterisk.pid) - used
    count = PHONES * KEYS
    print(
        f"{count} subscriptions: {took:.1f} s ({count / took:.0f}/s), Asterisk {cpu:.1f} s of CPU "
        f"({cpu / count * 1000:.2f} ms each), {_resident_mb(up.asterisk.pid):.0f} MB resident"
    )


async def _one_by_one(up: Unattended, phones: Sequence[Phone]) -> None:
    """Somebody goes away; the first and the last of those who watch are told."""
    first, last = [], []
    for at in range(ALONE):
        _forget(phones)
        began = time.perf_counter()
        await _away(up, FIRST + at)
        times = await _told(phones, KEYS)
        first.append((times[0] - began) * 1000)
        last.append((times[-1] - began) * 1000)
    print(
        f"one person away, {KEYS} told: first after {statistics.median(first):.0f} ms, last after "
        f"{statistics.median(last):.0f} ms (median of {ALONE}), {max(last):.0f} ms at worst"
    )


async def _together(up: Unattended, phones: Sequence[Phone]) -> None:
    """Many go away at the same moment."""
    _forget(phones)
    began, used = time.perf_counter(), _cpu_s(up.asterisk.pid)
    people = range(FIRST + ALONE, FIRST + ALONE + TOGETHER)
    gate = asyncio.Semaphore(ASKING)

    async def away(extension: int) -> None:
        async with gate:
            await _away(up, extension)

    async with asyncio.TaskGroup() as tasks:
        for extension in people:
            tasks.create_task(away(extension))
    count = TOGETHER * KEYS
    times = await _told(phones, count)
    cpu = _cpu_s(up.asterisk.pid) - used
    print(
        f"{TOGETHER} people away at once, {count} NOTIFYs: all told after "
        f"{times[-1] - began:.2f} s, Asterisk {cpu:.2f} s of CPU ({cpu / count * 1000:.2f} ms each)"
    )


async def _away(up: Unattended, extension: int) -> None:
    site = up.site
    until = working_hours(site) + timedelta(hours=3)
    values = {"person": str(extension), "reason": "lunch", "until": until.isoformat(), "by": ""}
    body = {"command": "SetReferral", "values": values}
    answer = await control.ask(control_socket(site.deployment.state), "command", body)
    assert answer["outcome"] == "command-done", answer


def _forget(phones: Sequence[Phone]) -> None:
    for phone in phones:
        phone.told.clear()


async def _told(phones: Sequence[Phone], count: int) -> list[float]:
    """When each was told, in order, once so many were. Raises `TimeoutError`."""
    async with asyncio.timeout(60):
        while True:
            times = [at for phone in phones for held in phone.told.values() for at in held]
            if len(times) >= count:
                return sorted(times)
            await asyncio.sleep(0.05)


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    assert found is not None
    return int(found[1]) / 1024


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    log_to_stderr("warning")
    asyncio.run(measure())
