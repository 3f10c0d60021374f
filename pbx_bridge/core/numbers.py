"""Dialled numbers: their national form, and what may be dialled out (S27)."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from pbx_bridge.core.model import Dialling, Number, Person, Plan, TargetKind

SHORTEST = 5
"""Digits of a telephone number at least."""
_NATIONAL = re.compile(r"0[0-9]{4,12}")
"""Digits of a number in national form, the leading 0 counted (E.164 allows 15 in all)."""


LONGEST_CALLER = 32
_NOT_SIGNALLED = re.compile(r"[^+0-9A-Za-z]", re.ASCII)
_WRITTEN = re.compile(r"(?:\+|00)?[0-9]{3,15}")
"""Digits of a number inside or outside, with the sign of an international one."""
_MARKS = frozenset(".()/")
"""Written between digits, beside spaces, dashes and letters that aren't seen."""


class Class(StrEnum):
    """What a number outside the exchange is."""

    EMERGENCY = "emergency"
    NATIONAL = "national"
    BARRED = "barred"
    UNKNOWN = "unknown"


def signalled(caller: str) -> str:
    """The caller's number with nothing in it but what a number or a word such as `anonymous` has,
    and no longer than one; the dialplan does the same with it (F23)."""
    return _NOT_SIGNALLED.sub("", caller[:LONGEST_CALLER])


def national(digits: str, dialling: Dialling) -> str:
    """`+358 18 …` and `00358 18 …` as `018 …`; anything else unchanged."""
    for prefix in (f"+{dialling.country_code}", f"00{dialling.country_code}"):
        if digits.startswith(prefix):
            return "0" + digits[len(prefix) :].removeprefix("0")
    return digits


def cleaned(text: str, dialling: Dialling) -> str:
    """A number as people write it, `040-111 22 33`, `+358 (0)40 1112223`, as it is dialled in
    the country; "" for what is none."""
    digits = "".join(
        letter
        for letter in unicodedata.normalize("NFKC", text)
        if not (
            letter in _MARKS or letter.isspace() or unicodedata.category(letter) in ("Pd", "Cf")
        )
    ).replace("\N{MINUS SIGN}", "")
    return national(digits, dialling) if _WRITTEN.fullmatch(digits) else ""


def forms(number: str, dialling: Dialling) -> tuple[str, ...]:
    """The ways in which one number outside is signalled, the national form first.

    Raises `ValueError` for what is no number.
    """
    own = cleaned(number, dialling)
    if not own:
        raise ValueError(f"{number!r} is no telephone number; write it as 0401234567")
    if own.startswith(("+", "00")):
        abroad = own.removeprefix("+").removeprefix("00")
        return f"+{abroad}", f"00{abroad}"
    if not own.startswith("0"):
        return (own,)
    code = dialling.country_code
    return own, f"+{code}{own[1:]}", f"00{code}{own[1:]}"


def classify(digits: str, dialling: Dialling) -> Class:
    """The class of `digits` (national form) for an outgoing call."""
    if digits in dialling.emergency:
        return Class.EMERGENCY
    if digits.startswith(("+", *dialling.international_prefixes, *dialling.barred_prefixes)):
        return Class.BARRED
    if _NATIONAL.fullmatch(digits):
        return Class.NATIONAL
    return Class.UNKNOWN


def target(digits: str, plan: Plan) -> Number | None:
    """Where `digits` lead inside the exchange: a number of the plan, or an extension."""
    if (number := plan.numbers.get(digits)) is not None:
        return number
    if (person := plan.people.get(digits)) is not None:
        return Number(digits, TargetKind.PERSON, person.extension, plan.organisation.language)
    return None


def owner(caller: str, plan: Plan) -> Person | None:
    """Whose mobile phone `caller` (as signalled) is; None where nobody has it, or several do.

    It proves nothing: a number is easily forged.
    """
    number = national(caller, plan.dialling)
    found = [person for person in plan.people.values() if number and person.mobile == number]
    return found[0] if len(found) == 1 else None
