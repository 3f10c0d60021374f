"""Steps and the fallback as a real Asterisk carries them out, with no bridge at all."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asterisk.norrskar import OLLE
from asterisk.stepping import CALLER, MOBILE, Stepping, stepping

from pbx_bridge.asterisk.locate import locate
from pbx_bridge.asterisk.packages import current, default_folder
from pbx_bridge.config.deployment import Mode
from pbx_bridge.core.call import Ask, Queue, Record, Ring
from pbx_bridge.softphone.audio import correlation, tone
from pbx_bridge.softphone.behaviour import Answers, Busy, NeverAnswers, Press

pytestmark = [pytest.mark.calls, pytest.mark.asyncio(loop_scope="module")]

DESK, MOBILES = tone(700, 0.5), tone(500, 0.5)
SAME = 0.9
BOTH = Ring(("101",), 4, mobiles=(MOBILE,))
SOON = Answers(0.1, talks_s=0.3)
LATER = str(int(time.time()) + 3600)
MESSAGE_TIMEOUT_S = 2.0
TEXT = """
[trial-text]
exten => s,1,Set(MESSAGE(body)=Åter 14.30)
 same => n,MessageSend(pjsip:101,sip:101@127.0.0.1)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepping]:
    if current(default_folder()) is None:
        pytest.skip("no private copy of Asterisk on this machine; `pbx-bridge up` makes one")
    found = await asyncio.to_thread(locate, Mode.PRIVATE, print)
    async with stepping(found, tmp_path_factory.mktemp("s")) as held:
        yield held


@pytest_asyncio.fixture(loop_scope="module")
async def town(running: Stepping) -> AsyncIterator[Stepping]:
    """Nobody is away, and the switchboard is closed, where each trial ends."""
    await running.forget()
    yield running


async def test_f22_a_voicemail_is_no_answer_and_the_desk_is_reached(town: Stepping) -> None:
    desk = Answers(1.2, talks_s=0.6, plays=DESK)
    async with town.phone("101", desk), town.operator(Answers(0.1)) as operator:
        made, _ = await town.step(BOTH)
    assert made.status == 200
    assert correlation(made.heard, DESK).score > SAME
    assert operator.rings[0].number == CALLER


async def test_f22_who_presses_1_takes_the_call_and_the_desk_stops_ringing(town: Stepping) -> None:
    takes = Answers(0.1, talks_s=0.8, plays=MOBILES, press=[Press("1", after_s=0.3)])
    async with town.phone("101", NeverAnswers()) as desk, town.operator(takes):
        made, _ = await town.step(BOTH)
        (stopped,) = desk.received
    assert made.answered_at is not None
    assert correlation(made.heard, MOBILES).score > SAME
    assert (stopped.ended_by, stopped.answered_at) == ("exchange", None)


@pytest.mark.parametrize(
    "mobile",
    [
        pytest.param(Answers(0.1, talks_s=0.3), id="hangs up while it is asked"),
        pytest.param(Answers(0.1, press=[Press("2", after_s=0.3)]), id="presses another key"),
        pytest.param(Answers(0.1), id="is still asked when the ring is over"),
    ],
)
async def test_f22_a_mobile_that_does_not_take_the_call_leaves_it_unanswered(
    town: Stepping, mobile: Answers
) -> None:
    """The sound that asks comes from AstDB in the mobile's owner's language, else a tone asks."""
    await town.know({"pbx-sound/take-sv": str(town.sound)})
    async with town.phone("101", NeverAnswers()) as desk, town.operator(mobile) as operator:
        made, left = await town.step(Ring(("101",), 1, mobiles=(MOBILE,)))
        assert len(desk.received) == 1
    assert left.startswith("result=NOANSWER ")
    assert made.answered_at is None
    assert correlation(operator.heard, tone(900, 0.2)).score > SAME


async def test_a_busy_desk_and_a_busy_mobile_are_busy(town: Stepping) -> None:
    async with town.phone("101", Busy()), town.operator(Busy()):
        _, left = await town.step(BOTH)
    assert left.startswith("result=BUSY ")


