"""Delivers notices: by mail and on phones, until they have arrived or never will (S20).

The outbox is a part of the journaled state, so a notice survives a restart, and one that was
sent just before is sent again: at least once. What can't be delivered is tried ever more rarely,
or at once when something has changed that may help; mail and phones don't wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import tzinfo

import structlog

from pbx_bridge.app.office import Office
from pbx_bridge.app.voice import Voice
from pbx_bridge.app.waking import woken
from pbx_bridge.core import delivery, mailboxes, telling
from pbx_bridge.core.call import Why
from pbx_bridge.core.commands import EXCHANGE, SettleNotices
from pbx_bridge.core.delivery import Tried
from pbx_bridge.core.devices import endpoints
from pbx_bridge.core.model import Language, Plan
from pbx_bridge.core.sentences import Sentence, sentence
from pbx_bridge.core.state import AFTER_CALLS, OUTSIDE, About, Channel, Notice
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

LONGEST_REST_S = 30.0
"""Between two looks: shields open by the minute, and a machine's clock may be set anew (F30)."""
AT_ONCE = 4
"""People to whom something is sent at the same time, of each channel: a server that hangs holds
each of them for half a minute."""

log = structlog.get_logger(__name__)


class Outbox:
    """Sends what is due, to each person the oldest first."""

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
        self._tried: dict[str, Tried] = {}
        """Notices that could not be delivered, by id. A restart tries them all once more."""
        self._gone: dict[str, str] = {}
        """Why notices are settled that could not be journaled as such, by id, "" for delivered:
        they aren't sent again."""
        self._plan: Plan | None = None
        self._phones: frozenset[str] | None = None
        self._wakes: dict[Channel, asyncio.Event] = {}

    async def run(self) -> None:
        """Deliver until cancelled, each channel beside the others."""
        async with asyncio.TaskGroup() as tasks:
            for channel in OUTSIDE:
                tasks.create_task(self._keep_delivering(channel), name=f"outbox-{channel}")

    def phones_there(self, extensions: frozenset[str]) -> None:
        """Whose phones are there now: what waits for one that has come is due."""
        come = extensions - (self._phones or frozenset())
        self._phones = extensions
        self._make_due(Channel.MESSAGE, come)

    async def asterisk_back(self) -> None:
        """Asterisk is reached again: what waits for any phone is due."""
        self._make_due(Channel.MESSAGE, None)

    def _make_due(self, channel: Channel, whose: frozenset[str] | None) -> None:
        """Try anew what waits in `channel`, of some people or (None) of all."""
        held = self._office.exchange.outbox
        for id_ in tuple(self._tried):
            notice = held.get(id_)
            if notice is None or notice.channel is not channel:
                continue
            if whose is None or notice.to in whose:
                self._tried[id_] = Tried(0, self._clock.now())
        if channel in self._wakes:
            self._wakes[channel].set()

    async def _keep_delivering(self, channel: Channel) -> None:
        with self._office.listening(AFTER_CALLS - {"outbox"}) as changed:
            self._wakes[channel] = changed
            while True:
                changed.clear()
                await self.deliver(channel)
                await woken(changed, self._rest_s(channel))

    async def deliver(self, channel: Channel) -> None:
        """Send what is due now in one channel; returns when each was tried."""
        self._forget()
        due: dict[str, list[Notice]] = {}
        for notice in self._due(channel):
            due.setdefault(notice.to, []).append(notice)
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for told in due.values():
                tasks.create_task(self._in_turn(told, gate))

    def _forget(self) -> None:
        """What was delivered or dropped needn't be known; with another plan all is tried anew."""
        exchange = self._office.exchange
        if exchange.plan is not self._plan:
            self._plan = exchange.plan
            self._tried = dict.fromkeys(self._tried, Tried(0, self._clock.now()))
        self._tried = {id_: one for id_, one in self._tried.items() if id_ in exchange.outbox}
        self._gone = {id_: why for id_, why in self._gone.items() if id_ in exchange.outbox}

    def _waiting(self, channel: Channel) -> Iterator[Notice]:
        exchange = self._office.exchange
        for notice in exchange.outbox.values():
            if notice.channel is channel and notice.id not in exchange.undelivered:
                yield notice

    def _due(self, channel: Channel) -> Iterator[Notice]:
        exchange, now = self._office.exchange, self._clock.now()
        for notice in self._waiting(channel):
            if delivery.left_s(self._tried.get(notice.id), now) > 0:
                continue
            if delivery.is_stale(notice, now) or delivery.may_be_sent(notice, exchange, now):
                yield notice

    def _rest_s(self, channel: Channel) -> float:
        """Until the first one is due; those that were never tried wait for a shield to open."""
        now = self._clock.now()
        known = (self._tried.get(one.id) for one in self._waiting(channel))
        left = (delivery.left_s(one, now) for one in known if one is not None)
        return min((LONGEST_REST_S, *(one for one in left if one > 0)))

    async def _in_turn(self, told: Sequence[Notice], gate: asyncio.Semaphore) -> None:
        """One person's. What keeps a notice from them keeps those after it too: a phone that
        isn't there is asked for once, however much waits for it."""
        trouble = ""
        async with gate:
            for notice in told:
                if notice.id in self._office.exchange.outbox:
                    trouble = await self._try(notice, trouble)

    async def _try(self, notice: Notice, trouble: str) -> str:
        """Send one notice unless there is `trouble`, and remember how it went. Returns what may
        be over later, "" for nothing."""
        now = self._clock.now()
        if notice.id in self._gone:
            await self._settle(notice, self._gone[notice.id])
            return trouble
        if delivery.is_stale(notice, now):
            await self._settle(notice, "its time has passed")
            return trouble
        if not trouble:
            try:
                await self._send(notice)
            except NoticeRefused as error:
                await self._settle(notice, str(error) or "refused")
                return ""
            except (NoticeDelayed, PbxUnavailable) as error:
                trouble = str(error) or "not reached"
            except Exception:
                # Whatever it is, the others must be told.
                log.exception("notice_failed", **_shown(notice))
                trouble = "a defect of the bridge; see its log"
            else:
                await self._settle(notice, "")
                return ""
        if delivery.is_given_up(notice, now):
            await self._settle(notice, trouble)
        else:
            self._delay(notice, trouble)
        return trouble

    def _delay(self, notice: Notice, why: str) -> None:
        """Later; said once of each notice."""
        if notice.id not in self._tried:
            log.info("notice_delayed", **_shown(notice), why=why[:200])
        self._tried[notice.id] = delivery.tried_again(self._tried.get(notice.id), self._clock.now())

    async def _settle(self, notice: Notice, why: str) -> None:
        """It has arrived, or (`why`) never will. Where that can't be stored now it is later."""
        if notice.id not in self._gone:
            if why:
                log.warning("notice_undeliverable", **_shown(notice), why=why[:200])
            else:
                log.info("notice_delivered", **_shown(notice))
        self._gone[notice.id] = why
        outcome = await self._office.obey(SettleNotices((notice.id,), EXCHANGE, why))
        if outcome.why is Why.COMMAND_FAILED:
            now = self._clock.now()
            self._tried[notice.id] = delivery.tried_again(self._tried.get(notice.id), now)

    async def _send(self, notice: Notice) -> None:
        plan = self._office.exchange.plan
        person, zone = plan.people[notice.to], plan.organisation.zone
        text = "\n".join(self._lines(notice, person.language, zone))
        if notice.channel is Channel.MESSAGE:
            await self._telephony.message(endpoints(person), text)
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


def _shown(notice: Notice) -> dict[str, str]:
    """Which one it is, in the log."""
    return {"notice": notice.about, "to": notice.to, "channel": notice.channel}
