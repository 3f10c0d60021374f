"""The plan as Asterisk's configuration files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from pbx_bridge.asterisk.secrets import Secrets, mailboxes
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.core import security
from pbx_bridge.core.alarms import watched
from pbx_bridge.core.mailboxes import heard
from pbx_bridge.core.model import Person, Plan
from pbx_bridge.core.numbers import LONGEST_CALLER
from pbx_bridge.files import replace_files
from pbx_bridge.wire import cel

ARI_USER = "pbx-bridge"
AMI_USER = "pbx-bridge"
CHANNEL_VARIABLES = (
    "PBX_CALL",
    "PBX_RESULT",
    "PBX_DIALLED",
    "PBX_PHONE",
    "PBX_JOINED",
    "BLINDTRANSFER",
)
"""What a call carries of its own, and who has sent it on, shown by ARI in every event of its
channel."""
MANAGER_EVENTS = (
    "AgentConnect",
    "AgentRingNoAnswer",
    "FullyBooted",
    "Shutdown",
    "ContactStatus",
    "DeviceStateChange",
    "QueueMemberAdded",
    "QueueMemberPause",
    "QueueMemberRemoved",
    "QueueMemberStatus",
)
SECURITY_EVENTS = tuple(sorted(security.KINDS))
CEL_EVENTS = (
    "CHAN_START",
    "ANSWER",
    "HANGUP",
    "BRIDGE_ENTER",
    "BRIDGE_EXIT",
    "BLINDTRANSFER",
    "ATTENDEDTRANSFER",
    "FORWARD",
    "PICKUP",
    "LINKEDID_END",
    "USER_DEFINED",
)

UNUSED = (
    "acl.conf",
    "ccss.conf",
    "features.conf",
    "queuerules.conf",
    "stasis.conf",
    "udptl.conf",
    "websocket_client.conf",
)
"""Files that Asterisk calls an error when they are missing; all their settings are its own."""

_NOTHING = "; Written by pbx-bridge: nothing is set here, but Asterisk wants the file.\n"
_SUFFIX = ".j2"
_WORD = re.compile(r"[A-Za-z0-9_+-]{1,60}")
_CODE = re.compile(r"[*#][0-9*#]{1,20}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}")
_ACTIVE = {"\r": "a line break", "\n": "a line break", "\0": "a NUL", ";": "a semicolon"}
_ACTIVE_IN_DIALPLAN = {"$": "a $"}
_ACTIVE_IN_QUOTES = {'"': "a quotation mark", "\\": "a backslash", "<": "a <", ">": "a >"}


class Unwritable(ValueError):
    """A value of the plan would mean something else to Asterisk; says the file and the value."""


def render(plan: Plan, settings: Settings, secrets: Secrets) -> Mapping[str, str]:
    """Every configuration file, by name.

    A value never becomes syntax: every one is checked as it is written, in every template.
    Raises `Unwritable`.
    """
    values = {
        **settings.extra,
        "plan": plan,
        "settings": settings,
        "secrets": secrets,
        "mailboxes": mailboxes(plan),
        "heard": {who: _heard(plan, person) for who, person in plan.people.items()},
        "attending": watched(plan),
        "ari_user": ARI_USER,
        "ami_user": AMI_USER,
        "channel_variables": CHANNEL_VARIABLES,
        "longest_caller": LONGEST_CALLER,
        "manager_events": (*MANAGER_EVENTS, *SECURITY_EVENTS),
        "cel_events": CEL_EVENTS,
        "cel_date_format": cel.DATE_FORMAT,
        "cel_mapping": cel.MAPPING,
    }
    if plan.trunk.username and not secrets.trunk:
        raise Unwritable(
            f"pjsip.conf: trunk {plan.trunk.name!r} has the user name {plan.trunk.username!r} but "
            'no password; write it behind "trunk" in secrets.json in the state folder'
        )
    templates = _environment()
    return dict.fromkeys(UNUSED, _NOTHING) | {
        name.removesuffix(_SUFFIX): templates.get_template(name).render(values)
        for name in templates.list_templates(extensions=["j2"])
    }


def write(files: Mapping[str, str], folder: Path) -> bool:
    """Write `files` into `folder`, readable by its owner only; whether any of them has changed.

    All are on the disk before the first takes its place: a full disk leaves the old ones. Raises
    `OSError`.
    """
    new = {name: text for name, text in files.items() if _held(folder / name) != text}
    replace_files({folder / name: text for name, text in new.items()})
    return bool(new)


def _held(file: Path) -> str | None:
    """What is in a file; None where it isn't there or isn't ours."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _heard(plan: Plan, person: Person) -> str:
    """The mailboxes whose messages light the lamp of somebody's phone: those they may hear."""
    if wrong := [one for one in heard(plan, person) if not _WORD.fullmatch(one)]:
        raise Unwritable(f"pjsip.conf: {wrong[0]!r} can't be a mailbox; use digits")
    return ",".join(f"{one}@default" for one in heard(plan, person))


