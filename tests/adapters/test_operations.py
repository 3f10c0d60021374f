"""The operators' door, with a real client on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pbx_bridge.adapters.operations import Operations
from pbx_bridge.app.health import examine
from pbx_bridge.core.meters import Measure, Spread
from pbx_bridge.ports import Finding, Ill, PbxRejected


async def measures() -> Sequence[Measure]:
    return [
        Measure("calls_total", "Calls that have ended", 3, {"outcome": "answered"}),
        Measure("calls_total", "Calls that have ended", 1, {"outcome": "abandoned"}),
        Measure("mirror_current", "1 while Asterisk holds the present state", True),
    ]


async def ask(port: int, path: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


def checks(*parts: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[Sequence[Finding]]]:
    return lambda: examine({one.__name__: one for one in parts}, limit_s=0.2)


async def well() -> str:
    return "answers"


async def ill() -> str:
    raise Ill("no room; make some")


async def silent() -> str:
    await asyncio.Event().wait()
    return "never"


async def broken() -> str:
    raise OSError


async def test_metrics_are_read_by_prometheus_own_parser() -> None:
    spread = Spread()
    spread.add(0.004)
    async with Operations(0, measures, spread, checks(well)) as door:
        status, kind, text = await ask(door.port, "/metrics")
    assert (status, kind) == (200, "text/plain")
    families = {one.name: one for one in text_string_to_metric_families(text)}
    calls = {one.labels["outcome"]: one.value for one in families["pbx_bridge_calls"].samples}
    assert calls == {"answered": 3.0, "abandoned": 1.0}
    assert families["pbx_bridge_calls"].type == "counter"
    assert families["pbx_bridge_mirror_current"].samples[0].value == 1
    histogram = {
        (one.name, one.labels.get("le")): one.value
        for one in families["pbx_bridge_decision_seconds"].samples
    }
    assert histogram["pbx_bridge_decision_seconds_bucket", "0.002"] == 0
    assert histogram["pbx_bridge_decision_seconds_bucket", "0.005"] == 1
    assert "process_resident_memory_bytes" in families


async def test_health_names_the_part_that_is_ill_and_waits_for_none() -> None:
    async with Operations(0, measures, Spread(), checks(well)) as door:
        assert (await ask(door.port, "/health"))[0] == 200
        assert (await ask(door.port, "/live"))[0] == 200
    async with Operations(0, measures, Spread(), checks(well, ill, silent, broken)) as door:
        async with asyncio.timeout(2):
            status, _, text = await ask(door.port, "/health")
    assert status == 503
    for words in ("no room; make some", "no answer within 0.2 s", "OSError", '"well":true'):
        assert words in text


async def test_a_port_that_is_taken_is_told() -> None:
    async with Operations(0, measures, Spread(), checks(well)) as door:
        with pytest.raises(PbxRejected, match="operations: port"):
            async with Operations(door.port, measures, Spread(), checks(well)):
                pass


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9753", 200),
        ("LOCALHOST", 200),
        ("[::1]:9753", 200),
        ("evil.example", 421),
        ("evil.example:9753", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.", 421),
        ("", 421),
    ],
)
async def test_only_who_asks_this_machine_by_its_own_name_is_answered(
    host: str, status: int
) -> None:
    async with Operations(0, measures, Spread(), checks(well)) as door:
        for path in ("/metrics", "/health", "/live"):
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"http://127.0.0.1:{door.port}{path}", headers={"Host": host}) as answer,
            ):
                assert answer.status == status
