"""Commands about what is known of people: calls, subject, erase, new-pseudonyms.

Whoever reads it says why; who, what and why is journaled before anything is shown.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from pbx_bridge.adapters import control
from pbx_bridge.adapters.journal.codec import encode
from pbx_bridge.adapters.journal.store import read_entries
from pbx_bridge.adapters.messages import SpoolMessages
from pbx_bridge.adapters.pseudonym import rotate
from pbx_bridge.adapters.record import read_journeys, read_of_number
from pbx_bridge.asterisk import running
from pbx_bridge.bootstrap import control_socket
from pbx_bridge.cli.gathering import From, To, period
from pbx_bridge.cli.options import (
    CONFIG,
    AsJson,
    Config,
    State,
    clock_of,
    deployment_of,
    note_reading,
    number_of,
    passed_over,
    reading,
    show,
    site_of,
)
from pbx_bridge.config.site import Site
from pbx_bridge.core import numbers, retention
from pbx_bridge.core.inert import shown
from pbx_bridge.core.latency import Journey, Outcome
from pbx_bridge.ports import PbxRejected, PbxUnavailable

Why = Annotated[str, typer.Option("--why", help="Why it is read; it is journaled.")]
Number = Annotated[str, typer.Argument(help="A number outside, as 0401234567 or +358401234567.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (calls, subject, erase):
        app.command()(command)
    app.command("new-pseudonyms")(new_pseudonyms)


def calls(
    why: Why,
    from_: From = None,
    to: To = None,
    outcome: Annotated[str, typer.Option(help="Only those that ended so, e.g. abandoned.")] = "",
    number: Annotated[str, typer.Option(help="Only those to this number of the house.")] = "",
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """List calls one by one: what stands behind a figure of the report."""
    site = site_of(deployment_of(config, state))
    plan, now = site.plan, clock_of(site).now()
    when = period(from_, to, now, plan.organisation.zone)
    number = number_of(site, number) if number else ""
    note_reading(site, f"calls {when}", why)
    with reading(site.deployment.state) as connection:
        found = (
            [] if connection is None else list(read_journeys(connection, when.since, when.until))
        )
    found = [
        one
        for one in found
        if outcome in ("", one.outcome)
        and number in ("", numbers.number(one.dialled, plan.dialling))
    ]
    if as_json:
        show([_as_dict(one) for one in found])
        return
    rows = [_row(one, site) for one in found]
    sys.stdout.write("\n".join(rows or ["no calls whose details are kept"]) + "\n")


def subject(
    number: Number,
    why: Why,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """All that is known of somebody outside, as JSON: what they may ask for by law."""
    site = site_of(deployment_of(config, state))
    number = number_of(site, number)
    note_reading(site, "subject", why)
    show({"number": number, **_known(number, site)})


def _known(number: str, site: Site) -> dict[str, list[dict[str, object]]]:
    """What is kept of a number outside: calls, messages, entries of the journal."""
    forms = numbers.forms(number, site.plan.dialling)
    is_theirs = numbers.same_as(number, site.plan.dialling)
    left = asyncio.run(_messages_of(is_theirs, site))
    with reading(site.deployment.state) as connection:
        if connection is None:
            return {"calls": [], "messages": left, "journal": []}
        journeys = [one for form in forms for one in read_of_number(connection, form)]
        entries = list(read_entries(connection, retention.WITH_NUMBERS, unreadable=passed_over()))
    rows = set(retention.tells_of(((one.seq, one.event) for one in entries), is_theirs))
    journal = [
        {"row": one.seq, "at": one.at.isoformat(), "kind": encode(one.event)[0]}
        | json.loads(encode(one.event)[1])
        for one in entries
        if one.seq in rows
    ]
    return {"calls": [_as_dict(one) for one in journeys], "messages": left, "journal": journal}


def erase(
    number: Annotated[
        str | None,
        typer.Argument(help="Delete what is known of this number; none: what is too old."),
    ] = None,
    why: Annotated[
        str, typer.Option("--why", help="Why a number is forgotten; it is journaled.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask whether to go on.")] = False,
    config: Config = CONFIG,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Delete what may be kept no longer (the bridge does so each day), or one number's data."""
    deployment = deployment_of(config, state)
    body = {}
    if number is not None:
        site = site_of(deployment)
        body["number"] = number_of(site, number)
        note_reading(site, "erase", why)
        if not yes:
            _ask_first(body["number"], site)
    answer: Any = asyncio.run(control.ask(control_socket(deployment.state), "erase", body))
    if as_json:
        show(answer)
        return
    told = ", ".join(f"{count} {what}" for what, count in answer.items() if count)
    sys.stdout.write(f"deleted: {told or 'nothing'}\n")


