"""The far end of a trunk: the operator, and behind it everybody's mobile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pbx_bridge.softphone.behaviour import NOT_FOUND, Behaviour, Refuses
from pbx_bridge.softphone.incoming import Ringing
from pbx_bridge.softphone.station import Station

_NOWHERE = ("127.0.0.1", 9)  # SIPp wants a server to call; the operator only answers


class Operator(Station):
    """Takes calls for any number on a UDP port of 127.0.0.1: an async context manager.

    It asks nobody for leave and nobody for a password, as a trunk by address does. What it
    was asked is in `rings` and `received`: the number, and all headers of the INVITE.
    """

    def __init__(
        self,
        sipp: Sequence[str],
        port: int,
        numbers: Mapping[str, Behaviour],
        otherwise: Behaviour = Refuses(NOT_FOUND),  # noqa: B008 (a frozen value)
    ) -> None:
        """Listen on `port` (0: any, see `self.port`); other numbers get `otherwise`."""
        self.numbers = dict(numbers)
        """What happens at each number; may be changed at any time, for the next call."""
        self.otherwise = otherwise
        super().__init__(sipp, _NOWHERE, {"contact_user": "operator"}, makes="stand.xml", port=port)

    def _behaviour_for(self, ringing: Ringing) -> Behaviour:
        return self.numbers.get(ringing.called, self.otherwise)
