"""A private Asterisk with a manager, one queue and one mailbox, and nothing else."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port

from pbx_bridge.asterisk.packages import PrivateCopy, current, default_folder

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
MAILBOX = "101"


class Asterisk:
    """Its files in one folder; users `bridge`, and `powerless` without most rights."""

    def __init__(self, copy: PrivateCopy, folder: Path) -> None:
        self._copy = copy
        self._folder = folder
        self.secret = secrets.token_hex(8)
        self.port = free_port()

    @property
    def messages(self) -> Path:
        """The voicemail context's folder."""
        return self._folder / "spool/voicemail/default"

    def configure(self) -> None:
        folder = self._folder
        written = ("varlib", "db", "key", "spool", "run", "log", "cache")
        for name in written:
            (folder / name).mkdir()
        places = {f"ast{name}dir": folder / name for name in written}
        places |= {"astetcdir": folder, "astmoddir": self._copy.modules}
        places |= {"astdatadir": self._copy.data, "astagidir": folder}
        lines = "\n".join(f"{name} => {place}" for name, place in places.items())
        rights = "read = system\nwrite = system,reporting,agent,user"
        modules = ("app_queue", "format_wav", "app_voicemail")
        files = {
            "asterisk.conf": f"[directories]\n{lines}\n",
            "modules.conf": "[modules]\nautoload = no\n"
            + "".join(f"load = {module}.so\n" for module in modules),
            "queues.conf": "[general]\n[vaxel]\nstrategy = ringall\n",
            "voicemail.conf": f"[general]\nformat = wav\n[default]\n{MAILBOX} => 1234\n",
            "manager.conf": "[general]\nenabled = yes\nwebenabled = no\nbindaddr = 127.0.0.1\n"
            f"port = {self.port}\n"
            f"[bridge]\nsecret = {self.secret}\n{rights}\n"
            f"[powerless]\nsecret = {self.secret}\nread = system\nwrite = agent\n",
            "logger.conf": "[general]\nrotatestrategy = rotate\n"
            "[logfiles]\nmessages.log => warning,error\n",
        }
        for name, text in files.items():
            (folder / name).write_text(text)

    def start(self) -> None:
        program = self._copy.program("asterisk")
        self._process = subprocess.Popen(
            [*program, "-f", "-C", str(self._folder / "asterisk.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def started(folder: Path) -> Iterator[Asterisk]:
    """One that runs until the end of the block."""
    if (copy := current(default_folder())) is None:
        pytest.skip("no private Asterisk on this machine; `pbx-bridge up` brings it")
    asterisk = Asterisk(copy, folder)
    asterisk.configure()
    asterisk.start()
    try:
        yield asterisk
    finally:
        asterisk.stop()
