"""The FastAGI server among peers that behave and peers that don't (F18)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from panoramisk import fast_agi
from structlog.testing import capture_logs

from pbx_bridge.adapters import agi as module
from pbx_bridge.adapters.agi import FastAgi

TEST_TIMEOUT_S = 5
KEY = "a-key_of_32-letters"
ASKED = "GET VARIABLE PBX_LOOKUP_KEY\n"
PROOF = f"200 result=1 ({KEY})\n".encode()


def answer(path: str, request: Mapping[str, str]) -> Mapping[str, str]:
    match path:
        case "/referral/101":
            return {"REFERRAL_REASON": 'lunch "x"', "REFERRAL_UNTIL": "1795437000"}
        case "/broken":
            raise LookupError("a bug in the rules")
        case "/injected":
            return {"A": "fine", "B": "x\nEXEC System id"}
        case _:
            return {}


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
async def server() -> AsyncIterator[FastAgi]:
    """A server that must leave no task and no descriptor behind."""
    before = open_files()
    async with FastAgi(answer, KEY) as running:
        yield running
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.sleep(0)  # transports close their sockets in the loop's next round
    assert open_files() == before


def request(script: str) -> bytes:
    return (
        f"agi_network: yes\nagi_network_script: {script}\nagi_channel: Local/1\n"
        f"agi_callerid: 018000199\n\n"
    ).encode()


class Asterisk:
    """The client's end of one conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def command(self) -> str:
        """The next command, after the proof that Asterisk asks."""
        async with asyncio.timeout(TEST_TIMEOUT_S):
            said = (await self.reader.readline()).decode()
            if said == ASKED:
                self.writer.write(PROOF)
                said = (await self.reader.readline()).decode()
            return said

    async def ended(self) -> bool:
        """Wait until the server has let go of the connection."""
        async with asyncio.timeout(TEST_TIMEOUT_S):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True
            finally:
                self.close()

    def close(self) -> None:
        self.writer.transport.abort()


async def connect(server: FastAgi) -> Asterisk:
    return Asterisk(*await asyncio.open_connection("127.0.0.1", server.port))


async def ask(server: FastAgi, script: str, reply: bytes = b"200 result=1\n") -> list[str]:
    """The commands that the server sends when each is answered with `reply`."""
    asterisk = await connect(server)
    asterisk.writer.write(request(script))
    commands = []
    while command := await asterisk.command():
        commands.append(command)
        asterisk.writer.write(reply)
    assert await asterisk.ended()
    return commands


async def assert_answers(server: FastAgi) -> None:
    assert (await ask(server, "nothing")) == ['SET VARIABLE PBX_AGI "UNKNOWN"\n']


async def test_a_question_is_answered_and_ok_is_set_last(server: FastAgi) -> None:
    assert await ask(server, "referral/101") == [
        'SET VARIABLE REFERRAL_REASON "lunch \\"x\\""\n',
        'SET VARIABLE REFERRAL_UNTIL "1795437000"\n',
        'SET VARIABLE PBX_AGI "OK"\n',
    ]


async def test_an_unknown_path_is_said_to_be_unknown(server: FastAgi) -> None:
    assert await ask(server, "nothing") == ['SET VARIABLE PBX_AGI "UNKNOWN"\n']
    assert await ask(server, "") == ['SET VARIABLE PBX_AGI "UNKNOWN"\n']


@pytest.mark.parametrize("script", ["broken", "injected"])
async def test_a_failing_answer_sets_nothing_but_the_error(server: FastAgi, script: str) -> None:
    assert await ask(server, script) == ['SET VARIABLE PBX_AGI "ERROR"\n']
    await assert_answers(server)


async def test_a_refused_command_ends_without_ok(server: FastAgi) -> None:
    assert await ask(server, "referral/101", b"511 Command Not Permitted\n") == [
        'SET VARIABLE REFERRAL_REASON "lunch \\"x\\""\n'
    ]
    await assert_answers(server)


@pytest.mark.parametrize(
    "said",
    [
        b"200 result=0\n",
        b"200 result=1 ()\n",
        b"200 result=1 (guess)\n",
        f"200 result=1 ({KEY}x)\n".encode(),
        f"200 result=1 ({KEY}\n".encode(),
        f"510 result=1 ({KEY})\n".encode(),
        f"200 {KEY}\n".encode(),
        "200 result=1 (åäö)\n".encode(),
    ],
)
async def test_whoever_is_not_asterisk_learns_nothing(server: FastAgi, said: bytes) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            stranger = await connect(server)
            stranger.writer.write(request("referral/101"))
            assert (await stranger.reader.readline()).decode() == ASKED
            stranger.writer.write(said)
            assert await stranger.ended(), "and nothing more was said"
    assert [one["event"] for one in logs] == ["agi_not_asked_by_asterisk"]
    assert KEY not in str(logs)
    await assert_answers(server)


