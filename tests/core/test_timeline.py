"""What the lines of a call say."""

from datetime import UTC, datetime, timedelta

import pytest
from core.cel_tables import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.timeline import Timeline

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CALLER = "PJSIP/trunk-00000001"
ANNA = "PJSIP/101-00000002"
NAMES = {"101": "Anna Berg", "018000101": "Anna Berg", "102": "Nils"}
WORDS = {"absent-1": "Anna är på lunch.", "passing-2": "Jag kopplar till Nils."}


def cel(at_s: float, kind: str, channel: str = CALLER, extra: str = "", **fields: str) -> CelEvent:
    values = {
        "linkedid": "1.1",
        "uniqueid": "1.1" if channel == CALLER else channel,
        "caller": "0401234567",
        "exten": "018000101",
        "context": "from-trunk",
        "app": "",
        "data": "",
        "peer": "",
    } | fields
    return CelEvent(
        time=START + timedelta(seconds=at_s), type=kind, channel=channel, extra=extra, **values
    )


def mark(at_s: float, text: str) -> CelEvent:
    return cel(at_s, "PBX_STEP", extra=f'{{"extra":"{text}"}}')


def hangup(at_s: float, channel: str, cause: int = 16, source: str = "") -> CelEvent:
    return cel(at_s, "HANGUP", channel, f'{{"hangupcause":{cause},"hangupsource":"{source}"}}')


def lines(*events: CelEvent) -> list[str]:
    timeline = Timeline("1.1", WORDS.get, lambda endpoint: NAMES.get(endpoint, ""))
    return [line for event in events for line in timeline.add(event)]


BRIDGE = '{"bridge_id":"b1"}'
TALK = [
    cel(0, "CHAN_START"),
    mark(0.008, "ring|person-rings|101"),
    cel(0.01, "CHAN_START", ANNA),
    cel(2.31, "ANSWER", ANNA),
    cel(2.31, "ANSWER"),
    cel(2.312, "BRIDGE_ENTER", ANNA, BRIDGE),
    cel(2.313, "BRIDGE_ENTER", CALLER, BRIDGE),
]


def test_an_answered_call_reads_from_ring_to_hang_up() -> None:
    assert lines(*TALK, hangup(9.1, ANNA, 16, CALLER), hangup(9.1, CALLER, 16, CALLER)) == [
        "0.00 s  0401234567 rings 018000101 (Anna Berg)",
        "0.01 s  the exchange rings Anna Berg's phone  [person-rings]",
        "2.31 s  Anna Berg answers: 2.3 s after the first ring (aim 20 s)",
        "9.10 s  the caller hangs up",
    ]


def test_who_hung_up_is_named() -> None:
    assert lines(*TALK, hangup(5, CALLER, 16, ANNA))[-1] == "5.00 s  Anna Berg hangs up"


def test_an_absence_is_told_and_the_deputy_rung() -> None:
    assert lines(
        cel(0, "CHAN_START"),
        mark(0.02, "say|person-absent|absent-1&passing-2"),
        cel(0.03, "ANSWER"),
        mark(5, "ring|deputy-rings|102"),
        cel(5, "CHAN_START", "PJSIP/102-00000002"),
        hangup(9, "PJSIP/102-00000002", 21),
        mark(9, "ask|deputy-no-answer|unknown-file"),
        mark(12, "say|message-declined"),
        mark(13, "hangup|nothing-left"),
        hangup(13.5, CALLER),
    )[1:] == [
        "0.02 s  the caller hears: “Anna är på lunch. Jag kopplar till Nils.”  [person-absent]",
        "5.00 s  the exchange rings Nils' phone  [deputy-rings]",
        "9.00 s  Nils declines",
        "9.00 s  the caller is asked: “(unknown-file)”  [deputy-no-answer]",
        "12.00 s  the caller hears: a message  [message-declined]",
        "13.50 s  the exchange ends the call  [nothing-left]",
    ]


@pytest.mark.parametrize(
    ("cause", "words"),
    [(17, "Anna Berg is busy"), (16, "Anna Berg's phone stops ringing")],
)
def test_how_a_phone_was_not_answered_is_told(cause: int, words: str) -> None:
    assert lines(*TALK[:3], hangup(4, ANNA, cause))[-1] == f"4.00 s  {words}"


def test_a_phone_answered_elsewhere_is_not_said_to_give_up() -> None:
    other = "PJSIP/102-00000003"
    told = lines(*TALK[:3], cel(0.02, "CHAN_START", other), hangup(2, other, 26), *TALK[3:])
    assert [line.partition("  ")[2].partition(":")[0] for line in told[2:]] == [
        "the exchange rings Nils' phone  [person-rings]",
        "Anna Berg answers",
    ]


