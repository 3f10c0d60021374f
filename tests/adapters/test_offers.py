"""Whose calls Asterisk has refused for their sound, by its log."""

from __future__ import annotations

from pathlib import Path

from pbx_bridge.adapters.offers import MOST_BYTES, RefusedOffers


def line(endpoint: str) -> str:
    """As Asterisk 22 writes it."""
    return (
        f"[2026-11-29 18:04:23.571] ERROR[10895] res_pjsip_session.c:  {endpoint}: "
        "Couldn't negotiate stream 0:audio-0:audio:sendrecv (nothing)\n"
    )


OTHERS = (
    "[2026-11-29 18:04:24.750] ERROR[10895] chan_pjsip.c: Failed to create outgoing session to "
    "endpoint '102'\n"
    # A line that repeats what a caller has sent, as if it were ours.
    "[2026-11-29 18:04:25.750] ERROR[10895] res_x.c: '"
    + " " * 60
    + line("103").strip()
    + "'\n"
    # A talk whose sound was to change: the device has talked.
    + line("PJSIP/104-00000001")
)


def test_the_endpoints_that_were_refused_since_the_last_look(tmp_path: Path) -> None:
    file = tmp_path / "messages.log"
    assert RefusedOffers(file).look() == frozenset(), "there is no file"
    file.write_text(line("106"))
    offers = RefusedOffers(file)
    assert offers.look() == frozenset(), "it was there before us"
    with file.open("a") as log:
        log.write(line("101-secure") + OTHERS + line("107") + line("107"))
    assert offers.look() == {"101-secure", "107"}
    assert offers.look() == frozenset()


def test_a_log_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "messages.log"
    file.write_text(line("106") * 9)
    offers = RefusedOffers(file)
    file.write_text(line("101"))  # emptied while it was written
    assert offers.look() == {"101"}
    file.rename(tmp_path / "messages.log.0")
    file.write_text(line("102") * 9)
    assert offers.look() == {"102"}


def test_of_a_flood_the_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "messages.log"
    file.touch()
    offers = RefusedOffers(file)
    file.write_text(
        line("106") + "x" * 99 + "\n" + line("107") * (MOST_BYTES // len(line("107")) + 9)
    )
    assert offers.look() == {"107"}
