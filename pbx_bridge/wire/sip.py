"""Just enough SIP and SDP to read what a phone was told (RFC 3261, RFC 3842, RFC 4566).

SIPp does the signalling; this reads the messages that it hands on.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pbx_bridge.wire.rtp import Codec

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_ADDRESS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<?sips?:(?:([^@>;]*)@)?[^>]*')


class BadMessage(ValueError):
    """The text is not a SIP message, or says nothing of sound where it must."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request or response."""

    start: str
    headers: Mapping[str, str]
    """By name in lower case; a header that comes again is joined with ", "."""
    body: str

    @property
    def status(self) -> int | None:
        """The code of a response, None for a request."""
        if not self.start.startswith("SIP/2.0 "):
            return None
        return int(self.start.split()[1])


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a From, To or identity header shows. Not to be trusted."""

    name: str
    number: str
    """The user part, %-escapes resolved; "" when the address has none."""


@dataclass(frozen=True, slots=True)
class Media:
    """Where the other end wants its sound, and how."""

    host: str
    port: int
    codec: Codec


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a phone was told of messages (RFC 3842): its lamp."""

    lit: bool
    new: int
    """Spoken messages that were not heard yet."""
    heard: int


def parse(text: str) -> Message:
    """Read one message. Raises `BadMessage`."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    start, *lines = head.split("\n")
    if not re.match(r"SIP/2\.0 \d{3}|[A-Z]+ \S+ SIP/2\.0", start):
        raise BadMessage(f"not the start of a SIP message: {start[:60]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadMessage(f"not a SIP header: {line[:60]!r}")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return Message(start, headers, body)


def party(value: str) -> Party:
    """Read the name and the number of an address header, empty where it has none."""
    found = _ADDRESS.match(value)
    if not found:
        return Party("", "")
    quoted, bare, user = found.groups()
    name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
    return Party(name, unquote(user or ""))


def waiting(body: str) -> Waiting:
    """Read a message summary. Raises `BadMessage` when it is none."""
    lit = re.search(r"(?mi)^Messages-Waiting:[ \t]*(yes|no)\s*$", body)
    if lit is None:
        raise BadMessage(f"not a message summary: {body[:60]!r}")
    voice = re.search(r"(?mi)^Voice-Message:[ \t]*(\d{1,9})/(\d{1,9})", body)
    new, heard = (int(voice[1]), int(voice[2])) if voice else (0, 0)
    return Waiting(lit[1].lower() == "yes", new, heard)


def in_uri(address: str) -> str:
    """An address as it stands in front of a port (RFC 3986): one of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def authorization(user: str, password: str, method: str, uri: str, challenge: str) -> str:
    """The value of an Authorization header that answers `challenge` (of WWW-Authenticate) with
    `qop=auth` (RFC 7616, RFC 8760). Raises `BadMessage` for a challenge of another kind."""
    told = {key.lower(): value for key, value in re.findall(r'(\w+)="?([^",]+)"?', challenge)}
    algorithm = told.get("algorithm", "MD5")
    if algorithm not in _HASHES or not {"realm", "nonce"} <= told.keys():
        raise BadMessage(f"not a challenge that can be answered: {challenge[:80]!r}")

    def hashed(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    own = secrets.token_hex(8)
    proof = hashed(f"{user}:{told['realm']}:{password}")
    asked = hashed(f"{method}:{uri}")
    response = hashed(f"{proof}:{told['nonce']}:00000001:{own}:auth:{asked}")
    opaque = f', opaque="{told["opaque"]}"' if "opaque" in told else ""
    return (
        f'Digest username="{user}", realm="{told["realm"]}", nonce="{told["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={algorithm}, qop=auth, '
        f'nc=00000001, cnonce="{own}"{opaque}'
    )


def user_part(number: str) -> str:
    """Write `number` as the user part of a SIP address; `#` must go as `%23`."""
    return quote(number, safe="*+-_.!~'()&=$,;?/")


def media(body: str) -> Media:
    """Read where a session description wants its sound, by its first G.711 codec.

    Raises `BadMessage` when it has no sound that we can make.
    """
    host = port = codec = None
    for line in body.replace("\r\n", "\n").split("\n"):
        kind, _, value = line.partition("=")
        words = value.split()
        if kind == "c" and len(words) == 3:
            host = words[2].split("/")[0]
        elif kind == "m" and words[:1] == ["audio"] and len(words) > 3:
            port = int(words[1])
            ours = [int(word) for word in words[3:] if word in {"0", "8"}]
            codec = Codec(ours[0]) if ours else None
        elif kind == "m" and port is not None:
            break
    if host is None or port is None or codec is None:
        raise BadMessage("the session description offers no G.711 sound")
    return Media(host, port, codec)
