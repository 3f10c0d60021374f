"""The log on standard error: a line an event, as logfmt or as JSON, without callers' numbers."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import structlog

TELEPHONE = re.compile(r"(?<![\w.])(?:\+|0)[0-9](?:[ \-]?[0-9]){5,}(?![\w])")
"""A number outside the house as it is signalled or written: it begins with 0 or +. Asterisk's ids
of calls begin with another digit."""
MASKED = "(number)"
ORDER = ["timestamp", "level", "event"]


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def log_to_stderr(level: str, form: LogFormat = LogFormat.TEXT) -> None:
    """Write what is at least of `level` from now on."""
    text = structlog.processors.LogfmtRenderer(key_order=ORDER)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            without_numbers,
            structlog.processors.JSONRenderer() if form is LogFormat.JSON else text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def without_numbers(_: Any, __: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Numbers are never logged; what slips into a reason or a traceback is masked here."""
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    match value:
        case str():
            return TELEPHONE.sub(MASKED, value)
        case list() | tuple():
            return [_masked(one) for one in value]
        case dict():
            return {key: _masked(one) for key, one in value.items()}
        case None | bool() | int() | float():
            return value
        case _:
            return TELEPHONE.sub(MASKED, str(value))
