"""A plan of a montage as a picture: the song with its beats, and under it what is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avsync.plots.beats import draw_waveform, song_name
from avsync.plots.style import ACCENT, INK, PALE, new_figure, save
from avsync.progress import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from avsync.media import Audio
    from avsync.montage import MontagePlan

_WIDTH = 13.0  # inches
_SHOTS_IN_ROW, _ROWS = 14, 12
_SOUND, _PICTURE = 0.55, 0.95  # inches of height
_PIXELS_HIGH = 108  # of a thumbnail
_THUMBNAILS = 240  # shots that get one; of more, the first ones do
_LETTER = 0.052  # inches that a letter of a name takes
_RATE_HZ = 8_000

PixelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Row:
    """A stretch of the timeline, in seconds."""

    start: float
    end: float


def plot_montage(
    plan: MontagePlan, path: str | os.PathLike[str], *, progress: Progress | None = None
) -> None:
    """Draw a plan: the song's waveform with beats and bars, and the shots with thumbnails.

    Time runs to the right, in rows, on the timeline's clock. A thumbnail is the middle frame of its
    shot; where a clip or the song cannot be read there is none, since a plan may be looked at
    without its media.

    Raises:
        ValueError: the extension is not one of `PLOT_EXTENSIONS`.
        OSError: the file cannot be written.
    """
    save(lambda: _draw(plan, progress), path)


def _draw(plan: MontagePlan, progress: Progress | None) -> Figure:
    count = min(_ROWS, max(1, -(-len(plan.slots) // _SHOTS_IN_ROW)))
    edges = np.linspace(0, plan.cuts.duration, count + 1)
    rows = [_Row(float(a), float(b)) for a, b in pairwise(edges)]
    height = (_SOUND + _PICTURE) * count + 0.9
    figure = new_figure((_WIDTH, height))
    panels = figure.subplots(2 * count, 1, squeeze=False, height_ratios=[_SOUND, _PICTURE] * count)
    song = _read_song(plan)
    for row, (above, below) in zip(rows, panels[:, 0].reshape(-1, 2), strict=True):
        _draw_song(above, plan, song, row)
        _prepare(below, row)
    for number, picture in enumerate(_thumbnails(plan, progress)):
        _draw_shot(panels[1::2, 0], rows, plan, number, picture)
    panels[-1, 0].set_xlabel("seconds")
    figure.suptitle(_title(plan), fontsize=10, color=INK)
    return figure


def _title(plan: MontagePlan) -> str:
    report, cuts = plan.report, plan.cuts
    return (
        f"{song_name(plan.grid)}: {len(cuts.shots)} shots from {report.clips_shown} of "
        f"{report.clips} clips, {cuts.duration:.1f} s, {plan.grid.tempo_bpm:.1f} BPM"
    )


def _read_song(plan: MontagePlan) -> Audio | None:
    """The part of the song that is used, on the timeline's clock."""
    from avsync.media import Audio, read_audio

    if plan.grid.path is None:
        return None
    try:
        whole = read_audio(plan.grid.path, rate_hz=_RATE_HZ)
    except OSError:
        return None
    first, last = (round(time * _RATE_HZ) for time in (plan.music.start, plan.music.end))
    return Audio(whole.samples[first:last], _RATE_HZ)


def _draw_song(panel: Axes, plan: MontagePlan, song: Audio | None, row: _Row) -> None:
    _prepare(panel, row)
    grid = plan.grid
    beats = grid.beats - plan.music.start
    if song is not None:
        draw_waveform(panel, song, row.start, row.end)
    else:
        level = np.append(grid.energy, grid.energy[-1:]) / 40 + 1
        times = np.append(beats, grid.duration - plan.music.start)
        panel.fill_between(times, -level, level, step="post", color=PALE, linewidth=0)
        panel.set_ylim(-1.05, 1.05)
    inside = (beats >= row.start) & (beats < row.end)
    downbeat = inside & (grid.positions == 1)
    panel.vlines(beats[inside & ~downbeat], -0.4, 0.4, color=ACCENT, linewidth=0.6)
    panel.vlines(beats[downbeat], -0.9, 0.9, color=ACCENT, linewidth=1.1)
    sparse = max(1, round(downbeat.sum() / 20))
    for time, bar in zip(beats[downbeat], grid.bars[downbeat], strict=True):
        if (bar - 1) % sparse == 0:
            panel.text(time, 1.02, str(bar), fontsize=6, color=INK, ha="left", va="bottom")
    panel.set_xlim(row.start, row.end)
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)


