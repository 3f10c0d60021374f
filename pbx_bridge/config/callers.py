"""People's mobile phones, and the callers that are always let through to them."""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.config import fields
from pbx_bridge.config.numbering import ours, reserved
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.schema import PersonShape
from pbx_bridge.config.values import EXTENSION
from pbx_bridge.config.written import Written
from pbx_bridge.core.classes import CALLED_BACK, classify
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Dialling
from pbx_bridge.core.numbers import number


def caller(text: str, dialling: Dialling) -> str:
    """An extension as it is, a number in its one form. Raises `ValueError` for anything else."""
    if EXTENSION.fullmatch(text):
        return text
    found = number(text, dialling)
    return found if found.startswith("+") else fields.national(text, dialling)


def caller_problems(written: Written) -> Iterator[Problem]:
    """Mobile phones that can't be rung or told apart, and callers who can't be let through."""
    for extension, person in written.people.items():
        if person.rings_mobile and person.mobile is None:
            what = f"{extension} has no mobile phone that could ring"
            hint = "write its number as mobile: or take rings_mobile out"
            yield written.problem("people", (extension, "rings_mobile"), what, hint)
    if written.trunks is None:
        return
    dialling = written.trunks.dialling.dialling()
    own = ours(written, dialling)
    yield from _mobiles(written, dialling, own)
    for extension, person in written.people.items():
        yield from _vip(written, extension, person, dialling, own)


def _mobiles(written: Written, dialling: Dialling, own: set[str]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for extension, person in written.people.items():
        if person.mobile is None:
            continue
        place = (extension, "mobile")
        if person.mobile in dialling.emergency:
            what = f"{person.mobile} is an emergency number"
            yield written.problem("people", place, what, "write their own mobile's")
            continue
        try:
            mobile = fields.national(person.mobile, dialling)
        except ValueError as error:
            yield written.problem("people", place, str(error))
            continue
        if mobile in first:
            what = f'"{person.mobile}" is the mobile phone of {first[mobile]} already'
            hint = "each needs a number of their own, for it tells who calls"
            yield written.problem("people", place, what, hint)
        elif mobile in own:
            what = f'"{person.mobile}" is one of our own numbers'
            hint = "a call to it would come back, write their mobile's"
            yield written.problem("people", place, what, hint)
        elif why := reserved(mobile, dialling) or _not_called(mobile, dialling):
            yield written.problem("people", place, why, "write their own mobile's")
        first.setdefault(mobile, extension)


def _not_called(mobile: str, dialling: Dialling) -> str:
    """Why the exchange doesn't call that number by itself, "" where it does."""
    kind = classify(mobile, dialling)
    if kind in CALLED_BACK:
        return ""
    known = "in no series of" if kind is Class.UNKNOWN else f"a {kind} number of"
    return f"{mobile} is {known} +{dialling.country_code}, no mobile"


def _vip(
    written: Written, extension: str, person: PersonShape, dialling: Dialling, own: set[str]
) -> Iterator[Problem]:
    seen: set[str] = set()
    people = written.names("people") or set()
    for at, text in enumerate(person.vip):
        place = (extension, "vip", at)
        try:
            found = caller(text, dialling)
        except ValueError as error:
            yield written.problem("people", place, f"{error}, or an extension")
            continue
        if found == text and EXTENSION.fullmatch(text) and text not in people:
            if why := reserved(text, dialling):
                yield written.problem("people", place, why, "write who calls from there, or nobody")
                continue
            what = f'there is no person with the extension "{text}"'
            hint = did_you_mean(text, people, "write it into people.yaml or leave it out")
            yield written.problem("people", place, what, hint)
        elif found == extension:
            yield written.problem("people", place, f"{extension} can't be their own VIP")
        elif found in own:
            what = f'"{text}" is one of our own numbers, colleagues are known by extension'
            yield written.problem("people", place, what, "write the extension of who calls")
        elif found in seen:
            yield written.problem("people", place, f'"{text}" stands here twice')
        seen.add(found)
