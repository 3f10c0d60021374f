"""A call event log, and the record that copies it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_bridge.adapters.database import Database
from pbx_bridge.adapters.record import CelTail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Master.csv"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "bridge.db", busy_timeout_s=0.05)
    yield database
    database.close()


@pytest.fixture
def tail(path: Path, store: Database) -> CelTail:
    return CelTail(path, store)
