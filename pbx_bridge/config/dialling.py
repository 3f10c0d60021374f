"""The country's numbers, as a site has written them: whether first digits mean one thing each."""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.config.nodes import Place
from pbx_bridge.config.numbering import ours
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.trunks_schema import DiallingShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Dialling
from pbx_bridge.core.numbers import emergency_forms

SHORT_NUMBER = range(3, 7)
"""Digits of a number that is dialled without the trunk prefix in its own country."""


def dialling_problems(written: Written) -> Iterator[Problem]:
    """First digits that mean two things, or nothing."""
    if written.trunks is None:
        return
    shape = written.trunks.dialling
    dialling = shape.dialling()
    yield from _emergency(written, shape, dialling)
    if shape.of_country().name:
        yield from _international_prefixes(written, dialling)
    first: dict[str, Class] = {}
    for place, kind, prefix in _classes(written, shape):
        if problem := _no_class(prefix, kind, dialling, has_table=bool(shape.of_country().name)):
            yield written.problem("trunks", place, *problem)
        elif prefix in first:
            what = f"{prefix} is {first[prefix]} already"
            yield written.problem("trunks", place, what, "a number has one class")
        first.setdefault(prefix, kind)


def dialling_advice(written: Written) -> Iterator[Problem]:
    """What isn't known of the numbers of a country without a table."""
    if written.trunks is None or written.trunks.dialling.country is not None:
        return
    country = written.trunks.dialling.of_country()
    if country.name:
        what = f"+{country.code} is {country.name}, whose numbers are known"
        hint = f"write country: {country.name} in place of country_code:"
    else:
        what = (
            f"there is no table of the numbers of +{country.code}: those that begin with 0 are"
            " taken for usual ones, others are never dialled, and none is known to cost extra"
        )
        hint = "write those that cost extra behind premium: in classes:"
    yield written.problem("trunks", ("dialling", "country_code"), what, hint)


def _emergency(written: Written, shape: DiallingShape, dialling: Dialling) -> Iterator[Problem]:
    own = ours(written, dialling)
    for at, number in enumerate(shape.emergency):
        place = ("dialling", "emergency", at)
        if number in own:
            what = f"{number} is one of our own numbers, calls to it would leave the house"
            yield written.problem("trunks", place, what, "take it out")
        elif number in shape.of_country().service:
            what = f"{number} is a service number of +{dialling.country_code}, free of caps already"
            yield written.problem("trunks", place, what, "take it out")
    if not dialling.emergency and not _is_written(written, "emergency"):
        what = f"no emergency number of +{dialling.country_code} is known, none would be carried"
        hint = "write them as emergency: [112]"
        yield written.problem("trunks", ("dialling", "country_code"), what, hint)


def _is_written(written: Written, key: str) -> bool:
    """Whether anything stands behind that key, sound or not."""
    tree = written.documents["trunks"].tree
    held = tree.get("dialling") if isinstance(tree, dict) else None
    return isinstance(held, dict) and bool(held.get(key))


def _classes(written: Written, shape: DiallingShape) -> list[tuple[Place, Class, str]]:
    """Where each of the first digits stands, and of what class they are said to be."""
    lists: list[tuple[Place, Class, list[str]]] = [
        (("dialling", "barred_prefixes"), Class.PREMIUM, shape.barred_prefixes),
        *((("dialling", "classes", name), Class(name), held) for name, held in shape.classes),
    ]
    found: list[tuple[Place, Class, str]] = [
        ((*place, at), kind, prefix)
        for place, kind, prefixes in lists
        for at, prefix in enumerate(prefixes)
    ]
    return sorted(found, key=lambda one: written.documents["trunks"].line(one[0]))


def _no_class(
    prefix: str, kind: Class, dialling: Dialling, *, has_table: bool
) -> tuple[str, str] | None:
    """Why these digits can't be of that class, and what to do; None where they can."""
    for one in dialling.emergency:
        if prefix == one:
            return f"{one} is an emergency number, and of no other class", "take it out"
        if kind is Class.SERVICE and prefix in emergency_forms(one, dialling):
            return f"{prefix} stands for the emergency number {one}", "take it out"
    if prefix == dialling.trunk_prefix:
        return f"every number begins with {prefix}", "write more digits"
    code = dialling.country_code
    if kind is Class.SERVICE:
        if _is_short(prefix):
            return None
        what = f"{prefix} is no short number of +{code} (3 to 6 digits, the first not 0)"
        return what, "write it behind free: or geographic:"
    if has_table and not _begins_number(prefix, dialling):
        what = f"no number of +{code} begins with {prefix} as it is dialled"
        return what, f"write it as people dial it, like {dialling.trunk_prefix}600"
    return None


def _international_prefixes(written: Written, dialling: Dialling) -> Iterator[Problem]:
    """Those that numbers of the country begin with: these would be called abroad."""
    assert written.trunks is not None
    for at, prefix in enumerate(written.trunks.dialling.international_prefixes):
        place = ("dialling", "international_prefixes", at)
        taken = [one for one in dialling.emergency if one.startswith(prefix)]
        if taken:
            what = f"the emergency number {taken[0]} begins with {prefix}"
            yield written.problem("trunks", place, what, "take it out")
        elif prefix != "+" and _begins_inside(prefix, dialling):
            what = f"numbers of +{dialling.country_code} begin with {prefix}"
            yield written.problem("trunks", place, what, "take it out; 00 is known already")


def _begins_number(series: str, dialling: Dialling) -> bool:
    """Whether a number of the country may begin so as it is dialled there: with the trunk prefix,
    where there is one, or as a short number."""
    if not dialling.trunk_prefix:
        return not series.startswith("00")
    is_short = _is_short(series) and series[0] in "19"
    return is_short or _begins_inside(series, dialling)


def _begins_inside(prefix: str, dialling: Dialling) -> bool:
    """Whether longer numbers of the country begin so, and none abroad."""
    trunk = dialling.trunk_prefix
    if not trunk:
        return not prefix.startswith("0")
    return prefix.startswith(trunk) and not prefix.startswith("00")


def _is_short(number: str) -> bool:
    return len(number) in SHORT_NUMBER and not number.startswith("0")
