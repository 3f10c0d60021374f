"""Commands about the journal as a whole: verify, export, backup, restore."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pbx_bridge.adapters import backup as backups
from pbx_bridge.adapters import control, sealing
from pbx_bridge.adapters.journal import (
    Broken,
    Head,
    head_file,
    read_anchor,
    read_anchors,
    verify_file,
)
from pbx_bridge.adapters.journal.export import export_lines
from pbx_bridge.asterisk.packages import default_folder
from pbx_bridge.asterisk.process import runs_in
from pbx_bridge.asterisk.renewing import renew
from pbx_bridge.bootstrap import (
    BRIDGE_LOCK,
    DATABASE,
    SUPERVISOR_LOCK,
    control_socket,
    database_file,
)
from pbx_bridge.cli.gathering import From, To, period
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    note_reading,
    readable,
    reading,
    show,
    site_of,
    this_user,
)
from pbx_bridge.config.deployment import Deployment, Mode
from pbx_bridge.files import PRIVATE
from pbx_bridge.locks import Lock, LockHeld
from pbx_bridge.ports import PbxRejected

PROGRESS_ROWS = 100_000
LOCK_WAIT_S = 10.0
LOCK_POLL_S = 0.1
BRIDGE_WORKS = "{}: a bridge works with it; stop the exchange first"
PASSPHRASE = "PBX_BRIDGE_PASSPHRASE"  # noqa: S105 - a name
"""In the environment."""

PassphraseFile = Annotated[
    Path | None, typer.Option(help="File that holds the passphrase.", exists=True, dir_okay=False)
]
File = Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (verify, export, backup, restore, update):
        app.command()(command)


def verify(
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="NUMBER:HASH from the system log; may be given often."),
    ] = None,
    accept: Annotated[
        str,
        typer.Option(metavar="WHY", help="Go on without rows that are lost; it is journaled."),
    ] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Check the journal's chain: nothing edited, deleted, reordered, cut off or written anew."""
    deployment = deployment_of(config, state)
    if accept.strip():
        door = control_socket(deployment.state)
        accepted = asyncio.run(control.ask(door, "accept", {"why": accept}))["accepted"]
        _progress(f"accepted as lost, by {this_user()}: rows {_rows(accepted)}")
    path = database_file(deployment.state)
    anchors = list(_anchors(deployment, head or ()))
    if not (path.exists() or head_file(path).exists() or anchors):
        _tell(as_json, f"{path}: there is no journal yet", {"intact": True, "rows": 0, "heads": 0})
        raise typer.Exit(0)
    if deployment.anchor is not None and not deployment.anchor.exists():
        _progress(f"{deployment.anchor}: isn't there; the bridge makes it at its next start")
    with readable(path):
        verdict = verify_file(path, anchors)
    if isinstance(verdict, Broken):
        words = f"BROKEN at row {verdict.seq}: {verdict.why}"
        _tell(as_json, words, {"intact": False, "row": verdict.seq, "why": verdict.why})
        raise typer.Exit(1)
    words = f"intact: {verdict.rows} rows"
    lost = [[one.first, one.last] for one in verdict.accepted]
    if lost:
        words += f", without rows {_rows(lost)}, which are lost or not as they were and accepted"
    if anchors:
        words += f", {len(anchors)} heads from outside"
    told: dict[str, object] = {"intact": True, "rows": verdict.rows, "heads": len(anchors)}
    _tell(as_json, words, told | ({"accepted": lost} if lost else {}))


