"""What every part that a bridge needs is asked, and which one is ill."""

from __future__ import annotations

import shutil
from datetime import UTC, timedelta

from pbx_bridge.adapters import control
from pbx_bridge.app.health import Kept, examine
from pbx_bridge.bootstrap.parts import Parts, supervisor_socket
from pbx_bridge.core.model import Language
from pbx_bridge.core.outside import Trouble
from pbx_bridge.files import full_disk
from pbx_bridge.ports import Finding, Ill, PbxUnavailable

MIRROR_LIMIT_S = 10.0
"""For how long Asterisk's state may be behind: each change takes a moment."""
LEAST_FREE_BYTES = 500 * 1024 * 1024
KEPT_S = 3.0
"""For how long all are told what one has asked: each question costs the calls a little time."""
MAIL_KEPT_S = 60.0
"""The same of logging in at the mail server."""
STORING_LIMIT_S = 20.0
"""Since the last sign of life: four were due, or one waits for the disk."""
ANY_MAILBOX = "0"
"""Of whichever mailbox: whether the folder can be read."""
HEALTH_WORDS = "Allt väl."
"""Spoken once and then found among the sounds: whether both can be reached."""


class Health:
    """Asks the parts of one bridge."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._examined = Kept(self._examine, KEPT_S)
        self._mail = Kept(self._mail_lets_in, MAIL_KEPT_S)

    async def examine(self, *, anew: bool = False) -> list[Finding]:
        """How they are, asked at most some seconds ago; `anew` for now."""
        return await self._examined(anew=anew)

    async def _examine(self) -> list[Finding]:
        """Ask them all at once; of mail and the anchor where the site has them."""
        checks = {
            "ari": self._ari_answers,
            "ami": self._ami_answers,
            "sip": self._parts.phones_reach.ping,
            "storage": self._stores,
            "history": self._history_is_whole,
            "record": self._record_is_followed,
            "mirror": self._mirror_is_kept,
            "trunks": self._trunks_are_well,
            "speech": self._speaks,
            "messages": self._mailboxes_are_read,
            "public": self._timetable_is_published,
            "disk": self._has_space,
        }
        if self._parts.has_certificate:
            checks["certificate"] = self._certificate_holds
        if supervisor_socket(self._parts.deployment.state).exists():
            checks["supervisor"] = self._is_kept
        if self._parts.deployment.anchor is not None:
            checks["anchor"] = self._head_is_noted
        if self._parts.mail is not None:
            checks["mail"] = self._mail
        return await examine(checks)

    async def _ari_answers(self) -> str:
        await self._parts.ari.ping()
        return "answers"

    async def _ami_answers(self) -> str:
        await self._parts.ami.action("Ping")
        return "answers"

    async def _is_kept(self) -> str:
        """As the supervisor says, which knows of what this bridge can't see."""
        try:
            told = await control.ask(supervisor_socket(self._parts.deployment.state), "status")
        except PbxUnavailable:
            raise Ill(
                "nobody starts Asterisk and the bridge again should they end: the supervisor is "
                "gone; start it with `pbx-bridge up`, which takes both up as they run"
            ) from None
        if ill := [f"{one['part']}: {one['what']}" for one in told["parts"] if not one["well"]]:
            raise Ill("; ".join(ill))
        return "keeps Asterisk and the bridge"

    async def _certificate_holds(self) -> str:
        until = self._parts.certificate()
        assert until is not None
        left = until - self._parts.clock.now().astimezone(UTC)
        if left <= timedelta(0):
            raise Ill(f"over since {until:%Y-%m-%d}: phones that look at it stay away; renew it")
        return f"lasts until {until:%Y-%m-%d} ({left.days} days)"

    async def _stores(self) -> str:
        """As the watch over storage knows: whoever asks causes no write."""
        storing = self._parts.storing
        why = full_disk(self._parts.deployment.state) or "look at the disk"
        if storing.gap_since is not None:
            raise Ill(f"nothing can be stored since {storing.gap_since:%H:%M}; {why}")
        if storing.silent_s > STORING_LIMIT_S:
            raise Ill(f"nothing was stored for {storing.silent_s:.0f} s; {why}")
        return "stored a sign of life"

    async def _history_is_whole(self) -> str:
        """The journal has all that was written, as far as the heads know and nobody has accepted
        that it hasn't."""
        exchange = self._parts.office.exchange
        if holes := exchange.holes or self._parts.journal.not_noted:
            told = ", ".join(f"{one.first}-{one.last} ({one.why})" for one in holes)
            raise Ill(
                f"rows {told} of the journal: referrals, sign-ins and returns may be missing. "
                "Restore a backup, or go on without: pbx-bridge verify --accept WHY"
            )
        return "the journal has all that its heads say"

    async def _record_is_followed(self) -> str:
        if not self._parts.tail.well:
            raise Ill("Asterisk's log can't be read or stored; see the bridge's log")
        return f"{self._parts.tail.behind_bytes} bytes behind"

    async def _mirror_is_kept(self) -> str:
        if self._parts.mirror.age_s > MIRROR_LIMIT_S:
            raise Ill("Asterisk's state is behind; see the bridge's log")
        return "Asterisk holds the present state"

    async def _trunks_are_well(self) -> str:
        """As the watch over them knows; calls are tried over each all the same."""
        exchange = self._parts.office.exchange
        if exchange.trunk_troubles:
            whys = self._parts.carrying.untrusted
            told = sorted(
                f"{name} is {what}" + (f" ({whys.get(name)})" if what == Trouble.UNTRUSTED else "")
                for name, what in exchange.trunk_troubles
            )
            raise Ill(f"{'; '.join(told)}: calls take the others, where there are any")
        return f"nothing is known against {', '.join(exchange.plan.trunks)}"

    async def _speaks(self) -> str:
        await self._parts.speech.file(HEALTH_WORDS, Language.SV)
        return "speaks"

    async def _mailboxes_are_read(self) -> str:
        if await self._parts.messages.held(ANY_MAILBOX) is None:
            raise Ill("Asterisk's spool folder can't be read, so nobody learns of messages")
        return "the mailboxes can be read"

    async def _timetable_is_published(self) -> str:
        if why := self._parts.publishing.trouble:
            raise Ill(f"the timetable can't be written: {why}")
        return "the timetable is written"

    async def _head_is_noted(self) -> str:
        if why := self._parts.anchors.trouble:
            raise Ill(f"the journal's head is not noted outside: {why}")
        return "the journal's head is noted outside"

    async def _mail_lets_in(self) -> str:
        if self._parts.mail is not None:
            await self._parts.mail.ping()
        return "the mail server lets us in"

    async def _has_space(self) -> str:
        space = self._parts.space
        if not space.may_record:
            raise Ill(
                f"{space.free_percent} % free for {self._parts.deployment.state}: messages and "
                "notes are no longer recorded; make room"
            )
        free = shutil.disk_usage(self._parts.deployment.state).free
        if free < LEAST_FREE_BYTES:
            raise Ill(
                f"{free // 2**20} MiB free for {self._parts.deployment.state}, "
                f"{LEAST_FREE_BYTES // 2**20} MiB are needed; make room"
            )
        return f"{free // 2**20} MiB free"
