"""What operators show over TLS, and who is believed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ports import free_port
from vouching import Authority, show

from pbx_bridge.adapters.certificates import ShownCertificates
from pbx_bridge.core.trunks import Trunk

OURS, THEIRS = Authority("CA"), Authority("CA")


@asynccontextmanager
async def server(certificate: Path) -> AsyncIterator[str]:
    """A server of TLS that shows this certificate; its host and port."""
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(certificate)
    opened = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=shows)
    async with opened:
        yield f"localhost:{opened.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("vouches", "name", "why"),
    [
        (OURS, "localhost", ""),
        (OURS, "sip.other.example", "not valid for 'localhost'"),
        (THEIRS, "localhost", "certificate signature failure"),
        (None, "localhost", "self-signed certificate"),
    ],
)
async def test_why_a_server_is_not_believed_is_said(
    tmp_path: Path, vouches: Authority | None, name: str, why: str
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(OURS.certificate)
    async with server(show(tmp_path / "server.pem", vouches, name)) as host:
        told = await ShownCertificates().refused(Trunk("t", (host,), authority=str(authority)))
        assert told is not None
        assert told == "" if why == "" else told.startswith(f"{host}: ")
        assert why in told
        for unusable in ("", "no certificate"):
            authority.write_text(unusable)
            told = await ShownCertificates().refused(Trunk("t", (host,), authority=str(authority)))
            assert told is not None
            assert told.startswith(f"nobody can vouch for it, as {authority} can't be used")


async def test_who_is_not_there_is_not_blamed(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(OURS.certificate)
    dead = f"localhost:{free_port()}"
    async with server(show(tmp_path / "server.pem", OURS, "localhost")) as host:
        both = Trunk("t", (host, dead), authority=str(authority))
        assert await ShownCertificates().refused(both) is None
