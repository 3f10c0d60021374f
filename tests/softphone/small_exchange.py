"""A small private Asterisk to call, and prompts to hear."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ports import free_port

from pbx_bridge.asterisk.packages import PrivateCopy, current, default_folder
from pbx_bridge.softphone import audio
from pbx_bridge.wire.rtp import RATE_HZ, Samples

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0

MODULES = (
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_pubsub",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_authenticator_digest",
    "res_pjsip_dtmf_info",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_registrar",
    "res_pjsip_endpoint_identifier_anonymous",
    "res_clioriginate",
    "res_pjsip_caller_id",
    "res_pjsip_diversion",
    "res_pjsip_messaging",
    "res_rtp_asterisk",
    "res_timing_timerfd",
    "bridge_simple",
    "bridge_softmix",
    "chan_pjsip",
    "codec_alaw",
    "codec_ulaw",
    "format_wav",
    "pbx_config",
    "app_dial",
    "app_playback",
    "app_read",
    "app_echo",
    "func_callerid",
)

ASTERISK_CONF = """
[directories]
astetcdir => {run}/etc
astmoddir => {modules}
astdatadir => {data}
astvarlibdir => {run}
astdbdir => {run}
astkeydir => {run}
astspooldir => {run}
astrundir => {run}
astlogdir => {run}
[options]
verbose = 0
documentation_language = en_US
"""

ENDPOINT = """
[{name}]
type = endpoint
context = calls
disallow = all
allow = alaw,ulaw
direct_media = no
media_address = 127.0.0.1
{more}
"""

PHONE = """
[{name}]
type = auth
auth_type = digest
username = {name}
password = {secret}
[{name}]
type = aor
max_contacts = 1
remove_existing = yes
qualify_frequency = 1
"""

EXTENSIONS = """
[calls]
exten = first,1,Answer()
 same = n,Playback({run}/first)
 same = n,Hangup()
exten = ask,1,Answer()
 same = n,Read(KEY,{run}/first,1,,1,5)
 same = n,Playback({run}/second-${{KEY}})
 same = n,Hangup()
exten = echo,1,Answer()
 same = n,Echo()
exten = 101,1,Dial(PJSIP/101,10)
 same = n,Hangup()
exten = 102,1,Dial(PJSIP/102,10)
exten = short,1,Dial(PJSIP/101,1)
 same = n,Answer()
 same = n,Playback({run}/first)
exten = busy,1,Busy(1)
exten = ring,1,Ringing()
 same = n,Wait(20)
exten = _*23*X*XXXX#,1,Answer()
 same = n,Playback({run}/first)
exten = tell,1,Set(MESSAGE(body)=Anna Berg är tillbaka i morgon, klockan åtta.)
 same = n,MessageSend(pjsip:101,"Växeln · Norrskär" <sip:100@127.0.0.1>)
 same = n,Hangup()
exten = _0X.,1,Set(CALLERID(name)=för Anna "A" Berg · byggnadstillsynen)
 same = n,Set(REDIRECTING(count)=1)
 same = n,Set(REDIRECTING(from-num)=018000101)
 same = n,Set(REDIRECTING(from-name)=Anna Berg · byggnadstillsynen)
 same = n,Dial(PJSIP/operator/sip:${{EXTEN}}@127.0.0.1:${{OPERATOR}},5)
 same = n,Hangup(${{HANGUPCAUSE}})
"""


@dataclass(frozen=True)
class Exchange:
    """The running Asterisk."""

    server: tuple[str, int]
    secret: str
    sipp: list[str]
    asterisk: list[str]
    run: Path

    def console(self, command: str) -> str:
        """Run one command on Asterisk's console and return what it prints."""
        arguments = ["-C", str(self.run / "etc/asterisk.conf"), "-rx", command]
        done = subprocess.run(
            [*self.asterisk, *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout

    def ring(self, phone: str, to: str) -> None:
        """Call a phone; what it answers is then in the dialplan at `to`."""
        self.console(f"channel originate PJSIP/{phone} extension {to}@calls")

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return int(self.console("core show channels count").split()[0])


def speech_like(seed: int, length_s: float) -> Samples:
    """Sound with a voice's spectrum and rhythm: a pitch with harmonics, in syllables."""
    noise = np.random.default_rng(seed)
    syllables = np.repeat(noise.uniform(0.1, 1.0, round(length_s * 8) + 1), RATE_HZ // 8)
    pitch = np.repeat(noise.uniform(90, 160, syllables.size * 8 // RATE_HZ), RATE_HZ // 8)
    phase = np.cumsum(pitch) / RATE_HZ * 2 * np.pi
    harmonics = sum(np.sin(phase * n + seed) / n for n in range(1, 9))
    sound = 6000 * syllables[: phase.size] * harmonics
    return np.asarray(sound[: round(length_s * RATE_HZ)], np.int16)


FIRST, SECOND = speech_like(1, 1.2), speech_like(2, 1.2)


def copy() -> PrivateCopy:
    if (found := current(default_folder())) is None:
        pytest.skip("no private copy of Asterisk on this machine")
    return found


def write_configuration(run: Path, private: PrivateCopy, port: int, secret: str) -> None:
    etc = run / "etc"
    etc.mkdir()
    endpoints = "".join(
        ENDPOINT.format(name=name, more=f"auth = {name}\naors = {name}")
        + PHONE.format(name=name, secret=secret)
        for name in ("101", "102")
    )
    info = "auth = 103\naors = 103\ndtmf_mode = info"
    endpoints += ENDPOINT.format(name="103", more=info) + PHONE.format(name="103", secret=secret)
    trunk = ENDPOINT.format(name="anonymous", more="")
    trunk += ENDPOINT.format(name="operator", more="send_pai = yes\ntrust_id_outbound = yes")
    texts = {
        "asterisk": ASTERISK_CONF.format(run=run, modules=private.modules, data=private.data),
        "modules": "[modules]\nautoload = no\n"
        + "".join(f"load = {module}.so\n" for module in MODULES),
        "logger": "[general]\n[logfiles]\nmessages = notice,warning,error\n",
        "rtp": "[general]\nrtpstart = 10000\nrtpend = 20000\n",
        "pjsip": f"[transport]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{port}\n"
        f"[tcp]\ntype = transport\nprotocol = tcp\nbind = 127.0.0.1:{port}\n" + endpoints + trunk,
        "extensions": EXTENSIONS.format(run=run),
    }
    for name, text in texts.items():
        (etc / f"{name}.conf").write_text(text)


@contextmanager
def run_exchange(run: Path) -> Iterator[Exchange]:
    """Configure, start and stop an Asterisk in folder `run`."""
    private = copy()
    secret = f"0x{secrets.token_urlsafe(12)}"  # one in 4,096 begins so, and is no number
    port = free_port()
    write_configuration(run, private, port, secret)
    audio.save(run / "first.wav", FIRST)
    audio.save(run / "second-5.wav", SECOND)
    command = private.program("asterisk")
    running = Exchange(("127.0.0.1", port), secret, private.program("sipp"), command, run)
    with subprocess.Popen(
        [*command, "-f", "-C", str(run / "etc/asterisk.conf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until = time.monotonic() + START_TIMEOUT_S
            while "fully booted" not in running.console("core waitfullybooted"):
                assert process.poll() is None, (run / "messages").read_text()
                assert time.monotonic() < until, "Asterisk did not start in time"
            yield running
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
