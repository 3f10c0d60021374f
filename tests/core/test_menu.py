"""The voice menu: who is let in, and what it does for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from core.plans import DAY, EXCHANGE, PLAN, PROMPTS, at, away
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_bridge.core import call as calls
from pbx_bridge.core import typed
from pbx_bridge.core.call import Ask, Call, Hangup, Obey, Record, Say, Why
from pbx_bridge.core.commands import Refusal
from pbx_bridge.core.confirming import confirmation
from pbx_bridge.core.decide import MOST_STEPS, decide
from pbx_bridge.core.folding import fold
from pbx_bridge.core.handling import handle, refused
from pbx_bridge.core.locks import MOST_WRONG_PINS
from pbx_bridge.core.sentences import Sentence, Spoken
from pbx_bridge.core.state import Exchange, Referral
from pbx_bridge.core.wording import render

MENU = "018000123"
PIN = "314159"
DESK = Call(MENU, "102", phone="102")
STRANGER = Call(MENU, "0401234567")
OWN_MOBILE = Call(MENU, PLAN.people["102"].mobile)


@dataclass
class Talk:
    """Somebody at the menu, who answers each question with the next of `keys`."""

    call: Call
    keys: Iterable[str] = ()
    exchange: Exchange = EXCHANGE
    now: datetime = DAY
    marks: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    whys: list[Why] = field(default_factory=list)

    def __post_init__(self) -> None:
        keys = iter(self.keys)
        while True:
            decision = decide(self.call, self.exchange, self.now)
            self.marks.append(decision.mark)
            self.whys.append(decision.why)
            result = ""
            match decision.step:
                case Hangup():
                    return
                case Obey(command):
                    result = self._obey(decision.mark, command)
                case Say(sentences):
                    self._hear(sentences)
                case Ask(sentences):
                    self._hear(sentences)
                    result = next(keys, "")
                case Record():
                    result = "DTMF"
            call = calls.with_attempt(self.call, decision.about)
            result = typed.kept(call, result, self.exchange.plan, lambda _: PIN)
            self.call = calls.decode(calls.encode(calls.with_result(call, result)), self.call)
            if isinstance(decision.step, Obey):
                self.call = calls.with_attempt(self.call, decision.about.told)

    def _obey(self, mark: str, command: object) -> str:
        answer = handle(command, self.exchange, self.now)  # type: ignore[arg-type]  # a test knows
        if isinstance(answer, Refusal):
            self.exchange = fold(self.exchange, (refused(command, answer, self.now),))  # type: ignore[arg-type]  # a test knows
            self._hear((answer.spoken,))
            return "refused"
        self.exchange = fold(self.exchange, answer)
        self._hear(confirmation(command, self.exchange, self.now))  # type: ignore[arg-type]  # a test knows
        return "done"

    def _hear(self, sentences: Iterable[Spoken]) -> None:
        for one in sentences:
            assert isinstance(one, Sentence)
            language = one.language or self.call.language
            self.heard.append(render(one, language, self.now, PROMPTS))

    @property
    def text(self) -> str:
        return " ".join(self.heard)

    @property
    def asked(self) -> list[str]:
        return [mark for mark in self.marks if mark.startswith("ask:")]


def referrals(talk: Talk, extension: str = "102") -> list[tuple[str, datetime, datetime]]:
    held = talk.exchange.referrals.get(extension, ())
    return [(one.reason, one.since, one.until) for one in held]


def test_the_own_desk_phone_needs_no_pin() -> None:
    talk = Talk(DESK, ["1", "2", "1430#", "1"])
    assert referrals(talk) == [("mote", DAY, at("2026-03-03 14:30"))]
    assert talk.asked[0] == "ask:menu.1"
    assert "Bo Ek är i möte och är åter i dag klockan halv tre. Stämmer det?" in talk.text
    assert "Hänvisningen är satt." in talk.text
    assert talk.heard[-1] == "Tack för ditt samtal. Hej då."


def test_s29_a_known_mobile_proves_itself_with_a_pin_alone() -> None:
    talk = Talk(OWN_MOBILE, [PIN, "1", "2", "1430", "1"])
    assert talk.asked[:2] == ["ask:pin.1.102", "ask:menu.1"]
    assert referrals(talk)


def test_a_known_mobile_is_enough_where_the_site_says_so() -> None:
    organisation = replace(PLAN.organisation, pin_for_known_mobiles=False)
    trusting = replace(EXCHANGE, plan=replace(PLAN, organisation=organisation))
    assert Talk(OWN_MOBILE, exchange=trusting).asked[0] == "ask:menu.1"
    assert Talk(STRANGER, exchange=trusting).asked[0] == "ask:extension.1"


def test_a_mobile_that_two_people_have_is_nobodys() -> None:
    people = dict(PLAN.people)
    people["103"] = replace(people["103"], mobile=people["102"].mobile)
    shared = replace(EXCHANGE, plan=replace(PLAN, people=people))
    assert Talk(OWN_MOBILE, exchange=shared).asked[0] == "ask:extension.1"


def test_from_elsewhere_the_extension_and_its_pin_are_asked() -> None:
    talk = Talk(STRANGER, ["102", PIN, "1", "1", "#", "1"])
    assert talk.asked[:3] == ["ask:extension.1", "ask:pin.1.102", "ask:menu.1"]
    assert referrals(talk) == [("lunch", DAY, DAY + timedelta(minutes=45))]


@pytest.mark.parametrize("extension", ["102", "999"])
def test_f38_an_extension_that_nobody_has_is_told_apart_by_nothing(extension: str) -> None:
    talk = Talk(STRANGER, [extension, "000000", "111111", "222222"])
    assert [mark.rpartition(".")[0] for mark in talk.asked] == [
        *("ask:extension", "ask:pin.1", "ask:pin.2", "ask:pin.3")
    ]
    assert talk.heard.count("Fel kod.") == 3
    assert talk.heard[-1] == "Tack för ditt samtal. Hej då."


def test_f38_guessing_locks_the_account_also_for_the_right_pin() -> None:
    exchange = Talk(STRANGER, ["102", "1", "2", "3"]).exchange
    guessing = Talk(STRANGER, ["102", "1", "2", "3"], exchange)
    exchange = guessing.exchange
    assert guessing.heard.count("Fel kod.") == MOST_WRONG_PINS - 4
    assert "För många försök med fel kod. Försök igen i dag klockan kvart över tio" in guessing.text
    other = replace(STRANGER, caller="0407654321")
    locked = Talk(other, ["102", PIN, "1", "2", "1430", "1"], exchange)
    assert "För många försök" in locked.text
    assert referrals(locked) == []
    assert len(locked.asked) == 2
    later = Talk(other, ["102", PIN, "1", "2", "1430", "1"], exchange, DAY + timedelta(minutes=16))
    assert referrals(later)
    assert referrals(Talk(DESK, ["1", "2", "1430", "1"], exchange))


def test_after_a_wrong_pin_the_pin_alone_is_asked_again_and_after_none_the_extension() -> None:
    again = Talk(STRANGER, ["102", "271828", PIN, "1", "2", "1430", "1"])
    assert again.asked[:4] == ["ask:extension.1", "ask:pin.1.102", "ask:pin.2.102", "ask:menu.1"]
    assert referrals(again)
    anew = Talk(STRANGER, ["101", "#", "102", PIN, "1", "2", "1430", "1"])
    assert anew.asked[1:4] == ["ask:pin.1.101", "ask:extension.2", "ask:pin.2.102"]
    assert "Fel kod." not in anew.text
    assert anew.exchange.wrong_pins == {}
    assert referrals(anew)


def test_f38_strangers_cant_lock_out_the_own_mobile_nor_it_others() -> None:
    guessed = Talk(STRANGER, ["102", "1", "2", "3"]).exchange
    guessed = Talk(replace(STRANGER, caller="anonymous"), ["102", "1", "2"], guessed).exchange
    assert "För många" in Talk(STRANGER, ["102", PIN], guessed).text
    assert referrals(Talk(OWN_MOBILE, [PIN, "1", "2", "1430", "1"], guessed))
    forged = Talk(OWN_MOBILE, ["1", "2", "3"]).exchange
    forged = Talk(OWN_MOBILE, ["1", "2", "3"], forged).exchange
    assert "För många" in Talk(OWN_MOBILE, [PIN], forged).text
    assert referrals(Talk(STRANGER, ["102", PIN, "1", "2", "1430", "1"], forged))


@pytest.mark.parametrize("withheld", ["", "anonymous", "Unavailable", "restricted"])
def test_f38_who_withholds_their_number_locks_nobody_else_who_does(withheld: str) -> None:
    nobody = replace(STRANGER, caller=withheld)
    exchange = EXCHANGE
    for extension in ("101", "103", "104", "105"):
        exchange = Talk(nobody, [extension, "1", "2", "3"], exchange).exchange
    assert referrals(Talk(nobody, ["102", PIN, "1", "2", "1430", "1"], exchange))


def test_f38_a_number_that_guesses_at_many_is_locked_in_each_of_its_forms() -> None:
    first = Talk(STRANGER, ["101", "1", "2", "3"]).exchange
    exchange = Talk(replace(STRANGER, caller="+358401234567"), ["103", "1", "2"], first).exchange
    assert "För många" in Talk(STRANGER, ["102", PIN], exchange).text


def test_no_pin_stands_in_a_call() -> None:
    for pin in (PIN, "271828"):
        talk = Talk(STRANGER, ["102", pin, "1", "2", "1430", "1"])
        assert pin not in calls.encode(talk.call)


def test_what_was_read_back_can_be_begun_again() -> None:
    talk = Talk(DESK, ["1", "2", "1430", "2", "1", "1300", "1"])
    assert referrals(talk) == [("lunch", DAY, at("2026-03-03 13:00"))]
    assert referrals(Talk(DESK, ["1", "2", "1430", "2", "1", "1300", "2"])) == []
    assert referrals(Talk(DESK, ["1", "2", "1430"])) == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (["9", "1", "2", "1430", "1"], "Det valet finns inte."),
        (["1", "#", "2", "1430", "1"], "Den orsaken finns inte."),
        (["1", "2", "2575", "1430", "1"], "Den tiden finns inte."),
        (["1", "2", "#", "1430", "1"], "Den orsaken kräver en tid när du är åter."),
        (["1", "2", "0700", "1430", "1"], "Den tiden har redan passerat."),
    ],
)
def test_what_makes_no_sense_is_asked_again(keys: list[str], problem: str) -> None:
    talk = Talk(DESK, keys)
    assert problem in talk.text
    assert referrals(talk) == [("mote", DAY, at("2026-03-03 14:30"))]


def test_silence_is_asked_again_without_a_reproach_and_then_ends() -> None:
    talk = Talk(DESK)
    assert talk.asked == ["ask:menu.1", "ask:menu.2", "ask:menu.3"]
    assert "Det valet finns inte." not in talk.text


def test_a_referral_may_begin_later() -> None:
    talk = Talk(DESK, ["2", "5", "0803", "0817", "1"])
    ((reason, since, until),) = referrals(talk)
    assert (reason, since, until) == (
        *("semester", at("2026-08-03 08:30"), at("2026-08-17 08:30")),
    )
    assert "Den börjar måndagen den tredje augusti klockan halv nio." in talk.text
    usual = Talk(DESK, ["2", "1", "1300", "#", "1"])
    assert referrals(usual) == [("lunch", at("2026-03-03 13:00"), at("2026-03-03 13:45"))]
    passed = Talk(DESK, ["2", "1", "0700", "1300", "#", "1"])
    assert "Den tiden har redan passerat." in passed.text
    assert referrals(passed) == referrals(usual)


def test_what_was_read_back_stays_although_the_clock_goes_on() -> None:
    for clock, set_ in (("12:09", [("lunch", at("2026-03-03 12:09"))]), ("12:30", [])):
        tried = Talk(DESK, ["1", "1", "1210"]).call.tried
        last = next(at for at, one in enumerate(tried) if one.mark.startswith("ask:confirm"))
        confirmed = replace(DESK, tried=(*tried[:last], replace(tried[last], result="1")))
        late = Talk(confirmed, now=at(f"2026-03-03 {clock}"))
        assert [one[:2] for one in referrals(late)] == set_
        assert ("Den tiden har redan passerat." in late.text) is (not set_)
        assert late.asked == []


def test_s15_back_early() -> None:
    exchange = away("102", "2026-03-03 14:30")
    talk = Talk(OWN_MOBILE, [PIN, "3"], exchange)
    assert "Tryck tre om du är tillbaka." in talk.text
    assert "Hänvisningen är borttagen." in talk.text
    assert referrals(talk) == []
    assert "Tryck tre" not in Talk(DESK).text


def test_the_next_planned_referral_is_cancelled() -> None:
    days = [at("2026-03-05 08:30"), at("2026-03-09 08:30")]
    held = tuple(Referral("102", "semester", day, day + timedelta(days=1)) for day in days)
    exchange = replace(EXCHANGE, referrals={"102": held})
    talk = Talk(DESK, ["4"], exchange)
    assert referrals(talk) == [("semester", days[1], days[1] + timedelta(days=1))]
    assert "Hänvisningen är borttagen." in talk.text


def test_a_note_is_asked_for_and_the_last_attendant_stays() -> None:
    noted = Talk(DESK, ["1", "9", "1430", "1", "1"])
    assert noted.exchange.referrals["102"][0].note == "akut ärende"
    spoken = Talk(DESK, ["1", "9", "1430", "1", "0"])
    assert "record:note" in spoken.marks
    unplanned = Talk(DESK, ["1", "6", "#", "1"])
    assert any(mark.startswith("obey:set.") for mark in unplanned.marks)


def test_every_reason_has_a_name_of_its_own_in_the_menu() -> None:
    for language in PLAN.organisation.title:
        titles = [(one.title or one.public)[language] for one in PLAN.reasons.values()]
        assert len(set(titles)) == len(titles)


KEYS = st.sampled_from(
    ["", "#", "0", "1", "2", "3", "4", "9", "102", PIN, "1430", "0803", "2575", "1300**1430", "*"]
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([DESK, STRANGER, OWN_MOBILE]), st.lists(KEYS, max_size=24))
def test_every_way_through_the_menu_ends_with_a_goodbye(call: Call, keys: list[str]) -> None:
    talk = Talk(call, keys)
    assert len(talk.call.tried) < MOST_STEPS
    assert len(set(talk.marks)) == len(talk.marks)
    assert talk.heard[-1] == "Tack för ditt samtal. Hej då."
    changed = talk.exchange.referrals.keys()
    assert changed <= {"102"}
    proved = call is DESK or Why.PIN_ASKED in talk.whys
    assert proved or not changed


@given(st.lists(KEYS.filter(lambda keys: keys != PIN), max_size=24))
def test_without_the_pin_nobody_gets_in(keys: list[str]) -> None:
    talk = Talk(STRANGER, keys)
    assert not any(mark.startswith("ask:menu") for mark in talk.marks)
