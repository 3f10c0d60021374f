"""Operators that are known by a name, with name servers that answer, change and die."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from asterisk.norrskar import OPERATOR, small_plan

from pbx_bridge.asterisk import names
from pbx_bridge.config.values import _host
from pbx_bridge.core.trunks import networks

NAMED = replace(OPERATOR, hosts=("sip.operator.example:5070", "192.0.2.10:5060"))
PLAN = small_plan(trunks=(NAMED,))


class Server:
    """A name server; empty is one that doesn't answer."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def __call__(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        if not self.addresses:
            raise OSError("no name server")
        return self.addresses


def hosts(server: Server, file: Path, *, anew: bool = True) -> tuple[str, ...]:
    found = names.with_addresses(PLAN, file, server, anew=anew)
    return found.trunks["operator"].hosts


def test_asterisk_is_told_addresses_and_the_last_ones_known_where_nobody_answers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "addresses.json"
    two = Server("198.51.100.7", "198.51.100.8")
    wanted = ("198.51.100.7:5070", "198.51.100.8:5070", "192.0.2.10:5060")
    assert hosts(two, file) == wanted
    assert hosts(Server(), file) == wanted
    assert hosts(Server("198.51.100.9"), file) == ("198.51.100.9:5070", "192.0.2.10:5060")
    quick = Server("198.51.100.7")
    assert hosts(quick, file, anew=False) == ("198.51.100.9:5070", "192.0.2.10:5060")
    assert quick.asked == [], "a start doesn't wait for a name server"


def test_a_name_that_a_certificate_is_for_is_called_itself_by_the_addresses_that_are_known(
    tmp_path: Path,
) -> None:
    secure = replace(NAMED, authority="/ca.pem")
    plan = small_plan(trunks=(secure,))
    file = tmp_path / "addresses.json"
    server = Server("198.51.100.7", "198.51.100.8")
    found = names.with_addresses(plan, file, server).trunks["operator"]
    assert found.hosts == secure.hosts
    name = "sip.operator.example"
    assert found.addresses == (("198.51.100.7", name), ("198.51.100.8", name))
    assert set(networks(found)) >= {"198.51.100.7", "198.51.100.8", "192.0.2.10"}
    nowhere = names.with_addresses(plan, tmp_path / "none.json", Server()).trunks["operator"]
    assert nowhere.addresses == ((names.NOWHERE, name),)


@pytest.mark.parametrize("held", ["", "[1]", '{"sip.operator.example": ["not an address"]}'])
def test_a_name_that_was_never_found_leads_nowhere_and_the_next_server_is_there(
    tmp_path: Path, held: str
) -> None:
    file = tmp_path / "addresses.json"
    if held:
        file.write_text(held)
    first, second = hosts(Server(), file)[-2:]
    assert second == "192.0.2.10:5060"
    assert first == f"{names.NOWHERE}:5070"


def test_a_plan_without_names_is_left_alone(tmp_path: Path) -> None:
    server = Server("198.51.100.7")
    plan = small_plan()
    assert names.with_addresses(plan, tmp_path / "addresses.json", server) is plan
    assert (server.asked, list(tmp_path.iterdir())) == ([], [])


def test_the_machine_knows_its_own_name() -> None:
    assert "127.0.0.1" in names.look_up("localhost")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("sip.Operator.example", "sip.operator.example"),
        ("sip-2.operator.example:5070", "sip-2.operator.example:5070"),
        ("192.0.2.10", "192.0.2.10"),
        ("[2001:db8::1]:5070", "[2001:db8::1]:5070"),
        ("2001:DB8::1", "[2001:db8::1]"),
    ],
)
def test_a_host_is_an_address_or_a_name_and_a_port(text: str, host: str) -> None:
    assert _host(text) == host


@pytest.mark.parametrize(
    "text",
    ["192.0.2.300", "192.0.2", "-x.example", "x..", "", "x:y", "2001:db8::1:z", "a;b"],
)
def test_a_host_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        _host(text)
