"""The ways to the public network as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from config.copies import ROOT, TODAY, Change, at, told

from pbx_bridge.config.deployment import Doors
from pbx_bridge.config.doors import door_problems
from pbx_bridge.config.plan import advise, load_plan
from pbx_bridge.config.trunks import MACHINE_AUTHORITIES
from pbx_bridge.core.media import Encryption, Transport
from pbx_bridge.core.trunks import NumberForm, Trunk

DOCS = (ROOT / "docs/trunks.md").read_text(encoding="utf-8")
SAMPLE = "  operator:\n"
MORE = """  mast:
    host: ["[2001:db8::9]", "[2001:db8::10]:5080"]
    calls_from: [192.0.2.0/28, 2001:db8::/64]
    username: norrskar
    registers: true
    numbers: e164
    from_user: "+35818000100"
    from_domain: norrskar.example
    pai: false
    transport: tls
    encryption: srtp
    certificate_authority: ca.pem
"""
OTHER = "host: 192.0.2.9, calls_from: [127.0.0.0/24], caller_id: 018 000 100"
BOTH = "host: [192.0.2.9, '[2001:db8::9]'], transport: tls, caller_id: 018 000 100"
ONLY = """trunk:
  name: operator
  host: 127.0.0.1:5090
  username:
  caller_id: 018 000 100
"""


def with_trunks(folder: Path, text: str) -> None:
    """`text` in place of the sample's trunks and routes, and of the rest where it has that."""
    file = folder / "trunks.yaml"
    _, dialling, rest = file.read_text(encoding="utf-8").partition("\ndialling:")
    kept = "" if dialling in text else dialling + rest
    file.write_text(text + kept, encoding="utf-8")


def test_a_trunk_is_what_is_written_of_it_and_shows_the_first_ones_number(
    folder: Path, change: Change
) -> None:
    change("trunks.yaml", SAMPLE, f"{MORE}    caller_id: 018 000 100\n{SAMPLE}")
    change("trunks.yaml", "caller_id: 018 000 100\n    # What it", "caller_id:\n    # What it")
    change("trunks.yaml", "\nroutes:\n", "\nroutes:\n  abroad: [operator]\n")
    plan = load_plan(folder, TODAY)
    assert list(plan.trunks) == ["mast", "operator"]
    assert plan.trunks["mast"] == Trunk(
        name="mast",
        hosts=("[2001:db8::9]:5061", "[2001:db8::10]:5080"),
        calls_from=("192.0.2.0/28", "2001:db8::/64"),
        username="norrskar",
        registers=True,
        form=NumberForm.E164,
        caller_id="018000100",
        from_user="+35818000100",
        from_domain="norrskar.example",
        asserts=False,
        transport=Transport.TLS,
        encryption=Encryption.SRTP,
        authority=str(folder / "ca.pem"),
    )
    assert plan.trunks["operator"].caller_id == plan.caller_id == "018000100"
    assert [one.name for one in plan.carriers("abroad")] == ["operator"]
    assert [one.name for one in plan.carriers("mobile")] == ["mast", "operator"]


def test_the_only_trunk_may_stand_as_it_was_written_before_there_were_several(
    folder: Path,
) -> None:
    with_trunks(folder, ONLY)
    plan = load_plan(folder, TODAY)
    assert plan.trunks == {
        "operator": Trunk("operator", ("127.0.0.1:5090",), caller_id="018000100")
    }


@pytest.mark.parametrize(
    ("transport", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061)], ids=str
)
def test_a_server_without_a_port_has_that_of_its_transport(
    folder: Path, change: Change, transport: str, port: int
) -> None:
    written = "host: [192.0.2.10, sip.operator.example, 192.0.2.10:5070]"
    change("trunks.yaml", "host: 127.0.0.1:5090", written)
    change("trunks.yaml", "transport: udp", f"transport: {transport}")
    six = f"six: {{host: '[2001:db8::10]', transport: {transport}, caller_id: 018 000 100}}"
    change("trunks.yaml", "\ntrunks:\n", f"\ntrunks:\n  {six}\n")
    trunks = load_plan(folder, TODAY).trunks
    assert trunks["six"].hosts == (f"[2001:db8::10]:{port}",)
    assert trunks["operator"].hosts == (
        f"192.0.2.10:{port}",
        f"sip.operator.example:{port}",
        "192.0.2.10:5070",
    )