async def test_s22_the_phone_shows_what_was_called_and_for_whom_it_rings(town: Stepping) -> None:
    shown = "Byggnadstillsynen – Åsa (ä, ö)"
    ring = Ring(("101",), 5, mobiles=(MOBILE,), shown=shown, sought="102")
    async with town.phone("101", Busy()) as phone, town.operator(Busy()) as operator:
        _, left = await town.step(ring, people={"102": OLLE})
        await town.step(Ring(("101",), 5))
    first, second = phone.rings
    assert (first.display_name, first.number) == (shown, CALLER)
    assert first.party("diversion").name == "Olle Åkerö"
    assert first.party("diversion").number == "102"
    passed_on = operator.rings[0].party("diversion")
    assert (passed_on.name, passed_on.number) == ("", "018000101"), "nobody's name, and ours alone"
    assert (second.display_name, second.number) == ("Ragnhild Öst", CALLER)
    assert "diversion" not in second.headers
    assert left == "result=BUSY name=Ragnhild Öst redirected=0"


async def test_s22_a_withheld_number_stays_so_beside_what_is_shown(town: Stepping) -> None:
    async with town.phone("101", Busy()) as phone:
        await town.step(Ring(("101",), 5, shown="Växeln"), from_number="")
    assert phone.rings[0].display_name == "Växeln"
    assert phone.rings[0].number == "anonymous"


async def test_s22_the_phones_of_a_line_show_it_too(town: Stepping) -> None:
    async with town.phone("101", NeverAnswers()) as phone:
        await town.pbx.console("queue add member PJSIP/101 to vaxel")
        try:
            _, left = await town.step(Queue("vaxel", 1, shown="Växeln – finska"))
        finally:
            await town.pbx.console("queue remove member PJSIP/101 from vaxel")
    assert phone.rings[0].display_name == "Växeln – finska"
    assert left == "result=TIMEOUT name=Ragnhild Öst redirected=0"


async def test_keys_are_the_result_of_a_question(town: Stepping) -> None:
    asked = {("91#", 6): "91", ("9*1#", 6): "9*1", ("914", 3): "914", ("#", 6): "#", ("", 6): ""}

    async def left(pressed: str, digits: int) -> str:
        press = [Press(key, after_s=0.1) for key in pressed]
        ask = Ask((), seconds=1, digits=digits)
        return (await town.step(ask, audio=(town.sound,), press=press))[1].partition(" ")[0]

    found = await asyncio.gather(*(left(*one) for one in asked))
    assert found == [f"result={result}" for result in asked.values()]


async def test_s29_a_pin_stands_nowhere_but_in_the_result(town: Stepping) -> None:
    press = [Press("914725", after_s=0.1)]
    _, left = await town.step(Ask((), digits=6), audio=(town.sound,), press=press)
    assert left.startswith("result=914725 ")
    assert "914725" not in town.record()
    log = town.place.log_file.read_text(encoding="utf-8")
    assert log.count("914725") == 1, "only our own look at the result may show it"


async def test_a_note_is_recorded_and_one_who_hangs_up_leaves_none(town: Stepping) -> None:
    note, half = town.place.notes / "1700000000.12", town.place.notes / "1700000000.13"
    key = [Press("#", after_s=1.2)]
    _, left = await town.step(Record(5), audio=(note,), press=key)
    assert left.startswith("result=DTMF ")
    assert note.with_name(note.name + ".wav").stat().st_size > 4000
    _, left = await town.step(Record(5), audio=(half,), hold_s=1.0)
    assert left.startswith("result= ")
    assert [file.name for file in town.place.notes.iterdir()] == ["1700000000.12.wav"]


async def test_without_a_bridge_a_phone_that_it_called_is_let_go_and_nobody_rings(
    town: Stepping,
) -> None:
    before = town.record()
    async with town.phone("101", Answers(0.1)) as phone, town.phone("102", Busy()) as other:
        await town.pbx.console("channel originate PJSIP/101 extension s@pbx-bridge-announce")
        assert (await phone.ended()).ended_by == "exchange"
        assert other.rings == []
    assert town.marks(before) == []


@pytest.mark.parametrize("dialled", ["offer/101", "1offer/101", "101&PJSIP/102"])
async def test_f23_nobody_can_dial_what_the_bridge_tells_phones(
    town: Stepping, dialled: str
) -> None:
    async with town.phone("101", Busy()) as phone:
        made = await town.call(dialled)
        assert made.status != 200 or town.marks()[-1].startswith("say|fallback-line-closed|")
        assert phone.rings == []


