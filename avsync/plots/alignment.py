"""Pictures of why: the evidence for an alignment, and the path that was read from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avsync.plots.style import ACCENT, PALE, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from avsync.retime import Evidence, Retiming

__all__ = ["plot_alignment"]

_MARGIN = 2.5  # seconds of lag shown around the path
_CLOSE = 12.0  # seconds between its outermost shifts up to which one panel shows them well
_COLUMNS, _ROWS = 1200, 300  # pixels of one panel's posterior, at most
_LABELS = 12  # segments that are labelled: the longest ones

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A posterior to draw: `lags` in seconds, `posterior` [windows, lags], and the path in it."""

    label: str
    margin: float
    """seconds shown above and below the path"""
    lags: FloatArray
    posterior: npt.NDArray[np.float32]
    path: FloatArray


def plot_alignment(retiming: Retiming, path: str | os.PathLike[str]) -> None:
    """Draw the lag posterior of each window of cues with the decoded path over it.

    Time runs to the right and the shift upwards. Only the lags near the path are shown; where its
    segments lie far apart, a second panel shows the neighbourhood of the path laid straight. To the
    right stands the mean over all windows: one narrow peak is a sure shift. The format is that of
    the extension (.png, .svg, .pdf); the file appears whole or not at all.

    Raises:
        ValueError: another extension.
        OSError: the file cannot be written.
    """
    save(lambda: _draw(retiming), path)


def _draw(retiming: Retiming) -> Figure:
    views = _views(retiming.evidence)
    size = (11.0, 4.6 + 2.4 * (len(views) - 1))
    figure = new_figure(size)
    ratios = {"height_ratios": [5, 4][: len(views)], "width_ratios": [10, 1]}
    grid = figure.subplots(len(views), 2, sharex="col", squeeze=False, gridspec_kw=ratios)
    for view, (panel, profile) in zip(views, grid, strict=True):
        _draw_posterior(panel, view, retiming.evidence.times)
        _draw_path(panel, view, retiming.evidence.times)
        for segment in retiming.segments[1:]:
            start = float(segment.rate) * segment.span.start / 60
            panel.axvline(start, color=PALE, linewidth=0.7, linestyle=(0, (4, 3)))
        _draw_profile(profile, view)
        panel.set_ylabel(view.label)
    _label_segments(grid[0, 0], retiming)
    scaled = any(segment.rate != 1 for segment in retiming.segments)
    grid[-1, 0].set_xlabel(f"subtitle time{', at the rate of the film' if scaled else ''} (min)")
    grid[-1, 1].set_xlabel("mean", color=PALE)
    figure.suptitle(_title(retiming), x=0.012, ha="left", fontsize=10.5)
    return figure


