"""ARI messages: what Asterisk writes is read whole, and nothing that is read raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from pbx_bridge.wire.ari import (
    EVENT_TYPES,
    Broadcast,
    Channel,
    Entered,
    Ignored,
    Malformed,
    Replaced,
    Response,
    read,
    request,
    segment,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "caller", "number", "channelvars", "channel", "x"]), inner
        )
    ),
    max_leaves=8,
)
FIELDS = ("channel", "request_id", "status_code", "reason_phrase", "message_body")


def message(**fields: object) -> str:
    return to_json(fields).decode()


def test_a_broadcast_has_its_caller_and_its_variables() -> None:
    text = message(
        type="CallBroadcast",
        channel={
            "id": "1795422600.1",
            "caller": {"name": "<img>", "number": "018000999"},
            "channelvars": {"PBX_CALL": "", "PBX_DIALLED": "018000101"},
        },
    )
    variables = {"PBX_CALL": "", "PBX_DIALLED": "018000101"}
    assert read(text) == Broadcast(Channel("1795422600.1", "018000999", variables))


def test_a_withheld_caller_is_nobody() -> None:
    bare: list[dict[str, object]] = [{}, {"caller": None}, {"caller": {"number": None}}]
    for channel in bare:
        text = message(type="StasisStart", channel={"id": "1", **channel})
        assert read(text) == Entered(Channel("1", "", {}))


def test_an_answer_has_its_decoded_body() -> None:
    text = message(
        type="RESTResponse", request_id="7", status_code=200, message_body='{"channel_ids":["1"]}'
    )
    assert read(text) == Response("7", 200, "", {"channel_ids": ["1"]})


@pytest.mark.parametrize("body", [None, "", "<html>", '{"a"', {"not": "text"}, 7])
def test_f10_an_answer_whose_body_is_no_json_is_an_answer(body: object) -> None:
    text = message(type="RESTResponse", request_id="7", status_code=500, message_body=body)
    assert read(text) == Response("7", 500, "", None)


def test_being_replaced_is_understood() -> None:
    assert read(b'{"type": "ApplicationReplaced", "application": "pbx-bridge"}') == Replaced()


def test_f10_events_that_are_newer_than_us_are_ignored() -> None:
    assert read(message(type="ChannelWhispered", channel=7)) == Ignored("ChannelWhispered")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "null", '"StasisStart"', "{}", '{"type": 7}', "\0"),
        '{"type": "StasisStart"}',
        '{"type": "StasisStart", "channel": {}}',
        '{"type": "CallBroadcast", "channel": {"id": "1", "channelvars": [1]}}',
        '{"type": "CallBroadcast", "channel": {"id": "1", "caller": "me"}}',
        '{"type": "RESTResponse", "request_id": "1"}',
        '{"type": "RESTResponse", "request_id": "1", "status_code": 1e999}',
        '{"type": "RESTResponse", "request_id": "1", "status_code": NaN}',
        "[" * 10_000,
    ],
)
def test_f10_nonsense_is_malformed(text: str) -> None:
    assert isinstance(read(text), Malformed)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_f10_no_text_raises(text: bytes | str) -> None:
    read(text)


@given(st.sampled_from([*EVENT_TYPES, "Other"]), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_f10_no_event_raises_whatever_its_fields(kind: str, fields: dict[str, Any]) -> None:
    read(to_json({**fields, "type": kind}, inf_nan_mode="constants"))


@given(st.integers(0, 200))
def test_f10_a_message_cut_anywhere_is_malformed(at: int) -> None:
    whole = message(type="StasisStart", channel={"id": "1", "caller": {"number": "018"}})
    assert isinstance(read(whole[: at % len(whole)]), Malformed)


def test_the_filter_asks_for_answers_too() -> None:
    assert "RESTResponse" in EVENT_TYPES


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_f13_values_of_a_request_come_back_as_they_were(value: str) -> None:
    sent = request("9", "POST", "channels/1/variables", {"a": value}, {"variables": {"b": value}})
    assert b"\n" not in sent
    assert b"\r" not in sent
    found = from_json(sent)
    assert found["query_strings"] == [{"name": "a", "value": value}]
    assert from_json(found["message_body"]) == {"variables": {"b": value}}
    assert (found["type"], found["request_id"]) == ("RESTRequest", "9")


def test_a_segment_has_nothing_that_a_path_or_a_query_means_something_by() -> None:
    assert segment("a/../b?c=d&e#f%2F å\r\n") == "a%2F..%2Fb%3Fc%3Dd%26e%23f%252F%20%C3%A5%0D%0A"
