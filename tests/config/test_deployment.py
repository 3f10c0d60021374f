"""config.yaml: defaults that hold, secrets that never stand in it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pbx_bridge.config import deployment_file
from pbx_bridge.config.deployment import Deployment, Login, Mode, Privacy
from pbx_bridge.config.deployment_file import load_deployment
from pbx_bridge.config.doors import door_problems, named_certificate
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.core.model import Language
from pbx_bridge.wire import x509

ROOT = Path(__file__).resolve().parents[2]
EXTERNAL = """
asterisk:
  mode: external
  external:
    host: 192.0.2.10
    ari: {username: bridge, password_env: ARI_WORD}
    ami: {username: bridge, password_file: secrets/ami}
"""


def load(tmp_path: Path, text: str) -> Deployment:
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return load_deployment(tmp_path / "config.yaml")


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path.name}/") for problem in caught.value.problems]


def test_the_sample_says_the_defaults(tmp_path: Path) -> None:
    """Whoever deletes a line of config.yaml gets what stood in it."""
    sample, empty = load_deployment(ROOT / "config.yaml"), load(tmp_path, "")
    for name in Deployment.__slots__:
        found, default = getattr(sample, name), getattr(empty, name)
        if isinstance(found, Privacy):
            assert found.key.relative_to(ROOT) == default.key.relative_to(tmp_path.resolve())
            default = replace(default, key=found.key)
        if isinstance(found, Path):
            found, default = found.relative_to(ROOT), default.relative_to(tmp_path.resolve())
        assert found == default, name


def test_the_sample_explains_every_key() -> None:
    """Each key of the schema stands in config.yaml, so that it needs no manual."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    shapes = (
        deployment_file._Config,
        deployment_file._Asterisk,
        deployment_file._External,
        deployment_file._Login,
        deployment_file._Folders,
        deployment_file._Speech,
        deployment_file._Guards,
        deployment_file._Privacy,
        deployment_file._Journal,
        deployment_file._Operations,
    )
    for key in (key for shape in shapes for key in shape.model_fields):
        assert re.search(rf"\b{key}\b", text), key


