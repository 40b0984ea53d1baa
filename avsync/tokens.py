"""TokenSequence: what every encoder makes and every aligner reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TokenSequence:
    """Vectors at a fixed rate: token `i` stands for the instant `start + i / rate_hz`.

    A fixed rate is what lets an aligner read a time off an index, and sum the diagonals of an
    attention matrix by FFT.

    Sequences compare by identity, as arrays do.

    Raises:
        ValueError: `values` is not [tokens, dim], or the rate or start is not a usable number.
    """

    values: npt.NDArray[np.float32]
    """float32 [tokens, dim]"""
    rate_hz: float
    """tokens a second, > 0"""
    start: float = 0.0
    """seconds; the instant of token 0"""

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=np.float32)
        if values.ndim != 2:
            raise ValueError(f"token values must be [tokens, dim]; got shape {values.shape}")
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise ValueError(f"rate_hz must be finite and positive; got {self.rate_hz!r}")
        if not np.isfinite(self.start):
            raise ValueError(f"start must be finite; got {self.start!r}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "rate_hz", float(self.rate_hz))
        object.__setattr__(self, "start", float(self.start))

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def __repr__(self) -> str:
        tokens, dim = self.values.shape
        return f"TokenSequence([{tokens}, {dim}], {self.rate_hz:g} Hz, start={self.start:g} s)"

    @property
    def dim(self) -> int:
        """The length of one token."""
        return int(self.values.shape[1])

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """float64 [tokens]: the instant of each token, in seconds."""
        return self.start + np.arange(len(self), dtype=np.float64) / self.rate_hz

    @property
    def duration(self) -> float:
        """Seconds from `start` to one step past the last token."""
        return len(self) / self.rate_hz
