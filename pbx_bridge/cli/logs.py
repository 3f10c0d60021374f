"""The log on standard error: a line an event, as logfmt or as JSON, without callers' numbers."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, TextIO, cast

import structlog

TELEPHONE = re.compile(r"(?<![\w.])(?:\+|0)[0-9](?:[ \-]?[0-9]){5,}(?![\w])")
"""A number outside the house as it is signalled or written: it begins with 0 or +. Asterisk's ids
of calls begin with another digit."""
MASKED = "(number)"
REPEATED_S = 600.0
"""For how long a library says the same only once."""
KIND_LETTERS = 60
"""By which two messages of a library are the same."""
MOST_KINDS = 50
"""Of messages of libraries within that time."""
ORDER = ["timestamp", "level", "event"]


log = structlog.get_logger(__name__)


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def log_to_stderr(level: str, form: LogFormat = LogFormat.TEXT, zone: tzinfo | None = None) -> None:
    """Write what is at least of `level` from now on, with times in `zone`, None for the machine's.
    What libraries log is among it."""

    def stamped(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        moment = datetime.now(UTC).astimezone(zone)
        event["timestamp"] = moment.isoformat(timespec="milliseconds")
        return event

    stream = _Unfailing(sys.stderr)
    text = structlog.processors.LogfmtRenderer(key_order=ORDER)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamped,
            structlog.processors.format_exc_info,
            without_numbers,
            stream.counted,
            structlog.processors.JSONRenderer() if form is LogFormat.JSON else text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _OfLibraries)]:
        root.removeHandler(old)
    root.addHandler(_OfLibraries())


class _Unfailing:
    """A stream whose lines stop nobody: those that it can't take now, as on a full disk, are
    counted, and the next one says how many. Some may come late, by the stream's own buffer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failed = 0

    def write(self, line: str) -> None:
        """Write a whole line, now or perhaps never."""
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError:
            self._failed += 1
        else:
            self._failed = 0

    def flush(self) -> None:
        """Each line is written at once."""

    def counted(self, _: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Say with a line how many before it were late or are lost."""
        return {**event, "lines_lost": self._failed} if self._failed else event


class _OfLibraries(logging.Handler):
    """What libraries warn of, as lines of ours: each kind once in a while, as some of it can be
    caused by anybody who connects."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        self._said = {kind: at for kind, at in self._said.items() if now - at < REPEATED_S}
        kind = (record.name, str(record.msg)[:KIND_LETTERS])
        if kind in self._said or len(self._said) >= MOST_KINDS:
            return
        self._said[kind] = now
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say("library", of=record.name, said=record.getMessage(), exc_info=record.exc_info)


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
