"""A small private Asterisk for the softphone to call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from softphone.small_exchange import Exchange, run_exchange


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with run_exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running