def _ask_first(number: str, site: Site) -> None:
    """Show how much there is, if anything, and have it agreed to.

    Raises `PbxRejected`, `typer.Abort`.
    """
    counts = {what: len(found) for what, found in _known(number, site).items()}
    if not any(counts.values()):
        return
    told = (
        f"of {number} there are {counts['calls']} calls with their details, "
        f"{counts['messages']} messages and {counts['journal']} entries of the journal"
    )
    if not sys.stdin.isatty():
        raise PbxRejected(f"{told}; nothing was deleted. --yes deletes it, for ever")
    typer.confirm(f"{told[0].upper()}{told[1:]}. Delete them for ever?", abort=True, err=True)


def new_pseudonyms(config: Config = CONFIG, state: State = None) -> None:
    """Make a new key: who called before can't be told from who calls from now on."""
    deployment = deployment_of(config, state)
    rotate(deployment.privacy.key)
    sys.stdout.write(f"{deployment.privacy.key}: new; the bridge uses it from its next start\n")


async def _messages_of(is_theirs: retention.IsTheirs, site: Site) -> list[dict[str, object]]:
    """What these numbers have left in mailboxes; the sound is the file named."""
    try:
        held = running.load(site.deployment.state)
    except PbxUnavailable:
        return []  # no exchange was ever started with this state
    spool = SpoolMessages(held.messages, held.clock_offset_s)
    return [
        {
            "mailbox": one.mailbox,
            "id": one.id,
            "at": one.at.isoformat(),
            "seconds": one.seconds,
            "sound": str(await spool.file(one.mailbox, one.id)) + ".wav",
        }
        for mailbox in await spool.mailboxes()
        for one in await spool.held(mailbox) or ()
        if is_theirs(one.caller)
    ]


def _row(one: Journey, site: Site) -> str:
    start = one.started.astimezone(site.plan.organisation.zone)
    wait = "" if one.wait_s is None else f"{one.wait_s:6.1f} s"
    # Of an outgoing call the endpoint is only the trunk.
    answered_by = one.other_end if one.outcome is Outcome.OUTGOING else one.answered_by
    by = f" by {shown(answered_by)}" if one.answered_by else ""
    rules = " > ".join(_rules(one))
    return (
        f"{start:%Y-%m-%d %H:%M:%S}  {one.linkedid:<16} {shown(one.caller) or 'withheld':<14} "
        f"to {shown(one.dialled):<14} {one.outcome:<10} {wait:>9}{by}  {rules}"
    )


def _rules(one: Journey) -> Iterator[str]:
    for step in one.steps:
        yield shown(step.why)


def _as_dict(one: Journey) -> dict[str, object]:
    return {
        "call": one.linkedid,
        "caller": one.caller,
        "dialled": one.dialled,
        "started": one.started.isoformat(),
        "outcome": str(one.outcome),
        "wait_s": one.wait_s,
        "answered_by": one.answered_by,
        "ended": None if one.ended_at is None else one.ended_at.isoformat(),
        "told_when": one.told_when,
        "untold": one.untold,
        "steps": [
            {"at": step.time.isoformat(), "step": step.step, "why": step.why, "after": step.after}
            for step in one.steps
        ],
        "talks": [
            {
                "with": talk.by,
                "since": talk.since.isoformat(),
                "until": None if talk.until is None else talk.until.isoformat(),
            }
            for talk in one.talks
        ],
    }
