"""F36: YAML as text with places; what YAML can do beyond that is refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_bridge.config import nodes
from pbx_bridge.config.nodes import Document, Tree, document, read


def tree(text: str) -> Tree:
    found, problems = document("x.yaml", text.encode())
    assert problems == []
    return found.tree


def complaints(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return [str(problem) for problem in document("x.yaml", content)[1]]


@pytest.mark.parametrize("written", ["18:00", "0612", "no", "+358 18 000 101", "1e3", "0x1F"])
def test_a_scalar_stays_what_was_written(written: str) -> None:
    assert tree(f"key: {written}") == {"key": written}


@pytest.mark.parametrize("written", ["null", "Null", "~"])
def test_nothing_is_as_a_key_without_a_value(written: str) -> None:
    assert tree(f"key: {written}\nlist: [{written}, b]") == {"key": "", "list": ["", "b"]}
    assert tree(f'key: "{written}"\n{written}: x') == {"key": written, written: "x"}


def test_a_key_without_a_value_is_empty_text() -> None:
    assert tree("a:\nb: x") == {"a": "", "b": "x"}


def test_an_empty_file_holds_no_keys() -> None:
    assert tree("") == tree("# nothing yet\n") == tree("---\n") == {}


def test_every_key_and_item_keeps_its_line() -> None:
    found, _ = document("x.yaml", b"# top\na:\n  b:\n    - one\n    - c: two\n      d: three\n")
    assert isinstance(found, Document)
    places = [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1, "c"), ("a", "b", 1, "d")]
    assert [found.line(place) for place in places] == [2, 3, 4, 5, 6]
    assert found.line(("a", "b", 1, "not there")) == 5


def test_f36_a_duplicate_key_is_refused_with_both_lines() -> None:
    assert complaints("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n") == [
        'x.yaml:4: "c" stands here twice, first in line 3',
        'x.yaml:5: "a" stands here twice, first in line 1',
    ]


def test_f36_tabs_are_refused_each_with_its_line() -> None:
    assert complaints("a:\n\tb: 1\n\tc: 2\n") == [
        "x.yaml:2: a tab in the indentation, use spaces",
        "x.yaml:3: a tab in the indentation, use spaces",
    ]
    assert complaints("a:\n  b:\t1\n") == ["x.yaml:2: a tab between key and value, use spaces"]


def test_f36_an_alias_bomb_is_refused_without_being_expanded() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    start = time.monotonic()
    found = complaints(bomb)
    assert time.monotonic() - start < 1
    assert found[0] == "x.yaml:1: an anchor (&a), write the value out"
    assert "x.yaml:2: an alias (*a), write the value out" in found
    assert len(found) == nodes.PROBLEM_LIMIT


def test_an_alias_to_itself_is_refused() -> None:
    assert complaints("a: &a\n  b: *a\n")[-1] == "x.yaml:2: an alias (*a), write the value out"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: !!python/object/apply:os.system [id]", "!!python/object/apply:os.system"),
        ("a: !!python/name:os.system", "!!python/name:os.system"),
        ("a: !!str 12", "!!str"),
        ("a: !include other.yaml", "!include"),
    ],
)
def test_f36_tags_are_refused(text: str, shown: str) -> None:
    assert complaints(text) == [f"x.yaml:1: a tag ({shown}), values are plain text, leave it out"]


def test_several_faults_of_one_file_are_told_at_once() -> None:
    found = complaints("a: &x 1\na: 2\nb: !!int 3\nc: *x\n")
    assert [line.split(",")[0] for line in found] == [
        "x.yaml:1: an anchor (&x)",
        'x.yaml:2: "a" stands here twice',
        "x.yaml:3: a tag (!!int)",
        "x.yaml:4: an alias (*x)",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\nb: [1, 2\n", "x.yaml:3: not valid YAML"),
        (b"a: 1\nb: \xff\n", "x.yaml:2: not UTF-8, save it as UTF-8"),
        (b"a: 1\nb: \x07\n", "x.yaml:2: a control character"),
        (b'a: "\\UFFFFFFFF"\n', "x.yaml: not valid YAML"),
        (b'a: 1\nb: "\\ud800"\n', "x.yaml:2: half a character (a surrogate)"),
        (b"? [a, b]\n: c\n", "x.yaml:1: a key that is not plain text"),
        (b"a: 1\n---\nb: 2\n", "x.yaml:2: a second document (---)"),
        (b"%YAML 1." + b"1" * 5000 + b"\n---\na: 1\n", "x.yaml: not valid YAML"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(content: bytes, expected: str) -> None:
    (found,) = complaints(content)
    assert found.startswith(expected)


def test_nesting_without_end_is_refused_before_it_costs_anything() -> None:
    start = time.monotonic()
    assert complaints("[" * 100_000) == [
        "x.yaml:1: nested too deeply, see the sample for the shape"
    ]
    assert time.monotonic() - start < 2


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_bytes(b"#" * (nodes.SIZE_LIMIT_BYTES + 1))
    content, (problem,) = read(path)
    assert content == b""
    assert "larger than 512 KiB" in str(problem)


def test_a_missing_file_and_a_folder_are_problems_and_no_crash(tmp_path: Path) -> None:
    assert "the file is missing" in str(read(tmp_path / "none.yaml")[1][0])
    assert "can't be read" in str(read(tmp_path)[1][0])


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode())))
def test_arbitrary_content_gives_a_tree_or_problems(content: bytes) -> None:
    _, problems = document("x.yaml", content)
    assert all(str(problem).startswith("x.yaml") for problem in problems)


YAML_LIKE = st.text(alphabet="ab01 \n\t:-[]{},&*!|>'\"#%@`?~\\x\u00e4\x85\u2028", max_size=60)


@given(YAML_LIKE)
def test_yaml_like_content_gives_a_tree_or_problems(text: str) -> None:
    found, problems = document("x.yaml", text.encode())
    assert problems or isinstance(found.tree, str | list | dict)
