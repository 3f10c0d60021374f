"""Sentences to sound files: wording and speech together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pbx_bridge.core.model import Language
from pbx_bridge.core.sentences import Sentence
from pbx_bridge.core.wording import render
from pbx_bridge.ports import Speech

Prompts = Mapping[Language, Mapping[str, str]]


class Voice:
    """Speaks the exchange's sentences in a language, as of a moment."""

    def __init__(self, speech: Speech, prompts: Prompts) -> None:
        self._speech = speech
        self.prompts = prompts

    def text(self, sentence: Sentence, language: Language, now: datetime) -> str:
        """The sentence in words."""
        return render(sentence, language, now, self.prompts)

    async def files(
        self, sentences: Sequence[Sentence], language: Language, now: datetime
    ) -> tuple[Path, ...]:
        """One sound file a sentence, without suffix; made at once where not cached."""
        texts = [self.text(one, language, now) for one in sentences]
        paths = await asyncio.gather(*(self._speech.file(text, language) for text in texts))
        return tuple(paths)
