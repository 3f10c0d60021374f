"""A bridge put together: its commands, its plans, and the gap of a lost link."""

from __future__ import annotations

import asyncio
import os
import pwd
import resource
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapters.fake_ari import serving, until
from aiohttp import encode_basic_auth
from core.plans import DAY, ROOT
from structlog.testing import capture_logs

from pbx_bridge.adapters import control
from pbx_bridge.asterisk import secrets
from pbx_bridge.asterisk.render import ARI_USER
from pbx_bridge.asterisk.running import Running
from pbx_bridge.bootstrap import SECRETS, Bridge, bridge, control_socket, parts, work
from pbx_bridge.bootstrap.measures import measure
from pbx_bridge.config.deployment import MailServer, Security
from pbx_bridge.config.site import Site, read_deployment, read_site
from pbx_bridge.core.events import (
    BridgeStarted,
    DataRead,
    LinkLost,
    LossAccepted,
    PlanChanged,
    PlanInForce,
    ReferralSet,
)
from pbx_bridge.ports import PbxUnavailable


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for part in ("dialplan", "voicemail"):
        shutil.copytree(ROOT / part, tmp_path / part)
    config = (ROOT / "config.yaml").read_text().replace("\n  espeak:\n", "\n  espeak: /bin/true\n")
    (tmp_path / "config.yaml").write_text(config)
    deployment = read_deployment(tmp_path / "config.yaml", tmp_path / "s")
    deployment.state.mkdir()
    return read_site(deployment, DAY.date())


@asynccontextmanager
async def built(site: Site, http_port: int = 1) -> AsyncIterator[Bridge]:
    """A bridge to an Asterisk of which at most ARI is there."""
    where = Running(
        sip_host="127.0.0.1",
        sip_port=5060,
        control_host="127.0.0.1",
        http_port=http_port,
        ami_port=1,
        fastagi_port=0,
        folder=site.deployment.state / "asterisk",
        program=(),
        version="22.10.1",
        has_broadcast=True,
        clock_offset_s=0,
    )
    async with bridge(site, where) as one:
        yield one


def set_(**changes: str) -> dict[str, object]:
    until = (datetime.now(UTC) + timedelta(days=100)).isoformat()
    values = {"person": "104", "reason": "lunch", "until": until, "by": "104"}
    return {"command": "SetReferral", "values": {**values, **changes}}


async def test_f01_a_gap_of_the_link_is_journaled_when_it_is_back(site: Site) -> None:
    async with serving() as fake:
        password = secrets.load(site.deployment.state / SECRETS, site.plan).ari
        fake.login = encode_basic_auth(ARI_USER, password)
        async with built(site, fake.port) as one:
            task = asyncio.create_task(one.parts.ari.run())
            await until(one.parts.ari.connected.is_set)
            fake.reset()
            await until(lambda: not one.parts.ari.connected.is_set())
            await until(one.parts.ari.connected.is_set)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await one.parts.journal.close()
            (entry,) = one.parts.journal.entries()
            assert isinstance(entry.event, LinkLost)
            assert entry.event.link == "ari"
            assert entry.event.since <= entry.at


async def test_a_command_through_the_door_is_stored_and_answered_in_words(site: Site) -> None:
    async with built(site) as one:
        answer = await one._command(set_(note="<img src=x>\u202e" + "9" * 10_240))
        assert answer["outcome"] == "command-done"
        assert "Daniel Holm" in str(answer["said"])
        assert "<img" not in str(answer)
        entry, _notice = one.parts.journal.entries()
        assert isinstance(entry.event, ReferralSet)
        assert entry.event.by == "technician:unknown", "whoever it says that it is by"
    async with built(site) as again:
        assert again.parts.office.exchange.referrals["104"][0].reason == "lunch"


async def test_the_user_who_asks_is_journaled(site: Site) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    async with built(site) as one, one.control:
        door = control_socket(site.deployment.state)
        await control.ask(door, "command", set_())
        await control.ask(door, "reading", {"what": "phone 101", "why": "ny telefon"})
        entries = [one.event for one in one.parts.journal.entries()]
    assert [one.by for one in entries if isinstance(one, ReferralSet)] == [f"technician:{me}"]
    (read,) = [one for one in entries if isinstance(one, DataRead)]
    assert (read.what, read.who, read.why) == ("phone 101", me, "ny telefon")


