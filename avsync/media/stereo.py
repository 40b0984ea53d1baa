"""A film's or a song's sound in stereo, to be heard: from any instant on, on the film's clock."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from itertools import chain

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from avsync.errors import MediaError
from avsync.media.clock import Stretch, iter_stretches
from avsync.media.container import film_start, open_container
from avsync.media.line import FloatArray, Line
from avsync.media.tracks import Track, choose_audio_track, describe

BLOCK_SECONDS = 1.0
_LEAD = 0.5  # seconds that a decoder is given before the first sample that counts
_LATE = 0.002  # seconds; packets that come first may not be later than this
# In these a packet tells its time; elsewhere, after a seek, time is a guess.
_TIMED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts"})


def iter_stereo(
    path: str | os.PathLike[str], *, start: float = 0.0, rate_hz: int = 48_000
) -> Iterator[FloatArray]:
    """The track that a player would choose, as blocks of 1 s (the last is shorter).

    Sample `k` of all blocks joined is at `start + k / rate_hz` seconds; gaps are filled with zeros.
    The same clock as that of `iter_audio`, but nothing is mixed beyond what stereo asks for.

    Yields:
        float32 [2, samples], left and right; peaks may go beyond 1.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no sound, or none that can be decoded.
    """
    for seeks in (True, False):
        with open_container(path) as container:
            chosen = choose_audio_track(describe(container, path))
            if seeks and not _seek(container, chosen, start - _LEAD):
                continue
            stretches = iter_stretches(container, chosen, path, longest=BLOCK_SECONDS)
            try:
                first = next(stretches, None)
            except MediaError:
                if seeks:
                    continue
                raise
            if first is None or (seeks and (first.start or 0.0) > max(start, chosen.start) + _LATE):
                continue
            yield from _laid(chain([first], stretches), path, start, rate_hz)
            return


def _seek(container: InputContainer, track: Track, to: float) -> bool:
    if to <= track.start or container.format.name not in _TIMED:
        return False
    stream = container.streams[track.index]
    ticks = (to + film_start(container)) / (stream.time_base or 1)
    try:
        container.seek(math.floor(ticks), stream=stream)
    except av.FFmpegError:
        return False
    return True


def _laid(
    stretches: Iterator[Stretch], path: str | os.PathLike[str], start: float, rate_hz: int
) -> Iterator[FloatArray]:
    line = Line(rate_hz, _Stereo, channels=(2,), start=start, block_seconds=BLOCK_SECONDS)
    try:
        for stretch in stretches:
            yield from line.add(stretch)
        yield from line.finish()
    except av.FFmpegError as error:
        reason = error.strerror or str(error)
        raise MediaError(path, f"its sound cannot be mixed ({reason}): convert it first") from error


class _Stereo:
    """Resamples one run of frames; more channels than two are mixed as ITU-R BS.775 says."""

    def __init__(self, frame: AudioFrame, rate_hz: int) -> None:
        # One channel is heard from both sides as loud as it is; FFmpeg would take 3 dB off.
        self._mono = frame.layout.nb_channels == 1
        self._resampler = AudioResampler(
            format="fltp",
            layout="mono" if self._mono else "stereo",
            rate=rate_hz,
            options={"rematrix_maxval": "1"},  # the sum of many channels is no louder than one
        )

    def mix(self, frame: AudioFrame | None) -> FloatArray:
        out = [part for part in self._resampler.resample(frame) if part is not None]
        planes = [part.to_ndarray() for part in out]
        channels = 1 if self._mono else 2
        samples: FloatArray = np.concatenate([np.zeros((channels, 0), np.float32), *planes], axis=1)
        if not np.isfinite(samples).all():  # damaged floats
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        return np.repeat(samples, 2, axis=0) if self._mono else samples