def _title(retiming: Retiming) -> str:
    rates = sorted({s.rate for s in retiming.segments})
    exact = all(s.exact for s in retiming.segments)
    rate = ", ".join(str(r) if exact else f"{float(r):.6f}" for r in rates) or "1"
    state = "accepted" if retiming.accepted else "not to be trusted"
    if retiming.unchanged:
        state = "already in sync"
    name = Path(retiming.subtitles.path).name
    lines = [f"{name}:  {state}, confidence {retiming.confidence:.2f}, rate {rate}"]
    lines += [] if retiming.accepted else [retiming.reason]
    # A name may hold line breaks, and characters that no SVG may hold.
    plain = ("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines)
    return "\n".join(plain).strip()


def _views(evidence: Evidence) -> list[_View]:
    """The evidence around the path; and, if that is a wide range, along the path laid straight."""
    path, lags, posterior = evidence.path, evidence.lags, evidence.posterior
    if not path.size or not lags.size:
        return [_View("shift (s)", _MARGIN, np.zeros(1), np.zeros((0, 1), np.float32), np.zeros(0))]
    margin = max(_MARGIN, 0.08 * float(np.ptp(path)))
    near = (lags >= path.min() - margin) & (lags <= path.max() + margin)
    if not near.any():
        near[:] = True
    whole = _View("shift (s)", margin, lags[near], posterior[:, near], path)
    if np.ptp(path) <= _CLOSE:
        return [whole]
    step = float(np.diff(lags).mean()) if lags.size > 1 else _MARGIN
    around = np.arange(-round(_MARGIN / step), round(_MARGIN / step) + 1)
    columns = np.rint((path - lags[0]) / step).astype(np.int64)[:, None] + around
    inside = (columns >= 0) & (columns < lags.size)
    rows = np.arange(path.size)[:, None]
    straight = np.where(inside, posterior[rows, np.where(inside, columns, 0)], 0.0)
    label = "distance from the path (s)"
    level = np.zeros(path.size)
    distances = (around * step).astype(np.float64)
    return [whole, _View(label, _MARGIN, distances, straight.astype(np.float32), level)]


def _draw_posterior(axes: Axes, view: _View, times: FloatArray) -> None:
    from matplotlib.colors import PowerNorm

    if times.size:
        edges = _edges(times) / 60
        brightest = max(float(np.quantile(view.posterior.max(axis=1), 0.9)), 1e-6)
        half = float(np.diff(view.lags).mean()) / 2 if view.lags.size > 1 else view.margin
        axes.imshow(
            _pixels(view, edges, times.size),
            extent=(edges[0], edges[-1], view.lags[0] - half, view.lags[-1] + half),
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap="Blues",
            norm=PowerNorm(0.5, vmin=0, vmax=brightest, clip=True),
        )
    axes.set_ylim(*_bounds(view))


def _pixels(view: _View, edges: FloatArray, windows: int) -> npt.NDArray[np.float32]:
    """The posterior as pixels [lags, times]: the highest lag in each, the window at each."""
    pool = -(-view.lags.size // _ROWS)
    pooled = np.maximum.reduceat(view.posterior, np.arange(0, view.lags.size, pool), axis=1)
    middles = edges[0] + (np.arange(_COLUMNS) + 0.5) / _COLUMNS * (edges[-1] - edges[0])
    at = (np.searchsorted(edges, middles, side="right") - 1).clip(0, windows - 1)
    pixels: npt.NDArray[np.float32] = pooled[at].T
    return pixels


def _bounds(view: _View) -> tuple[float, float]:
    if not view.path.size:
        return -view.margin, view.margin
    return float(view.path.min()) - view.margin, float(view.path.max()) + view.margin


def _edges(times: FloatArray) -> FloatArray:
    """Where one window ends and the next begins: halfway between their middles."""
    if times.size == 1:
        return np.array([times[0] - 5.0, times[0] + 5.0])
    middles = (times[1:] + times[:-1]) / 2
    edges: FloatArray = np.concatenate(
        ([2 * times[0] - middles[0]], middles, [2 * times[-1] - middles[-1]])
    )
    return edges


def _draw_path(axes: Axes, view: _View, times: FloatArray) -> None:
    """The path as a translucent band, through which the ridge below it stays in sight."""
    if not times.size:
        return
    edges = _edges(times) / 60
    jumps = np.flatnonzero(np.abs(np.diff(view.path)) > 0.5) + 1
    for rows in np.split(np.arange(view.path.size), jumps):
        x = np.concatenate(([edges[rows[0]]], times[rows] / 60, [edges[rows[-1] + 1]]))
        y = np.concatenate((view.path[rows[:1]], view.path[rows], view.path[rows[-1:]]))
        axes.plot(x, y, color=ACCENT, linewidth=9.0, alpha=0.22, solid_capstyle="butt")
        axes.plot(x, y, color=ACCENT, linewidth=0.8, linestyle=(0, (3, 5)))


def _label_segments(axes: Axes, retiming: Retiming) -> None:
    """Each segment's shift, and its rate if it has one, beside the path."""
    low, high = axes.get_ylim()
    evidence = retiming.evidence
    longest = sorted(retiming.segments, key=lambda s: s.span.duration, reverse=True)[:_LABELS]
    for segment in longest if evidence.times.size else ():
        text = f"{segment.shift:+.3f} s"
        if segment.rate != 1:
            text += f"\n× {segment.rate if segment.exact else format(float(segment.rate), '.6f')}"
        middle = float(segment.rate) * (segment.span.start + segment.span.end) / 2
        level = float(np.interp(middle, evidence.times, evidence.path))
        upwards = level < (low + 2 * high) / 3
        axes.annotate(
            text,
            (middle / 60, level),
            xytext=(0, 9 if upwards else -9),
            textcoords="offset points",
            ha="center",
            va="bottom" if upwards else "top",
            fontsize=8.5,
            bbox={
                "boxstyle": "round,pad=0.25",
                "fc": "white",
                "ec": PALE,
                "lw": 0.6,
                "alpha": 0.9,
            },
        )


def _draw_profile(axes: Axes, view: _View) -> None:
    """The mean posterior over all windows, by lag."""
    mean = view.posterior.mean(axis=0) if len(view.posterior) else np.zeros(view.lags.size)
    axes.fill_betweenx(view.lags, mean, color="#3a6ea5", linewidth=0)
    axes.set_ylim(*_bounds(view))
    axes.set_xlim(0, max(float(mean.max(initial=0.0)), 1e-9) * 1.05)
    axes.set_xticks([])
    axes.tick_params(labelleft=False, left=False)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
