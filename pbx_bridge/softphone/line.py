"""What is done in a call that is talked in: keys, and hanging up.

SIPp gives a call up when it is told something where its scenario does not listen, so what
is to be told waits here until it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pbx_bridge.softphone.behaviour import How, Press
from pbx_bridge.softphone.sipp import Sipp
from pbx_bridge.softphone.sound import Sound

AGAIN_S = 1.0
"""After which a call that has not ended is told again to hang up."""


class Line:
    """Our end of one call, from the moment that it takes commands."""

    def __init__(self, sipp: Sipp, call_id: str = "") -> None:
        self.call_id = call_id
        self._sipp = sipp
        self._listens = asyncio.Event()  # set too when the call is over: nothing to wait for
        self._over = False
        self._wants_to_hang_up = False
        self.told_to_hang_up = False
        self._again: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """The scenario is where it takes commands."""
        self._listens.set()
        if self._wants_to_hang_up:
            self.hang_up()

    def busy(self) -> None:
        """The scenario is not where it takes commands."""
        self._listens.clear()

    def end(self) -> None:
        """The call is over; what would still be told is dropped."""
        self._over = True
        self._listens.set()
        if self._again is not None:
            self._again.cancel()

    def hang_up(self) -> None:
        """Hang up now or as soon as the scenario listens."""
        self._wants_to_hang_up = True
        if self._listens.is_set() and not self.told_to_hang_up:
            self.told_to_hang_up = True
            self._tell_to_hang_up()

    async def press(self, sound: Sound, digits: str, how: How) -> None:
        """Press keys; returns when they are sent (RTP), confirmed (INFO) or the call is over."""
        if how is How.RTP:
            await sound.press(digits)
            return
        for digit in digits:
            await self._listens.wait()
            self._tell("info", digit=digit)
        await self._listens.wait()

    async def follow(self, sound: Sound, press: Sequence[Press], hold_s: float | None) -> None:
        """Press keys in order, hold for `hold_s` and hang up; with None, leave that to them."""
        for one in press:
            await asyncio.sleep(one.after_s)
            if one.after_silence_s is not None:
                await sound.quiet(one.after_silence_s)
            await self.press(sound, one.digits, one.how)
        if hold_s is not None:
            await asyncio.sleep(hold_s)
            self.hang_up()

    def _tell_to_hang_up(self) -> None:
        """SIPp may lose a command that meets something coming, or drop the call over it."""
        if self._again is not None:
            self._sipp.look_after(self.call_id)
        if not self._over:
            self._tell("hangup")
            self._again = asyncio.get_running_loop().call_later(AGAIN_S, self._tell_to_hang_up)

    def _tell(self, do: str, **fields: str) -> None:
        if not self._over:
            self._listens.clear()
            self._sipp.tell(self.call_id, do, **fields)
