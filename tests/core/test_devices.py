"""What the devices of people are called in Asterisk."""

from __future__ import annotations

from core.plans import PLAN
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.core import devices
from pbx_bridge.core.model import Device, Person

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True)
EXTENSIONS = st.from_regex(r"[1-9][0-9]{1,5}", fullmatch=True)


def person(extension: str, *names: str) -> Person:
    found = tuple(Device(name) for name in names) or (Device(),)
    return Person(extension, "Gun", "vaktmästare", "skola", devices=found)


def test_the_first_device_is_the_extension_and_the_others_are_called_by_their_name_too() -> None:
    assert devices.endpoints(person("101")) == ("101",)
    assert devices.endpoints(person("101", "desk", "dect")) == ("101", "101-dect")
    assert devices.endpoints(PLAN.people["104"]) == ("104", "104-softphone")


@given(people=st.dictionaries(EXTENSIONS, st.lists(NAMES, unique=True, max_size=4), max_size=5))
def test_no_two_devices_have_one_endpoint_and_each_leads_back_to_its_owner(
    people: dict[str, list[str]],
) -> None:
    found = [
        (one, extension)
        for extension, names in people.items()
        for one in devices.endpoints(person(extension, *names))
    ]
    assert len(dict(found)) == len(found)
    for endpoint, extension in found:
        assert devices.extension_of(endpoint) == extension
        assert devices.endpoint_of(f"PJSIP/{endpoint}-0000001a") == endpoint
        assert endpoint in (extension, f"{extension}-{devices.device_of(endpoint)}")


def test_trunks_are_nobodys_and_may_have_dashes() -> None:
    assert devices.endpoint_of("PJSIP/operator-2-0000001a") == "operator-2"
    assert devices.extension_of("operator-2") == "operator-2"
    assert devices.device_of("operator-2") == ""
    assert devices.endpoint_of("Local/101@phones-00000000;1") == ""


def test_a_person_is_told_by_the_channels_that_ring_all_devices() -> None:
    assert devices.person_of(devices.member("101")) == "101"
    assert devices.person_of("Local/101@pbx-bridge-devices-0000001a;1") == "101"
    assert devices.person_of("Local/0457000102@pbx-bridge-mobile/n") == ""
    assert devices.person_of("PJSIP/101") == ""


def test_a_device_is_found_by_its_name_and_the_first_one_without() -> None:
    gun = person("101", "desk", "dect")
    assert devices.named(gun, "dect") == Device("dect")
    assert devices.named(gun, "") == devices.named(gun, "desk") == Device("desk")
    assert devices.named(gun, "laptop") is None
