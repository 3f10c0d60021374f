"""Ports that are free, taken, or of somebody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pbx_bridge.supervisor.ports import Door, clashes, free_port, not_held

TAKES = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
door = socket.socket(socket.AF_INET, kind)
door.bind(("127.0.0.1", 0))
if kind is socket.SOCK_STREAM:
    door.listen()
print(door.getsockname()[1], flush=True)
sys.stdin.read()
"""


def door(port: int, kind: socket.SocketKind, host: str = "127.0.0.1") -> Door:
    return Door("SIP", host, port, kind, "--sip-port", "asterisk: sip_port")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_another_has_is_named_with_its_holder_and_the_way_out(
    kind: socket.SocketKind, tmp_path: Path
) -> None:
    name = "udp" if kind is socket.SOCK_DGRAM else "tcp"
    config = tmp_path / "asterisk/etc/asterisk.conf"
    with subprocess.Popen(
        [sys.executable, "-c", TAKES, name, "-C", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        (said,) = clashes([door(port, kind)])
        assert f"SIP port {port} of 127.0.0.1 is taken by" in said
        assert f"(pid {other.pid}), of the exchange in {tmp_path}" in said
        assert "--sip-port 0" in said
        assert not_held([door(port, kind)], other.pid) == []
        assert not_held([door(port, kind)], os.getpid()) == [said]
        other.communicate()
    assert clashes([door(port, kind)]) == []


def test_a_connection_that_has_just_ended_is_no_clash() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first waits (TIME_WAIT)
    assert clashes([door(port, socket.SOCK_STREAM)]) == []


def test_an_address_that_this_machine_has_not_is_told() -> None:
    (said,) = clashes([door(free_port(), socket.SOCK_DGRAM, "192.0.2.1")])
    assert "this machine has no such address" in said
