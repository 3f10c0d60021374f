"""The plan as configuration files. The golden files are made anew with `PBX_GOLDEN=write`."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from asterisk.norrskar import (
    ANNA,
    OLLE,
    OPERATOR,
    SWITCHBOARD,
    known_secrets,
    named,
    settings,
    small_plan,
    text,
)

from pbx_bridge.app.calls import FALLBACK
from pbx_bridge.asterisk.render import Unwritable, render, write
from pbx_bridge.asterisk.settings import Settings
from pbx_bridge.config.plan import load_plan
from pbx_bridge.core.call import Obey, Sort, Step
from pbx_bridge.core.model import Plan, Trunk

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = Path(__file__).parents[2] / "dialplan"
DIALPLAN = "extensions.conf"
"""Has tests of its own, with calls."""


def rendered(plan: Plan, trunk: str = "", place: Settings | None = None) -> dict[str, str]:
    return dict(render(plan, place or settings(), known_secrets(plan, trunk)))


def section(file: str, name: str, kind: str = "") -> str:
    """The text of `[name]…`, or of the one that holds `kind`."""
    parts = file.split("\n[")
    return next(part for part in parts if part.startswith(f"{name}]") and kind in part)


def test_every_file_of_the_sample_is_as_it_was_reviewed() -> None:
    files = rendered(
        load_plan(SAMPLE, date(2026, 11, 23)),
        place=settings(
            moh=Path("/usr/share/asterisk/moh"),
            modules=Path("/usr/lib/asterisk/modules"),
            data=Path("/usr/share/asterisk"),
        ),
    )
    files.pop(DIALPLAN, None)
    if os.environ.get("PBX_GOLDEN") == "write":
        for old in GOLDEN.glob("*.conf"):
            old.unlink()
        for name, content in files.items():
            (GOLDEN / name).write_text(content, encoding="utf-8")
    golden = {file.name: file.read_text(encoding="utf-8") for file in GOLDEN.glob("*.conf")}
    assert files == golden


@pytest.mark.parametrize("active", ["\n", "\r", "\0", ";"])
@pytest.mark.parametrize(
    ("plan", "file"),
    [
        (
            lambda bad: small_plan(named(f"Anna{bad}context=from-trunk")),
            r"(pjsip|extensions)\.conf",
        ),
        (
            lambda bad: small_plan(line=replace(SWITCHBOARD, title=text(f"x{bad}[y]"))),
            r"queues\.conf",
        ),
    ],
)
def test_f23_a_value_that_would_begin_a_line_or_a_comment_is_refused_with_file_and_value(
    active: str, plan: object, file: str
) -> None:
    assert callable(plan)
    with pytest.raises(Unwritable, match=rf"^{file}: '.*' holds a "):
        rendered(plan(active))


@pytest.mark.parametrize("name", ['Anna" <112>', "Anna\\", "Anna <b>"])
def test_f23_a_name_that_would_end_its_quotation_marks_is_refused(name: str) -> None:
    with pytest.raises(Unwritable, match=r"^pjsip\.conf: "):
        rendered(small_plan(named(name)))


@pytest.mark.parametrize("name", ["vaxel](!)", "vä xel", "", "a" * 61, "general\n"])
def test_a_name_that_would_be_another_section_is_refused(name: str) -> None:
    with pytest.raises(Unwritable, match=r"^(queues|extensions)\.conf: "):
        rendered(small_plan(line=replace(SWITCHBOARD, name=name)))


@pytest.mark.parametrize("host", ["sip.operator.example", "127.0.0.1:", "127.0.0.1:5060;lr", ""])
def test_a_trunk_whose_address_needs_a_name_server_is_refused(host: str) -> None:
    with pytest.raises(Unwritable, match=r"^pjsip\.conf: .*IPv4 address"):
        rendered(small_plan(trunk=replace(OPERATOR, host=host)))


def test_a_phone_says_who_it_is_by_its_own_password_only() -> None:
    pjsip = rendered(small_plan())["pjsip.conf"]
    phone = section(pjsip, "102", "(phone)")
    assert "set_var = PBX_PHONE=102" in phone
    assert 'callerid = "Olle Åkerö" <102>' in phone
    assert "language = fi" in phone
    assert "password = secret-of-102" in section(pjsip, "102", "(login)")


def test_s16_a_phone_has_a_lamp_for_every_mailbox_that_its_owner_may_hear() -> None:
    """Told to all phones of theirs (endpoint), and to those that ask for it (address of record)."""
    plan = small_plan(ANNA, OLLE, replace(OLLE, extension="103"))
    pjsip = rendered(plan)["pjsip.conf"]
    for kind in ("(phone)", "(attending)"):
        assert "\nmailboxes = 101@default,900@default\n" in section(pjsip, "101", kind)
        assert "\nmailboxes = 900@default\n" in section(pjsip, "102", kind)
    assert "mailboxes" not in section(pjsip, "103", "(phone)")
    assert "mwi_subscribe_replaces_unsolicited = yes\n" in section(pjsip, "phone", "(!,media)")


def test_s16_without_a_bridge_each_phone_opens_the_mailboxes_of_its_owner_alone() -> None:
    plan = small_plan(ANNA, OLLE, replace(OLLE, extension="103"))
    dialplan = rendered(plan)[DIALPLAN]
    dialled = section(dialplan, "pbx-bridge-fallback")
    for code, place in (("*97", "own"), ("*97#", "own"), ("*97*1", "vaxel*"), ("*97*1#", "vaxel*")):
        goto = f"Goto(pbx-bridge-fallback-messages,{place}${{PBX_PHONE}},1)"
        assert f"exten => {code},1,{goto}\n" in dialled
    opened = section(dialplan, "pbx-bridge-fallback-messages")
    assert re.findall(r"exten => (\S+),1,Gosub\(pbx-bridge-messages,s,1\((\d+)\)\)", opened) == [
        ("own101", "101"),
        ("vaxel*101", "900"),
        ("vaxel*102", "900"),
    ]


def test_a_code_or_a_mailbox_that_asterisk_would_read_otherwise_is_refused() -> None:
    plan = small_plan()
    with pytest.raises(Unwritable, match=r"^extensions\.conf: "):
        rendered(replace(plan, codes=replace(plan.codes, hear_messages="*97,1,Hangup()")))
    with pytest.raises(Unwritable, match=r"^(pjsip|voicemail)\.conf: "):
        rendered(small_plan(line=replace(SWITCHBOARD, mailbox="900,101")))


def test_f26_the_phones_of_who_attends_or_stands_by_are_asked_every_two_seconds() -> None:
    alone = replace(SWITCHBOARD, members=("101",), backups=())
    pjsip = rendered(small_plan(line=alone))["pjsip.conf"]
    assert "\n[101](attending)\n" in pjsip
    assert "\n[102](desk)\n" in pjsip
    assert "qualify_frequency = 2\n" in section(pjsip, "attending", "(!,desk)")


def test_texts_of_phones_and_of_the_trunk_lead_to_a_context_where_nothing_is() -> None:
    files = rendered(small_plan())
    media = section(files["pjsip.conf"], "media", "message_context")
    assert "message_context = pbx-bridge-nowhere\n" in media
    assert "exten" not in section(files[DIALPLAN], "pbx-bridge-nowhere")
    assert "require = res_pjsip_messaging" in files["modules.conf"]


def test_whom_a_caller_sought_is_not_told_to_the_public_network() -> None:
    """So a Diversion goes out with no call over the trunk, one to 112 included."""
    pjsip = rendered(small_plan())["pjsip.conf"]
    assert "send_diversion = no\n" in section(pjsip, "operator", "(media)")
    assert "send_diversion" not in section(pjsip, "phone", "(!,media)")


def test_f23_what_is_dialled_begins_with_a_key_and_holds_only_keys() -> None:
    """So nobody dials what the bridge tells phones, such as `offer/101`."""
    (dialled,) = re.findall(
        r"exten => (\S+),1,Set\(PBX_DIALLED=(\S+)\)",
        section(rendered(small_plan())[DIALPLAN], "pbx-bridge-in"),
    )
    assert dialled == ("_[+0-9*#]!", "${FILTER(+0-9*#,${EXTEN:0:64})}")


def test_only_mobiles_of_the_plan_can_be_rung_and_each_is_asked_in_its_owners_language() -> None:
    mobile = "0457000102"
    owner = replace(OLLE, mobile=mobile)
    shares = replace(ANNA, extension="103", mobile=mobile, rings_mobile=True)
    dialplan = rendered(small_plan(ANNA, owner, shares))[DIALPLAN]
    place = section(dialplan, "pbx-bridge-mobile")
    assert re.findall("exten => .*", place) == [
        f"exten => {mobile},1,Dial(PJSIP/{mobile}@operator,55,iU(pbx-bridge-take^fi))"
    ]
    phones = section(dialplan, "pbx-bridge-phone")
    assert f"Dial(PJSIP/103&Local/{mobile}@pbx-bridge-mobile/n,20,i)" in phones
    assert "Dial(PJSIP/102,20,i)" in phones


def test_s14_without_a_bridge_only_who_has_agreed_once_and_for_all_is_a_deputy() -> None:
    anna = replace(ANNA, deputies=("103", "102", "104"), agreed=frozenset({"104", "103"}))
    plan = small_plan(anna, OLLE, replace(OLLE, extension="103"), replace(OLLE, extension="104"))
    people = section(rendered(plan)[DIALPLAN], "pbx-bridge-fallback-person")
    assert "Gosub(pbx-bridge-seek,s,1(101,103-104))" in people
    assert "Gosub(pbx-bridge-seek,s,1(102,))" in people


def test_every_step_has_its_extension_and_a_call_that_is_given_back_goes_to_the_fallback() -> None:
    step = section(rendered(small_plan())[DIALPLAN], "pbx-bridge-step")
    here = {line.removeprefix("exten => ").split(",")[0] for line in step.splitlines()}
    ours = (Obey, Sort)
    assert {kind.__name__.lower() for kind in get_args(Step) if kind not in ours} <= here
    assert f"exten => {FALLBACK},1,Goto(pbx-bridge-decide,undecided,1)\n" in step


def test_s29_what_a_caller_presses_is_no_applications_argument() -> None:
    """Arguments are shown by the console and in the record."""
    step = section(rendered(small_plan())[DIALPLAN], "pbx-bridge-step")
    question = step[step.index("exten => ask,1") : step.index("exten => record,1")]
    assert "Read(PBX_RESULT," in question
    assert question.count("${PBX_RESULT}") == question.count("${LEN(${PBX_RESULT})}") == 1


def test_f24_the_trunk_is_never_taken_for_dead_by_an_unanswered_options_request() -> None:
    pjsip = rendered(small_plan())["pjsip.conf"]
    assert "qualify_frequency = 0" in section(pjsip, "operator", "type = aor")
    assert "match = 127.0.0.1\n" in section(pjsip, "operator", "type = identify")


def test_a_trunk_with_a_user_name_needs_its_password_and_never_shows_it() -> None:
    plan = small_plan(trunk=Trunk("operator", "198.51.100.7", username="norrskar"))
    with pytest.raises(Unwritable, match=r"secrets\.json"):
        rendered(plan)
    with pytest.raises(Unwritable) as refused:
        rendered(plan, trunk="hush\nhush")
    assert "hush" not in str(refused.value)
    login = section(rendered(plan, trunk="half;half")["pjsip.conf"], "operator", "type = auth")
    assert "username = norrskar" in login
    assert "password = half\\;half" in login


def test_control_is_on_loopback_and_no_secret_is_where_it_is_not_needed() -> None:
    files = rendered(small_plan())
    for name in ("http.conf", "manager.conf"):
        assert "bindaddr = 127.0.0.1" in files[name]
    for name in ("ari.conf", "manager.conf"):
        assert "deny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255" in files[name]
    holders = {name for name, content in files.items() if "secret-of-" in content}
    assert holders == {"ari.conf", "manager.conf", "pjsip.conf", "extensions.conf"}
    assert files["extensions.conf"].count("secret-of-") == 1
    assert files["extensions.conf"].count("PBX_LOOKUP_KEY") == 1, "no application's argument"


def test_f33_without_a_bridge_nothing_that_callers_say_is_recorded() -> None:
    """Whether there is room is known to the bridge alone."""
    dialplan = rendered(small_plan())["extensions.conf"]
    lines = [line for line in dialplan.splitlines() if not line.startswith(";")]
    context, recording = "", set()
    for line in lines:
        if line.startswith("["):
            context = line.partition("]")[0].removeprefix("[")
        if re.search(r"\b(VoiceMail|Record|MixMonitor|Monitor|Dictate)\(", line):
            recording.add(context)
    assert recording == {"pbx-bridge-step"}


def test_what_this_asterisk_lacks_is_not_asked_of_it() -> None:
    old = rendered(small_plan(), place=settings(has_broadcast=False, moh=None))
    assert "stasis_broadcast" not in old["modules.conf"]
    assert "musiconhold" not in old["modules.conf"]
    assert "[default]" not in old["musiconhold.conf"]
    assert "astmoddir" not in old["asterisk.conf"]


def test_written_files_are_their_owners_only_and_replaced_whole(tmp_path: Path) -> None:
    old = tmp_path / "ari.conf"
    old.write_text("old")
    old.chmod(0o644)
    kept = old.open()
    write({"ari.conf": "new\n", "http.conf": "also\n"}, tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "ari.conf": "new\n",
        "http.conf": "also\n",
    }
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert kept.read() == "old"
    kept.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sip_host": "pbx.norrskar.example"}, "IPv4 address"),
        ({"sip_host": "0.0.0.0"}, "the one address"),
        ({"control_host": "192.0.2.1"}, "loopback"),
        ({"rtp_first": 10000, "rtp_last": 10001}, "two ports"),
        ({"folder": Path("/" + "x" * 100)}, "control socket"),
        ({"folder": Path("state")}, "absolute"),
    ],
)
def test_settings_that_can_not_work_are_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        settings(**changes)  # type: ignore[arg-type]  # names and values by the table above
