"""Where every edge goes: the times that break the fewest rules and move the least, found exactly.

Edges in the order of time, in, out, in, out, ..., are a chain: each rule looks at one edge (is it
near a cut?) or at two neighbours (how long is the cue, how wide the gap?). So the best of all
combinations is a shortest path through the frames around each edge (Viterbi 1967), and no rule can
undo what another one has done, as passes of local repairs do. What the cost makes sure of:

- **Nothing gets worse.** A rule that a cue kept before is kept: breaking it costs infinity. Staying
  put breaks nothing new, so there always is a way.
- **Settled.** Moving costs what the distance costs, which obeys the triangle inequality, so what is
  best seen from the old times is still best seen from itself: there is nothing left to move.

Cues that are shown together are put into lanes in which none overlap, and each lane is placed while
the others stay, until none moves any more; who overlaps whom, and who starts first, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.framegrid import FrameGrid
from avsync.polishing.profiles import Profile
from avsync.polishing.rules import SLACK_S, Edge, NearCuts, Shown

__all__ = ["Bounds", "place"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

REACH = 64  # frames that an edge may move: more than 5/6 s at 59.94
# Costs, in half frames of movement. A cue may come early or stay on a little more cheaply than the
# other way round, so that an in-time goes to 12 frames before a cut from 8 on, as Netflix has it.
LATER_IN, EARLIER_IN = 2, 3
LATER_OUT, EARLIER_OUT = 2, 3
NEAR_CUT, SHORT, LONG, TIGHT = 120, 150, 150, 100
OPEN = 4  # for each frame below which a gap is to be closed
UNCOVERED = 5  # an edge within the frame in which a word begins or ends
_FINE = 1 << 24  # of equal costs, the least movement: more than all movements together
_NEVER = 1 << 55


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What each cue must go on showing."""

    latest_in: IntArray
    earliest_out: IntArray
    """int64 [cues]: frames beyond which words would be lost; no edge goes there"""
    words_in: IntArray
    words_out: IntArray
    """int64 [cues]: frames from which, and until which, the words are shown to their last bit"""
    needed_s: FloatArray
    """float64 [cues]: how long it takes to read each"""
    still: BoolArray
    """bool [cues]: which are not to be moved"""


def place(shown: Shown, grid: FrameGrid, cuts: IntArray, profile: Profile, bounds: Bounds) -> Shown:
    """The best frames for cues that are in order of start, each shown for a frame at least."""
    board = _Board(shown, grid, cuts, profile, bounds)
    lanes = _lanes(shown)
    moved = True
    while moved:
        moved = False
        for lane in lanes:
            moved |= board.place_lane(lane)
        moved &= len(lanes) > 1
    return Shown(board.first, board.last)


def _lanes(shown: Shown) -> list[list[int]]:
    """The cues, in as few lists without overlaps as greed finds."""
    lanes: list[list[int]] = []
    ends: list[int] = []
    for n, (first, last) in enumerate(zip(shown.first.tolist(), shown.last.tolist(), strict=True)):
        free = next((k for k, end in enumerate(ends) if end <= first), None)
        if free is None:
            lanes.append([n])
            ends.append(last)
        else:
            lanes[free].append(n)
            ends[free] = last
    return lanes


