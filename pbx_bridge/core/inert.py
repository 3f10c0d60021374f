"""Text that callers chose, made harmless where people or spreadsheets read it (F23)."""

from __future__ import annotations

LONGEST = 64
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def shown(text: str) -> str:
    """`text` on one line, without what could move the cursor or turn the reading direction."""
    kept = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return kept if len(kept) <= LONGEST else kept[: LONGEST - 1] + "…"


def cell(text: str) -> str:
    """`text` for a CSV cell that no spreadsheet takes for a formula."""
    harmless = shown(text)
    risky = text.startswith(_FORMULA) or harmless.lstrip().startswith(_FORMULA)
    return f"'{harmless}" if risky else harmless
