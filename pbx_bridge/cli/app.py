"""The command line.

Exit codes: 0 done, 1 refused or problems found, 2 usage, 3 the exchange can't be reached, 4 a file
of the state folder is damaged and has to be restored from a backup.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import pbx_bridge
from pbx_bridge.adapters.backup import BackupFailed
from pbx_bridge.adapters.journal import RowUnreadable
from pbx_bridge.adapters.pseudonym import KeyUnreadable
from pbx_bridge.adapters.sealing import SealFailed
from pbx_bridge.asterisk.packages import CopyFailed
from pbx_bridge.asterisk.render import Unwritable
from pbx_bridge.asterisk.secrets import SecretsUnreadable
from pbx_bridge.cli import (
    calling,
    cover,
    keeping,
    lines,
    losing,
    people,
    permitting,
    privacy,
    reporting,
    returns,
    running,
    seeing,
)
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.files import FolderRefused
from pbx_bridge.ports import JournalDamaged, JournalUnavailable, PbxRejected, PbxUnavailable

_DAMAGED = (JournalDamaged, KeyUnreadable, RowUnreadable, SecretsUnreadable)
"""A file can't be made anew: a backup has to be restored."""
_REFUSALS = (
    PbxRejected,
    BackupFailed,
    CopyFailed,
    FolderRefused,
    JournalUnavailable,
    SealFailed,
    Unwritable,
)
REFUSED = 1
UNREACHABLE = 3
DAMAGED = 4

app = typer.Typer(
    help="A telephone exchange that keeps the policy by itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"pbx-bridge {pbx_bridge.__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it, and end.")
    ] = False,
) -> None:
    """A telephone exchange that keeps the policy by itself."""


for part in (
    *(running, seeing, reporting, returns, privacy, keeping, cover, lines, people, losing),
    permitting,
    calling,
):
    part.register(app)


def main() -> None:
    """Run a command; errors become one sentence and an exit code."""
    _open_what_is_closed()
    try:
        app()
    except ConfigError as error:
        _leave(f"{error}\n{len(error.problems)} problems; nothing was changed", REFUSED)
    except _DAMAGED as error:
        _leave(str(error), DAMAGED)
    except _REFUSALS as error:
        _leave(str(error), REFUSED)
    except PbxUnavailable as error:
        _leave(str(error), UNREACHABLE)
    except ExceptionGroup as group:
        unreachable = group.subgroup(PbxUnavailable) is not None
        words = "; ".join(str(error) for error in group.exceptions)
        _leave(words, UNREACHABLE if unreachable else REFUSED)
    except OSError as error:
        _leave(f"{error.filename or 'the machine'}: {error.strerror or error}", REFUSED)
    except KeyboardInterrupt:
        _leave("stopped", 130)


def _open_what_is_closed() -> None:
    """Whoever starts us with standard input, output or error closed means that nobody listens."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def _leave(words: str, code: int) -> None:
    sys.stderr.write(words + "\n")
    sys.exit(code)
