"""The words of a text by Whisper's cross-attention."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE, Tokenizer, get_tokenizer

from avsync.aligner.monotonic import MonotonicPath, decode_monotonic
from avsync.words.attention import FRAME_HZ, Look, choose_heads, embed, look, token_scores
from avsync.words.engine import SAMPLE_RATE_HZ, Found, LineWords
from avsync.words.models import SpeechModel
from avsync.words.tokens import Unit, split
from avsync.words.windows import Line

FloatArray = npt.NDArray[np.float32]

__all__ = ["WhisperEngine", "language_code"]

LEAVE_OUT = 2.0
"""Nats: what it costs to find a line nowhere, so that one weak frame does not lose it."""
SUPPORT_BOUND = 4.0
"""Nats: what one token can say for or against its line."""
TRIAL_TOKENS = 12
"""Tokens of text from which the heads of an unknown checkpoint are chosen."""


def language_code(language: str) -> str:
    """Whisper's code of a language that is given by code or by name; ValueError if it has none."""
    wanted = language.lower()
    code = wanted if wanted in LANGUAGES else TO_LANGUAGE_CODE.get(wanted)
    if code is None:
        raise ValueError(f"{language!r} is no language of Whisper; give a code such as en, de, ja")
    return code


class WhisperEngine:
    """Reads lines to the decoder and decodes where its alignment heads look."""

    name = "whisper"
    longest = 30.0

    def __init__(
        self, model: SpeechModel, *, language: str = "en", task: str = "transcribe"
    ) -> None:
        whisper = model.whisper
        self.language = language_code(language) if model.multilingual else "en"
        self.most_units = whisper.dims.n_text_ctx - 8
        self._model = model
        self._heads = model.heads
        self._tokenizer: Tokenizer = get_tokenizer(
            model.multilingual,
            num_languages=whisper.num_languages,
            language=self.language,
            task=task,
        )
        self._silence = embed(model, np.zeros(1, np.float32))

    def size(self, text: str) -> int:
        """How many tokens."""
        return sum(len(unit.tokens) for unit in split(text, self._tokenizer))

    def words(self, text: str) -> list[tuple[int, int]]:
        """The words of a text: characters [begin, finish)."""
        return [(unit.begin, unit.finish) for unit in split(text, self._tokenizer)]

    def find(
        self,
        samples: FloatArray,
        lines: Sequence[Line],
        *,
        start: float,
        slack: float,
        open_end: bool = False,
    ) -> list[LineWords]:
        """See `Engine.find`."""
        units = [split(line.text, self._tokenizer) for line in lines]
        if open_end:  # more text than can be read at once is read as the sound is reached
            units = [_at_most(units[0], self.most_units)]
        tokens = [token for line in units for unit in line for token in unit.tokens]
        frames = min(1500, len(samples) * FRAME_HZ // SAMPLE_RATE_HZ)
        if not tokens or frames < 1:
            return [LineWords(tuple(_missed(unit) for unit in line)) for line in units]
        seen = self._look(samples, tokens, frames)
        scores = token_scores(seen)
        sizes = [sum(len(unit.tokens) for unit in line) for line in units]
        edges = [0, *np.cumsum(sizes).tolist()]
        spans = list(pairwise(edges))
        if not open_end:
            for line, (first, last) in zip(lines, spans, strict=True):
                _keep_near(scores[first:last], line.start - start - slack, line.end - start + slack)
        path = decode_monotonic(
            scores,
            breaks=_breaks(units),
            lines=[span for span in spans if span[1] > span[0]],
            leave_out=LEAVE_OUT,
            open_end=open_end,
        )
        return [
            _line(line, first, seen, path) for line, (first, _) in zip(units, spans, strict=True)
        ]

    def _look(self, samples: FloatArray, tokens: Sequence[int], frames: int) -> Look:
        sound = embed(self._model, samples)
        heads = self._heads or self._all_heads()
        seen = look(
            self._model,
            self._tokenizer,
            tokens,
            sound,
            frames=frames,
            heads=heads,
            silence=self._silence,
        )
        if self._heads:
            return seen
        chosen = choose_heads(seen.weights[:, :-1])
        if len(tokens) >= TRIAL_TOKENS:
            self._heads = tuple(heads[n] for n in chosen)
        return Look(
            seen.weights[chosen], seen.normalised[chosen], seen.log_probs, seen.silent_log_probs
        )

    def _all_heads(self) -> tuple[tuple[int, int], ...]:
        """Every head of the upper half of the layers, where those that follow the sound are."""
        dims = self._model.whisper.dims
        layers = range(dims.n_text_layer // 2, dims.n_text_layer)
        return tuple((layer, head) for layer in layers for head in range(dims.n_text_head))


@torch.inference_mode()
def detect_language(model: SpeechModel, samples: FloatArray) -> dict[str, float]:
    """How probable each language is for up to 30 s of sound, by Whisper; English-only: "en"."""
    if not model.multilingual:
        return {"en": 1.0}
    tokenizer = get_tokenizer(True, num_languages=model.whisper.num_languages)
    _, found = model.whisper.detect_language(embed(model, samples)[0], tokenizer)
    return {str(code): float(value) for code, value in found.items()}


def _at_most(units: Sequence[Unit], tokens: int) -> list[Unit]:
    kept: list[Unit] = []
    for unit in units:
        tokens -= len(unit.tokens)
        if tokens < 0:
            break
        kept.append(unit)
    return kept


def _breaks(units: Sequence[Sequence[Unit]]) -> npt.NDArray[np.bool_]:
    """Whether a pause may stand before each token: before words, not within them."""
    flags = [n == 0 for line in units for unit in line for n in range(len(unit.tokens))]
    return np.array([*flags, True])


def _keep_near(scores: FloatArray, first: float, last: float) -> None:
    """Forbid ``scores`` [tokens, frames] outside of [first, last) seconds, if any frame is left."""
    begin, end = max(0, int(first * FRAME_HZ)), int(np.ceil(last * FRAME_HZ))
    scores[:, :begin] = -np.inf
    scores[:, max(end, begin + 1) :] = -np.inf


def _missed(unit: Unit) -> Found:
    return Found(unit.begin, unit.finish, np.nan, np.nan, 0.0, 0.0)


def _line(units: Sequence[Unit], first: int, seen: Look, path: MonotonicPath) -> LineWords:
    found = []
    for unit in units:
        last = first + len(unit.tokens)
        gains = seen.log_probs[first:last] - seen.silent_log_probs[first:last]
        score = float(np.exp(seen.log_probs[first:last]).mean())
        support = float(gains.clip(-SUPPORT_BOUND, SUPPORT_BOUND).mean())
        start = end = np.nan
        if path.taken[first:last].all():
            start, end = path.first[first] / FRAME_HZ, path.last[last - 1] / FRAME_HZ
        found.append(Found(unit.begin, unit.finish, float(start), float(end), score, support))
        first = last
    return LineWords(tuple(found))
