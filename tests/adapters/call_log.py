"""A call event log as Asterisk writes it, and what whoever keeps house does to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import read_journeys
from pbx_bridge.adapters.record import tail as module
from pbx_bridge.core.latency import Journey

FAR = datetime(2100, 1, 1, tzinfo=UTC)
START_S = 1795470954
RECORDED = Path(__file__).parent.parent / "recordings" / "cel_local_call.csv"
TEST_TIMEOUT_S = 5


def ended_call(number: int, *, ends: bool = True) -> str:
    """Call `number`: its beginning, and its end two seconds later."""
    id_ = f"{START_S}.{100 + number}"

    def event(at_s: int, kind: str) -> str:
        channel = f"PJSIP/operator-{number}"
        values = (kind, id_, id_, channel, "0401234567", "018000101", "from-trunk", "", "", "", "")
        quoted = ",".join(f'"{value}"' for value in (f"{START_S + at_s}.000000", *values))
        return f"{quoted}\n"

    return event(number, "CHAN_START") + (event(number + 2, "HANGUP") if ends else "")


def calls(store: Database) -> list[Journey]:
    with store.reader() as connection:
        return list(read_journeys(connection, datetime.min.replace(tzinfo=UTC), FAR))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def fill(path: Path, text: str) -> None:
    """Truncate the file and write it anew, as whoever copies and truncates does."""
    path.write_text(text)


def rotate(path: Path) -> None:
    """As logrotate does by default: move every file one further, make none."""
    for number in range(module.ROTATIONS, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))
