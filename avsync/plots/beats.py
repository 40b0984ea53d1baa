"""Pictures of a beat grid over the song it was found in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avsync.plots.style import ACCENT, INK, PALE, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from avsync.beats.grid import BeatGrid
    from avsync.media import Audio

_ROW_SECONDS = 30.0  # of song in one row; longer songs get longer rows
_ROWS = 8
_COLUMNS = 1600  # points of the waveform in one row


def plot_beats(grid: BeatGrid, song: Audio, path: str | os.PathLike[str]) -> None:
    """Draw the waveform in rows with its beats, numbered bars and drops, and the tempo below.

    Raises:
        ValueError: the extension is not one of `PLOT_EXTENSIONS`.
        OSError: the file cannot be written.
    """
    save(lambda: _draw(grid, song), path)


def _draw(grid: BeatGrid, song: Audio) -> Figure:
    span = max(_ROW_SECONDS, song.duration / _ROWS)
    rows = max(1, int(np.ceil(song.duration / span - 1e-9)))
    figure = new_figure((12.0, 1.3 * rows + 2.0))
    panels = figure.subplots(rows + 1, 1, squeeze=False, height_ratios=[1.0] * rows + [1.2])[:, 0]
    for row, panel in enumerate(panels[:-1]):
        _draw_row(panel, grid, song, row * span, (row + 1) * span)
    _draw_tempo(panels[-1], grid, song.duration)
    name = song_name(grid)
    title = f"{grid.tempo_bpm:.1f} BPM, {grid.meter} beats in a bar" if len(grid) else grid.reason
    figure.suptitle(f"{name}: {title}, confidence {grid.confidence:.2f}", fontsize=10, color=INK)
    return figure


def song_name(grid: BeatGrid) -> str:
    """What a picture calls the song, harmless to draw."""
    name = grid.path.name if grid.path else "song"
    return "".join(c if c.isprintable() else "?" for c in name)


def _draw_row(panel: Axes, grid: BeatGrid, song: Audio, start: float, end: float) -> None:
    draw_waveform(panel, song, start, end)
    for beats, height, colour, width in (
        (grid.beats, 0.55, ACCENT, 0.6),
        (grid.downbeats, 1.0, ACCENT, 1.1),
    ):
        shown = beats[(beats >= start) & (beats < end)]
        panel.vlines(shown, -height, height, color=colour, linewidth=width)
    for drop in grid.drops[(grid.drops >= start) & (grid.drops < end)]:
        panel.plot([drop], [0.98], marker="v", color=INK, markersize=6, clip_on=False)
    bars = grid.bars[grid.positions == 1]
    for time, bar in zip(grid.downbeats, bars, strict=True):
        if start <= time < end and bar % 4 == 1:
            panel.text(time, 1.02, str(bar), fontsize=7, color=INK, ha="left", va="bottom")
    panel.set_xlim(start, end)


def draw_waveform(panel: Axes, song: Audio, start: float, end: float) -> None:
    """The song's peaks from `start` to `end` seconds, as a filled shape."""
    first, last = int(start * song.rate_hz), min(len(song.samples), int(end * song.rate_hz))
    part = song.samples[first:last]
    size = max(1, int((end - start) * song.rate_hz / _COLUMNS))
    count = len(part) // size
    blocks: npt.NDArray[np.float32] = part[: count * size].reshape(count, size)
    scale = max(float(np.abs(song.samples).max(initial=0.0)), 1e-6)
    times = start + (np.arange(count) + 0.5) * size / song.rate_hz
    if count:
        panel.fill_between(
            times, blocks.min(axis=1) / scale, blocks.max(axis=1) / scale, color=PALE, linewidth=0
        )
    panel.set_ylim(-1.05, 1.05)
    panel.set_yticks([])
    for side in ("left", "right", "top"):
        panel.spines[side].set_visible(False)


def _draw_tempo(panel: Axes, grid: BeatGrid, duration: float) -> None:
    panel.plot(grid.beats, grid.local_tempo_bpm, color=INK, linewidth=1.0)
    panel.set_xlim(0, max(duration, 1e-3))
    panel.set_ylabel("BPM")
    panel.set_xlabel("seconds")
    energy = panel.twinx()
    energy.fill_between(
        grid.beats, grid.energy, -40, step="post", color=PALE, alpha=0.5, linewidth=0
    )
    energy.set_ylim(-40, 0)
    energy.set_ylabel("dB")
