"""From the logits of beat and downbeat to the beats: a bar pointer in two steps.

The bar pointer (Whiteley, Cemgil & Godsill 2006; Krebs, Böck & Widmer 2015) is a hidden Markov
model over tempo and place in the bar. Its tempo may only change at a beat, so between beats it runs
on rails, and its Viterbi path needs no state per frame: the best path that has a beat at frame
``t`` after a period ``i`` comes from the best one that has a beat at ``t − i``. If frames are
independent given the path, that path's log likelihood is, up to a constant, the sum of the beat
head's logits (and a prior) at its beats; so peaks that a slower tempo leaves out and valleys that
a faster one steps into both tell, and the octave is decided by what was heard.

The place in the bar is then decoded over the beats, with every metre in one state space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FRAME_HZ = 100  # of the search; the times are refined below that afterwards
LOWEST_BPM, HIGHEST_BPM = 55.0, 215.0
METERS = (2, 3, 4, 6)


@dataclass(frozen=True, slots=True)
class PulseCosts:
    """What the path of beats pays, in nats."""

    prior: float = 1.0
    """added to every logit: a frame says more for a beat than its odds, since few frames are one"""
    highest: float = 5.0
    """the most that one frame can say for a beat"""
    lowest: float = -1.0
    """and against one: so some bars of silence do not break the pulse"""
    slack: int = 2
    """frames of the search by which a peak may be off its beat: the head was not asked for more"""
    tempo_change: float = 70.0
    """per unit of |log(period / period before)|"""
    rounding: float = 1.2
    """for a change by one frame of the search, which may be no more than rounding"""
    usual_bpm: float = 110.0
    unusual: float = 0.0
    """each beat, per squared octave that its tempo is away from ``usual_bpm``"""
    restart: float = 90.0
    """to stop, and begin anew with another tempo and phase"""


@dataclass(frozen=True, slots=True)
class BarCosts:
    """What the path of bars pays, in nats."""

    highest: float = 4.0
    lowest: float = -4.0
    change: float = 15.0
    """for a bar that is cut short, runs over, or begins another metre"""
    meter: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """for each beat in a bar of METERS: rarer metres need more evidence"""


def decode_beats(
    logits: npt.NDArray[np.float32],
    rate_hz: float,
    *,
    lowest_bpm: float = LOWEST_BPM,
    highest_bpm: float = HIGHEST_BPM,
    costs: PulseCosts | None = None,
) -> FloatArray:
    """The beats, float64 [beats] in seconds, on the path of the highest likelihood.

    Args:
        logits: float32 [tokens], the beat head's; token ``j`` is at ``j / rate_hz`` seconds.
        lowest_bpm, highest_bpm: the tempi that are looked for.
        costs: see :class:`PulseCosts`.
    """
    costs = costs or PulseCosts()
    if len(logits) < 2:
        return np.zeros(0)
    length = int((len(logits) - 1) / rate_hz * FRAME_HZ) + 1
    tokens = np.arange(len(logits)) / rate_hz
    gains = np.interp(np.arange(length) / FRAME_HZ, tokens, logits) + costs.prior
    gains = _highest_near(gains, costs.slack).clip(costs.lowest, costs.highest)
    periods = _periods(lowest_bpm, highest_bpm)
    octaves = np.log2(60 * FRAME_HZ / periods / costs.usual_bpm)
    change = _change_costs(periods, costs) + costs.unusual * octaves[:, None] ** 2
    frames = _best_path(gains, periods, change, costs.restart)
    return _steady(_refine(frames / FRAME_HZ, logits, rate_hz))


def _highest_near(values: FloatArray, reach: int) -> FloatArray:
    """The highest of ``values`` within ``reach`` of each, [n]."""
    padded = np.pad(values, reach, mode="edge")
    highest: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(
        axis=1
    )
    return highest


def _periods(lowest_bpm: float, highest_bpm: float) -> IntArray:
    shortest = int(np.floor(60 / highest_bpm * FRAME_HZ))
    longest = max(shortest + 1, int(np.ceil(60 / lowest_bpm * FRAME_HZ)))
    return np.arange(shortest, longest + 1)


def _change_costs(periods: IntArray, costs: PulseCosts) -> FloatArray:
    """float64 [periods, periods]: for one period after another."""
    ratio = np.abs(np.log(periods[:, None] / periods[None, :]))
    one_frame = 1.0 / np.minimum(periods[:, None], periods[None, :])
    changed = periods[:, None] != periods[None, :]
    table: FloatArray = costs.tempo_change * np.maximum(0.0, ratio - one_frame)
    table += costs.rounding * changed
    return table


def _best_path(
    gains: FloatArray, periods: IntArray, change: FloatArray, restart: float
) -> IntArray:
    """Frames of the beats on the best path.

    ``arrive[t, i]`` is the best sum of a path with a beat at ``t`` that came by period ``i``, and
    ``leave[t, i]`` the best of one that has a beat at ``t`` and goes on by period ``i``. No period
    is shorter than ``periods[0]``, so that many frames are done at once.
    """
    length, count, hop = len(gains), len(periods), int(periods[0])
    reach = int(periods[-1])
    # Frames before the first stand for a path that has not begun: it may begin with any period.
    leave = np.zeros((length + reach, count))
    before = np.full((length + reach, count), -1, np.int16)
    begun = np.zeros(length + reach)  # the best finished path up to each frame, to begin anew from
    ended = np.full(length + reach, -1, np.int64)
    best_of = np.zeros(length)
    best_period = np.zeros(length, np.int64)
    best_so_far, best_frame = 0.0, -1
    columns = np.arange(count)
    for start in range(0, length, hop):
        stop = min(start + hop, length)
        at = np.arange(start, stop)
        arrive = gains[at, None] + leave[at[:, None] + reach - periods, columns]
        fresh = gains[at] + np.maximum(0.0, best_so_far - restart)
        began = fresh > arrive.max(axis=1)
        best_of[at] = np.where(began, fresh, arrive.max(axis=1))
        best_period[at] = np.where(began, -1, arrive.argmax(axis=1))
        ended[at + reach] = best_frame if best_so_far > restart else -1
        begun[at + reach] = best_so_far
        options = arrive[:, None, :] - change[None, :, :]  # [frames, next period, this period]
        choice = options.argmax(axis=2)
        onward = np.take_along_axis(options, choice[..., None], 2)[..., 0]
        anew = fresh[:, None] > onward
        leave[at + reach] = np.where(anew, fresh[:, None], onward)
        before[at + reach] = np.where(anew, -1, choice)
        top = int(best_of[at].argmax())
        if best_of[start + top] > best_so_far:
            best_so_far, best_frame = float(best_of[start + top]), start + top
    return _trace(best_frame, best_period, before, ended, periods)


def _trace(
    frame: int,
    best_period: IntArray,
    before: npt.NDArray[np.int16],
    ended: IntArray,
    periods: IntArray,
) -> IntArray:
    reach = int(periods[-1])
    found: list[int] = []
    period = int(best_period[frame]) if frame >= 0 else -1
    while frame >= 0:
        found.append(frame)
        if period < 0:  # this beat began a path
            frame = int(ended[frame + reach])
            period = int(best_period[frame]) if frame >= 0 else -1
            continue
        frame -= int(periods[period])
        if frame < 0:  # the path begins with the beat after this one
            break
        period = int(before[frame + reach, period])
    return np.array(found[::-1], np.int64)


def _refine(times: FloatArray, logits: npt.NDArray[np.float32], rate_hz: float) -> FloatArray:
    """Each beat at the centre of the activation within ±30 ms of it."""
    if not len(times):
        return times
    probability = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    reach = round(0.03 * rate_hz)
    centre = np.round(times * rate_hz).astype(int)
    window = np.clip(centre[:, None] + np.arange(-reach, reach + 1), 0, len(logits) - 1)
    weight = probability[window] ** 2
    total = weight.sum(axis=1)
    offset = ((window - centre[:, None]) * weight).sum(axis=1) / np.maximum(total, 1e-9)
    heard = total > 0.05
    refined = np.where(heard, (centre + offset) / rate_hz, times)
    # Refining may not undo the order.
    return np.maximum.accumulate(refined + np.arange(len(times)) * 1e-6)


# Weights of nine points for the middle of the parabola through them (Savitzky & Golay 1964).
_PARABOLA = np.array([-21, 14, 39, 54, 59, 54, 39, 14, -21]) / 231
_JITTER_SECONDS = 0.02  # what may be noise; a person's push or pull is more


def _steady(times: FloatArray) -> FloatArray:
    """Beats without the jitter of the tokens' 20 ms: on a parabola through nine of them.

    A beat that is further from its parabola than noise is stays where it was found.
    """
    size, half = len(_PARABOLA), len(_PARABOLA) // 2
    if len(times) < size:
        return times
    smooth = times.copy()
    smooth[half:-half] = np.convolve(times, _PARABOLA, mode="valid")
    places = np.arange(size)
    for edge, inside in (
        (slice(0, size), slice(0, half)),
        (slice(-size, None), slice(-half, None)),
    ):
        smooth[edge][inside] = np.polyval(np.polyfit(places, times[edge], 2), places)[inside]
    kept = np.abs(smooth - times) <= _JITTER_SECONDS
    return np.where(kept, smooth, times)


def decode_bars(
    logits: npt.NDArray[np.float32], *, meter: int | None = None, costs: BarCosts | None = None
) -> IntArray:
    """int64 [beats]: the place of each beat in its bar, 1 on the downbeat.

    Viterbi over (metre, place): the place goes up by one a beat, and to go anywhere else costs.

    Args:
        logits: float32 [beats], how likely each beat is a downbeat.
        meter: beats in a bar, where they are known.
    """
    costs = costs or BarCosts()
    if not len(logits):
        return np.zeros(0, np.int64)
    downbeat = logits.clip(costs.lowest, costs.highest)
    meters = (meter,) if meter else METERS
    prior = (0.0,) if meter else costs.meter
    states = [(m, place) for m in meters for place in range(m)]
    index = {state: number for number, state in enumerate(states)}
    follows = np.array([index[m, (place + 1) % m] for m, place in states])
    first = np.array([place == 0 for _, place in states])
    price = np.array([prior[meters.index(m)] for m, _ in states])
    score = np.where(first, downbeat[0], 0.0) - price
    back = np.zeros((len(downbeat), len(states)), np.int64)
    for k in range(1, len(downbeat)):
        top = int(score.argmax())
        arrive = np.full(len(states), score[top] - costs.change)
        origin = np.full(len(states), top)
        onward = score > arrive[follows]
        arrive[follows[onward]] = score[onward]
        origin[follows[onward]] = np.flatnonzero(onward)
        back[k] = origin
        score = arrive + np.where(first, downbeat[k], 0.0) - price
    path = [int(score.argmax())]
    for k in range(len(downbeat) - 1, 0, -1):
        path.append(int(back[k, path[-1]]))
    return np.array([states[state][1] + 1 for state in reversed(path)], np.int64)
