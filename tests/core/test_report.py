"""Figures by formula."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.inert import LONGEST, cell, shown
from pbx_bridge.core.latency import UNCOUNTED, Journey, Outcome
from pbx_bridge.core.report import as_csv, as_dict, as_text, summarise
from pbx_bridge.core.trace import Mark, Talk

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def call(outcome: Outcome, wait_s: float | None, dialled: str = "018000100") -> Journey:
    until = None if wait_s is None else START + timedelta(seconds=wait_s)
    answered = until if outcome is Outcome.ANSWERED else None
    return Journey("1.1", "", "from-trunk", dialled, START, answered, "", until, outcome, (), ())


def under(rule: str, outcome: Outcome, wait_s: float, tells: bool = False) -> Journey:
    """A call whose last step was chosen by `rule`."""
    return replace(call(outcome, wait_s), steps=(Mark(START, "?", rule, tells=tells),))


ICMI = [
    *[call(Outcome.ANSWERED, 10)] * 860,
    *[call(Outcome.ANSWERED, 40)] * 140,
    *[call(Outcome.ABANDONED, 15)] * 20,
    *[call(Outcome.ABANDONED, 35)] * 40,
]


def test_the_four_formulas_give_icmis_figures_for_icmis_example() -> None:
    report = summarise(ICMI)
    assert (report.answered, report.within) == (1000, 860)
    assert (report.abandoned, report.abandoned_within) == (60, 20)
    levels = (
        report.service_level,
        report.service_level_of_answered,
        report.service_level_with_quick_abandons,
        report.service_level_without_quick_abandons,
    )
    assert [round(level * 100) for level in levels if level is not None] == [81, 86, 83, 83]


def test_exactly_the_target_is_within_it() -> None:
    report = summarise([call(Outcome.ANSWERED, 20.0), call(Outcome.ANSWERED, 20.000001)])
    assert report.within == 1


def test_waits_are_those_that_callers_had() -> None:
    report = summarise([call(Outcome.ANSWERED, wait_s) for wait_s in range(1, 101)])
    assert (report.wait_p50_s, report.wait_p90_s, report.wait_p95_s) == (50, 90, 95)
    assert (report.wait_p99_s, report.wait_max_s, report.wait_mean_s) == (99, 100, 50.5)


def test_short_abandons_are_counted_apart() -> None:
    waits = [2.0, 5.0, 5.1, 60.0]
    report = summarise(
        [*(call(Outcome.ABANDONED, wait_s) for wait_s in waits), *[call(Outcome.ANSWERED, 1)] * 6]
    )
    assert report.abandoned_short == 2
    assert report.abandon_rate == pytest.approx(0.4)
    assert report.abandon_rate_without_short == pytest.approx(0.25)


UNTOLD = [
    *[under("line-open", Outcome.ABANDONED, 60)] * 2,
    under("line-open", Outcome.ABANDONED, 5),
    under("deputy-rings", Outcome.ABANDONED, 6),
    under("sorry", Outcome.TOLD, 2),
    under("sorry", Outcome.TOLD, 9),
    under("line-closed", Outcome.CLOSED, 9, tells=True),
    under("person-rings", Outcome.ANSWERED, 3),
]


def test_s7_untold_calls_are_counted_by_their_rule_and_short_abandons_apart() -> None:
    report = summarise(UNTOLD)
    assert (report.untold, report.untold_short) == (5, 1)
    assert list(report.untold_by_reason.items()) == [
        ("line-open", 2), ("sorry", 2), ("deputy-rings", 1)
    ]  # fmt: skip
    again = summarise(reversed(UNTOLD))
    assert list(again.untold_by_reason) == list(report.untold_by_reason)


def test_s7_a_call_that_the_exchange_drops_at_once_is_no_short_abandon() -> None:
    report = summarise([replace(call(Outcome.ABANDONED, 0.1), ended_by_caller=False)])
    assert (report.untold, report.untold_short) == (1, 0)
    assert report.untold_by_reason == {"no-step": 1}


def test_s7_the_text_has_a_line_for_each_reason_and_the_csv_an_object() -> None:
    text = as_text(summarise(UNTOLD))
    assert (
        """\
Untold               5 (aim: none), 1 more gave up within 5 s
  line-open          2
  sorry              2
  deputy-rings       1
