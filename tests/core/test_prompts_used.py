"""Everything that is worded is said somewhere, and everything that is said is worded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from core.plans import ROOT

from pbx_bridge.core.wording import catalogue

SAYING = ("sentence", "Sentence", "told_gap", "told_absence", "_told")
PACKAGE = ROOT / "pbx_bridge"


def trees() -> Iterator[ast.AST]:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name != "catalogue.py":
            yield ast.parse(file.read_text(encoding="utf-8"))


def words(tree: ast.AST) -> Iterator[str]:
    """Yield patterns of the texts that stand in the code, docstrings left out."""
    statements = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            if id(one) not in statements:
                yield re.escape(one.value)
        elif isinstance(one, ast.JoinedStr):
            parts = [
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z-]+"
                for part in one.values
            ]
            if isinstance(one.values[0], ast.Constant):
                yield "".join(parts)


def test_every_sentence_that_is_worded_is_said_somewhere() -> None:
    patterns = {word for tree in trees() for word in words(tree)}
    plain = {one.replace("\\-", "-") for one in patterns}
    made = [re.compile(one) for one in patterns if "[a-z-]+" in one]
    never = {
        key
        for key in catalogue.SLOTS
        if key not in plain and not any(one.fullmatch(key) for one in made)
    }
    assert never == set()


def test_every_sentence_that_is_said_is_worded() -> None:
    said: set[str] = set()
    for tree in trees():
        for one in ast.walk(tree):
            if not isinstance(one, ast.Call) or not one.args:
                continue
            name = one.func.id if isinstance(one.func, ast.Name) else ""
            first = one.args[0]
            if isinstance(one.func, ast.Attribute):
                name = one.func.attr
            if name in SAYING and isinstance(first, ast.Constant) and isinstance(first.value, str):
                said.add(first.value)
    assert len(said) > len(catalogue.SLOTS) // 2
    assert said <= catalogue.SLOTS.keys()