@pytest.mark.parametrize(
    ("transport", "verify", "written", "wanted"),
    [
        ("udp", "true", "", ""),
        ("tls", "true", "", str(MACHINE_AUTHORITIES)),
        ("tls", "true", "operator/ca.pem", "{folder}/operator/ca.pem"),
        ("tls", "true", "/etc/operator.pem", "/etc/operator.pem"),
        ("tls", "false", "", ""),
    ],
)
def test_who_vouches_for_an_operator_over_tls_is_whom_the_machine_trusts_or_one_file(
    folder: Path, change: Change, transport: str, verify: str, written: str, wanted: str
) -> None:
    change("trunks.yaml", "transport: udp", f"transport: {transport}")
    change("trunks.yaml", "    certificate_authority:", f"    certificate_authority: {written}")
    change("trunks.yaml", "verify: true", f"verify: {verify}")
    assert load_plan(folder, TODAY).trunks["operator"].authority == wanted.format(folder=folder)


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("\ntrunks:\n", f"\n{ONLY}trunks:\n", "trunk:", "trunk and trunks both stand here"),
        ("    registers: false", "    registers: true", "registers", "can't register without"),
        ("host: 127.0.0.1:5090", "host: []", "host: []", '"host" is empty, write one at'),
        (
            "host: 127.0.0.1:5090",
            "host: [127.0.0.1:5090, 127.0.0.1:5090]",
            "host: [",
            "127.0.0.1:5090 is a server of operator already",
        ),
        (
            "host: 127.0.0.1:5090",
            "host: [192.0.2.9, 192.0.2.9:5060]",
            "host: [",
            "192.0.2.9:5060 is a server of operator already",
        ),
        ("host: 127.0.0.1:5090", "host: 192.0.2.9:65536", "host: 1", "no port 65536"),
        ("host: 127.0.0.1:5090", "host: 192.0.2.9:0", "host: 1", "no port 0"),
        ("calls_from: []", "calls_from: [192.0.2/28]", "calls_from: [1", "no address or network"),
        (
            *("calls_from: []", "calls_from: [192.0.2.7/28]", "calls_from: [1"),
            "an address within a network, write 192.0.2.0/28 or 192.0.2.7 alone",
        ),
        ("calls_from: []", "calls_from: [0.0.0.0/0]", "calls_from: [0", "/16 is the widest"),
        ("calls_from: []", "calls_from: [192.0.0.0/8]", "calls_from: [1", "/16 is the widest"),
        ("calls_from: []", "calls_from: ['2000::/15']", "calls_from: ['2", "/32 is the widest"),
        ("calls_from: []", "calls_from: [10.1.0.0/16]", "calls_from: [1", "may hold telephones"),
        ("calls_from: []", "calls_from: [100.64.2.0/23]", "calls_from: [1", "may hold telephones"),
        ("calls_from: []", "calls_from: ['fd00:1::/64']", "calls_from: ['f", "may hold telephones"),
        (
            *("calls_from: []", "calls_from: [192.0.2.1, 192.0.2.1]", "calls_from: [1"),
            "stands here twice",
        ),
        (
            "\ntrunks:\n",
            f"\ntrunks:\n  other: {{{OTHER}}}\n",
            "calls_from: [127",
            "holds 127.0.0.1, a server of operator",
        ),
        ("encryption: none", "encryption: srtp", "encryption: srtp", "srtp needs transport: tls"),
        (
            "    certificate_authority:",
            "    certificate_authority: ca.pem",
            "certificate_authority: ca.pem",
            '"certificate_authority": is for transport: tls',
        ),
        (
            "\ntrunks:\n",
            f"\ntrunks:\n  both: {{{BOTH}}}\n",
            "both:",
            "has servers by IPv4 and by IPv6",
        ),
        ("    numbers: national", "    numbers: local", "numbers: local", "'national', 'e164'"),
        ("from_user:", "from_user: x@y", "from_user: x@y", "is not a user name of SIP"),
        ("    caller_id: 018 000 100\n", "", "operator:", "operator has no caller_id"),
        ("routes:\n", "routes:\n  mobil: [operator]\n", "mobil:", 'did you mean "mobile"?'),
        ("routes:\n", "routes:\n  mobile: [opertor]\n", "mobile: [", 'did you mean "operator"?'),
        ("routes:\n", "routes:\n  mobile: []\n", "mobile: []", "mobile calls have no way out"),
        (
            "routes:\n",
            "routes:\n  mobile: [operator, operator]\n",
            "mobile: [",
            "operator stands here twice",
        ),
    ],
)
def test_f36_what_is_wrong_is_told_with_its_line(
    folder: Path, change: Change, old: str, new: str, where: str, problem: str
) -> None:
    change("trunks.yaml", old, new)
    (line,) = told(folder)
    assert line.startswith(at(folder, "trunks.yaml", where, "")), line
    assert problem in line


