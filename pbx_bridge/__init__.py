"""pbx-bridge: an Asterisk exchange that keeps a telephone policy by itself."""

from importlib.metadata import version

__version__ = version("pbx-bridge")
