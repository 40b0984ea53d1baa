"""Music and the shots' own sound into one, without clipping."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from avsync.cutlist import SourceSound
from avsync.media.line import FloatArray

RATE_HZ = 48_000
UNDER_MUSIC = 0.5
"""Gain of the shots' sound when it is mixed in: -6 dB."""

# Speech at -30 dB already lowers the music, by up to 15 dB; it comes back within half a second.
_DUCK = "threshold=0.03:ratio=8:attack=20:release=400:knee=4"
# True peaks lie a little above samples, so half a decibel is left. `latency` takes the delay of
# looking ahead away again, `level` would make everything as loud as can be.
_LIMIT = "limit=0.94:attack=5:release=50:level=0:latency=1"


class Mixer:
    """Mixes music with the sound of the shots, block by block."""

    def __init__(self, source_sound: SourceSound) -> None:
        self._gain = UNDER_MUSIC if source_sound == "mix" else 1.0
        self._graph = _build(source_sound)
        self._at = 0

    def mix(self, music: FloatArray, voices: FloatArray | None) -> Iterator[FloatArray]:
        """Float32 [2, samples] of both, equally long; what comes out may be so many later."""
        self._graph.push(self._frame(music), at=0)
        if voices is not None:
            self._graph.push(self._frame(voices * np.float32(self._gain)), at=1)
        self._at += music.shape[1]
        yield from self._pull()

    def finish(self) -> Iterator[FloatArray]:
        """What is left."""
        self._graph.push(None)
        yield from self._pull()

    def _frame(self, samples: FloatArray) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._at
        return frame

    def _pull(self) -> Iterator[FloatArray]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            samples: FloatArray = frame.to_ndarray().astype(np.float32, copy=False)
            yield samples


def _build(source_sound: SourceSound) -> Graph:
    graph = Graph()
    end = _input(graph)
    if source_sound != "mute":
        voices, port = _input(graph), 0
        if source_sound == "duck":
            split, duck = graph.add("asplit"), graph.add("sidechaincompress", _DUCK)
            voices.link_to(split)
            end.link_to(duck, 0, 0)
            split.link_to(duck, 0, 1)
            end, voices, port = duck, split, 1
        both = graph.add("amix", "inputs=2:normalize=0")
        end.link_to(both, 0, 0)
        voices.link_to(both, port, 1)
        end = both
    graph.link_nodes(
        end,
        graph.add("alimiter", _LIMIT),
        graph.add("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _input(graph: Graph) -> FilterContext:
    return graph.add_abuffer(sample_rate=RATE_HZ, format="fltp", layout="stereo")
