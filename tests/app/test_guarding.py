"""What Asterisk refuses is counted, and noted when it is due."""

from __future__ import annotations

from collections import Counter

from core.plans import DAY, EXCHANGE
from fakes.clock import FakeClock
from fakes.journal import FakeJournal

from pbx_bridge.app.guarding import LOOK_S, LOOKS_A_MINUTE, Guarding
from pbx_bridge.app.office import Office
from pbx_bridge.app.status import exchange_status
from pbx_bridge.core.events import Event, FloodBegan, FloodEnded, RequestsRefused
from pbx_bridge.core.model import Language
from pbx_bridge.core.security import FLOOD, INTERVAL


class Town:
    """The watch on fakes."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.journal = FakeJournal()
        self.clock = FakeClock(DAY)
        self.office = Office(EXCHANGE, self.journal, self.clock)
        self.guarding = Guarding(lambda: self.refused, self.office, self.clock)

    async def look(self, **refused: int) -> None:
        """Look again, after so many more."""
        self.refused.update({kind.replace("_", "-"): count for kind, count in refused.items()})
        self.clock.pass_(LOOK_S)
        await self.guarding.look()

    @property
    def noted(self) -> list[Event]:
        kinds = (RequestsRefused, FloodBegan, FloodEnded)
        return [one for one in self.journal.events if isinstance(one, kinds)]


async def test_a_flood_is_noted_within_seconds_and_again_only_after_the_interval() -> None:
    town = Town()
    await town.look(wrong_password=FLOOD // 2)
    assert town.noted == []
    await town.look(wrong_password=FLOOD // 2, malformed=1)
    counts = (("malformed", 1), ("wrong-password", FLOOD))
    now = town.clock.now()
    assert town.noted == [RequestsRefused(DAY, now, counts, FLOOD + 1), FloodBegan(now)]
    assert exchange_status(town.office.exchange, town.clock, Language.SV)["flood_since"] is not None
    for _ in range(int(INTERVAL.total_seconds() / LOOK_S) - 1):
        await town.look(malformed=900)
    assert len(town.noted) == 2
    await town.look()
    assert isinstance(town.noted[-1], RequestsRefused)
    assert town.noted[-1].worst == 900 * LOOKS_A_MINUTE
    for _ in range(2 * int(INTERVAL.total_seconds() / LOOK_S)):
        await town.look()
    assert isinstance(town.noted[-1], FloodEnded)
    assert exchange_status(town.office.exchange, town.clock, Language.SV)["flood_since"] is None


async def test_a_phone_with_a_wrong_password_is_noted_in_intervals() -> None:
    town = Town()
    for _ in range(3 * int(INTERVAL.total_seconds() / LOOK_S)):
        await town.look(wrong_password=1)
    assert [type(one) for one in town.noted] == [RequestsRefused] * 3
