"""Whatever stands in the place of a file that a bridge reads at its start: it is mended, with what
stood there put aside, or the bridge ends with one sentence that names the file and what to do."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from core.plans import DAY, ROOT

from pbx_bridge.asterisk import running, secrets
from pbx_bridge.asterisk.running import Running
from pbx_bridge.bootstrap import DATABASE, SECRETS, bridge, secure
from pbx_bridge.cli.app import _DAMAGED
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core.commands import SignIn
from pbx_bridge.ports import PbxUnavailable


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(17).randbytes(6000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_utf8(path: Path) -> None:
    path.write_bytes(b'{"ari": "\xff\xfe\xe5"}\n' * 20)


def json_of_another_kind(path: Path) -> None:
    path.write_text("[" * 50_000)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "inside").mkdir(parents=True)


def link_to_nowhere(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent / "nowhere")


def link_to_another(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/passwd")


DAMAGES: tuple[Callable[[Path], None], ...] = (
    *(garbage, empty, half, not_utf8, json_of_another_kind, folder),
    *(link_to_nowhere, link_to_another),
)
MENDED = ("pbx-bridge.head", "sounds/manifest.jsonl", "bridge.sock", "sounds")
"""Made anew, whatever stands there."""
KEPT = (DATABASE, SECRETS, "pseudonym.key")
"""No other can take their place."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A state folder that a bridge has worked with."""
    base = tmp_path_factory.mktemp("town")
    for part in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / part, base / part)
    config = (ROOT / "config.yaml").read_text().replace("\n  espeak:\n", "\n  espeak: /bin/true\n")
    (base / "config.yaml").write_text(config)
    deployment = read_deployment(base / "config.yaml", base / "state")
    deployment.state.mkdir()
    site = read_site(deployment, DAY.date())
    asyncio.run(worked(site))
    (deployment.sounds / "manifest.jsonl").write_text('{"file": "a", "text": "Hej."}\n')
    return site


async def worked(site: Site, *, door: bool = False) -> None:
    async with bridge(site, where(site)) as one:
        for number in range(30):
            command = SignIn("vaxel", ("111", "102")[number % 2], "technician:anna")
            await one.parts.office.obey(command)
        if door:
            async with one.control:
                pass
        await one.parts.journal.close()


def where(site: Site) -> Running:
    folder = site.deployment.state / "asterisk"
    return Running("127.0.0.1", 1, "127.0.0.1", 1, 1, 0, folder, (), "22.10.1", True, 0)


@pytest.fixture
def site(healthy: Site, tmp_path: Path) -> Site:
    state = tmp_path / "state"
    shutil.copytree(healthy.deployment.state, state)
    base = healthy.deployment.dialplan.parent
    deployment = read_deployment(base / "config.yaml", state)
    return Site(deployment, healthy.plan, healthy.prompts, healthy.read_on)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_made_anew_is_put_aside_and_made(
    site: Site, name: str, damage: Callable[[Path], None]
) -> None:
    path = site.deployment.state / name
    if path.is_dir():
        shutil.rmtree(path)
    path.touch()
    damage(path)
    before = os.umask(0o022)
    try:
        secure(site.deployment, lambda _: None)
    finally:
        os.umask(before)
    asyncio.run(worked(site, door=True))
    assert Path("/etc/passwd").read_bytes().startswith(b"root"), "what a link led to is as it was"
    if path.name == "pbx-bridge.head":
        assert list(path.parent.glob("pbx-bridge.head.damaged-*"))
    asyncio.run(worked(site, door=True))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", KEPT)
def test_what_can_not_be_made_anew_ends_the_bridge_with_one_sentence(
    site: Site, name: str, damage: Callable[[Path], None]
) -> None:
    path = site.deployment.state / name
    damage(path)
    stood = path.lstat().st_mode
    if name == DATABASE and damage is empty:
        asyncio.run(worked(site))  # as one that was deleted: its history is ill
        return
    with pytest.raises(_DAMAGED) as ended:
        asyncio.run(worked(site))
    words = str(ended.value)
    assert "\n" not in words
    assert path.name in words
    assert "backup" in words
    assert path.lstat().st_mode == stood, "it is left to be looked at"


def how_it_ends(site: Site) -> str:
    """In which words a bridge ends by itself, "" when it works; anything else is a defect."""
    try:
        asyncio.run(worked(site))
    except _DAMAGED as ended:
        return str(ended)
    return ""


@pytest.mark.parametrize("seed", [1, 3, 14, 25, 42, 43])
def test_flipped_bits_in_the_database_are_one_sentence_or_no_matter(site: Site, seed: int) -> None:
    path = site.deployment.state / DATABASE
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rng, held = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(60):
        held[rng.randrange(len(held))] ^= 1 << rng.randrange(8)
    path.write_bytes(held)
    assert "\n" not in how_it_ends(site)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_the_files_beside_the_database_are_one_sentence_or_no_matter(
    site: Site, suffix: str, damage: Callable[[Path], None]
) -> None:
    path = site.deployment.state / f"{DATABASE}{suffix}"
    path.touch()
    damage(path)
    assert "\n" not in how_it_ends(site)


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_the_exchange_runs_is_known_or_not(
    site: Site, damage: Callable[[Path], None]
) -> None:
    running.save(where(site), site.deployment.state)
    assert running.load(site.deployment.state) == where(site)
    damage(site.deployment.state / running.FILE)
    with pytest.raises(PbxUnavailable, match="no exchange runs"):
        running.load(site.deployment.state)


@pytest.mark.parametrize("value", ['"x"', "null", "[]", "-1", "{}"])
def test_an_address_that_is_none_is_not_run_with(site: Site, value: str) -> None:
    state = site.deployment.state
    running.save(where(site), state)
    file = state / running.FILE
    file.write_text(file.read_text().replace('"http_port": 1', f'"http_port": {value}'))
    with pytest.raises(PbxUnavailable):
        running.load(state)


def test_passwords_are_not_made_anew_where_a_link_has_lost_them(site: Site) -> None:
    file = site.deployment.state / SECRETS
    link_to_nowhere(file)
    with pytest.raises(secrets.SecretsUnreadable):
        secrets.load(file, site.plan)
    assert file.is_symlink()
