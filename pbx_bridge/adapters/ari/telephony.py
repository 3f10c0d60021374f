"""ARI: channels that ask for a decision, and the way to give it.

One task reads the socket and does nothing else; whoever sent a request awaits its future.
Channels that were in the application when a socket was lost would stay there in silence
for ever, so each connection begins by sending them on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog

from pbx_bridge.adapters.ari.socket import AriAddress, AriSocket, Silent
from pbx_bridge.core.devices import TECHNOLOGY, extension_of, member
from pbx_bridge.ports import Done, NoticeDelayed, Offer, PbxRejected, PbxUnavailable, ProtocolError
from pbx_bridge.wire import ari
from pbx_bridge.wire.backoff import delays

REQUEST_TIMEOUT_S = 2.0
BAD_REQUEST, NOT_FOUND = 400, 404
ENTER_TIMEOUT_S = 1.0
"""From a won claim to `StasisStart`."""
PING_INTERVAL_S = 2.0
SERVED_LATE_S = 60.0
"""After a new connection: then Asterisk has served all that were made before."""
MOST_WAITING = 2000
"""Offers held for the bridge; beyond that callers go to the fallback after its time-out."""

MESSAGES_FROM = "sip:pbx-bridge@127.0.0.1"
"""Who texts on phones are from; nobody can answer them."""

log = structlog.get_logger(__name__)

Hook = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the Asterisk at hand can do; the newest way is the default."""

    over_websocket: bool = True
    """Requests over the WebSocket (20.14, 22.4); else one HTTP request each."""
    many_variables: bool = True
    """Several variables in one request (20.20, 22.10); else one by one."""


NEWEST = Dialect()


@dataclass(slots=True)
class Counters:
    """What was heard and dropped, for `status`."""

    ignored: int = 0
    malformed: int = 0
    overflowed: int = 0


