"""Sounds that Asterisk would play by itself, made silent."""

from __future__ import annotations

from pathlib import Path

from asterisk.norrskar import known_secrets, settings, small_plan

from pbx_bridge.asterisk import quiet
from pbx_bridge.asterisk.render import render
from pbx_bridge.softphone.audio import is_silent, load


def test_the_silent_sounds_are_there_short_and_silent(tmp_path: Path) -> None:
    folder = tmp_path / "quiet"
    quiet.fill(folder)
    quiet.fill(folder)
    assert {one.name for one in folder.iterdir()} == {"auth-thankyou.wav", "vm-mailboxfull.wav"}
    for one in folder.iterdir():
        sound = load(one)
        assert 0 < sound.size < 800
        assert is_silent(sound)


def test_only_who_leaves_a_message_is_spoken_to_by_them() -> None:
    """Afterwards the channel speaks its own language again."""
    place, plan = settings(), small_plan()
    dialplan = render(plan, place, known_secrets(plan))["extensions.conf"]
    lines = [line.strip() for line in dialplan.splitlines()]
    at = lines.index(f"same => n,Set(CHANNEL(language)={place.quiet})")
    assert lines[at - 1] == "same => n,Set(PBX_SPOKEN=${CHANNEL(language)})"
    assert lines[at + 1].startswith("same => n,VoiceMail(")
    assert lines[at + 2] == "same => n,Set(CHANNEL(language)=${PBX_SPOKEN})"
    assert dialplan.count(str(place.quiet)) == 1
