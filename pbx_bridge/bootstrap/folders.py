"""The folders in which an exchange keeps what is known of people: closed to others before
anything is written there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from pbx_bridge.config.deployment import Deployment, Mode
from pbx_bridge.files import own_folder, put_aside

OWNERS_ONLY = 0o077
OWNERS_AND_GROUP = 0o027
"""An Asterisk that somebody else starts may read sounds as another user of the group."""


def secure(deployment: Deployment, say: Callable[[str], None]) -> None:
    """Have the state folder, and the sounds where they lie elsewhere, closed to other users, and
    all that this process and its children write from now on too.

    To be called before anything else. What was done is said. Raises `FolderRefused`, `OSError`.
    """
    os.umask(OWNERS_AND_GROUP if deployment.mode is Mode.EXTERNAL else OWNERS_ONLY)
    own_folder(deployment.state, say)
    sounds = deployment.sounds
    if os.path.lexists(sounds) and not sounds.is_dir():
        say(f"{sounds}: was no folder; it is put aside as {put_aside(sounds)}")
    sounds.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(sounds.stat().st_mode)
    if mode & 0o007:
        sounds.chmod(mode & ~0o007)
        if not sounds.is_relative_to(deployment.state):
            say(f"{sounds}: others could look into it (mode {mode:04o}); it is closed to them now")
