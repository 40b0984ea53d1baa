"""A recording's sound written anew on another recording's clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream

from avsync.atomic import atomic_path
from avsync.errors import RenderError
from avsync.media import Track, choose_audio_track, probe
from avsync.media.channels import iter_channels
from avsync.media.line import FloatArray
from avsync.progress import Progress
from avsync.render.failures import ffmpeg_failures

ALIGNED_FORMATS = frozenset({".flac", ".wav"})
"""File extensions that aligned sound is written with."""
_FULL_SCALE = 1 << 31
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1", 8: "7.1"}
_MOST_CHANNELS = {".flac": 8, ".wav": 64}


def write_aligned(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    offset_s: float,
    drift_ppm: float,
    duration_s: float,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a recording so that its second `t` is what the first recording has at `t`.

    What lies before the first one's start or after its end is cut off, what is missing is silence,
    and the drift is resampled away (soxr, VHQ), so that the file can be laid under the first one
    from 0 to the end. All channels stay, at their own rate, in 24 bits; floating-point recordings
    stay so in a .wav, since they may go beyond full scale.

    Args:
        source: a film or a sound file.
        target: a .wav or .flac; it appears when it is whole.
        offset_s, drift_ppm: as `Recording` has them.
        duration_s: how long the first recording is.
        audio_track: FFmpeg's stream index; None lets `choose_audio_track` choose.
        progress: called with "writing" and the fraction that is done.

    Raises:
        ValueError: another extension, or the source itself as the target.
        FileNotFoundError, MediaError: the recording is missing or has no sound that can be read.
        RenderError: the format cannot hold it.
        OSError: the file cannot be written; it names it.
    """
    final = Path(target)
    if final.suffix.lower() not in ALIGNED_FORMATS:
        known = " ".join(sorted(ALIGNED_FORMATS))
        raise ValueError(f"{final}: aligned sound is written as one of {known}")
    track = choose_audio_track(probe(source), audio_track)
    if final.exists() and final.samefile(source):
        raise ValueError(f"{final}: is the recording itself; write to another file")
    rate_hz = track.rate_hz or 48_000
    total = round(duration_s * rate_hz)
    blocks = _stretched(iter_channels(source, track=track.index), track, drift_ppm)
    with (
        atomic_path(final) as temporary,
        ffmpeg_failures(final, "cannot be encoded"),
        _Writer(temporary, final, track) as writer,
    ):
        done = 0
        for block in _laid(blocks, track.channels or 1, round(offset_s * rate_hz), total):
            writer.write(block)
            done += block.shape[1]
            if progress is not None:
                progress("writing", done / max(1, total))


def _stretched(
    blocks: Iterator[FloatArray], track: Track, drift_ppm: float
) -> Iterator[FloatArray]:
    """The same at the pace of the other clock."""
    if not drift_ppm:
        yield from blocks
        return
    import soxr

    rate_hz, channels = track.rate_hz or 48_000, track.channels or 1
    resampler = soxr.ResampleStream(
        rate_hz, rate_hz * (1 + drift_ppm / 1e6), channels, dtype="float32", quality="VHQ"
    )
    nothing = np.zeros((0, channels), np.float32)
    for block in blocks:
        yield _planes(resampler.resample_chunk(np.ascontiguousarray(block.T)), channels)
    yield _planes(resampler.resample_chunk(nothing, last=True), channels)


def _planes(samples: FloatArray, channels: int) -> FloatArray:
    return samples.reshape(-1, channels).T


def _laid(
    blocks: Iterator[FloatArray], channels: int, offset: int, total: int
) -> Iterator[FloatArray]:
    """The blocks from sample `offset` on, cut and filled up to samples 0 to `total`."""
    at = 0
    for silence in _silence(channels, min(offset, total)):
        yield silence
        at += silence.shape[1]
    skip = max(0, -offset)
    for block in blocks:
        dropped = min(skip, block.shape[1])
        skip -= dropped
        part = block[:, dropped : dropped + total - at]
        if part.shape[1]:
            yield part
            at += part.shape[1]
        if at >= total:
            return
    yield from _silence(channels, total - at)


def _silence(channels: int, count: int) -> Iterator[FloatArray]:
    for first in range(0, count, 48_000):
        yield np.zeros((channels, min(48_000, count - first)), np.float32)


class _Writer:
    """Encodes blocks of floats, to be used in a `with` block."""

    def __init__(self, path: Path, target: Path, track: Track) -> None:
        kind = target.suffix.lower()
        channels, self._rate_hz = track.channels or 1, track.rate_hz or 48_000
        if channels > _MOST_CHANNELS[kind]:
            raise RenderError(target, f"cannot hold {channels} channels: write a .wav")
        self._float = kind == ".wav" and track.codec.startswith("pcm_f")
        codec = "flac" if kind == ".flac" else "pcm_f32le" if self._float else "pcm_s24le"
        # A WAV of more than 4 GiB has to say so (EBU Tech 3306).
        options = {"fflags": "+bitexact"} | ({"rf64": "auto"} if kind == ".wav" else {})
        self._container = av.open(str(path), "w", format=kind[1:], options=options)
        stream = self._container.add_stream(codec, rate=self._rate_hz)
        assert isinstance(stream, AudioStream)
        self._layout = _USUAL_LAYOUTS.get(channels, f"{channels} channels")
        stream.codec_context.layout = AudioLayout(self._layout)
        stream.codec_context.format = "flt" if self._float else "s32"
        self._stream = stream
        self._samples = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None:
                for packet in self._stream.encode(None):
                    self._container.mux(packet)
        finally:
            self._container.close()

    def write(self, block: FloatArray) -> None:
        """The next samples: float32 [channels, samples]."""
        packed = np.ascontiguousarray(block.T).reshape(1, -1)
        if not self._float:
            scaled = np.rint(packed.astype(np.float64) * (_FULL_SCALE >> 8)) * 256
            packed = scaled.clip(-_FULL_SCALE, _FULL_SCALE - 256).astype(np.int32)
        frame = AudioFrame.from_ndarray(packed, "flt" if self._float else "s32", self._layout)
        frame.sample_rate, frame.time_base = self._rate_hz, Fraction(1, self._rate_hz)
        frame.pts = self._samples
        self._samples += block.shape[1]
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
