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
from pbx_bridge.core.media import Codec, Encryption, Transport
from pbx_bridge.core.model import Device, Plan
from pbx_bridge.core.trunks import Trunk, proven

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
    with pytest.raises(Unwritable, match=r"^(pjsip_trunks|extensions_out)\.conf: .*IP address"):
        rendered(small_plan(trunks=(replace(OPERATOR, hosts=(host,)),)))


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
    files = rendered(small_plan())
    assert "send_diversion = no\n" in section(files["pjsip_trunks.conf"], "trunk", "(!,media)")
    assert "send_diversion" not in section(files["pjsip.conf"], "phone", "(!,media)")


def test_f23_what_is_dialled_begins_with_a_key_and_holds_only_keys() -> None:
    """So nobody dials what the bridge tells phones, such as `offer/101`."""
    (dialled,) = re.findall(
        r"exten => (\S+),1,Set\(PBX_DIALLED=(\S+)\)",
        section(rendered(small_plan())[DIALPLAN], "pbx-bridge-in"),
    )
    between = r"\x20\x28\x29\x2d."
    assert dialled == ("_[+0-9*#]!", f"${{FILTER(+0-9*#{between},${{EXTEN:0:64}})}}")
    assert "?${FILTER(+0-9*#,${PBX_DIALLED})}:invalid)" in rendered(small_plan())[DIALPLAN]


def test_only_mobiles_of_the_plan_can_be_rung_and_each_is_asked_in_its_owners_language() -> None:
    mobile = "0457000102"
    owner = replace(OLLE, mobile=mobile)
    shares = replace(ANNA, extension="103", mobile=mobile, rings_mobile=True)
    dialplan = rendered(small_plan(ANNA, owner, shares))[DIALPLAN]
    place = section(dialplan, "pbx-bridge-mobile")
    assert len(re.findall("exten => .*", place)) == 1
    assert f"exten => {mobile},1,GotoIf(${{DB_EXISTS(pbx-barred/{mobile})}}?lost)" in place
    assert "Gosub(pbx-bridge-out,${EXTEN},1(55,io(102)U(pbx-bridge-take^fi)))" in place
    phones = section(dialplan, "pbx-bridge-phone")
    assert f"s,1(103,&Local/{mobile}@pbx-bridge-mobile/n,20))" in phones
    assert "s,1(102,,20))" in phones


def test_only_who_has_call_waiting_is_rung_during_a_talk() -> None:
    olle = replace(OLLE, call_waiting=True)
    written = rendered(small_plan(ANNA, olle))["extensions_devices.conf"]
    waits = re.findall(r"exten => (\S+),1", section(written, "pbx-bridge-call-waiting"))
    assert waits == ["102"]


def test_all_devices_of_a_person_ring_and_make_one_state() -> None:
    anna = replace(ANNA, devices=(Device("desk"), Device("dect")))
    written = rendered(small_plan(anna, OLLE))["extensions_devices.conf"]
    assert "exten => 101,hint,PJSIP/101&PJSIP/101-dect\n" in section(written, "pbx-bridge-hints")
    rung = re.findall(r"pbx-bridge-there,device,1\((\S+)\)\)", written)
    assert rung == ["101", "101-dect", "102"]


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
    pjsip = rendered(small_plan())["pjsip_trunks.conf"]
    assert "qualify_frequency = 0" in section(pjsip, "operator", "type = aor")
    assert "match = 127.0.0.1\n" in section(pjsip, "operator", "type = identify")


def test_a_trunk_whose_password_nobody_has_written_keeps_no_telephone_from_starting() -> None:
    one = Trunk("operator", ("198.51.100.7",), username="norrskar", registers=True)
    found = rendered(small_plan(trunks=(one,)))["pjsip_trunks.conf"]
    assert "\n[operator](trunk)\n" in found
    assert not any(f"type = {kind}\n" in found for kind in ("auth", "registration"))
    assert "outbound_auth" not in found


