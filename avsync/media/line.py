"""Sound laid on a line: sample `k` is at `k / rate_hz` seconds, whatever gaps there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from avsync.media.clock import Stretch

FloatArray = npt.NDArray[np.float32]

BLOCK_SECONDS = 10


class Mixer(Protocol):
    """Mixes and resamples one run of frames of one format."""

    def mix(self, frame: AudioFrame | None) -> FloatArray:
        """Its samples; None asks for the tail."""


class Line:
    """Lays stretches on a line of samples at their place, and cuts it into blocks.

    Samples are float32 [samples], or [channels, samples], as the mixer makes them.
    """

    def __init__(
        self,
        rate_hz: int,
        new_mixer: Callable[[AudioFrame, int], Mixer],
        *,
        channels: tuple[int, ...] = (),
        start: float = 0.0,
        block_seconds: float = BLOCK_SECONDS,
    ) -> None:
        """The line begins at `start` seconds; `new_mixer` makes one for each run of one format."""
        self._rate_hz = rate_hz
        self._new_mixer = new_mixer
        self._channels = channels
        self._start = round(start * rate_hz)
        self._block = round(block_seconds * rate_hz)
        self._written = 0  # samples on the line so far
        self._overlap = 0  # samples still to drop, for they double what is on the line
        self._parts: list[FloatArray] = []
        self._held = 0  # samples in parts
        self._mixer: Mixer | None = None

    @property
    def position(self) -> float:
        """Seconds on the film's clock that are done."""
        return self._written / self._rate_hz

    def add(self, stretch: Stretch) -> Iterator[FloatArray]:
        if stretch.start is not None or self._mixer is None:
            yield from self._end_run()
            start = round((stretch.start or 0.0) * self._rate_hz) - self._start
            for gap in self._silence(start - self._written):
                yield from self._write(gap)
            self._overlap = self._written - start
            self._mixer = self._new_mixer(stretch.frame, self._rate_hz)
        yield from self._write(self._mixer.mix(stretch.frame))

    def _silence(self, samples: int) -> Iterator[FloatArray]:
        for start in range(0, samples, self._rate_hz):
            yield np.zeros((*self._channels, min(self._rate_hz, samples - start)), np.float32)

    def finish(self) -> Iterator[FloatArray]:
        """What is left."""
        yield from self._end_run()
        if self._held:
            yield np.concatenate(self._parts, axis=-1)

    def _end_run(self) -> Iterator[FloatArray]:
        if self._mixer is not None:
            yield from self._write(self._mixer.mix(None))
            self._mixer = None

    def _write(self, samples: FloatArray) -> Iterator[FloatArray]:
        if self._overlap:
            dropped = min(self._overlap, samples.shape[-1])
            self._overlap -= dropped
            samples = samples[..., dropped:]
        self._written += samples.shape[-1]
        self._parts.append(samples)
        self._held += samples.shape[-1]
        size = self._block
        while self._held >= size:
            joined = np.concatenate(self._parts, axis=-1)
            yield joined[..., :size]
            self._parts = [joined[..., size:]]
            self._held = self._parts[0].shape[-1]
