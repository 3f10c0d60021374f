"""The devices of people, as technicians write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.copies import TODAY, Change, at, told

from pbx_bridge.config.deployment import Doors
from pbx_bridge.config.doors import door_problems
from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.media import Codec, Encryption, Transport
from pbx_bridge.core.model import Device

SAMPLE = '    desk: {place: "Kommungården, 2 tr., rum 203"}\n    softphone:\n'
NAMED = "a device's name (at most 20 letters a-z and digits, a letter first)"


def test_devices_have_a_name_and_a_place_and_keep_their_order(folder: Path) -> None:
    people = load_plan(folder, TODAY).people
    desk = Device("desk", "Kommungården, 2 tr., rum 203")
    assert people["104"].devices == (desk, Device("softphone"))
    assert people["101"].devices == (Device(),)


def test_nothing_behind_devices_is_one_device(folder: Path, change: Change) -> None:
    change("people.yaml", "  devices:\n" + SAMPLE, "  devices:\n")
    assert load_plan(folder, TODAY).people["104"].devices == (Device(),)


TRUNK = "    host: 127.0.0.1:5090\n    transport:  tcp\n"
SECURE = """    desk: {place: "Kommungården, 2 tr., rum 203"}
    softphone:
      transport:  tls
      encryption: srtp
      codecs: [opus, g722]
      ice: true
      ipv6:  true
"""


def test_a_device_says_how_it_comes_and_how_it_talks(folder: Path, change: Change) -> None:
    change("people.yaml", SAMPLE, SECURE)
    assert load_plan(folder, TODAY).people["104"].devices[1] == Device(
        "softphone",
        transport=Transport.TLS,
        encryption=Encryption.SRTP,
        codecs=(Codec.OPUS, Codec.G722),
        ice=True,
        ipv6=True,
    )


def test_a_door_that_a_device_needs_and_that_is_closed_is_told(
    folder: Path, change: Change
) -> None:
    change("people.yaml", SAMPLE, SECURE)
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"
    assert door_problems(Doors(tls_port=5061, ipv6="fd00::2"), folder, mailboxes) == []
    found = [str(one) for one in door_problems(Doors(), folder, mailboxes)]
    assert found == [
        at(folder, "people.yaml", "      transport:  tls", "the exchange has no door for TLS, ")
        + "write a tls_port under asterisk: in config.yaml",
        at(folder, "people.yaml", "      ipv6:  true", "the exchange has no IPv6 address, ")
        + "write host_ipv6 under asterisk: in config.yaml",
    ]


@pytest.mark.parametrize(("six", "key"), [(False, "host"), (True, "host_ipv6")])
def test_ice_where_nobody_else_can_reach_the_exchange_is_told(
    folder: Path, change: Change, *, six: bool, key: str
) -> None:
    """Asterisk offers no loopback address, so there would be calls without sound."""
    written = f"    d:\n      ice:  true\n      ipv6: {str(six).lower()}\n"
    change("people.yaml", SAMPLE, written)
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"
    far = door_problems(Doors(ipv6="fd00::2"), folder, mailboxes, "192.0.2.2")
    (told,) = door_problems(Doors(ipv6="::1"), folder, mailboxes, "127.0.0.1")
    assert far == []
    expected = f"write another {key} under asterisk: in config.yaml"
    assert str(told).startswith(at(folder, "people.yaml", "      ice:  true", "with ice there is"))
    assert str(told).endswith(expected)


def test_a_trunk_goes_out_by_a_door_that_is_open(folder: Path, change: Change) -> None:
    """Asterisk has no other way to TCP and TLS."""
    change("trunks.yaml", "    host: 127.0.0.1:5090\n", TRUNK)
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"
    assert door_problems(Doors(tcp_port=5060), folder, mailboxes) == []
    found = [str(one) for one in door_problems(Doors(tls_port=5061), folder, mailboxes)]
    expected = "the exchange has no door for TCP, write a tcp_port under asterisk: in config.yaml"
    assert found == [at(folder, "trunks.yaml", "    transport:  tcp", expected)]


@pytest.mark.parametrize(
    ("written", "where", "expected"),
    [
        ("    Desk Phone:\n", "Desk Phone", f'"Desk Phone" is not {NAMED}'),
        ("    2:\n", "    2:", f'"2" is not {NAMED}'),
        ("    dect:\n    softphone:\n    dect:\n", "#", '"dect" stands here twice'),
        ("    desk: {room: 203}\n", "room: 203", 'unknown key "room"'),
        ("    desk: {secret: hush}\n", "secret: hush", '"secret": secrets never stand in YAML'),
        ("    desk: 203\n", "desk: 203", '"desk" should be keys with values'),
        ("    d: {transport: sctp}\n", "sctp", "should be 'udp', 'tcp' or 'tls'"),
        ("    d: {encryption: yes}\n", "d: {enc", "should be 'none' or 'srtp'"),
        ("    d: {encryption: srtp}\n", "d: {enc", "srtp needs transport: tls"),
        ("    d: {codecs: [alaw, g729]}\n", "g729", "should be 'opus', 'g722', 'alaw'"),
        ("    d: {codecs: [alaw, alaw]}\n", "d: {codecs", "one of them stands there twice"),
        ("    d: {ice: maybe}\n", "maybe", '"ice" should be true or false'),
        ("    d: {ipv6: }\n", "d: {ipv6", '"ipv6" should be true or false'),
    ],
)
def test_a_wrong_device_is_told_with_its_line(
    folder: Path, change: Change, written: str, where: str, expected: str
) -> None:
    change("people.yaml", SAMPLE, written)
    problems = told(folder)
    assert len(problems) == 1, problems
    assert expected in problems[0]
    if where != "#":
        assert problems[0].startswith(at(folder, "people.yaml", where, ""))


def test_a_server_of_a_trunk_that_only_ipv6_reaches_is_told_where_the_exchange_has_none(
    folder: Path, change: Change
) -> None:
    change("trunks.yaml", "    host: 127.0.0.1:5090\n", '    host: [192.0.2.1, "[2001:db8::1]"]\n')
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"
    assert door_problems(Doors(ipv6="2001:db8::2"), folder, mailboxes) == []
    (told,) = door_problems(Doors(), folder, mailboxes)
    assert str(told).startswith(
        at(folder, "trunks.yaml", "    host: [", "the exchange has no IPv6 address, ")
    )
