"""`python -m pbx_bridge` is `pbx-bridge`."""

from pbx_bridge.cli.app import main

main()
