"""The results as one table, and that table in the README."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.alone import Coverage, Decides, Record, Storage
from benchmarks.rates import Ceiling, Side
from benchmarks.registering import Registering

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"

AIM_RATE = 50
AIM_P50_MS, AIM_P99_MS = 2.0, 8.0
AIM_CPU_MS = 1.0
AIM_CEILING = 0.75
AIM_DECIDE_US = 30.0
AIM_GUARD_MS = 200.0
AIM_MONTH_S, AIM_YEAR_S, AIM_INGEST = 1.0, 3.0, 5_000


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run has measured."""

    rates: Mapping[int, tuple[Side, Side]]
    """(native, bridge) by calls a second."""
    ceilings: tuple[Ceiling, Ceiling]
    decides: Decides
    storage: Storage
    coverage: Coverage
    record: Record
    version: str
    """Asterisk's."""
    at: datetime
    registering: Registering | None = None


def text(results: Results) -> str:
    """Everything, as Markdown that reads well in a terminal."""
    return "\n\n".join(
        "\n".join(part)
        for part in (_machine(results), _calls(results), _aims(results), _alone(results))
    )


def write(results: Results) -> None:
    """Put the results into the README, in place of the former ones."""
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    readme = f"{before}{_BEGIN}\n{text(results)}\n{_END}{after}"
    README.write_text(readme, encoding="utf-8")


def _machine(results: Results) -> Iterator[str]:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = re.findall(r"model name\s*: (.+)", cpuinfo)
    model = models[0] if models else platform.machine()
    yield (
        f"{results.at:%Y-%m-%d}: {model}, {len(models) or '?'} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, Asterisk {results.version}. Callers, phone, Asterisk "
        "and bridge share the machine."
    )


def _calls(results: Results) -> Iterator[str]:
    yield from _row(
        "calls/s", "way", "p50 ms", "p90 ms", "p99 ms", "Asterisk CPU ms", "bridge CPU ms", "failed"
    )
    yield from _row(*("---",) * 8)
    for rate, (native, bridge) in results.rates.items():
        for way, side in (("native", native), ("bridge", bridge)):
            yield from _row(rate, way, *_numbers(side), f"{side.failed} of {side.calls}")
        pairs = zip(_values(native), _values(bridge), strict=True)
        yield from _row(rate, "**added**", *(f"{b - a:+.2f}" for a, b in pairs), "")


def _aims(results: Results) -> Iterator[str]:
    native, bridge = results.rates[AIM_RATE]
    top, ours = results.ceilings
    share = ours.rate / top.rate if top.rate else 0.0
    added_p50, added_p99 = bridge.p50_ms - native.p50_ms, bridge.p99_ms - native.p99_ms
    rates = f"{_ceiling(ours)} of {_ceiling(top)} calls/s, {share:.0%}"
    decide_us = results.decides.slowest_us
    guard_ms = results.coverage.first_ms
    record = results.record
    yield from _row("aim", "measured", "met")
    yield from _row("---", "---", "---")
    for aim, measured, met in (
        (
            f"added p50 at {AIM_RATE}/s ≤ {AIM_P50_MS:g} ms",
            f"{added_p50:.2f} ms",
            added_p50 <= AIM_P50_MS,
        ),
        (
            f"added p99 at {AIM_RATE}/s ≤ {AIM_P99_MS:g} ms",
            f"{added_p99:.2f} ms",
            added_p99 <= AIM_P99_MS,
        ),
        (
            f"bridge CPU at {AIM_RATE}/s ≤ {AIM_CPU_MS:g} ms a call",
            f"{bridge.bridge_ms:.2f} ms",
            bridge.bridge_ms <= AIM_CPU_MS,
        ),
        (
            f"highest rate without a failed call ≥ {AIM_CEILING:.0%} of native",
            rates,
            share >= AIM_CEILING,
        ),
        (f"`decide` ≤ {AIM_DECIDE_US:g} µs", f"{decide_us:.1f} µs", decide_us <= AIM_DECIDE_US),
        (
            f"guard, a year of 500 people and 60 lines ≤ {AIM_GUARD_MS:g} ms",
            f"{guard_ms:.0f} ms",
            guard_ms <= AIM_GUARD_MS,
        ),
        (
            f"report of a month of a year's million calls ≤ {AIM_MONTH_S:g} s",
            f"{record.month_s:.2f} s",
            record.month_s <= AIM_MONTH_S,
        ),
        (f"of the year ≤ {AIM_YEAR_S:g} s", f"{record.year_s:.2f} s", record.year_s <= AIM_YEAR_S),
        (
            f"record ≥ {AIM_INGEST:,} calls/s",
            f"{record.ingest_per_s:,.0f} calls/s",
            record.ingest_per_s >= AIM_INGEST,
        ),
    ):
        yield from _row(aim, measured, "yes" if met else "**no**")


def _alone(results: Results) -> Iterator[str]:
    decides, storage = results.decides, results.storage
    yield from _row("alone", "")
    yield from _row("---", "---")
    yield from _row("`decide`: a person who is there", f"{decides.person_us:.1f} µs")
    yield from _row("`decide`: a person with a referral", f"{decides.referral_us:.1f} µs")
    yield from _row("`decide`: a closed line", f"{decides.closed_us:.1f} µs")
    yield from _row("journal, `note`: time of the event loop", f"{storage.note_us:.1f} µs")
    yield from _row("journal, notes to the last commit", f"{storage.notes_per_s:,.0f} /s")
    yield from _row("journal, `append` until durable", f"{storage.append_ms:.2f} ms")
    yield from _row("record, events copied", f"{storage.cel_per_s:,.0f} /s")
    ahead = results.coverage
    yield from _row("guard, a year: the first time", f"{ahead.first_ms:.0f} ms")
    yield from _row("guard, a year: again", f"{ahead.again_ms:.0f} ms")
    yield from _row("timetable of a line for a year", f"{ahead.timetable_ms:.1f} ms")
    kept = results.record
    yield from _row("record, calls folded and kept", f"{kept.ingest_per_s:,.0f} /s")
    yield from _row("figures of a month (85,000 calls)", f"{kept.month_s:.2f} s")
    yield from _row("figures of a year (1,000,000 calls)", f"{kept.year_s:.2f} s")
    yield from _row("memory that the year's figures take", f"{kept.memory_mb:.0f} MB")
    if came := results.registering:
        yield from _row(f"{came.devices} devices register at once: all", f"{came.all_s:.2f} s")
        yield from _row("of these the middle one", f"{came.median_ms:.0f} ms")
        rings = f"{came.rings_ms:.0f} ms, {came.slowest_rings_ms:.0f} ms at most"
        yield from _row("from registering anew, and being called at once, to ringing", rings)


def _values(side: Side) -> tuple[float, ...]:
    return side.p50_ms, side.p90_ms, side.p99_ms, side.asterisk_ms, side.bridge_ms


def _numbers(side: Side) -> Iterator[str]:
    return (f"{value:.2f}" for value in _values(side))


def _ceiling(one: Ceiling) -> str:
    return f"{one.rate} or more" if one.bounded else str(one.rate)


def _row(*cells: object) -> Iterator[str]:
    yield "| " + " | ".join(map(str, cells)) + " |"
