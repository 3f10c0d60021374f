"""The two ways side by side: at fixed rates, and up to the rate that each can carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.load import Burst, burst, joined
from benchmarks.stand import BRIDGE, NATIVE, Stand

NAMES = {NATIVE: "native", BRIDGE: "bridge"}
WAYS = tuple(NAMES)
WARM_UP_RATE, WARM_UP_S = 20, 2.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    rates: tuple[int, ...]
    rounds: int
    seconds: float
    """Of each burst at a fixed rate."""
    first: int
    """Calls a second at which the search for the ceiling begins."""
    step: int
    bound: int
    step_seconds: float


WHOLE = Extent((20, 50, 100), 3, 5.0, first=100, step=25, bound=450, step_seconds=5.0)
QUICK = Extent((50,), 2, 3.0, first=100, step=100, bound=300, step_seconds=2.0)


@dataclass(frozen=True, slots=True)
class Side:
    """One way at one rate."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    asterisk_ms: float
    """CPU per call."""
    bridge_ms: float
    failed: int
    calls: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest rate at which every call was carried."""

    rate: int
    """0 when not even the first rate was."""
    bounded: bool
    """True when the search ended before the first failure."""


async def side_by_side(stand: Stand, extent: Extent, say: Say) -> Mapping[int, tuple[Side, Side]]:
    """(native, bridge) by rate. The ways take turns, so that both meet the same machine."""
    for way in WAYS:
        await burst(stand, way, WARM_UP_RATE, WARM_UP_S)
    found: dict[int, tuple[Side, Side]] = {}
    for rate in extent.rates:
        say(f"{rate} calls/s, {extent.rounds} rounds …")
        rounds = [
            [await burst(stand, way, rate, extent.seconds) for way in WAYS]
            for _ in range(extent.rounds)
        ]
        native, bridge = (_side(joined(bursts)) for bursts in zip(*rounds, strict=True))
        found[rate] = (native, bridge)
    return found


async def ceilings(stand: Stand, extent: Extent, say: Say) -> tuple[Ceiling, Ceiling]:
    """(native, bridge): rates are stepped up, in turns, until a call fails."""
    reached = dict.fromkeys(WAYS, 0)
    climbing = list(WAYS)
    for rate in range(extent.first, extent.bound + 1, extent.step):
        if not climbing:
            break
        say(f"{rate} calls/s …")
        for way in tuple(climbing):
            one = await burst(stand, way, rate, extent.step_seconds)
            if one.carried:
                reached[way] = rate
            else:
                why = f"{one.failed} of {one.calls} failed" if one.failed else "rate not kept"
                say(f"{rate} calls/s are too many for {NAMES[way]}: {why}")
                climbing.remove(way)
    native, bridge = (Ceiling(reached[way], way in climbing) for way in WAYS)
    return native, bridge


def _side(one: Burst) -> Side:
    hundredths = quantiles(one.setup_ms, n=100, method="inclusive")
    return Side(
        p50_ms=hundredths[49],
        p90_ms=hundredths[89],
        p99_ms=hundredths[98],
        asterisk_ms=one.asterisk_s / one.calls * 1000,
        bridge_ms=one.bridge_s / one.calls * 1000,
        failed=one.failed,
        calls=one.calls,
    )
