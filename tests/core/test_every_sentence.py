"""Every sentence of the sample as it is spoken, to be read by people who speak the language.

The golden files are made anew with `PBX_GOLDEN=write`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from core.plans import DAY, PLAN, PROMPTS, at

from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Digits, Named, Sentence, Slot
from pbx_bridge.core.wording import render
from pbx_bridge.core.wording.catalogue import SLOTS

GOLDEN = Path(__file__).parent / "golden"
MIDNIGHT = at("2026-03-06 00:00")
MOMENTS = (at("2026-03-03 14:30"), at("2026-03-04 08:30"), at("2026-08-17 09:00"), MIDNIGHT)
"""Later today, tomorrow, a day far off, and between two days; every day of a year is in
dates_*.txt."""
VALUES: dict[str, tuple[Slot, ...]] = {
    "name": ("Bo Ek",),
    "other": ("Anna Berg",),
    "line": (Named(PLAN.lines["vaxel"].title), Named(PLAN.lines["bygglov"].title)),
    "organisation": (Named(PLAN.organisation.title),),
    "number": (Digits("0457000105"),),
    "digit": (3,),
    "minutes": (40,),
    "count": (3,),
    "seconds": (12,),
    "place": (2,),
    "device": ("softphone",),
    "address": ("vagnen.norrskar.example",),
    "caller": (Digits("0457000105"), "Anna Berg"),
    "new": (2,),
    "saved": (1,),
    "note": (Named(PLAN.reasons["9"].notes[0]),),
    "until": MOMENTS,
    "opens": MOMENTS,
    "since": MOMENTS[:1],
}


def values(key: str, slot: str) -> tuple[Slot, ...]:
    """What stands in a slot: of `reason` the predicate, in the menu the title."""
    if slot != "reason":
        return VALUES[slot]
    reasons = [one for _, one in sorted(PLAN.reasons.items())]
    if key == "notice-private":
        return ("lunch",)  # in a mail alone, and then by its name
    if key == "offer-reason":
        return tuple(Named(one.title or one.public) for one in reasons)
    return tuple(Named(one.public) for one in reasons)


def every(key: str, language: Language) -> Iterator[str]:
    slots = sorted(SLOTS[key])
    for chosen in product(*(values(key, slot) for slot in slots)):
        yield render(Sentence(key, dict(zip(slots, chosen, strict=True))), language, DAY, PROMPTS)


def told(language: Language) -> str:
    """All of them, each key with its sentences below it."""
    return "\n".join(
        "\n".join((key, *(f"  {text}" for text in dict.fromkeys(every(key, language))), ""))
        for key in SLOTS
    )


@pytest.mark.parametrize("language", Language)
def test_every_sentence_is_as_it_was_proof_read(language: Language) -> None:
    file = GOLDEN / f"sentences_{language}.txt"
    if os.environ.get("PBX_GOLDEN") == "write":
        file.write_text(told(language), encoding="utf-8")
    assert told(language) == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("key", SLOTS)
def test_every_sentence_can_be_spoken(key: str, language: Language) -> None:
    for text in every(key, language):
        assert re.fullmatch(r"[^\d{}]*", text), text  # figures and slots are words by now
        assert "  " not in text
        assert text[0].isupper(), text
        assert text[-1] in ".?" or "-subject" in key, text


@pytest.mark.parametrize("language", Language)
def test_health_stands_in_no_sentence(language: Language) -> None:
    assert not re.search(r"\b(sjuk|sair|sick|ill\b)", told(language), re.IGNORECASE)
