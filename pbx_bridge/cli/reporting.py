"""`report` and `compliance`: what callers met, and what the policy says of it."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from pbx_bridge.cli import forms
from pbx_bridge.cli.gathering import From, To, gather
from pbx_bridge.cli.options import (
    CONFIG,
    Config,
    State,
    deployment_of,
    note_reading,
    show,
    site_of,
    this_user,
)
from pbx_bridge.core import compliance
from pbx_bridge.ports import PbxRejected


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


FormatOption = Annotated[
    Format, typer.Option("--format", help="html is one page that prints well, also to PDF.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("report")(report_of)
    app.command("compliance")(compliance_of)


def report_of(
    from_: From = None,
    to: To = None,
    format_: FormatOption = Format.TEXT,
    people: Annotated[
        bool, typer.Option("--people", help="Who answered how fast; for who may see it.")
    ] = False,
    why: Annotated[str, typer.Option("--why", help="Why it is read; it is journaled.")] = "",
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """Answered, abandoned, untold and waits, from Asterisk's own record (S2, S7, S21)."""
    site = site_of(deployment_of(config, state))
    if people:
        user, may = this_user(), site.deployment.privacy.may_see_people
        if user not in may:
            raise PbxRejected(
                f"{user} may not see figures of single people; config.yaml names who may, under "
                "privacy: may_see_people"
            )
    found = gather(site, from_, to, people=people)
    what = "report of people" if people else "report"
    note_reading(site, f"{what} {found.period}", why or ("" if people else what))
    match format_:
        case Format.TEXT:
            sys.stdout.write(forms.as_text(found))
        case Format.CSV:
            sys.stdout.write(forms.as_csv(found))
        case Format.JSON:
            show(forms.as_dict(found))
        case Format.HTML:
            sys.stdout.write(forms.as_html(found))


def compliance_of(
    from_: From = None,
    to: To = None,
    format_: FormatOption = Format.TEXT,
    config: Config = CONFIG,
    state: State = None,
) -> None:
    """The policy clause by clause: met, not met, not judged, not measured, and the figure (S2)."""
    site = site_of(deployment_of(config, state))
    found = gather(site, from_, to)
    note_reading(site, f"compliance {found.period}", "compliance")
    match format_:
        case Format.TEXT:
            sys.stdout.write(f"{forms.title(found)}\n{compliance.as_text(found.clauses)}\n")
        case Format.CSV:
            sys.stdout.write(forms.clauses_csv(found.clauses))
        case Format.JSON:
            show(forms.days(found) | {"clauses": compliance.as_dict(found.clauses)})
        case Format.HTML:
            sys.stdout.write(forms.as_html(found))
