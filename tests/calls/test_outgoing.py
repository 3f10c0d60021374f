"""Who may call what and how much, with a bridge and without (S27, F39)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from calls.attended import in_talk
from calls.conftest import TUESDAY, command, idle, mirrored, opened, sample_town
from calls.desk import desk
from calls.test_places import keeps_the_place

from pbx_bridge.cli.calling import CALLER
from pbx_bridge.cli.options import exchange_of
from pbx_bridge.core import limits
from pbx_bridge.softphone.behaviour import Answers, Busy, Diverts, NeverAnswers
from pbx_bridge.softphone.trunk import Operator
from pbx_bridge.stage import Stage

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

PREMIUM, SWEDEN, NORWAY = "0600123456", "0046812345678", "004722123456"
OUTSIDE, FREE = "0186543", "116117"
BARRED = "Det går inte att ringa det numret från den här telefonen."
CAPPED = "Gränsen för utgående samtal är nådd. Be växeln om hjälp."
AT_ONCE = "För många utgående samtal pågår just nu. Försök igen om en stund."
SOON = Answers(after_s=0.1, talks_s=0.5)
CALLS_A_DAY = 3
PLACES_AN_HOUR = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The sample municipality with small caps."""
    town = sample_town(tmp_path_factory.mktemp("town"))
    trunks = town / "dialplan/trunks.yaml"
    text = trunks.read_text()
    for old, new in (
        ("person_day: {calls: 150,", f"person_day: {{calls: {CALLS_A_DAY},"),
        ("person_at_once: 3", "person_at_once: 1"),
        ("places_per_hour: 30", f"places_per_hour: {PLACES_AN_HOUR}"),
    ):
        assert old in text
        text = text.replace(old, new)
    trunks.write_text(text)
    lines = town / "dialplan/lines.yaml"
    lines.write_text(lines.read_text().replace("\nvaxel:\n", "\nvaxel:\n  told_seconds: 5\n"))
    async with opened(town, tmp_path_factory.mktemp("s"), TUESDAY) as stage:
        yield stage
        await idle(stage)


@asynccontextmanager
async def network(stage: Stage, **numbers: Answers | Busy) -> AsyncIterator[Operator]:
    """The operator, where these numbers answer."""
    port = int(next(iter(stage.up.site.plan.trunks.values())).hosts[0].rpartition(":")[2])
    behaviours = {number.removeprefix("n"): one for number, one in numbers.items()}
    async with Operator(stage.sipp, port, behaviours, otherwise=SOON) as operator:
        yield operator


@contextmanager
def no_bridge(stage: Stage, *, absent: bool = True) -> Iterator[None]:
    """While nobody decides."""
    if absent:
        stage.up.bridge.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.up.bridge.signal(signal.SIGCONT)


async def now(stage: Stage) -> datetime:
    return datetime.fromisoformat((await stage.ask("status"))["now"])


async def counted(stage: Stage, who: str, calls: int) -> None:
    """Wait until so many calls of somebody are counted, and Asterisk knows."""
    async with asyncio.timeout(15):
        while len(limits.spent(exchange_of(stage.up.site), who, await now(stage)).calls) < calls:
            await asyncio.sleep(0.1)
    await mirrored(stage)


@pytest.mark.parametrize("absent", [False, True], ids=["bridge", "no-bridge"])
async def test_f39_what_costs_extra_and_abroad_is_refused_in_words(
    exchange: Stage, *, absent: bool
) -> None:
    await mirrored(exchange)
    async with network(exchange) as operator:
        with no_bridge(exchange, absent=absent):
            made = [
                await exchange.call(number, phone="102")
                for number in (PREMIUM, SWEDEN, "0100100", "+358600123456")
            ]
            helped = await exchange.call(FREE, phone="102")
    assert [one.heard for one in made] == [BARRED] * 4
    assert [one.called for one in operator.rings] == [FREE]
    assert helped.result.answered_at is not None


