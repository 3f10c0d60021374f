"""Lost telephones: who may block them, what that keeps away, and who is told (S26, F40)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, away, changed_person, steps
from core.test_commands import refuses, said

from pbx_bridge.core import attendance, blocks, codes, questions, reach, typed
from pbx_bridge.core.blocks import MOBILE, OpenChannel
from pbx_bridge.core.call import Attempt, Call
from pbx_bridge.core.commands import (
    TECHNICIAN,
    BlockPhone,
    Command,
    CountAttendants,
    ProvePin,
    Refusal,
    SeePhone,
    UnblockPhone,
)
from pbx_bridge.core.delivery import may_be_sent
from pbx_bridge.core.events import CommandRefused, NoticeDue, PhoneBlocked, PhoneLost
from pbx_bridge.core.explain import explain
from pbx_bridge.core.folding import fold, under
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.model import Language
from pbx_bridge.core.notices import due
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.state import About, Channel, Exchange, Lost, Notice, Sighting
from pbx_bridge.core.stepid import StepId
from pbx_bridge.core.telling import spoken
from pbx_bridge.core.wording import render, write

SEEN = Sighting("105", "192.0.2.7:5060", "Yealink", DAY, registered=True)
LOST = BlockPhone("105", "111", note=" på  färjan ", seen=(SEEN,))
"""Elin Strand, whose mobile rings with her telephone, and who may attend no line."""


def after(command: Command, exchange: Exchange = EXCHANGE, now: datetime = DAY) -> Exchange:
    answer = handle(command, exchange, now)
    assert not isinstance(answer, Refusal), answer
    return fold(exchange, answer)


BLOCKED = after(LOST)


@pytest.mark.parametrize("by", ["111", "104", "technician:anna"])
def test_operators_and_technicians_block_a_telephone(by: str) -> None:
    assert after(replace(LOST, by=by)).blocks.keys() == {"105"}


@pytest.mark.parametrize("by", ["105", "103", "101"])
def test_nobody_else_does_not_even_its_owner_or_their_foreman(by: str) -> None:
    """Whoever has found a telephone could lock its owner out with it."""
    exchange = changed_person("105", foreman="103")
    assert refuses(replace(LOST, by=by), exchange) == ("S29", "not-allowed-for-others")


@pytest.mark.parametrize("by", ["111", "105", "104"])
def test_only_a_technician_ends_a_block_with_new_passwords(by: str) -> None:
    assert refuses(UnblockPhone("105", by), BLOCKED) == ("S29", "not-allowed-for-others")
    assert after(UnblockPhone("105", TECHNICIAN), BLOCKED).blocks == {}
    assert refuses(UnblockPhone("105", TECHNICIAN)) == ("", "not-blocked")


def test_a_telephone_that_nobody_has_is_refused() -> None:
    assert refuses(replace(LOST, device="fax")) == ("", "unknown-device")
    assert refuses(BlockPhone("101", "111", MOBILE)) == ("", "unknown-device"), "has no mobile"
    assert refuses(BlockPhone("999", "111"))[1] == "unknown-person"


def test_a_block_is_said_once_and_confirmed_again() -> None:
    assert handle(LOST, BLOCKED, DAY) == ()
    assert said(LOST, BLOCKED) == said(LOST, EXCHANGE)
    assert "Ingenting fungerar längre från telefonen för Elin Strand" in said(LOST, EXCHANGE)


def test_a_block_outlives_any_change_of_the_plan() -> None:
    people = {who: one for who, one in PLAN.people.items() if who != "105"}
    without = under(replace(PLAN, people=people), BLOCKED)
    assert blocks.blocked_endpoints(without) == frozenset()
    assert blocks.blocked_endpoints(under(PLAN, without)) == {"105"}


def test_the_code_means_all_or_one_telephone() -> None:
    def read(digits: str) -> object:
        return codes.read(digits, PLAN.people["111"], EXCHANGE, DAY)

    assert read("*26*105#") == BlockPhone("105", "111")
    assert read("*26*105*0#") == BlockPhone("105", "111", "0")
    assert read("*26*999#") == Sentence("refused-no-such-colleague", {})
    assert after(BlockPhone("105", "111", "0")).blocks["105"][0].device == MOBILE
    assert after(BlockPhone("105", "111", "1")).blocks["105"][0].device == "105"
    assert refuses(BlockPhone("105", "111", "7")) == ("", "unknown-device")


def test_callers_are_told_that_the_person_can_not_be_reached_and_nothing_rings() -> None:
    way = steps(Call("018000105", "0401234567"), BLOCKED)
    assert way[0] == "say:to-vaxel person-blocked: unreachable passing-to-line"
    assert not any(one.startswith("ring:105") for one in way)


def test_no_vip_no_insisting_and_no_switchboard_rings_what_is_lost() -> None:
    exchange = away("105", "2026-03-03 14:30", exchange=changed_person("105", push_through=True))
    lost = after(LOST, under(exchange.plan, exchange))
    for caller, from_ in (("0457000199", ""), ("", "104")):
        vip = replace(lost.plan.people["105"], vip=frozenset({caller or from_}))
        plan = replace(lost.plan, people={**lost.plan.people, "105": vip})
        way = steps(Call("105", caller, from_), replace(lost, plan=plan))
        assert "person-absent" in way[0]
        assert not any("105" in one.split()[0] for one in way)
    way = steps(Call("*29*105#", phone="111"), lost, obey_override="done", say_override="")
    assert "say:override-failed person-blocked: unreachable" in way


def test_who_has_lost_the_phone_takes_nobodys_calls_and_is_asked_nothing() -> None:
    exchange = after(BlockPhone("102", "111"), away("101", "2026-03-03 14:30"))
    assert list(reach.takers(exchange, PLAN.people["101"], DAY)) == []
    question = questions.Question(questions.Kind.COVER, "111", "102", DAY)
    assert questions.cannot(exchange, question, DAY)


def test_one_device_alone_is_blocked_by_name_by_number_and_by_endpoint() -> None:
    """Daniel Holm's softphone; his desk phone rings on, and he attends with it."""
    for device in ("softphone", "2", "104-softphone"):
        lost = after(BlockPhone("104", "111", device))
        assert blocks.blocked_endpoints(lost) == {"104-softphone"}
        assert not blocks.is_blocked(lost, "104")
        assert lost.losses == {}
        assert steps(Call("018000104", "0401234567"), lost)[0] == "ring:104 person-rings"
    both = after(BlockPhone("104", "111", "desk"), after(BlockPhone("104", "111", "softphone")))
    assert blocks.is_blocked(both, "104")
    assert both.losses["104"].cause is Lost.UNREACHABLE
    assert steps(Call("018000104", "0401234567"), both)[0].startswith("say:to-")


