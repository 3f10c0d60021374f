"""Text that callers chose, made harmless where people or spreadsheets read it (F23)."""

from __future__ import annotations

LONGEST = 64
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def shown(text: str) -> str:
    """`text` on one line, without what could move the cursor or turn the reading direction."""
    kept = printable(text)
    return kept if len(kept) <= LONGEST else kept[: LONGEST - 1] + "…"


def printable(text: str) -> str:
    """`text` with a mark in place of each letter that has no shape of its own."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def cell(text: str) -> str:
    """`text` for a CSV cell that no spreadsheet takes for a formula."""
    harmless = shown(text)
    risky = text.startswith(_FORMULA) or harmless.lstrip().startswith(_FORMULA)
    return f"'{harmless}" if risky else harmless
