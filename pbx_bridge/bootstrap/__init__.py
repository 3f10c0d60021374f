"""Builds a bridge out of its adapters: the one place that knows them all."""

from __future__ import annotations

from pbx_bridge.bootstrap.alone import block_alone
from pbx_bridge.bootstrap.folders import secure
from pbx_bridge.bootstrap.health import LEAST_FREE_BYTES
from pbx_bridge.bootstrap.parts import (
    BRIDGE_LOCK,
    DATABASE,
    SECRETS,
    SUPERVISOR_LOCK,
    control_socket,
    database_file,
    espeak,
    supervisor_socket,
)
from pbx_bridge.bootstrap.work import Bridge, bridge, changes

__all__ = [
    "BRIDGE_LOCK",
    "DATABASE",
    "LEAST_FREE_BYTES",
    "SECRETS",
    "SUPERVISOR_LOCK",
    "Bridge",
    "block_alone",
    "bridge",
    "changes",
    "control_socket",
    "database_file",
    "espeak",
    "secure",
    "supervisor_socket",
]
