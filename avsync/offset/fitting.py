"""From a rough line to the clock: the phases of many places, and the line through most of them.

First the places that voted for the line are looked at widely, also for a drift within each; most
that is found there decides. Then places all over the overlap are looked at closely. The line
through them is fitted by Huber's method (1964), since a place may hear another source than the
rest: someone who walks from the camera to the recorder moves the sound by milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from avsync.offset.lags import LARGEST_DRIFT, LIKELY_DRIFT, WINDOW_TOKENS, Line
from avsync.offset.listening import TOKEN_RATE_HZ
from avsync.offset.phase import Pair, Place, look

LEAST_OVERLAP_S = 0.6
"""seconds that two recordings have to share for a line to be looked at"""
CLEAR_HEIGHT = 7.0
"""standard deviations that no noise reaches within a wide reach, at any drift"""
SEEN_HEIGHT = 5.5
"""standard deviations that no noise reaches within a narrow reach"""
_WIDE_S, _NARROW_S = 0.1, 0.02
_PROBES = 8  # places that are looked at first
_VAIN = 4  # after so many without anything the line is given up
PLACES = 240
"""Places that are looked at closely, whatever the length."""
_SHORTEST_S, _LONGEST_S = 2.0, WINDOW_TOKENS / TOKEN_RATE_HZ  # of a place
_TOGETHER_S = 0.003  # places that lie so near one line are of the same
_SURE_S = 5e-5  # what a place may be off for no reason at all
_LARGEST_SPREAD_S = 0.001  # as someone makes who walks a third of a metre
_UNHEARD, _LOUD = 0.05, 0.15  # audible by less a place tells nothing, by more all that it can
_LEAST_SHARE = 0.005  # what even a place counts for that tells nothing
_ROUNDS = 12  # of reweighting; it settles long before

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """A line through the places of an overlap, and what speaks for it."""

    line: Line
    start_s: float
    """seconds on the recording's clock: where the overlap begins by that line"""
    end_s: float
    places: int
    """that were looked at and not silent"""
    agreeing: int
    """of them, that lie on the line"""
    agreement: float
    """the share of those, each counted as both hear more than noise there, beyond chance"""
    evidence: float
    """half the sum of the agreeing places' squared heights, in nats"""
    clarity: float
    """median height of the agreeing places, for what is audible in them: low where only some of
    what sounds together is the same"""
    spread_s: float
    """root mean square by which agreeing places are off the line"""

    @property
    def weight(self) -> float:
        """What speaks for a line as a whole, to compare it with others.

        The evidence if all of the overlap were looked at, as far as most of that agrees: the same
        jingle, or the same word from the same tape, speaks for many a line, a little for each.
        """
        length = self.end_s - self.start_s
        there_are = max(1.0, length / _place_length(length))
        return self.evidence * self.agreement * max(1.0, there_are / max(1, self.places))


def overlap(pair: Pair, line: Line) -> tuple[float, float]:
    """From when to when a recording lies over the reference, in seconds on its own clock."""
    rate = 1 + line.drift
    first = max(0.0, -line.offset_s / rate)
    last = min(pair.recording.duration, (pair.reference.duration - line.offset_s) / rate)
    return first, max(first, last)


def fit(pair: Pair, rough: Line, *, places: int = PLACES) -> Fit | None:
    """The clock of a recording along a rough line, or None where nothing bears that line out.

    The line that is returned is exact to well below a millisecond within the overlap. `places` is
    how many are looked at closely, at most.
    """
    start, end = overlap(pair, rough)
    if end - start < LEAST_OVERLAP_S:
        return None
    line = _first_look(pair, rough)
    if line is None:
        return None
    start, end = overlap(pair, line)
    length = _place_length(end - start)
    looked = _close_look(pair, line, start, end, places)
    seen = [place for place in looked if place.height >= SEEN_HEIGHT]
    if not seen:
        return None
    line = _through(line, seen)
    off = np.array([line_off(place, line) for place in seen])
    shares = _shares(looked)[[place.height >= SEEN_HEIGHT for place in looked]]
    spread = float(np.clip(np.sqrt(np.median(off**2)) * 1.5, _SURE_S, _LARGEST_SPREAD_S))
    near_s = max(3 * spread, 0.001)
    agree = np.abs(off) <= near_s
    share = float(shares[agree].sum() / _shares(looked).sum())
    chance = near_s / _NARROW_S  # that a peak anywhere within reach lies on the line
    heights = np.array([place.height for place in seen])
    clear = [clarity(p.height, p.audible, length) for p, on in zip(seen, agree, strict=True) if on]
    return Fit(
        line,
        start,
        end,
        places=len(looked),
        agreeing=int(agree.sum()),
        agreement=max(0.0, (share - chance) / (1 - chance)),
        evidence=float((heights[agree] ** 2).sum() / 2),
        clarity=float(np.median(clear)) if clear else 0.0,
        spread_s=float(np.sqrt(np.mean(off[agree] ** 2))) if agree.any() else 0.0,
    )


