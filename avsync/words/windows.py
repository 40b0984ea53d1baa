"""Which stretch of sound is listened to for which lines.

Whisper hears 30 s at a time, and each look costs the same however little it holds. So lines that
follow one another share a window; a long pause ends it, and a line that is longer than a window has
one of its own, in which the engine moves on as it finds words (`long`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.media import Audio

FloatArray = npt.NDArray[np.float32]

__all__ = ["Line", "Reel", "Window", "plan_windows"]

LONGEST_PAUSE = 6.0
"""Seconds without a line after which a window ends: what lies between is not for its lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text and where it is to be looked for."""

    cue: int
    """whose text it is, by its place in the file"""
    start: float
    """seconds: when its cue is shown"""
    end: float
    text: str
    """what is said, words separated by blanks"""
    size: int = 0
    """how many units (tokens, letters) its engine reads it as"""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the film, seconds, and the lines that are looked for in it, in order."""

    start: float
    end: float
    lines: tuple[Line, ...]
    long: bool = False
    """one line that does not fit into one look"""


def plan_windows(
    lines: Sequence[Line], *, longest: float, slack: float, most_units: int
) -> list[Window]:
    """Windows of at most ``longest`` seconds and ``most_units``, in order of start.

    Each reaches ``slack`` seconds beyond its lines. A line is in exactly one of them.
    """
    windows: list[Window] = []
    held: list[Line] = []
    for line in sorted(lines, key=lambda line: (line.start, line.end, line.cue)):
        if held and not _fits([*held, line], longest, slack, most_units):
            windows.append(_window(held, slack))
            held = []
        if _fits([line], longest, slack, most_units):
            held.append(line)
        else:
            windows.append(_window([line], slack, long=True))
    if held:
        windows.append(_window(held, slack))
    return windows


def _fits(lines: Sequence[Line], longest: float, slack: float, most_units: int) -> bool:
    end = max(line.end for line in lines)
    pause = lines[-1].start - max((line.end for line in lines[:-1]), default=lines[-1].start)
    return (
        end - lines[0].start + 2 * slack <= longest
        and sum(line.size for line in lines) <= most_units
        and pause <= LONGEST_PAUSE
    )


def _window(lines: Sequence[Line], slack: float, *, long: bool = False) -> Window:
    start = max(0.0, min(line.start for line in lines) - slack)
    end = max(start, max(line.end for line in lines) + slack)
    return Window(start, end, tuple(lines), long)


class Reel:
    """Sound that is read once, from its start on, and let go of when nobody wants it any more."""

    def __init__(self, blocks: Iterator[FloatArray], rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._blocks: Iterator[FloatArray] | None = blocks
        self._held: list[FloatArray] = []
        self._first = 0  # the sample that what is held begins with

    @classmethod
    def of(cls, audio: Audio) -> Reel:
        """A reel of what is in memory."""
        return cls(iter([audio.samples]), audio.rate_hz)

    def read(self, start: float, end: float) -> FloatArray:
        """Mono float32 samples of [start, end) seconds; zeros before and after the recording.

        Raises:
            ValueError: it was let go of before.
        """
        first, last = (round(t * self.rate_hz) for t in (start, end))
        if self._first and first < self._first:
            raise ValueError(f"the sound from {start:.3f} s on is gone")
        while self._blocks is not None and self._end < last:
            block = next(self._blocks, None)
            if block is None:
                self._blocks = None
            else:
                self._held.append(block)
        out = np.zeros(max(last - first, 0), np.float32)
        at = self._first
        for block in self._held:
            begin, finish = max(at, first), min(at + len(block), last)
            if begin < finish:
                out[begin - first : finish - first] = block[begin - at : finish - at]
            at += len(block)
        return out

    def forget(self, before: float) -> None:
        """Nothing before that many seconds will be asked for."""
        while self._held and self._first + len(self._held[0]) <= before * self.rate_hz:
            self._first += len(self._held.pop(0))

    @property
    def _end(self) -> int:
        return self._first + sum(map(len, self._held))
