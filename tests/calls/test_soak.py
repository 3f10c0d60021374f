"""F42: three minutes of the soak; `make soak` is the whole of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from calls.conftest import idle, opened
from calls.soak import BOUNDS, NINE, WARM_UP_S, Bound, Look, Soak, soak
from calls.traffic import Dialled, Kind, Made

SECONDS = 180.0 - WARM_UP_S
RATE = 5.0


@pytest.mark.calls
@pytest.mark.load
@pytest.mark.asyncio(loop_scope="session")
async def test_f42_three_minutes_of_mixed_traffic_lose_nothing_and_nothing_grows(
    town: Path, tmp_path: Path
) -> None:
    async with opened(town, tmp_path / "state", NINE, watched=False) as stage:
        found = await soak(stage, tmp_path, rate=RATE, seconds=SECONDS)
        await idle(stage)
    print(found.table())
    assert found.complaints() == []
    tight = {name: Bound(-1.0) for name in BOUNDS}
    assert len(found.complaints(tight)) >= len(BOUNDS) // 2, "the bounds are looked at"


def made_up(grows: float, calls: int = 600) -> Soak:
    kind = Kind("person", "018000103", 1)
    made = Made((Dialled(kind, "040"),) * calls, 0, "")
    looks = [Look(at, dict.fromkeys(BOUNDS, 10 + grows * at / 9)) for at in range(10)]
    return Soak(made, tuple(looks), calls, 0, calls, calls)


def test_f42_what_grows_beyond_its_bound_is_told_for_each_of_them() -> None:
    assert made_up(0.0).complaints() == []
    told = made_up(1000.0).complaints()
    assert [one.partition(" grew")[0] for one in told] == list(BOUNDS)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"left_to_fallback": 1}, "left to the fallback"),
        ({"recorded": 599}, "600 calls made, 599 in the record"),
        ({"made": Made((), 2, "no answer")}, "2 calls failed: no answer"),
    ],
)
def test_f42_a_call_that_failed_or_is_missing_is_told(wrong: dict[str, object], told: str) -> None:
    spoiled = replace(made_up(0.0), **wrong)  # type: ignore[arg-type]  # its fields, by name
    assert any(told in one for one in spoiled.complaints())
