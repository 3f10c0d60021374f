"""Delivers notices: by mail and on phones, until they have arrived or never will (S20).

The outbox is a part of the journaled state, so a notice survives a restart, and one that was
sent just before is sent again: at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta, tzinfo

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.core import mailboxes, notices, telling
from pbx_bridge.core.commands import EXCHANGE, SettleNotices
from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Sentence, sentence
from pbx_bridge.core.state import About, Channel, Notice
from pbx_bridge.ports import (
    Clock,
    Letter,
    Mail,
    Messages,
    NoticeDelayed,
    NoticeRefused,
    PbxUnavailable,
    Telephony,
)

RETRY_S = 30.0
"""Between two tries of a notice that can't be delivered now; shields open by the minute."""
GIVEN_UP_AFTER = timedelta(days=2)

log = structlog.get_logger(__name__)


class Outbox:
    """Sends what is due, one notice after the other."""

    def __init__(
        self,
        telephony: Telephony,
        mail: Mail | None,
        office: Office,
        voice: Voice,
        clock: Clock,
        messages: Messages | None = None,
    ) -> None:
        """`mail`: None where the deployment has no mail server. `messages`: where recordings are
        found that go with letters, None where there are none."""
        self._messages = messages
        self._telephony = telephony
        self._mail = mail
        self._office = office
        self._voice = voice
        self._clock = clock

    async def run(self) -> None:
        """Deliver until cancelled."""
        with self._office.listening() as changed:
            while True:
                changed.clear()
                for notice in tuple(self._due()):
                    await self._settle(notice)
                try:
                    async with asyncio.timeout(RETRY_S):
                        await changed.wait()
                except TimeoutError:
                    continue

    def _due(self) -> Iterator[Notice]:
        exchange, now = self._office.exchange, self._clock.now()
        for notice in exchange.outbox.values():
            if notice.channel is Channel.LIST or notice.id in exchange.undelivered:
                continue
            stale = notices.is_stale(notice, now)
            if stale or notices.may_be_sent(notice, exchange, now):
                yield notice

    async def _settle(self, notice: Notice) -> None:
        """Send one notice and remember how it went; trouble of one doesn't stop the others."""
        now = self._clock.now()
        why = ""
        try:
            if notices.is_stale(notice, now):
                why = "its time has passed"
            else:
                await self._send(notice)
        except NoticeRefused as error:
            why = str(error) or "refused"
        except (NoticeDelayed, PbxUnavailable) as error:
            if now - notice.at < GIVEN_UP_AFTER:
                log.info("notice_delayed", notice=notice.about, channel=notice.channel)
                return
            why = str(error) or "not reached"
        if why:
            log.warning("notice_undeliverable", notice=notice.about, channel=notice.channel)
        await self._office.obey(SettleNotices((notice.id,), EXCHANGE, why))

    async def _send(self, notice: Notice) -> None:
        plan = self._office.exchange.plan
        person, zone = plan.people[notice.to], plan.organisation.zone
        text = "\n".join(self._lines(notice, person.language, zone))
        if notice.channel is Channel.MESSAGE:
            await self._telephony.message(notice.to, text)
        elif self._mail is None:
            raise NoticeRefused("config.yaml names no mail server")
        else:
            subject = telling.subject(notice, self._office.exchange)
            heading = self._voice.letter(subject, person.language, zone)
            sound = await self._sound(notice)
            if notice.about is About.MESSAGE and sound is None:
                gone = sentence("notice-message-gone")
                text += "\n" + self._voice.letter(gone, person.language, zone)
            await self._mail.send(Letter(notice.id, person.mail, heading, text + "\n", sound))

    async def _sound(self, notice: Notice) -> bytes | None:
        """The recording that a notice tells of, None where it is gone or there is none."""
        mailbox = mailboxes.of(self._office.exchange.plan, notice.person)
        if not notice.message or self._messages is None:
            return None
        return await self._messages.sound(mailbox, notice.message)

    def _lines(self, notice: Notice, language: Language, zone: tzinfo) -> Iterator[str]:
        exchange = self._office.exchange
        for told in telling.spoken(notice, exchange):
            if isinstance(told, Sentence):
                yield self._voice.letter(told, language, zone)
        if private := telling.private_reason(notice, exchange):
            name = exchange.plan.people[notice.person].name
            told = sentence("notice-private", name=name, reason=private)
            yield self._voice.letter(told, language, zone)
