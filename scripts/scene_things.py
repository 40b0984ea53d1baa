"""Things that move: what an act of ``make_scenes.py`` is made of.

An act is a handful of shapes whose places are known at every instant, the instants at which
something is struck, lands, switches or stops (its hits), and how much it stirs in between (its
drive). So a scene's picture and its sound come from one truth. Lengths are pixels of a picture
64 wide and 36 high.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 64, 36
CONTROL_HZ = 250
"""How often a movement is known."""

Array = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Thing:
    """One shape; every array is [instants] at CONTROL_HZ, or one number for all of them."""

    round: bool
    """an ellipse; else a rectangle"""
    x: Array
    y: Array
    half_width: Array
    half_height: Array
    angle: Array = field(default_factory=lambda: np.zeros(1))
    """radians"""
    light: Array = field(default_factory=lambda: np.ones(1))
    """its brightness; at 0 it is not there"""


@dataclass(frozen=True)
class Hit:
    """An instant at which something is heard, and how strongly."""

    time: float
    strength: float


@dataclass(frozen=True)
class Act:
    """What happens in a scene."""

    things: list[Thing]
    hits: list[Hit]
    drive: Array | None = None
    """[instants], 0 to 1: how much it stirs"""
    camera: Array | None = None
    """[3, instants]: where it looks (x, y) and the logarithm of its zoom"""
    speaks: bool = False
    """the drive is a voice's"""


def disc(x: Array, y: Array, radius: float | Array, light: Array | None = None) -> Thing:
    size = np.atleast_1d(np.asarray(radius, float))
    return Thing(True, x, y, size, size, light=np.ones(1) if light is None else light)


def limb(x: Array, y: Array, angle: Array, length: float, width: float) -> Thing:
    """A bar that hangs from (x, y), turned by ``angle`` from straight down."""
    half = length / 2
    centre = x + half * np.sin(angle), y + half * np.cos(angle)
    return Thing(False, *centre, np.array([width / 2]), np.array([half]), -angle)


def instants(seconds: float) -> Array:
    return np.arange(int(seconds * CONTROL_HZ) + 1) / CONTROL_HZ


def fixed(value: float, t: Array) -> Array:
    return np.full(len(t), value)


def rhythm(rng: Rng, seconds: float) -> list[Hit]:
    """Hits as music or chance sets them: a pattern on a beat, or one every now and then."""
    if rng.random() < 0.35:
        times = np.cumsum(rng.gamma(2.5, rng.uniform(0.15, 0.6), size=200)) + rng.uniform(0, 0.5)
        strengths = rng.uniform(0.4, 1.0, size=len(times))
    else:
        step = 60 / rng.uniform(60, 190) / rng.choice([1, 1, 2])
        count = int(seconds / step) + 1
        pattern = rng.uniform(0.3, 1.0, size=rng.choice([4, 8, 6])) * (rng.random() < 0.95)
        pattern[rng.random(len(pattern)) < rng.uniform(0.0, 0.6)] = 0.0
        pattern[0] = 1.0
        times = rng.uniform(0, step) + step * np.arange(count)
        strengths = np.resize(pattern, count)
    hits = zip(times.tolist(), strengths.tolist(), strict=True)
    return [Hit(time, strength) for time, strength in hits if strength and time < seconds]


def glide(t: Array, hits: list[Hit], places: Array, length: float, *, arrive: bool) -> Array:
    """Rest at one of ``places`` after another, each move ending (or starting) at a hit."""
    out = fixed(float(places[0]), t)
    for number, hit in enumerate(hits):
        before, after = places[number % len(places)], places[(number + 1) % len(places)]
        start = hit.time - length if arrive else hit.time
        progress = np.clip((t - start) / length, 0, 1)
        # Fast at the end that is heard, slow at the other.
        eased = progress**2 if arrive else 1 - (1 - progress) ** 2
        out += (after - before) * eased
    return out


def wander(rng: Rng, t: Array, spread: float, seconds: float) -> Array:
    """Noise that forgets itself within ``seconds``, of standard deviation ``spread``."""
    knots = int(len(t) / CONTROL_HZ / seconds) + 4
    at = (np.arange(knots) - 1.0) * seconds
    rough = np.interp(t, at, rng.normal(size=knots))
    kernel = np.hanning(max(3, int(seconds * CONTROL_HZ) | 1))
    padded = np.pad(rough, len(kernel) // 2, mode="edge")
    return spread * np.convolve(padded, kernel / kernel.sum(), "valid")