def test_a_ringing_that_ends_is_told_before_what_follows_and_once() -> None:
    # In the order in which a real Asterisk writes them.
    assert lines(*TALK[:3], mark(20, "say|person-no-answer"), hangup(20, ANNA, 0))[2:] == [
        "20.00 s  Anna Berg's phone stops ringing",
        "20.00 s  the caller hears: a message  [person-no-answer]",
    ]


MOBILE, TRUNK = "Local/0457000102@pbx-bridge-mobile-00000000", "PJSIP/operator-00000004"
MOBILE_RINGS = [
    *TALK[:3],
    cel(0.02, "CHAN_START", f"{MOBILE};1", exten="0457000102", context="pbx-bridge-mobile"),
    cel(0.02, "CHAN_START", f"{MOBILE};2", exten="0457000102", context="pbx-bridge-mobile"),
    cel(0.03, "CHAN_START", TRUNK, exten="s"),
]
PICKED_UP = cel(1, "ANSWER", TRUNK, exten="0457000102")


def test_a_mobile_is_told_by_its_own_number_and_answers_when_1_was_pressed() -> None:
    inner = '{"bridge_id":"b2"}'
    assert lines(
        *MOBILE_RINGS,
        PICKED_UP,
        cel(2, "ANSWER", f"{MOBILE};1"),
        cel(2, "BRIDGE_ENTER", TRUNK, inner),
        cel(2, "BRIDGE_ENTER", f"{MOBILE};1", BRIDGE),
        cel(2, "BRIDGE_ENTER", f"{MOBILE};2", inner),
        cel(2, "BRIDGE_ENTER", CALLER, BRIDGE),
        hangup(9, TRUNK, 16, TRUNK),
        hangup(9, CALLER),
    )[2:] == [
        "0.02 s  the exchange rings the mobile 0457000102  [person-rings]",
        "1.00 s  the mobile 0457000102 is picked up, by a human if 1 is pressed",
        "2.00 s  0457000102 answers: 2.0 s after the first ring (aim 20 s)",
        "9.00 s  the call ends",
    ]


@pytest.mark.parametrize("end", [hangup(4, TRUNK, 17), PICKED_UP])
def test_what_a_mobile_leaves_behind_is_no_phone_of_its_own(end: CelEvent) -> None:
    after = lines(*MOBILE_RINGS, end, mark(20, "say|person-no-answer"), hangup(21, CALLER, 16, "x"))
    assert [line for line in after if "operator" in line] == []
    assert after[-3:] == [
        "20.00 s  Anna Berg's phone stops ringing",
        "20.00 s  the caller hears: a message  [person-no-answer]",
        "21.00 s  the exchange ends the call",
    ]


def test_a_call_over_the_trunk_without_a_mobile_is_told_as_before() -> None:
    told = lines(cel(0, "CHAN_START"), mark(0, "ring|person-rings"), cel(1, "CHAN_START", TRUNK))
    assert told[-1] == "1.00 s  the exchange rings operator's phone  [person-rings]"


@pytest.mark.parametrize("detail", ["|0409999999", "|", ""])
def test_who_is_called_outside_is_told_by_the_number(detail: str) -> None:
    """Not by the trunk's name; without a bridge it is what was dialled."""
    told = lines(
        cel(0, "CHAN_START", exten="0409999999"),
        mark(0, f"dial|outgoing{detail}"),
        cel(1, "CHAN_START", TRUNK),
        cel(2, "ANSWER", TRUNK),
        cel(2, "BRIDGE_ENTER", TRUNK, BRIDGE),
        cel(2, "BRIDGE_ENTER", CALLER, BRIDGE),
        hangup(9, TRUNK, 16, TRUNK),
        hangup(9, CALLER, 16, TRUNK),
    )
    assert told[1:] == [
        "1.00 s  the exchange rings 0409999999  [outgoing]",
        "2.00 s  0409999999 answers: 2.0 s after the first ring (aim 20 s)",
        "9.00 s  0409999999 hangs up",
    ]


@pytest.mark.parametrize("name", ["cel_attended_transfer", "cel_blind_transfer"])
def test_who_answers_after_a_transfer_is_told(name: str) -> None:
    events = recorded(f"{name}.csv")
    timeline = Timeline(events[0].linkedid, WORDS.get, lambda one: NAMES.get(one, ""))
    told = [line for event in events for line in timeline.add(event)]
    answers = [line.partition("  ")[2] for line in told if " answers: " in line]
    assert answers[0].startswith("Anna Berg answers: 0.0 s after the first ring")
    assert answers[1:] == ["Nils answers: the caller was sent on"]