def export(
    file: File,
    from_: From = None,
    to: To = None,
    why: Annotated[str, typer.Option("--why", help="Why; it is journaled.")] = "export",
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Write the journal, or some days of it, for auditors: README says how to verify it."""
    site = site_of(deployment_of(config, state))
    plan, now = site.plan, clock_of(site).now()
    when = None
    if from_ is not None or to is not None:
        when = period(from_ or to, to, now, plan.organisation.zone)
    if file.exists():
        raise PbxRejected(f"{file} is there already; name another one")
    note_reading(site, f"export {when or 'of all'}", why)
    with reading(site.deployment.state) as connection:
        if connection is None:
            raise PbxRejected(f"{site.deployment.state}: there is no journal yet")
        since, until = (None, None) if when is None else (when.since, when.until)
        name = plan.organisation.name
        rows = _written(file, export_lines(connection, name, now, since, until))
    sys.stdout.write(
        f"{file}: {rows - 1} rows. It tells of people: keep it as the journal itself, and delete "
        "it when it was read\n"
    )


def backup(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Take the place of a file.")] = False,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="Encrypt for the owner of this public key (age1…); often."),
    ] = None,
    with_passphrase: Annotated[
        bool, typer.Option("--passphrase", help=f"Encrypt; asked for, or taken from {PASSPHRASE}.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Write journal, record, secrets and messages to one tar file, while the bridge works."""
    deployment = deployment_of(config, state)
    if file.exists() and not force:
        raise PbxRejected(f"{file} is there already; name another one")
    if to and (with_passphrase or passphrase_file):
        raise typer.BadParameter("either --to or a passphrase: age has no files for both")
    seal: backups.Sealing | None = None
    if to:
        seal = partial(sealing.seal, recipients=sealing.read_recipients(to))
    elif with_passphrase or passphrase_file:
        words = _passphrase(passphrase_file, confirm=True)
        seal = partial(sealing.seal, passphrase=words)
    backups.take(deployment.state, DATABASE, file, _progress, sealed=seal)
    size = file.stat().st_size / 1e6
    sys.stdout.write(
        f"{file}: {size:.1f} MB, verified. {_care(sealed=seal is not None)}; "
        "config.yaml, dialplan/ and voicemail/ aren't in it\n"
    )


def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.", exists=True, dir_okay=False)],
    force: Annotated[
        bool, typer.Option("--force", help="Move aside what is in the state folder.")
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option(
            help="File of the private key that opens it (AGE-SECRET-KEY-1…).",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Put a backup into an empty state folder, once it is verified.

    Into one where telephones work, without a bridge: what the bridge needs, and no messages.
    """
    deployment = deployment_of(config, state, begins=True)
    anchors = list(_anchors(deployment, ()))
    unseal: backups.Sealing | None = None
    if sealing.is_sealed(file):
        keys = [] if identity is None else sealing.read_identities(identity)
        asked = sealing.wants_passphrase(file)
        words = _passphrase(passphrase_file, confirm=False) if asked else ""
        unseal = partial(sealing.unseal, identities=keys, passphrase=words)
    with _without_a_bridge(deployment.state) as telephones_work:
        head = backups.restore(
            *(file, deployment.state, DATABASE, _progress),
            anchors=anchors,
            force=force,
            opened=unseal,
            telephones_work=telephones_work,
        )
    sys.stdout.write(f"{deployment.state}: restored and verified\n")
    lost = max((one.seq for one in anchors), default=0)
    if lost > head.seq:
        sys.stdout.write(
            f"It ends with row {head.seq}, and {deployment.anchor} knows of row {lost}: what came "
            "in between is lost. The bridge says so at its start, until `pbx-bridge verify "
            "--accept WHY` goes on without it\n"
        )


def update(config: Config = CONFIG, state: State = None) -> None:
    """Renew the private Asterisk; an exchange that runs takes it up at its next start."""
    deployment = deployment_of(config, state)
    mode = deployment.mode
    if mode in (Mode.SYSTEM, Mode.EXTERNAL):
        raise PbxRejected(
            f"asterisk: mode is {mode}: that Asterisk is kept up to date by whoever installed it"
        )
    found = renew(default_folder(), _progress)
    if found is None:
        sys.stdout.write("the private copy is the newest that the mirror has\n")
        return
    before, now = found
    sys.stdout.write(f"Asterisk {before} before, {now} from the next start on\n")
    if runs_in(deployment.state / "asterisk"):
        sys.stdout.write(
            "The exchange that runs goes on with the old one. Start it again when it is quiet: "
            "calls end with it\n"
        )


def _care(*, sealed: bool) -> str:
    if sealed:
        return "It is encrypted: keep what opens it elsewhere, without it all is lost"
    return "There are passwords in it: keep it locked away, or encrypt it (--to, --passphrase)"


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    """From a file, the environment, or whoever sits at the terminal; never from an argument, which
    every user of the machine can see."""
    if file is not None:
        try:
            return file.read_text("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise PbxRejected(f"{file}: holds no passphrase; it isn't UTF-8") from None
    if words := os.environ.get(PASSPHRASE, ""):
        return words
    if not sys.stdin.isatty():
        raise PbxRejected(f"a passphrase is needed: set {PASSPHRASE}, or name a --passphrase-file")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


@contextmanager
def _without_a_bridge(state: Path) -> Iterator[bool]:
    """Keep bridges away from a state folder; whether telephones work with it.

    A bridge whose journal is damaged is tried again and again, each time for a moment. Raises
    `PbxRejected` while one works.
    """
    if not (state.is_dir() and any(state.iterdir())):
        yield False
        return
    if _is_open(control_socket(state)):
        raise PbxRejected(BRIDGE_WORKS.format(state))
    with ExitStack() as held:
        held.callback(_free(state / BRIDGE_LOCK).release)
        try:
            held.callback(Lock(state / SUPERVISOR_LOCK).release)
        except LockHeld:
            yield True
        else:
            yield runs_in(state / "asterisk")


def _free(file: Path) -> Lock:
    """A lock, once its holder has released it. Raises `PbxRejected`."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return Lock(file)
        except LockHeld:
            if time.monotonic() > deadline:
                raise PbxRejected(BRIDGE_WORKS.format(file.parent)) from None
            time.sleep(LOCK_POLL_S)


def _is_open(door: Path) -> bool:
    """Whether a bridge listens there; one that was killed leaves its door behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(door))
        except OSError:
            return False
    return True


def _anchors(deployment: Deployment, heads: Iterable[str]) -> Iterable[Head]:
    """Every head that is known from elsewhere. Raises `PbxRejected`."""
    try:
        found = [read_anchor(one) for one in heads]
        if deployment.anchor is not None:
            found += read_anchors(deployment.anchor)
    except ValueError as error:
        raise PbxRejected(str(error)) from None
    return found


def _written(file: Path, lines: Iterable[str]) -> int:
    """Write lines to a new file, all or nothing; how many there were."""
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    count = 0
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as opened:
            os.fchmod(handle, PRIVATE)
            for line in lines:
                opened.write(line)
                count += 1
                if count % PROGRESS_ROWS == 0:
                    _progress(f"{count} rows …")
            opened.flush()
            os.fsync(handle)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return count


def _rows(spans: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in spans)


def _progress(words: str) -> None:
    sys.stderr.write(words + "\n")


def _tell(as_json: bool, words: str, values: dict[str, object]) -> None:
    if as_json:
        show(values)
    else:
        sys.stdout.write(words + "\n")