Answered in 20 s"""
        in text
    )
    assert "Untold               0 (aim: none)" in as_text(summarise([]))
    (row,) = csv.DictReader(io.StringIO(as_csv({"all": {"all": summarise(UNTOLD)}})))
    assert (row["untold"], row["untold_short"]) == ("5", "1")
    assert row["untold_by_reason"] == '{"line-open": 2, "sorry": 2, "deputy-rings": 1}'
    assert as_dict(summarise(UNTOLD))["untold_by_reason"] == json.loads(row["untold_by_reason"])


def test_codes_outgoing_open_calls_and_announcements_are_not_offered() -> None:
    journeys = [
        call(Outcome.CODE, 1),
        call(Outcome.OUTGOING, 1),
        call(Outcome.ANNOUNCEMENT, 1),
        call(Outcome.OPEN, None),
        call(Outcome.TOLD, 9),
        call(Outcome.CLOSED, 9),
        call(Outcome.MESSAGE, 9),
    ]
    report = summarise(journeys)
    assert (report.offered, report.told, report.closed, report.messages) == (3, 1, 1, 1)
    assert report.untold == 3


@pytest.mark.parametrize("outcome", sorted(UNCOUNTED))
def test_no_figure_counts_a_call_that_is_not_counted(outcome: Outcome) -> None:
    """Whatever is known of it."""
    words = [Mark(START, "queue", "line-open", after=word) for word in ("JOINEMPTY", "FULL")]
    told = Mark(START, "say", "line-closed", tells=True)
    one = replace(
        call(outcome, 9),
        answered_at=START,
        steps=(*words, told),
        talks=(Talk("operator", START, START),),
        diversions=2,
        sent_to="102",
        cut=True,
    )
    assert as_dict(summarise([one])) == as_dict(summarise([]))


def test_no_calls_give_no_figures_and_no_division() -> None:
    report = summarise([])
    assert report.service_level is None
    assert as_dict(report)["wait_p99_s"] is None
    assert "–" in as_text(report)


def test_the_text_names_the_formula_of_each_level() -> None:
    text = as_text(summarise(ICMI))
    for words in ("81 %  A≤T / (A + B), the headline", "86 %  A≤T / A\n", "10.0 s  half"):
        assert words in text


def test_the_keys_of_json_and_csv_are_stable() -> None:
    figures = as_dict(summarise(ICMI))
    assert list(figures) == [
        "target_s", "short_s", "offered", "answered", "within", "abandoned",
        "abandoned_within", "abandoned_short", "told", "closed", "messages", "lost",
        "told_when", "blocked", "saturated", "diverted", "untold",
        "untold_short", "untold_by_reason", "wait_mean_s", "wait_p50_s", "wait_p90_s",
        "wait_p95_s", "wait_p99_s", "wait_max_s", "service_level",
        "service_level_of_answered", "service_level_with_quick_abandons",
        "service_level_without_quick_abandons", "abandon_rate", "abandon_rate_without_short",
    ]  # fmt: skip
    assert json.loads(json.dumps(figures))["service_level"] == 0.8113
    (row,) = csv.DictReader(io.StringIO(as_csv({"line": {"växeln": summarise(ICMI)}})))
    assert (row["by"], row["group"]) == ("line", "växeln")
    assert (row["group"], row["offered"], row["service_level"]) == ("växeln", "1060", "0.8113")
    assert list(row)[2:] == list(figures)


@pytest.mark.parametrize(
    "text",
    ["=cmd()", "+358", "-1", "@x", "\t=x", "\r=x", " =cmd()", '=HYPERLINK("http://x","y")', "\n@x"],
)
def test_f23_a_formula_in_a_csv_is_text(text: str) -> None:
    written_csv = as_csv({"number": {text: summarise([])}})
    ((_, written, *_),) = list(csv.reader(io.StringIO(written_csv)))[1:]
    assert written.startswith("'")


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_f23_any_text_becomes_one_harmless_cell(text: str) -> None:
    assert not cell(text).lstrip().startswith(("=", "+", "-", "@"))
    assert shown(text).isprintable()
    assert len(shown(text)) <= LONGEST


def test_f23_a_right_to_left_override_and_ten_kilobytes_are_shown_harmless() -> None:
    assert shown("101\u202e999") == "101\ufffd999"
    assert shown("9" * 10_000) == "9" * (LONGEST - 1) + "…"


@given(
    st.lists(
        st.tuples(st.sampled_from(Outcome), st.floats(0, 1e5, allow_nan=False)).map(
            lambda pair: call(*pair)
        )
    )
)
@settings(max_examples=100, deadline=None)
def test_every_call_is_counted_once_and_ratios_are_shares(journeys: list[Journey]) -> None:
    report = summarise(journeys)
    parts = (
        *(report.answered, report.abandoned, report.told),
        *(report.closed, report.messages, report.lost),
    )
    assert sum(parts) == report.offered
    assert report.untold + report.untold_short == report.offered - report.answered
    assert sum(report.untold_by_reason.values()) == report.untold
    for ratio in (report.service_level_without_quick_abandons, report.abandon_rate_without_short):
        assert ratio is None or 0 <= ratio <= 1
