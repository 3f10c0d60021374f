"""Every number of a moment, for the metrics."""

from __future__ import annotations

from contextlib import suppress

from pbx_bridge.bootstrap.parts import Parts
from pbx_bridge.core.meters import Measure, of_exchange, of_meters, of_security, of_trunks
from pbx_bridge.ports import Ill, PbxRejected, PbxUnavailable


async def measure(parts: Parts) -> list[Measure]:
    """Every number of this moment."""
    exchange, now = parts.office.exchange, parts.clock.now()
    waiting: dict[str, int] = {}
    with suppress(PbxUnavailable, PbxRejected):
        for line in exchange.plan.lines:
            waiting[line] = len((await parts.phones.waiting(line)).since)
    tally, gap = parts.calls.tally, parts.storing.gap_since
    gap_s = 0.0 if gap is None else (now - gap).total_seconds()
    mirror = parts.mirror.is_current
    certificate: list[Measure] = []
    with suppress(Ill):
        if (until := parts.certificate()) is not None:
            left_s = until.timestamp() - now.timestamp()
            certificate.append(Measure("certificate_seconds_left", "Of the TLS door's", left_s))
    return [
        *certificate,
        *of_meters(parts.meters),
        *of_exchange(exchange, waiting, now),
        *of_security(parts.refused()),
        *of_trunks(exchange.plan, parts.carrying.failed, parts.carrying.refused),
        *(
            Measure("link_up", "1 while Asterisk is reached", up, {"link": link})
            for link, up in parts.links.items()
        ),
        Measure("callers_gone_total", "Callers who had hung up", tally.gone),
        Measure("calls_taken_by_others_total", "Taken by another bridge", tally.lost),
        Measure("calls_left_to_fallback_total", "Not decided here", tally.failed),
        Measure("mirror_current", "1 while Asterisk holds the present state", mirror),
        Measure("mirror_age_seconds", "Since it last did", parts.mirror.age_s),
        Measure("recording", "1 while messages are recorded", parts.space.may_record),
        Measure("journal_gap_seconds", "For how long nothing is stored", gap_s),
        Measure("journal_waiting", "Writes in the queue", parts.database.waiting),
        Measure("journal_lost_total", "Entries not stored", parts.database.lost),
        Measure("record_behind_bytes", "Of Asterisk's log, not read", parts.tail.behind_bytes),
        Measure("record_malformed_total", "Lines of it that are none", parts.tail.malformed),
    ]
