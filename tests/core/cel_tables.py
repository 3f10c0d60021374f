"""Tables of Asterisk's event log, as calls leave them, and any others.

Columns: seconds, type, channel, extension and context, peer, extra. The caller's channel is
PJSIP/trunk-00000001 with the unique id that is the call's linkedid.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from pbx_bridge.core.latency import Journey, fold
from pbx_bridge.core.record import CelEvent
from pbx_bridge.core.trace import ANNOUNCE_CONTEXT, MARK
from pbx_bridge.wire import cel as cel_csv

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CALLER = "PJSIP/trunk-00000001"
LINKEDID = "1795422600.1"


def cel(at_s: float, kind: str, channel: str = CALLER, **fields: str) -> CelEvent:
    values = {
        "linkedid": LINKEDID,
        "uniqueid": LINKEDID if channel == CALLER else f"of {channel}",
        "caller": "0401234567",
        "exten": "018000101",
        "context": "from-trunk",
        "app": "",
        "data": "",
        "peer": "",
        "extra": "",
    } | fields
    return CelEvent(time=START + timedelta(seconds=at_s), type=kind, channel=channel, **values)


def read_table(table: str, **fields: str) -> list[CelEvent]:
    """One event a line: seconds, type, channel, then what its extra data says."""
    events = []
    for line in table.strip().splitlines():
        at_s, kind, channel, *rest = line.split(maxsplit=3)
        extra = rest[0].strip() if rest else ""
        match kind:
            case "MARK":
                kind, extra = MARK, f'{{"extra":"{extra}"}}'
            case "BRIDGE_ENTER" | "BRIDGE_EXIT":
                extra = f'{{"bridge_id":"{extra}","bridge_technology":"simple_bridge"}}'
            case "HANGUP":
                cause, _, source = extra.partition(" ")
                extra = f'{{"hangupcause":{cause},"hangupsource":"{source}","dialstatus":""}}'
        events.append(cel(float(at_s), kind, channel, extra=extra, **fields))
    return events


PERSON_ANSWERS = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.004211  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.006102  CHAN_START    PJSIP/101-00000002
2.310400  ANSWER        PJSIP/101-00000002
2.310950  ANSWER        PJSIP/trunk-00000001
2.312500  BRIDGE_ENTER  PJSIP/101-00000002    b1
2.313000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
9.100000  BRIDGE_EXIT   PJSIP/trunk-00000001  b1
9.101000  BRIDGE_EXIT   PJSIP/101-00000002    b1
9.102000  HANGUP        PJSIP/101-00000002    16 PJSIP/trunk-00000001
9.102000  CHAN_END      PJSIP/101-00000002
9.103000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
9.103000  CHAN_END      PJSIP/trunk-00000001
9.103000  LINKEDID_END  PJSIP/trunk-00000001
"""
MESSAGE_THEN_DEPUTY = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  say|person-absent|absent-1&passing-2
0.011000  ANSWER        PJSIP/trunk-00000001
6.500000  MARK          PJSIP/trunk-00000001  ring|deputy-rings|102
6.510000  CHAN_START    PJSIP/102-00000002
11.40000  ANSWER        PJSIP/102-00000002
11.40100  BRIDGE_ENTER  PJSIP/102-00000002    b1
11.50000  BRIDGE_ENTER  PJSIP/trunk-00000001  b1
"""
CLOSED_LINE = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ask|line-closed|closed-1
0.011000  ANSWER        PJSIP/trunk-00000001
9.000000  MARK          PJSIP/trunk-00000001  say|message-declined|goodbye
11.00000  HANGUP        PJSIP/trunk-00000001  16
"""
MESSAGE_LEFT = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ask|line-closed|closed-1
0.011000  ANSWER        PJSIP/trunk-00000001
9.000000  MARK          PJSIP/trunk-00000001  voicemail|message-chosen|100
31.00000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""
TOLD = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  ring|person-rings|101
0.011000  CHAN_START    PJSIP/101-00000002
20.01000  HANGUP        PJSIP/101-00000002    16
20.02000  MARK          PJSIP/trunk-00000001  say|person-no-answer|no-answer-1
20.03000  ANSWER        PJSIP/trunk-00000001
26.00000  MARK          PJSIP/trunk-00000001  hangup|nothing-left
26.10000  HANGUP        PJSIP/trunk-00000001  16
"""
GAVE_UP_IN_THE_QUEUE = """
0.000000  CHAN_START    PJSIP/trunk-00000001
0.010000  MARK          PJSIP/trunk-00000001  queue|line-open|vaxeln
0.011000  ANSWER        PJSIP/trunk-00000001
0.020000  CHAN_START    PJSIP/101-00000002
0.021000  CHAN_START    PJSIP/102-00000003
15.02000  HANGUP        PJSIP/101-00000002    16
15.02100  HANGUP        PJSIP/102-00000003    16
17.50000  HANGUP        PJSIP/trunk-00000001  16 PJSIP/trunk-00000001
"""


def journey(table: str, **fields: str) -> Journey:
    (only,) = fold(read_table(table, **fields))
    return only


RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(name: str) -> list[CelEvent]:
    """What a real Asterisk 22.10.1 wrote."""
    rows = [cel_csv.parse(line) for line in (RECORDINGS / name).read_bytes().splitlines()]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        CelEvent(epoch + timedelta(microseconds=row.time_us), *row.values) for row in rows if row
    ]


TYPES = [
    "CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END",
    "LINKEDID_END", "PBX_STEP", "USER_DEFINED", "APP_START", "?",
]  # fmt: skip
CHANNELS = [
    CALLER, "PJSIP/101-2", "PJSIP/102-3", "Local/1@x-0;1", "Local/1@x-0;2", "PJSIP/", "",
    "Local/045@pbx-bridge-mobile-0;1", "Local/045@pbx-bridge-mobile-0;2", "Local/",
]  # fmt: skip
EXTRAS = st.sampled_from(
    [
        "", "{", '{"bridge_id":"b1"}', '{"bridge_id":"b2"}', '{"extra":"say|line-closed"}',
        '{"extra":"say|person-absent|a|when"}', '{"extra":"dial|outgoing|0"}', '{"extra":"|||"}',
    ]
) | st.text(max_size=9)  # fmt: skip
EVENTS = st.lists(
    st.builds(
        cel,
        st.integers(0, 9),
        st.sampled_from(TYPES),
        st.sampled_from(CHANNELS),
        linkedid=st.sampled_from([LINKEDID, "2.1", ""]),
        uniqueid=st.sampled_from([LINKEDID, "2.1", "3.1"]),
        exten=st.text(max_size=9),
        context=st.sampled_from(["from-trunk", "from-phone", ANNOUNCE_CONTEXT, ""]),
        data=st.text(max_size=9),
        peer=st.sampled_from([CALLER, "PJSIP/101-2,PJSIP/102-3", ",", ""]),
        extra=EXTRAS,
    ),
    max_size=25,
)
