"""Each key of trunks, dialling, caps, devices and permits with a value that it can't have: what is
told, and of which line."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.copies import TODAY, Change, at, told

from pbx_bridge.config.plan import advise, load_plan

HOST, COUNTRY = "    host: 127.0.0.1:5090", "  country: FI\n"
DAY_CAP = "person_day: {calls: 150, minutes: 300, numbers: 80}"
PERMIT = "- {calls: [SE], until: 2026-12-31, approved_by: x}"
LIKE = "like - {calls: [SE], until: 2026-12-31, approved_by: who has agreed}"
KEYS = "should be keys with values"
NO_CODE = "is no country's calling code, write one like 49"
NO_EMERGENCY = "is not an emergency number (3 to 6 digits, not 0 first)"

TRUNK = [
    (HOST, "host: []", '"host" is empty, write one at least'),
    (HOST, "host: 5060", '"host": "5060" is no address'),
    (HOST, "host: {a: b}", '"host" should be a list like [192.0.2.10:5060,'),
    (HOST, "host: [[a]]", '"host" should be one text'),
    ("    calls_from: []", "calls_from: 192.0.2.1", "should be a list like [192.0.2.0/28]"),
    ("    username:\n", "username: [a]", '"username" should be one text'),
    ("    registers: false", "registers: nej", '"registers" should be true or false'),
    ("    numbers: national", "numbers: nationel", "should be 'national', 'e164'"),
    ("    caller_id: 018 000 100", "caller_id: 5", '"5" is no number of +358'),
    ("    caller_id: 018 000 100", "caller_id: +46 8 123 456", "is a number abroad"),
    *(
        (HOST, f"host: {one}", f"no server has the address {one}, write one like 192.0.2.10:5060")
        for one in ("0.0.0.0", "224.0.0.1", "255.255.255.255")
    ),
    (HOST, "host: fe80::1", "is of one link, or an IPv4 address"),
    (HOST, "host: ::ffff:192.0.2.1", "is of one link, or an IPv4 address"),
    (HOST, "host: 2001:db8::1:5070", 'is 5070 a port? write "[2001:db8::1]:5070", or else'),
    (HOST, 'host: "2001:db8::1:5060:"', 'or "[2001:db8::1]:5060"'),
    ("    from_domain:\n", "from_domain: a b", '"a b" is no domain'),
    ("    from_domain:\n", "from_domain: elisa..fi", "write one like sip.operator.example"),
    ("    from_domain:\n", "from_domain: elisa.fi:5060", '"elisa.fi:5060" is no domain'),
    ("    username:\n", "username: nörrskär", "is not a user name of SIP (at most 60 of a-z, A-Z"),
    ("    username:\n", "username: a@b@c", "0-9 and _ + . -; @ and a domain)"),
    ("    username:\n", "password: x", 'secrets.json in the state folder, as "trunks": {"its name'),
    ("    verify: true", "verify: false", '"verify": false is for transport: tls'),
    ("    pai: true", "pai: [true]", '"pai" should be true or false'),
    ("    shows_callers: true", "shows_callers: 2", '"shows_callers" should be true or false'),
    ("    names: false", "names: {}", '"names" should be true or false'),
    ("    keys: any", "keys: dtmf", "\"keys\" should be 'any' or 'info'"),
    ("    transport: udp", "transport: sctp", "should be 'udp', 'tcp' or 'tls'"),
    ("    encryption: none", "encryption: srtp", '"encryption": srtp needs transport: tls'),
    ("    watch: false", "watch: 7", '"watch" should be true or false'),
    ("  operator:\n", "101:", '"101" is not a name: a letter a-z first'),
    ("  operator:\n", "Operator:", '"Operator" is not a name: a letter a-z first'),
    ("routes:\n", "routes: [operator]", f'"routes" {KEYS}'),
    ("routes:\n", "routes: {abroad: operator}", '"abroad" should be a list like [operator]'),
]
DIALLING = [
    ("country: fi", '"country": "fi" is no country, write FI'),
    ("country: 46", '"country": "46" is no country, write SE'),
    ("country: EE", '"country": there is no table of the numbers of "EE"'),
    ("country: [FI]", '"country" should be one text'),
    ("country: {FI: true}", '"country" should be one text'),
    ("country_code: +49", '"country_code": "+49" has a prefix before it, write 49'),
    ("country_code: 999", f'"country_code": "999" {NO_CODE}'),
    ("country_code: [49]", '"country_code" should be one text'),
    ("country_code: 49", "no emergency number of +49 is known, none would be carried"),
    ("emergency: 112", '"emergency" should be a list like [112]'),
    ("emergency: [0]", f'"0" {NO_EMERGENCY}'),
    ("emergency: [018000101]", f'"018000101" {NO_EMERGENCY}'),
    ("international_prefixes: [0]", '"0" is not dialled in place of +'),
    ("classes: [a]", f'"classes" {KEYS}'),
    ("international_prefixes: [04]", "numbers of +358 begin with 04"),
    ("international_prefixes: [11]", "the emergency number 112 begins with 11"),
    ("international_prefixes: [112]", "the emergency number 112 begins with 112"),
    ("classes: {premium: [20 1]}", "no number of +358 begins with 201 as it is dialled"),
    ("classes: {premium: [358 29 123]}", "no number of +358 begins with 35829123 as it is dialled"),
    ("classes: {mobile: [00358 10]}", "no number of +358 begins with 0035810 as it is dialled"),
    ("barred_prefixes: [600]", "no number of +358 begins with 600 as it is dialled"),
    ("classes: {premium: 0600}", '"premium" should be a list like [0600]'),
    ("classes: {dear: [0600]}", 'unknown key "dear", known keys: service'),
    ("emergency: [116117]", "116117 is a service number of +358, free of caps already"),
    ("classes: {service: [0112]}", "0112 stands for the emergency number 112"),
    ("classes: {service: [0600 123456]}", "no short number of +358 (3 to 6 digits"),
    ("classes: {geographic: [0]}", "every number begins with 0, write more digits"),
    ("classes: {service: [112]}", "112 is an emergency number, and of no other class"),
    ("classes: {mobile: [0600], premium: [0600]}", "0600 is mobile already"),
    ("classes: {premium: [0600, 06 00]}", "0600 is premium already"),
    ("barred_prefixes: [06x]", '"barred_prefixes": "06x" is not digits'),
]
LIMITS = [
    ("person_at_once: 3", "person_at_once: 0", "should be greater than or equal to 1"),
    ("person_at_once: 3", "person_at_once: tre", "should be a whole number"),
    (
        "exchange_at_once: 30",
        "exchange_at_once: 2",
        "3 calls at once, all together 2",
    ),
    ("warn_percent: 80", "warn_percent: 80 %", "should be a whole number"),
    ("places_per_hour: 30", "places_per_hour: 0", "should be greater than or equal to 1"),
    (DAY_CAP, "person_day: {calls: 9}", '"numbers" is missing, a cap has calls:, minutes: and'),
    (DAY_CAP, "person_day: 150", f'"person_day" {KEYS}'),
    (DAY_CAP, "person_day: {calls: 1.5, minutes: 1, numbers: 1}", "should be a whole number"),
]
PERSON = [
    ("permits: [SE]", f'"permits" should have entries {LIKE}'),
    ("permits: {SE: 2026-12-31}", f'"permits" should be a list {LIKE}'),
    ("permits: SE", f'"permits" should be a list {LIKE}'),
    (f"permits: [{PERMIT[2:-1]}, to: SE}}]", 'unknown key "to"'),
    (f"permits: [{PERMIT[2:].replace('[SE]', 'SE')}]", "should be a list like [mobile, premium"),
    (f"permits: [{PERMIT[2:].replace('[SE]', '[SE, SE]')}]", "SE stands there twice"),
    (f"permits: [{PERMIT[2:].replace('2026-12-31', '31.12.2026')}]", "is no date, write 2026-"),
    (f"permits: [{PERMIT[2:].replace('x}', '5}')}]", '"5" has no letters, write it in words'),
    (f"permits: [{PERMIT[2:].replace('2026-12-31', '2031-01-01')}]", "at the latest"),
    ("may_call: [se]", "is no class of numbers and no country, write SE"),
    ("may_call: [UK]", "is no class of numbers and no country, write GB"),
    ("may_call: [46]", "write SE for what has the calling code 46"),
    ("may_call: [geografic]", 'did you mean "geographic"?'),
    ("may_call: {SE: true}", "should be a list like [mobile, premium, SE]"),
    ("may_call: [[SE]]", '"may_call" should be one text'),
    ("mobile: +46701234567", '"+46701234567" is a number abroad, it has to be one of +358'),
    ("mobile: 0600 123456", "0600123456 is a number that costs extra"),
    ("mobile: 0800 123456", "0800123456 is a free number of +358, no mobile"),
    ("mobile: 0780 123456", "0780123456 is in no series of +358, no mobile"),
    ("mobile: 116117", "116117 is a service number"),
    ("vip: [112]", "112 is an emergency number"),
    ("vip: [116117]", "116117 is a service number"),
    ("mobile: 5", '"5" is no number of +358'),
    ("mobile: [0457]", '"mobile" should be one text'),
    ("devices: [desk]", f'"devices" {KEYS}'),
    ("devices: {desk: 5}", f'"desk" {KEYS}'),
    ("devices: {Desk: }", '"Desk" is not a device\'s name'),
    ("devices: {desk: {place: 5}}", '"place": "5" has no letters, write it in words'),
    ("devices: {desk: {codecs: opus}}", '"codecs" should be a list like [opus, alaw]'),
    ("devices: {desk: {codecs: [mp3]}}", "\"codecs\" should be 'opus', 'g722'"),
    ("devices: {desk: {ice: maybe}}", '"ice" should be true or false'),
    ("devices: {desk: {ipv6: 6}}", '"ipv6" should be true or false'),
    ("devices: {desk: {keys: x}}", "\"keys\" should be 'any' or 'info'"),
    ("devices: {desk: {encryption: srtp}}", '"encryption": srtp needs transport: tls'),
    ("devices: {desk: {plaec: x}}", 'unknown key "plaec", did you mean "place"?'),
]


def is_told(folder: Path, file: str, written: str, expected: str) -> None:
    """`expected` stands in what is told of the line of `written`."""
    line = at(folder, file, written, "")
    assert any(one.startswith(line) and expected in one for one in told(folder)), told(folder)


@pytest.mark.parametrize(("old", "new", "expected"), [*TRUNK, *LIMITS])
def test_a_wrong_value_of_a_trunk_or_a_cap(
    folder: Path, change: Change, old: str, new: str, expected: str
) -> None:
    indent = old[: len(old) - len(old.lstrip())]
    change("trunks.yaml", old, indent + new + "\n" * old.endswith("\n"))
    is_told(folder, "trunks.yaml", new, expected)


@pytest.mark.parametrize(("new", "expected"), DIALLING)
def test_a_wrong_value_of_the_numbers(
    folder: Path, change: Change, new: str, expected: str
) -> None:
    kept = "" if new.startswith("country") else COUNTRY
    change("trunks.yaml", COUNTRY, f"{kept}  {new}\n")
    is_told(folder, "trunks.yaml", f"  {new}", expected)


def test_the_calling_code_of_another_country_is_told_where_it_stands(
    folder: Path, change: Change
) -> None:
    change("trunks.yaml", COUNTRY, f"{COUNTRY}  country_code: 46\n")
    is_told(folder, "trunks.yaml", "country_code: 46", "FI has calling code 358, take it out")


@pytest.mark.parametrize(("new", "expected"), PERSON)
def test_a_wrong_value_of_a_person(folder: Path, change: Change, new: str, expected: str) -> None:
    change("people.yaml", "\n101:\n", f"\n101:\n  {new}\n")
    is_told(folder, "people.yaml", new, expected)


def test_our_numbers_are_those_of_the_plans_country(folder: Path, change: Change) -> None:
    change("trunks.yaml", COUNTRY, "  country_code: 49\n  emergency: [112]\n")
    change("numbers.yaml", "018 000 101:", "+358 18 000 101:")
    is_told(folder, "numbers.yaml", "+358 18 000 101:", "a number abroad, it has to be one of +49")


def test_what_is_not_known_of_a_country_is_advice(folder: Path, change: Change) -> None:
    change("trunks.yaml", COUNTRY, "  country_code: 34\n  emergency: [112]\n")
    assert told(folder) == []
    (advice,) = map(str, advise(folder, TODAY))
    assert advice.startswith(
        at(folder, "trunks.yaml", "  country_code: 34", "there is no table of")
    )
    assert "others are never dialled, and none is known to cost extra" in advice
    change("trunks.yaml", "country_code: 34", "country_code: 46")
    (advice,) = map(str, advise(folder, TODAY))
    assert "write country: SE in place of country_code:" in advice


def test_aland_has_the_numbers_of_finland(folder: Path, change: Change) -> None:
    known = load_plan(folder, TODAY).dialling
    change("trunks.yaml", COUNTRY, "  country: AX\n")
    assert load_plan(folder, TODAY).dialling == known
    assert advise(folder, TODAY) == []
