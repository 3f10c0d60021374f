"""Whether every digit string means one thing: numbers, extensions, codes and mailboxes."""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.config import fields
from pbx_bridge.config.problems import Problem
from pbx_bridge.config.written import Written
from pbx_bridge.core.classes import classify
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Dialling
from pbx_bridge.core.numbers import emergency_forms


def numbering_problems(written: Written) -> Iterator[Problem]:
    """Digits that lead nowhere, or to two places."""
    dialling = written.trunks.dialling.dialling() if written.trunks else None
    if dialling is not None:
        yield from _numbers(written, dialling)
        for extension in written.people:
            if what := reserved(extension, dialling):
                hint = "give them another extension"
                yield written.problem("people", (extension,), what, hint)
    yield from _targets(written)
    yield from _line_codes(written)
    yield from _feature_codes(written)
    yield from _mailboxes(written, dialling)


def _targets(written: Written) -> Iterator[Problem]:
    for text, number in written.numbers.items():
        found = {"a person": number.person, "a line": number.line, "the menu": number.menu}
        targets = [what for what, target in found.items() if target]
        if not targets:
            hint = "write {person: 101}, {line: vaxel} or {menu: true}"
            yield written.problem("numbers", (text,), f'"{text}" leads nowhere', hint)
        elif len(targets) > 1:
            what = f'"{text}" leads to {" and to ".join(targets)}'
            yield written.problem("numbers", (text,), what, "keep one of them")
        elif number.menu and number.ask_language:
            what = f'"{text}" asks for the language, the menu speaks that of each of the staff'
            hint = "take ask_language out"
            yield written.problem("numbers", (text, "ask_language"), what, hint)


def _numbers(written: Written, dialling: Dialling) -> Iterator[Problem]:
    """Numbers in national form, each once."""
    first: dict[str, str] = {}
    for text in sorted(written.names("numbers") or (), key=lambda one: _line(written, one)):
        try:
            digits = fields.national(text, dialling)
        except ValueError as error:
            yield written.problem("numbers", (text,), str(error))
            continue
        if digits in first:
            line = _line(written, first[digits])
            what = f'"{text}" is the same number as "{first[digits]}"'
            yield written.problem("numbers", (text,), what, f"see line {line}")
        first.setdefault(digits, text)


def numbering_advice(written: Written) -> Iterator[Problem]:
    """Own numbers that callers would pay for or that nobody has, and extensions that a telephone
    may take for an emergency number."""
    if written.trunks is None:
        return
    dialling = written.trunks.dialling.dialling()
    yield from _odd_numbers(written, dialling)
    for extension in written.people:
        for one in dialling.emergency:
            if extension != one and extension.startswith(one):
                what = f"{extension} begins like {one}, which some telephones call at once"
                yield written.problem("people", (extension,), what, "better another extension")


_MOST_TOLD = 3
"""Numbers with the same fault; more of them have one cause."""


def _odd_numbers(written: Written, dialling: Dialling) -> Iterator[Problem]:
    odd: dict[Class, list[str]] = {Class.PREMIUM: [], Class.UNKNOWN: []}
    for text in written.numbers:
        try:
            kind = classify(fields.national(text, dialling), dialling)
        except ValueError:
            continue  # told where it stands
        if kind in odd:
            odd[kind].append(text)
    said = {
        Class.PREMIUM: "cost their callers extra",
        Class.UNKNOWN: f"are in no series of +{dialling.country_code}",
    }
    for kind, texts in odd.items():
        if len(texts) > _MOST_TOLD:
            what = f"{len(texts)} of our own numbers, {texts[0]} among them, {said[kind]}"
            yield written.problem("trunks", ("dialling",), what, "are country: and classes: right?")
            continue
        for text in texts:
            what = f"numbers like {text} {said[kind]}"
            yield written.problem("numbers", (text,), what, "is it written right?")


def _line(written: Written, number: str) -> int:
    return written.documents["numbers"].line((number,))


def ours(written: Written, dialling: Dialling) -> set[str]:
    """The municipality's own numbers, as far as they can be read."""
    found: set[str] = set()
    for text in written.names("numbers") or ():
        try:
            found.add(fields.national(text, dialling))
        except ValueError:
            continue  # told where it stands
    return found


def reserved(digits: str, dialling: Dialling) -> str:
    """Why an extension or a number can't be dialled as one, "" when it can."""
    for one in dialling.emergency:
        if digits in emergency_forms(one, dialling):
            meant = "" if digits == one else f", as it stands for {one}"
            return f"{digits} is an emergency number{meant}"
    if digits in dialling.services:
        return f"{digits} is a service number ({dialling.country_code})"
    for prefix in dialling.international_prefixes:
        if digits.startswith(prefix):
            return f"{digits} begins like a call abroad ({prefix})"
    premium = digits.startswith("0") and classify(digits, dialling) is Class.PREMIUM
    return f"{digits} is a number that costs extra" if premium else ""


def _line_codes(written: Written) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, line in written.lines.items():
        if line.code in first:
            what = f'line "{first[line.code]}" has the code {line.code} already'
            yield written.problem("lines", (name, "code"), what)
        first.setdefault(line.code, name)


def _feature_codes(written: Written) -> Iterator[Problem]:
    codes = dict(written.codes) if written.codes else {}
    for name, code in codes.items():
        for other, longer in codes.items():
            if name != other and longer.startswith(code) and (code != longer or name < other):
                how = "is the same code as" if code == longer else "begins like"
                what = f'{other} "{longer}" {how} {name} "{code}"'
                hint = "nobody could tell which is meant, change one of them"
                yield written.problem("codes", (other,), what, hint)


def _mailboxes(written: Written, dialling: Dialling | None) -> Iterator[Problem]:
    boxes = written.mailboxes
    if boxes is None:
        return
    for at, extension in enumerate(boxes.people):
        if extension in boxes.people[:at]:
            what = f"{extension} stands here twice"
            yield written.problem("mailboxes", ("people", at), what)
    people = written.names("people") or set()
    first: dict[str, str] = {}
    for line, box in boxes.lines.items():
        place = ("lines", line)
        if box in people:
            what = f"mailbox {box} is somebody's extension"
            yield written.problem("mailboxes", place, what, "choose a number that is free")
        elif box in first:
            what = f'mailbox {box} belongs to line "{first[box]}" already'
            yield written.problem("mailboxes", place, what, "choose a number that is free")
        elif dialling is not None and (why := reserved(box, dialling)):
            yield written.problem("mailboxes", place, why, "choose another number")
        first.setdefault(box, line)
