"""Sentences in words. The golden files are made anew with `PBX_GOLDEN=write`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Digits, Named, sentence
from pbx_bridge.core.wording import number_words, render, spell_digits, until, when, write

GOLDEN = Path(__file__).parent / "golden"
ZONE = ZoneInfo("Europe/Mariehamn")
NOW = datetime(2026, 7, 28, 10, 0, tzinfo=ZONE)  # a Tuesday
SV, FI, EN = Language.SV, Language.FI, Language.EN

LUNCH = Named({SV: "är på lunch", FI: "on lounaalla", EN: "is at lunch"})
EXCHANGE = Named({SV: "växeln", FI: "puhelinvaihde", EN: "the switchboard"})
PROMPTS = {
    SV: {"absent": "{name} {reason} och är åter {until}.", "closed": "Hej. {line} öppnar {opens}."},
    FI: {"absent": "{name} {reason} ja palaa {until}.", "closed": "Hei. {line} avataan {opens}."},
    EN: {
        "absent": "{name} {reason} and will be back {until}.",
        "closed": "Hello. {line} opens {opens}.",
    },
}

languages = st.sampled_from(Language)
moments = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.just(ZONE),
)


def at(hour: int, minute: int, days: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute) + timedelta(days=days)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (SV, "Anna Berg är på lunch och är åter i dag klockan halv tre."),
        (FI, "Anna Berg on lounaalla ja palaa tänään kello puoli kolme."),
        (EN, "Anna Berg is at lunch and will be back today at half past two."),
    ],
)
def test_an_absence_is_told_as_people_say_it(language: Language, said: str) -> None:
    absent = sentence("absent", name="Anna Berg", reason=LUNCH, until=at(14, 30))
    assert render(absent, language, NOW, PROMPTS) == said


def test_a_slot_that_begins_a_sentence_begins_with_a_capital() -> None:
    closed = sentence("closed", line=EXCHANGE, opens=at(9, 0, days=6))
    assert render(closed, SV, NOW, PROMPTS) == "Hej. Växeln öppnar på måndag klockan nio."


def test_braces_in_a_value_are_not_slots() -> None:
    absent = sentence("absent", name="{until}", reason=LUNCH, until=at(14, 30))
    assert render(absent, EN, NOW, PROMPTS).startswith("{until} is at lunch")


@pytest.mark.parametrize(
    ("language", "said", "written"),
    [
        (SV, "i dag klockan tjugofyra", "tisdag 28.7.2026 kl. 24.00"),
        (FI, "tänään kello kaksikymmentäneljä", "tiistaina 28.7.2026 klo 24.00"),
        (EN, "today at midnight", "on Tuesday 28 July 2026 at 24.00"),
    ],
)
def test_what_ends_at_midnight_ends_with_the_day_before(
    language: Language, said: str, written: str
) -> None:
    """And who is back then is back on the day that begins."""
    prompts = {language: dict.fromkeys(("closes", "person-absent"), "{since} {until}")}
    midnight = at(0, 0, days=1)
    ends = sentence("closes", since=midnight, until=midnight)
    begins = when(midnight, language, NOW)
    assert render(ends, language, NOW, prompts).lower() == f"{begins} {said}"
    assert write(ends, language, ZONE, prompts).endswith(f" {written}")
    back = sentence("person-absent", since=midnight, until=midnight)
    assert render(back, language, NOW, prompts).lower() == f"{begins} {begins}"


def test_the_end_of_a_day_in_figures() -> None:
    assert until(at(0, 0, days=1), ZONE) == "2026-07-28 24:00"
    assert until(at(14, 30), ZONE) == "2026-07-28 14:30"


def test_a_missing_prompt_or_slot_is_named() -> None:
    with pytest.raises(LookupError, match="'nothing' in sv"):
        render(sentence("nothing"), SV, NOW, PROMPTS)
    with pytest.raises(LookupError, match="'closed' in fi needs a slot 'opens'"):
        render(sentence("closed", line=EXCHANGE), FI, NOW, PROMPTS)


@pytest.mark.parametrize(
    ("moment", "sv", "fi", "en"),
    [
        (at(9, 0), "i dag klockan nio", "tänään kello yhdeksän", "today at nine o'clock"),
        (
            at(8, 45, 1),
            "i morgon klockan kvart i nio",
            "huomenna kello varttia vaille yhdeksän",
            "tomorrow at a quarter to nine",
        ),
        (
            at(12, 30, 6),
            "på måndag klockan halv ett",
            "maanantaina kello puoli yksi",
            "on Monday at half past twelve",
        ),
        (
            at(13, 10, 7),
            "tisdagen den fjärde augusti klockan tio över ett",
            "tiistaina neljäs elokuuta kello kymmenen yli yksi",
            "on Tuesday the fourth of August at ten past one",
        ),
        (
            at(14, 23),
            "i dag klockan fjorton tjugotre",
            "tänään kello neljätoista kaksikymmentäkolme",
            "today at two twenty-three",
        ),
        (
            at(19, 0),
            "i dag klockan sju på kvällen",
            "tänään kello seitsemän illalla",
            "today at seven o'clock in the evening",
        ),
        (
            at(6, 35, 1),
            "i morgon klockan fem över halv sju på morgonen",
            "huomenna kello kuusi kolmekymmentäviisi aamulla",
            "tomorrow at twenty-five to seven in the morning",
        ),
        (at(0, 0, 1), "i morgon", "huomenna", "tomorrow"),
        (
            datetime(2027, 1, 4, tzinfo=ZONE),
            "måndagen den fjärde januari",
            "maanantaina neljäs tammikuuta",
            "on Monday the fourth of January",
        ),
        (
            datetime(2027, 8, 2, 9, tzinfo=ZONE),
            "måndagen den andra augusti tjugohundratjugosju klockan nio",
            "maanantaina toinen elokuuta vuonna kaksituhattakaksikymmentäseitsemän kello yhdeksän",
            "on Monday the second of August twenty twenty-seven at nine o'clock",
        ),
    ],
)
def test_moments_are_told_relative_to_today(moment: datetime, sv: str, fi: str, en: str) -> None:
    assert [when(moment, language, NOW) for language in (SV, FI, EN)] == [sv, fi, en]


def test_a_moment_is_told_in_the_zone_of_now() -> None:
    assert when(datetime(2026, 7, 28, 11, 30, tzinfo=UTC), SV, NOW) == "i dag klockan halv tre"
    late = datetime(2026, 7, 28, 21, 30, tzinfo=UTC)
    assert when(late, SV, NOW) == "i morgon klockan halv ett på natten"


def test_f29_the_hour_that_is_missing_and_the_hour_that_comes_twice_are_told() -> None:
    spring = datetime(2026, 3, 29, 3, 30, tzinfo=ZONE)  # there is no such time
    assert when(spring, SV, spring.replace(hour=1)) == "i dag klockan halv fyra på natten"
    for fold in (0, 1):
        autumn = datetime(2026, 10, 25, 3, 30, fold=fold, tzinfo=ZONE)
        assert when(autumn, FI, autumn.replace(hour=1)) == "tänään kello puoli neljä yöllä"
    leap = datetime(2028, 2, 29, 9, 0, tzinfo=ZONE)
    assert when(leap, EN, datetime(2028, 2, 1, tzinfo=ZONE)).startswith(
        "on Tuesday the twenty-ninth of February at"
    )


@pytest.mark.parametrize(
    ("value", "sv", "fi", "en"),
    [
        (0, "noll", "nolla", "zero"),
        (1, "ett", "yksi", "one"),
        (12, "tolv", "kaksitoista", "twelve"),
        (21, "tjugoett", "kaksikymmentäyksi", "twenty-one"),
        (100, "etthundra", "sata", "one hundred"),
        (305, "trehundrafem", "kolmesataaviisi", "three hundred and five"),
        (1000, "ettusen", "tuhat", "one thousand"),
        (1100, "ettusenetthundra", "tuhatsata", "one thousand one hundred"),
        (
            9999,
            "niotusenniohundranittionio",
            "yhdeksäntuhattayhdeksänsataayhdeksänkymmentäyhdeksän",
            "nine thousand nine hundred and ninety-nine",
        ),
    ],
)
def test_numbers_are_words(value: int, sv: str, fi: str, en: str) -> None:
    assert [number_words(value, language) for language in (SV, FI, EN)] == [sv, fi, en]


@pytest.mark.parametrize("language", Language)
def test_no_two_numbers_sound_alike(language: Language) -> None:
    assert len({number_words(value, language) for value in range(10_000)}) == 10_000
    for beyond in (-1, 10_000):
        with pytest.raises(ValueError, match="from 0 to 9999"):
            number_words(beyond, language)


def test_a_telephone_number_is_spelt_in_its_groups() -> None:
    assert spell_digits("018 000 101", SV) == "noll ett åtta, noll noll noll, ett noll ett"
    assert spell_digits("+358-18", FI) == "plus kolme viisi kahdeksan, yksi kahdeksan"
    assert spell_digits("1<b>2\u0662", EN) == "one two"
    assert spell_digits("", EN) == ""


@given(moment=moments, now=moments, language=languages)
def test_every_moment_is_told_in_letters_only(
    moment: datetime, now: datetime, language: Language
) -> None:
    assert re.fullmatch(r"[a-zåäöA-Z' -]+", when(moment, language, now))


@given(day=st.dates(date(2020, 1, 1), date(2060, 1, 1)), language=languages)
def test_no_two_minutes_of_a_day_are_told_alike(day: date, language: Language) -> None:
    start = datetime.combine(day, time(), UTC)
    told = {when(start + timedelta(minutes=minute), language, start) for minute in range(1440)}
    assert len(told) == 1440


@given(day=st.dates(date(2020, 1, 1), date(2060, 1, 1)), language=languages)
def test_no_two_days_of_the_coming_year_are_told_alike(day: date, language: Language) -> None:
    start = datetime.combine(day, time(), UTC)
    told = {when(start + timedelta(days=days), language, start) for days in range(366)}
    assert len(told) == 366


@pytest.mark.parametrize("language", Language)
def test_a_year_of_dates_reads_as_it_was_read_and_approved(language: Language) -> None:
    path = GOLDEN / f"dates_{language}.txt"
    text = "\n".join(_year(language)) + "\n"
    if os.environ.get("PBX_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def _year(language: Language) -> Iterator[str]:
    """Every quarter hour and some odd minutes of a day, then every day of a year, seen from NOW."""
    yield f"# seen from {NOW:%Y-%m-%d %H:%M}"
    for minute in sorted({*range(0, 1440, 15), *range(12 * 60, 14 * 60, 5), 3, 127, 754, 1407}):
        moment = at(minute // 60, minute % 60)
        yield f"{moment:%H:%M} {when(moment, language, NOW)}"
    for days in range(-3, 366):
        moment = at(0, 0, days)
        yield f"{moment:%Y-%m-%d} {when(moment, language, NOW)}"
        if days % 30 == 0:
            clock = moment.replace(hour=14, minute=30)
            yield f"{clock:%Y-%m-%d %H:%M} {when(clock, language, NOW)}"


@pytest.mark.parametrize(
    ("language", "moment", "written"),
    [
        (SV, at(8, 30), "Bo är på lunch och är åter tisdag 28.7.2026 kl. 8.30."),
        (SV, at(0, 0, 1), "Bo är på lunch och är åter onsdag 29.7.2026."),
        (FI, at(14, 5), "Bo on lounaalla ja palaa tiistaina 28.7.2026 klo 14.05."),
        (EN, at(14, 5), "Bo is at lunch and will be back on Tuesday 28 July 2026 at 14.05."),
    ],
)
def test_a_letter_has_full_dates_in_figures_as_it_may_be_read_later(
    language: Language, moment: datetime, written: str
) -> None:
    told = sentence("absent", name="Bo", reason=LUNCH, until=moment.astimezone(UTC))
    assert write(told, language, ZONE, PROMPTS) == written


def test_a_letter_has_numbers_in_figures() -> None:
    prompts = {SV: {"call": "{name}: {number}, {digit}."}}
    told = sentence("call", name="Bo", number=Digits("0457000105"), digit=3)
    assert write(told, SV, ZONE, prompts) == "Bo: 0457000105, 3."