def test_f36_no_trunk_at_all_is_told(folder: Path) -> None:
    with_trunks(folder, "trunks:\n")
    (line,) = told(folder)
    assert "there is no trunk" in line


def test_an_operator_that_nobody_vouches_for_is_advised_against_and_an_unusable_file_is_told(
    folder: Path, change: Change
) -> None:
    mailboxes, doors = folder.parent / "voicemail/mailboxes.yaml", Doors(tls_port=5061)
    change("trunks.yaml", "transport: udp", "transport: tls")
    change("trunks.yaml", "    certificate_authority:", "    certificate_authority: ca.pem")
    assert advise(folder, TODAY) == []
    (told,) = map(str, door_problems(doors, folder, mailboxes))
    assert told.startswith(at(folder, "trunks.yaml", "certificate_authority: ca.pem", ""))
    assert "ca.pem can't be read (No such file or directory)" in told
    (folder / "ca.pem").write_text("nothing")
    (told,) = map(str, door_problems(doors, folder, mailboxes))
    assert "ca.pem: no certificate in PEM form is in the file" in told
    change("trunks.yaml", "certificate_authority: ca.pem", "certificate_authority:")
    change("trunks.yaml", "verify: true", "verify: false")
    assert door_problems(doors, folder, mailboxes) == []
    (told,) = map(str, advise(folder, TODAY))
    assert told.startswith(at(folder, "trunks.yaml", "verify: false", "any certificate is taken"))


@pytest.mark.parametrize("example", re.findall(r"```\n(trunks:\n.*?)```", DOCS, re.DOTALL))
def test_the_examples_of_the_documentation_can_be_used(folder: Path, example: str) -> None:
    with_trunks(folder, example)
    assert told(folder) == []


def test_the_exchange_itself_and_its_network_are_no_operator(folder: Path, change: Change) -> None:
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"

    def problems(host: str, sip_port: int = 5060, tls_port: int | None = None) -> list[str]:
        doors = Doors(tls_port=tls_port)
        return [str(one) for one in door_problems(doors, folder, mailboxes, host, sip_port)]

    assert problems("127.0.0.1") == []
    (own,) = problems("127.0.0.1", 5090)
    assert own.startswith(at(folder, "trunks.yaml", "host: 127.0.0.1:5090", ""))
    assert "127.0.0.1:5090 is this exchange itself, calls to operator would come back" in own
    assert len(problems("127.0.0.1", 0, 5090)) == 1
    change("trunks.yaml", "host: 127.0.0.1:5090", "host: localhost:5090")
    assert len(problems("127.0.0.1", 5090)) == 1
    change("trunks.yaml", "calls_from: []", "calls_from: [192.0.2.0/28, 192.0.2.20]")
    assert problems("192.0.2.20") == []
    (near,) = problems("192.0.2.5")
    assert "192.0.2.0/28 is the exchange's own network, where telephones are" in near


def test_two_operators_do_not_call_from_one_address(folder: Path, change: Change) -> None:
    change("trunks.yaml", "calls_from: []", "calls_from: [192.0.2.0/28]")
    other = "host: 198.51.100.9, calls_from: [192.0.2.8/29], caller_id: 018 000 100"
    change("trunks.yaml", "trunks:\n", f"trunks:\n  first: {{{other}}}\n")
    (line,) = told(folder)
    assert "192.0.2.0/28 holds 192.0.2.8/29, where calls come from of first" in line


def test_ipv6_is_written_with_and_without_brackets(folder: Path, change: Change) -> None:
    change("trunks.yaml", "host: 127.0.0.1:5090", "host: 2001:db8::1")
    assert load_plan(folder, TODAY).trunks["operator"].hosts == ("[2001:db8::1]:5060",)


