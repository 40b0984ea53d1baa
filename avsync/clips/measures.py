"""What a camera operator would say of a frame: how sharp it is, how bright, where its bars are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

NOISE = 2.0  # grey levels that grain alone makes of a flat picture
BLACK = 24  # grey levels up to which a row that never changes is a letterbox bar
WIDEST_BAR = 0.35  # of a picture's height or width, at each side


def sharpness(grey: Pixels) -> float:
    """Fine detail relative to contrast: 0 for a flat or a blurred picture, about 1 for a crisp one.

    The spread of the Laplacian (Pech-Pacheco et al. 2000), which is the usual measure of focus,
    over the spread of the picture itself, so that a dull scene in focus is not taken for a blurred
    one.

    Args:
        grey: uint8 [height, width], about 320 pixels wide: what counts as fine.
    """
    import cv2

    detail = float(cv2.Laplacian(grey, cv2.CV_32F).std())
    return detail / float(np.hypot(grey.std(), NOISE))


class Bars:
    """Black bars around a film's picture, from all of its frames."""

    def __init__(self, height: int, width: int) -> None:
        self._rows = np.zeros(height, np.uint8)
        self._columns = np.zeros(width, np.uint8)

    def add(self, grey: Pixels) -> None:
        """Take one frame, uint8 [height, width], into account."""
        self._rows = np.maximum(self._rows, grey.max(axis=1))
        self._columns = np.maximum(self._columns, grey.max(axis=0))

    @property
    def picture_share(self) -> float:
        """How much of the frame is picture, above 0 to 1; 1 where everything is black."""
        return _lit(self._rows) * _lit(self._columns)


def _lit(brightest: Pixels) -> float:
    lit = np.flatnonzero(brightest > BLACK)
    if not len(lit):
        return 1.0
    widest = int(WIDEST_BAR * len(brightest))
    before, after = int(lit[0]), len(brightest) - 1 - int(lit[-1])
    if max(before, after) > widest:  # a dark scene, no bars
        return 1.0
    return (len(brightest) - before - after) / len(brightest)
