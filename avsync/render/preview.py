"""Marks that a person can check a cut by: a flash and a beep at every marker."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from avsync.cutlist import Marker
from avsync.media.line import FloatArray

FLASH_FRAMES = 2
BEEP_SECONDS = 0.03
BEAT_HZ, DOWNBEAT_HZ = 1000, 1500
_LOUDNESS = 0.5
_EDGE_SECONDS = 0.002  # a tone that begins at once would click


def is_downbeat(marker: Marker) -> bool:
    """Whether a marker is the first beat of its bar, as its name tells ("12.1")."""
    return marker.name.endswith(".1")


class Flashes:
    """A white border, for two frames from each marker on; a wider one on downbeats."""

    def __init__(
        self, markers: Sequence[Marker], frame_rate: Fraction, size: tuple[int, int]
    ) -> None:
        self._strong: dict[int, bool] = {}
        for marker in markers:
            first = round(Fraction(marker.time) * frame_rate)
            for n in range(first, first + FLASH_FRAMES):
                self._strong[n] = is_downbeat(marker) or self._strong.get(n, False)
        edge = max(2, 2 * (min(size) // 60))
        self._graphs = {False: _border(size, edge), True: _border(size, 2 * edge)}

    def __call__(self, frame: VideoFrame, n: int) -> VideoFrame:
        """Frame `n` of the timeline, with the border if a marker is there; `frame` stays."""
        if n not in self._strong:
            return frame
        graph = self._graphs[self._strong[n]]
        frame.pts = n
        graph.vpush(frame)
        return graph.vpull()


def _border(size: tuple[int, int], edge: int) -> Graph:
    graph = Graph()
    source = graph.add(
        "buffer", f"video_size={size[0]}x{size[1]}:pix_fmt=yuv420p:time_base=1/1000:range=tv"
    )
    box = graph.add("drawbox", f"x=0:y=0:w=iw:h=ih:color=white:thickness={edge}")
    graph.link_nodes(source, box, graph.add("buffersink")).configure()
    return graph


class Beeps:
    """A short tone from each marker on, a higher one on downbeats."""

    def __init__(self, markers: Sequence[Marker], rate_hz: int) -> None:
        self._starts = [(round(marker.time * rate_hz), is_downbeat(marker)) for marker in markers]
        self._tones = {down: _tone(hz, rate_hz) for down, hz in _PITCHES.items()}

    def add_to(self, sound: FloatArray, first: int) -> None:
        """Mix them into float32 [channels, samples], which begins at sample `first`."""
        length = sound.shape[1]
        for start, down in self._starts:
            tone = self._tones[down]
            low, high = max(start, first), min(start + len(tone), first + length)
            if low < high:
                sound[:, low - first : high - first] += tone[low - start : high - start]


_PITCHES = {False: BEAT_HZ, True: DOWNBEAT_HZ}


def _tone(hz: int, rate_hz: int) -> FloatArray:
    count = round(BEEP_SECONDS * rate_hz)
    wave = _LOUDNESS * np.sin(2 * np.pi * hz * np.arange(count) / rate_hz)
    edge = round(_EDGE_SECONDS * rate_hz)
    wave[:edge] *= np.linspace(0, 1, edge)
    wave[-edge:] *= np.linspace(1, 0, edge)
    return wave.astype(np.float32)