def test_each_block_ends_by_itself() -> None:
    lost = after(BlockPhone("104", "111"), after(BlockPhone("104", "111", "softphone")))
    softphone = UnblockPhone("104", TECHNICIAN, "softphone")
    assert refuses(softphone, lost) == ("", "blocked-with-all"), "it wouldn't work after it"
    assert "är fortfarande spärrad" in said(UnblockPhone("104", TECHNICIAN), lost)
    found = after(UnblockPhone("104", TECHNICIAN), lost)
    assert blocks.blocked_endpoints(found) == {"104-softphone"}
    assert refuses(UnblockPhone("104", TECHNICIAN), found) == ("", "blocked-alone")
    assert said(softphone, found).endswith("kan användas igen, med sitt nya lösenord.")
    found = after(softphone, found)
    assert found.blocks == {}
    assert refuses(UnblockPhone("104", TECHNICIAN), found) == ("", "not-blocked")


def test_of_one_device_it_is_said_that_the_others_work_on() -> None:
    assert "Övriga telefoner fungerar som förut." in said(BlockPhone("104", "111", "2"), EXCHANGE)
    assert "Övriga" not in said(BlockPhone("104", "111"), EXCHANGE)


def test_a_lost_mobile_alone_leaves_the_desk_phone_ringing() -> None:
    lost = after(BlockPhone("105", "111", MOBILE))
    assert blocks.mobiles_of(lost, PLAN.people["105"]) == ()
    assert blocks.blocked_mobiles(lost) == {"0457000105"}
    assert not blocks.is_blocked(lost, "105")
    assert steps(Call("018000105", "0401234567"), lost)[0] == "ring:105 person-rings"


@pytest.mark.parametrize("device", ["", MOBILE])
def test_nobody_does_anything_from_a_lost_mobile(device: str) -> None:
    lost = after(BlockPhone("105", "111", device))
    for plan in (
        PLAN,
        replace(PLAN, organisation=replace(PLAN.organisation, pin_for_known_mobiles=False)),
    ):
        way = steps(Call("018000123", "+358457000105"), under(plan, lost))
        assert way == (
            "say:blocked phone-blocked: refused-phone-blocked",
            "hangup: nothing-left",
        )


