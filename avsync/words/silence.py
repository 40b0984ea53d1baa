"""Silence: where no word can be, and a way to listen that does not wait for it to pass.

Whisper hears 30 s at a time, and was hardly ever trained on windows that are silent for most of
that. So a line with a long pause in it is heard with the pause cut short.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from avsync.words.engine import SAMPLE_RATE_HZ, Found
from avsync.words.windows import Reel

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

__all__ = ["Heard", "listen", "quiet_frames"]

FRAME_HZ = 50
HOP = SAMPLE_RATE_HZ // FRAME_HZ
QUIET_POWER, QUIET_SHARE = 1e-7, 1e-5
"""Silence: 70 dB under full scale, or 50 dB under the loudest frame."""
QUIET_FRAMES = 10
"""Frames of silence in a row from which on no word is said in them."""
FLOOR_TIMES, LOUD_SHARE = 4.0, 10**-2.5
"""Noise that nothing rises from is silence too: every frame is less than 6 dB over the quietest
tenth, and 25 dB under the loudest one."""
CUT_FRAMES = 100
"""Frames of silence in a row from which on they are cut short."""
KEPT_FRAMES = 20
"""What is left of them at either end."""
AHEAD = 20
"""How many windows of film one window of sound is gathered from at most: bounds the memory."""


def quiet_frames(samples: FloatArray) -> BoolArray:
    """Whether each frame lies in silence that no word is said in: bool [frames].

    A stop within a word is as quiet, but shorter than `QUIET_FRAMES`.
    """
    power = _power(samples)
    return _runs(power < max(QUIET_POWER, power.max(initial=0.0) * QUIET_SHARE), QUIET_FRAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A stretch of film without its long silences."""

    samples: FloatArray
    """mono, `SAMPLE_RATE_HZ`"""
    joints: tuple[tuple[float, float], ...]
    """where each piece of it begins: seconds here, seconds of the film"""
    end: float
    """seconds of the film: where it ends"""

    @property
    def length(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE_HZ

    def film(self, seconds: float, *, ending: bool = False) -> float:
        """The film's time of a time in this sound; at a joint, that of what begins or ends there"""
        place = bisect_left if ending else bisect_right
        here, there = self.joints[max(0, place(self.joints, seconds, key=_first) - 1)]
        return there + seconds - here

    def moved(self, word: Found) -> Found:
        """A word of this sound on the film's clock.

        No word is said across a silence that was cut: one that reaches over it is put on that side
        where more of it lies.
        """
        start, end = word.start, word.end
        for joint, _ in self.joints[1:]:
            before, after = joint - KEPT_FRAMES / FRAME_HZ, joint + KEPT_FRAMES / FRAME_HZ
            if start < joint < end:
                if before - start > end - after:
                    end = max(start, before)
                else:
                    start = min(end, after)
        return replace(word, start=self.film(start), end=self.film(end, ending=True))


def _first(joint: tuple[float, float]) -> float:
    return joint[0]


def listen(reel: Reel, start: float, end: float, longest: float) -> Heard:
    """The film from ``start`` on, until ``longest`` seconds are heard or ``end`` is reached."""
    limit = min(end, start + AHEAD * longest)
    room, span = round(longest * SAMPLE_RATE_HZ), longest
    while True:
        ends = min(start + span, limit)
        samples = reel.read(start, ends)
        pieces = _pieces(_noise(samples), len(samples))
        if ends >= limit or sum(last - first for first, last in pieces) >= room:
            break
        span *= 2
    parts: list[FloatArray] = []
    joints: list[tuple[float, float]] = []
    heard = 0
    for first, last in pieces:
        part = samples[first : min(last, first + room - heard)]
        joints.append((heard / SAMPLE_RATE_HZ, start + first / SAMPLE_RATE_HZ))
        parts.append(part)
        heard += len(part)
        if heard == room:
            ends = joints[-1][1] + len(part) / SAMPLE_RATE_HZ
            break
    return Heard(np.concatenate(parts), tuple(joints), ends)


def _power(samples: FloatArray) -> npt.NDArray[np.float64]:
    """The power of each whole frame."""
    frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    return np.asarray((frames.astype(np.float64) ** 2).mean(axis=1))


def _noise(samples: FloatArray) -> BoolArray:
    """Whether each frame lies in a long stretch that nothing rises from."""
    power = _power(samples)
    floor = float(np.percentile(power, 10)) if len(power) else 0.0
    bound = max(QUIET_POWER, min(floor * FLOOR_TIMES, power.max(initial=0.0) * LOUD_SHARE))
    return _runs(power < bound, CUT_FRAMES)


def _runs(flags: BoolArray, least: int) -> BoolArray:
    """Those of the flags that stand in a row of at least so many."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    out = np.zeros(len(flags), bool)
    for first, last in edges.reshape(-1, 2):
        out[first:last] = last - first >= least
    return out


def _pieces(noise: BoolArray, samples: int) -> list[tuple[int, int]]:
    """Samples [first, last) of what is left when the middle of each stretch of noise is cut."""
    edges = np.flatnonzero(np.diff(noise.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    kept = np.array([KEPT_FRAMES, -KEPT_FRAMES])
    cuts = ((edges + kept) * HOP).tolist()
    firsts = [0, *(stop for _, stop in cuts)]
    lasts = [*(begin for begin, _ in cuts), samples]
    return list(zip(firsts, lasts, strict=True))
