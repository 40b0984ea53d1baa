"""Times among tokens: what a cache of half precision keeps to the microsecond."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PLACES", "digits_of", "seconds_of"]

PLACES = (2048**3, 2048**2, 2048, 1)
"""What each digit counts, in microseconds: half precision holds whole numbers up to 2048."""


def digits_of(seconds: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Times of 0 or later, in digits of base 2048: [...] → float32 [..., 4]."""
    whole = np.rint(np.asarray(seconds, np.float64) * 1e6).astype(np.int64)
    digits: npt.NDArray[np.float32] = (whole[..., None] // PLACES % 2048).astype(np.float32)
    return digits


def seconds_of(digits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The times that digits say, to the microsecond: [..., 4] → float64 [...]."""
    seconds: npt.NDArray[np.float64] = digits.astype(np.int64) @ np.array(PLACES) / 1e6
    return seconds
