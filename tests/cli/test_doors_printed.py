"""What is printed of the doors: the READY line, and what a technician types into a device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pbx_bridge.asterisk import running
from pbx_bridge.asterisk.running import Running
from pbx_bridge.cli.doors import listed, typed_in
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.deployment_file import load_deployment
from pbx_bridge.core.media import Codec, Encryption, Transport
from pbx_bridge.core.model import Device

SECURE = Device(
    "softphone",
    transport=Transport.TLS,
    encryption=Encryption.SRTP,
    codecs=(Codec.OPUS, Codec.ALAW),
    ice=True,
)
OPEN = 'asterisk: {tls_port: 5061, host_ipv6: "2001:db8::10"}'


def deployment(folder: Path, text: str = "") -> Deployment:
    (folder / "config.yaml").write_text(text)
    return load_deployment(folder / "config.yaml")


def where(folder: Path) -> Running:
    return Running("127.0.0.1", 40000, "127.0.0.1", 1, 2, 3, folder, (), "", True, 0)


def test_the_ready_line_lists_the_doors_that_are_open(tmp_path: Path) -> None:
    one = where(tmp_path)
    assert listed(one) == "sip=127.0.0.1:40000"
    every = replace(one, sip_tcp_port=40001, sip_tls_port=40002, sip_host6="::1")
    assert listed(every) == "sip=127.0.0.1:40000 tcp=40001 tls=40002 ipv6=[::1]"


@pytest.mark.parametrize(
    ("device", "server"),
    [
        (Device(), "127.0.0.1:5060"),
        (SECURE, "127.0.0.1:5061"),
        (replace(SECURE, ipv6=True), "[2001:db8::10]:5061"),
        (Device("old", transport=Transport.TCP), "none: write tcp_port under asterisk:"),
    ],
)
def test_a_device_is_told_its_own_door(tmp_path: Path, device: Device, server: str) -> None:
    typed = typed_in(deployment(tmp_path, OPEN), device)
    assert typed["server"].startswith(server)
    assert typed["transport"] == device.transport.upper()


def test_what_a_device_has_to_know_more_is_told_where_it_matters(tmp_path: Path) -> None:
    one = deployment(tmp_path, OPEN)
    secure = typed_in(one, SECURE)
    assert secure["trust"] == str(one.state / "tls.pem")
    assert (secure["codecs"], secure["nat"]) == ("opus, alaw", "ICE")
    assert secure["encryption"].startswith("SRTP")
    assert not any(typed_in(one, Device())[key] for key in ("trust", "codecs", "nat", "encryption"))
    named = OPEN.replace("}", ", tls_certificate: c, tls_key: k}")
    assert typed_in(deployment(tmp_path, named), SECURE)["trust"] == ""


def test_the_exchange_that_runs_says_which_ports_it_took(tmp_path: Path) -> None:
    one = deployment(tmp_path, "asterisk: {tls_port: 0}")
    one.state.mkdir()
    running.save(replace(where(tmp_path), sip_tls_port=40002), one.state)
    assert typed_in(one, SECURE)["server"] == "127.0.0.1:40002"
