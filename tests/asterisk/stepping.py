"""A small exchange without a bridge: Asterisk carries out steps, and falls back, alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from asterisk.norrskar import ANNA, OLLE, OPERATOR, known_secrets, settings, small_plan
from ports import free_port

from pbx_bridge.app.steps import variables
from pbx_bridge.asterisk.locate import Located
from pbx_bridge.asterisk.process import AsteriskProcess
from pbx_bridge.asterisk.render import render, write
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.core.call import Decision, Step, Why
from pbx_bridge.core.decide import kind
from pbx_bridge.core.model import Language, Number, Person, Plan, TargetKind
from pbx_bridge.core.stepid import StepId
from pbx_bridge.softphone.audio import save, tone
from pbx_bridge.softphone.behaviour import Behaviour, Press
from pbx_bridge.softphone.caller import CallResult, place_call
from pbx_bridge.softphone.phone import Phone
from pbx_bridge.softphone.trunk import Operator

CALLER = "0401234567"
MOBILE = "0457000101"
OVER_TIMEOUT_S = 5.0

TRIAL = """
[from-trunk](+)
exten => {number},1,Set(CHANNEL(hangup_handler_push)=trial-over,{number},1)
 same => n,Set(PBX_LANG=sv)
 same => n,Set(CALLERID(num)=${{FILTER(+0-9,${{CALLERID(num)}})}})
 same => n,Gosub(pbx-bridge-who,outside,1)
 same => n,Set(PBX_CALL=v1 sv)
{sets}
 same => n,Goto(pbx-bridge-step,{step},1)
[trial-over](+)
exten => {number},1,Set(LEFT=result=${{PBX_RESULT}} name=${{CALLERID(name)}})
 same => n,Log(WARNING,over {number} ${{LEFT}} redirected=${{REDIRECTING(count)}})
 same => n,Return()
"""
"""A number whose caller gets one step; what it left is logged. It ends in the switchboard."""


def plan() -> Plan:
    anna = replace(
        ANNA, deputies=("102", "103"), agreed=frozenset({"102"}), mobile=MOBILE, ring_seconds=2
    )
    olle = replace(OLLE, ring_seconds=2)
    gun = Person("103", "Gun Åhl", "ekonom", "kansliet", ring_seconds=2)
    found = small_plan(anna, olle, gun)
    menu = Number("018000199", TargetKind.MENU, "")
    person = Number("018000101", TargetKind.PERSON, "101", Language.SV)
    return replace(found, numbers={**found.numbers, menu.digits: menu, person.digits: person})


@dataclass(frozen=True)
class Stepping:
    """The running Asterisk, with callers and phones of our own."""

    pbx: AsteriskProcess
    place: Settings
    plan: Plan
    sipp: Sequence[str]
    operator_port: int
    sound: Path
    """A sound to play, without suffix."""
    _numbers: count[int]

    def phone(self, extension: str, behaviour: Behaviour) -> Phone:
        secret = known_secrets(self.plan).phones[extension]
        return Phone(self.sipp, self._server, extension, secret, behaviour)

    def operator(self, behaviour: Behaviour) -> Operator:
        return Operator(self.sipp, self.operator_port, {MOBILE: behaviour})

    @property
    def _server(self) -> tuple[str, int]:
        return self.place.sip_host, self.place.sip_port

    async def call(
        self,
        to: str,
        *,
        press: Sequence[Press] = (),
        hold_s: float = 12.0,
        from_number: str = CALLER,
    ) -> CallResult:
        return await place_call(
            self.sipp,
            self._server,
            to=to,
            from_number=from_number,
            from_name="Ragnhild Öst",
            press=press,
            hold_s=hold_s,
            max_s=15.0,
        )

    async def step(
        self,
        step: Step,
        *,
        audio: Sequence[Path] = (),
        people: Mapping[str, Person] | None = None,
        press: Sequence[Press] = (),
        hold_s: float = 12.0,
        from_number: str = CALLER,
    ) -> tuple[CallResult, str]:
        """A call that gets `step`, and what it left: `result=… name=… redirected=…`."""
        decision = Decision(StepId("trial"), step, Why.PERSON_RINGS)
        number = await self.prepare(kind(step), variables(decision, audio, people or {}))
        made = await self.call(number, press=press, hold_s=hold_s, from_number=from_number)
        return made, await self.logged(f"over {number} ")

    async def prepare(self, step: str, values: Mapping[str, str]) -> str:
        number = str(next(self._numbers))
        sets = "\n".join(f" same => n,Set({name}={value})" for name, value in values.items())
        local = self.place.etc / "extensions_local.conf"
        with local.open("a", encoding="utf-8") as file:
            file.write(TRIAL.format(number=number, step=step, sets=sets))
        await self.pbx.console("dialplan reload")
        return number

    async def logged(self, start: str) -> str:
        """What stands behind `start` in Asterisk's log."""
        async with asyncio.timeout(OVER_TIMEOUT_S):
            while True:
                text = self.place.log_file.read_text(encoding="utf-8")
                if found := re.search(rf"{re.escape(start)}(.*)", text):
                    return found[1]
                await asyncio.sleep(0.05)

    async def know(self, values: Mapping[str, str]) -> None:
        """Put values into AstDB, by names such as `pbx-line/vaxel/spans`."""
        for name, value in values.items():
            family, _, key = name.partition("/")
            await self.pbx.console(f'database put {family} {key} "{value}"')

    async def forget(self) -> None:
        """Nobody is away or off duty, no sound is known, and the switchboard is closed."""
        for family in ("pbx-referral", "pbx-person", "pbx-sound"):
            await self.pbx.console(f"database deltree {family}")
        await self.know({"pbx-line/vaxel/spans": "0-0"})

    def record(self) -> str:
        """The whole call event log."""
        if not self.place.cel_file.exists():
            return ""
        return self.place.cel_file.read_text(encoding="utf-8")

    def marks(self, since: str = "") -> list[str]:
        """Steps in the record, behind what it held before."""
        return re.findall(r'""extra"":""([^"]*)""', self.record().removeprefix(since))


@asynccontextmanager
async def stepping(found: Located, folder: Path) -> AsyncIterator[Stepping]:
    """Start it, with an operator's port that is free."""
    assert found.private is not None
    ports = [free_port() for _ in range(4)]
    operator = free_port()
    place = replace(
        settings(folder / "pbx", modules=found.modules, data=found.data, moh=found.moh),
        sip_port=ports[0],
        http_port=ports[1],
        ami_port=ports[2],
        fastagi_port=ports[3],
        claim_timeout_ms=50,
    )
    place.make_folders()
    town = replace(plan(), trunks={"operator": replace(OPERATOR, hosts=(f"127.0.0.1:{operator}",))})
    write(render(town, place, known_secrets(town)), place.etc)
    local = "[trial-over]\nexten => unused,1,NoOp()\n"
    (place.etc / "extensions_local.conf").write_text(local)
    sound = folder / "told"
    save(sound.with_suffix(".wav"), tone(900, 0.4))
    pbx = AsteriskProcess(found.program, place)
    await pbx.start()
    try:
        sipp = found.private.program("sipp")
        await pbx.console("module load res_clioriginate.so")  # the bridge does it by ARI
        held = Stepping(pbx, place, town, sipp, operator, sound, count(7001))
        await held.forget()
        yield held
    finally:
        await pbx.stop()
