"""Films made of tokens alone: what a perfect encoder would make of them, so that truth is known.

The content of a film is a random walk through token space. Its cues say, token by token, the very
content that they were made for; nothing is trained. A cue is known by its number of characters:
the first has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from avsync.aligner.alignment import TEMPERATURE
from avsync.aligner.attention import CrossAttention
from avsync.aligner.model import RetimeModel
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories
from avsync.tokens import TokenSequence

DIM = 8
FOREIGN = 1e5  # seconds of content from which on it is no longer the film's own
_KNOTS_HZ = 10.0
_BEFORE = 1000.0  # seconds of content before the first
_CONTENT = 10_000.0  # seconds of content in all
_GAIN = 0.035  # a cue's log likelihood ratio at its true lag is about 10 nats, elsewhere 0.7

TimeArray = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]


@cache
def _knots(seed: int, salt: int) -> FloatArray:
    chance = np.random.default_rng([seed, salt])
    return chance.normal(size=(round(_CONTENT * _KNOTS_HZ), DIM)).astype(np.float32)


@dataclass(frozen=True)
class TokenFilm:
    """Cues on the clock on which they fit, and the content that they were made for."""

    seed: int
    cues: tuple[CueTiming, ...]
    seconds: float

    def content(self, times: TimeArray) -> FloatArray:
        """Tokens [times, DIM] at any seconds of the film, or from ``FOREIGN`` on of another."""
        tokens = np.zeros((len(times), DIM), np.float32)
        for salt, inside, origin in (
            (0, times < FOREIGN, -_BEFORE),
            (1, times >= FOREIGN, FOREIGN),
        ):
            if not inside.any():
                continue
            at = (times[inside] - origin) * _KNOTS_HZ
            knots = _knots(self.seed, salt)
            low = np.floor(at).astype(int)
            part = (at - low)[:, None]
            tokens[inside] = (1 - part) * knots[low] + part * knots[low + 1]
        return tokens

    def played(self, *spans: tuple[float, float]) -> TokenSequence:
        """The film as an edit that plays these spans of content in turn; at first, all of it."""
        spans = spans or ((0.0, self.seconds),)
        lengths = np.array([end - start for start, end in spans])
        ends = np.cumsum(lengths)
        times = np.arange(round(ends[-1] * TOKEN_RATE_HZ)) / TOKEN_RATE_HZ
        which = np.searchsorted(ends, times, side="right").clip(0, len(spans) - 1)
        begins = np.array([start for start, _ in spans])
        return TokenSequence(
            self.content(begins[which] + times - (ends - lengths)[which]), TOKEN_RATE_HZ
        )

    def model(self) -> RetimeModel:
        """A model whose cue encoder knows what each cue of this film was made for."""
        model = RetimeModel()
        model.cues = _KnowingEncoder(self)  # type: ignore[assignment]
        model.lag, model.subtitle = attention(), attention()
        model.onset, model.offset = attention(0.0), attention(0.0)  # know no edges
        return model.eval()


def token_film(seed: int = 0, *, minutes: float = 5.0, pause: float = 1.0) -> TokenFilm:
    """Dialogue with pauses of 0.1 to 8 s, made longer by ``pause``."""
    chance = np.random.default_rng([seed, 2])
    cues: list[CueTiming] = []
    now = 4.0
    while now < 60 * minutes - 8:
        length = float(chance.uniform(0.9, 4.0))
        cues.append(CueTiming(now, now + length, len(cues) + 1, False))
        now += length + pause * float(chance.choice([0.1, 0.3, 0.8, 2.0, 8.0]))
    return TokenFilm(seed, tuple(cues), 60 * minutes)


def mistimed(
    cues: Sequence[CueTiming], *, rate: float = 1.0, shift: float = 0.0
) -> list[CueTiming]:
    """The cues on a clock from which ``target = rate · time + shift`` leads back."""
    return [
        replace(cue, start=(cue.start - shift) / rate, end=(cue.end - shift) / rate) for cue in cues
    ]


def jittered(cues: Sequence[CueTiming], spread: float, *, seed: int = 0) -> list[CueTiming]:
    """The cues as a hasty person times them: each moved by up to about ``spread`` seconds."""
    moves = np.random.default_rng([seed, 3]).normal(0, spread, len(cues))
    out = [replace(c, start=c.start + m, end=c.end + m) for c, m in zip(cues, moves, strict=True)]
    return sorted(out, key=lambda cue: cue.start)


def attention(gain: float = _GAIN) -> CrossAttention:
    """Plain dot products, as sharp as ``align`` at its own temperature expects them."""
    plain = CrossAttention(DIM, DIM, heads=1, head_dim=DIM)
    with torch.no_grad():
        plain.query.weight.copy_(TEMPERATURE * gain * DIM**0.5 * torch.eye(DIM))
        plain.key.weight.copy_(torch.eye(DIM))
    return plain


@dataclass(eq=False)
class _KnowingEncoder(nn.Module):
    film: TokenFilm
    training: bool = field(default=False)

    def __post_init__(self) -> None:
        super().__init__()

    def encode(
        self, cues: Sequence[CueTiming], *, start: float | None = None, margin: float = 10.0
    ) -> TokenSequence:
        if start is None:
            start = float(np.floor(min(cue.start for cue in cues) - margin))
        end = max(cue.end for cue in cues) + margin
        times = start + np.arange(int((end - start) * TOKEN_RATE_HZ) + 1) / TOKEN_RATE_HZ
        values = np.zeros((len(times), DIM), np.float32)
        for cue, (first, last) in zip(cues, territories(cues), strict=True):
            rows = slice(*np.searchsorted(times, [first, last]).tolist())
            true = self.film.cues[cue.characters - 1]
            stretch = (true.end - true.start) / (cue.end - cue.start)
            values[rows] = self.film.content(true.start + (times[rows] - cue.start) * stretch)
        return TokenSequence(values, TOKEN_RATE_HZ, start)
