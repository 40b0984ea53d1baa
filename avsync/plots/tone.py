"""Pictures of a tone report: both trajectories, their agreement, and thumbnails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avsync.errors import MediaError
from avsync.media import iter_frames
from avsync.plots.style import ACCENT, INK, PALE, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from avsync.tone.report import Explanation, ToneReport

_BLUE, _GREEN, _RED = "#2a6f97", "#52796f", "#bc4749"
_MOST_THUMBNAILS = 12
_THUMBNAIL = 96, 54
_PANEL = 7.5  # times as wide as high


def plot_tone(report: ToneReport, path: str | os.PathLike[str]) -> None:
    """Draw arousal and valence of both sides with their errors, agreement, and thumbnails.

    Raises:
        ValueError: the extension is not one of `PLOT_EXTENSIONS`.
        OSError: the file cannot be written.
    """
    save(lambda: _draw(report), path)


def plot_explanation(found: Explanation, path: str | os.PathLike[str]) -> None:
    """Draw which measures made a window's numbers, and where attention looked.

    Raises:
        ValueError: the extension is not one of `PLOT_EXTENSIONS`.
        OSError: the file cannot be written.
    """
    save(lambda: _draw_explanation(found), path)


def _draw(report: ToneReport) -> Figure:
    thumbnails = _thumbnails(report)
    count = 2 + (report.agreement is not None) + bool(thumbnails)
    figure = new_figure((12.0, 1.0 + 1.7 * count))
    panels = figure.subplots(count, 1, squeeze=False)[:, 0]
    middles = np.array([(span.start + span.end) / 2 for span in report.windows])
    for panel, name in zip(panels, ("arousal", "valence"), strict=False):
        for label, side, colour in (
            ("sound", report.sound, ACCENT),
            ("picture", report.picture, _BLUE),
        ):
            if side is not None:
                values, errors = getattr(side, name), getattr(side, f"{name}_error")
                panel.plot(middles, values, color=colour, marker="o", markersize=3, label=label)
                panel.fill_between(
                    middles, values - errors, values + errors, color=colour, alpha=0.15, linewidth=0
                )
        _finish(panel, name, report.duration)
        panel.legend(loc="upper right", frameon=False, ncols=2)
    if report.agreement is not None:
        _draw_agreement(panels[2], report)
    if thumbnails:
        _draw_thumbnails(panels[-1], thumbnails, report.duration)
    panels[-1].set_xlabel("seconds")
    name = "".join(c if c.isprintable() else "?" for c in Path(report.path).name)
    figure.suptitle(f"{name}: {report.sentences[0]}", fontsize=10, color=INK)
    return figure


def _finish(panel: Axes, name: str, duration: float) -> None:
    panel.axhline(0, color=PALE, linewidth=0.6)
    panel.set_ylim(-1, 1)
    panel.set_xlim(0, duration)
    panel.set_ylabel(name)


def _draw_agreement(panel: Axes, report: ToneReport) -> None:
    assert report.agreement is not None
    values = np.nan_to_num(report.agreement.windows)
    starts = [span.start for span in report.windows]
    widths = [span.end - span.start for span in report.windows]
    colours = [_GREEN if value > 0 else _RED for value in values]
    panel.bar(starts, values, widths, align="edge", color=colours, edgecolor="white", linewidth=0.5)
    _finish(panel, "agreement", report.duration)


def _thumbnails(report: ToneReport) -> list[tuple[float, npt.NDArray[np.uint8]]]:
    if report.picture is None or not report.path:
        return []
    step = -(-len(report.windows) // _MOST_THUMBNAILS)
    out = []
    width, height = _THUMBNAIL
    for span in report.windows[::step]:
        middle = (span.start + span.end) / 2
        try:
            frames = iter_frames(report.path, width=width, height=height, start=middle)
            out.append((middle, next(iter(frames)).pixels))
        except (MediaError, OSError, StopIteration):  # the picture may come from another file
            continue
    return out


def _draw_thumbnails(
    panel: Axes, thumbnails: list[tuple[float, npt.NDArray[np.uint8]]], duration: float
) -> None:
    half = 0.46 * duration / max(len(thumbnails), 6)
    high = 2 * half / duration * _PANEL * _THUMBNAIL[1] / _THUMBNAIL[0]  # ±1 is the panel's height
    for middle, pixels in thumbnails:
        extent = (middle - half, middle + half, -min(1.0, high), min(1.0, high))
        panel.imshow(pixels, extent=extent, aspect="auto", interpolation="bilinear")
    panel.set_xlim(0, duration)
    panel.set_ylim(-1, 1)
    panel.set_yticks([])
    panel.spines[:].set_visible(False)


def _draw_explanation(found: Explanation) -> Figure:
    figure = new_figure((11.0, 6.5))
    top, below = figure.subplots(2, 1, height_ratios=[2.2, 1])
    parts = found.contributions[:14][::-1]
    labels = [f"{part.words} ({part.of}, {part.side})" for part in parts]
    colours = [ACCENT if part.side == "sound" else _BLUE for part in parts]
    top.barh(range(len(parts)), [part.by for part in parts], color=colours)
    top.set_yticks(range(len(parts)), labels)
    top.axvline(0, color=PALE, linewidth=0.6)
    top.set_title(f"what made {found.window.start:.1f} to {found.window.end:.1f} s", fontsize=10)
    if len(found.moments):
        below.step(
            found.moments,
            found.sound_to_picture,
            color=ACCENT,
            where="mid",
            label="sound looks at picture",
        )
        below.step(
            found.moments,
            found.picture_to_sound,
            color=_BLUE,
            where="mid",
            label="picture listens to sound",
        )
        below.axvspan(found.window.start, found.window.end, color=PALE, alpha=0.2, linewidth=0)
        below.legend(frameon=False)
    below.set_xlabel("seconds")
    below.set_ylabel("attention")
    return figure
