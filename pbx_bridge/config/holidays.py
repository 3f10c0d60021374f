"""Public holidays and the site's own closed days, as dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import holidays

from pbx_bridge.config import fields
from pbx_bridge.config.problems import Problem, did_you_mean
from pbx_bridge.config.schema import HolidaysShape, OrganisationShape
from pbx_bridge.config.written import Written
from pbx_bridge.core.model import Language

YEARS_BEFORE = 1
YEARS_AFTER = 2
"""A plan is read anew at every start and change, so this reaches as far as anybody plans."""


def years_around(today: date) -> range:
    """The years that holidays are computed for."""
    return range(today.year - YEARS_BEFORE, today.year + YEARS_AFTER + 1)


def closed_days(organisation: OrganisationShape, years: range) -> dict[date, str]:
    """Every day of `years` that is no ordinary day, with its name."""
    found = dict(_public(organisation.holidays, organisation.language, years))
    for text, name in organisation.closed_days.items():
        for day in fields.days(text, years):
            found[day] = name
    return dict(sorted(found.items()))


def _public(place: HolidaysShape, language: Language, years: range) -> Iterator[tuple[date, str]]:
    spoken = holidays.country_holidays(place.country).supported_languages
    wanted = next((one for one in spoken if one.split("_")[0] == language.value), None)
    calendar = holidays.country_holidays(
        place.country, subdiv=place.subdivision, years=list(years), language=wanted
    )
    yield from calendar.items()


def holiday_problems(written: Written) -> Iterator[Problem]:
    """A country or part of it that is unknown, and days that don't exist."""
    organisation = written.organisation
    if organisation is None:
        return
    place = organisation.holidays
    countries = holidays.list_supported_countries()
    if place.country not in countries:
        hint = did_you_mean(place.country, countries, "write two letters like FI")
        what = f'no holidays are known for the country "{place.country}"'
        yield written.problem("organisation", ("holidays", "country"), what, hint)
    elif place.subdivision is not None and place.subdivision not in countries[place.country]:
        known = countries[place.country]
        hint = did_you_mean(place.subdivision, known, "one of " + ", ".join(known))
        what = f'{place.country} has no part "{place.subdivision}"'
        yield written.problem("organisation", ("holidays", "subdivision"), what, hint)
    for text in organisation.closed_days:
        yield from _day_problem(written, "organisation", ("closed_days", text))
    for name, hours in written.hours.items():
        for text in hours.days:
            yield from _day_problem(written, "hours", (name, "days", text))


def _day_problem(written: Written, file: str, place: tuple[str, ...]) -> Iterator[Problem]:
    try:
        fields.days(place[-1], range(fields.LEAP_YEAR, fields.LEAP_YEAR + 1))
    except ValueError as error:
        yield written.problem(file, place, str(error))
