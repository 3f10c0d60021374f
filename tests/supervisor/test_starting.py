"""What is started: as the files say, or as it was started last."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from asterisk.norrskar import settings
from typer.testing import CliRunner

import pbx_bridge
from pbx_bridge.asterisk import locate
from pbx_bridge.asterisk.locate import Located
from pbx_bridge.cli.app import app
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.ports import PbxRejected
from pbx_bridge.supervisor import moving, preparing, running
from pbx_bridge.supervisor.preparing import NEEDED_BYTES, PortsTaken, Wanted, prepare
from pbx_bridge.supervisor.started import COPY, FILE, Started, keep, last

ROOT = Path(__file__).parent.parent.parent
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """The sample, for an Asterisk that is never started."""
    for part in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / part, tmp_path / part)
    config = shutil.copy(ROOT / "config.yaml", tmp_path)
    (tmp_path / "s").mkdir()
    ports = dict.fromkeys(("sip", "ari", "ami", "agi", "operations"), 0)
    found = Located(("/bin/asterisk",), None, None, None, None)
    monkeypatch.setattr(locate, "locate", lambda *_, **__: found)
    return Wanted(Path(config), tmp_path / "s", {f"{name}_port": 0 for name in ports})


def quiet(_: str) -> None:
    return


def test_what_was_started_is_known_afterwards(tmp_path: Path) -> None:
    started = Started(("asterisk",), "22.10.1", settings(tmp_path), 9753)
    for file in (FILE, COPY):
        (tmp_path / file).parent.mkdir()
    keep(started)
    assert last(tmp_path) == started
    held = json.loads((tmp_path / FILE).read_text())
    assert not [key for key in held["settings"] if "password" in key or "secret" in key]


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b"{}", b'{"program": 1}'])
def test_a_damaged_note_of_it_is_put_aside(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(damage)
    assert last(tmp_path) is None
    (aside,) = tmp_path.glob(f"{FILE}.damaged-*")
    assert aside.read_bytes() == damage
    assert last(tmp_path) is None


@pytest.mark.parametrize("lost", [FILE, COPY])
def test_one_of_the_two_notes_is_enough_to_take_up_what_runs(tmp_path: Path, lost: str) -> None:
    started = Started(("asterisk",), "22.10.1", settings(tmp_path), 9753)
    for file in (FILE, COPY):
        (tmp_path / file).parent.mkdir()
    keep(started)
    (tmp_path / lost).write_bytes(b"\x00\xff")
    assert last(tmp_path) == started


def test_the_files_are_used_where_they_can_be(wanted: Wanted) -> None:
    begun = running.begin(wanted, None, quiet)
    assert begun.trouble == ""
    assert begun.started.settings.config.is_file()


GARBAGE = (b"\x00\xff\xfe garbage", b"- [")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *itertools.product(["dialplan/people.yaml", "voicemail/prompts/sv.yaml"], (*GARBAGE, b"")),
        *itertools.product(["s/secrets.json"], (*GARBAGE, b"")),
        *itertools.product(["config.yaml"], GARBAGE),  # an empty one says that all is as usual
    ],
)
def test_whatever_can_not_be_read_the_last_configuration_serves(
    wanted: Wanted, file: str, damage: bytes
) -> None:
    before = running.begin(wanted, None, quiet).started
    (wanted.config.parent / file).write_bytes(damage)
    assert wanted.folder() == before.settings.folder.parent
    begun = running.begin(wanted, last(before.settings.folder), quiet)
    assert begun.started == before
    assert begun.trouble
    before.settings.config.unlink()
    with pytest.raises(Exception, match=r"\S") as refused:
        running.begin(wanted, before, quiet)
    assert str(refused.value) == begun.trouble, "where there is none, the trouble itself is told"


def astdb_value(run_folder: Path, *to: str) -> str:
    """Of one entry of AstDB; set first where a value is given."""
    with contextlib.closing(sqlite3.connect(run_folder / "astdb/astdb.sqlite3")) as held, held:
        held.execute("CREATE TABLE IF NOT EXISTS astdb (key VARCHAR(256) PRIMARY KEY, value TEXT)")
        held.executemany("INSERT INTO astdb VALUES ('/pbx-sound/x', ?)", [(one,) for one in to])
        return str(held.execute("SELECT value FROM astdb").fetchone()[0])


@pytest.mark.parametrize("still_there", [True, False], ids=["copied", "moved"])
def test_a_state_folder_that_lies_elsewhere_works_there_and_nowhere_else(
    wanted: Wanted, tmp_path: Path, still_there: bool
) -> None:
    before = running.begin(wanted, None, quiet).started
    old, new = before.settings.folder, tmp_path / "s-new/asterisk"
    astdb_value(old, f"{old.parent}/sounds/a&{old.parent}/sounds/b")
    own = old / "etc/extensions_local.conf"
    own.write_text(f"exten => 1,1,Playback({old.parent}-other/x)\n")
    shutil.copytree(old.parent, new.parent)
    held = {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    if not still_there:
        shutil.rmtree(old.parent)
    (wanted.config.parent / "dialplan/people.yaml").write_text("- [")
    said: list[str] = []
    there = replace(wanted, state=new.parent)
    found = last(new)
    assert found is not None
    with pytest.raises(ConfigError):
        running.begin(there, found, quiet)  # with the paths of the other folder: never
    moving.settle(new, said.append)
    begun = running.begin(there, found, quiet)
    assert begun.started == replace(before, settings=replace(before.settings, folder=new))
    assert "people.yaml" in begun.trouble
    assert last(new) == begun.started
    assert [line for line in said if f"{new.parent} was {old.parent} before" in line] == said != []
    for file in (*new.glob("etc/*.conf"), new / FILE):
        assert f"{old.parent}/" not in file.read_text(), file
    assert astdb_value(new) == f"{new.parent}/sounds/a&{new.parent}/sounds/b"
    assert f"{old.parent}-other/x" in (new / "etc/extensions_local.conf").read_text()
    assert begun.started.running.instance in (new / "etc/pjsip.conf").read_text()
    if still_there:
        assert {one: one.read_bytes() for one in held} == held, "nothing of the other is touched"
    moving.settle(new, said.append)
    assert len(said) == 1


def test_a_place_too_deep_for_asterisk_is_named(wanted: Wanted, tmp_path: Path) -> None:
    before = running.begin(wanted, None, quiet).started.settings.folder
    deep = tmp_path / ("d" * 100) / "asterisk"
    shutil.copytree(before, deep)
    with pytest.raises(PbxRejected, match="choose a shorter state folder"):
        last(deep)


def test_ports_and_configuration_are_written_together(wanted: Wanted) -> None:
    """A start that came to nothing after it leaves the two as they belong together."""
    first = running.begin(wanted, None, quiet).started
    second = running.begin(wanted, None, quiet).started
    assert first.settings.sip_port != second.settings.sip_port
    assert last(second.settings.folder) == second
    assert f":{second.settings.sip_port}" in (second.settings.etc / "pjsip.conf").read_text()


def test_without_anything_from_before_the_trouble_is_told(wanted: Wanted) -> None:
    (wanted.config.parent / "dialplan/people.yaml").write_text("- [")
    with pytest.raises(ConfigError, match=r"people\.yaml"):
        running.begin(wanted, None, quiet)


def test_a_port_that_is_taken_is_told_also_where_there_is_a_configuration(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = running.begin(wanted, None, quiet).started
    monkeypatch.setattr(preparing, "clashes", lambda _: ["SIP port 5060 is taken by somebody"])
    with pytest.raises(PortsTaken, match="taken by somebody"):
        running.begin(wanted, before, quiet)


def test_too_little_room_is_told_with_its_figures_and_a_start_from_before_goes_on(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = running.begin(wanted, None, quiet).started
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, 12 * 2**20))
    with pytest.raises(PbxRejected, match=f"12 MiB free.* needs {NEEDED_BYTES // 2**20} MiB"):
        prepare(wanted.site(), quiet)
    begun = running.begin(wanted, replace(before, version="before"), quiet)
    assert (begun.started.version, "12 MiB" in begun.trouble) == ("before", True)


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"pbx-bridge {pbx_bridge.__version__}\n")


def test_whoever_closes_all_that_we_could_speak_to_hears_nothing(tmp_path: Path) -> None:
    """Not a traceback: telephones that don't come up for want of a terminal."""
    words = f"{sys.executable} -m pbx_bridge --version <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", words], check=False).returncode == 0
