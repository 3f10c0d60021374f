"""What dialplans may ask by FastAGI, and the variables that answer them.

An answer always holds every variable of its kind, "" where there is nothing to say, so that
nothing is left over from an earlier question on the same channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from pbx_bridge.core.absence import absence
from pbx_bridge.core.model import Plan
from pbx_bridge.core.state import Exchange

Audio = Callable[[str], str]
"""Extension to the sound (a path for Playback) that tells its referral, "" for none."""

_ABSENT = "absent"
"""Told of a private reason, and of every reason with the same public wording: otherwise the
word alone would mean sickness."""


def lookup(
    path: str, exchange: Exchange, now: datetime, audio: Audio | None = None
) -> Mapping[str, str]:
    """The variables for a dialplan that asks `path`; empty when nothing is known there.

    `/referral/EXT`: `REFERRAL_SET` 1 when the person is away (remote work is not, S11), with
    `REFERRAL_REASON`, `REFERRAL_UNTIL` (seconds since 1970, UTC) and `REFERRAL_AUDIO`.
    """
    match path.partition("?")[0].split("/"):
        case ["", "referral", extension] if extension in exchange.plan.people:
            return _referral(extension, exchange, now, audio)
        case _:
            return {}


def _referral(
    extension: str, exchange: Exchange, now: datetime, audio: Audio | None
) -> Mapping[str, str]:
    referral = absence(exchange, extension, now)
    if referral is None:
        return _answer("0")
    return _answer(
        "1",
        reason=_named(referral.reason, exchange.plan),
        until=str(int(referral.until.timestamp())),
        audio=audio(extension) if audio else "",
    )


def _named(name: str, plan: Plan) -> str:
    secret = [reason.public for reason in plan.reasons.values() if reason.private]
    return _ABSENT if plan.reasons_by_name[name].public in secret else name


def _answer(is_set: str, reason: str = "", until: str = "", audio: str = "") -> Mapping[str, str]:
    return {
        "REFERRAL_SET": is_set,
        "REFERRAL_REASON": reason,
        "REFERRAL_UNTIL": until,
        "REFERRAL_AUDIO": audio,
    }
