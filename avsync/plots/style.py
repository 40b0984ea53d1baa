"""How every picture looks, and how it is saved.

Drawn with matplotlib's objects and its Agg canvas: no window, no figure kept in a global, and the
same bytes for the same content.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsync.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOT_EXTENSIONS = frozenset({".png", ".svg", ".pdf"})

INK, ACCENT, PALE = "#1b2a41", "#f26419", "#8d99ae"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "avsync",  # else its element names are drawn by lot
    "text.parse_math": False,  # a "$" in a file name is a dollar
}


def new_figure(size: tuple[float, float]) -> Figure:
    """An empty figure of `size` in inches, at 120 pixels an inch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(draw: Callable[[], Figure], path: str | os.PathLike[str]) -> None:
    """Draw, in this style, and write the file, whole or not at all, in its extension's format.

    Raises:
        ValueError: another extension than those of `PLOT_EXTENSIONS`.
        OSError: the file cannot be written.
    """
    import matplotlib

    target = Path(path)
    extension = target.suffix.lower()
    if extension not in PLOT_EXTENSIONS:
        known = " ".join(sorted(PLOT_EXTENSIONS))
        raise ValueError(f"{target}: a picture's extension is one of {known}")
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    kind = extension[1:]
    image = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever style is set here: the same picture everywhere
        matplotlib.rcParams.update(STYLE)
        warnings.simplefilter("ignore")  # a title in a script that the font lacks shows as boxes
        draw().savefig(image, format=kind, metadata=metadata[kind])
    with atomic_path(target) as temporary:
        temporary.write_bytes(image.getvalue())
