#!/bin/sh
# Before Asterisk starts: makes what is missing of the secrets, renders Asterisk's configuration
# and puts the bridge's two passwords where config.yaml names them. Safe to run again.
set -eu
umask 077

config=${PBX_CONFIG:-/etc/pbx-bridge/config.yaml}
state=${PBX_STATE:-/var/lib/pbx-bridge}

pbx-bridge render "$state/asterisk/etc" --config "$config" --state "$state"

python - "$state" <<'PYTHON'
import json, pathlib, sys

state = pathlib.Path(sys.argv[1])
held = json.loads((state / "secrets.json").read_text(encoding="utf-8"))
for user in ("ari", "ami"):
    (state / f"{user}.password").write_text(held[user], encoding="utf-8")
PYTHON
