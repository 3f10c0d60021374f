"""Telephone numbers: the one form of each, wherever it comes from; what may be dialled (S27).

`number` reads what SIP signals, people type and write, YAML and programs hold. A subscriber of the
country has the national form as their one form (`0457111333`), one abroad that of E.164
(`+46701234567`); an extension or a service has its digits. What is no number has none: `""`, as a
caller has who withholds theirs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import unquote

from pbx_bridge.core.callingcodes import NETWORKS, UNASSIGNED, country_of
from pbx_bridge.core.model import Dialling, Number, Person, Plan, TargetKind
from pbx_bridge.core.trunks import NumberForm

SHORTEST = 5
"""Digits of a telephone number at least."""
LONGEST = 15
"""Digits at most, the country code counted (E.164, 6.2.1)."""
LONGEST_CALLER = 32
"""Characters of a caller's number that the dialplan looks at."""
LONGEST_TEXT = 256
"""Characters of a text that may be a number: an address with a name and parameters."""
ABROAD_DIGITS = 10
"""Digits, at least, of a number of another country without any sign that it is one; numbers of the
country are shorter, or begin with its trunk prefix."""
NOBODYS = frozenset({UNASSIGNED, NETWORKS})
"""In place of a country, where a prefix for calls abroad is no country code itself."""
_SIGNS = {
    NumberForm.NATIONAL: None,
    NumberForm.E164: "+",
    NumberForm.E164_WITHOUT_PLUS: "",
    NumberForm.INTERNATIONAL: "00",
}
"""What stands before the country code; None: it isn't told."""
SUBSCRIBER_DIGITS = 8
"""Of a number in a country without a trunk prefix; shorter ones are short numbers."""
_PLAIN = re.compile(r"\+?[0-9]{1,19}")
"""Digits, with the sign or the prefix of an international number."""
_SCHEME = re.compile(r"\s*(?:sips?|tel):", re.IGNORECASE)
_CONTEXT = re.compile(r";\s*phone-context\s*=\s*(\+[0-9.()-]{1,24})", re.IGNORECASE)
_MARKS = frozenset(" .()/\N{MINUS SIGN}")
"""Written between digits, beside dashes and letters that aren't seen; NFKC makes spaces one."""


def number(text: str, dialling: Dialling) -> str:
    """The one form of the telephone number that `text` is, "" for what is none.

    `text` may be a number as people write it (`040-111 22 33`, `+358 (0)40 1112223`), as it is
    dialled or signalled (`00358…`, `358…`, `112#`), or an address: `tel:`, `sip:`, with the
    parameters of RFC 3966 and RFC 4694 (`;phone-context=+358`, `;isub=1`, `;npdi;rn=…`), escapes
    (`%20`), a name before it. Never raises, and the form of a form is itself.
    """
    digits = text if _PLAIN.fullmatch(text) else _digits(text)
    return _one_form(digits, dialling) if digits else ""


def known_as(text: str, dialling: Dialling) -> str:
    """A number in its one form; what is none (a feature code, a message's id) as it is."""
    return number(text, dialling) or text


def signalled(caller: str) -> str:
    """A caller's number as SIP brings it, with nothing in it but what numbers have; "" for a word
    in its place, such as `anonymous`, and for what is no number. The dialplan does the same (F23).
    """
    if _PLAIN.fullmatch(caller):
        return caller
    return _digits(caller) if caller.isascii() and len(caller) <= LONGEST_CALLER else ""


def forms(text: str, dialling: Dialling) -> tuple[str, ...]:
    """The ways in which one number outside is or was signalled and kept, its one form first.

    Raises `ValueError` for what is no number.
    """
    own = number(text, dialling)
    if not own:
        raise ValueError(f"{text!r} is no telephone number; write it as 0401234567")
    code, trunk = dialling.country_code, dialling.trunk_prefix
    if own.startswith("+"):
        whole: tuple[str, ...] = (own[1:],)
    elif len(own) < SHORTEST or not own.startswith(trunk):
        return (own,)
    else:  # with the trunk prefix too, which some leave in it
        whole = (code + own.removeprefix(trunk), code + own)
    return tuple(dict.fromkeys((own, *(sign + one for one in whole for sign in ("+", "00", "")))))


def called_as(own: str, dialling: Dialling) -> tuple[str, ...]:
    """The other ways in which a number of ours (`own`, in its one form) may be called."""
    plain = own.removeprefix(dialling.trunk_prefix)
    return tuple(one for one in (*forms(own, dialling), plain) if one != own)


def same_as(text: str, dialling: Dialling) -> Callable[[str], bool]:
    """Tells of other texts whether they are the same number as `text`.

    Raises `ValueError` for what is no number.
    """
    known = frozenset(forms(text, dialling))
    own = number(text, dialling)
    return lambda other: other in known or number(other, dialling) == own


def written_as(number: str, form: NumberForm, dialling: Dialling) -> str:
    """A number, which is in its one form, as an operator wants it; the dialplan does the same
    (`pbx-bridge-out-form`)."""
    sign = _SIGNS[form]
    if number.startswith("+"):
        return ("00" if sign is None else sign) + number[1:]
    trunk = dialling.trunk_prefix
    is_short = not number.startswith(trunk) if trunk else len(number) < SUBSCRIBER_DIGITS
    if sign is None or is_short:
        return number
    return sign + dialling.country_code + number.removeprefix(trunk)


