"""A line an event, for people or for programs, and no caller's number in it."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.cli.logs import MASKED, MOST_KINDS, LogFormat, log_to_stderr, without_numbers


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def test_text_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("info")
    structlog.get_logger().info("call_left_to_fallback", call="1795422600.1", why="no answer")
    text = capsys.readouterr().err
    assert 'level=info event=call_left_to_fallback call=1795422600.1 why="no answer"' in text
    log_to_stderr("info", LogFormat.JSON)
    structlog.get_logger().info("call_left_to_fallback", call="1795422600.1", port=5060)
    structlog.get_logger().debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found["event"] == "call_left_to_fallback"
    assert (found["call"], found["port"], found["level"]) == ("1795422600.1", 5060, "info")


@pytest.mark.parametrize("form", LogFormat)
def test_a_number_in_a_traceback_is_masked(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("info", form)
    try:
        raise ValueError("not a call's state: 'v1 sv ring:0401234567=NOANSWER' of +358401234567")
    except ValueError:
        structlog.get_logger().exception(
            "failed", numbers=["040 123 45 67"], caller=("0401234567",)
        )
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert MASKED in told
    assert "1234567" not in told
    assert "123 45 67" not in told


@given(st.from_regex(r"(\+358|0)[1-9][0-9]{6,10}", fullmatch=True), st.text(max_size=5))
def test_any_number_is_masked_wherever_it_stands_alone(number: str, around: str) -> None:
    kept = {"event": "x", "why": f"{around} {number} {around}"}
    assert number not in str(without_numbers(None, "info", kept))


@pytest.mark.parametrize(
    "text", ["1795422600.1", "2026-11-24T10:00:00.123456Z", "pid 12345678", "PJSIP/101-0000001a"]
)
def test_ids_and_times_stay_readable(text: str) -> None:
    assert without_numbers(None, "info", {"event": text})["event"] == text


def test_times_are_those_of_the_exchange_with_their_offset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("Europe/Mariehamn", "America/Bogota"):
        zone = ZoneInfo(name)
        log_to_stderr("info", LogFormat.JSON, zone)
        structlog.get_logger().info("x")
        stamp = json.loads(capsys.readouterr().err)["timestamp"]
        moment = datetime.fromisoformat(stamp)
        assert moment.utcoffset() == datetime.now(zone).utcoffset()
        assert abs(moment - datetime.now(zone)) < timedelta(minutes=1)


def test_what_a_library_says_again_and_again_is_one_line_of_ours_without_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_to_stderr("info", LogFormat.JSON)
    log_to_stderr("info", LogFormat.JSON)
    for number in range(200):
        try:
            raise OSError(24, "Too many open files: 0401234567")
        except OSError:
            logging.getLogger("asyncio").exception("out of system resource: %s", number)
    logging.getLogger("asyncio").info("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["event"], found["of"], found["level"]) == ("library", "asyncio", "error")
    assert "Too many open files" in found["exception"]
    assert "0401234567" not in line
    for number in range(200):
        logging.getLogger(f"kind{number}").warning("x")
    assert len(capsys.readouterr().err.splitlines()) == MOST_KINDS - 1


class OnAFullDisk(io.StringIO):
    """Takes no more while it is `full`."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_line_that_the_disk_has_no_room_for_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = OnAFullDisk()
    monkeypatch.setattr(sys, "stderr", stream)
    log_to_stderr("info", LogFormat.JSON)
    stream.full = True
    structlog.get_logger().info("one")
    logging.getLogger("asyncio").error("two")
    stream.full = False
    structlog.get_logger().info("three")
    structlog.get_logger().info("four")
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["event"], one.get("lines_lost")) for one in said] == [("three", 2), ("four", None)]
