"""`python -m benchmarks`: measure, print, and with --write keep the result in the README."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from benchmarks import alone, rates, registering, table
from benchmarks.stand import Stand, stand
from pbx_bridge.adapters.clock import SystemClock
from pbx_bridge.cli.logs import log_to_stderr

MOST_S = 480.0
"""A run that isn't done by then is given up: something hangs."""


def main(
    quick: Annotated[bool, typer.Option(help="Under a minute; too short to be quoted.")] = False,
    write: Annotated[bool, typer.Option(help="Put the result into benchmarks/README.md.")] = False,
) -> None:
    """Measure native Dial and the bridge side by side, on loopback."""
    if quick and write:
        raise typer.BadParameter("a quick run is too short to be kept")
    log_to_stderr("warning")
    results = asyncio.run(_measure(rates.QUICK if quick else rates.WHOLE))
    print(table.text(results))
    if write:
        table.write(results)


async def _measure(extent: rates.Extent) -> table.Results:
    async with stand() as one, asyncio.timeout(MOST_S):
        found = await rates.side_by_side(one, extent, _say)
        tops = await rates.ceilings(one, extent, _say)
        results = await _with_parts(one, found, tops)
    _say("telephones that come back …")
    return replace(results, registering=await registering.measured())


async def _with_parts(
    one: Stand,
    found: Mapping[int, tuple[rates.Side, rates.Side]],
    tops: tuple[rates.Ceiling, rates.Ceiling],
) -> table.Results:
    plan = one.up.site.plan
    now = one.now
    _say("the parts alone …")
    return table.Results(
        rates=found,
        ceilings=tops,
        decides=await asyncio.to_thread(alone.decides, plan, now),
        storage=await alone.storage(now),
        coverage=await asyncio.to_thread(alone.coverage, plan, now),
        record=await alone.record(plan),
        version=one.up.running.version,
        at=SystemClock(plan.organisation.zone).now(),
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
