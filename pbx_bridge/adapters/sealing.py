"""Files that only who has a key or a passphrase can read, in the format of age
(age-encryption.org/v1), so that they can be opened without this program too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage

from pbx_bridge.files import PRIVATE

HEADER = b"age-encryption.org/v1\n"
SHORTEST_PASSPHRASE = 12
"""Letters. Whoever has the file may try as many as they like."""
_PASSPHRASE = b"-> scrypt "
"""In the header of a file that is sealed by a passphrase."""


class SealFailed(Exception):
    """A file was not sealed, or not opened; the message says why and what to do."""


def is_sealed(file: Path) -> bool:
    """Whether a file is an encrypted one. Raises `OSError`."""
    with file.open("rb") as opened:
        return opened.read(len(HEADER)) == HEADER


def wants_passphrase(file: Path) -> bool:
    """Whether a sealed file is opened by a passphrase, and not by a key. Raises `OSError`."""
    with file.open("rb") as opened:
        return opened.read(len(HEADER) + len(_PASSPHRASE)) == HEADER + _PASSPHRASE


def read_recipients(texts: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """Public keys, `age1…`. Raises `SealFailed`."""
    found = []
    for text in texts:
        try:
            found.append(pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError:
            raise SealFailed(
                f"{text[:20]!r} is no public key of age; it begins with age1, and `age-keygen` "
                "prints it"
            ) from None
    return found


def read_identities(file: Path) -> list[pyrage.x25519.Identity]:
    """Private keys of a file that `age-keygen` wrote. Raises `SealFailed`, `OSError`."""
    try:
        lines = [line.strip() for line in file.read_text("ascii").splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        found = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except (UnicodeDecodeError, pyrage.IdentityError):
        found = []
    if not found:
        # Without the cause: it would show a part of the file.
        raise SealFailed(f"{file}: holds no private key of age (AGE-SECRET-KEY-1…)")
    return found


def seal(
    source: Path,
    target: Path,
    recipients: Sequence[pyrage.x25519.Recipient] = (),
    passphrase: str = "",
) -> None:
    """Write `source` to `target`, readable by the owners of some keys, or by a passphrase.

    By a passphrase all of it is held in memory. Raises `SealFailed`, `OSError`.
    """
    target.touch(PRIVATE)
    if recipients:
        with source.open("rb") as opened, target.open("wb") as written:
            pyrage.encrypt_io(opened, written, list(recipients))
    elif len(passphrase) < SHORTEST_PASSPHRASE:
        raise SealFailed(f"the passphrase is short; write {SHORTEST_PASSPHRASE} letters or more")
    else:
        target.write_bytes(pyrage.passphrase.encrypt(source.read_bytes(), passphrase))


def unseal(
    source: Path,
    target: Path,
    identities: Sequence[pyrage.x25519.Identity] = (),
    passphrase: str = "",
) -> None:
    """Write what `source` holds to `target`. Raises `SealFailed`, `OSError`."""
    target.touch(PRIVATE)
    try:
        if wants_passphrase(source):
            if not passphrase:
                raise SealFailed(f"{source}: is opened by a passphrase, and none was given")
            target.write_bytes(pyrage.passphrase.decrypt(source.read_bytes(), passphrase))
        elif not identities:
            raise SealFailed(f"{source}: is opened by a key; name its file with --identity")
        else:
            with source.open("rb") as opened, target.open("wb") as written:
                pyrage.decrypt_io(opened, written, list(identities))
    except pyrage.DecryptError:
        what = "key" if identities and not wants_passphrase(source) else "passphrase"
        raise SealFailed(
            f"{source}: can't be opened: the {what} is another one, or the file was damaged"
        ) from None
