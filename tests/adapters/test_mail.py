"""Letters to a real SMTP server on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from core.plans import DAY
from fakes.clock import FakeClock
from fakes.smtp import Box, serving

from pbx_bridge.adapters.mail import SmtpMail
from pbx_bridge.config.deployment import Security
from pbx_bridge.ports import Letter, NoticeDelayed, NoticeRefused

LETTER = Letter("offer-105-1-102", "bo.ek@norrskar.example", "Besked från växeln", "Hej åäö.\n")


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def mail(box: Box) -> AsyncIterator[SmtpMail]:
    """The adapter, and a server that it knows."""
    async with serving(box) as port:
        yield post(port)


def post(port: int) -> SmtpMail:
    return SmtpMail(
        "127.0.0.1",
        port,
        sender="vaxeln@norrskar.example",
        security=Security.NONE,
        clock=FakeClock(DAY),
        timeout_s=2,
    )


async def test_a_letter_arrives_whole_and_says_that_a_machine_wrote_it(
    mail: SmtpMail, box: Box
) -> None:
    await mail.send(LETTER)
    [letter] = box.letters
    assert letter.get_content().replace("\r\n", "\n") == LETTER.text
    assert letter["Subject"] == LETTER.subject
    assert letter["To"] == LETTER.to
    assert letter["Message-ID"] == "<offer-105-1-102@norrskar.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == DAY


async def test_what_is_refused_for_good_is_told_from_what_may_be_tried_again(
    mail: SmtpMail, box: Box
) -> None:
    box.answer = "550 no such user"
    with pytest.raises(NoticeRefused, match="550 no such user"):
        await mail.send(LETTER)
    box.answer = "451 later"
    with pytest.raises(NoticeDelayed):
        await mail.send(LETTER)
    box.answer = "250 OK"
    await mail.send(LETTER)
    assert len(box.letters) == 1


async def test_a_server_that_is_not_there_delays() -> None:
    with pytest.raises(NoticeDelayed, match="mail server"):
        await post(1).send(LETTER)


@pytest.mark.parametrize("break_", ["\n", "\r\n"])
async def test_f13_a_line_break_in_a_header_is_refused_before_the_wire(
    mail: SmtpMail, box: Box, break_: str
) -> None:
    wrong = Letter("1", LETTER.to, f"Besked{break_}Bcc: alla@norrskar.example", "x")
    with pytest.raises(NoticeRefused):
        await mail.send(wrong)
    assert box.letters == []


async def test_a_recording_goes_with_its_letter(mail: SmtpMail, box: Box) -> None:
    await mail.send(replace(LETTER, sound=b"RIFF\r\n.\r\nwhat was said"))
    [letter] = box.letters
    (attached,) = letter.iter_attachments()
    assert attached.get_content_type() == "audio/wav"
    assert attached.get_filename() == "message.wav"
    assert attached.get_content() == b"RIFF\r\n.\r\nwhat was said"
    body = letter.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.text


async def test_a_ping_finds_the_server_that_is_there_and_leaves_no_letter(
    mail: SmtpMail, box: Box
) -> None:
    await mail.ping()
    assert box.letters == []


async def test_a_ping_names_the_server_that_is_not_there() -> None:
    async with serving(Box()) as port:
        pass
    with pytest.raises(NoticeDelayed, match=f"127.0.0.1:{port}"):
        await post(port).ping()