def test_a_call_that_the_exchange_makes_itself_is_told_from_its_side() -> None:
    first = cel(0, "CHAN_START", "PJSIP/101-00000001", uniqueid="1.1", exten="s", caller="")
    asked = cel(
        1,
        "PBX_STEP",
        "PJSIP/101-00000001",
        '{"extra":"ask|offer-made|absent-1"}',
        uniqueid="1.1",
        exten="ask",
        caller="101",
    )
    gone = hangup(3, "PJSIP/101-00000001", source="PJSIP/101-00000001")
    told = lines(first, asked, gone._replace(uniqueid="1.1"))
    assert told == [
        "0.00 s  the exchange rings Anna Berg's phone, to ask or tell something",
        "1.00 s  Anna Berg is asked: “Anna är på lunch.”  [offer-made]",
        "3.00 s  Anna Berg hangs up",
    ]


def test_that_a_step_tells_when_is_no_part_of_its_words() -> None:
    told = lines(cel(0, "CHAN_START"), mark(1, "say|person-absent|absent-1|when"))
    assert told[-1] == "1.00 s  the caller hears: “Anna är på lunch.”  [person-absent]"


def test_the_first_line_waits_for_the_callers_number() -> None:
    assert lines(cel(0, "CHAN_START", caller="")) == []
    told = lines(cel(0, "CHAN_START", caller=""), cel(0.5, "ANSWER"))
    assert told == ["0.00 s  0401234567 rings 018000101 (Anna Berg)"]


def test_a_phone_that_is_not_connected_is_told_when_the_exchange_goes_on() -> None:
    assert lines(*TALK[:2], mark(0.02, "queue|line-open|vaxeln"))[1:] == [
        "0.02 s  no phone could be rung  [person-rings]",
        "0.02 s  the caller waits in the queue  [line-open]",
    ]
    assert lines(*TALK[:2], hangup(1, CALLER))[1:] == [
        "1.00 s  no phone could be rung  [person-rings]",
        "1.00 s  the exchange ends the call",
    ]


def test_a_step_unknown_to_this_version_is_shown_by_its_name() -> None:
    assert lines(cel(0, "CHAN_START"), mark(1, "teleport|new-rule"))[-1] == (
        "1.00 s  the exchange goes on with “teleport”  [new-rule]"
    )


def test_a_place_that_is_held_is_told() -> None:
    assert lines(cel(0, "CHAN_START"), mark(9, "hold|place-kept|vaxel"))[-1] == (
        "9.00 s  the caller's place in the queue is held, to call them back  [place-kept]"
    )


def test_whose_messages_are_heard_is_told() -> None:
    assert lines(cel(0, "CHAN_START", exten="*97"), mark(0.01, "listen|mailbox-opened|181"))[
        -1
    ] == ("0.01 s  the caller hears the messages of mailbox 181  [mailbox-opened]")


def test_other_calls_are_passed_over() -> None:
    assert lines(cel(0, "CHAN_START", linkedid="2.1")) == []


def test_f23_what_callers_choose_is_shown_on_one_line_without_its_tricks() -> None:
    (line,) = lines(cel(0, "CHAN_START", caller="1\n2\u202e", exten="9" * 10_000), cel(1, "ANSWER"))
    assert line.isprintable()
    assert len(line) < 200
    withheld = lines(cel(0, "CHAN_START", caller=""), cel(1, "ANSWER", caller=""))
    assert withheld == ["0.00 s  somebody without a number rings 018000101 (Anna Berg)"]


@given(
    st.lists(
        st.builds(
            cel,
            st.integers(0, 9),
            st.sampled_from(["CHAN_START", "ANSWER", "BRIDGE_ENTER", "HANGUP", "PBX_STEP", "?"]),
            st.sampled_from([CALLER, ANNA, "Local/1@x-0;1", f"{MOBILE};1", TRUNK, ""]),
            st.sampled_from([BRIDGE, '{"extra":"ring|a"}', '{"extra":""}']) | st.text(max_size=9),
            uniqueid=st.sampled_from(["1.1", "2.1"]),
            caller=st.text(max_size=9),
        ),
        max_size=20,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_the_record_holds_it_is_told_on_printable_lines(events: list[CelEvent]) -> None:
    assert all(line.isprintable() for line in lines(*events))


def test_a_withheld_callers_number_is_told_to_nobody() -> None:
    told = lines(cel(0, "CHAN_START"), cel(0.1, "PBX_WITHHELD", caller=""))
    assert told == ["0.00 s  somebody without a number rings 018000101 (Anna Berg)"]
