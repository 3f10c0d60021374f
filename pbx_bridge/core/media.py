"""How signalling and sound travel, to devices and to trunks."""

from __future__ import annotations

from enum import StrEnum


class Transport(StrEnum):
    """What carries the signalling."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Encryption(StrEnum):
    """What becomes of the sound on its way."""

    NONE = "none"
    SRTP = "srtp"
    """Encrypted, with keys in the signalling (RFC 4568); what isn't encrypted is refused."""


class Keys(StrEnum):
    """How the other end says which keys are pressed.

    Asterisk counts a key once for each way in which it comes, and can't tell that two were one;
    an INFO that nobody listens to would stay unanswered, and end the call of who asks."""

    ANY = "any"
    """In the sound (RFC 4733) or by SIP INFO (RFC 6086), in one of them; on trunks also by tones,
    from who knows neither."""
    INFO = "info"
    """By INFO: RFC 4733 isn't offered, so who would send both has INFO alone to send."""


class Codec(StrEnum):
    """Kinds of sound, as Asterisk calls them."""

    OPUS = "opus"
    G722 = "g722"
    ALAW = "alaw"
    ULAW = "ulaw"
    G726 = "g726"
    GSM = "gsm"
