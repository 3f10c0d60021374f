"""Letters by SMTP (RFC 5321), one connection each.

They say that a machine wrote them (RFC 3834), so that nobody's absence message answers.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from pbx_bridge.config.deployment import Security
from pbx_bridge.ports import Clock, Letter, NoticeDelayed, NoticeRefused

SEND_TIMEOUT_S = 30.0
"""For connecting, and for each answer of the server."""
SOUND_NAME = "message.wav"
PERMANENT = 500
"""Replies from here on say that trying again won't help (RFC 5321, 4.2.1)."""


class SmtpMail:
    """`ports.Mail` by a mail server."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        security: Security,
        clock: Clock,
        username: str = "",
        password: Callable[[], str] = str,
        timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        """`password` is asked for each time, and never kept."""
        self._host = host
        self._port = port
        self._sender = sender
        self._security = security
        self._clock = clock
        self._username = username
        self._password = password
        self._timeout_s = timeout_s

    async def send(self, letter: Letter) -> None:
        """Return when the server has taken `letter`."""
        try:
            async with self._client() as client:
                await client.send_message(self._message(letter))
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = min(error.recipients, key=lambda one: one.code)
            raise _trouble(first.code, first.message) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _trouble(error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NoticeDelayed(f"mail server {self._host}:{self._port}: {error}") from None

    async def ping(self) -> None:
        """Return when the server lets us in. Raises `NoticeDelayed` with what is wrong."""
        try:
            async with self._client() as client:
                await client.noop()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NoticeDelayed(f"mail server {self._host}:{self._port}: {error}") from None

    def _client(self) -> aiosmtplib.SMTP:
        """Connected, and let in, as a context."""
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout_s,
            use_tls=self._security is Security.TLS,
            start_tls=self._security is Security.STARTTLS,
            username=self._username or None,
            password=self._password() if self._username else None,
        )

    def _message(self, letter: Letter) -> EmailMessage:
        """A header never holds a line break: `EmailMessage` refuses it."""
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._sender
            message["To"] = letter.to
            message["Subject"] = letter.subject
        except ValueError as error:
            raise NoticeRefused(f"not a letter: {error}") from None
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{letter.id}@{self._sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        if letter.sound is not None:
            message.add_attachment(
                letter.sound, maintype="audio", subtype="wav", filename=SOUND_NAME
            )
        return message


def _trouble(code: int, said: str) -> NoticeDelayed | NoticeRefused:
    """An authentication that fails (535) is the site's fault and may be cured."""
    if code >= PERMANENT and code not in (530, 534, 535):
        return NoticeRefused(f"{code} {said}")
    return NoticeDelayed(f"{code} {said}")
