"""Ports that are free, taken, or of somebody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.supervisor.ports import Door, clashes, doors, free_port, not_held

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


def test_an_address_of_ipv6_is_tried_too() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        other.bind(("::1", 0))
        other.listen()
        wanted = door(other.getsockname()[1], socket.SOCK_STREAM, "::1")
        (said,) = clashes([wanted])
        assert f"SIP port {wanted.port} of ::1 is taken by" in said
        assert f"(pid {os.getpid()})" in said
        assert not_held([wanted], os.getpid()) == []
    assert clashes([wanted]) == []


def test_one_that_listens_everywhere_has_an_address_of_ipv4_too() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as other:
        (said,) = clashes([door(other.getsockname()[1], socket.SOCK_STREAM)])
    assert f"(pid {os.getpid()})" in said


def test_every_open_door_is_tried(tmp_path: Path) -> None:
    settings = Settings(
        *(tmp_path, 5060, 8088, 5038, 4573), sip_tcp_port=5060, sip_tls_port=5061, sip_host6="::1"
    )
    found = [(one.name, one.host, one.port) for one in doors(settings, 9753) if "SIP" in one.name]
    ways = [("SIP", 5060), ("SIP over TCP", 5060), ("SIP over TLS", 5061)]
    assert found == [(name, host, port) for host in ("127.0.0.1", "::1") for name, port in ways]
    assert [one.name for one in doors(settings, 9753) if not one.by_asterisk] == [
        "FastAGI",
        "operations",
    ]


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