async def test_s27_a_permit_lets_through_and_ends_by_itself(exchange: Stage) -> None:
    """With and without a bridge, by the exchange's clock."""
    until = await now(exchange) + timedelta(seconds=15)
    done = await command(
        exchange,
        "GrantPermit",
        person="103",
        calls=["SE"],
        until=until.isoformat(),
        approved_by="kanslichefen",
    )
    assert done == "command-done"
    await mirrored(exchange)
    async with network(exchange) as operator:
        by_permit = await exchange.call(SWEDEN, phone="103")
        norway = await exchange.call(NORWAY, phone="103")
        with no_bridge(exchange):
            alone = await exchange.call(SWEDEN, phone="103")
            others = await exchange.call(SWEDEN, phone="104")
        left_s = (until - await now(exchange)).total_seconds()
        assert left_s > 0, "the machine is too slow for the permit of this test"
        await asyncio.sleep(left_s + 0.1)
        ended = await exchange.call(SWEDEN, phone="103")
        with no_bridge(exchange):
            ended_alone = await exchange.call(SWEDEN, phone="103")
    assert by_permit.whys == ["outgoing-permitted"]
    assert alone.whys == ["fallback-outgoing-permitted"]
    assert [one.heard for one in (norway, others, ended, ended_alone)] == [BARRED] * 4
    assert len(operator.rings) == 2


async def test_f39_a_cap_refuses_and_a_bridge_that_dies_lifts_it_not(exchange: Stage) -> None:
    async with network(exchange) as operator:
        for number in ("0186541", "0186542"):
            await exchange.call(number, phone="105")
        await counted(exchange, "105", 2)
        with no_bridge(exchange):
            last = await exchange.call("0186543", phone="105")
            refused_alone = await exchange.call("0186544", phone="105")
        await counted(exchange, "105", CALLS_A_DAY)
        refused = await exchange.call("0186545", phone="105")
        with no_bridge(exchange):
            still = await exchange.call("0186546", phone="105")
        helped = await exchange.call(FREE, phone="105")
    assert last.result.answered_at is not None
    assert [one.heard for one in (refused_alone, refused, still)] == [CAPPED] * 3
    assert helped.whys == ["outgoing"]
    assert len(operator.rings) == CALLS_A_DAY + 1
    status = await exchange.ask("status")
    assert [one["who"] for one in status["capped"]] == ["105"]
    told = [(one["about"], one["person"]) for one in status["notices"]["to_be_heard"]]
    assert ("cap-reached", "105") in told


@pytest.mark.parametrize("absent", [False, True], ids=["bridge", "no-bridge"])
async def test_f39_too_many_at_once_are_refused(exchange: Stage, *, absent: bool) -> None:
    async with network(exchange, n0186550=Answers(after_s=0.1)):
        await mirrored(exchange)
        with no_bridge(exchange, absent=absent):
            async with exchange.caller("0186550", phone="106") as talking:
                await talking.answered()
                made = await exchange.call("0186551", phone="106")
                other = await exchange.call("0186551", phone="107" if absent else "108")
                await talking.hang_up()
    assert made.heard == AT_ONCE
    assert other.result.answered_at is not None


@pytest.mark.parametrize("absent", [False, True], ids=["bridge", "no-bridge"])
@pytest.mark.parametrize(
    ("sender", "number", "frags"),
    [
        ("109", "0186560", ["SIP/2.0 100", "SIP/2.0 200"]),
        ("108", "0186561", ["SIP/2.0 100", "SIP/2.0 486"]),
        ("109", PREMIUM, ["SIP/2.0 100", "SIP/2.0 503"]),
    ],
    ids=["answers", "busy", "barred"],
)
async def test_s27_who_is_sent_on_outside_goes_by_the_rights_of_who_sends(
    exchange: Stage, sender: str, number: str, frags: list[str], *, absent: bool
) -> None:
    """And the phone is told how it went; where it failed it has the caller back."""
    before = len(limits.spent(exchange_of(exchange.up.site), sender, await now(exchange)).calls)
    answers = Answers(after_s=0.1, talks_s=1.0)
    async with (
        network(exchange, n0186560=answers, n0186561=Busy()) as operator,
        desk(exchange.up.running.sip, sender, exchange.secrets[sender]) as phone,
        exchange.caller(f"018000{sender}") as caller,
    ):
        talk = await phone.answer()
        await caller.answered()
        with no_bridge(exchange, absent=absent):
            await phone.refer(talk, number)
            if frags[-1] != "SIP/2.0 200":
                back = await phone.answer()
                await phone.hang_up(talk)
                await phone.hang_up(back)
            else:
                await phone.hang_up(talk)
            await caller.ended()
    told = [" ".join(one.split()[:2]) for one in phone.notified]
    assert [told[0], told[-1]] == frags
    assert [one.called for one in operator.rings] == ([] if number == PREMIUM else [number])
    if number != PREMIUM:
        assert CALLER.removeprefix("0") in operator.rings[0].headers["from"]
        await counted(exchange, sender, before + 1)


