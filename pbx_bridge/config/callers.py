"""People's mobile phones, and the callers that are always let through to them."""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.config import fields
from pbx_bridge.config.numbering import reserved
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.schema import DiallingShape, PersonShape
from pbx_bridge.config.values import EXTENSION
from pbx_bridge.config.written import Written


def caller(text: str, country_code: str) -> str:
    """An extension as it is, a number in national form. Raises `ValueError` for anything else."""
    return text if EXTENSION.fullmatch(text) else fields.national(text, country_code)


def caller_problems(written: Written) -> Iterator[Problem]:
    """Mobile phones that can't be rung or told apart, and callers who can't be let through."""
    for extension, person in written.people.items():
        if person.rings_mobile and person.mobile is None:
            what = f"{extension} has no mobile phone that could ring"
            hint = "write its number as mobile: or take rings_mobile out"
            yield written.problem("people", (extension, "rings_mobile"), what, hint)
    if written.trunks is None:
        return
    dialling = written.trunks.dialling
    ours = _ours(written, dialling)
    yield from _mobiles(written, dialling, ours)
    for extension, person in written.people.items():
        yield from _vip(written, extension, person, dialling, ours)


def _ours(written: Written, dialling: DiallingShape) -> set[str]:
    """The municipality's own numbers, as far as they can be read."""
    found: set[str] = set()
    for text in written.names("numbers") or ():
        try:
            found.add(fields.national(text, dialling.country_code))
        except ValueError:
            continue  # told where it stands
    return found


def _mobiles(written: Written, dialling: DiallingShape, ours: set[str]) -> Iterator[Problem]:
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
            mobile = fields.national(person.mobile, dialling.country_code)
        except ValueError as error:
            yield written.problem("people", place, str(error))
            continue
        if mobile in first:
            what = f'"{person.mobile}" is the mobile phone of {first[mobile]} already'
            hint = "each needs a number of their own, for it tells who calls"
            yield written.problem("people", place, what, hint)
        elif mobile in ours:
            what = f'"{person.mobile}" is one of our own numbers'
            hint = "a call to it would come back, write their mobile's"
            yield written.problem("people", place, what, hint)
        elif why := reserved(mobile, dialling):
            yield written.problem("people", place, why, "write their own mobile's")
        first.setdefault(mobile, extension)


def _vip(
    written: Written, extension: str, person: PersonShape, dialling: DiallingShape, ours: set[str]
) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, text in enumerate(person.vip):
        place = (extension, "vip", at)
        try:
            number = caller(text, dialling.country_code)
        except ValueError as error:
            yield written.problem("people", place, f"{error}, or an extension")
            continue
        if number == extension:
            yield written.problem("people", place, f"{extension} can't be their own VIP")
        elif number in ours:
            what = f'"{text}" is one of our own numbers, colleagues are known by extension'
            yield written.problem("people", place, what, "write the extension of who calls")
        elif number in seen:
            yield written.problem("people", place, f'"{text}" stands here twice')
        seen.add(number)
