"""What a step of a call is about, as a value and as a word of the call's state.

One codec for both ways: whatever is written can be read, and nothing else is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

LONGEST_PART = 48
"""Letters of a part as it is written. One that needs more (a caller's "number" may be anything)
stands as its digest, so that a call's state stays short."""
_DIGEST = 20
_KIND = re.compile(r"[a-z]+", re.ASCII)
_OTHERS = re.compile(r"[^\w-]+", re.ASCII)
_PART = re.compile(r"(?:[\w-]|~[0-9A-F]{2})*", re.ASCII)
_ESCAPED = re.compile(r"(?:~[0-9A-F]{2})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class StepId:
    """A kind of step, what of that kind, and what tells it from others of that name.

    Written as `kind:name.arg.arg`. Letters, digits, `-` and `_` stand for themselves, all else
    for its bytes in UTF-8: `+46` is `~2B46`.
    """

    kind: str
    name: str = ""
    args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for a kind that isn't small letters."""
        if _KIND.fullmatch(self.kind) is None:
            raise ValueError(f"not a kind of step: {self.kind!r}")
        object.__setattr__(self, "name", _short(self.name))
        object.__setattr__(self, "args", tuple(map(_short, self.args)))

    def __str__(self) -> str:
        """A word of ASCII without spaces, commas, quotes or `=`."""
        return f"{self.kind}:" + ".".join(map(_written, (self.name, *self.args)))

    @classmethod
    def parse(cls, text: str) -> StepId:
        """The step that `text` was written for.

        Raises `ValueError` for anything that `str` did not make.
        """
        kind, _, rest = text.partition(":")
        name, *args = rest.split(".")
        if all(_PART.fullmatch(part) for part in (name, *args)):
            found = cls(kind, _read(name), tuple(map(_read, args)))
            if str(found) == text:
                return found
        raise ValueError(f"not a step: {text!r}")

    def begins_with(self, start: StepId) -> bool:
        """Whether it is a step of that kind and name, and its first arguments are those."""
        same = (self.kind, self.name) == (start.kind, start.name)
        return same and self.args[: len(start.args)] == start.args

    def with_args(self, *args: str) -> StepId:
        """The step of that kind and name about `args`."""
        return replace(self, args=args)

    @property
    def told(self) -> StepId:
        """The step that tells how a command went."""
        return replace(self, kind="say")


def _short(part: str) -> str:
    if len(_written(part)) <= LONGEST_PART:
        return part
    return hashlib.sha256(part.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]


def _written(part: str) -> str:
    return _OTHERS.sub(
        lambda hit: "".join(f"~{byte:02X}" for byte in hit[0].encode(errors="surrogatepass")), part
    )


def _read(part: str) -> str:
    return _ESCAPED.sub(
        lambda hit: bytes.fromhex(hit[0].replace("~", "")).decode(errors="surrogatepass"), part
    )
