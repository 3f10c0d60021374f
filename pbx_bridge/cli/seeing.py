"""Commands that change nothing: check, explain, status, doctor."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pbx_bridge.adapters import control
from pbx_bridge.bootstrap import control_socket
from pbx_bridge.cli.doctoring import examine, kept
from pbx_bridge.cli.lines import row
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    exchange_of,
    number_of,
    person_of,
    show,
    site_of,
    today,
)
from pbx_bridge.cli.people import WRITTEN, read_moment
from pbx_bridge.config.deployment import Deployment
from pbx_bridge.config.problems import ConfigError, Problem
from pbx_bridge.config.site import all_problems, site_advice
from pbx_bridge.config.values import EXTENSION
from pbx_bridge.core import codes, limits, numbers
from pbx_bridge.core.call import Call
from pbx_bridge.core.explain import OUTGOING, right
from pbx_bridge.core.explain import explain as explained
from pbx_bridge.core.model import TargetKind
from pbx_bridge.core.state import Part
from pbx_bridge.core.timetable import line_openings, opening_of
from pbx_bridge.core.wording import render, until
from pbx_bridge.ports import JournalDamaged, PbxUnavailable


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (check, explain, status, doctor):
        app.command()(command)


def check(config: Config = CONFIG, state: State = None, as_json: AsJson = False) -> None:
    """Read all that technicians write, and show every problem with file and line. What is only
    `advice` keeps the exchange from nothing."""
    problems: Sequence[Problem]
    advice: Sequence[Problem] = ()
    try:
        deployment = deployment_of(config, state, begins=True)
        problems = all_problems(deployment, today())
        advice = site_advice(deployment, today(), () if problems else _capped(deployment))
    except ConfigError as error:
        problems = error.problems
    if as_json:
        found = [*((one, False) for one in problems), *((one, True) for one in advice)]
        show([asdict(one) | {"advice": is_advice} for one, is_advice in found])
    else:
        _print("\n".join(map(str, problems)) or "no problems found")
        for one in advice:
            _print(f"advice: {one}")
    raise typer.Exit(1 if problems else 0)


def _capped(deployment: Deployment) -> Iterator[str]:
    """Who may call out no more under the files as they are; nobody where that can't be known."""
    with contextlib.suppress(JournalDamaged, OSError):  # of another user, mostly
        site = site_of(deployment)
        yield from (who for who, _ in limits.capped(exchange_of(site), clock_of(site).now()))


