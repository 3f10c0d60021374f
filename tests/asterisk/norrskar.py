"""A small plan made by hand, settings, and secrets that are always the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from pbx_bridge.asterisk.secrets import Secrets, mailboxes
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.core.countries import FINLAND
from pbx_bridge.core.devices import all_endpoints
from pbx_bridge.core.model import (
    Codes,
    Dialling,
    Language,
    Line,
    Number,
    Organisation,
    Person,
    Plan,
    Schedule,
    TargetKind,
    Text,
    Unit,
)
from pbx_bridge.core.trunks import Trunk


def text(swedish: str) -> Text:
    return dict.fromkeys(Language, swedish)


ANNA = Person("101", "Anna Söderlund", "kanslist", "kansliet", operator=True)
OLLE = Person("102", "Olle Åkerö", "vaktmästare", "kansliet", Language.FI, mailbox=False)
SWITCHBOARD = Line(
    "vaxel",
    text("växeln"),
    "1",
    "dagtid",
    ("101", "102"),
    ("101",),
    backups=("102",),
    overflow_seconds=60,
    mailbox="900",
)
OPERATOR = Trunk("operator", ("127.0.0.1:5090",))


def small_plan(
    *people: Person,
    line: Line = SWITCHBOARD,
    trunks: tuple[Trunk, ...] = (OPERATOR,),
    title: str = "Norrskär",
) -> Plan:
    everybody = people or (ANNA, OLLE)
    zone = ZoneInfo("Europe/Mariehamn")
    return Plan(
        version="0",
        organisation=Organisation("norrskar", text(title), line.name, zone),
        units={"kansliet": Unit("kansliet", text("kansliet"), "dagtid")},
        people={person.extension: person for person in everybody},
        lines={line.name: line},
        schedules={"dagtid": Schedule("dagtid", ((),) * 7)},
        numbers={"018000100": Number("018000100", TargetKind.LINE, line.name)},
        reasons={},
        codes=Codes(),
        trunks={one.name: one for one in trunks},
        dialling=Dialling.of(FINLAND),
        holidays={},
    )


def named(name: str) -> Person:
    return replace(ANNA, name=name)


def settings(folder: Path = Path("/run/pbx"), **changes: object) -> Settings:
    chosen = Settings(folder, sip_port=5060, http_port=8088, ami_port=5038, fastagi_port=4573)
    return replace(chosen, **changes)  # type: ignore[arg-type]  # names and values by the test


def known_secrets(plan: Plan, trunk: str = "") -> Secrets:
    phones = {one: f"secret-of-{one}" for one, *_ in all_endpoints(plan)}
    boxes, pins = dict.fromkeys(mailboxes(plan), "0000"), dict.fromkeys(plan.people, "0000")
    lookup = "secret-of-lookup"
    return Secrets("secret-of-ari", "secret-of-ami", phones, boxes, pins, trunk, lookup)
