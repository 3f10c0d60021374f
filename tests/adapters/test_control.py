"""The door of a running bridge: for its user alone, and deaf to nonsense."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pbx_bridge.adapters import control
from pbx_bridge.adapters.control import MOST_BYTES, Control, ask
from pbx_bridge.adapters.doors import Limits
from pbx_bridge.ports import PbxRejected, PbxUnavailable

HOSTILE = "<img src=x onerror=alert(1)>\r\n\u202e=cmd()\0" + "9" * 10_240


async def echo(body: Mapping[str, Any], _: str) -> Mapping[str, object]:
    return {"heard": body}


async def strict(body: Mapping[str, Any], _: str) -> Mapping[str, object]:
    return {"heard": body["values"]["until"], "number": int(body["number"])}


async def broken(_: Mapping[str, Any], __: str) -> Mapping[str, object]:
    raise RuntimeError("a defect of ours")


def door(folder: Path) -> Control:
    return Control(folder / "s", {"echo": echo, "strict": strict, "broken": broken})


async def post(path: Path, question: str, data: bytes) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.post(f"http://bridge/{question}", data=data) as answer,
    ):
        return answer.status, await answer.read()


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with door(tmp_path):
        assert await ask(tmp_path / "s", "echo", {"a": [1, "å"]}) == {"heard": {"a": [1, "å"]}}
        assert await ask(tmp_path / "s", "echo") == {"heard": {}}


async def test_who_asks_is_what_the_kernel_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def who(body: Mapping[str, Any], who: str) -> Mapping[str, object]:
        return {"who": who, "said": body["who"]}

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "anna")
    me = pwd.getpwuid(os.getuid()).pw_name
    async with Control(tmp_path / "s", {"who": who}):
        answer = await ask(tmp_path / "s", "who", {"who": "anna"})
    assert answer == {"who": me, "said": "anna"}


async def test_only_its_user_may_open_the_door(tmp_path: Path) -> None:
    async with door(tmp_path):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


async def test_who_is_turned_away_is_not_told_that_no_bridge_runs(tmp_path: Path) -> None:
    """Also where the connection ends before all of the question is told."""
    still = asyncio.Event()

    async def slow(_: Mapping[str, Any], __: str) -> Mapping[str, object]:
        await still.wait()
        return {}

    async with Control(tmp_path / "s", {"slow": slow, "echo": echo}):
        full = [
            asyncio.create_task(ask(tmp_path / "s", "slow")) for _ in range(Limits().connections)
        ]
        await asyncio.sleep(0)
        turned = await asyncio.gather(
            *(ask(tmp_path / "s", "echo", {"a": "x" * 1000}) for _ in range(50)),
            return_exceptions=True,
        )
        still.set()
        refused = [
            one
            for one in (*turned, *await asyncio.gather(*full, return_exceptions=True))
            if isinstance(one, BaseException)
        ]
        assert refused
        assert {type(one) for one in refused} == {PbxUnavailable}
        assert all("too many ask the bridge at once" in str(one) for one in refused)
        assert await ask(tmp_path / "s", "echo", {"a": 1}) == {"heard": {"a": 1}}


async def test_no_bridge_is_unavailable_and_one_that_was_killed_is_replaced(
    tmp_path: Path,
) -> None:
    with pytest.raises(PbxUnavailable, match="start one with `pbx-bridge up`"):
        await ask(tmp_path / "s", "echo")
    async with door(tmp_path):
        await ask(tmp_path / "s", "echo")
    (tmp_path / "s").touch()
    with pytest.raises(PbxUnavailable):
        await ask(tmp_path / "s", "echo")
    async with door(tmp_path):
        await ask(tmp_path / "s", "echo")


async def test_what_is_refused_says_why(tmp_path: Path) -> None:
    async with door(tmp_path):
        with pytest.raises(PbxRejected, match="no such question"):
            await ask(tmp_path / "s", "riddle")
        with pytest.raises(PbxRejected, match="values"):
            await ask(tmp_path / "s", "strict", {})
        with pytest.raises(PbxRejected, match="invalid literal"):
            await ask(tmp_path / "s", "strict", {"values": {"until": ""}, "number": "x"})
        with pytest.raises(PbxRejected, match="answered 413"):
            await ask(tmp_path / "s", "echo", {"a": "x" * MOST_BYTES})
        await ask(tmp_path / "s", "echo")


async def test_a_defect_behind_the_door_is_told_to_who_asked_and_the_door_stays(
    tmp_path: Path,
) -> None:
    async with door(tmp_path):
        with pytest.raises(PbxRejected, match="answered 500"):
            await ask(tmp_path / "s", "broken")
        await ask(tmp_path / "s", "echo")


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[1]", b"null", b'"x"', b"[" * 5000])
async def test_f10_nonsense_is_answered_400_and_the_next_question_is_heard(
    tmp_path: Path, data: bytes
) -> None:
    async with door(tmp_path):
        status, text = await post(tmp_path / "s", "strict", data)
        assert status == 400
        assert "error" in json.loads(text)
        await ask(tmp_path / "s", "echo")


async def test_f23_hostile_text_is_a_json_string_on_one_line(tmp_path: Path) -> None:
    async with door(tmp_path):
        assert await ask(tmp_path / "s", "echo", {HOSTILE: HOSTILE}) == {
            "heard": {HOSTILE: HOSTILE}
        }
        _, text = await post(tmp_path / "s", "echo", json.dumps({"a": HOSTILE}).encode())
        assert b"\n" not in text
        assert b"\r" not in text


async def test_a_path_that_can_hold_no_socket_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    far = tmp_path / ("x" * 120)
    far.mkdir()
    with pytest.raises(PbxRejected, match="choose another state folder"):
        async with door(far):
            pass
    with pytest.raises(PbxUnavailable):
        await ask(far / "s", "echo")
    with pytest.raises(PbxRejected, match="no socket can be opened"):
        async with door(tmp_path / "nowhere"):
            pass


async def test_f12_an_answer_that_never_comes_does_not_hold_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def endless(_: Mapping[str, Any], __: str) -> Mapping[str, object]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(control, "CLOSE_TIMEOUT_S", 0.05)
    async with asyncio.timeout(4):
        async with Control(tmp_path / "s", {"endless": endless}):
            visitor = asyncio.create_task(ask(tmp_path / "s", "endless"))
            await asked.wait()
        with pytest.raises(PbxUnavailable):
            await visitor