async def test_s27_an_operator_permits_by_a_code(exchange: Stage) -> None:
    async with network(exchange) as operator:
        permitted = await exchange.call("*25*104*47*1800#", phone="111")
        norway = await exchange.call(NORWAY, phone="104")
        revoked = await exchange.call("#25*104#", phone="111")
        barred = await exchange.call(NORWAY, phone="104")
        own = await exchange.call("*25*111*47*1800#", phone="111")
    assert permitted.heard.startswith("Daniel Holm får ringa till landsnummer"), permitted.heard
    assert norway.whys == ["outgoing-permitted"]
    assert revoked.heard == "Daniel Holm har inga tillstånd längre."
    assert barred.heard == BARRED
    assert own.heard == "Du kan inte ge tillstånd åt dig själv. Be en kollega."
    assert len(operator.rings) == 1


async def test_f39_a_place_is_kept_for_no_dear_number_once_for_any_and_for_so_many_an_hour(
    exchange: Stage,
) -> None:
    """Who has a place already is told so, and is called once; who comes after the last one of the
    hour is called back by whoever attends."""
    async with (
        exchange.phone("111", Answers(after_s=0.1)) as karin,
        exchange.caller("018000100") as talking,
    ):
        await in_talk(karin)
        first = len(exchange.watch.events)
        async with exchange.caller("018000121", from_number="0100100") as dear:
            async with asyncio.timeout(20):
                while not any("|wait-told|" in str(one) for one in exchange.watch.events[first:]):
                    await asyncio.sleep(0.05)
            await dear.quiet(1.0)
            await dear.press("4")
            await asyncio.sleep(1.0)  # for what must not come
            await dear.hang_up()
            not_kept = await exchange.made(await dear.ended(), first, "018000121")
        kept = await keeps_the_place(exchange, "018000121")
        again = await keeps_the_place(exchange, "018000121")
        second = await keeps_the_place(exchange, "018000121", "0402222223")
        too_many = await keeps_the_place(exchange, "018000121", "0402222224")
        async with network(exchange, n0402222222=SOON, n0402222223=SOON) as operator:
            await talking.hang_up()
            async with asyncio.timeout(20):
                while len(operator.received) < PLACES_AN_HOUR:
                    await asyncio.sleep(0.1)
            await idle(exchange)
    assert "Press four" not in not_kept.heard
    assert "place-kept" not in not_kept.whys
    assert "We call you when it is your turn." in kept.heard
    assert "We call you when it is your turn." in again.heard
    assert "We call you when it is your turn." in second.heard
    assert "We call you when it is your turn." not in too_many.heard
    assert "Thank you. We will call you back." in too_many.heard
    assert "try again" not in too_many.heard
    assert [one.called for one in operator.rings] == ["0402222222", "0402222223"]


async def test_s14_a_call_of_the_exchange_follows_no_phones_redirect(exchange: Stage) -> None:
    """What 103 is asked is asked of nobody else, whatever 103's phone says."""
    until = (await now(exchange) + timedelta(hours=1)).isoformat()
    async with (
        network(exchange) as operator,
        exchange.phone("103", Diverts("112")) as asked,
        exchange.phone("105", NeverAnswers()) as other,
    ):
        await command(exchange, "SetReferral", person="106", reason="mote", until=until)
        await command(exchange, "OfferForward", person="106", to="103")
        async with asyncio.timeout(15):
            while not asked.received:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)  # for what must not come
        asked.behaviour = Diverts("018000105")
        await idle(exchange)
    await command(exchange, "CancelReferral", person="106")
    assert operator.rings == []
    assert other.received == []
