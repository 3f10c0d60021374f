"""Telephones first: what starts Asterisk and the bridge, and keeps both whatever they meet.

Asterisk comes up first, and stays up when the bridge, the journal, the secrets or the plan are
damaged: callers then have the fallback by the last known state. A supervisor that is killed
leaves both running, and the next one adopts them.
"""

from __future__ import annotations

from pbx_bridge.supervisor.exchange import Exchange, exchange
from pbx_bridge.supervisor.keeping import Supervisor
from pbx_bridge.supervisor.preparing import Wanted, render_into, settings_for
from pbx_bridge.supervisor.running import stop, supervise

__all__ = [
    "Exchange",
    "Supervisor",
    "Wanted",
    "exchange",
    "render_into",
    "settings_for",
    "stop",
    "supervise",
]