def _digits(text: str) -> str:
    """The digits in `text`, with the sign of an international number; "" where it has others."""
    if not 0 < len(text) <= LONGEST_TEXT:
        return ""
    text = unicodedata.normalize("NFKC", text)
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0]
    text = _SCHEME.sub("", text, count=1)
    user, parameter, rest = text.partition("@")[0].partition(";")
    context = _CONTEXT.search(parameter + rest)
    written = unicodedata.normalize("NFKC", unquote(user)).partition(";")[0]
    digits = _bare(written)
    if digits.startswith(("+", "00")):
        digits = _bare(written.replace("(0)", ""))
    elif context is not None and len(digits) >= SHORTEST:
        digits = _bare(context[1]) + digits
    return digits if _PLAIN.fullmatch(digits) else ""


def _bare(written: str) -> str:
    kept = (one for one in written if not (one in _MARKS or _is_unseen(one)))
    return "".join(kept).removesuffix("#")


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Pd", "Cf")


def _one_form(digits: str, dialling: Dialling) -> str:
    code = dialling.country_code
    if (short := _short(digits, dialling)) is not None:
        return short
    whole = _international(digits, dialling)
    if whole is None:
        return digits if 2 <= len(digits) <= LONGEST else ""
    if not SHORTEST <= len(whole) <= LONGEST or whole.startswith("0"):
        return ""
    if not whole.startswith(code):
        return f"+{whole}"
    national = whole.removeprefix(code).removeprefix(dialling.trunk_prefix)
    if len(national) < 3 or national.startswith("0" if dialling.trunk_prefix else "00"):
        return ""
    if not dialling.trunk_prefix and len(national) >= ABROAD_DIGITS:
        return f"+{whole}"  # without its country code it would be taken for one abroad
    own = dialling.trunk_prefix + national
    return _short(own, dialling) or own


def _short(digits: str, dialling: Dialling) -> str | None:
    """The emergency or service number that somebody means who dials it with what goes before
    others."""
    code, abroad = dialling.country_code, dialling.international_prefixes
    return _shorts(code, abroad, dialling.emergency, dialling.services).get(digits)


def emergency_forms(number: str, dialling: Dialling) -> tuple[str, ...]:
    """What people dial for an emergency number: with and without what they put before numbers
    outside or abroad, and closed by `#`. None is shorter than `number`; it comes first."""
    starts = _starts(dialling.country_code, dialling.international_prefixes)
    return tuple(f"{start}{number}{end}" for start in starts for end in ("", "#"))


def _starts(code: str, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """What is put before numbers outside, or in the country."""
    abroad = dict.fromkeys(("+", "00", *prefixes))
    return tuple(dict.fromkeys(("", "0", *abroad, *(one + code for one in abroad), code)))


@cache
def _shorts(
    code: str, prefixes: tuple[str, ...], emergency: tuple[str, ...], services: tuple[str, ...]
) -> Mapping[str, str]:
    """The short number that is meant, by each form of it. Behind a 0 or a + stands an emergency
    number, or else something that isn't short."""
    starts = _starts(code, prefixes)
    of_services = {start + one: one for start in starts if len(start) != 1 for one in services}
    return of_services | {start + one: one for start in starts for one in emergency}


def _international(digits: str, dialling: Dialling) -> str | None:
    """`digits` from the country code on, None for what is national or inside."""
    if digits.startswith("+"):
        return digits[1:]
    for prefix in ("00", *dialling.international_prefixes):
        rest = digits.removeprefix(prefix)
        is_long = prefix.startswith("0") or len(digits) >= ABROAD_DIGITS
        if rest != digits and is_long and country_of(prefix) in NOBODYS:
            return rest  # 994 is an operator's prefix in Finland, and the code of Azerbaijan
    trunk, code = dialling.trunk_prefix, dialling.country_code
    if digits.startswith("0") or (trunk and digits.startswith(trunk)):
        return None
    own = bool(trunk) and digits.startswith(code) and len(digits) >= len(code) + SHORTEST
    return digits if own or len(digits) >= ABROAD_DIGITS else None


def target(digits: str, plan: Plan) -> Number | None:
    """Where `digits` lead inside the exchange: a number of the plan, also without its trunk
    prefix, as some operators send it, or an extension."""
    if (found := plan.numbers.get(digits)) is not None:
        return found
    if (person := plan.people.get(digits)) is not None:
        return Number(digits, TargetKind.PERSON, person.extension, plan.organisation.language)
    return plan.numbers.get(plan.dialling.trunk_prefix + digits)


def owner(caller: str, plan: Plan) -> Person | None:
    """Whose mobile phone `caller` (as signalled) is; None where nobody has it, or several do.

    It proves nothing: a number is easily forged.
    """
    own = number(caller, plan.dialling)
    found = [person for person in plan.people.values() if own and person.mobile == own]
    return found[0] if len(found) == 1 else None
