"""Sentences in words: prompts with their slots filled, in the grammar of each language.

Numbers, dates and clock times come out as words, never as digits: a synthetic voice reads
words as they stand, but guesses at figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import assert_never

from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Digits, Named, Sentence, Slot
from pbx_bridge.core.wording import en, fi, sv
from pbx_bridge.core.wording.catalogue import ENDS, SLOTS
from pbx_bridge.core.wording.grammar import Grammar

__all__ = [
    "SLOTS",
    "SLOT_PATTERN",
    "Prompts",
    "ended",
    "number_words",
    "render",
    "spell_digits",
    "until",
    "when",
    "write",
]

Prompts = Mapping[Language, Mapping[str, str]]
"""The wording of every key of `SLOTS`, per language; slots stand as `{name}`."""

SLOT_PATTERN = re.compile(r"\{([a-z_]+)\}")
LARGEST_NUMBER = 9999

_GRAMMARS: Mapping[Language, Grammar] = {
    Language.SV: sv.GRAMMAR,
    Language.FI: fi.GRAMMAR,
    Language.EN: en.GRAMMAR,
}


def render(sentence: Sentence, language: Language, now: datetime, prompts: Prompts) -> str:
    """`sentence` in words of `language`, its moments told relative to `now`, in `now`'s zone.

    Slots that the prompt doesn't use are ignored; values are never searched for slots.
    Raises `LookupError` for a key or slot that isn't there and `ValueError` for a number
    outside 0–9999: both are faults of the code, since prompts are checked when read.
    """
    language = sentence.language or language
    return _filled(
        sentence, language, prompts, lambda slot, ends: _words(slot, language, now, ends=ends)
    )


def write(sentence: Sentence, language: Language, zone: tzinfo, prompts: Prompts) -> str:
    """`sentence` as it is read: numbers in figures, moments as full dates in `zone`.

    Raises `LookupError` for a key or slot that isn't there.
    """
    language = sentence.language or language
    return _filled(
        sentence, language, prompts, lambda slot, ends: _figures(slot, language, zone, ends=ends)
    )


def _filled(
    sentence: Sentence, language: Language, prompts: Prompts, words_of: Callable[[Slot, bool], str]
) -> str:
    prompt = prompts[language].get(sentence.key)
    if prompt is None:
        raise LookupError(f"no prompt {sentence.key!r} in {language}; the keys are in SLOTS")

    def fill(slot: re.Match[str]) -> str:
        if slot[1] not in sentence.slots:
            raise LookupError(f"prompt {sentence.key!r} in {language} needs a slot {slot[1]!r}")
        ends = slot[1] == "until" and sentence.key in ENDS
        words = words_of(sentence.slots[slot[1]], ends)
        before = prompt[: slot.start()].rstrip()
        begins = not before or before[-1] in ".!?"
        return words[:1].upper() + words[1:] if begins else words

    return SLOT_PATTERN.sub(fill, prompt)


def when(moment: datetime, language: Language, now: datetime, *, ends: bool = False) -> str:
    """`moment` as it follows a verb: "i dag klockan halv tre". Midnight means the whole day; where
    something `ends` then, the end of the day before."""
    grammar = _GRAMMARS[language]
    local = moment.astimezone(now.tzinfo)
    if ends and _is_midnight(local):
        return f"{grammar.day(_day_before(local), now.date())} {grammar.day_over}"
    day = grammar.day(local.date(), now.date())
    at = local.time().replace(second=0, microsecond=0)
    return day if _is_midnight(local) else f"{day} {grammar.clock(at)}"


def until(moment: datetime, zone: tzinfo) -> str:
    """When something ends, in figures: `2026-12-01 14:30`, `2026-12-01 24:00`."""
    day, clock = ended(moment.astimezone(zone))
    return f"{day} {clock}"


def ended(local: datetime) -> tuple[date, str]:
    """The day on which something ends, and the time: midnight is 24:00 of the day before."""
    if _is_midnight(local):
        return _day_before(local), "24:00"
    return local.date(), f"{local:%H:%M}"


def _is_midnight(local: datetime) -> bool:
    return (local.hour, local.minute) == (0, 0)


def _day_before(local: datetime) -> date:
    return local.date() - timedelta(days=1)


def number_words(value: int, language: Language) -> str:
    """`value` in words. Raises `ValueError` outside 0–9999."""
    if not 0 <= value <= LARGEST_NUMBER:
        raise ValueError(f"{value} can't be spoken; numbers go from 0 to {LARGEST_NUMBER}")
    return _GRAMMARS[language].number(value)


def spell_digits(text: str, language: Language) -> str:
    """A telephone number digit by digit, with a pause (comma) where `text` has a space or dash.

    Anything that is neither a digit nor a leading plus is left out.
    """
    groups = []
    for group in re.split(r"[\s-]+", text):
        words = [number_words(int(digit), language) for digit in group if digit in "0123456789"]
        if group.startswith("+"):
            words.insert(0, _GRAMMARS[language].plus)
        if words:
            groups.append(" ".join(words))
    return ", ".join(groups)


def _figures(slot: Slot, language: Language, zone: tzinfo, *, ends: bool) -> str:
    match slot:
        case str():
            return slot
        case int():
            return str(slot)
        case datetime():
            local = slot.astimezone(zone)
            if ends and _is_midnight(local):
                return _GRAMMARS[language].date(_day_before(local), "24.00")
            at = "" if local.time() == time() else f"{local.hour}.{local.minute:02}"
            return _GRAMMARS[language].date(local.date(), at)
        case Named(text):
            return text[language]
        case Digits(text):
            return text
        case _:
            assert_never(slot)


def _words(slot: Slot, language: Language, now: datetime, *, ends: bool) -> str:
    match slot:
        case str():
            return slot
        case int():
            return number_words(slot, language)
        case datetime():
            return when(slot, language, now, ends=ends)
        case Named(text):
            return text[language]
        case Digits(text):
            return spell_digits(text, language)
        case _:
            assert_never(slot)
