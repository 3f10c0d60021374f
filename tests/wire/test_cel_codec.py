"""The CEL codec, held to lines that a real Asterisk 22.10.1 wrote."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.wire import cel
from pbx_bridge.wire.cel import FIELDS, MAPPING, MAX_RECORD_BYTES, Row, complete_records, parse

RECORDED = (Path(__file__).parent.parent / "recordings" / "cel_local_call.csv").read_bytes()


def line(*values: str, time: str = "1795470954.093133") -> bytes:
    """One line as Asterisk writes it, with empty fields after `values`."""
    fields = [time, *values, *[""] * (len(FIELDS) - 1 - len(values))]
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode()


def test_every_line_of_a_real_call_is_an_event() -> None:
    lines, taken = complete_records(RECORDED)
    assert taken == len(RECORDED)
    rows = [parse(one) for one in lines]
    assert None not in rows
    types = Counter(row.values[0] for row in rows if row)
    assert types == {
        "CHAN_START": 4,
        "PBX_STEP": 1,
        "APP_START": 1,
        "ANSWER": 4,
        "BRIDGE_ENTER": 2,
        "BRIDGE_EXIT": 2,
        "APP_END": 1,
        "HANGUP": 4,
        "CHAN_END": 4,
        "LINKEDID_END": 1,
    }


def test_a_dialplans_own_event_keeps_quotes_commas_and_letters() -> None:
    row = parse(complete_records(RECORDED)[0][2])
    assert row == Row(
        1795470954_094557,
        (
            "PBX_STEP",
            "1795470954.0",
            "1795470954.1",
            "Local/100@in-00000000;2",
            "018000199",
            "100",
            "in",
            "CELGenUserEvent",
            'PBX_STEP,ring "101", åäö\\, and more',
            "",
            '{"extra":"ring \\"101\\", åäö\\\\, and more"}',
        ),
    )


def test_the_mapping_quotes_every_field_and_uses_only_cheap_functions() -> None:
    parts = MAPPING.split(",")
    assert len(parts) == len(FIELDS)
    assert parts[0] == "${CSV_QUOTE(${eventtime})}"
    assert all(part.startswith("${CSV_QUOTE(${") and part.endswith("})}") for part in parts)


def test_half_a_line_is_left_for_later() -> None:
    assert complete_records(b"") == ([], 0)
    assert complete_records(b"half") == ([], 0)
    assert complete_records(b"one\ntwo\nhal") == ([b"one", b"two"], 8)
    assert complete_records(b"\none\n") == ([b"", b"one"], 5)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\0\0\0",
        line("ANSWER")[:-1],
        line("ANSWER")[1:],
        line("ANSWER") + b',""',
        line("ANSWER", time="1795470954"),
        line("ANSWER", time="1795470954.093"),
        line("ANSWER", time="2026-11-23 21:55:54.093133"),
        line("ANSWER", time="-1795470954.093133"),
        line("ANSWER", "x" * MAX_RECORD_BYTES),
    ],
)
def test_a_malformed_line_is_no_event_and_no_error(bad: bytes) -> None:
    assert parse(bad) is None


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    row = parse(line("ANSWER", "x").replace(b"x", b"\xe5\xff"))
    assert row is not None
    assert row.values[1] == "��"


@given(st.lists(st.text(max_size=20), min_size=11, max_size=11))
def test_any_values_are_read_as_csv_reads_them(values: list[str]) -> None:
    raw = line(*values)
    row = parse(raw)
    assert row is not None
    assert list(row.values) == values
    (standard,) = csv.reader(io.StringIO(raw.decode(), newline=""), strict=True)
    assert standard[1:] == values


@given(st.text(alphabet='",a', max_size=60))
def test_the_quick_way_and_the_exact_one_read_the_same(inner: str) -> None:
    """Whatever quotation marks and commas stand where, in the midst of a line of the right size."""
    text = line("ANSWER").decode().replace("ANSWER", inner)
    found = cel._RECORD.fullmatch(text)
    row = parse(text.encode())
    exact = found and tuple(value.replace('""', '"') for value in found.groups()[1:])
    assert (row and row.values) == exact


def test_f19_a_line_break_in_a_value_neither_forges_an_event_nor_hides_its_own() -> None:
    forged = line("ANSWER").decode()
    value = f"x\n{forged}\ny"
    records, _ = complete_records(line("APP_START", value) + b"\n")
    (row,) = map(parse, records)
    assert row is not None
    assert row.values[:2] == ("APP_START", value)


hostile = st.lists(
    st.one_of(
        st.text(alphabet='"\n\r,0179.', max_size=12),
        st.just(line("ANSWER").decode()),
        st.just("\n" + line("ANSWER").decode()),
        st.just('\n"1795470954.093133","ANSWER"'),
        st.text(max_size=10),
    ),
    max_size=4,
).map("".join)


@given(st.lists(st.lists(hostile, min_size=1, max_size=11), max_size=5), st.integers(0, 1 << 16))
def test_f19_whatever_stands_in_values_each_record_is_read_once_and_as_it_is(
    records: list[list[str]], cut: int
) -> None:
    """Also when the file is seen while a record is being written: cut anywhere."""
    written = [line(*values) for values in records]
    data = b"".join(one + b"\n" for one in written)
    cut = min(cut, len(data))
    first, taken = complete_records(data[:cut])
    rest, left = complete_records(data[taken:])
    assert first + rest == written
    assert taken + left == len(data)
    rows = [parse(one) for one in written]
    for values, row in zip(records, rows, strict=True):
        assert row is not None
        assert list(row.values[: len(values)]) == values


@given(st.lists(hostile, min_size=1, max_size=11), st.integers(1, 1 << 16))
def test_f33_a_record_that_was_cut_off_costs_no_other(values: list[str], cut: int) -> None:
    """The disk was full, or Asterisk died in the middle of a record, and later goes on."""
    whole = line("ANSWER")
    half = line(*values)[:cut]
    records, taken = complete_records(half + b"\n" + whole + b"\n" + whole + b"\n")
    assert taken == len(half) + 2 * len(whole) + 3
    assert records[-2:] == [whole, whole]


def test_what_never_balances_is_given_up_in_bounds() -> None:
    whole = line("ANSWER")
    endless = line("x")[:-1] + b"\n" + b"y" * 1000 + b"\n"
    data = endless + (b"y" * 1000 + b"\n") * (2 * MAX_RECORD_BYTES // 1000) + whole + b"\n"
    records, taken = complete_records(data)
    assert taken == len(data)
    assert records[-1] == whole
    assert max(map(len, records)) <= MAX_RECORD_BYTES + 1001
    assert [one for one in map(parse, records) if one] == [parse(whole)]
