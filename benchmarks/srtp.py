"""Packets of sound with and without encryption, made once: what is measured is the exchange.

SRTP as RFC 3711 has it, with AES_CM_128_HMAC_SHA1_80 of RFC 4568, which phones and operators have
in common. One direction of one stream that never comes to its 65,536th packet.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES, SALT_BYTES, TAG_BYTES, AUTHENTICATION_BYTES = 16, 14, 10, 20
ENCRYPTION, AUTHENTICATION, SALTING = 0, 1, 2
"""Labels of the keys that follow from the master key (4.3.1)."""
HEADER = struct.Struct("!BBHII")
SSRC = 0x5042_5831


@dataclass(frozen=True, slots=True)
class Master:
    """What is told in the signalling."""

    key: bytes
    salt: bytes

    @classmethod
    def new(cls) -> Master:
        """Of chance."""
        return cls(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(SALT_BYTES))

    @property
    def attribute(self) -> str:
        """The line of SDP (RFC 4568, 9.2)."""
        inline = base64.b64encode(self.key + self.salt).decode()
        return f"a=crypto:1 {SUITE} inline:{inline}\r\n"


def packets(count: int, payload_type: int, payload: bytes, master: Master | None) -> list[bytes]:
    """Numbered packets of 20 ms of sound at 8,000 a second, encrypted where there is a key."""
    heads = [HEADER.pack(0x80, payload_type, at, at * 160, SSRC) for at in range(count)]
    if master is None:
        return [head + payload for head in heads]
    key = _derived(master, ENCRYPTION, KEY_BYTES)
    salt = int.from_bytes(_derived(master, SALTING, SALT_BYTES))
    proof = _derived(master, AUTHENTICATION, AUTHENTICATION_BYTES)
    found = []
    for index, head in enumerate(heads):
        start = (salt << 16) ^ (SSRC << 64) ^ (index << 16)
        told = head + _keystream(key, start, payload)
        tag = hmac.digest(proof, told + bytes(4), hashlib.sha1)  # no number has come round yet
        found.append(told + tag[:TAG_BYTES])
    return found


def _derived(master: Master, label: int, length: int) -> bytes:
    start = (int.from_bytes(master.salt) ^ (label << 48)) << 16
    return _keystream(master.key, start, bytes(length))


def _keystream(key: bytes, start: int, data: bytes) -> bytes:
    """AES in counter mode (4.1.1), from a counter of 128 bits on."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(start.to_bytes(16)))
    encryptor = cipher.encryptor()
    return encryptor.update(data) + encryptor.finalize()
