"""The file that a film is written to: H.264 and AAC in MP4, QuickTime or Matroska."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.codec import Codec, UnknownCodecError
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from avsync.errors import RenderError
from avsync.media.line import FloatArray
from avsync.render.failures import ffmpeg_failures
from avsync.render.fitting import colours_of
from avsync.render.mixing import RATE_HZ

FORMATS = {".m4v": "mp4", ".mkv": "matroska", ".mov": "mov", ".mp4": "mp4"}
"""File extensions, and FFmpeg's names of the formats."""
AUDIO_BITS_PER_SECOND = 192_000
# x264's choices depend on how many threads it has, so that has to be the same on every machine.
# More than there are cores cost next to nothing, more than 6 cost picture quality.
_THREADS = 6

# A third less time for the same quality (SSIM) in 4 to 20% more bytes, on film and test pictures:
# no step between two of x264's presets is as cheap.
_TUNED = {"veryfast": {"x264-params": "subme=1:partitions=none"}}


class Writer:
    """Encodes frames and blocks of sound into a file, to be used in a `with` block."""

    def __init__(
        self,
        path: Path,
        target: Path,
        *,
        size: tuple[int, int],
        frame_rate: Fraction,
        sound: bool,
        preset: str,
        crf: int,
    ) -> None:
        """Writes to `path`; errors speak of `target`, which that is to become."""
        self._target = target
        # Nothing by chance or of the clock: the same film is the same file.
        options = {"fflags": "+bitexact"}
        if target.suffix.lower() != ".mkv":
            options["movflags"] = "+faststart"
        for encoder in ("libx264", *(["aac"] if sound else [])):
            _require(encoder, target)
        kind = FORMATS[target.suffix.lower()]
        self._container = av.open(str(path), "w", format=kind, options=options)
        quality = {"preset": preset, "crf": str(crf), **_TUNED.get(preset, {})}
        self._picture = self._add_picture(size, frame_rate, quality)
        self._sound = self._add_sound() if sound else None
        self._frames = self._samples = 0

    def _add_picture(
        self, size: tuple[int, int], rate: Fraction, options: dict[str, str]
    ) -> VideoStream:
        # Captions of a source are not the film's.
        stream = self._container.add_stream("libx264", rate=rate, options=options | {"a53cc": "0"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.thread_count = _THREADS
        context = stream.codec_context
        context.time_base = 1 / rate
        context.sample_aspect_ratio = Fraction(1)
        matrix = colours_of(size).matrix
        context.color_primaries = context.color_trc = context.colorspace = matrix
        context.color_range = 1
        return stream

    def _add_sound(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=RATE_HZ, layout="stereo")
        stream.bit_rate = AUDIO_BITS_PER_SECOND
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            with suppress(av.FFmpegError):  # what failed is known already
                self._container.close()
            return
        with self._failures():
            self._mux(self._picture.encode(None))
            if self._sound is not None:
                self._mux(self._sound.encode(None))
            self._container.close()

    def show(self, frame: VideoFrame) -> None:
        """The next frame, in the film's size and yuv420p."""
        frame.pict_type = PictureType.NONE  # else x264 would copy what the source's encoder chose
        frame.pts, frame.time_base = self._frames, self._picture.codec_context.time_base
        self._frames += 1
        with self._failures():
            self._mux(self._picture.encode(frame))

    def sound(self, block: FloatArray) -> None:
        """The next samples: float32 [2, samples] at 48 kHz."""
        if self._sound is None or not block.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "stereo")
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._samples
        self._samples += block.shape[1]
        with self._failures():
            self._mux(self._sound.encode(frame))

    def _mux(self, packets: Iterable[Packet]) -> None:  # type: ignore[type-arg]
        for packet in packets:
            self._container.mux(packet)

    def _failures(self) -> AbstractContextManager[None]:
        return ffmpeg_failures(self._target, "cannot be encoded", "try another size or preset")


def _require(encoder: str, target: Path) -> None:
    try:
        Codec(encoder, "w")
    except UnknownCodecError:
        raise RenderError(
            target,
            f"PyAV was built here without the encoder {encoder}: install its wheel from PyPI "
            "(pip install --force-reinstall --only-binary av av)",
        ) from None
