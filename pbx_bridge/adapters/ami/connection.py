"""The connection to Asterisk's manager (AMI): actions and their answers, events.

What manager.conf has to permit: `read = system` (Asterisk tells that it is fully booted),
and the rights of whatever is asked; `switch` and `phones` say theirs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from random import Random, SystemRandom

import structlog
from panoramisk import Message

from pbx_bridge.adapters.ami.line import Asked, Header, Line, Lines
from pbx_bridge.ports import PbxRejected, PbxUnavailable
from pbx_bridge.wire import ami
from pbx_bridge.wire.backoff import delays

CONNECT_TIMEOUT_S = 5.0
ACTION_TIMEOUT_S = 5.0
"""For one answer, or one list to its end."""
BOOT_TIMEOUT_S = 60.0
"""From login until Asterisk has loaded all its modules and takes every action."""
SILENCE_S = 5.0
"""A peer that says nothing is given up within this time, at any moment of a connection."""
STEADY_S = 30.0
"""A connection that lasted this long was a good one: the next wait is short again."""

Answer = Mapping[str, str]
"""Headers of a message by name as Asterisk wrote it; repeated ones joined by LF."""

log = structlog.get_logger(__name__)


class Ami:
    """The manager of a real Asterisk, over every reconnection.

    `run` owns the connection. While there is none every action raises `PbxUnavailable` at
    once. An action that fails so may or may not have been carried out; no one but the caller
    knows whether it may be asked again.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str,
        secret: str,
        events: Sequence[str] = (),
        counted: Collection[str] = (),
        silence_s: float = SILENCE_S,
        action_timeout_s: float = ACTION_TIMEOUT_S,
        rng: Random | None = None,
    ) -> None:
        """`events`: the classes wanted (`agent`, `call`, …) beside `system`.

        A call makes some 90 events when all are wanted, so ask for few. `counted`: names of
        events that are counted and not handed on, of which there may be very many.
        """
        self._where = f"{host}:{port}"
        self._user = user
        self._login = {"Username": user, "Secret": secret}
        self._login["Events"] = ",".join(dict.fromkeys(("system", *events)))
        self._silence_s = silence_s
        self._action_timeout_s = action_timeout_s
        self._rng = rng or SystemRandom()
        self.counted: Counter[str] = Counter()
        self._names = frozenset(counted)
        self._on_counted: dict[str, Callable[[str], None]] = {}
        self._manager = Lines(host=host, port=port, protocol_factory=self._new_line)
        self._line: Line | None = None
        self._settled = asyncio.Event()
        self._refused: PbxRejected | None = None
        self._accepted = False
        self._lost = False
        self._hooks: list[Callable[[], Awaitable[None]]] = []
        self.banner = ""
        """Version of the protocol that the peer last spoke, e.g. 11.0.0 for Asterisk 22."""

    # The connection

    @property
    def connected(self) -> bool:
        """Logged in to a fully booted Asterisk that was heard a moment ago."""
        return self._line is not None and not self._line.closed

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises `PbxRejected` when the very first login is refused. Once a login was accepted
        a refusal is a passing state (manager.conf is being reloaded) and is tried again.
        """
        clock = asyncio.get_running_loop().time
        waits = delays(self._rng)
        while True:
            began = clock()
            try:
                await self._hold()
            except PbxRejected as refusal:
                if not self._accepted:
                    self._refused = refusal
                    self._settled.set()
                    raise
                self._note_loss(refusal)
            except PbxUnavailable as why:
                self._note_loss(why)
            if clock() - began > STEADY_S:
                waits = delays(self._rng)
            await asyncio.sleep(next(waits))

    async def wait_connected(self, timeout_s: float) -> None:
        """Return when connected. Raises `PbxUnavailable` after `timeout_s`, `PbxRejected`.

        The hooks of `on_connect` may still be running.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            raise PbxUnavailable(
                f"no connection to Asterisk's manager at {self._where} within {timeout_s} s; "
                "see that Asterisk runs and that manager.conf has enabled = yes and this port"
            ) from None
        if self._refused:
            raise self._refused

    def on_connect(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Await `hook` after every login, hooks in the order given; it may use actions.

        A hook is cancelled when the connection is lost. One that raises `PbxUnavailable`
        has the connection made anew, and so is tried again; another error is logged.
        """
        self._hooks.append(hook)

    def on_counted(self, name: str, callback: Callable[[str], None]) -> None:
        """Call `callback` with the sender's address at every event called `name` that is counted.

        As `on_event`, and there may be very many."""
        self._on_counted[name] = callback

    def _count(self, name: str, text: str) -> None:
        self.counted[name] += 1
        if name in self._on_counted:
            self._on_counted[name](ami.sender(text))

    def on_event(self, name: str, callback: Callable[[Answer], None]) -> None:
        """Call `callback` with every event called `name` (`*` and `?` allowed), in order.

        It is called between two reads of the socket: be quick. Events of a time without a
        connection are not made up for; ask for lists in an `on_connect` hook.
        """

        def heard(_: object, message: Message) -> None:
            try:
                callback(_plain(message))
            except Exception:
                log.exception("ami_event_not_handled", name=name)

        self._manager.register_event(name, heard)

    async def _hold(self) -> None:
        """Connect, log in and stay; end only by an exception that says why."""
        try:
            line = await self._dial()
            await self._log_in(line)
            async with asyncio.TaskGroup() as tasks:
                opening = tasks.create_task(self._open(line))
                await self._watch(line)
                opening.cancel()
            raise PbxUnavailable(line.why)
        finally:
            self._line = None
            self._settled.clear()
            self._manager.close()

    def _new_line(self) -> Line:
        return Line(self._manager, self._where, self._names, self._count)

    async def _dial(self) -> Line:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, line = await self._manager.connect()
        except (OSError, TimeoutError) as error:
            raise PbxUnavailable(f"can't connect to {self._where}: {error}") from None
        assert isinstance(line, Line)
        return line

    async def _log_in(self, line: Line) -> None:
        [answer] = await self._ask(line, "Login", self._login, timeout_s=self._silence_s * 0.9)
        if not answer.success:
            raise _refusal(
                "Login",
                answer,
                f"Asterisk at {self._where} does not let user {self._user!r} in. Give manager.conf "
                "a section of that name with the same secret and a permit for this machine's "
                "address, then: asterisk -rx 'manager reload'",
            )
        self._accepted = True
        self.banner = line.version or ""

    async def _open(self, line: Line) -> None:
        """Wait until Asterisk takes every action, then let everybody in."""
        try:
            async with asyncio.timeout(BOOT_TIMEOUT_S):
                await line.booted.wait()
        except TimeoutError:
            line.close("no FullyBooted event; give the user read = system in manager.conf")
            return
        self._line = line
        self._settled.set()
        log.info("ami_back" if self._lost else "ami_connected", protocol=self.banner)
        self._lost = False
        for hook in self._hooks:
            try:
                await hook()
            except PbxUnavailable as why:
                line.close(f"a hook failed: {why}")
                return
            except Exception:
                log.exception("ami_hook_failed")

    async def _watch(self, line: Line) -> None:
        """Return when the line is gone; a silent peer is gone after `silence_s`.

        Anything heard counts as life, so a burst of events before the answer does no harm.
        """
        while not line.gone.is_set():
            asked_at = line.now()
            line.send(Asked({"Action": "Ping"}))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._silence_s * 0.45):
                    await line.gone.wait()
            if line.heard_at < asked_at:
                line.close("Asterisk is silent; the machine or the network hangs")

    def _note_loss(self, why: Exception) -> None:
        if not self._lost:
            log.warning("ami_lost", where=self._where, why=str(why))
        self._lost = True

    # Actions

    async def action(self, name: str, /, **headers: Header) -> Answer:
        """The response to one action. A tuple makes the header repeat.

        Raises `ValueError` for what can't be sent, `PbxUnavailable` (not connected, lost or
        not answered in time: it may have been carried out), `PbxRejected` (Asterisk says no).
        """
        [answer] = await self._ask(self._open_line(), name, headers)
        if not answer.success:
            raise _refusal(name, answer)
        return _plain(answer)

    async def listed(self, name: str, /, **headers: Header) -> list[Answer]:
        """The items of an action that answers with a list, without its start and end.

        Raises like `action`; a list that does not end in time is `PbxUnavailable` too.
        """
        first, *items = await self._ask(self._open_line(), name, headers, as_list=True)
        if not first.success:
            raise _refusal(name, first)
        return [_plain(item) for item in items if "event" in item and not item.eventlist]

    async def _ask(
        self,
        line: Line,
        name: str,
        headers: Mapping[str, Header],
        *,
        as_list: bool = False,
        timeout_s: float | None = None,
    ) -> list[Message]:
        if any(header.lower() in ("action", "actionid") for header in headers):
            raise ValueError("Action and ActionID of an AMI action are not the caller's to choose")
        asked = Asked({"Action": name, **headers}, as_list=as_list)
        limit_s = timeout_s or self._action_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                answered = await line.send(asked)
        except TimeoutError:
            raise PbxUnavailable(
                f"Asterisk at {self._where} did not answer {name} within {limit_s} s"
            ) from None
        finally:
            line.forget(asked)
        return answered if isinstance(answered, list) else [answered]

    def _open_line(self) -> Line:
        if self._line is None:
            raise PbxUnavailable(f"not connected to Asterisk's manager at {self._where}")
        return self._line


def _plain(message: Message) -> Answer:
    return {
        name: value if isinstance(value, str) else "\n".join(value)
        for name, value in message.items()
    }


def _refusal(name: str, answer: Message, advice: str = "") -> PbxRejected | PbxUnavailable:
    """What a response other than success means."""
    said = (answer.message or answer.response).rstrip(".")
    if "shutting down" in said:
        return PbxUnavailable(f"{name}: {said}")
    if said == "Permission denied" and not advice:
        advice = f"give the user in manager.conf the right (write = …) that {name} needs"
    return PbxRejected(f"Asterisk refuses {name}: {said}" + (f". {advice}" if advice else ""))