def explain(
    number: Annotated[str, typer.Argument(help="A number, an extension or a feature code.")],
    at: Annotated[str, typer.Option(help=f"{WRITTEN}: another moment than now.")] = "",
    from_: Annotated[
        str, typer.Option("--from", help="Caller's number; an extension calls from its phone.")
    ] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Show what would happen to a call, and which rule says so. Nothing rings."""
    site = site_of(deployment_of(config, state))
    plan = site.plan
    now = clock_of(site).now()
    if at:
        now = read_moment(at, now)
    dialled = numbers.number(number, plan.dialling) or "".join(number.split())
    from_ = number_of(site, from_) if from_ else ""
    person = person_of(site, from_) if EXTENSION.fullmatch(from_) else None
    hides: bool | None = None
    if person is not None:
        dialled, hides = codes.after_identity(dialled, plan)
        dialled = numbers.known_as(dialled, plan.dialling)
    shown = {None: "", True: ", our number withheld,", False: ", our number shown,"}[hides]
    if dialled in plan.dialling.emergency:  # the centre is shown whom it can ring back
        shown = ", our number shown all the same," if hides else ""
        hides = None
    found = numbers.target(dialled, plan)
    language = plan.organisation.language if found is None else found.language
    call = Call(
        dialled,
        caller=from_,
        phone="" if person is None else from_,
        language=language if person is None else person.language,
    )
    exchange = exchange_of(site)
    way = list(
        explained(
            *(call, exchange, now, lambda one, lang: render(one, lang, now, site.prompts)),
            hides=bool(hides),
        )
    )
    if as_json:
        steps = [{"step": one.what, "why": one.why, "then": one.then} for one in way]
        show({"number": dialled, "at": now.isoformat(timespec="seconds"), "steps": steps})
        return
    if found is not None and found.kind is TargetKind.LINE:
        line = plan.lines[found.target]
        opening = opening_of(exchange, line, now)
        ahead = opening or next(line_openings(exchange, line, now), None)
        if ahead is not None:
            _print(f"{line.name} is {'open' if opening else 'closed'}: {row(ahead)}")
    _print(f"{dialled}{shown} at {now:%Y-%m-%d %H:%M}, if nobody answers and no key is pressed:")
    if any(one.why in OUTGOING for one in way):
        _print(right(call, exchange, now))
    for count, one in enumerate(way, 1):
        _print(f"{count:>3}. {one.what}  [{one.why}]")
    if person is None and found is None and plan.people:
        extension = min(plan.people)
        _print(f"That is a call from outside; with --from {extension} it is one of a phone here.")


def status(config: Config = CONFIG, state: State = None, as_json: AsJson = False) -> None:
    """Show who attends what, who is away, and how the bridge is."""
    deployment = deployment_of(config, state)
    try:
        found = asyncio.run(control.ask(control_socket(deployment.state), "status"))
    except PbxUnavailable:
        _on_the_fallback(deployment)
        raise
    if as_json:
        show(found)
        return
    _print(_status_text(found))


def _on_the_fallback(deployment: Deployment) -> None:
    """Say, where a supervisor knows, what callers have without a bridge."""
    with contextlib.suppress(PbxUnavailable):
        ill = {one.part: one.what for one in kept(deployment) if not one.well}
        if Part.ASTERISK not in ill:
            _print("CALLERS HAVE THE FALLBACK: Asterisk works by the last known state")
        for part, what in ill.items():
            _print(f"  {part}: {what}")


def _status_text(found: Any) -> str:
    links = ", ".join(f"{name} {'up' if up else 'DOWN'}" for name, up in found["links"].items())
    rows = [f"{found['now']}  plan {found['plan']}  {links}"]
    for line in found["lines"]:
        state = "open" if line["open"] else f"closed, opens {line['next_opening']}"
        rows.append(f"  {line['line']:<12} {state}: {', '.join(line['attendants']) or 'nobody'}")
        if (alarm := line["alarm"]) is not None:
            missing = ", ".join(alarm["missing"]) or "nobody is signed in"
            rows.append(
                f"    TOO FEW since {alarm['since']}: {alarm['cause']} ({missing}); "
                f"rings at {', '.join(alarm['joined']) or 'nobody'}"
            )
    rows += [
        f"  {one['extension']} {one['name']} {one['told']}, until {one['until']}"
        for one in found["referrals"]
    ]
    rows += [
        f"  {one['extension']} voice menu LOCKED by wrong PINs until {one['until']}"
        + " (from their own mobile)" * one["own_mobile_only"]
        for one in found["pin_locks"]
    ]
    rows += [
        f"  {one['who']} may call out no more until {_ends(one['until'])}: the cap is reached"
        for one in found["capped"]
    ]
    rows += [
        f"  {one['extension']} LOST, {one['device'] or 'all of it'} blocked since {one['since']} "
        f"by {one['by']}"
        for one in found["blocked"]
    ]
    rows += [f"  ILL {one['part']}: {one['what']}" for one in found["parts"] if not one["well"]]
    rows += [
        f"  NO SOUND with {one['endpoint']} ({one['name']}) since {one['since']}: it is registered "
        "and has no codec, key or kind of address in common with what people.yaml gives it"
        for one in found["without_sound"]
    ]
    if found["flood_since"] is not None:
        rows.append(f"  FLOOD of requests that are refused, since {found['flood_since']}")
    bridge = found["bridge"]
    half = bridge["decision_ms_p50"]
    rows.append(
        f"  bridge {bridge['pid']}: {bridge['decided']} decisions, "
        f"{bridge['left_to_fallback']} left to the fallback"
        f"{'' if half is None else f', p50 {half} ms'}"
    )
    return "\n".join(rows)


def _ends(moment: str) -> str:
    local = datetime.fromisoformat(moment)
    return until(local, local.tzinfo or UTC)


def doctor(config: Config = CONFIG, state: State = None, as_json: AsJson = False) -> None:
    """Look at every part the exchange needs, and say what is ill and what to do."""
    findings = examine(deployment_of(config, state, begins=True))
    if as_json:
        show([{"part": one.part, "well": one.well, "what": one.what} for one in findings])
    else:
        for one in findings:
            _print(f"{'ok ' if one.well else 'ILL'}  {one.part:<14} {one.what}")
    raise typer.Exit(0 if all(one.well for one in findings) else 1)


def _print(words: str) -> None:
    sys.stdout.write(words + "\n")
