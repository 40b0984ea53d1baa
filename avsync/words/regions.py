"""Where somebody speaks, and in which pieces that is given to Whisper.

Whisper writes text over music and silence as well, mostly text that it was trained on; what it does
not hear it cannot make up. Where speech is, the speech head of the retiming model says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from avsync.timemap import Span

FloatArray = npt.NDArray[np.float32]

__all__ = ["pack", "speech_regions"]

ENTER, LEAVE = 0.6, 0.35
"""Speech begins where it is as probable as the first and lasts until it is less than the second."""
BRIDGED = 0.6
"""Seconds: a shorter pause is within speech."""
SHORTEST = 0.2
"""Seconds: shorter speech is none."""
MARGIN = 0.25
"""Seconds that are kept around speech: consonants at its edges are quiet."""


def speech_regions(probabilities: FloatArray, rate_hz: float) -> list[Span]:
    """Stretches of speech, seconds, in order and apart, of its ``probabilities`` [tokens].

    Token ``n`` stands for the instant ``n / rate_hz``.
    """
    regions: list[list[float]] = []
    inside = False
    for place in np.flatnonzero(np.diff(_held(probabilities).astype(np.int8), prepend=0, append=0)):
        at = float(place) / rate_hz
        if inside:
            regions[-1][1] = at
        elif regions and at - regions[-1][1] < BRIDGED:
            pass
        else:
            regions.append([at, at])
        inside = not inside
    length = len(probabilities) / rate_hz
    spoken = [Span(a, b) for a, b in regions if b - a >= SHORTEST]
    wide = (Span(max(0.0, s.start - MARGIN), min(length, s.end + MARGIN)) for s in spoken)
    merged: list[Span] = []
    for span in wide:
        if merged and span.start <= merged[-1].end:
            span = Span(merged.pop().start, span.end)
        merged.append(span)
    return merged


def _held(probabilities: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether each token is in speech, by a threshold that is lower once speech has begun."""
    out = np.zeros(len(probabilities), bool)
    speaking = False
    for n, value in enumerate(probabilities):
        speaking = bool(value >= (LEAVE if speaking else ENTER))
        out[n] = speaking
    return out


def pack(
    regions: Sequence[Span],
    probabilities: FloatArray,
    rate_hz: float,
    *,
    longest: float = 28.0,
    pause: float = 2.0,
) -> list[Span]:
    """Pieces of at most ``longest`` seconds: regions with less than ``pause`` between go together.

    A region that is longer is cut where speech is least probable in the second half of a piece.
    """
    pieces: list[Span] = []
    for region in regions:
        start = region.start
        while region.end - start > longest:
            low, high = (int((start + t) * rate_hz) for t in (longest / 2, longest))
            cut = (low + int(np.argmin(probabilities[low:high]))) / rate_hz
            pieces.append(Span(start, cut))
            start = cut
        last = pieces[-1] if pieces else None
        near = last is not None and start == region.start and start - last.end < pause
        if last is not None and near and region.end - last.start <= longest:
            pieces[-1] = Span(last.start, region.end)
        else:
            pieces.append(Span(start, region.end))
    return pieces
