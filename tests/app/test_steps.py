"""Each step, as the dialplan gets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from core.plans import at

from pbx_bridge.app.steps import variables
from pbx_bridge.core.call import (
    Ask,
    Decision,
    Dial,
    Hangup,
    Listen,
    Obey,
    Queue,
    Record,
    Ring,
    Say,
    Step,
    Voicemail,
    Why,
)
from pbx_bridge.core.commands import SetReferral
from pbx_bridge.core.model import Person
from pbx_bridge.core.sentences import sentence
from pbx_bridge.core.stepid import StepId

NOTHING_SHOWN = {"PBX_SHOWN": "", "PBX_SOUGHT": "", "PBX_SOUGHT_NAME": ""}
TOLD = (sentence("busy", name="Anna"), sentence("goodbye"))
SOUNDS = (Path("/sounds/aa"), Path("/sounds/bb"))


@pytest.mark.parametrize(
    ("step", "expected", "note"),
    [
        (
            Ring(("101", "102"), 20),
            {
                "PBX_PEOPLE": "101-102",
                "PBX_MOBILES": "",
                "PBX_SECONDS": "20",
                **NOTHING_SHOWN,
            },
            "ring|person-rings|101&102",
        ),
        (
            Ring(("101",), 20, ("0457000101",), shown="Växeln", sought="102"),
            {
                "PBX_PEOPLE": "101",
                "PBX_MOBILES": "&Local/0457000101@pbx-bridge-mobile/n",
                "PBX_SECONDS": "20",
                "PBX_SHOWN": "Växeln",
                "PBX_SOUGHT": "102",
                "PBX_SOUGHT_NAME": "Olle Åkerö",
            },
            "ring|person-rings|101",
        ),
        (
            Dial("0457123456", 60),
            {"PBX_TARGET": "0457123456", "PBX_SECONDS": "60", "PBX_LONGEST": ""},
            "dial|person-rings|0457123456",
        ),
        (Say(TOLD), {"PBX_AUDIO": "/sounds/aa&/sounds/bb"}, "say|person-rings|aa&bb"),
        (
            Ask(TOLD, 5, 6),
            {
                "PBX_AUDIO": "/sounds/aa&/sounds/bb",
                "PBX_SECONDS": "5",
                "PBX_MOST_DIGITS": "6",
            },
            "ask|person-rings|aa&bb",
        ),
        (
            Queue("vaxel", 120, "Växeln"),
            {
                "PBX_TARGET": "vaxel",
                "PBX_SECONDS": "120",
                "PBX_BACKUPS": "0",
                "PBX_TOGETHER": "0",
                **NOTHING_SHOWN,
                "PBX_SHOWN": "Växeln",
            },
            "queue|person-rings|vaxel",
        ),
        (Voicemail("101"), {"PBX_TARGET": "101"}, "voicemail|person-rings|101"),
        (Listen("181"), {"PBX_TARGET": "181"}, "listen|person-rings|181"),
        (Hangup(17), {"PBX_CAUSE": "17"}, "hangup|person-rings|"),
    ],
)
def test_a_step_has_its_variables_and_its_note(
    step: Step, expected: dict[str, str], note: str
) -> None:
    decision = Decision(StepId("mark"), step, Why.PERSON_RINGS)
    olle = Person("102", "Olle Åkerö", "vaktmästare", "kansliet")
    found = variables(decision, SOUNDS, {"102": olle})
    assert found == {**expected, "PBX_NOTE": note}
    telling = replace(decision, tells_when=True)
    assert variables(telling, SOUNDS)["PBX_NOTE"] == f"{note}|when"


def test_a_note_is_recorded_into_the_one_file_given() -> None:
    decision = Decision(StepId("record"), Record(30), Why.NOTE_ASKED)
    assert variables(decision, [Path("/spool/notes/1700000000.12")]) == {
        "PBX_TARGET": "/spool/notes/1700000000.12",
        "PBX_SECONDS": "30",
        "PBX_NOTE": "record|note-asked|1700000000.12",
    }


def test_a_note_of_an_outgoing_call_holds_the_number() -> None:
    """What was dialled may have been a code: whom it called is known by the note alone."""
    note = variables(Decision(StepId("dial"), Dial("0457123456"), Why.OUTGOING), ())
    assert note["PBX_NOTE"] == "dial|outgoing|0457123456"


def test_a_command_is_no_step_for_asterisk() -> None:
    command = SetReferral("101", "lunch", at("2026-03-03 12:00"), by="101")
    with pytest.raises(TypeError):
        variables(Decision(StepId("obey"), Obey(command), Why.CODE_OBEYED), ())
