"""FastAGI server: answers questions from dialplans that technicians already have.

    same => n,AGI(agi://127.0.0.1:4573/referral/${EXTEN})
    same => n,GotoIf($["${PBX_AGI}" != "OK"]?unknown)

It sets variables and commands nothing else. FastAGI has no authentication of its own, so whoever
asks is asked for a global variable of the rendered dialplan first, which Asterisk alone can read:
nobody else on the machine learns who is away. Asterisk waits for a silent server without
limit, so every conversation ends here within `CONVERSATION_TIMEOUT_S`; `AGISTATUS` doesn't
tell whether all was set, `PBX_AGI` does.

panoramisk's FastAGI server is not used: its loop never awaits once a client has connected and
closed, and the whole process stands still.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable, Mapping
from typing import Self, assert_never

import structlog

from pbx_bridge.adapters.doors import Door, Limits, Trouble
from pbx_bridge.wire.agi import (
    MAX_REQUEST_BYTES,
    Decoder,
    Garbled,
    Hangup,
    Received,
    Reply,
    Request,
    get_variable,
    set_variable,
    value_of,
)

log = structlog.get_logger(__name__)

Answer = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""The path asked for and Asterisk's headers, to the variables to set; none means that nothing
is known at that path. Called on the event loop: a pure look-up."""

CONVERSATION_TIMEOUT_S = 5.0
"""From connection to the last answer; a caller hears nothing meanwhile."""
SILENCE_TIMEOUT_S = 2.0
"""For each thing that Asterisk is to send."""
CLOSE_TIMEOUT_S = 1.0
LIMITS = Limits(
    connections=200,
    per_s=500.0,
    ask_s=SILENCE_TIMEOUT_S,
    ask_bytes=MAX_REQUEST_BYTES,
    stay_s=CONVERSATION_TIMEOUT_S,
)
READ_BYTES = 4096

KEY = "PBX_LOOKUP_KEY"
STATUS = "PBX_AGI"
OK, UNKNOWN, ERROR = "OK", "UNKNOWN", "ERROR"


class _Over(Exception):
    """The peer has gone; not an error."""


class FastAgi:
    """One listening socket. Use as an asynchronous context manager, or `start` and `close`."""

    def __init__(self, answer: Answer, key: str, host: str = "127.0.0.1", port: int = 0) -> None:
        """`key`: what Asterisk's variable `KEY` holds."""
        self._answer = answer
        self._key = key.encode()
        self._host = host
        self._port = port
        self._door: Door | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._slow = Trouble("agi_timeout")
        self._garbled = Trouble("agi_garbled")
        self._refused = Trouble("agi_command_refused")
        self._strangers = Trouble("agi_not_asked_by_asterisk")

    @property
    def port(self) -> int:
        """The port that is listened on (chosen by the system when 0 was given)."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        listener = socket.create_server((self._host, self._port))
        self._port = listener.getsockname()[1]
        self._door = Door("agi", LIMITS, self._protocol, asked=b"\n\n")
        await self._door.open(listener)
        log.info("agi_listening", host=self._host, port=self._port)

    async def close(self) -> None:
        """Stop listening and end every conversation. Idempotent."""
        if self._door is None:
            return
        await self._door.close()
        conversations = set(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        for trouble in (self._slow, self._garbled, self._refused, self._strangers):
            trouble.close()
        self._door = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _protocol(self) -> asyncio.Protocol:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_REQUEST_BYTES, loop=loop)
        return asyncio.StreamReaderProtocol(reader, self._serve, loop=loop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            await self._guarded(reader, writer)
        finally:
            self._conversations.discard(task)
            writer.transport.abort()

    async def _guarded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation, with everything that may go wrong in it ending here."""
        try:
            async with asyncio.timeout(CONVERSATION_TIMEOUT_S):
                await self._converse(_Line(reader, writer))
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                writer.close()
                await writer.wait_closed()
        except TimeoutError:
            self._slow.note()
        except Garbled as error:
            self._garbled.note(why=str(error))
        except (_Over, OSError) as error:
            log.debug("agi_over", why=str(error))
        except Exception:
            log.exception("agi_failed")

    async def _converse(self, line: _Line) -> None:
        request = await line.next()
        if not isinstance(request, Request):
            raise Garbled("an answer before any command")
        line.writer.write(get_variable(KEY))
        await line.writer.drain()
        told = value_of(await line.answer()).encode()
        if not hmac.compare_digest(told, self._key):
            self._strangers.note()
            return
        for command in self._commands(request):
            line.writer.write(command)
            await line.writer.drain()
            answer = await line.answer()
            if not answer.ok:
                self._refused.note(code=answer.code, text=answer.text)
                return

    def _commands(self, request: Request) -> list[bytes]:
        """All commands or none: nothing is set when one value can't be."""
        try:
            variables = self._answer(request.path, request.headers)
            commands = [set_variable(name, value) for name, value in variables.items()]
        except Exception:
            log.exception("agi_answer_failed")
            return [set_variable(STATUS, ERROR)]
        return [*commands, set_variable(STATUS, OK if variables else UNKNOWN)]


class _Line:
    """A connection with its decoder."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._decoder = Decoder()
        self._received: list[Received] = []

    async def next(self) -> Received:
        async with asyncio.timeout(SILENCE_TIMEOUT_S):
            while not self._received:
                data = await self._reader.read(READ_BYTES)
                if not data:
                    raise _Over("closed by Asterisk")
                self._received = self._decoder.feed(data)
        return self._received.pop(0)

    async def answer(self) -> Reply:
        """The answer to the command just sent, with its caller still there."""
        message = await self.next()
        match message:
            case Reply():
                return message
            case Hangup():
                raise _Over("the caller hung up")
            case Request():
                raise Garbled("a second request")
            case _:
                assert_never(message)
