"""Clips and grids made by hand, for tests of what is planned from them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from avsync.clips.clip import TOKEN_RATE_HZ, Clip
from avsync.timemap import Span
from avsync.tokens import TokenSequence

DIM = 8


def make_clip(
    name: str = "a.mp4",
    seconds: float = 10.0,
    *,
    changes: Sequence[float] = (),
    frame_rate: Fraction | int = 25,
    size: tuple[int, int] = (1920, 1080),
    motion: float | np.ndarray | None = None,
    sharpness: float | np.ndarray = 0.8,
    exposure: float | np.ndarray = 0.45,
    faces: float | np.ndarray | None = None,
    seed: int = 0,
    dim: int = DIM,
) -> Clip:
    """A clip that changes shot at `changes`; measures are constants or arrays [tokens]."""
    chance = np.random.default_rng(seed)
    tokens = round(seconds * TOKEN_RATE_HZ)

    def track(value: float | np.ndarray | None) -> np.ndarray:
        drawn = chance.uniform(0.1, 0.5, tokens) if value is None else value
        return np.broadcast_to(np.asarray(drawn, np.float32), (tokens,)).copy()

    return Clip(
        path=Path(name),
        duration=seconds,
        frame_rate=Fraction(frame_rate),
        size=size,
        shots=tuple(Span(a, b) for a, b in pairwise([0.0, *changes, seconds])),
        tokens=TokenSequence(chance.normal(size=(tokens, dim)).astype(np.float32), TOKEN_RATE_HZ),
        motion=track(motion),
        sharpness=track(sharpness),
        exposure=track(exposure),
        faces=None if faces is None else track(faces),
    )


def make_clips(count: int, seconds: float = 10.0, *, changes: Sequence[float] = ()) -> list[Clip]:
    """Clips that differ in name, tokens and motion."""
    return [make_clip(f"{k:03}.mp4", seconds, changes=changes, seed=k) for k in range(count)]
