"""What the bridge of a stage has kept of calls, and who has to be returned."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from pbx_bridge.adapters.record import read_journeys
from pbx_bridge.cli.options import exchange_of, reading
from pbx_bridge.core.latency import Journey
from pbx_bridge.core.state import Return
from pbx_bridge.stage import Stage

RECORDED_WITHIN_S = 10.0


def journeys(stage: Stage) -> list[Journey]:
    """The calls that the bridge has kept so far."""
    since = datetime.now().astimezone() - timedelta(days=400)
    with reading(stage.up.site.deployment.state) as connection:
        assert connection is not None
        return list(read_journeys(connection, since, since + timedelta(days=800)))


async def kept(stage: Stage, count: int) -> list[Journey]:
    """Wait until so many calls to numbers of the house are kept."""
    async with asyncio.timeout(RECORDED_WITHIN_S):
        while True:
            found = [one for one in await asyncio.to_thread(journeys, stage) if one.counted]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


async def returns(stage: Stage, count: int) -> list[Return]:
    """Wait until so many callers have to be reached."""
    async with asyncio.timeout(RECORDED_WITHIN_S):
        while True:
            found = list(exchange_of(stage.up.site).returns.values())
            if len(found) == count:
                return found
            await asyncio.sleep(0.1)