def test_from_is_our_number_also_where_an_operator_wants_a_login() -> None:
    one = Trunk("operator", ("198.51.100.7",), username="norrskar", registers=True)
    assert "from_user" not in rendered(small_plan(trunks=(one,)))["pjsip_trunks.conf"]
    named = rendered(small_plan(trunks=(replace(one, from_user="norrskar"),)))
    assert "\nfrom_user = norrskar\n" in named["pjsip_trunks.conf"]


def test_a_login_may_have_a_domain_which_is_no_part_of_what_we_are_called_by() -> None:
    login = "nr.100@ims.operator.example"
    one = Trunk("operator", ("198.51.100.7",), username=login, registers=True)
    files = rendered(small_plan(trunks=(one,)), trunk="x" * 20)
    found = files["pjsip_trunks.conf"]
    assert f"\nusername = {login}\n" in found
    assert "\nclient_uri = sip:nr.100@ims.operator.example\ncontact_user = nr.100\n" in found
    assert "\nexten => nr.100,1,Goto(pbx-bridge-in-to,s,1)\n" in files[DIALPLAN]


def test_a_trunks_password_is_never_shown() -> None:
    plan = small_plan(trunks=(Trunk("operator", ("198.51.100.7",), username="norrskar"),))
    with pytest.raises(Unwritable) as refused:
        rendered(plan, trunk="hush\nhush")
    assert "hush" not in str(refused.value)
    login = section(
        rendered(plan, trunk="half;half")["pjsip_trunks.conf"], "operator", "type = auth"
    )
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


def test_a_device_has_the_transport_and_the_sound_that_it_was_given() -> None:
    device = Device("softphone", encryption=Encryption.SRTP, ice=True, ipv6=True)
    talks = replace(device, name="old", codecs=(Codec.G722, Codec.ALAW), encryption=Encryption.NONE)
    plan = small_plan(replace(ANNA, devices=(Device("desk"), device, talks)))
    place = settings(sip_host6="2001:db8::10", sip_tls_port=5061, opus="codec_opus.so")
    files = rendered(plan, place=place)
    assert "bind = [2001:db8::10]:5061" in files["pjsip.conf"]
    assert "load = codec_opus.so" in files["modules.conf"]
    assert "icesupport = yes" in files["rtp.conf"]
    # Sound has these addresses alone; of two that are offered one has none.
    offered = re.findall(r"(?m)^ice_(deny|permit) = (.+)$", files["rtp.conf"])
    assert offered == [
        *(("deny", "0.0.0.0/0"), ("deny", "::/0")),
        *(("permit", f"{place.sip_host}/32"), ("permit", "2001:db8::10/128")),
    ]
    assert "allow = !all,g722,alaw,ulaw,opus,g726,gsm" in files["pjsip.conf"]
    secure, old = (
        re.search(rf"\[101-{name}\]\(phone\)\n(.*?)\n\n", files["pjsip.conf"], re.DOTALL)
        for name in ("softphone", "old")
    )
    assert secure is not None
    assert old is not None
    wanted = ("media_encryption = sdes", "ice_support = yes", "rtp_ipv6 = yes")
    assert [one in secure[1] for one in (*wanted, "media_address = 2001:db8::10")] == [True] * 4
    assert "allow = !all,g722,alaw\n" in old[1]
    assert "media_encryption" not in old[1]
    assert "ice_support" in old[1]


def test_doors_that_are_closed_are_not_written() -> None:
    files = rendered(small_plan(ANNA))
    assert re.findall(r"protocol = (\w+)", files["pjsip.conf"]) == ["udp"]
    assert "icesupport = no" in files["rtp.conf"]


