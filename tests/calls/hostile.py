"""Malformed SIP, made from a seed and sent at a pace: whatever a broken or hostile peer sends."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Iterator

from pbx_bridge.softphone.sipp import Address

CALLED = ("018000108", "018000999", "018000100", "*23*1*1430#", "112", "108", "999", "invalid")
METHODS = (
    *("REGISTER", "INVITE", "OPTIONS", "ACK", "BYE", "CANCEL", "SUBSCRIBE", "REFER"),
    *("MESSAGE", "NOTIFY", "PRACK", "UPDATE", "INFO", "PUBLISH", "FOO"),
)
STRANGE = (
    *("", " ", "\0", "\r\n", "\r\n\r\n", "%00", "%0d%0a", "\u202e", "<>", '"', "\\", ";;;"),
    *("((((", "@@", "a" * 4000, "9" * 300, "-1", "4294967296", "99999999999999999999", "sip:"),
    *("sips:[::1]:0", "tel:+", "${EXTEN}", "' OR 1=1 --", "\xff\xfe", "=?utf-8?B?AA==?=", ","),
    "sip:x@y;lr;maddr=0.0.0.0",
)
SOUND = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def well_formed(chance: random.Random, number: int, port: int, called: str) -> str:
    """One request, or a response to nothing, as a peer on `port` would send it."""
    method = chance.choice(METHODS)
    body = SOUND.format(port=chance.randrange(20000, 60000)) if method == "INVITE" else ""
    start = f"{method} sip:{called}@127.0.0.1 SIP/2.0"
    if chance.random() < 0.1:
        start = f"SIP/2.0 {chance.choice((100, 180, 200, 302, 401, 486, 500, 699))} Whatever"
    headers = [
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number}.{chance.randrange(10**6)};rport",
        f"From: <sip:{chance.choice(('0401234567', '101', '103', 'x'))}@127.0.0.1>;tag=t{number}",
        f"To: <sip:{called}@127.0.0.1>",
        f"Call-ID: flood-{number}@127.0.0.1",
        f"CSeq: {chance.randrange(1, 9)} {method}",
        f"Contact: <sip:x@127.0.0.1:{port}>",
        "Max-Forwards: 70",
        f"Expires: {chance.choice((0, 60, 3600))}",
    ]
    if method == "REFER":
        headers.append("Refer-To: <sip:0100100@127.0.0.1>")
    if body:
        headers.append("Content-Type: application/sdp")
    headers.append(f"Content-Length: {len(body)}")
    return "\r\n".join([start, *headers, "", body])


def mutated(chance: random.Random, text: str) -> bytes:
    """`text` with one to four faults; now and then none."""
    lines = text.split("\r\n")
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[at]
                lines = lines or [""]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                cut = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + chance.choice(STRANGE) + lines[at][cut:]
            case 3:
                name = lines[at].partition(":")[0]
                lines[at] = f"{name}: {chance.choice(STRANGE)}"
            case 4:
                lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
            case 5:
                lines += [lines[at]] * chance.randrange(60)
            case 6:
                chance.shuffle(lines)
            case 7:
                lines.insert(at, f"X-{chance.randrange(99)}: {chance.choice(STRANGE)}")
    data = bytearray("\r\n".join(lines).encode("utf-8", "replace"))
    for _ in range(chance.choice((0, 0, 0, 1, 5))):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[:60_000])


def messages(seed: int, count: int, port: int) -> Iterator[bytes]:
    """Yield `count` of them, the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        yield mutated(chance, well_formed(chance, number, port, chance.choice(CALLED)))


async def flood(server: Address, seed: int, count: int, per_second: int) -> int:
    """Send them, and read what is answered. Returns how many answers there were."""
    loop = asyncio.get_running_loop()
    answers = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setblocking(False)
        peer.bind(("127.0.0.1", 0))
        began = loop.time()
        for sent, data in enumerate(messages(seed, count, peer.getsockname()[1])):
            await loop.sock_sendto(peer, data, server)
            if sent % 20 == 0:
                answers += _read(peer)
                await asyncio.sleep(max(0.0, began + sent / per_second - loop.time()))
        answers += _read(peer)
    return answers


def _read(peer: socket.socket) -> int:
    count = 0
    while True:
        try:
            peer.recv(65536)
        except OSError:  # none, or the other end's port was closed
            return count
        count += 1


async def guess_passwords(server: Address, extension: str, count: int) -> int:
    """Register `count` times with wrong passwords. Returns how many of them were refused."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setblocking(False)
        peer.bind(("127.0.0.1", 0))
        port = peer.getsockname()[1]

        async def register(number: int, authorization: str = "") -> str:
            branch = f"z9hG4bKguess{number}"
            headers = [
                "REGISTER sip:127.0.0.1 SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch={branch};rport",
                f"From: <sip:{extension}@127.0.0.1>;tag=g{number}",
                f"To: <sip:{extension}@127.0.0.1>",
                f"Call-ID: guess-{number}@127.0.0.1",
                f"CSeq: {number + 1} REGISTER",
                f"Contact: <sip:{extension}@127.0.0.1:{port}>",
                *([authorization] if authorization else []),
                "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            ]
            await loop.sock_sendto(peer, "\r\n".join(headers).encode(), server)
            async with asyncio.timeout(5):
                return (await loop.sock_recv(peer, 65536)).decode()

        challenge = await register(0)
        fields = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', challenge))
        refused = 0
        for number in range(1, count + 1):
            digest = {
                "username": extension,
                **fields,
                "uri": "sip:127.0.0.1",
                "response": f"{number:032x}",
            }
            listed = ", ".join(f'{name}="{value}"' for name, value in digest.items())
            more = 'algorithm=MD5, cnonce="x", qop=auth, nc=00000001'
            proof = f"Authorization: Digest {listed}, {more}"
            refused += "SIP/2.0 401" in await register(number, proof)
    return refused
