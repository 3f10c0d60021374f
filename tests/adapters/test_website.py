"""The public page and its data as files (S25)."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from core.plans import DAY, EXCHANGE, PLAN

from pbx_bridge.adapters.website import DATA, PAGE, Website
from pbx_bridge.core.folding import fresh
from pbx_bridge.core.model import Language
from pbx_bridge.core.public import timetable


class Page(HTMLParser):
    """Texts by the tag that they stand in, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.found.setdefault(name, []).append(value or "")
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.setdefault(self._open[-1], []).append(data.strip())


@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_page_and_data_can_be_read_by_a_web_server(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "a" / "public"
    before = os.umask(umask)
    try:
        await Website(folder, Language.SV).publish(timetable(EXCHANGE, DAY))
    finally:
        os.umask(before)
    for name in (PAGE, DATA):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o644
    for one in (folder, folder.parent):
        assert stat.S_IMODE(one.stat().st_mode) == 0o755
    assert sorted(one.name for one in folder.iterdir()) == sorted((PAGE, DATA))
    data = json.loads((folder / DATA).read_text())
    assert data["@context"] == "https://schema.org"
    page = Page((folder / PAGE).read_text())
    assert json.loads(page.found["script"][0]) == data
    assert page.found["h1"] == [
        "Öppettider och telefontider – Norrskärs kommun",
        "Aukioloajat ja puhelinajat – Norrskärin kunta",
        "Opening hours and phone hours – the municipality of Norrskär",
    ]
    assert "tel:+35818000130" in page.found["href"]
    assert "09:00–11:00" in page.found["td"]
    assert not re.search(r"https?://(?!schema\.org)", (folder / PAGE).read_text())


async def test_f23_titles_are_text_and_never_markup(tmp_path: Path) -> None:
    hostile = dict.fromkeys(Language, "</script><img src=x onerror=1>")
    line = replace(PLAN.switchboard, title=hostile)
    exchange = fresh(replace(PLAN, lines={**PLAN.lines, line.name: line}))
    await Website(tmp_path, Language.EN).publish(timetable(exchange, DAY))
    page = Page((tmp_path / PAGE).read_text())
    assert "onerror" not in page.found
    assert hostile[Language.EN] in page.found["h3"]
    assert hostile[Language.EN] in page.found["script"][0].replace("\\u003c", "<")


async def test_what_lies_in_the_state_folder_is_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "public"
    await Website(folder, Language.SV, is_open=False).publish(timetable(EXCHANGE, DAY))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
