"""What was started last, so that it can be started again when nothing else can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from pbx_bridge.asterisk.running import Running
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.files import put_aside, replace_file
from pbx_bridge.ports import PbxRejected

NAME = "started.json"
FILE = f"etc/{NAME}"
"""In the run folder, beside the configuration that it tells of."""
COPY = f"run/{NAME}"
"""Beside the lock of the Asterisk that was started with it, for when the first one is damaged: an
Asterisk that runs must be taken up, with its calls."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """An Asterisk whose configuration is in its run folder; holds no secret."""

    program: tuple[str, ...]
    """The argument list that starts it."""
    version: str
    settings: Settings
    operations_port: int
    """Of the bridge's metrics and health."""

    @property
    def running(self) -> Running:
        """Where the exchange is, for everybody who uses it."""
        settings = self.settings
        return Running(
            sip_host=settings.sip_host,
            sip_port=settings.sip_port,
            sip_tcp_port=settings.sip_tcp_port,
            sip_tls_port=settings.sip_tls_port,
            sip_host6=settings.sip_host6,
            control_host=settings.control_host,
            http_port=settings.http_port,
            ami_port=settings.ami_port,
            fastagi_port=settings.fastagi_port,
            folder=settings.folder,
            program=self.program,
            version=self.version,
            has_broadcast=settings.has_broadcast,
            clock_offset_s=settings.clock_offset_s,
            operations_port=self.operations_port,
        )


_FORM = TypeAdapter(Started)


def written(started: Started) -> str:
    """As `last` reads it."""
    return _FORM.dump_json(started, indent=1).decode()


def keep(started: Started) -> None:
    """Write it beside Asterisk's configuration, and its copy. Raises `OSError`."""
    for file in (FILE, COPY):
        replace_file(started.settings.folder / file, written(started))


def last(run_folder: Path) -> Started | None:
    """What was started last in a run folder, as of the place where that lies now; damaged files are
    put aside. Raises `OSError`, `PbxRejected` where nothing can be started there."""
    found = _read(run_folder / FILE) or _read(run_folder / COPY)
    if found is None or found.settings.folder == run_folder:
        return found
    try:
        return replace(found, settings=replace(found.settings, folder=run_folder))
    except ValueError as error:
        raise PbxRejected(str(error)) from None


def _read(file: Path) -> Started | None:
    if not file.exists() and not file.is_symlink():
        return None
    try:
        return _FORM.validate_json(file.read_bytes())
    except (ValueError, IsADirectoryError) as error:
        aside = put_aside(file)
        log.error("started_damaged", aside=str(aside), why=type(error).__name__)
        return None
