"""Asterisk's REST interface: `socket` is the connection, `telephony` what is done over it."""

from pbx_bridge.adapters.ari.socket import AriAddress
from pbx_bridge.adapters.ari.telephony import Ari, Dialect

__all__ = ["Ari", "AriAddress", "Dialect"]
