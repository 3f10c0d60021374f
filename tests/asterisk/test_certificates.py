"""The certificate of the TLS door, from a technician's files or made here."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asterisk.norrskar import settings

from pbx_bridge.asterisk.certificates import OWN, OWN_KEY, files, sources
from pbx_bridge.asterisk.render import write
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.deployment_file import load_deployment
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.wire import x509

NAMED = "  tls_certificate: c.pem\n  tls_key: k.pem\n"


def deployment(folder: Path, *more: str) -> Deployment:
    (folder / "config.yaml").write_text("\n".join(["asterisk:", "  tls_port: 5061", *more]))
    return load_deployment(folder / "config.yaml")


def place(folder: Path) -> Settings:
    return settings(folder / "state/asterisk", sip_tls_port=5061)


def test_without_a_tls_door_there_is_no_certificate(tmp_path: Path) -> None:
    closed = replace(place(tmp_path), sip_tls_port=None)
    assert files(deployment(tmp_path), closed) == {}
    assert not (tmp_path / "state").exists()


def test_one_of_our_own_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    one = deployment(tmp_path, "  host: 127.0.0.5", '  host_ipv6: "::1"')
    made = files(one, place(tmp_path))
    assert set(made) == {"certificate.pem", "certificate.key"}
    assert {"127.0.0.5", "::1"} <= set(x509.read(*(text.encode() for text in made.values())).names)
    assert files(one, place(tmp_path)) == made
    for name in (OWN, OWN_KEY):
        assert stat.S_IMODE((one.state / name).stat().st_mode) == 0o600
    write(made, tmp_path)
    assert stat.S_IMODE((tmp_path / "certificate.key").stat().st_mode) == 0o600


def test_it_is_made_anew_for_another_address_near_its_end_and_when_it_is_damaged(
    tmp_path: Path,
) -> None:
    first = files(deployment(tmp_path), place(tmp_path))
    second = files(deployment(tmp_path, "  host: 127.0.0.5"), place(tmp_path))
    assert second != first
    state, now = tmp_path / "state", datetime.now(UTC)
    old = x509.make(["127.0.0.1", "127.0.0.5"], now - x509.LASTS + timedelta(days=59))
    for name, text in zip((OWN, OWN_KEY), old, strict=True):
        (state / name).write_bytes(text)
    third = files(deployment(tmp_path), place(tmp_path))
    assert third["certificate.pem"] != old[0].decode()
    (state / OWN_KEY).write_text("damaged")
    assert files(deployment(tmp_path), place(tmp_path)) != third


def test_a_technicians_is_taken_as_it_is_and_watched(tmp_path: Path) -> None:
    one = deployment(tmp_path, NAMED)
    with pytest.raises(ConfigError, match="can't be read"):
        files(one, place(tmp_path))
    assert sources(one) == ()
    certificate, key = x509.make(["pbx.example"], datetime(2020, 1, 1, tzinfo=UTC))
    (tmp_path / "c.pem").write_bytes("# från Växeln AB\n".encode("latin-1") + certificate)
    (tmp_path / "k.pem").write_bytes(key)
    held = files(one, place(tmp_path))
    assert x509.shown(held["certificate.pem"].encode()).names == ("pbx.example",)
    assert held["certificate.key"].encode() == key
    assert [file.name for file in sources(one)] == ["c.pem", "k.pem"]
    assert not (one.state / OWN).exists()