async def test_f18_a_client_that_connects_and_closes_harms_nobody(server: FastAgi) -> None:
    for _ in range(20):
        (await connect(server)).close()
    await assert_answers(server)


async def test_f18_a_client_that_resets_in_the_middle_harms_nobody(server: FastAgi) -> None:
    asterisk = await connect(server)
    asterisk.writer.write(request("referral/101"))
    await asterisk.command()
    raw: socket.socket = asterisk.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asterisk.close()
    await assert_answers(server)


@pytest.mark.parametrize("said", [b"", b"agi_network: yes\n", request("referral/101")])
async def test_f18_a_silent_client_is_let_go_and_meanwhile_others_are_answered(
    server: FastAgi, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(module, "SILENCE_TIMEOUT_S", 0.1)
    silent = await connect(server)
    silent.writer.write(said)
    if said.endswith(b"\n\n"):
        await silent.command()
    await assert_answers(server)
    assert await silent.ended()
    await assert_answers(server)


async def test_f18_a_client_that_dribbles_is_let_go_too(
    server: FastAgi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONVERSATION_TIMEOUT_S", 0.1)
    slow = await connect(server)
    dribble = asyncio.create_task(_dribble(slow))
    try:
        assert await slow.ended()
    finally:
        dribble.cancel()
        await asyncio.gather(dribble, return_exceptions=True)
    await assert_answers(server)


async def _dribble(asterisk: Asterisk) -> None:
    while True:
        asterisk.writer.write(b"agi_x: 1\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("flood", [b"x" * 1_000_000, b"agi_x: " + b"y" * 90 + b"\n"])
async def test_f18_a_megabyte_is_not_swallowed(server: FastAgi, flood: bytes) -> None:
    asterisk = await connect(server)
    asterisk.writer.write(flood * (1_000_000 // len(flood)))
    assert await asterisk.ended()
    await assert_answers(server)


async def test_f18_a_hangup_in_the_middle_ends_the_conversation(server: FastAgi) -> None:
    asterisk = await connect(server)
    asterisk.writer.write(request("referral/101"))
    await asterisk.command()
    asterisk.writer.write(b"HANGUP\n200 result=1\n")
    assert await asterisk.ended()
    await assert_answers(server)


async def test_of_more_than_the_limit_those_who_ask_nothing_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LIMITS", replace(module.LIMITS, connections=2))
    async with FastAgi(answer, KEY) as server:
        first = await connect(server)
        first.writer.write(request("referral/101"))
        await first.command()
        silent = await connect(server)
        await assert_answers(server)
        assert await silent.ended()
        second = await connect(server)
        second.writer.write(request("referral/101"))
        await second.command()
        assert await (await connect(server)).ended(), "both have asked: a third is let go"
        for one in (first, second):
            one.writer.write(b"HANGUP\n")
            assert await one.ended()
        await assert_answers(server)


async def test_nonsense_is_logged_once_however_often_it_comes() -> None:
    with capture_logs() as logs:
        async with FastAgi(answer, KEY) as server:
            for _ in range(50):
                asterisk = await connect(server)
                asterisk.writer.write(b"no request\n\n")
                assert await asterisk.ended()
    assert [one["event"] for one in logs if one["log_level"] != "info"] == ["agi_garbled"]


async def test_fifty_questions_at_once_are_all_answered(server: FastAgi) -> None:
    answers = await asyncio.gather(*(ask(server, "referral/101") for _ in range(50)))
    assert all(commands[-1] == 'SET VARIABLE PBX_AGI "OK"\n' for commands in answers)


async def test_closing_ends_open_conversations() -> None:
    server = FastAgi(answer, KEY)
    await server.start()
    asterisk = await connect(server)
    asterisk.writer.write(request("referral/101"))
    await asterisk.command()
    await server.close()
    await server.close()
    assert await asterisk.ended()
    assert asyncio.all_tasks() == {asyncio.current_task()}


class _Counted(asyncio.StreamReader):
    """A connection that was closed at once, with an end to the patience of the test."""

    reads = 0

    async def read(self, n: int = -1) -> bytes:
        self.reads += 1
        if self.reads > 10_000:
            raise InterruptedError("this never ends")
        return await super().read(n)


async def test_panoramisk_bare_stands_still_when_a_client_connects_and_closes() -> None:
    """Why its server isn't used: ten thousand reads, and nothing else on the loop had a turn."""
    reader = _Counted()
    reader.feed_eof()
    others_had_a_turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(others_had_a_turn.set)
    with pytest.raises(InterruptedError):
        await fast_agi.Application(loop=asyncio.get_running_loop()).handler(reader, None)
    assert not others_had_a_turn.is_set()
