"""The words of a text by Whisper's cross-attention.

The lines of a window share one pass of the encoder, which costs the most. The decoder reads each
for itself, and hears only what lies around its cue: a word that is said again elsewhere, or a line
before it that nobody says, cannot lead it astray. One path through all of them decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE, Tokenizer, get_tokenizer

from avsync.aligner.monotonic import MonotonicPath, decode_monotonic
from avsync.words.attention import FRAME_HZ, Look, choose_heads, embed, look, token_scores
from avsync.words.engine import SAMPLE_RATE_HZ, Found, LineWords
from avsync.words.models import SpeechModel
from avsync.words.silence import quiet_frames
from avsync.words.tokens import Unit, sounding, split
from avsync.words.windows import Line

FloatArray = npt.NDArray[np.float32]

__all__ = ["WhisperEngine", "language_code", "reached"]

LEAVE_OUT = 2.0
"""Nats: what it costs to find a line nowhere, so that one weak frame does not lose it."""
SUPPORT_BOUND = 4.0
"""Nats: what one token can say for or against its line."""
CHANCE = -float(np.log(51_865))
"""Log probability of a token if every one of Whisper's were as probable: none is heard below it."""
AROUND_FRAMES = 15
"""What is listened to around a line that was found, to say whether it is that line."""
TRIAL_TOKENS = 12
"""Tokens of text from which the heads of an unknown checkpoint are chosen."""
QUIET_COST = 3.0
"""Nats against a token in a frame of silence, whatever the decoder looks at."""


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
        self.language = language_code(language)
        known = [*LANGUAGES][: whisper.num_languages] if model.multilingual else ["en"]
        if self.language not in known:
            remedy = "large-v3 or turbo" if model.multilingual else "one without .en in its name"
            raise ValueError(
                f"the model {model.name} does not know {LANGUAGES[self.language]} "
                f"({self.language}); use {remedy}"
            )
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
        tokens = [[token for unit in line for token in unit.tokens] for line in units]
        frames = min(1500, len(samples) * FRAME_HZ // SAMPLE_RATE_HZ)
        if not any(tokens) or frames < 1:
            return [LineWords(tuple(_missed(unit) for unit in line)) for line in units]
        sound = embed(self._model, samples)
        heads = self._heads or self._choose([t for line in tokens for t in line], sound, frames)
        edges = np.cumsum([0, *map(len, tokens)]).tolist()
        spans = list(pairwise(edges))
        scores = np.full((edges[-1], frames), -np.inf, np.float32)
        seen: list[Look | None] = []
        for line, text, (first, last) in zip(lines, tokens, spans, strict=True):
            near = slice(0, frames)
            if not open_end:
                near = _near(line.start - start - slack, line.end - start + slack, frames)
            made = None
            if text and near.stop > near.start:
                made = self._look(text, sound[:, near], heads)
                scores[first:last, near] = token_scores(made)
            seen.append(made)
        scores[:, quiet_frames(samples)[:frames]] -= QUIET_COST
        if open_end and seen[0] is not None:
            scores[reached(units[0], seen[0]) :] = -np.inf
        path = decode_monotonic(
            scores,
            breaks=_breaks(units),
            lines=[span for span in spans if span[1] > span[0]],
            leave_out=LEAVE_OUT,
            open_end=open_end,
        )
        return [
            self._words(words, first, made, path, sound[:, :frames], heads)
            for words, (first, _), made in zip(units, spans, seen, strict=True)
        ]

    def _words(
        self,
        units: Sequence[Unit],
        first: int,
        seen: Look | None,
        path: MonotonicPath,
        sound: Tensor,
        heads: Sequence[tuple[int, int]],
    ) -> LineWords:
        """The words of one line, whose tokens begin with ``first``.

        Where all of it was found, that place is listened to once more, without what is said before
        and after it: this tells whether it is that line.
        """
        if seen is None:  # none of the sound is for it
            return LineWords(tuple(_missed(unit) for unit in units))
        tokens = [token for unit in units for token in unit.tokens]
        last = first + len(tokens)
        if path.taken[first:last].all():
            begin = max(0, int(path.first[first]) - AROUND_FRAMES)
            near = slice(begin, int(path.last[last - 1]) + AROUND_FRAMES)
            seen = self._look(tokens, sound[:, near], heads)
        heard = [sounding(unit, self._tokenizer) for unit in units]
        return _line(units, heard, first, seen, path)

    def _look(self, tokens: Sequence[int], sound: Tensor, heads: Sequence[tuple[int, int]]) -> Look:
        return look(
            self._model,
            self._tokenizer,
            tokens,
            sound,
            frames=sound.shape[1],
            heads=heads,
            silence=self._silence,
        )

    def _choose(
        self, tokens: Sequence[int], sound: Tensor, frames: int
    ) -> tuple[tuple[int, int], ...]:
        """The heads of a checkpoint that is not known, from the first text that is long enough."""
        heads = self._all_heads()
        text = tokens[: self.most_units]
        seen = look(self._model, self._tokenizer, text, sound, frames=frames, heads=heads)
        chosen = tuple(heads[n] for n in choose_heads(seen.weights[:, :-1]))
        if len(tokens) >= TRIAL_TOKENS:
            self._heads = chosen
        return chosen

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


def reached(units: Sequence[Unit], seen: Look) -> int:
    """How many tokens are all of the line that this sound holds: whole words.

    Each token that is heard speaks for it and each that is not against it, and so does what the
    decoder itself says of the text's end after it. All of these are bounded: no word that it
    mishears outweighs those that follow.
    """
    counts = np.cumsum([0, *(len(unit.tokens) for unit in units)])
    ends = np.maximum(seen.end_log_probs, -SUPPORT_BOUND)
    goes_on = np.log1p(-np.exp(np.minimum(seen.end_log_probs, -1e-9)))
    steps = gains(seen) + np.maximum(goes_on, -SUPPORT_BOUND)[:-1]
    whole = np.cumsum([0.0, *steps]) + ends
    return int(counts[whole[counts].argmax()])


def gains(seen: Look) -> FloatArray:
    """Nats by which the sound makes each token likelier than silence would, bounded: [tokens]."""
    nats = seen.log_probs - np.maximum(seen.silent_log_probs, CHANCE)
    return np.asarray(nats.clip(-SUPPORT_BOUND, SUPPORT_BOUND))


def _breaks(units: Sequence[Sequence[Unit]]) -> npt.NDArray[np.bool_]:
    """Whether a pause may stand before each token: before words, not within them."""
    flags = [n == 0 for line in units for unit in line for n in range(len(unit.tokens))]
    return np.array([*flags, True])


def _near(first: float, last: float, frames: int) -> slice:
    """The frames that hold [first, last) seconds, of those that there are."""
    begin = min(max(0, int(first * FRAME_HZ)), frames)
    return slice(begin, min(max(begin, int(np.ceil(last * FRAME_HZ))), frames))


def _missed(unit: Unit) -> Found:
    return Found(unit.begin, unit.finish, np.nan, np.nan, 0.0, 0.0)


def _line(
    units: Sequence[Unit],
    heard: Sequence[tuple[int, int]],
    first: int,
    seen: Look,
    path: MonotonicPath,
) -> LineWords:
    """The words of a line whose tokens begin with ``first``; `seen` is of this line alone.

    ``heard`` are the tokens of each word, counted from its first, between which it starts and ends.
    """
    found = []
    before = first
    nats = gains(seen)
    for unit, (starts, ends) in zip(units, heard, strict=True):
        last = first + len(unit.tokens)
        own = slice(first - before, last - before)
        score = float(np.exp(seen.log_probs[own]).mean())
        support = float(nats[own].mean())
        start = end = np.nan
        if path.taken[first:last].all():
            start = path.first[first + starts] / FRAME_HZ
            end = path.last[first + ends - 1] / FRAME_HZ
        found.append(Found(unit.begin, unit.finish, float(start), float(end), score, support))
        first = last
    return LineWords(tuple(found))