def _prepare(panel: Axes, row: _Row) -> None:
    panel.set_xlim(row.start, row.end)
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    for side in ("left", "right", "top"):
        panel.spines[side].set_visible(False)


def _draw_shot(
    panels: npt.NDArray[np.object_],
    rows: list[_Row],
    plan: MontagePlan,
    number: int,
    picture: PixelArray | None,
) -> None:
    """One shot as a box, in each of the rows that it reaches into."""
    from matplotlib.patches import Rectangle

    cuts = plan.cuts
    start = cuts.seconds(cuts.starts[number])
    end = start + cuts.seconds(cuts.shots[number].frames)
    for panel, row in zip(panels, rows, strict=True):
        left, right = max(start, row.start), min(end, row.end)
        if right - left <= 1e-6:
            continue
        inches = (right - left) / (row.end - row.start) * (_WIDTH - 0.3)
        if picture is not None:
            shown = _cropped(picture, inches / (0.8 * _PICTURE))
            panel.imshow(shown, extent=(left, right, 0.2, 1.0), aspect="auto", zorder=1)
        box = Rectangle(
            (left, 0.2), right - left, 0.8, fill=picture is None, facecolor=PALE, edgecolor=INK
        )
        box.set(linewidth=0.7, zorder=2, alpha=1.0)
        panel.add_patch(box)
        panel.text(
            left, 0.15, _label(plan, number, inches), fontsize=6, color=INK, ha="left", va="top"
        )
        dissolve = cuts.seconds(cuts.shots[number].dissolve_frames)
        if dissolve and left == start:
            ends = [start - dissolve / 2, start + dissolve / 2]
            panel.plot(ends, [0.2, 1.0], color=ACCENT, linewidth=0.9, zorder=3)
        panel.set_xlim(row.start, row.end)
        panel.set_ylim(0, 1)


def _label(plan: MontagePlan, number: int, inches: float) -> str:
    """The clip's name, as much of it as the box is wide."""
    stem = Path(plan.choices[number].clip).stem
    name = "".join(c if c.isprintable() else "?" for c in stem)
    letters = int(inches / _LETTER) - 1
    if len(name) <= letters:
        return name
    return f"{name[: letters - 1]}…" if letters >= 3 else ""


def _cropped(picture: PixelArray, ratio: float) -> PixelArray:
    """The middle of a picture, of that ratio of width to height."""
    height, width = picture.shape[:2]
    wide, high = (
        min(width, max(1, round(height * ratio))),
        min(height, max(1, round(width / ratio))),
    )
    top, left = (height - high) // 2, (width - wide) // 2
    return picture[top : top + high, left : left + wide]


def _thumbnails(plan: MontagePlan, progress: Progress | None) -> Iterator[PixelArray | None]:
    """The middle frame of each shot, in order; None where there is none."""
    from avsync.media import iter_frames

    sizes = {clip.path: clip.size for clip in plan.clips}
    for number, choice in enumerate(plan.choices):
        if progress is not None:
            progress("drawing", number / len(plan.choices))
        if number >= _THUMBNAILS:
            yield None
            continue
        width, height = sizes[choice.clip]
        middle = (choice.moment.start + choice.moment.end) / 2
        scaled = max(2, round(_PIXELS_HIGH * width / height))
        try:
            frames = iter_frames(choice.clip, width=scaled, height=_PIXELS_HIGH, start=middle)
            frame = next(frames, None)
        except OSError:  # the clip is not at hand
            frame = None
        yield None if frame is None else frame.pixels
