"""The public timetable as files that any web server may hand out (S25)."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pbx_bridge.core.hours import Cause, Reason
from pbx_bridge.core.model import Language
from pbx_bridge.core.public import Timetable, as_json
from pbx_bridge.files import PRIVATE, PRIVATE_FOLDER, replace_file

PAGE = "timetable.html"
DATA = "timetable.json"
READABLE_FILE, READABLE_FOLDER = 0o644, 0o755
WEEKDAYS = {
    Language.SV: ("måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"),
    Language.FI: (
        *("maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai", "sunnuntai"),
    ),
    Language.EN: (*("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),),
}
WORDS = {
    Language.SV: {
        "title": "Öppettider och telefontider",
        "phones": "Telefon",
        "offices": "Kontor",
        "usual": "Vanliga tider",
        "special": "Avvikande dagar",
        "closed": "stängt",
        "holds": "Gäller",
        "day": "Dag",
        "open": "Öppet",
        "broken": "telefontiden är bruten i dag",
    },
    Language.FI: {
        "title": "Aukioloajat ja puhelinajat",
        "phones": "Puhelin",
        "offices": "Toimistot",
        "usual": "Tavalliset ajat",
        "special": "Poikkeavat päivät",
        "closed": "suljettu",
        "holds": "Voimassa",
        "day": "Päivä",
        "open": "Avoinna",
        "broken": "puhelinaika on keskeytetty tänään",
    },
    Language.EN: {
        "title": "Opening hours and phone hours",
        "phones": "Telephone",
        "offices": "Offices",
        "usual": "Usual hours",
        "special": "Special days",
        "closed": "closed",
        "holds": "Valid",
        "day": "Day",
        "open": "Open",
        "broken": "phone hours are broken today",
    },
}


class Website:
    """Keeps page and data in one folder, each file whole at any moment."""

    def __init__(self, folder: Path, language: Language, *, is_open: bool = True) -> None:
        """`language` is the one that comes first on the page, and that of the data. `is_open`:
        every user of the machine may read the folder, as a web server's has to.
        """
        self._folder = folder
        self._language = language
        self._folder_mode = READABLE_FOLDER if is_open else PRIVATE_FOLDER
        self._file_mode = READABLE_FILE if is_open else PRIVATE

    async def publish(self, told: Timetable) -> None:
        """Write both files. Raises `OSError`."""
        data = as_json(told, self._language)
        page = render(told, self._language, data)
        await asyncio.to_thread(self._write, {DATA: data + "\n", PAGE: page})

    def _write(self, files: dict[str, str]) -> None:
        missing = [one for one in (self._folder, *self._folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            one.chmod(self._folder_mode)  # whatever the process's umask is
        if self._folder.stat().st_uid == os.geteuid():  # a web server's own stays as it is
            self._folder.chmod(self._folder_mode)
        for name, text in files.items():
            replace_file(self._folder / name, text, self._file_mode)


def render(told: Timetable, language: Language, data: str) -> str:
    """The page in three languages, `language` first, with the data for search engines in it."""
    order = (language, *(one for one in Language if one is not language))
    return (
        _environment()
        .get_template("timetable.html.j2")
        .render(
            told=told,
            order=order,
            words=WORDS,
            weekdays=WEEKDAYS,
            why=_why,
            data=Markup(data.replace("<", "\\u003c")),  # noqa: S704 - JSON in which no tag can end
        )
    )


def _why(reason: Reason, language: Language) -> str:
    """What is told of a special day."""
    if reason.cause in (Cause.BROKEN, Cause.REPAID):
        return WORDS[language]["broken"]
    return reason.name


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pbx_bridge.adapters.website", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
