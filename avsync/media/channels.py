"""A recording's sound as it was recorded: all channels, at its own rate, on the film's clock."""

from __future__ import annotations

import os
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from avsync.errors import MediaError
from avsync.media.clock import iter_stretches
from avsync.media.container import open_container
from avsync.media.line import FloatArray, Line
from avsync.media.tracks import choose_audio_track, describe

BLOCK_SECONDS = 1.0
_PACKED = 8  # channels from which on PyAV 18 reads beyond the end of planes


def iter_channels(
    path: str | os.PathLike[str], *, track: int | None = None
) -> Iterator[FloatArray]:
    """A track's channels as blocks of 1 s (the last is shorter), in constant memory.

    Sample `k` of all blocks joined is at `k / rate_hz` seconds on the film's clock, where
    `rate_hz` is what `probe` says of the track; gaps are filled with zeros.

    Args:
        path: a film or a sound file.
        track: FFmpeg's stream index; None lets `choose_audio_track` choose.

    Yields:
        float32 [channels, samples]; floating-point recordings may go beyond 1.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: no sound can be read.
    """
    with open_container(path) as container:
        chosen = choose_audio_track(describe(container, path), track)
        rate_hz, channels = chosen.rate_hz, chosen.channels
        if not rate_hz or not channels:
            raise MediaError(path, f"audio track {chosen} has no decoder: choose another track")
        layouts: list[str] = []  # that of the first frame, which all others are brought to

        def new_mixer(frame: AudioFrame, rate: int) -> _Channels:
            layouts.append(frame.layout.name)
            return _Channels(layouts[0], frame.layout.nb_channels, channels, rate)

        line = Line(rate_hz, new_mixer, channels=(channels,), block_seconds=BLOCK_SECONDS)
        try:
            for stretch in iter_stretches(container, chosen, path, longest=BLOCK_SECONDS):
                yield from line.add(stretch)
            yield from line.finish()
        except av.FFmpegError as error:
            reason = error.strerror or str(error)
            raise MediaError(path, f"its sound cannot be read ({reason}): convert it") from error


class _Channels:
    """Floats of one run of frames, at the track's rate."""

    def __init__(self, layout: str, own: int, channels: int, rate_hz: int) -> None:
        self._channels = channels
        self._packed = channels >= _PACKED
        kind = "flt" if self._packed else "fltp"
        # A run with other channels than the track says is brought to those of the track.
        self._resampler = AudioResampler(format=kind, layout=layout, rate=rate_hz)

    def mix(self, frame: AudioFrame | None) -> FloatArray:
        out = [part for part in self._resampler.resample(frame) if part is not None]
        planes = [np.zeros((self._channels, 0), np.float32)]
        for part in out:
            values = part.to_ndarray().astype(np.float32, copy=False)
            planes.append(values.reshape(-1, self._channels).T if self._packed else values)
        samples: FloatArray = np.concatenate(planes, axis=1)
        if not np.isfinite(samples).all():  # damaged floats
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        return samples