class _Board:
    """The cues as they came, and where they stand by now."""

    def __init__(
        self, shown: Shown, grid: FrameGrid, cuts: IntArray, profile: Profile, bounds: Bounds
    ) -> None:
        self.old, self.grid, self.near = shown, grid, NearCuts(cuts, profile)
        self.profile, self.bounds = profile, bounds
        self.first, self.last = shown.first.copy(), shown.last.copy()
        self.seconds = grid.seconds(shown.last) - grid.seconds(shown.first)
        self.gaps = np.where(shown.following >= 0, shown.following - shown.last, 1 << 40)

    def place_lane(self, lane: Sequence[int]) -> bool:
        """Move the cues of one lane to their best places; whether any was moved."""
        others = np.setdiff1d(np.arange(len(self.first)), lane)
        edges = [edge for n in lane for edge in (self._ins(n, others), self._outs(n, others))]
        after = [self._next_of_others(n, others) for n in lane]
        self._mind_gaps_of_others(lane, others, edges)
        path = _Path(edges[0].cost)
        for k, n in enumerate(lane):
            ins, outs = edges[2 * k], edges[2 * k + 1]
            if k + 1 == len(lane):  # but cues of other lanes may follow
                outs.cost += self._gap_cost(n, after[k] - outs.frames)
            path.step(self._lengths(n, ins.frames, outs.frames), outs.cost)
            if k + 1 < len(lane):
                following = edges[2 * k + 2]
                gaps = np.minimum(following.frames, after[k])[None] - outs.frames[:, None]
                cost = self._gap_cost(n, gaps)
                cost[following.frames[None] < outs.frames[:, None]] = _NEVER
                path.step(cost, following.cost)
        if path._cost.min() >= _NEVER:  # no way past the other lanes: this one stays
            return False
        found = [int(edge.frames[at]) for edge, at in zip(edges, path.best(), strict=True)]
        before = self.first[lane], self.last[lane]
        self.first[lane], self.last[lane] = found[::2], found[1::2]
        return bool((self.first[lane] != before[0]).any() or (self.last[lane] != before[1]).any())

    def _ins(self, n: int, others: IntArray) -> _Edge:
        old, bounds = int(self.old.first[n]), self.bounds
        lowest = max(old - REACH, min(self.grid.earliest, old))
        highest = min(old + REACH, max(old, int(bounds.latest_in[n])))
        before, after = others[others < n], others[others > n]
        together = self.old.last[before] > old  # those that started, and go on
        # Who starts first still does: were they to start at once, nobody could tell afterwards.
        earlier, later = self.old.first[before] < old, self.old.first[after] > old
        lowest = max([lowest, *(self.first[before] + earlier), *self.last[before[~together]]])
        highest = min([highest, *(self.first[after] - later), *(self.last[before[together]] - 1)])
        frames = self._allowed(n, old, lowest, highest)
        cost = _movement(frames - old, EARLIER_IN, LATER_IN)
        cost += _FINE * UNCOVERED * (frames > bounds.words_in[n])
        return _Edge(frames, cost + self._near_cost("in", old, frames))

    def _outs(self, n: int, others: IntArray) -> _Edge:
        old, bounds = int(self.old.last[n]), self.bounds
        lowest = max(old - REACH, min(old, int(bounds.earliest_out[n])))
        after = others[others > n]
        together = self.old.first[after] < old
        lowest = max([lowest, *(self.first[after[together]] + 1)])
        before = others[others < n]
        overlapped = self.old.last[before] > self.old.first[n]
        lowest = max([lowest, *(self.first[before[overlapped]] + 1)])
        highest = min([old + REACH, *self.first[after[~together]]])
        frames = self._allowed(n, old, lowest, highest)
        cost = _movement(frames - old, EARLIER_OUT, LATER_OUT)
        cost += _FINE * UNCOVERED * (frames < bounds.words_out[n])
        return _Edge(frames, cost + self._near_cost("out", old, frames))

    def _allowed(self, n: int, old: int, lowest: int, highest: int) -> IntArray:
        return np.array([old]) if self.bounds.still[n] else np.arange(lowest, highest + 1)

    def _near_cost(self, edge: Edge, old: int, frames: IntArray) -> IntArray:
        if self.near.wrong(edge, np.array([old]))[0]:  # only where a cut wants it is it right
            return _price(~self.near.right(edge, frames), NEAR_CUT, True)
        return _price(self.near.wrong(edge, frames), NEAR_CUT, False)

    def _next_of_others(self, n: int, others: IntArray) -> int:
        """The first frame of the first cue of another lane that starts once this one is over."""
        later = others[(others > n) & (self.old.first[others] >= self.old.last[n])]
        return int(self.first[later].min()) if len(later) else 1 << 40

    def _mind_gaps_of_others(
        self, lane: Sequence[int], others: IntArray, edges: Sequence[_Edge]
    ) -> None:
        """What the starts of this lane's cues cost the cues of other lanes before them."""
        members = np.array(lane)
        far = self.profile.gap_frames + self.profile.closed_frames + 2 * REACH
        for k in others.tolist():
            mine = members[(members > k) & (self.old.first[members] >= self.old.last[k])]
            if not len(mine) or self.old.first[mine[0]] - self.old.last[k] > far:
                continue
            edge = edges[2 * int(np.searchsorted(members, mine[0]))]
            nearest = np.minimum(edge.frames, self._next_of_others(k, others))
            edge.cost += self._gap_cost(k, nearest - self.last[k])

    def _gap_cost(self, n: int, gaps: IntArray) -> IntArray:
        narrow, wide = self.profile.gap_frames, self.profile.closed_frames
        was = int(self.gaps[n])
        cost = _price(gaps < narrow, TIGHT, was < narrow)
        if narrow < was < wide:  # to be closed: to widen it would keep the rule and miss the point
            return cost + _price(gaps > narrow, OPEN * wide, True)
        return cost + _price((gaps > narrow) & (gaps < wide), OPEN * wide, False)

    def _lengths(self, n: int, ins: IntArray, outs: IntArray) -> IntArray:
        seconds = self.grid.seconds(outs)[None] - self.grid.seconds(ins)[:, None]
        shortest = self.profile.shortest_s - SLACK_S
        longest = self.profile.longest_s + SLACK_S
        needed = float(self.bounds.needed_s[n]) - SLACK_S
        was = float(self.seconds[n])
        cost = _price(seconds < shortest, SHORT, was < shortest)
        cost += _price(seconds > longest, LONG, was > longest)
        cost += _price(seconds < needed, 0, was < needed)
        return cost + np.where(outs[None] <= ins[:, None], _NEVER, 0)


@dataclass(slots=True, eq=False)
class _Edge:
    """Where an edge may go: int64 [frames] each, what it costs by itself."""

    frames: IntArray
    cost: IntArray


def _movement(by: IntArray, earlier: int, later: int) -> IntArray:
    cost: IntArray = np.where(by < 0, -earlier * by, later * by) * (_FINE + 1)
    return cost


def _price(broken: BoolArray, cost: int, was_broken: bool) -> IntArray:
    """What a rule costs where it is broken: all, if it was not broken before."""
    price: IntArray = np.where(broken, cost * _FINE if was_broken else _NEVER, 0)
    return price


class _Path:
    """The cheapest way through one list of states after the other."""

    def __init__(self, cost: IntArray) -> None:
        self._cost = np.minimum(cost, _NEVER)
        self._from: list[IntArray] = []

    def step(self, between: IntArray, own: IntArray) -> None:
        """Go on: what each pair of states costs [before, now], and what each costs [now]."""
        total = self._cost[:, None] + between
        best = total.argmin(axis=0)
        self._from.append(best)
        reached = np.take_along_axis(total, best[None], axis=0)[0]
        self._cost = np.minimum(reached + own, _NEVER)

    def best(self) -> list[int]:
        """The states of the cheapest way."""
        at = [int(self._cost.argmin())]
        for origin in reversed(self._from):
            at.append(int(origin[at[-1]]))
        return at[::-1]
