"""A film's sound as mono samples on the film's clock.

One thread decodes ahead, the caller's mixes and resamples: FFmpeg lets go of Python's lock in both,
and what the caller does with a block overlaps with the decoding of the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler

from avsync.errors import MediaError
from avsync.media.ahead import ahead
from avsync.media.clock import iter_stretches
from avsync.media.container import open_container
from avsync.media.line import FloatArray, Line
from avsync.media.tracks import choose_audio_track, describe
from avsync.progress import Progress

_AHEAD = 3  # stretches that may be decoded before they are asked for

# How much of each channel goes into the mono sum, before the weights are made to sum to 1. Speech
# lives in the centre, music and noise around it; the low-frequency channel has no speech at all.
_WEIGHTS = {"FC": 1.0, "FL": 0.5, "FR": 0.5, "FLC": 0.5, "FRC": 0.5, "LFE": 0.0, "LFE2": 0.0}
_OTHER_WEIGHT = 0.2
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1", 8: "7.1"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audio:
    """Mono sound; sample `k` is at `k / rate_hz` seconds on the film's clock."""

    samples: FloatArray
    """float32 [samples] in [-1, 1]"""
    rate_hz: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate_hz

    def __repr__(self) -> str:
        return f"Audio([{len(self.samples)}], {self.rate_hz} Hz, {self.duration:.3f} s)"


def iter_audio(
    path: str | os.PathLike[str],
    *,
    track: int | None = None,
    rate_hz: int = 16_000,
    progress: Progress | None = None,
) -> Iterator[FloatArray]:
    """A track's sound as mono blocks of 10 s (the last is shorter), in constant memory.

    Sample `k` of all blocks joined is at `k / rate_hz` seconds on the film's clock: a track that
    starts late and gaps in it are filled with zeros, what lies before the film's start or doubles
    is dropped. Packets that cannot be decoded are skipped, and a file that breaks off is read up
    to there. The channels are mixed with the centre, where speech is, above the others.

    Args:
        path: a film or a sound file.
        track: FFmpeg's stream index; None lets `choose_audio_track` choose.
        rate_hz: samples a second of what is returned.
        progress: called with "reading" and the fraction of the film's length that is done.

    Yields:
        float32 [samples] in [-1, 1].

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: no sound can be read, or the timestamps make no sense.
        (Both come with the first block that is asked for.)
    """
    if rate_hz <= 0:
        raise ValueError(f"rate_hz must be positive; got {rate_hz}")
    with open_container(path) as container:
        info = describe(container, path)
        chosen = choose_audio_track(info, track)
        report = _Report(progress, info.duration)
        line = Line(rate_hz, _Mixer)
        try:
            # Closing stops the other thread, which has to be before the container is closed.
            with closing(ahead(iter_stretches(container, chosen, path), _AHEAD)) as stretches:
                for stretch in stretches:
                    for block in line.add(stretch):
                        yield block
                        report(line.position)
            yield from line.finish()
        except av.FFmpegError as error:
            reason = error.strerror or str(error)
            raise MediaError(path, f"audio track {chosen} cannot be mixed ({reason})") from error
        report.finish()


def read_audio(
    path: str | os.PathLike[str],
    *,
    track: int | None = None,
    rate_hz: int = 16_000,
    progress: Progress | None = None,
) -> Audio:
    """All of a track's sound at once; see `iter_audio`. Two hours take 460 MB at 16 kHz."""
    blocks = list(iter_audio(path, track=track, rate_hz=rate_hz, progress=progress))
    return Audio(np.concatenate(blocks), rate_hz)


class _Mixer:
    """Mixes and resamples one run of frames of one format."""

    def __init__(self, frame: AudioFrame, rate_hz: int) -> None:
        # Planes of floats are what most decoders give. But PyAV 18 looks for the end of the planes
        # beyond their end when there are 8 or more, so those come in one.
        self._channels = frame.layout.nb_channels
        self._planar = self._channels < 8
        self._to_float = AudioResampler(format="fltp" if self._planar else "flt")
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=rate_hz)
        self._weights = _weights(frame.layout)

    def mix(self, frame: AudioFrame | None) -> FloatArray:
        """Mono samples in [-1, 1]; None asks for the tail."""
        out: list[AudioFrame] = []
        for plain in _resample(self._to_float, frame):
            out += _resample(self._resampler, self._mono(plain))
        if frame is None:
            out += _resample(self._resampler, None)
        samples: FloatArray = np.concatenate([_NOTHING, *(part.to_ndarray()[0] for part in out)])
        return samples.clip(-1.0, 1.0)

    def _mono(self, frame: AudioFrame) -> AudioFrame:
        planes = frame.to_ndarray()
        if not self._planar:
            planes = planes.reshape(-1, self._channels).T
        with np.errstate(over="ignore", invalid="ignore"):
            mixed = self._weights @ planes
            finite = np.isfinite(mixed.sum())
        if not finite:  # damaged floats: one of them would spoil all that a filter makes of it
            mixed = np.nan_to_num(mixed, nan=0.0, posinf=0.0, neginf=0.0).clip(-1.0, 1.0)
        mono = AudioFrame.from_ndarray(mixed[np.newaxis], format="fltp", layout="mono")
        mono.sample_rate = frame.sample_rate
        return mono


_NOTHING = np.zeros(0, np.float32)


def _resample(resampler: AudioResampler, frame: AudioFrame | None) -> list[AudioFrame]:
    # A resampler that has nothing to change hands on what it gets, the None for its tail as well.
    return [out for out in resampler.resample(frame) if out is not None]


def _weights(layout: AudioLayout) -> FloatArray:
    names = [channel.name for channel in layout.channels]
    if set(names) == {"NONE"} and len(names) in _USUAL_LAYOUTS:  # a WAV that does not say
        names = [channel.name for channel in AudioLayout(_USUAL_LAYOUTS[len(names)]).channels]
    weights = np.array([_WEIGHTS.get(name, _OTHER_WEIGHT) for name in names], np.float32)
    total = float(weights.sum())
    return weights / np.float32(total) if total else np.full_like(weights, 1 / len(weights))


class _Report:
    """Tells a caller how far the reading is, in steps that are worth telling."""

    _STEP = 0.005

    def __init__(self, progress: Progress | None, duration: float | None) -> None:
        self._progress = progress
        self._duration = duration
        self._told = 0.0

    def __call__(self, position: float) -> None:
        if self._progress is None or not self._duration:
            return
        fraction = min(1.0, max(0.0, position / self._duration))
        if fraction >= self._told + self._STEP:
            self._told = fraction
            self._progress("reading", fraction)

    def finish(self) -> None:
        if self._progress is not None and self._told < 1.0:
            self._progress("reading", 1.0)