async def test_a_changed_file_is_journaled_with_who_and_what(site: Site) -> None:
    people = site.deployment.dialplan / "people.yaml"
    me = pwd.getpwuid(os.getuid()).pw_name

    def noted(one: Bridge) -> list[PlanChanged]:
        return [
            entry.event
            for entry in one.parts.journal.entries()
            if isinstance(entry.event, PlanChanged)
        ]

    async with built(site) as one:
        await one._note_plan((), "")
        people.write_text(people.read_text().replace("Anna Berg", "Anna Bergman"))
        await one._reload({}, "bo")
        await one._reload({}, "bo")
        (_, event) = noted(one)
        assert event.changed == (f"dialplan/people.yaml ({me})",)
        assert event.what == ("people: ~101",)
        assert event.by == "technician:bo"
        assert "Bergman" not in str(event)
        await one.parts.journal.close()
    people.write_text(people.read_text().replace("Anna Bergman", "Anna Berg"))
    async with built(site) as one:
        await one._note_plan((), "")
        event = noted(one)[-1]
        assert (event.changed, event.by) == ((f"dialplan/people.yaml ({me})",), "")


async def test_a_journal_that_was_lost_is_ill_until_a_technician_accepts_it(site: Site) -> None:
    state = site.deployment.state
    async with built(site) as one:
        await one._command(set_())
        await one.parts.journal.close()
    for file in state.glob("pbx-bridge.sqlite*"):
        file.unlink()

    async def history(one: Bridge) -> tuple[bool, str]:
        await one._note_loss()
        found = {part.part: part for part in await one._health.examine(anew=True)}
        return found["history"].well, found["history"].what

    async with built(site) as one:
        well, what = await history(one)
        assert not well
        assert "rows 1-2 (missing)" in what
        assert "verify --accept" in what
        notices = len(one.parts.office.exchange.outbox)
        assert notices > 0
        await one._note_loss()
        assert len(one.parts.office.exchange.outbox) == notices, "told once"
        await one.parts.journal.close()
    async with built(site) as one:
        assert not (await history(one))[0], "also after the next start"
        accepted = await one._accept({"why": "disken gick sönder"}, "anna")
        assert accepted == {"accepted": [[1, 2]]}
        assert (await history(one))[0]
        (event,) = [
            entry.event
            for entry in one.parts.journal.entries()
            if isinstance(entry.event, LossAccepted)
        ]
        assert (event.by, event.why) == ("technician:anna", "disken gick sönder")
        with pytest.raises(ValueError, match="nothing is missing"):
            await one._accept({"why": "again"}, "anna")
        await one.parts.journal.close()
    async with built(site) as one:
        assert (await history(one))[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"command": "SetReferral"},
        {"command": "DropTables", "values": {}},
        {"command": "SetReferral", "values": []},
        set_(until="yesterday"),
        set_(until="2099-01-01T12:00:00"),
    ],
)
async def test_f10_a_command_that_is_none_is_refused_and_stores_nothing(
    site: Site, body: dict[str, object]
) -> None:
    async with built(site) as one:
        with pytest.raises((ValueError, KeyError, TypeError)):
            await one._command(body)
        assert list(one.parts.journal.entries()) == []
        assert one.parts.office.exchange.referrals == {}


async def test_f36_a_plan_with_problems_is_told_and_the_old_one_stays(site: Site) -> None:
    people = site.deployment.dialplan / "people.yaml"
    right = people.read_text()
    async with built(site) as one:
        before = one.parts.office.exchange.plan
        people.write_text(right.replace("unit: skola", "unit: skolan"))
        with capture_logs() as logs:
            answer = await one._reload({})
        assert "dialplan/people.yaml:" in str(answer["problems"])
        assert one.parts.office.exchange.plan is before
        assert [entry["event"] for entry in logs] == ["plan_kept"]

        people.write_text(right.replace("Gun Lindroos", "Gun Lindqvist"))
        answer = await one._reload({})
        assert answer["problems"] == []
        assert one.parts.office.exchange.plan.people["107"].name == "Gun Lindqvist"