def test_a_lamp_has_all_devices_of_a_person_and_who_picks_up_is_of_their_circle() -> None:
    anna = replace(ANNA, devices=(Device("desk"), Device("softphone")))
    alone = replace(OLLE, extension="103", unit="skolan")
    lamps = rendered(small_plan(anna, OLLE, alone))["extensions_lamps.conf"]
    assert re.findall("exten => (.*),hint,(.*)", section(lamps, "pbx-bridge-lamps")) == [
        ("101", "PJSIP/101&PJSIP/101-softphone&Custom:away-101"),
        ("102", "PJSIP/102&Custom:away-102"),
        ("103", "PJSIP/103&Custom:away-103"),
        ("vaxel", "Queue:vaxel&Custom:line-vaxel"),
    ]
    assert re.findall("exten => (.*),1,Return", section(lamps, "pbx-bridge-circles")) == [
        *("unit-kansliet*101", "unit-kansliet*102"),
        *("line-vaxel*101", "line-vaxel*102"),
    ]
    codes = section(lamps, "pbx-bridge-pick-up")
    taken = re.findall(r"PickupChan\((.*),p\)", codes)
    assert taken == ["PJSIP/101&PJSIP/101-softphone", "PJSIP/102", "PJSIP/103"]
    assert re.findall(r"exten => (\*\S*103#?),1,(\w+)", codes) == [
        ("*8103", "CELGenUserEvent"),
        ("*8103#", "Goto"),
    ]
    assert "subscribe_context = pbx-bridge-lamps\n" in section(
        rendered(small_plan())["pjsip.conf"], "phone", "(!,media)"
    )


def test_a_trunk_goes_by_the_way_and_with_the_keys_that_its_operator_wants() -> None:
    two = ("198.51.100.7:5061", "198.51.100.8:5061")
    far = Trunk("far", two, transport=Transport.TLS, encryption=Encryption.SRTP, watched=False)
    with pytest.raises(Unwritable, match=r"goes by tls and the exchange doesn't; write tls_port"):
        rendered(small_plan(trunks=(far,)))
    place = settings(sip_tls_port=5061)
    files = rendered(small_plan(trunks=(far,)), place=place)
    trunk = files["pjsip_trunks.conf"]
    assert "contact = sip:198.51.100.7:5061\\;transport=tls\n" in section(
        trunk, "far", "type = aor"
    )
    assert "media_encryption = sdes\n" in section(trunk, "far", "(trunk)")
    assert (
        "PJSIP/far/sip:${PBX_OUT_AS}@198.51.100.8:5061\\;transport=tls,"
        in (files["extensions_out.conf"])
    )


def test_a_trunk_whose_servers_prove_who_they_are_is_called_by_a_transport_of_its_own() -> None:
    """And is called by name, whose addresses stand beside it; any other stays at the door."""
    name = "sip.operator.example"
    secure = Trunk(
        *("secure", (f"{name}:5061",)),
        transport=Transport.TLS,
        authority="/etc/ca.pem",
        addresses=(("198.51.100.7", name),),
    )
    plain = Trunk("plain", ("198.51.100.9:5061",), transport=Transport.TLS)
    with pytest.raises(Unwritable, match="IP address"):
        rendered(
            small_plan(trunks=(replace(secure, addresses=()),)), place=settings(sip_tls_port=5061)
        )
    files = rendered(small_plan(trunks=(secure, plain)), place=settings(sip_tls_port=5061))
    trunk, door = files["pjsip_trunks.conf"], proven(secure)
    asked = section(trunk, door, "type = transport")
    assert "verify_server = yes\n" in asked
    assert "ca_list_file = /etc/ca.pem\n" in asked
    assert f"transport = {door}\n" in section(trunk, "secure", "(trunk)")
    assert f"transport = {door}\n" in section(trunk, "secure+watch1", "(media)")
    assert "transport = " not in section(trunk, "secure+in", "(trunk)")
    identified = section(trunk, "secure", "type = identify")
    assert "endpoint = secure+in\nmatch = 198.51.100.7\n" in identified
    assert "transport = tls\n" in section(trunk, "plain", "(trunk)")
    assert "endpoint = plain\n" in section(trunk, "plain", "type = identify")
    assert f"198.51.100.7 {name}\n" in files["hosts.conf"]
    assert f"{name} is 198.51.100.7\n" in files["resolver_unbound.conf"]
    other = replace(secure, authority="/etc/other.pem")
    assert proven(other) != door, "Asterisk changes no transport that it has"


