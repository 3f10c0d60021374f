"""Messages as Asterisk writes them, and as it moves and renumbers them."""

from __future__ import annotations

import os
from pathlib import Path

FILE = """;
; Message Information file
;
[message]
origmailbox={mailbox}
context=pbx-bridge-step
exten=voicemail
callerchan=PJSIP/operator-00000001
callerid={caller}
origdate=Tue Nov 24 11:12:20 AM UTC 2026
origtime={origtime}
category=
msg_id={id}
flag=
duration={seconds}
"""
SOUND = b"RIFF sound of "


class Spool:
    """A voicemail context on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(
        self,
        mailbox: str,
        id_: str,
        *,
        origtime: int = 1795518740,
        caller: str = "0401234567",
        seconds: int = 12,
        inbox: str = "INBOX",
    ) -> Path:
        """Put a message where Asterisk does: the sound first, then the text, by renaming."""
        folder = self.folder / mailbox / inbox
        tmp = self.folder / mailbox / "tmp"
        for one in (folder, tmp):
            one.mkdir(parents=True, exist_ok=True)
        file = folder / f"msg{len(list(folder.glob('msg*.txt'))):04}.txt"
        file.with_suffix(".wav").write_bytes(SOUND + id_.encode())
        half = tmp / "abcdef.txt"
        half.write_text(self.text(mailbox, id_, origtime, caller, seconds))
        half.rename(file)
        return file

    @staticmethod
    def text(mailbox: str, id_: str, origtime: int, caller: str, seconds: int) -> str:
        values = {"mailbox": mailbox, "origtime": origtime, "caller": caller}
        return FILE.format(id=id_, seconds=seconds, **values)

    def move(self, file: Path, folder: Path) -> Path:
        """To the end of another folder."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"msg{len(list(folder.glob('msg*.txt'))):04}.txt"
        file.with_suffix(".wav").rename(target.with_suffix(".wav"))
        file.rename(target)
        return target

    def delete(self, file: Path) -> None:
        """Those after it are renumbered."""
        file.unlink()
        file.with_suffix(".wav").unlink()
        later = sorted(one for one in file.parent.glob("msg*.txt") if one > file)
        for one in later:
            target = one.with_name(f"msg{int(one.stem[3:]) - 1:04}.txt")
            one.with_suffix(".wav").rename(target.with_suffix(".wav"))
            one.rename(target)

    @staticmethod
    def age(folder: Path, seconds: float) -> None:
        """Have a folder or a file not touched for that long."""
        then = folder.stat().st_mtime - seconds
        os.utime(folder, (then, then))
