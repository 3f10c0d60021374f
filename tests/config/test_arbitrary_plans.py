"""F36: whatever stands in a file of the plan, it is loaded or refused; nothing crashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from config.copies import TODAY, place_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_bridge.config.plan import check, load_plan
from pbx_bridge.config.problems import ConfigError
from pbx_bridge.config.schema import CATALOGUES, RECORDS

FILES = [f"{name}.yaml" for name in (*CATALOGUES, *RECORDS)]
TREES = st.recursive(
    st.text(max_size=8) | st.sampled_from(["101", "vaxel", "9-11", "fi", "2026-02-30", "*23*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
KEYS = sorted(
    {key for shape in (*CATALOGUES.values(), *RECORDS.values()) for key in shape.model_fields}
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(file=st.sampled_from(FILES), content=st.binary(max_size=120) | st.text(max_size=120))
def test_arbitrary_text_is_refused_and_never_crashes(
    folder: Path, file: str, content: str | bytes
) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    load_or_refuse(folder, file, raw)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    file=st.sampled_from(FILES),
    tree=st.dictionaries(
        st.sampled_from(["101", "vaxel", "1", "018 000 100", *KEYS]),
        st.dictionaries(st.sampled_from(KEYS), TREES, max_size=4) | TREES,
        max_size=4,
    ),
)
def test_arbitrary_values_in_known_keys_are_refused_and_never_crash(
    folder: Path, file: str, tree: object
) -> None:
    load_or_refuse(folder, file, json.dumps(tree).encode())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), file=st.sampled_from(FILES))
def test_a_sound_file_with_a_piece_torn_out_is_loaded_or_refused(
    folder: Path, file: str, data: st.DataObject
) -> None:
    content = place_of(folder, file).read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 60, len(content))))
    load_or_refuse(folder, file, content[:start] + content[end:])


def load_or_refuse(folder: Path, file: str, content: bytes) -> None:
    """Load the sample with one file replaced; only `ConfigError` may come, when `check` says so."""
    path = place_of(folder, file)
    sound = path.read_bytes()
    path.write_bytes(content)
    try:
        if check(folder, TODAY):
            with pytest.raises(ConfigError):
                load_plan(folder, TODAY)
        else:
            load_plan(folder, TODAY)
    finally:
        path.write_bytes(sound)