def clarity(height: float, audible: float, seconds: float) -> float:
    """How high a place of some seconds stands out, for what is audible in it.

    A peak grows with the root of what adds up to it.
    """
    return float(height / np.sqrt(max(audible, _UNHEARD) * seconds))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A place on absolute clocks, so that it can be set against any line."""

    time: float
    at_s: float
    """the instant on the other clock"""
    slope: float
    height: float
    audible: float = 0.0


def line_off(place: _Seen, line: Line) -> float:
    """Seconds by which a place lies later than on a line."""
    return float(place.at_s - line.at(place.time))


def _seen(place: Place, line: Line) -> _Seen:
    at = float(line.at(place.time)) + place.lag_s
    return _Seen(place.time, at, line.drift + place.slope, place.height, place.audible)


def _shares(places: Sequence[_Seen]) -> FloatArray:
    """How much each place has to say on whether both hear the same.

    Where both hear more than noise they have to agree. Where an event pauses, each hears its own
    noise, and what only one of them hears may have been near its microphone.
    """
    audible = np.array([place.audible for place in places])
    shares: FloatArray = _LEAST_SHARE + audible.clip(_UNHEARD, _LOUD) - _UNHEARD
    return shares


def _first_look(pair: Pair, rough: Line) -> Line | None:
    """The line on which the places that voted for a rough one agree, to a millisecond or so."""
    slope = min(LARGEST_DRIFT, 4 * rough.drift_error)
    start, end = overlap(pair, rough)
    found, looked = [], 0
    for middle in rough.heard_at[:_PROBES]:
        first = max(start, middle - _LONGEST_S / 2)
        seconds = min(end, middle + _LONGEST_S / 2) - first
        if seconds < LEAST_OVERLAP_S:
            continue
        place = look(pair, rough, first, seconds, reach_s=_WIDE_S, slope=slope)
        looked += 1
        if place is not None and place.height >= CLEAR_HEIGHT:
            found.append(_seen(place, rough))
        if not found and looked >= _VAIN:
            break
    if not found:
        return None
    lines = [_between(a, b) for a in found for b in found]
    lines = [line for line in lines if abs(line.drift) <= 1.2 * LARGEST_DRIFT]
    if not lines:
        return None
    best = max(lines, key=lambda line: _support(line, found))
    near = [place for place in found if abs(line_off(place, best)) <= _TOGETHER_S]
    return _through(best, near) if len(near) > 2 else best


def _between(a: _Seen, b: _Seen) -> Line:
    """The line through two places, or through one with the drift that is seen within it."""
    drift = a.slope if abs(b.time - a.time) < 1.0 else (b.at_s - a.at_s) / (b.time - a.time) - 1
    return Line(a.at_s - (1 + drift) * a.time, drift)


def _support(line: Line, places: Sequence[_Seen]) -> float:
    near = (place for place in places if abs(line_off(place, line)) <= _TOGETHER_S)
    return sum(place.height**2 for place in near)


def _place_length(overlap_s: float) -> float:
    """Seconds of each place in an overlap: a twelfth of it, but neither too short nor too long."""
    return float(np.clip(overlap_s / 12, min(_SHORTEST_S, overlap_s), _LONGEST_S))


def _close_look(pair: Pair, line: Line, start: float, end: float, places: int) -> list[_Seen]:
    """Places all over the overlap, end to end where it is short."""
    length = _place_length(end - start)
    count = max(1, round((end - start) / length))
    starts = start + (end - start - length) * np.linspace(0, 1, count)
    chosen = np.unique(np.linspace(0, count - 1, min(count, places)).round().astype(int))
    looked = (look(pair, line, float(starts[k]), length, reach_s=_NARROW_S) for k in chosen)
    return [_seen(place, line) for place in looked if place is not None]


def _unswayed(times: FloatArray, off: FloatArray) -> FloatArray:
    """Distances from the line whose slope is the median of all pairs' (Theil 1950; Sen 1968).

    Up to three places in ten may be wrong, also those at the ends, which sway other lines most.
    """
    after, before = np.triu_indices(len(times), 1)[::-1]
    apart = times[after] - times[before]
    slopes = (off[after] - off[before])[apart > 0.5] / apart[apart > 0.5]
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    level: FloatArray = off - slope * times
    return level - np.median(level)


def _through(line: Line, places: Sequence[_Seen]) -> Line:
    """The line through most places, by iterated reweighting from a line that is near."""
    times = np.array([place.time for place in places])
    off = np.array([line_off(place, line) for place in places])
    heights = np.array([place.height for place in places])
    trust = np.minimum(heights, 30.0) ** 2  # a peak's place is as sure as it is high
    weights = trust.copy()
    centre = mean = slope = error = 0.0
    residual = _unswayed(times, off)
    for _ in range(_ROUNDS):
        scale = max(_SURE_S, 1.5 * float(np.median(np.abs(residual))))
        weights = trust / trust.max() * np.minimum(1.0, 1.5 * scale / (np.abs(residual) + 1e-12))
        weights[np.abs(residual) > 6 * scale] = 0.0
        centre = float((weights * times).sum() / weights.sum())
        mean = float((weights * off).sum() / weights.sum())
        # Two places a second apart say nothing of the drift: then it is a likely one.
        precision = float((weights * (times - centre) ** 2).sum()) / scale**2
        product = float((weights * (times - centre) * (off - mean)).sum()) / scale**2
        slope = (product - line.drift / LIKELY_DRIFT**2) / (precision + 1 / LIKELY_DRIFT**2)
        error = (precision + 1 / LIKELY_DRIFT**2) ** -0.5
        residual = off - mean - slope * (times - centre)
    offset = line.offset_s + mean - slope * centre
    return replace(line, offset_s=offset, drift=line.drift + slope, drift_error=error)
