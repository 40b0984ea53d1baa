"""Light and colour of small pictures, how much stirs in them, and whether somebody smiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avsync.faces import FaceDetector

__all__ = ["ColourArray", "Pixels", "Smiles", "colours"]

Pixels = npt.NDArray[np.uint8]
ColourArray = npt.NDArray[np.float32]

_PLEASANT = np.deg2rad(200.0)  # of all hues blue-green pleases most, yellow least
_BAR = 24  # grey levels up to which rows at the edge are bars
_LOOK_EVERY = 2.0  # seconds
_NEAR = 3.0  # seconds that a smile is believed to last to either side
_SURE = 0.6
_NEUTRAL, _BROAD = 0.86, 1.12  # mouth over eye distance, of a face at rest and a broad smile


def colours(frames: Pixels, before: Pixels | None) -> dict[str, ColourArray]:
    """Measures of each picture, uint8 [time, height, width, 3]; `before` is the one before them.

    Value, saturation and hue as in Smith's HSV (1978); the hue is told as how near it is to
    blue-green, weighed by how colourful it is, 1 to −1 (after Valdez & Mehrabian 1994).
    """
    shown = _without_bars(frames)
    part = shown.astype(np.float32) / 255
    most, least = part.max(axis=3), part.min(axis=3)
    luma = part @ np.array([0.299, 0.587, 0.114], np.float32)
    red, green, blue = np.moveaxis(part, 3, 0)
    along = red - 0.5 * (green + blue)
    across = np.float32(np.sqrt(3) / 2) * (green - blue)
    towards = along * np.float32(np.cos(_PLEASANT)) + across * np.float32(np.sin(_PLEASANT))
    chroma = np.hypot(along, across)
    flat = (1, 2)
    grey = frames.astype(np.float32).mean(axis=3)
    first = grey[:1] if before is None else before.astype(np.float32).mean(axis=2)[None]
    steps = np.abs(np.diff(np.concatenate([first, grey]), axis=0)).mean(axis=flat)
    return {
        "brightness": luma.mean(axis=flat),
        "saturation": ((most - least) / np.maximum(most, 0.04)).mean(axis=flat),
        "hue": towards.mean(axis=flat) / (chroma.mean(axis=flat) + 0.02),
        "contrast": luma.std(axis=flat),
        "peak": most.reshape(len(part), -1).max(axis=1),
        "stir": steps,
    }


def _without_bars(frames: Pixels) -> Pixels:
    """The part of a few seconds of film that black bars leave."""
    brightest = frames.max(axis=(0, 3))
    rows = np.flatnonzero(brightest.max(axis=1) > _BAR)
    columns = np.flatnonzero(brightest.max(axis=0) > _BAR)
    height, width = brightest.shape
    if len(rows) < height / 3 or len(columns) < width / 3:  # a dark scene, no bars
        return frames
    return frames[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


class Smiles:
    """Looks for faces every other second and measures how wide their mouths are.

    A smile draws the corners of the mouth apart (FACS, action unit 12; Ekman & Friesen 1978): the
    width of the mouth against the distance of the eyes, of the detector's own points. A coarse
    measure, of faces seen from the front.
    """

    def __init__(self, detect: FaceDetector | None) -> None:
        self._detect = detect
        self._next = 0.0
        self._times: list[float] = []
        self._broad: list[float] = []

    def look(self, time: float, pixels: Pixels) -> None:
        """Take a picture that is shown at a time into account, if one is due."""
        if self._detect is None or time < self._next:
            return
        self._next = time + _LOOK_EVERY
        found = [_smile(face.points) for face in self._detect(pixels) if face.score >= _SURE]
        self._times += [time] * len(found)
        self._broad += found

    def near(self, time: float) -> float:
        """How broadly people smile around a time, 0 to 1; 0 where there are none."""
        near = np.abs(np.array(self._times) - time) <= _NEAR
        return float(np.mean(np.array(self._broad)[near])) if near.any() else 0.0


def _smile(points: npt.NDArray[np.complex128]) -> float:
    eyes, mouth = abs(points[1] - points[0]), abs(points[4] - points[3])
    middle = points[2] - (points[0] + points[1]) / 2
    turned = abs(np.vdot(points[1] - points[0], middle).real) / max(eyes**2, 1e-6)
    if turned > 0.25:  # a face in profile has narrow eyes and says nothing
        return 0.0
    return float(np.clip((mouth / max(eyes, 1e-6) - _NEUTRAL) / (_BROAD - _NEUTRAL), 0, 1))