@cache
def _environment() -> Environment:
    templates = Environment(
        loader=PackageLoader("pbx_bridge.asterisk"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - these are no web pages; `_inert` guards every value
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "word": _word,
        "code": _code,
        "conf": _conf,
        "quoted": _quoted,
        "authority": _authority,
        "secret": _secret,
    }
    return templates


@pass_context
def _inert(context: Context, value: object) -> str:
    """The text of `value`, refused when it holds what ends a line or starts a comment.

    What a template's own macro has made passes as `{{ macro(…) | safe }}`: its values were
    checked inside.
    """
    if isinstance(value, Markup):
        return value
    if value is None:
        raise Unwritable(f"{_file(context)}: a value that is not set would be written")
    text = str(value)
    _refuse(context, text, _ACTIVE)
    return text


@pass_context
def _word(context: Context, value: str) -> str:
    """A name of a section or a user: ASCII letters, digits, `_`, `+` and `-` only."""
    if not _WORD.fullmatch(value):
        raise Unwritable(
            f"{_file(context)}: {value!r} can't be a name in Asterisk; use the letters A-Z, "
            "digits, _, + and -"
        )
    return value


@pass_context
def _code(context: Context, value: str) -> str:
    """What is dialled for a feature: digits, stars and squares."""
    if not _CODE.fullmatch(value):
        raise Unwritable(f"{_file(context)}: {value!r} can't be dialled; use digits, * and #")
    return value


@pass_context
def _conf(context: Context, value: object) -> str:
    """A value inside a dialplan, where `$` would begin a variable or an expression."""
    text = str(value)
    _refuse(context, text, _ACTIVE_IN_DIALPLAN)
    return text


@pass_context
def _secret(context: Context, value: str) -> str:
    """A password that others chose: any but one with line breaks, and never shown."""
    if value != value.strip() or any(character in value for character in "\r\n\0"):
        raise Unwritable(f"{_file(context)}: a password has a line break or blanks around it")
    return Markup(value.replace(";", "\\;"))  # noqa: S704 - the escape of a configuration file


@pass_context
def _quoted(context: Context, value: str) -> str:
    """A person's name between quotation marks."""
    _refuse(context, value, _ACTIVE_IN_QUOTES)
    return value


@pass_context
def _authority(context: Context, value: str) -> str:
    """An IPv4 address with or without a port. A name could block SIP for seconds."""
    host, colon, port = value.partition(":")
    try:
        IPv4Address(host)
    except AddressValueError:
        host = ""
    if not host or (colon and not _PORT.fullmatch(port)):
        raise Unwritable(
            f"{_file(context)}: {value!r} must be an IPv4 address, with :port where it isn't 5060"
        )
    return value


def _refuse(context: Context, text: str, active: Mapping[str, str]) -> None:
    for character, what in active.items():
        if character in text:
            raise Unwritable(
                f"{_file(context)}: {text[:80]!r} holds {what}, which Asterisk would act on; "
                "take it out of the plan"
            )


def _file(context: Context) -> str:
    return (context.name or "").removesuffix(_SUFFIX)
