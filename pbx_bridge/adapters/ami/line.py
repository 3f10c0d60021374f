"""One connection to Asterisk's manager: panoramisk's, cured of what would hurt an exchange.

panoramisk's `Manager` makes the connection and hands out events, its `Message` reads them,
its `AMIProtocol` finds the action that a message answers. Its faults, and the cure:

* actions in flight when a connection is lost are sent again on the next one, an `Originate`
  too: here they all fail at once, and nothing is ever sent twice (F15);
* CR and LF in a value reach the wire and start an action of their own: `wire.ami` (F13);
* bytes are decoded read by read, so a letter split between two reads is lost: `wire.ami` (F14);
* a peer that is silent for ever counts as connected: `heard_at` lets `Ami` see it (F03);
* a list that is refused is waited for without end, and a second response with the same id
  ends a list too early (F16, F17).

Only `connection` uses this. panoramisk carries no types, hence the three `type: ignore`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from panoramisk import Manager, Message
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from pbx_bridge.ports import PbxUnavailable
from pbx_bridge.wire import ami

GIVEN_UP = 256
"""Action ids remembered whose answers, should they come after all, mean nothing."""

Header = str | tuple[str, ...]
"""A value of an action's header; a tuple makes the header repeat."""

log = structlog.get_logger(__name__)


class Asked(Action):  # type: ignore[misc]  # panoramisk has no types
    """An action that is answered by a refusal, by one response, or by a list to its end."""

    def add_message(self, message: Message) -> bool:
        """Take a message with this action's id; True when the answer is whole."""
        if not self.responses and "response" not in message:
            return False  # an answer begins with a response
        return bool(super().add_message(message))

    @property
    def multi(self) -> bool:
        """Whether more follows. panoramisk guesses by the wording and by what was hoped."""
        return bool(self.as_list and self.responses[0].success)

    @property
    def completed(self) -> bool:
        """A list ends where Asterisk says so, not at a second response with the same id."""
        return not self.multi or self.responses[-1].eventlist == "Complete"


class Lines(Manager):  # type: ignore[misc]  # panoramisk has no types
    """Keeps nothing from one connection to the next except who listens to which event."""

    def connection_made(self, connected: asyncio.Future[Any]) -> None:
        """Take the new line into use. `Ami.run` alone decides when a failure is tried again."""
        if not connected.cancelled() and connected.exception() is None:
            super().connection_made(connected)

    def ping(self) -> None:
        """Nothing: `Ami._watch` asks, and looks whether anything is heard."""

    def send_awaiting_actions(self, *_: object) -> None:
        """Asterisk is fully booted. panoramisk would send again what was in flight before."""
        self.protocol.booted.set()


class Line(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """One connection, from greeting to end; the next one is another `Line`."""

    closed: bool

    def __init__(
        self,
        manager: Lines,
        where: str,
        names: frozenset[str],
        count: Callable[[str, str], None],
    ) -> None:
        """Events of `names` are counted alone: `count` gets the name and the whole event."""
        self._names = names
        self._count = count
        self._manager = manager
        self._where = where
        self._decoder = ami.Decoder()
        self._given_up: deque[str] = deque(maxlen=GIVEN_UP)
        self.now = asyncio.get_running_loop().time
        self.heard_at = self.now()
        self.booted = asyncio.Event()
        self.gone = asyncio.Event()
        self.why = ""
        """Why it is gone."""

    def data_received(self, data: bytes) -> None:
        """Hand on what became whole."""
        self.heard_at = self.now()
        try:
            received = self._decoder.feed(data)
        except ami.Garbled as error:
            self.close(f"{self._where} does not speak Asterisk's manager protocol: {error}")
            return
        for each in received:
            match each:
                case ami.Banner(version):
                    self.version = version
                case ami.Block(text) if (name := ami.event_name(text)) in self._names:
                    self._count(name, text)
                case ami.Block(text):
                    self._take(Message.from_line(text))

    def _take(self, message: Message | None) -> None:
        if message is None or self.closed or self._manager.protocol is not self:
            return  # the last: a peer that speaks before it is spoken to
        headers = ("event", "response", "actionid", "commandid", "message", "eventlist")
        if not all(isinstance(message.get(header, ""), str) for header in headers):
            log.warning("ami_message_ignored", why="a header that may stand once stands twice")
        elif message.id not in self._given_up:
            self.handle_message(message)

    def send(self, action: Asked, as_list: bool | None = None) -> asyncio.Future[Any]:  # noqa: ARG002 - panoramisk's signature
        """Write the action once; the future is its answer. Raises `ValueError` before that."""
        wire = ami.encode(_pairs(action))
        if self.closed:
            raise PbxUnavailable(self.why)
        self.responses[action.id] = action
        self.transport.write(wire)
        answer: asyncio.Future[Any] = action.future
        return answer

    def forget(self, action: Asked) -> None:
        """Nobody waits for this action any more; what still comes with its id is dropped."""
        if self.responses.pop(action.id, None) is not None:
            self._given_up.append(action.id)

    def connection_lost(self, cause: object) -> None:
        """The socket ended, or (panoramisk calls it then too) Asterisk said that it stops."""
        stops = isinstance(cause, Message)
        self.close("Asterisk stops" if stops else f"the connection ended ({cause or 'cleanly'})")

    def close(self, why: str = "closed by us") -> None:
        """End at once, without waiting for what is unsent; every action in flight fails."""
        if self.closed:
            return
        self.closed, self.why = True, why
        self.transport.abort()
        for action in self.responses.values():
            if not action.future.done():
                action.future.set_exception(
                    PbxUnavailable(f"{action.action} was not answered: {why}")
                )
                action.future.exception()  # a ping's is awaited by nobody
        self.responses.clear()
        self.gone.set()


def _pairs(action: Asked) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in action.items():
        values = (value,) if isinstance(value, str) else value
        pairs += [(name, each) for each in values]
    return pairs
