"""A running exchange with phones and callers of our own, for the demo and the tests.

A call made here is known from three sides: what SIPp saw, what Asterisk recorded, and the
sound that the caller heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx_bridge.adapters import control
from pbx_bridge.adapters.speech import MANIFEST, read_manifest
from pbx_bridge.asterisk import secrets
from pbx_bridge.bootstrap import SECRETS, control_socket
from pbx_bridge.cli.calling import CALLER, sipp_program
from pbx_bridge.core import codes
from pbx_bridge.core.latency import Journey, fold
from pbx_bridge.softphone.audio import correlation, load
from pbx_bridge.softphone.behaviour import Behaviour, Press
from pbx_bridge.softphone.caller import Caller, CallResult, place_call
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.supervisor.exchange import Unattended
from pbx_bridge.watching import Watch
from pbx_bridge.wire.rtp import Samples

SAME_SOUND = 0.7
"""Correlation from which two sounds are the same sentence; others stay below 0.3."""
LONGEST_CALL_S = 40.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that was played to the caller."""

    text: str
    score: float
    """How well its sound is found in what the caller heard, up to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A call that is over, from all sides."""

    result: CallResult
    journey: Journey
    sentences: tuple[Sentence, ...]

    @property
    def heard(self) -> str:
        """The sentences that are in the sound that the caller heard, as text."""
        return " ".join(one.text for one in self.sentences if one.score >= SAME_SOUND)

    @property
    def whys(self) -> list[str]:
        """The rules that decided, in order."""
        return [mark.why for mark in self.journey.steps]


class Stage:
    """Phones and callers of one exchange."""

    def __init__(self, up: Unattended, watch: Watch) -> None:
        self.up = up
        self.watch = watch
        held = secrets.load(up.site.deployment.state / SECRETS, up.site.plan)
        self.secrets, self.pins = held.phones, held.pins
        self.sipp = sipp_program()

    @asynccontextmanager
    async def phone(self, extension: str, behaviour: Behaviour) -> AsyncIterator[Phone]:
        """The registered phone of somebody."""
        server, secret = self.up.running.sip, self.secrets[extension]
        async with Phone(sipp_program(), server, extension, secret, behaviour) as phone:
            yield phone

    async def call(
        self,
        number: str,
        *,
        phone: str = "",
        press: Sequence[Press] = (),
        plays: Samples | None = None,
        from_number: str = CALLER,
        from_name: str = "",
        hold_s: float = LONGEST_CALL_S,
    ) -> Made:
        """Dial `number`, from outside or from somebody's phone, and stay until the end.

        Calls to different numbers may be made at the same time.
        """
        first = len(self.watch.events)
        result = await place_call(
            sipp_program(),
            self.up.running.sip,
            to=number,
            from_number=from_number,
            from_name=from_name,
            user=phone,
            secret=self.secrets.get(phone, ""),
            plays=plays,
            press=press,
            hold_s=hold_s,
        )
        return await self.made(result, first, number)

    def caller(
        self,
        number: str,
        phone: str = "",
        plays: Samples | None = None,
        from_number: str = CALLER,
    ) -> Caller:
        """A caller under live control, from outside or from somebody's phone."""
        return Caller(
            sipp_program(),
            self.up.running.sip,
            to=number,
            from_number=from_number,
            user=phone,
            secret=self.secrets.get(phone, ""),
            plays=plays,
        )

    async def made(self, result: CallResult, first: int, number: str = "") -> Made:
        """A call as the record has it; the only one (to `number`) since event number `first`."""
        dialled, hides = codes.after_identity(number, self.up.site.plan)
        await self.watch.settled(number if hides is None else "")
        events = self.watch.events[first:]
        # The last lines of a call before it may come after its channels are gone.
        begun = {one.linkedid for one in events if one.begins_call}
        journeys = [one for one in fold(events) if one.linkedid in begun]
        if number:
            journeys = [one for one in journeys if one.dialled == dialled]
        if len(journeys) != 1:
            raise RuntimeError(f"the record holds {len(journeys)} calls where one was made")
        return Made(result, journeys[0], tuple(self._sentences(result, journeys[0])))

    def _sentences(self, result: CallResult, journey: Journey) -> list[Sentence]:
        folder = self.up.site.deployment.sounds
        said = read_manifest(folder / MANIFEST)
        names = [
            Path(sound).name
            for mark in journey.steps
            if mark.step in ("say", "ask")
            for sound in mark.detail.split("&")
            if Path(sound).name in said  # a note that somebody has spoken is no sentence
        ]
        return [
            Sentence(
                said.get(name, ""), correlation(result.heard, load(folder / f"{name}.wav")).score
            )
            for name in names
        ]

    async def ask(self, question: str, **body: object) -> Any:
        """Ask the bridge by its control socket."""
        return await control.ask(control_socket(self.up.site.deployment.state), question, body)
