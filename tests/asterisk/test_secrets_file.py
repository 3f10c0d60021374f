"""Passwords are made once, kept, and shown to nobody (S29)."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from asterisk.norrskar import ANNA, OLLE, small_plan

from pbx_bridge.asterisk.secrets import (
    SecretsUnreadable,
    load,
    mailboxes,
    password,
    pin,
    renew,
    trunks_without,
)
from pbx_bridge.core.model import Device
from pbx_bridge.core.trunks import Trunk


def test_s29_secrets_are_made_at_first_start_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = load(file, small_plan())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(made.phones) == {"101", "102"}
    assert set(made.mailboxes) == {"101", "900"}
    assert set(made.pins) == {"101", "102"}
    pins = [*made.mailboxes.values(), *made.pins.values()]
    assert all(len(one) == 6 and one.isdigit() for one in pins)
    everything = [made.ari, made.ami, made.lookup, *made.phones.values()]
    assert len(set(everything)) == 5
    assert min(map(len, everything)) >= 32


def test_what_is_there_is_kept_and_newcomers_get_theirs(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load(file, small_plan(ANNA))
    written = file.stat().st_ino
    assert load(file, small_plan(ANNA)) == first
    assert file.stat().st_ino == written, "an unchanged file was written again"
    second = load(file, small_plan(OLLE, replace(OLLE, extension="103", mailbox=True)))
    assert second.phones.keys() == {"101", "102", "103"}
    assert second.phones["101"] == first.phones["101"]
    assert second.mailboxes.keys() == {"101", "103", "900"}
    assert second.pins.keys() == {"101", "102", "103"}
    assert second.pins["101"] == first.pins["101"]
    assert (second.ari, second.ami, second.lookup) == (first.ari, first.ami, first.lookup)


def test_an_older_file_gets_what_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load(file, small_plan())
    held = json.loads(file.read_text())
    del held["pins"], held["lookup"]
    file.write_text(json.dumps(held))
    second = load(file, small_plan())
    assert second.pins.keys() == {"101", "102"}
    assert len(second.lookup) >= 32
    assert replace(second, pins=first.pins, lookup=first.lookup) == first
    assert load(file, small_plan()) == second


def test_a_further_device_gets_its_own_and_the_first_keeps_its(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load(file, small_plan(ANNA))
    desk, dect = Device("desk"), Device("dect")
    second = load(file, small_plan(replace(ANNA, devices=(desk, dect))))
    assert second.phones.keys() == {"101", "101-dect"}
    assert second.phones["101"] == first.phones["101"] != second.phones["101-dect"]
    assert load(file, small_plan(ANNA)).phones == second.phones


def test_s26_what_was_lost_is_made_anew_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load(file, small_plan())
    renew(file, ["101", "999"], ["101", "999"])
    second = load(file, small_plan())
    assert second.phones["101"] != first.phones["101"]
    assert second.pins["101"] != first.pins["101"]
    assert password(file, "101") == second.phones["101"]
    assert password(file, "999") == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    phones, pins = {**second.phones}, {**second.pins}
    phones["101"], pins["101"] = first.phones["101"], first.pins["101"]
    assert replace(second, phones=phones, pins=pins) == first


def test_the_trunks_password_is_what_a_technician_wrote(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    load(file, small_plan())
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | {"trunk": "from the operator"}))
    file.chmod(0o644)
    assert load(file, small_plan()).trunk == "from the operator"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_trunk_has_its_own_password_or_the_one_of_before(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    load(file, small_plan())
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | {"trunk": "of all", "trunks": {"cable": "of the cable"}}))
    found = load(file, small_plan())
    passwords = [found.trunk_password(name) for name in ("cable", "mast")]
    assert passwords == ["of the cable", "of all"]
    assert json.loads(file.read_text())["trunks"] == {"cable": "of the cable"}


@pytest.mark.parametrize("content", ["", "hush", "[]", '{"ari": "hush"}', '{"ari": ""}'])
def test_a_spoilt_file_is_neither_used_nor_replaced_nor_shown(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)
    with pytest.raises(SecretsUnreadable, match=r"backup") as refused:
        load(file, small_plan())
    assert "hush" not in str(refused.value)
    assert file.read_text() == content


def test_s29_secrets_do_not_appear_in_logs(tmp_path: Path) -> None:
    made = load(tmp_path / "secrets.json", small_plan())
    shown = f"{made} {made!r}"
    pins = [*made.mailboxes.values(), *made.pins.values()]
    for secret in (made.ari, made.ami, made.lookup, *made.phones.values(), *pins):
        assert secret not in shown


def test_mailboxes_are_those_of_people_and_lines() -> None:
    assert mailboxes(small_plan()) == ("101", "900")


def test_a_pin_is_read_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = load(file, small_plan())
    assert pin(file, "101") == made.pins["101"]
    assert pin(file, "999") == ""
    assert pin(tmp_path / "none.json", "101") == ""
    file.write_text("{}")
    with pytest.raises(SecretsUnreadable):
        pin(file, "101")


def test_a_trunk_whose_password_nobody_has_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    trunk = Trunk("cable", ("192.0.2.9:5060",), username="norrskar")
    plan = small_plan(trunks=(trunk, replace(trunk, name="open", username="")))
    assert trunks_without(file, plan) == (), "the first start makes the file"
    load(file, plan)
    assert trunks_without(file, plan) == ("cable",)
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | {"trunks": {"cable": "whatever they said"}}))
    assert trunks_without(file, plan) == ()