def test_the_right_pin_of_who_has_lost_the_phone_opens_nothing_and_locks_nothing() -> None:
    right = ProvePin("105", "0401234567", right=True)
    answer = handle(right, BLOCKED, DAY)
    assert isinstance(answer, Refusal)
    assert (answer.clause, answer.why) == ("S26", "phone-blocked")
    entry = refused(right, answer, DAY)
    assert isinstance(entry, CommandRefused)
    assert fold(BLOCKED, (entry,)).wrong_pins == {}
    way = steps(
        Call("018000123", "0401234567"),
        BLOCKED,
        DAY,
        **{"ask_extension.1": "105", "ask_pin.1.105": "right", "obey_pin.1": "refused"},
    )
    assert any(one.startswith("obey:pin.1") for one in way), way
    assert not any("menu-set" in one for one in way)


def test_who_is_in_the_menu_with_the_pin_gets_no_further_and_the_call_is_cut() -> None:
    """From a stranger's telephone; nothing else shows that the call is theirs."""
    answers = {
        "ask_extension.1": "105",
        "ask_pin.1.105": "right",
        "obey_pin.1": "done",
    }
    menu = Call("018000123", "0401234567")
    for done in (answers, answers | {"ask_menu.1": "1", "ask_reason.1": "2"}):
        way = steps(menu, BLOCKED, DAY, **done)
        assert way[-2:] == (
            "say:blocked phone-blocked: refused-phone-blocked",
            "hangup: nothing-left",
        )
        assert not any("menu-set" in one or "ask-end" in one for one in way)
    pin = StepId("ask", "pin", ("1", "105"))
    inside = replace(menu, tried=(Attempt(pin, "right"), Attempt(StepId("ask", "menu", ("1",)))))
    assert typed.acts_for(inside) == "105"
    one = OpenChannel("PJSIP/operator-00000009", "0401234567", "ask", typed.acts_for(inside))
    assert list(blocks.to_be_cut(BLOCKED, [one])) == [one.name]
    assert list(blocks.to_be_cut(after(BlockPhone("105", "111", "105")), [one])) == []


def test_a_call_that_was_under_way_from_it_is_told_so_and_ends() -> None:
    for dialled in ("018000101", "0401234567", "*97", "*29*101#", "offer/101"):
        way = steps(Call(dialled, phone="105"), BLOCKED)
        assert way == ("say:blocked phone-blocked: refused-phone-blocked", "hangup: nothing-left")


def test_the_line_that_it_attends_is_short_at_once_and_its_backup_joins() -> None:
    answer = handle(BlockPhone("111", "113"), EXCHANGE, DAY)
    assert isinstance(answer, tuple)
    assert [type(one) for one in answer] == [PhoneBlocked, PhoneLost]
    lost = fold(EXCHANGE, answer)
    line = PLAN.switchboard
    assert attendance.queue(lost, line, DAY) == {"104": 0, "120": 1}
    raised = handle(CountAttendants("vaxel"), lost, DAY)
    assert isinstance(raised, tuple)
    told = due(raised, lost, fold(lost, raised), DAY)
    about = {(one.notice.to, one.notice.about) for one in told if isinstance(one, NoticeDue)}
    assert {("", About.LINE_SHORT), ("104", About.LINE_SHORT)} <= about


def test_a_telephone_that_still_answers_is_not_there_again_while_it_is_blocked() -> None:
    lost = after(BlockPhone("111", "113"))
    assert handle(SeePhone("111", None), lost, DAY) == ()
    assert lost.losses["111"].cause is Lost.UNREACHABLE
    found = after(UnblockPhone("111", TECHNICIAN), lost)
    assert "111" not in after(SeePhone("111", None), found).losses


def test_a_lost_backup_is_rung_for_nobody() -> None:
    lost = after(BlockPhone("104", "111"), after(BlockPhone("111", "113")))
    assert attendance.queue(lost, PLAN.switchboard, DAY) == {"120": 0}


def told(command: BlockPhone = LOST) -> list[Notice]:
    answer = handle(command, EXCHANGE, DAY)
    assert isinstance(answer, tuple)
    found = due(answer, EXCHANGE, fold(EXCHANGE, answer), DAY)
    return [one.notice for one in found if isinstance(one, NoticeDue)]


