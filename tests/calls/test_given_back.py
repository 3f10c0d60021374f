"""Calls that the bridge has taken and can't decide about, with a real Asterisk."""

from __future__ import annotations

import pytest
from calls.conftest import command, mirrored

from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

AT_ONCE_S = 1.0
"""The guard of the dialplan gives a caller back after four seconds."""


async def test_f33_a_sentence_that_cannot_be_written_costs_the_caller_no_silence(
    stage: Stage,
) -> None:
    sounds = stage.up.site.deployment.state / "sounds"
    aside = sounds.rename(sounds.with_name("sounds.aside"))
    sounds.touch()  # nothing can be written below a file
    try:
        until = "2026-11-24T14:37:00+02:00"
        done = await command(stage, "SetReferral", person="104", reason="lunch", until=until)
        assert done == "command-done"
        made = await stage.call("018000104")
    finally:
        sounds.unlink()
        aside.rename(sounds)
    first = made.journey.steps[0]
    assert first.why.startswith("fallback-")
    assert (first.time - made.journey.started).total_seconds() < AT_ONCE_S
    assert await command(stage, "CancelReferral", person="104") == "command-done"
    await mirrored(stage)