async def test_f37_a_referral_whose_reason_left_the_plan_does_not_stop_the_next_start(
    site: Site,
) -> None:
    async with built(site) as one:
        await one._command(set_(reason="tjansteresa"))
    reasons = site.deployment.dialplan / "reasons.yaml"
    reasons.write_text(reasons.read_text().replace("name: tjansteresa", "name: resa"))
    changed = read_site(site.deployment, DAY.date())
    async with built(changed) as one:
        assert one.parts.office.exchange.referrals == {}
        assert (await one._status({}))["referrals"] == []


async def test_an_asterisk_that_does_not_come_is_unavailable_with_what_to_do(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "READY_TIMEOUT_S", 0.2)
    async with built(site) as one:
        with pytest.raises(PbxUnavailable, match=r"not ready after 0 s \(ARI\); see the log"):
            await one.run(lambda: pytest.fail("it is not ready"))
        await one.parts.journal.close()
        assert [type(entry.event) for entry in one.parts.journal.entries()] == [
            BridgeStarted,
            PlanChanged,
            PlanInForce,
        ]


async def test_f33_on_a_full_disk_a_bridge_serves_though_asterisks_state_is_behind(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "READY_TIMEOUT_S", 0.2)
    monkeypatch.setattr(work, "FULL_AFTER_S", 0.05)
    async with built(site) as one:
        one.parts.ari.connected.set()
        with pytest.raises(PbxUnavailable, match="its state is not as the plan says"):
            await one._well()
        monkeypatch.setattr(work, "full_disk", lambda _: "the disk is full")
        await one._well()


async def test_who_asks_how_it_is_causes_no_write_and_no_login(site: Site) -> None:
    mail = MailServer("127.0.0.1", 1, "vaxeln@norrskar.example", Security.NONE, None)
    site = replace(site, deployment=replace(site.deployment, mail=mail))
    async with built(site) as one:
        await one.parts.storing.look()
        asked = Counter[str]()

        async def beat(_: datetime) -> None:
            asked["beat"] += 1

        async def ping() -> None:
            asked["ping"] += 1

        assert one.parts.mail is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.parts.database, "beat", beat)
            patch.setattr(one.parts.mail, "ping", ping)
            many = await asyncio.gather(*(one._health.examine() for _ in range(40)))
            assert all(found is many[0] for found in many)
            again = await one._health.examine(anew=True)
            assert again is not many[0]
            assert asked == {"ping": 1}
            parts = {found.part: found.well for found in again}
            assert parts["storage"]
            assert parts["mail"]
            patch.setattr(one.parts.storing, "gap_since", DAY)
            again = await one._health.examine(anew=True)
            assert not {found.part: found.well for found in again}["storage"]
        await one.parts.journal.close()
        assert list(one.parts.journal.entries()) == []


async def test_f33_that_nothing_is_recorded_any_more_is_told_and_is_over_by_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 4
    monkeypatch.setattr(parts, "_disk", lambda _: (free * 2**30, 100 * 2**30))

    async with built(site) as one:

        async def told() -> tuple[bool, str, float]:
            await one.parts.space.look()
            found = {each.part: each for each in await one._health.examine(anew=True)}
            measures = {each.name: each.value for each in await measure(one.parts)}
            return found["disk"].well, found["disk"].what, float(measures["recording"])

        well, what, recording = await told()
        assert (well, recording) == (False, 0)
        assert what.startswith("4.0 % free for ")
        assert "no longer recorded; make room" in what
        free = 7
        well, _, recording = await told()
        assert (well, recording) == (True, 1)


async def test_a_bridge_may_have_more_descriptors_than_the_usual_limit(site: Site) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        async with built(site):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            assert (soft, hard) == (min(before[1], work.MOST_DESCRIPTORS), before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_the_status_says_which_links_are_down(site: Site) -> None:
    async with built(site) as one:
        found = await one._status({})
        assert found["links"] == {"ari": False, "ami": False}
        assert found["mirror_kept"] is False