async def test_without_a_bridge_an_absent_persons_calls_go_where_they_were_taken(
    town: Stepping,
) -> None:
    """The first colleague has left the plan, the second is away too, the third answers."""
    told = str(town.sound)
    await town.know(
        {
            "pbx-referral/101/until": LATER,
            "pbx-referral/101/audio-sv": told,
            "pbx-referral/101/to": "104-102-103",
            "pbx-referral/102/until": LATER,
        }
    )
    before = town.record()
    async with town.phone("101", Busy()) as anna, town.phone("103", SOON) as gun:
        made = await town.call("018000101")
        assert anna.rings == []
        assert len(gun.received) == 1
    assert made.status == 200
    assert town.marks(before) == [
        f"say|fallback-person-absent|{told}|when",
        "ring|fallback-deputy-rings|103",
    ]


async def test_without_a_bridge_only_deputies_who_have_agreed_for_good_are_rung(
    town: Stepping,
) -> None:
    before = town.record()
    async with town.phone("101", Busy()), town.phone("102", Busy()), town.phone("103", Busy()):
        await town.call("018000101")
    assert town.marks(before) == [
        "ring|fallback-person-rings|101",
        "ring|fallback-deputy-rings|102",
    ]


async def test_s19_without_a_bridge_nobody_is_rung_outside_their_hours(town: Stepping) -> None:
    told = str(town.sound)
    await town.know(
        {
            "pbx-person/101/spans": f"{LATER}-{int(LATER) + 9}",
            f"pbx-person/101/closed-{LATER}-sv": told,
            "pbx-person/102/spans": "0-0",
            "pbx-sound/closed-sv": told,
        }
    )
    before = town.record()
    async with town.phone("101", Busy()) as anna, town.phone("102", Busy()) as olle:
        await town.call("018000101")
        first, before = town.marks(before), town.record()
        await town.know({"pbx-person/101/spans": f"0-{LATER}"})
        await town.call("018000101")
        assert (len(anna.rings), len(olle.rings)) == (1, 0)
    closed = f"say|fallback-line-closed|{told}"
    assert first == [f"say|fallback-person-off-duty|{told}|when", closed]
    assert town.marks(before) == ["ring|fallback-person-rings|101", closed]


async def test_without_a_bridge_the_voice_menu_is_sorry(town: Stepping) -> None:
    await town.know({"pbx-sound/code-sv": str(town.sound)})
    before = town.record()
    assert (await town.call("018000199")).status == 200
    assert town.marks(before) == [f"say|fallback-sorry|{town.sound}"]


async def test_a_text_reaches_a_phone(town: Stepping) -> None:
    with (town.place.etc / "extensions_local.conf").open("a", encoding="utf-8") as local:
        local.write(TEXT)
    await town.pbx.console("dialplan reload")
    async with town.phone("101", Busy()) as phone:
        await town.pbx.console("channel originate Local/s@trial-text application NoOp")
        assert (await phone.told()).text == "Åter 14.30"


async def test_a_text_from_the_trunk_leads_nowhere(town: Stepping) -> None:
    assert (await asyncio.to_thread(message, town, "101")).startswith(b"SIP/2.0 404 ")


def message(town: Stepping, to: str) -> bytes:
    """The answer to a SIP MESSAGE from the trunk's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
        trunk.bind(("127.0.0.1", 0))
        trunk.settimeout(MESSAGE_TIMEOUT_S)
        port = trunk.getsockname()[1]
        lines = [
            f"MESSAGE sip:{to}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-text-{port}",
            f"From: <sip:{CALLER}@127.0.0.1>;tag=text",
            f"To: <sip:{to}@127.0.0.1>",
            f"Call-ID: text-{port}",
            "CSeq: 1 MESSAGE",
            "Max-Forwards: 70",
            "Content-Type: text/plain",
            "Content-Length: 3",
            "",
            "hej",
        ]
        trunk.sendto("\r\n".join(lines).encode(), ("127.0.0.1", town.place.sip_port))
        return trunk.recv(4096)