def test_everything_listens_on_this_machine_alone_by_default(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert found.host == "127.0.0.1"
    assert found.mode is Mode.AUTO
    assert (found.claim_timeout_ms, found.guard_seconds) == (300, 4)
    assert found.allow_older_asterisk is False
    assert found.voices[Language.SV] == "sv"


def test_relative_folders_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    found = load(tmp_path, "folders:\n  state: /var/lib/pbx\n  dialplan: plan\n")
    assert found.state == Path("/var/lib/pbx")
    assert found.dialplan == tmp_path.resolve() / "plan"
    assert found.mailboxes == tmp_path.resolve() / "voicemail/mailboxes.yaml"


def test_an_external_asterisk_is_reached_with_secrets_from_outside(tmp_path: Path) -> None:
    external = load(tmp_path, EXTERNAL).external
    assert external is not None
    assert external.host == "192.0.2.10"
    with pytest.raises(ConfigError, match="ARI_WORD is not set"):
        external.ari.password({})
    assert external.ari.password({"ARI_WORD": "opened"}) == "opened"
    with pytest.raises(ConfigError, match=r"ami: can't be read"):
        external.ami.password({})
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/ami").write_text("")
    with pytest.raises(ConfigError, match="is empty"):
        external.ami.password({})
    (tmp_path / "secrets/ami").write_text("sesame\n")
    assert external.ami.password({}) == "sesame"
    assert "opened" not in repr(external)


def test_a_login_keeps_no_password() -> None:
    login = Login("bridge", "ARI_WORD")
    assert login.password({"ARI_WORD": "opened"}) == "opened"
    assert "opened" not in repr(login)


@pytest.mark.parametrize("key", ["password", "ari_password", "secret", "api_key", "token", "pin"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    (found,) = refused(tmp_path, f"language: sv\n{key}: hunter2\n")
    assert found.startswith(f'config.yaml:2: "{key}": secrets never stand in YAML, delete it')
    assert "hunter2" not in found


def test_a_password_beside_its_username_is_refused(tmp_path: Path) -> None:
    text = EXTERNAL.replace("password_env: ARI_WORD", "password: hunter2")
    found = refused(tmp_path, text)
    assert any("secrets never stand in YAML" in line for line in found)
    assert not any("hunter2" in line for line in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("languge: sv", 'config.yaml:1: unknown key "languge", did you mean "language"?'),
        ("asterisk:\n  sip_prot: 5060", 'config.yaml:2: unknown key "sip_prot", did you mean'),
        (EXTERNAL.replace("host:", "hots:"), 'unknown key "hots", did you mean "host"?'),
        ("asterisk:\n  mode: external", "needs the block external"),
        (EXTERNAL + "  ari_port: 0\n", "needs the real ari_port and ami_port"),
        (EXTERNAL.replace("password_env: ARI_WORD", ""), "password_env or password_file"),
        ("asterisk: {host: localhost}", "is no IPv4 address"),
        ("asterisk: {host: 0.0.0.0}", "the one address that phones reach"),
        ("asterisk: {sip_port: 70000}", '"sip_port" should be less than or equal to 65535'),
        ("asterisk: {mode: magic}", "should be 'auto', 'system', 'private' or 'external'"),
        ("asterisk:\n  tls_port: many", 'config.yaml:2: "tls_port" should be a whole number'),
        ("asterisk: {tcp_port: 70000}", '"tcp_port" should be less than or equal to 65535'),
        (
            "asterisk: {tcp_port: 5061, tls_port: 5061}",
            "tcp_port and tls_port are both 5061",
        ),
        ("asterisk: {host_ipv6: 192.0.2.1}", "is no IPv6 address"),
        ('asterisk: {host_ipv6: "::"}', "the one address that phones reach"),
        ('asterisk: {host_ipv6: "fe80::1"}', "of one link only"),
        ("agi_port: 5038", "ami_port and agi_port are both 5038, choose others"),
        (
            "asterisk: {tls_port: 0, tls_key: k}",
            '"tls_key": of no use alone, write tls_cert',
        ),
        (
            "asterisk: {tls_certificate: c, tls_key: k}",
            '"tls_certificate": of no use while',
        ),
        ("guards: {claim_timeout_ms: 5}", "greater than or equal to 50"),
        ("folders: {state: ~/pbx}", "~ is not expanded here"),
        ("folders: {state: }", '"state": is empty'),
        ("speech: {voices: {sv: 'a b;c'}}", '"sv"'),
        ("log_level: chatty", '"log_level"'),
        ("journal: {anchor: state/heads}", "lies in the state folder"),
        ("folders: {state: /s}\njournal: {anchor: /a/../s/x/heads}", "lies in the state folder"),
        ("[]", "should be keys with values"),
        ("a: *b", "an alias (*b)"),
    ],
)
def test_wrong_values_are_refused_with_their_line(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in refused(tmp_path, text)), refused(tmp_path, text)


def test_any_free_port_of_sip_is_one_of_every_door_that_is_open(tmp_path: Path) -> None:
    found = load(tmp_path, "asterisk: {tls_port: 5061}").but(sip_port=0).doors
    assert (found.tcp_port, found.tls_port) == (None, 0)
    assert load(tmp_path, "asterisk: {tls_port: 5061}").but(sip_port=5070).doors.tls_port == 5061


CERTIFICATE = """asterisk:
  tls_port: 5061
  tls_key: key.pem
  tls_certificate: certificate.pem
"""


def test_a_certificate_that_can_not_be_used_is_told_with_its_line(tmp_path: Path) -> None:
    """But one that is over is no reason to leave phones without a door."""
    doors = load(tmp_path, CERTIFICATE).doors

    def told() -> list[str]:
        return [
            str(one).removeprefix(f"{tmp_path.name}/")
            for one in door_problems(doors, ROOT / "dialplan", ROOT / "voicemail/mailboxes.yaml")
        ]

    (missing,) = told()
    assert missing.startswith('config.yaml:4: "tls_certificate": ')
    assert "certificate.pem can't be read (No such file or directory)" in missing
    certificate, key = x509.make(["pbx"], datetime(2010, 1, 1, tzinfo=UTC))
    (tmp_path / "certificate.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(x509.make(["pbx"], datetime.now(UTC))[1])
    (other,) = told()
    assert "the key does not belong to the certificate" in other
    (tmp_path / "key.pem").write_bytes(key)
    assert told() == []
    assert named_certificate(doors) == (certificate, key)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = refused(tmp_path, "languge: sv\nlog_level: chatty\nasterisk:\n  sip_port: many\n")
    assert [line.split(":")[1] for line in found] == ["1", "2", "4"]


def test_a_missing_config_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file is missing"):
        load_deployment(tmp_path / "config.yaml")


def test_retention_is_in_days_and_numbers_go_first(tmp_path: Path) -> None:
    found = load(tmp_path, "privacy: {numbers_days: 14, may_see_people: [rektor]}").privacy
    assert (found.periods.numbers.days, found.periods.calls.days) == (14, 730)
    assert found.may_see_people == {"rektor"}
    (problem,) = refused(tmp_path, "privacy: {numbers_days: 800}")
    assert "calls_days" in problem
    assert refused(tmp_path, "privacy: {calls_days: 0}")
