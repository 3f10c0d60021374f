"""Passwords and PINs, made at first start; none has a default and none stands in YAML (S29)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pbx_bridge.core.devices import all_endpoints
from pbx_bridge.core.model import Plan
from pbx_bridge.files import PRIVATE, replace_file

PASSWORD_BYTES = 24
PIN_DIGITS = 6
_NONE_OF_OURS = (
    "{file}: is not a file of secrets that pbx-bridge wrote. Restore it from a backup, or move it "
    "away: new passwords are then made, and every phone has to be given its own"
)


class SecretsUnreadable(Exception):
    """The file of secrets is there but is not ours; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What proves who is who. Its `repr` shows nothing."""

    ari: str
    ami: str
    phones: Mapping[str, str]
    """SIP password by endpoint, which is a device's user name."""
    mailboxes: Mapping[str, str]
    """PIN by mailbox, digits. The first one: its owner may have changed it since."""
    pins: Mapping[str, str]
    """PIN by extension, digits: proves to the voice menu who calls."""
    trunk: str = ""
    """The password of each trunk without one in `trunks`, written by a technician."""

    lookup: str = ""
    """What Asterisk proves itself with to our FastAGI server."""
    trunks: Mapping[str, str] = field(default_factory=dict)
    """Operators' passwords by the trunk's name, written into the file by a technician."""

    def trunk_password(self, name: str) -> str:
        """What a trunk's operator wants to hear from us, "" where nobody has written it."""
        return self.trunks.get(name) or self.trunk

    def __repr__(self) -> str:
        mailboxes, pins = len(self.mailboxes), len(self.pins)
        return f"Secrets({len(self.phones)} phones, {mailboxes} mailboxes, {pins} pins)"


def mailboxes(plan: Plan) -> tuple[str, ...]:
    """Every mailbox that the plan names, of people and of lines, in order."""
    own = {person.extension for person in plan.people.values() if person.mailbox}
    shared = {line.mailbox for line in plan.lines.values() if line.mailbox}
    return tuple(sorted(own | shared))


def load(file: Path, plan: Plan) -> Secrets:
    """Read `file` (made when absent), with something for everyone in `plan`.

    What is there is kept, also for people who have left the plan: they may come back with
    the phone that knows its password. Raises `SecretsUnreadable`.
    """
    known = _read(file)
    complete = Secrets(
        ari=known.ari or _password(),
        ami=known.ami or _password(),
        phones={one: _password() for one, *_ in all_endpoints(plan)} | dict(known.phones),
        mailboxes={box: _pin() for box in mailboxes(plan)} | dict(known.mailboxes),
        pins={who: _pin() for who in plan.people} | dict(known.pins),
        trunk=known.trunk,
        lookup=known.lookup or _password(),
        trunks=known.trunks,
    )
    if file.is_file() and _stored(complete) == _stored(known):
        file.chmod(PRIVATE)
    else:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, json.dumps(_stored(complete), indent=1))
    return complete


def trunks_without(file: Path, plan: Plan) -> tuple[str, ...]:
    """Trunks with a user name whose password nobody has written: their operator lets nothing in
    that it asks a password for. None where there is no file yet. Raises `SecretsUnreadable`."""
    if not file.exists():
        return ()
    written = _read(file).trunk_password
    named = (one.name for one in plan.trunks.values() if one.username)
    return tuple(name for name in named if not written(name))


def pin(file: Path, extension: str) -> str:
    """The PIN of a person as it is now, "" for none. Raises `SecretsUnreadable`."""
    return _read(file).pins.get(extension, "")


def password(file: Path, endpoint: str) -> str:
    """The SIP password of an endpoint as it is now, "" for none. Raises `SecretsUnreadable`."""
    return _read(file).phones.get(endpoint, "")


def renew(file: Path, endpoints: Collection[str], pins: Collection[str]) -> None:
    """Make new passwords of endpoints and new PINs of extensions, in the place of known ones.

    Raises `SecretsUnreadable`, `OSError`.
    """
    known = _read(file)
    fresh = {one: _password() for one in endpoints if one in known.phones}
    renewed = {one: _pin() for one in pins if one in known.pins}
    found = replace(known, phones={**known.phones, **fresh}, pins={**known.pins, **renewed})
    replace_file(file, json.dumps(_stored(found), indent=1))


def _stored(secret: Secrets) -> dict[str, object]:
    return {
        "ari": secret.ari,
        "ami": secret.ami,
        "phones": dict(secret.phones),
        "mailboxes": dict(secret.mailboxes),
        "pins": dict(secret.pins),
        "trunk": secret.trunk,
        "trunks": dict(secret.trunks),
        "lookup": secret.lookup,
    }


def _read(file: Path) -> Secrets:
    """What `file` holds; nothing when it isn't there."""
    if not os.path.lexists(file):
        return Secrets("", "", {}, {}, {})
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return Secrets(
            ari=_text(held["ari"]),
            ami=_text(held["ami"]),
            phones=_texts(held["phones"]),
            mailboxes=_texts(held["mailboxes"]),
            pins=_texts(held.get("pins", {})),  # none in files from before there was a menu
            trunk=str(held.get("trunk", "")),
            lookup=str(held.get("lookup", "")),  # as above
            trunks=_texts(held.get("trunks", {})),
        )
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise SecretsUnreadable(_NONE_OF_OURS.format(file=file)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Without the cause: it would show a part of the file.
        raise SecretsUnreadable(_NONE_OF_OURS.format(file=file)) from None


def _texts(held: Mapping[object, object]) -> dict[str, str]:
    return {str(key): _text(value) for key, value in held.items()}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def _pin() -> str:
    """Telephone numbers begin with 0, so that a PIN is never taken for one."""
    first, *others = "123456789", *("0123456789" for _ in range(PIN_DIGITS - 1))
    return "".join(secrets.choice(digits) for digits in (first, *others))
