"""Public holidays and the site's own closed days, as dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import holidays

from pbx_bridge.config import fields
from pbx_bridge.config.hours import day_problem
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


def eves(organisation: OrganisationShape, years: range) -> dict[date, str]:
    """The days before a public holiday that are none themselves, with the holiday's name."""
    public = dict(_public(organisation.holidays, organisation.language, years))
    found = {day - timedelta(days=1): name for day, name in public.items()}
    return {day: name for day, name in sorted(found.items()) if day not in public}


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
        yield from day_problem(written, "organisation", ("closed_days", text))
