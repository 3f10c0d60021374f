"""Calls that the bridge has taken and can't decide about, with a real Asterisk."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from calls.conftest import command, mirrored

from pbx_bridge.asterisk.settings import instance_of
from pbx_bridge.bootstrap.parts import MEMORY
from pbx_bridge.softphone.audio import SILENCE_LEVEL
from pbx_bridge.stage import Stage
from pbx_bridge.wire.rtp import RATE_HZ

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="session")]

AT_ONCE_S = 1.0
"""The guard of the dialplan gives a caller back after four seconds."""


async def test_f33_a_sentence_that_cannot_be_written_costs_the_caller_no_silence(
    stage: Stage,
) -> None:
    """It is spoken from memory, and where that takes none either the fallback answers at once."""
    state = stage.up.site.deployment.state
    sounds, memory = state / "sounds", MEMORY / f"pbx-bridge-{instance_of(state)}"
    aside = sounds.rename(sounds.with_name("sounds.aside"))
    sounds.touch()  # nothing can be written below a file
    try:
        until = "2026-11-24T14:37:00+02:00"
        done = await command(stage, "SetReferral", person="104", reason="lunch", until=until)
        assert done == "command-done"
        from_memory = await stage.call("018000104", hold_s=5.0)
        shutil.rmtree(memory)
        memory.touch()
        made = await stage.call("018000104", hold_s=3.0)
    finally:
        sounds.unlink()
        aside.rename(sounds)
        memory.unlink()
    assert from_memory.whys[0] == "person-absent"
    loud = np.abs(from_memory.result.heard.astype(np.int32)) > SILENCE_LEVEL
    assert np.count_nonzero(loud) > RATE_HZ, "a second of it"
    first = made.journey.steps[0]
    assert first.why.startswith("fallback-")
    assert (first.time - made.journey.started).total_seconds() < AT_ONCE_S
    assert await command(stage, "CancelReferral", person="104") == "command-done"
    await mirrored(stage)
