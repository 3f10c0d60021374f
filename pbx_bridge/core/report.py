"""Answer figures of a set of journeys, each with the formula it was made by (S2, S7, S21).

Counted are calls to people and lines of the house: not feature codes, not outgoing calls, not
calls that the exchange makes itself, not what phones of the house misdial or may not call, not
calls that are still open or whose place in a queue is held. T is the target (20 s); A
calls answered, A≤T within T; B abandoned, B≤T and B>T by their wait; s the limit of a short
abandon. Figures that would divide by zero are None: no call is neither a good nor a bad service.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from pbx_bridge.core.figures import Calls, Column, Kind
from pbx_bridge.core.inert import cell, shown
from pbx_bridge.core.latency import Journey, Outcome

TARGET_S = 20.0
SHORT_S = 5.0
SECOND = 1_000_000
"""Microseconds."""

Figure = float | None | Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of one period, line or number. Field names are the stable keys of JSON and CSV."""

    target_s: float
    """T."""
    short_s: float
    """s."""
    offered: int
    answered: int
    """A."""
    within: int
    """A≤T."""
    abandoned: int
    """B."""
    abandoned_within: int
    """B≤T."""
    abandoned_short: int
    """B≤s."""
    told: int
    closed: int
    messages: int
    lost: int
    """Cut off by Asterisk's death before anybody had answered."""
    told_when: int
    """Ended without a human, but were told when somebody can be reached (S7). Also who was
    answered, and then sent on in vain: as in `blocked`, `saturated` and `untold`."""
    blocked: int
    """Ended without a human, and nobody attended the line; counted under their outcome too."""
    saturated: int
    """Ended without a human, and the line took no more callers; counted under their outcome too."""
    diverted: int
    """A phone sent the call elsewhere by itself, to somebody who has not agreed (S14)."""
    untold: int
    """Ended without a human and without the caller being told when one can be reached (S7);
    the aim is none. Without those of `untold_short`."""
    untold_short: int
    """Callers who gave up, untold, within s: nobody could have told them yet."""
    untold_by_reason: Mapping[str, int]
    """`untold` by the rule in force at the end, most frequent first, then by name."""
    wait_mean_s: float | None
    """ASA: sum of the answered calls' waits / A. The waits below are theirs too."""
    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_p95_s: float | None
    wait_p99_s: float | None
    wait_max_s: float | None

    @property
    def service_level(self) -> float | None:
        """The headline, strict: A≤T / (A + B)."""
        return _ratio(self.within, self.answered + self.abandoned)

    @property
    def service_level_of_answered(self) -> float | None:
        """A≤T / A, as Asterisk's queues count; blind to those who gave up."""
        return _ratio(self.within, self.answered)

    @property
    def service_level_with_quick_abandons(self) -> float | None:
        """(A≤T + B≤T) / (A + B): giving up early counts as served."""
        both = self.within + self.abandoned_within
        return _ratio(both, self.answered + self.abandoned)

    @property
    def service_level_without_quick_abandons(self) -> float | None:
        """A≤T / (A + B>T): giving up early doesn't count at all."""
        slow = self.abandoned - self.abandoned_within
        return _ratio(self.within, self.answered + slow)

    @property
    def abandon_rate(self) -> float | None:
        """B / offered."""
        return _ratio(self.abandoned, self.offered)

    @property
    def abandon_rate_without_short(self) -> float | None:
        """(B - B≤s) / (offered - B≤s)."""
        short = self.abandoned_short
        return _ratio(self.abandoned - short, self.offered - short)


_RATIOS = (
    "service_level",
    "service_level_of_answered",
    "service_level_with_quick_abandons",
    "service_level_without_quick_abandons",
    "abandon_rate",
    "abandon_rate_without_short",
)


def summarise(
    calls: Calls | Iterable[Journey], threshold_s: float = TARGET_S, short_s: float = SHORT_S
) -> Report:
    """The figures of `calls`."""
    calls = calls if isinstance(calls, Calls) else Calls.of(calls)
    kinds = calls.kinds
    count = np.bincount(calls.kind, minlength=len(kinds)) if len(calls) else np.zeros(len(kinds))
    target, short = threshold_s * SECOND, short_s * SECOND

    def number(chosen: Callable[[Kind], bool]) -> int:
        return int(sum(n for kind, n in zip(kinds, count, strict=True) if n and chosen(kind)))

    def waits(chosen: Callable[[Kind], bool]) -> Column:
        return calls.wait[calls.having([chosen(kind) for kind in kinds])]

    answered = np.sort(waits(lambda kind: kind.outcome is Outcome.ANSWERED))
    abandoned = waits(lambda kind: kind.outcome is Outcome.ABANDONED)
    early = calls.having([_gives_up_untold(kind) for kind in kinds]) & (calls.wait <= short)
    reasons = _by_reason(kinds, count - np.bincount(calls.kind[early], minlength=len(kinds)))
    return Report(
        target_s=threshold_s,
        short_s=short_s,
        offered=number(lambda kind: kind.counted),
        answered=len(answered),
        within=int(np.count_nonzero(answered <= target)),
        abandoned=len(abandoned),
        abandoned_within=int(np.count_nonzero(abandoned <= target)),
        abandoned_short=int(np.count_nonzero(abandoned <= short)),
        told=number(lambda kind: kind.outcome is Outcome.TOLD),
        closed=number(lambda kind: kind.outcome is Outcome.CLOSED),
        messages=number(lambda kind: kind.outcome is Outcome.MESSAGE),
        lost=number(lambda kind: kind.outcome is Outcome.LOST),
        told_when=number(lambda kind: kind.told),
        blocked=number(lambda kind: kind.blocked),
        saturated=number(lambda kind: kind.saturated),
        diverted=number(lambda kind: kind.diverted and kind.counted),
        untold=sum(reasons.values()),
        untold_short=int(np.count_nonzero(early)),
        untold_by_reason=reasons,
        wait_mean_s=float(answered.mean()) / SECOND if len(answered) else None,
        wait_p50_s=_percentile(answered, 50),
        wait_p90_s=_percentile(answered, 90),
        wait_p95_s=_percentile(answered, 95),
        wait_p99_s=_percentile(answered, 99),
        wait_max_s=_percentile(answered, 100),
    )


