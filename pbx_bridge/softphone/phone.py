"""A phone: registered at the exchange, answering or not as it is told to."""

from __future__ import annotations

from collections.abc import Sequence

from pbx_bridge.softphone.behaviour import Behaviour
from pbx_bridge.softphone.incoming import Ringing
from pbx_bridge.softphone.sipp import Address, Transport
from pbx_bridge.softphone.station import CODECS, Station
from pbx_bridge.wire import sip
from pbx_bridge.wire.rtp import Codec

EXPIRES_S = 3600
"""How long the registration would last; no test and no demonstration is longer."""


class Phone(Station):
    """A registered phone: an async context manager."""

    def __init__(
        self,
        sipp: Sequence[str],
        server: Address,
        user: str,
        secret: str,
        behaviour: Behaviour,
        transport: Transport = "udp",
        codecs: Sequence[Codec] = CODECS,
    ) -> None:
        """`behaviour` may be changed at any time; it holds for the next call."""
        self.behaviour = behaviour
        values = {
            "user": user,
            "secret": secret,
            "contact_user": sip.user_part(user),
            "expires_s": EXPIRES_S,
        }
        super().__init__(
            sipp, server, values, makes="register.xml", transport=transport, codecs=codecs
        )

    def _behaviour_for(self, ringing: Ringing) -> Behaviour:  # noqa: ARG002 (whoever it is)
        return self.behaviour
