"""Ports for what a test listens on by itself, sometimes seconds after it was told to others."""

import os
import socket
from itertools import cycle

FIRST = 21_000
EACH = 1_000
WORKERS = 9
"""Above the exchanges' sound and below what Linux gives to whoever asks for no port of its own
(32768 and up): a connection that anybody opens meanwhile never takes one of these."""


def free_port(host: str = "127.0.0.1", row: int = 1) -> int:
    """The first of `row` ports side by side that nobody has now, for UDP and TCP.

    No other test is given any of them soon.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found: list[int] = []
    for _ in range(EACH):
        port = next(_mine)
        if any(not _is_free(family, kind, host, port) for kind in KINDS):
            found.clear()
            continue
        if found and port != found[-1] + 1:
            found.clear()
        found.append(port)
        if len(found) == row:
            return found[0]
    raise OSError(f"of {EACH} ports of {host} no {row} side by side are free")


KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


def _is_free(family: socket.AddressFamily, kind: int, host: str, port: int) -> bool:
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _of_this_worker() -> range:
    """Each process of a run has its own; two runs on one machine begin in different places."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first = FIRST + worker * EACH
    return range(first, first + EACH)


def _from_somewhere(ports: range) -> list[int]:
    start = os.getpid() % len(ports)
    return [*ports[start:], *ports[:start]]


_mine = cycle(_from_somewhere(_of_this_worker()))
