"""What is kept of the keys that people press (S29).

PINs are typed at questions that didn't ask for one, and into codes. A call's state, the journal
and the record outlive the call, so of what was typed there is only what an answer to the question
can be: an extension of the plan, a telephone number, a time. Four digits in a row are a time; a
PIN has more.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Container

from pbx_bridge.core import numbers
from pbx_bridge.core.call import Call
from pbx_bridge.core.classes import classify
from pbx_bridge.core.countries import Class
from pbx_bridge.core.model import Dialling, Plan
from pbx_bridge.core.stepid import StepId

PIN_RIGHT, PIN_WRONG = "right", "wrong"
"""In place of the PIN that was typed."""
UNREAD = "unread"
"""In place of keys that can't be the answer."""
HIDDEN = "?"
"""In place of digits in a code."""
PIN_ASKED = StepId("ask", "pin")
"""With the round and the extension whose PIN is asked for, "" for nobody's."""
EXTENSION_ASKED = StepId("ask", "extension")
"""With the round."""
STAND_IN_ASKED, COVER_ASKED = StepId("ask", "stand-in"), StepId("ask", "cover")
NUMBER_ASKED = StepId("ask", "number")
_NOTHING = ("", "#")
_ASK_EXTENSIONS = (EXTENSION_ASKED, STAND_IN_ASKED, COVER_ASKED)
_RUN = re.compile(r"[0-9]{5,}", re.ASCII)
_TELEPHONE = re.compile(r"0[0-9]{6,16}", re.ASCII)
"""No PIN of ours begins with 0; the older ones that do have six digits."""
_WITHOUT_PREFIX = re.compile(r"[0-9]{8}", re.ASCII)
"""Of Norway and Denmark."""


def pin_asked(call: Call) -> str | None:
    """The extension whose PIN the caller was asked for in the last step, "" for one that nobody
    has, None where no PIN was asked for."""
    last = call.tried[-1].about if call.tried else None
    return last.args[-1] if last is not None and last.begins_with(PIN_ASKED) else None


def kept(call: Call, result: str, plan: Plan, pin_of: Callable[[str], str]) -> str:
    """What a call carries of the result of its last step, with the keys typed in it.

    `pin_of` tells the PIN of an extension, "" for none.
    """
    extension = pin_asked(call)
    if extension is not None:
        known = extension in plan.people
        return _NOTHING[0] if result in _NOTHING else _proof(result, pin_of(extension) * known)
    last = call.tried[-1].about if call.tried else None
    if last is None or last.kind != "ask" or result in _NOTHING:
        return result
    if any(last.begins_with(asked) for asked in _ASK_EXTENSIONS):
        return result if result in plan.people else UNREAD
    if last == NUMBER_ASKED:
        return result if is_number(result, plan.people, plan.dialling) else UNREAD
    return UNREAD if _RUN.search(result) else result


def is_number(digits: str, people: Container[str] = (), dialling: Dialling | None = None) -> bool:
    """Whether the digits are an extension of `people`, or a telephone number outside in national
    or international form; in a country without a trunk prefix one as long as no PIN is."""
    if digits in people or _TELEPHONE.fullmatch(digits) is not None:
        return True
    plain = dialling is not None and not dialling.trunk_prefix
    return plain and _WITHOUT_PREFIX.fullmatch(digits) is not None


def dialled(call: Call, plan: Plan) -> str:
    """What was dialled, as it may be kept: digits that are no number of anybody are hidden."""
    is_code = call.dialled.startswith(("*", "#"))
    if not is_code and (not call.phone or numbers.target(call.dialled, plan) is not None):
        return call.dialled
    if classify(call.dialled, plan.dialling) is not Class.UNKNOWN:
        return call.dialled
    return _hidden(call.dialled, plan.people)


def code(text: str) -> str:
    """What stands in Asterisk's record as dialled, without the digits of a code that are no
    telephone number."""
    return _hidden(text) if text.startswith(("*", "#")) else text


def _hidden(text: str, people: Container[str] = ()) -> str:
    return _RUN.sub(lambda run: run[0] if is_number(run[0], people) else HIDDEN, text)


def _proof(result: str, pin: str) -> str:
    right = bool(pin) and hmac.compare_digest(result.encode(), pin.encode())
    return PIN_RIGHT if right else PIN_WRONG


def acts_for(call: Call) -> str:
    """The extension whose PIN was given in the call, "" where none was."""
    right = (one for one in call.tried if one.about.begins_with(PIN_ASKED))
    return next((one.about.args[-1] for one in right if one.result == PIN_RIGHT), "")