def as_dict(report: Report) -> dict[str, Figure]:
    """Every figure by its name, rounded to the millisecond and to a tenth of a per mille."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    values |= {name: getattr(report, name) for name in _RATIOS}
    return {
        name: round(value, 4 if name in _RATIOS else 3) if isinstance(value, float) else value
        for name, value in values.items()
    }


def as_csv(
    groups: Mapping[str, Mapping[str, Report]],
    beside: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
) -> str:
    """One row a group (`by` a number, a line, an hour …), under a heading; the reasons of
    untold calls are a JSON object in one cell.

    `beside` are figures that don't come from calls, by group; a group without calls has no others.

    Group names may come from callers: none of them becomes a formula.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    names = [*(field.name for field in fields(Report)), *_RATIOS]
    more = dict.fromkeys(name for values in (beside or {}).values() for name in values)
    rows.writerow(["by", "group", *names, *more])
    found = {
        (dimension, group): as_dict(report)
        for dimension, reports in groups.items()
        for group, report in reports.items()
    }
    for by, group in dict.fromkeys((*found, *(beside or {}))):
        figures = found.get((by, group), {})
        others = (beside or {}).get((by, group), {})
        values = [figures.get(name) for name in names]
        values += [round(others[name], 3) if name in others else None for name in more]
        rows.writerow([by, cell(group), *map(_blank, values)])
    return text.getvalue()


def as_text(report: Report) -> str:
    """The figures for people, with the formula beside each level."""
    target = f"{report.target_s:g} s"
    short = f"{report.short_s:g} s"
    reasons = "".join(
        f"  {shown(reason):<18} {count}\n" for reason, count in report.untold_by_reason.items()
    )
    return f"""\
Calls                {report.offered}
  answered           {report.answered} ({report.within} within {target})
  abandoned          {report.abandoned} ({report.abandoned_short} within {short})
  told               {report.told}
  closed             {report.closed}
  messages           {report.messages}
  lost               {report.lost} (Asterisk died)
Nobody attended      {report.blocked} blocked, {report.saturated} saturated
Sent on by a phone   {report.diverted} (without consent; aim: none)
Untold               {report.untold} (aim: none), {report.untold_short} more gave up within {short}
{reasons}\
Answered in {target:<7}  {_percent(report.service_level)}  A≤T / (A + B), the headline
                     {_percent(report.service_level_of_answered)}  A≤T / A
                     {_percent(report.service_level_with_quick_abandons)}  (A≤T + B≤T) / (A + B)
                     {_percent(report.service_level_without_quick_abandons)}  A≤T / (A + B>T)
Abandoned            {_percent(report.abandon_rate)}  B / calls
                     {_percent(report.abandon_rate_without_short)}  without those within {short}
Wait for an answer   {_seconds(report.wait_mean_s)}  mean
                     {_seconds(report.wait_p50_s)}  half of the callers, at most
                     {_seconds(report.wait_p90_s)}  90 %
                     {_seconds(report.wait_p95_s)}  95 %
                     {_seconds(report.wait_p99_s)}  99 %
                     {_seconds(report.wait_max_s)}  the longest
"""


def _gives_up_untold(kind: Kind) -> bool:
    """A caller's own abandon. A call that the exchange ended is none."""
    return bool(kind.untold) and kind.outcome is Outcome.ABANDONED and kind.by_caller


def _by_reason(kinds: Sequence[Kind], counts: Column) -> dict[str, int]:
    sums = Counter[str]()
    for kind, count in zip(kinds, counts, strict=True):
        if kind.untold and count:
            sums[kind.untold] += int(count)
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def _percentile(waits: Column, percent: int) -> float | None:
    """Nearest rank in sorted waits: a wait that some caller really had."""
    if not len(waits):
        return None
    return float(waits[max(0, math.ceil(len(waits) * percent / 100) - 1)]) / SECOND


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _blank(value: Figure) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value)
    return "" if value is None else str(value)


def _percent(ratio: float | None) -> str:
    return "     –" if ratio is None else f"{ratio * 100:4.0f} %"


def _seconds(value: float | None) -> str:
    return "     –" if value is None else f"{value:4.1f} s"
