"""What every `ports.Switch` keeps, whatever is behind it.

The `switch` fixture gives one with an empty queue `vaxel` and no database entries.
"""

from __future__ import annotations

import asyncio

import pytest

from pbx_bridge.ports import PbxRejected, QueueMember, Switch

ASA = QueueMember("vaxel", "Local/101@phones")
BO = QueueMember("vaxel", "Local/102@phones")


class SwitchContract:
    """Derive, and give a `switch` fixture."""

    async def test_what_was_put_is_stored(self, switch: Switch) -> None:
        await switch.put("referral", "101", "lunch 2026-03-02T13:00")
        await switch.put("referral", "102", "distans")
        assert await switch.stored("referral") == {
            "101": "lunch 2026-03-02T13:00",
            "102": "distans",
        }

        await switch.put("referral", "101", "möte")
        assert (await switch.stored("referral"))["101"] == "möte"

    @pytest.mark.parametrize(
        "value", ["", "Åsa Öhman är på lunch ☎", "a: b", "'; DROP TABLE astdb; --", "x" * 1000, "0"]
    )
    async def test_a_value_comes_back_as_it_was_put(self, switch: Switch, value: str) -> None:
        await switch.put("referral", "101", value)
        assert await switch.stored("referral") == {"101": value}

    async def test_blanks_before_a_value_are_lost(self, switch: Switch) -> None:
        await switch.put("referral", "101", "  lunch ")
        assert await switch.stored("referral") == {"101": "lunch "}

    async def test_a_key_may_have_parts(self, switch: Switch) -> None:
        await switch.put("line", "vaxel/open", "1")
        assert await switch.stored("line") == {"vaxel/open": "1"}

    async def test_an_empty_family_is_empty(self, switch: Switch) -> None:
        assert await switch.stored("referral") == {}

    async def test_other_families_stay_out_however_alike(self, switch: Switch) -> None:
        for family in ("pbx_line", "pbxXline", "PBX_LINE", "pbx_line2"):
            await switch.put(family, "vaxel", family)
        assert await switch.stored("pbx_line") == {"vaxel": "pbx_line"}
        assert await switch.stored("pbx%") == {}

    async def test_what_was_removed_is_gone_and_may_be_removed_again(self, switch: Switch) -> None:
        await switch.put("referral", "101", "lunch")
        await switch.put("referral", "102", "lunch")
        for _ in range(2):
            await switch.remove("referral", "101")
            assert await switch.stored("referral") == {"102": "lunch"}

    async def test_f13_line_breaks_and_nul_are_refused_before_anything_happens(
        self, switch: Switch
    ) -> None:
        for bad in ("a\r", "a\n\nAction: DBPut", "a\0", "x" * 1024):
            with pytest.raises(ValueError, match="AMI header"):
                await switch.put("referral", "101", bad)
            with pytest.raises(ValueError, match="AMI header"):
                await switch.join(ASA, bad)
            with pytest.raises(ValueError, match="AMI header"):
                await switch.stored(bad)
        assert await switch.stored("referral") == {}
        assert await switch.members() == {}

    async def test_an_entry_without_a_name_is_refused(self, switch: Switch) -> None:
        with pytest.raises(PbxRejected):
            await switch.put("referral", "", "lunch")

    async def test_who_joins_is_a_member_and_joining_twice_is_no_error(
        self, switch: Switch
    ) -> None:
        assert await switch.members() == {}
        for _ in range(2):
            await switch.join(ASA, "Åsa Öhman")
            assert await switch.members() == {ASA: 0}
        await switch.join(BO, "Bo Ek", 1)
        assert await switch.members() == {ASA: 0, BO: 1}

    async def test_a_member_whose_state_is_read_elsewhere_is_known_by_it(
        self, switch: Switch
    ) -> None:
        """All devices of a person are one member, with one state."""
        whole = QueueMember("vaxel", "Local/101@phones", "hint:101@hints")
        await switch.join(whole, "Åsa Öhman", 1)
        assert await switch.members() == {whole: 1}
        await switch.leave(whole)
        assert await switch.members() == {}

    async def test_who_joins_again_with_another_penalty_has_that_one(self, switch: Switch) -> None:
        for penalty in (2, 0, 1):
            await switch.join(ASA, "Åsa Öhman", penalty)
            assert await switch.members() == {ASA: penalty}

    async def test_who_leaves_is_no_member_and_leaving_twice_is_no_error(
        self, switch: Switch
    ) -> None:
        await switch.join(ASA, "Åsa Öhman")
        await switch.join(BO, "Bo Ek")
        for _ in range(2):
            await switch.leave(ASA)
            assert await switch.members() == {BO: 0}

    async def test_a_queue_that_does_not_exist_is_refused(self, switch: Switch) -> None:
        nowhere = QueueMember("nowhere", "Local/101@phones")
        with pytest.raises(PbxRejected, match="No such queue"):
            await switch.join(nowhere, "Åsa Öhman")
        with pytest.raises(PbxRejected, match="No such queue"):
            await switch.leave(nowhere)

    async def test_many_at_once_do_not_mix(self, switch: Switch) -> None:
        keys = [str(number) for number in range(100)]
        await asyncio.gather(*(switch.put("referral", key, f"value {key}") for key in keys))
        first, second, members = await asyncio.gather(
            switch.stored("referral"), switch.stored("referral"), switch.members()
        )
        assert first == second == {key: f"value {key}" for key in keys}
        assert members == {}
