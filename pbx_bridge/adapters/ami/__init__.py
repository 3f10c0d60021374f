"""Asterisk's manager: `connection` asks and hears, over `line`; the ports are built on it."""

from pbx_bridge.adapters.ami.barrier import AmiBarrier
from pbx_bridge.adapters.ami.connection import Ami
from pbx_bridge.adapters.ami.logs import AmiLogs
from pbx_bridge.adapters.ami.mailboxes import AmiMailboxes
from pbx_bridge.adapters.ami.phones import AmiPhones
from pbx_bridge.adapters.ami.switch import AmiSwitch
from pbx_bridge.adapters.ami.trunks import AmiTrunks

__all__ = ["Ami", "AmiBarrier", "AmiLogs", "AmiMailboxes", "AmiPhones", "AmiSwitch", "AmiTrunks"]
