"""Pictures of what was found, and why."""

from __future__ import annotations

from avsync.plots.alignment import plot_alignment
from avsync.plots.beats import plot_beats
from avsync.plots.montage import plot_montage
from avsync.plots.style import PLOT_EXTENSIONS
from avsync.plots.tone import plot_explanation, plot_tone

__all__ = [
    "PLOT_EXTENSIONS",
    "plot_alignment",
    "plot_beats",
    "plot_explanation",
    "plot_montage",
    "plot_tone",
]
