"""A state folder that was moved, copied or restored elsewhere: what Asterisk was given there names
the old place, in which it must not work."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import structlog

from pbx_bridge.asterisk.settings import instance_of
from pbx_bridge.files import replace_files
from pbx_bridge.supervisor.started import COPY, FILE

CONFIG = "etc/asterisk.conf"
ASTDBS = ("astdb/astdb.sqlite3", "astdb/copy.sqlite3")
_RENAME = "UPDATE astdb SET value = replace(value, :before, :now) WHERE instr(value, :before)"
_RUN_FOLDER = re.compile(r"^astvarlibdir = (.+)$", re.MULTILINE)

log = structlog.get_logger(__name__)


def rendered_for(run_folder: Path) -> Path | None:
    """The run folder that Asterisk's configuration names which lies in this one; None where there
    is no such configuration."""
    try:
        found = _RUN_FOLDER.search((run_folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return None if found is None else Path(found[1])


def settle(run_folder: Path, say: Callable[[str], None]) -> None:
    """Have all that Asterisk is given name the folder in which it lies; nothing may run there.

    All of it or nothing. Raises `OSError`.
    """
    old = rendered_for(run_folder)
    if old is None or old == run_folder:
        return
    before, now = old.parent, run_folder.parent
    _settle_astdb(run_folder, before, now)
    named = re.compile(rf"(?<![\w./-]){re.escape(str(before))}(?![\w.-])")
    files = sorted((run_folder / "etc").glob("*.conf"))
    notes = [one for one in (run_folder / FILE, run_folder / COPY) if one.is_file()]
    config = run_folder / CONFIG
    texts: dict[Path, str] = {}
    for file in (*(one for one in files if one != config), *notes, config):  # it tells: the last
        with contextlib.suppress(UnicodeDecodeError):
            text = file.read_text(encoding="utf-8").replace(
                instance_of(old), instance_of(run_folder)
            )
            texts[file] = named.sub(lambda _: str(now), text)
    replace_files(texts)
    say(
        f"{now} was {before} before: what Asterisk is given names the new folder now. Where an "
        f"exchange still runs in {before}, stop it, or have this one use ports of its own."
    )


def _settle_astdb(run_folder: Path, before: Path, now: Path) -> None:
    """The sounds that it knows lie in the new folder. One that can't be changed is told of: calls
    go on without these words until the bridge is back."""
    paths = {"before": f"{before}/", "now": f"{now}/"}
    for file in (run_folder / one for one in ASTDBS):
        if not file.is_file():
            continue
        try:
            with contextlib.closing(sqlite3.connect(file)) as connection, connection:
                connection.execute(_RENAME, paths)
        except sqlite3.Error as error:
            log.warning("astdb_names_old_folder", file=str(file), why=str(error))
