"""The plan as Asterisk's configuration files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from pbx_bridge.asterisk.secrets import Secrets, mailboxes
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.core import blocks, security, sound, trunks
from pbx_bridge.core.alarms import watched
from pbx_bridge.core.callingcodes import BY_CODE
from pbx_bridge.core.countries import Class
from pbx_bridge.core.devices import all_endpoints, endpoints
from pbx_bridge.core.lamps import circles
from pbx_bridge.core.mailboxes import heard
from pbx_bridge.core.model import Person, Plan
from pbx_bridge.core.numbers import LONGEST_CALLER, called_as, emergency_forms
from pbx_bridge.files import replace_files
from pbx_bridge.wire import cel
from pbx_bridge.wire.sip import in_uri

ARI_USER = "pbx-bridge"
AMI_USER = "pbx-bridge"
CHANNEL_VARIABLES = (
    "PBX_CALL",
    "PBX_RESULT",
    "PBX_DIALLED",
    "PBX_PHONE",
    "PBX_JOINED",
    "PBX_LINKED",
)
"""What a call carries of its own, shown by ARI in every event of its channel."""
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
    "Registry",
    "UserEvent",
)
MANAGER_EVENTS_WITH = (
    ("Hangup", "Cause", sound.NO_SOUND_IN_COMMON),
    ("Newstate", "ChannelStateDesc", "Up"),
)
"""Of these only the ones with that value of a header: each call has many of them."""
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
_WORD = re.compile(r"[A-Za-z0-9_+.-]{1,60}")
_CODE = re.compile(r"[*#][0-9*#]{1,20}", re.ASCII)
_AUTHORITY = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
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
    together = circles(plan)
    devices = [device for _, _, device in all_endpoints(plan)]
    values = {
        **settings.extra,
        "plan": plan,
        "settings": settings,
        "secrets": secrets,
        "mailboxes": mailboxes(plan),
        "rings": {who: endpoints(person) for who, person in plan.people.items()},
        "endpoints": tuple(all_endpoints(plan)),
        "heard": {who: _heard(plan, person) for who, person in plan.people.items()},
        "attending": watched(plan),
        "ice": any(device.ice for device in devices),
        "ari_user": ARI_USER,
        "ami_user": AMI_USER,
        "channel_variables": CHANNEL_VARIABLES,
        "longest_caller": LONGEST_CALLER,
        "called": {digits: called_as(digits, plan.dialling) for digits in plan.numbers},
        "circles": together,
        "circles_of": {
            who: [name for name, held in together.items() if who in held] for who in plan.people
        },
        "blocked_family": blocks.PASSWORDS,
        "barred_family": blocks.MOBILES,
        "countries": BY_CODE,
        "manager_events": (*MANAGER_EVENTS, *SECURITY_EVENTS),
        "manager_events_with": MANAGER_EVENTS_WITH,
        "cel_events": CEL_EVENTS,
        "cel_date_format": cel.DATE_FORMAT,
        "cel_mapping": cel.MAPPING,
        "ways_out": {kind: trunks.ways(plan.trunks, plan.routes, kind) for kind in trunks.KINDS},
        "own_numbers": plan.own_numbers,
        "kinds_dialled": _kinds_dialled(plan),
        "emergency_forms": emergency_forms,
        "known_by": _addresses,
        "inside": trunks.inside,
        "without_proof": trunks.without_proof,
        "proven": trunks.proven,
        "found": sorted({one for trunk in plan.trunks.values() for one in trunk.addresses}),
        "watch": trunks.watch,
        "trunks_apart": _trunks_apart(plan, settings),
    }
    for trunk in plan.trunks.values():
        if trunk.transport not in {protocol for _, protocol, _ in settings.sip_doors}:
            raise Unwritable(
                f"pjsip_trunks.conf: trunk {trunk.name!r} goes by {trunk.transport} and the "
                f"exchange doesn't; write {trunk.transport}_port into config.yaml under asterisk:"
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


def _kinds_dialled(plan: Plan) -> tuple[tuple[str, str, int], ...]:
    """What is dialled for each kind of number: the extension or pattern of a dialplan, the kind,
    and how many digits stand in place of the `+` of a number abroad. The longest prefix that fits
    is Asterisk's choice."""
    dialling = plan.dialling
    return (
        *((number, Class.EMERGENCY, 0) for number in dialling.emergency),
        *((number, Class.SERVICE, 0) for number in dialling.services),
        *((f"_{prefix}!", kind, 0) for prefix, kind in dialling.series.items()),
        *(
            (f"_{prefix}X!", Class.ABROAD, len(prefix))
            for prefix in dialling.international_prefixes
        ),
        ("_+X!", Class.ABROAD, 0),
        ("_[!-~]!", Class.UNKNOWN, 0),
    )


def _addresses(trunk: trunks.Trunk) -> tuple[str, ...]:
    """Those from which an operator calls; behind its names are some of them."""
    return tuple(one for one in trunks.networks(trunk) if trunks.is_network(one))


def _trunks_apart(plan: Plan, settings: Settings) -> bool:
    """Whether no phone calls from an address of an operator's: those of this machine are its
    phones' too."""
    here = ip_address(settings.sip_host)
    known = [one for trunk in plan.trunks.values() for one in _addresses(trunk)]
    return not any(here in ip_network(one) for one in known)


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
        "server": _server,
        "secret": _secret,
        "uri_host": in_uri,
    }
    templates.globals["astdb"] = _astdb
    return templates


def _astdb(key: str) -> str:
    """What AstDB holds under `family/key`, "" where it holds nothing, for the dialplan.

    A channel whose variables ARI has set reads nothing by DB() any more ("Dangerous function DB
    read blocked", Asterisk 22.10.1): its thread counts as ARI's for as long as it lives, and a
    caller on the way whose bridge died met lines and people as if nothing were known of them.
    DB_EXISTS() is none of the functions that are refused, and leaves the value in DB_RESULT.
    """
    return Markup(f"${{SET(DB_RESULT=)}}${{DB_EXISTS({key}):1}}${{DB_RESULT}}")  # noqa: S704 - its parts are checked where they are written


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
    """A name of a section or a user: ASCII letters, digits, `_`, `+`, `-` and `.` only."""
    if not _WORD.fullmatch(value):
        raise Unwritable(
            f"{_file(context)}: {value!r} can't be a name in Asterisk; use the letters A-Z, "
            "digits, _, +, - and ."
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
    """An address with or without a port. A name could block SIP for seconds."""
    match = _AUTHORITY.fullmatch(value)
    try:
        ip_address((match[1] or match[2]) if match else "")
    except ValueError:
        raise Unwritable(
            f"{_file(context)}: {value!r} must be an IP address, with :port where it isn't 5060"
        ) from None
    return value


@pass_context
def _server(context: Context, host: str, trunk: trunks.Trunk) -> str:
    """An operator's server: an address, or a name whose addresses Asterisk is told of."""
    if trunks.address(host) in (name for _, name in trunk.addresses):
        return host
    return _authority(context, host)


def _refuse(context: Context, text: str, active: Mapping[str, str]) -> None:
    for character, what in active.items():
        if character in text:
            raise Unwritable(
                f"{_file(context)}: {text[:80]!r} holds {what}, which Asterisk would act on; "
                "take it out of the plan"
            )


def _file(context: Context) -> str:
    return (context.name or "").removesuffix(_SUFFIX)