def test_what_is_asked_is_not_what_is_dialled_and_who_is_not_to_be_asked_is_not() -> None:
    asked = replace(OPERATOR, hosts=("192.0.2.10:5060", "192.0.2.11:5060"))
    files = rendered(small_plan(trunks=(asked, replace(OPERATOR, name="quiet", watched=False))))
    found = re.findall(r"\n\[(\S+)\]\ntype = aor\ncontact = (\S+)\n", files["pjsip_trunks.conf"])
    watched = {name: contact for name, contact in found if "+" in name}
    assert watched == {
        "operator+watch1": "sip:192.0.2.10:5060",
        "operator+watch2": "sip:192.0.2.11:5060",
    }
    assert "+watch" not in files["extensions_out.conf"]


@pytest.mark.parametrize(
    ("host", "order"),
    [("127.0.0.1:5090", "username,ip"), ("192.0.2.10:5060", "header,ip,username")],
)
def test_an_operator_is_known_by_its_address_unless_phones_share_it(host: str, order: str) -> None:
    pjsip = rendered(small_plan(trunks=(replace(OPERATOR, hosts=(host,)),)))["pjsip.conf"]
    assert f"endpoint_identifier_order = {order}\n" in pjsip


def test_sound_of_a_trunk_goes_where_its_operator_has_said() -> None:
    trunk = section(rendered(small_plan())["pjsip_trunks.conf"], "trunk", "(!,media)")
    assert "rtp_symmetric = no\nforce_rport = no\n" in trunk


def test_nothing_is_done_by_a_function_that_is_refused_to_channels_of_the_bridge() -> None:
    """DB() reads and writes nothing on a channel whose variables ARI has set (Asterisk 22.10.1)."""
    written = {
        name: text for name, text in rendered(small_plan()).items() if name.startswith("extensions")
    }
    assert written
    for refused in ("DB(", "DB_DELETE(", "SHELL(", "FILE(", "STAT(", "HOOK("):
        for opened in ("${", "Set("):
            assert [name for name, text in written.items() if opened + refused in text] == []
    assert "${SET(DB_RESULT=)}${DB_EXISTS(pbx-referral/${ARG1}/until):1}${DB_RESULT}" in "".join(
        written.values()
    )


def test_who_is_connected_by_a_channel_of_the_exchange_hears_telephones_sound() -> None:
    """By way of Asterisk's own (slin) one caller in two isn't heard after an announcement."""
    dialplan = rendered(load_plan(SAMPLE, date(2026, 11, 23)))[DIALPLAN]
    originated = re.findall(r"Originate\(.*\)\n", dialplan)
    assert originated
    assert all(r",C(!all\,alaw)" in one for one in originated)


def answers_the_end(extension: str) -> bool:
    """Whether a pattern of the dialplan matches `h`, which Asterisk looks for as a channel ends."""
    pattern = re.fullmatch(r"_(\[[^\]]*\]|.)(.*)", extension, re.DOTALL)
    assert pattern is not None
    first, rest = pattern.groups()
    if first in ("!", "."):
        return first == "!"
    if first.startswith("["):
        return re.fullmatch(first, "h") is not None and rest in ("", "!")
    return first == "h" and rest in ("", "!")


def test_nothing_begins_anew_when_a_call_ends() -> None:
    """No pattern of names or numbers answers for `h`, but where `h` stands beside it."""
    files = rendered(load_plan(SAMPLE, date(2026, 11, 23)))
    contexts = [
        (name, part)
        for name, text in files.items()
        if name.startswith("extensions")
        for part in ("\n" + text).split("\n[")[1:]
    ]
    matched = [
        (name, part.partition("]")[0])
        for name, part in contexts
        if any(map(answers_the_end, re.findall(r"^exten => (_[^,]*),", part, re.MULTILINE)))
        and not re.search(r"^exten => h,1,NoOp\(\)$", part, re.MULTILINE)
    ]
    assert len(contexts) > 20
    assert matched == []
    assert answers_the_end("_[!-~]!")
    assert not answers_the_end("_[+0-9*#]!")