def test_foreman_head_of_office_and_switchboard_are_told_and_never_who_has_lost_it() -> None:
    assert {(one.to, one.channel) for one in told()} == {
        ("", Channel.LIST),
        ("104", Channel.MESSAGE),
        ("104", Channel.MAIL),
    }, "the foreman is the head of office"
    assert {one.to for one in told(BlockPhone("101", "111"))} == {"", "103", "104"}
    assert {one.to for one in told(BlockPhone("104", "111"))} == {"", "103"}


def words(notice: Notice, language: Language) -> str:
    exchange = fold(EXCHANGE, [NoticeDue(notice)])
    lines = [one for one in spoken(notice, exchange) if isinstance(one, Sentence)]
    if notice.channel is Channel.LIST:
        return " ".join(render(one, language, DAY, PROMPTS) for one in lines)
    return " ".join(write(one, language, PLAN.organisation.zone, PROMPTS) for one in lines)


def test_the_letter_has_what_the_police_asks_for_and_the_list_no_addresses() -> None:
    letter = next(one for one in told() if one.channel is Channel.MAIL)
    assert words(letter, Language.SV) == (
        "Elin Strand har förlorat sin telefon. Alla telefoner, röstmenyn och röstbrevlådan "
        "spärrades tisdag 3.3.2026 kl. 10.00. Spärrat: 105, 0457000105. "
        "Spärrat av: Karin Lund. 105 sågs senast tisdag 3.3.2026 kl. 10.00, ansluten från "
        "192.0.2.7:5060 (Yealink). Anteckning: på färjan."
    )
    heard = next(one for one in told() if one.channel is Channel.LIST)
    assert "192" not in words(heard, Language.EN)
    assert "lost a telephone" in words(heard, Language.EN)
    desk = next(one for one in told(BlockPhone("104", "111", "desk")) if one.to == "103")
    assert "Spärrat: 104, Kommungården, 2 tr., rum 203." in words(desk, Language.SV)
    unseen = next(one for one in told(replace(LOST, seen=())) if one.channel is Channel.MAIL)
    assert "It isn't known where 105 was last connected from." in words(unseen, Language.EN)


def test_nothing_is_sent_to_a_lost_telephone() -> None:
    def notice(channel: Channel) -> Notice:
        return Notice("x", channel, About.BACK, "105", "101", DAY)

    assert may_be_sent(notice(Channel.MESSAGE), EXCHANGE, DAY)
    assert not may_be_sent(notice(Channel.MESSAGE), BLOCKED, DAY)
    assert may_be_sent(notice(Channel.MAIL), BLOCKED, DAY)


CHANNELS: tuple[tuple[str, str, str, bool], ...] = (
    ("PJSIP/105-00000001", "105", "018000101", True),
    ("PJSIP/105-00000002", "105", "112", False),
    ("PJSIP/105-0000000a", "105", "emergency", False),
    ("PJSIP/1055-00000003", "1055", "018000101", False),
    ("PJSIP/105-softphone-00000003", "105", "018000101", False),
    ("PJSIP/101-00000004", "101", "018000105", False),
    ("PJSIP/operator-00000005", "+358457000105", "018000123", True),
    ("PJSIP/operator-00000006", "0401234567", "018000105", False),
    ("PJSIP/operator-00000007", "", "", False),
    ("Local/0457000105@pbx-bridge-mobile-00000008;1", "0457000105", "0457000105", True),
    ("Local/0457000102@pbx-bridge-mobile-00000009;1", "0457000102", "0457000102", False),
)


@pytest.mark.parametrize(("name", "number", "dialled", "cut"), CHANNELS)
def test_calls_from_and_to_it_are_cut_but_an_emergency_call(
    name: str, number: str, dialled: str, cut: bool
) -> None:
    one = OpenChannel(name, number, dialled)
    assert list(blocks.to_be_cut(BLOCKED, [one])) == [name] * cut
    assert list(blocks.to_be_cut(EXCHANGE, [one])) == []


def test_explain_says_which_rule_it_is() -> None:
    def speak(one: Sentence, language: Language) -> str:
        return render(one, language, DAY, PROMPTS)

    first = next(iter(explain(Call("018000105", "0401234567"), BLOCKED, DAY, speak)))
    assert first.why == "person-blocked"
