"""The ways of calls: for each kind of target, its steps in the order in which they are tried.

A route yields every step of a call's way that can be known, computed afresh from the state
of the moment; `decide` takes the first one that comes after those already tried. What
depends on a step's result is yielded only when that result is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from pbx_bridge.core.call import Call, Decision, Obey, Say, Why
from pbx_bridge.core.commands import Command
from pbx_bridge.core.sentences import Spoken
from pbx_bridge.core.stepid import StepId

Route = Iterator[Decision]

DONE = "done"
"""Result of an `Obey` whose command was carried out."""
REFUSED = "refused"
"""Of one that the policy or the plan does not allow."""


def say(
    name: str,
    why: Why,
    *sentences: Spoken,
    args: tuple[str, ...] = (),
    tells_when: bool = False,
) -> Decision:
    """Speak to the caller."""
    return Decision(StepId("say", name, args), Say(sentences), why, tells_when)


def obey(
    name: str, command: Command, why: Why = Why.CODE_OBEYED, args: tuple[str, ...] = ()
) -> Route:
    """Carry out `command`; the bridge tells how it went before the call goes on."""
    yield Decision(StepId("obey", name, args), Obey(command), why)
    yield say(name, Why.COMMAND_DONE, args=args)


def result_of(call: Call, name: str, args: tuple[str, ...] = ()) -> str | None:
    """How the command of that name went in this call; None when it wasn't tried."""
    return call.result(StepId("obey", name, args))


def obeyed(call: Call, name: str, args: tuple[str, ...] = ()) -> bool:
    """Whether the command of that name was carried out in this call."""
    return result_of(call, name, args) == DONE