class Ari:
    """The Telephony port over ARI."""

    def __init__(
        self,
        address: AriAddress,
        *,
        step_context: str,
        decide_context: str,
        announce_context: str = "",
        dialect: Dialect = NEWEST,
        ping_interval_s: float = PING_INTERVAL_S,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.counters = Counters()
        self.connected = asyncio.Event()
        self.on_connect: list[Hook] = []
        self.on_lost: list[Hook] = []
        self._address = address
        self._step_context = step_context
        self._decide_context = decide_context
        self._announce_context = announce_context
        self._dialect = dialect
        self._ping_interval_s = ping_interval_s
        self._request_timeout_s = request_timeout_s
        self._offers: asyncio.Queue[Offer] = asyncio.Queue(MOST_WAITING)
        self._entering: dict[str, asyncio.Future[None]] = {}
        self._socket: AriSocket | None = None
        self._given_up = 0
        """Connections that Asterisk may still serve, because it was silent."""
        self._connected_at = 0.0

    async def run(self) -> None:
        """Keep connected until cancelled. Raises `PbxRejected` for what can't be cured."""
        rng = random.Random()  # noqa: S311 - spreads reconnections, keeps no secret
        waits = delays(rng)
        said_lost = False
        while True:
            try:
                async with self._new_socket() as socket, asyncio.TaskGroup() as tasks:
                    self._connected_at = asyncio.get_running_loop().time()
                    tasks.create_task(socket.read(self._heard), name="ari-reader")
                    await self._prepare(socket)
                    log.info("ari_back" if said_lost else "ari_connected")
                    said_lost = False
                    while True:
                        await self._ping(socket)
                        # Only now: a peer that accepts and closes is met ever more slowly.
                        waits = delays(rng)
            except* (PbxUnavailable, ProtocolError) as group:
                if group.subgroup(Silent):
                    self._given_up += 1
                if not said_lost:
                    log.warning("ari_lost", why=str(group.exceptions[0]))
                    said_lost = True
            except* PbxRejected as group:
                raise _first(group) from None
            finally:
                await self._lost()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # A task group that fails while it is cancelled tells of the failure alone.
                raise asyncio.CancelledError
            await asyncio.sleep(next(waits))

    async def offers(self) -> AsyncIterator[Offer]:
        """Yield channels that wait for a decision, over every reconnection."""
        while True:
            yield await self._offers.get()

    async def claim(self, offer: Offer) -> Done:
        """Win the channel and wait until it is ours; LOST when another bridge was first."""
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entering[offer.channel] = entered
        try:
            query = {"channelId": offer.channel, "application": self._address.app}
            outcome = await self._command("POST", "events/claim", query)
            if outcome is Done.DONE:
                async with asyncio.timeout(ENTER_TIMEOUT_S):
                    await entered
            return outcome
        except TimeoutError:
            return Done.GONE
        finally:
            self._entering.pop(offer.channel, None)

    async def proceed(self, channel: str, step: str, variables: Mapping[str, str]) -> Done:
        """Send the channel into the step context: variables and `continue` go out together.

        Raises `ProtocolError` when Asterisk refuses a variable, also where the channel has
        gone on without it.
        """
        path = f"channels/{ari.segment(channel)}"
        query = {"context": self._step_context, "extension": step, "priority": "1"}
        if self._dialect.over_websocket and self._dialect.many_variables:
            socket = self._connected_socket()
            setting = socket.send("POST", f"{path}/variables", None, {"variables": variables})
            outcome = await self._command("POST", f"{path}/continue", query)
            answer = await socket.answer(setting)
            if outcome is not Done.DONE:
                return outcome
            return await self._set(answer, path, "variables")
        for name, value in variables.items():
            setting_one = {"variable": name, "value": value}
            answer = await self._connected_socket().request("POST", f"{path}/variable", setting_one)
            outcome = await self._set(answer, path, "variable")
            if outcome is not Done.DONE:
                return outcome
        return await self._command("POST", f"{path}/continue", query)

    async def _set(self, answer: ari.Response, path: str, what: str) -> Done:
        """How it went to set a variable. Of a caller who hangs up at that very moment Asterisk says
        that the request was bad (400), as of a variable that it refuses."""
        if answer.status == BAD_REQUEST:
            channel = await self._connected_socket().request("GET", path)
            if channel.status == NOT_FOUND:
                return Done.GONE
        return _outcome(answer, f"POST {path}/{what}")

    async def started_at(self) -> datetime:
        """When Asterisk was started, by its own clock, to the millisecond."""
        path = "asterisk/info"
        answer = await self._connected_socket().request("GET", path, {"only": "status"})
        self._accepted(answer, f"GET {path}")
        status = answer.body.get("status") if isinstance(answer.body, dict) else None
        told = status.get("startup_time") if isinstance(status, dict) else None
        try:
            return datetime.fromisoformat(str(told))
        except ValueError:
            raise ProtocolError(f"ARI's answer to GET {path} has no start-up time") from None

    async def set_function(self, function: str, value: str) -> None:
        """Write a function of the dialplan that needs no channel, such as `DEVICE_STATE(Custom:x)`.

        Raises `PbxUnavailable`, `PbxRejected`, `ProtocolError`.
        """
        path = "asterisk/variable"
        asked = {"variable": function, "value": value}
        answer = await self._connected_socket().request("POST", path, asked)
        self._accepted(answer, f"POST {path}")

    async def ping(self) -> None:
        """One round trip. Raises `PbxUnavailable`."""
        await self._connected_socket().request("GET", "asterisk/ping")

    async def message(self, endpoints: Sequence[str], text: str) -> None:
        """Show `text` on the phones that are there; Asterisk doesn't tell whether they took it."""
        query = {"from": MESSAGES_FROM, "body": text}
        for one in await self._registered(endpoints):
            path = f"endpoints/{TECHNOLOGY}{ari.segment(one)}/sendMessage"
            self._delivered(await self._connected_socket().request("PUT", path, query), one)

    async def ring_up(
        self,
        endpoints: Sequence[str],
        variables: Mapping[str, str],
        seconds: int,
        shown: tuple[str, str],
    ) -> None:
        """Call all phones of a person; when one answers it enters the announce context. One that
        sends the call elsewhere (302) declines: what is asked is for its owner alone (S14)."""
        await self._registered(endpoints)
        extension = extension_of(endpoints[0])
        query = {
            "endpoint": member(extension),
            "context": self._announce_context,
            "extension": "s",
            "priority": "1",
            "timeout": str(seconds),
            "callerId": f'"{shown[1]}" <{shown[0]}>',
        }
        body = {"variables": dict(variables)}
        answer = await self._connected_socket().request("POST", "channels", query, body)
        self._delivered(answer, extension)

    async def _registered(self, endpoints: Sequence[str]) -> Sequence[str]:
        """Those of somebody's phones that are registered. Raises `NoticeDelayed` while none is."""
        socket = self._connected_socket()
        found: list[str] = []
        for one in endpoints:
            path = f"endpoints/{TECHNOLOGY}{ari.segment(one)}"
            answer = await socket.request("GET", path)
            if isinstance(answer.body, dict) and answer.body.get("state") == "online":
                found.append(one)
        if not found:
            raise NoticeDelayed(f"no phone of {extension_of(endpoints[0])} is registered")
        return found

    def _delivered(self, answer: ari.Response, extension: str) -> None:
        if not 200 <= answer.status < 300:
            raise NoticeDelayed(f"Asterisk answered {answer.status} for the phone of {extension}")

    async def _command(self, method: str, path: str, query: Mapping[str, str]) -> Done:
        answer = await self._connected_socket().request(method, path, query)
        return _outcome(answer, f"{method} {path}")

    def _connected_socket(self) -> AriSocket:
        if self._socket is None:
            raise PbxUnavailable("ARI is not connected")
        return self._socket

    def _new_socket(self) -> AriSocket:
        return AriSocket(
            self._address,
            over_websocket=self._dialect.over_websocket,
            timeout_s=self._request_timeout_s,
            heartbeat_s=self._ping_interval_s,
        )

    async def _prepare(self, socket: AriSocket) -> None:
        app = ari.segment(self._address.app)
        allowed = {"allowed": [{"type": kind} for kind in ari.EVENT_TYPES]}
        filtering = f"applications/{app}/eventFilter"
        self._accepted(await socket.request("PUT", filtering, None, allowed), f"PUT {filtering}")
        stranded = await self._stranded(socket, app)
        # From here on: whoever enters now isn't among the stranded, and needs a decision.
        self._socket = socket
        await self._send_on(socket, stranded)
        for hook in self.on_connect:
            await hook()
        self.connected.set()

    async def _stranded(self, socket: AriSocket, app: str) -> list[str]:
        """Channels left in the application by a lost socket."""
        path = f"applications/{app}"
        answer = await socket.request("GET", path)
        self._accepted(answer, f"GET {path}")
        held = answer.body.get("channel_ids") if isinstance(answer.body, dict) else None
        if not isinstance(held, list):
            raise ProtocolError(f"ARI's answer to GET {path} has no list of channels")
        return [str(channel) for channel in held]

    async def _send_on(self, socket: AriSocket, stranded: list[str]) -> None:
        """Stranded channels get a new decision; one that can't be sent on keeps no other."""
        query = {"context": self._decide_context, "extension": "s", "priority": "1"}
        for channel in stranded:
            path = f"channels/{ari.segment(channel)}/continue"
            try:
                _outcome(await socket.request("POST", path, query), f"POST {path}")
            except ProtocolError as error:
                log.warning("stranded_call_stays", call=channel[:80], why=str(error))
        if stranded:
            log.warning("stranded_calls_sent_on", count=len(stranded))

    def _accepted(self, answer: ari.Response, what: str) -> None:
        """Raise unless Asterisk did it. A user that may only read would answer no call."""
        if answer.status in (401, 403):
            raise PbxRejected(
                f"ARI refuses {what} to user {self._address.user!r}: give it read_only = no "
                "in ari.conf"
            )
        if _outcome(answer, what) is not Done.DONE:
            raise ProtocolError(f"ARI answered {answer.status} {answer.reason} to {what}")

    async def _ping(self, socket: AriSocket) -> None:
        """One rest and one round trip: a peer that has fallen silent is noticed by it."""
        await asyncio.sleep(self._ping_interval_s)
        await socket.request("GET", "asterisk/ping")
        if self._is_own():
            # The end of a connection that was served late may take our application with it.
            path = f"applications/{ari.segment(self._address.app)}"
            if (await socket.request("GET", path)).status == 404:
                raise PbxUnavailable("Asterisk has dropped our application")

    async def _lost(self) -> None:
        self._socket = None
        if self.connected.is_set():
            self.connected.clear()
            for hook in self.on_lost:
                await hook()

    def _heard(self, event: ari.Message) -> None:
        match event:
            case ari.Broadcast(channel):
                self._offer(channel, claimed=False)
            case ari.Entered(channel):
                entering = self._entering.get(channel.id)
                if entering is None:
                    self._offer(channel, claimed=True)
                elif not entering.done():
                    entering.set_result(None)
            case ari.Replaced() if self._is_own():
                self._given_up -= 1
                raise PbxUnavailable("an older connection of ours was served late")
            case ari.Replaced():
                raise PbxRejected(
                    f"another bridge has connected to Asterisk as {self._address.app!r} and "
                    "taken over its calls; stop one of the two"
                )
            case ari.Ignored() | ari.Response():
                self.counters.ignored += 1
            case ari.Malformed(why):
                self.counters.malformed += 1
                log.warning("ari_malformed", why=why[:200])
            case _:
                assert_never(event)

    def _is_own(self) -> bool:
        """Whether it was one of our own connections that took over: Asterisk hung, and serves now
        what we gave up meanwhile. There are no more of them than were given up, and none any more
        a while after; a second bridge is told apart by that."""
        if asyncio.get_running_loop().time() - self._connected_at > SERVED_LATE_S:
            self._given_up = 0
        return self._given_up > 0

    def _offer(self, channel: ari.Channel, *, claimed: bool) -> None:
        linkedid = channel.variables.get("PBX_LINKED") or channel.id
        offer = Offer(channel.id, linkedid, channel.caller, channel.variables, claimed)
        try:
            self._offers.put_nowait(offer)
        except asyncio.QueueFull:
            self.counters.overflowed += 1


def _outcome(answer: ari.Response, what: str) -> Done:
    """404 and 409 are ordinary: the caller hung up, or the channel is another's."""
    if 200 <= answer.status < 300:
        return Done.DONE
    if answer.status == NOT_FOUND:
        return Done.GONE
    if answer.status in (409, 412):
        return Done.LOST
    raise ProtocolError(f"ARI answered {answer.status} {answer.reason} to {what}")


def _first(group: BaseExceptionGroup[PbxRejected]) -> PbxRejected:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, PbxRejected)
    return error