def test_caps_that_nothing_reaches_and_numbers_that_mislead_are_advice(
    folder: Path, change: Change
) -> None:
    assert advise(folder, TODAY) == []
    day = "{calls: 150, minutes: 300, numbers: 80}"
    change("trunks.yaml", day, "{calls: 9, minutes: 9, numbers: 10}")
    change("numbers.yaml", "018 000 101:", "0600 000 101:")
    nils = "\n1123: {name: Nils Ek, title: vik, unit: kansli}"
    change("people.yaml", "\n101:\n", f"{nils}\n101:\n")
    advice = sorted(map(str, advise(folder, TODAY)))
    assert len(advice) == 3
    assert "numbers like 0600 000 101 cost their callers extra" in advice[0]
    assert "1123 begins like 112, which some telephones call at once" in advice[1]
    assert "10 numbers are never reached in 9 calls, write fewer numbers than calls" in advice[2]


def test_what_is_wrong_in_one_place_hides_nothing_of_another(folder: Path, change: Change) -> None:
    """And drags no complaint of what refers to it."""
    change("trunks.yaml", "    watch: false", "    watch: maybe")
    change("trunks.yaml", "\nroutes:\n", "\nroutes:\n  abroad: [operator]\n  mobil: [operator]\n")
    change("trunks.yaml", "  warn_percent: 80", "  warn_percent: lots")
    change("trunks.yaml", "  country: FI\n", "  country: FI\n  classes: {premium: [600]}\n")
    change("trunks.yaml", "trunks:\n", "trunks:\n  Mast: {host: 192.0.2.1}\n")
    change("people.yaml", "\n101:\n", "\n101:\n  mobile: 0600 123456\n")
    found = [one.partition(": ")[2].partition(",")[0] for one in told(folder)]
    assert sorted(found) == [
        '"Mast" is not a name: a letter a-z first',
        '"mobil" is no kind of number',
        '"warn_percent" should be a whole number',
        '"watch" should be true or false',
        "0600123456 is a number that costs extra",
        "no number of +358 begins with 600 as it is dialled",
    ]


def test_an_operator_far_away_is_not_reached_from_an_exchange_of_this_machine_alone(
    folder: Path, change: Change
) -> None:
    mailboxes = folder.parent / "voicemail/mailboxes.yaml"

    def problems(host: str, ipv6: str = "") -> list[str]:
        found = door_problems(Doors(ipv6=ipv6), folder, mailboxes, host, 5060)
        return [one.what for one in found]

    far = "can't be reached from 127.0.0.1, which is this machine alone"
    assert problems("127.0.0.1") == []
    change("trunks.yaml", "host: 127.0.0.1:5090", "host: [192.0.2.9, sip.operator.example]")
    assert problems("192.0.2.2") == []
    assert problems("127.0.0.1") == [
        f"192.0.2.9:5060 {far}",
        f"sip.operator.example:5060 {far}",
    ]
    assert len(problems("127.0.0.1", "::1")) == 2


def test_operators_at_one_address_are_advised_against(folder: Path, change: Change) -> None:
    other = "host: 127.0.0.1:5091, caller_id: 018 000 100"
    change("trunks.yaml", "trunks:\n", f"trunks:\n  first: {{{other}}}\n")
    assert told(folder) == []
    (advice,) = map(str, advise(folder, TODAY))
    assert "operator is at 127.0.0.1 as first is: their calls can't be told apart" in advice
    change("trunks.yaml", "    registers: false", "    registers: true")
    change("trunks.yaml", "    username:\n", "    username: norrskar\n")
    assert advise(folder, TODAY) == []


def test_many_odd_numbers_have_one_cause(folder: Path, change: Change) -> None:
    change("trunks.yaml", "  country: FI\n", "  country: FI\n  classes: {premium: [018 000]}\n")
    (advice,) = map(str, advise(folder, TODAY))
    assert advice.startswith(at(folder, "trunks.yaml", "dialling:", ""))
    assert "of our own numbers" in advice
    assert "cost their callers extra, are country: and classes: right?" in advice


def test_one_wrong_value_of_the_numbers_hides_nothing(folder: Path, change: Change) -> None:
    change("trunks.yaml", "  country: FI\n", "  country: FI\n  emergency: 112\n")
    change("trunks.yaml", "\nroutes:\n", "\nroutes:\n  mobil: [operator]\n")
    change("trunks.yaml", "caller_id: 018 000 100", "caller_id: 018 000 199")
    assert len(told(folder)) == 3
    change("trunks.yaml", "  country: FI\n", "  country_code: 49\n")
    assert not any("no emergency number" in one for one in told(folder))
