"""The operators' door on loopback: metrics for Prometheus, and how each part is.

GET /metrics   Prometheus text
GET /health    200 when every part is well, 503 when one is ill; JSON says which
GET /live      200 while the bridge runs at all

Only who asks this machine itself is answered: a page of the web could have a browser here ask under
a name of its own that leads to 127.0.0.1.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from pydantic_core import to_json

from pbx_bridge.adapters.doors import HttpDoor, Limits
from pbx_bridge.core.meters import Measure, Spread, cumulative
from pbx_bridge.ports import Finding, PbxRejected

PREFIX = "pbx_bridge_"
CLOSE_TIMEOUT_S = 2.0
LIMITS = Limits()
HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names in a request's Host header, without the port."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Operations:
    """Serves metrics and health; an async context manager."""

    def __init__(
        self,
        port: int,
        measure: Callable[[], Awaitable[Sequence[Measure]]],
        decisions: Spread,
        examine: Callable[[], Awaitable[Sequence[Finding]]],
    ) -> None:
        """`port`: on 127.0.0.1, 0 for any free one."""
        self.port = port
        """Where it listens, once it does."""
        self._measure = measure
        self._examine = examine
        self._decisions = decisions
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        app = web.Application(middlewares=[_from_here])
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        app.router.add_get("/live", self._live)
        self._http = HttpDoor("operations", app, LIMITS, CLOSE_TIMEOUT_S)

    async def __aenter__(self) -> Operations:
        """Listen. Raises `PbxRejected` when the port is taken."""
        try:
            listener = socket.create_server(("127.0.0.1", self.port))
        except OSError as error:
            raise PbxRejected(
                f"port {self.port} of 127.0.0.1 can't be opened: {error.strerror}; write "
                "another one under operations: port in config.yaml, or 0"
            ) from error
        self.port = listener.getsockname()[1]
        await self._http.open(listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def _metrics(self, _: web.Request) -> web.Response:
        registry = CollectorRegistry()
        registry.register(_Now(await self._measure(), self._decisions))
        body = generate_latest(registry) + generate_latest(self._process)
        return web.Response(body=body, headers={"Content-Type": TEXT})

    async def _health(self, _: web.Request) -> web.Response:
        found = await self._examine()
        well = all(one.well for one in found)
        body = to_json({"well": well, "parts": [asdict(one) for one in found]})
        status = 200 if well else 503
        return web.Response(body=body, status=status, content_type="application/json")

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="running\n")


@web.middleware
async def _from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    host = request.headers.get("Host", "localhost")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in HERE:
        raise web.HTTPMisdirectedRequest(text="ask 127.0.0.1 or localhost\n")
    return await handler(request)


class _Now(Collector):
    """The measures of one moment."""

    def __init__(self, measures: Iterable[Measure], decisions: Spread) -> None:
        self._measures = measures
        self._decisions = decisions

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for one in self._measures:
            name = PREFIX + one.name
            family = families.get(name)
            if family is None:
                kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                family = families[name] = kind(name, one.about, labels=list(one.labels))
            family.add_metric(list(one.labels.values()), float(one.value))
        yield from families.values()
        name = f"{PREFIX}decision_seconds"
        told = HistogramMetricFamily(name, "From a channel's question to its answer")
        told.add_metric([], cumulative(self._decisions), self._decisions.total_s)
        yield told
