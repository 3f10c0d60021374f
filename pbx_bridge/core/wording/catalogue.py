"""Every sentence that the exchange can say, and the slots that the rules fill in it.

A wording must use exactly these slots: a sentence that left out `until` would no longer
tell the caller when (S7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TO_CALLERS = {
    # a person
    "person-absent": "name reason until",
    "off-duty": "name until",
    "insist": "name",
    "no-answer": "name",
    "busy": "name",
    "unreachable": "name",
    "reach-again": "name until",
    "passing-to": "name",
    "passing-to-line": "line",
    # a line
    "welcome": "organisation",
    "line-closed": "line opens",
    "line-closed-unknown": "line",
    "line-no-answer": "line",
    "line-next": "line opens",
    "line-broken": "line note opens",
    "line-broken-today": "line note",
    "line-at-lunch": "line opens",
    "please-wait": "",
    "try-again-soon": "",
    "closes": "until",
    # choices
    "offer-colleague": "name",
    "offer-line": "line",
    "offer-call-back": "",
    "offer-language": "digit",
    "ask-number": "",
    "call-back-noted": "",
    # a message
    "offer-message": "name",
    "offer-message-line": "",
    "leave-message": "",
    "message-saved": "",
    "goodbye": "",
    # a number
    "unknown-number": "",
    "not-allowed": "",
    "trunk-failed": "",
    # no bridge decides: nothing is known but what Asterisk has in its own store
    "fallback-sorry": "",
    "fallback-unreachable": "",
    "fallback-closed": "",
    "fallback-passing": "",
}
_TO_STAFF = {
    "referral-set": "name reason until",
    "referral-is": "name reason until",
    "referral-set-calls-to": "name",
    "referral-set-calls-to-line": "line",
    "referral-reachable": "name reason until",
    "referral-begins": "since",
    "referral-cancelled": "",
    "referral-none": "",
    # the voice menu
    "ask-extension": "",
    "ask-pin": "",
    "menu-set": "",
    "menu-later": "",
    "menu-back": "",
    "menu-cancel-planned": "",
    "ask-reason": "",
    "offer-reason": "digit reason",
    "ask-beginning": "",
    "ask-end-time": "",
    "ask-end-date": "",
    "ask-end-usual": "until",
    "confirm-keys": "",
    "refused-unknown-choice": "",
    "refused-no-planned": "",
    "hours-broken": "line until",
    "hours-repaid": "until",
    "hours-owed": "minutes",
    "hours-resumed": "line until",
    "refused-no-phone-hours": "",
    "refused-break-ends-today": "",
    "refused-nothing-to-break": "line",
    "refused-not-broken": "",
    "signed-in": "line",
    "signed-out": "line",
    "refused-last-attendant": "line",
    "refused-not-member": "line",
    "refused-not-signed-in": "line",
    "refused-time-passed": "",
    "refused-bad-time": "",
    "refused-note-needed": "",
    "refused-unknown-reason": "",
    "refused-unknown-code": "",
    "refused-not-for-others": "",
    "refused-failed": "",
    "refused-end-needed": "",
    "refused-end-before-start": "",
    "refused-unknown-note": "",
    "refused-too-many": "",
    "refused-pin": "",
    "refused-pin-locked": "",
    "refused-no-such-colleague": "",
    "refused-colleague-away": "name until",
    "refused-asked-already": "name",
    "refused-forward-without-referral": "",
    "refused-no-forward": "",
    # notes
    "offer-note": "digit note",
    "offer-note-recorded": "",
    # forwards
    "ask-cover": "",
    "forward-asked": "name",
    "forward-withdrawn": "",
    "offer": "name until",
    "offer-keys": "",
    "offer-accepted": "",
    "offer-declined": "",
    "offer-unanswered": "",
    "offer-gone": "",
    "press-one-to-take": "",
    # notices
    "notices-none": "",
    "notice-subject": "name",
    "notice-absence": "name reason until",
    "notice-late-start": "name reason until",
    "notice-early-end": "name reason until",
    "notice-in-phone-hours": "name reason until",
    "notice-remote": "name reason until",
    "notice-unplanned": "name reason until",
    "notice-private": "name reason",
    "notice-back": "name",
    "notice-deputy": "name until",
    "notice-offer": "name until",
    "notice-offer-accepted": "name other",
    "notice-offer-declined": "name other",
    "notice-forward-ended": "name",
    "notice-call-back": "name number",
    "notice-hours-broken": "name note until",
    "notice-undelivered": "name other",
    "notice-note": "note",
    "fallback-code": "",
}

SLOTS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(slots.split()) for key, slots in (_TO_CALLERS | _TO_STAFF).items()
}
"""Slots by key. `name` is a person's; `line`, `organisation` and `reason` have one wording per
language; `until` and `opens` are moments."""
