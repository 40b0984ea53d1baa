"""Disjoint pieces of footage, enough of each length that every slot can be given one. Pure.

Slots of many lengths compete for stretches of many lengths, which is bin packing; an assignment
problem wants its columns to exist beforehand. So room is laid out first: one piece for every slot,
longest first, each into the stretch that was used least; if not all of them fit that way, each into
the stretch that it fills best (best fit decreasing, the usual answer to bin packing). Further
rounds follow while there is room. The first guarantees that an assignment exists, the others give
it a choice. What room is left in a stretch widens its pieces, within which the in-point is free.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import groupby

import numpy as np
import numpy.typing as npt

from avsync.montage.moments import Stretch

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Pieces of stretches: int64 arrays [pieces], in order of clip and time within a layer."""

    clip: IntArray
    stretch: IntArray
    first: IntArray
    """frames of the timeline's rate on the clip's clock"""
    end: IntArray
    layer: IntArray
    """0 where footage is shown for the first time; pieces of one layer are disjoint"""

    def __len__(self) -> int:
        return len(self.clip)

    def among(self, used: IntArray, stretches: Sequence[Stretch]) -> Pieces:
        """The pieces `used`, each widened over the unused room around it, half of it to either."""
        order = np.lexsort((self.first[used], self.stretch[used], self.layer[used]))
        some = used[order]
        place = np.stack([self.layer[some], self.stretch[some]])
        joined = np.append((place[:, 1:] == place[:, :-1]).all(axis=0), False)
        middle = (self.end[some] + np.roll(self.first[some], -1)) // 2
        bounds = np.array([(s.first, s.end) for s in stretches]).T[:, self.stretch[some]]
        end = np.where(joined, middle, bounds[1])
        first = np.where(np.roll(joined, 1), np.roll(middle, 1), bounds[0])
        back = np.argsort(order)
        clip, stretch, layer = self.clip[used], self.stretch[used], self.layer[used]
        return Pieces(clip, stretch, first[back], end[back], layer)

    def begun_at(self, first: IntArray, needs: IntArray) -> Pieces:
        """As long a part of each piece as is needed, from a frame on."""
        return Pieces(self.clip, self.stretch, first, first + needs, self.layer)


@dataclass(frozen=True, slots=True)
class Packing:
    """How the first round went: the pieces, or how many of the slots found room."""

    pieces: Pieces | None
    packed: int
    """slots that found room without showing anything twice"""


def pack(
    stretches: Sequence[Stretch], needs: Sequence[int], *, rounds: int, repeat: bool = False
) -> Packing:
    """Pieces for slots that each need so many frames, `rounds` times over where room allows.

    With `repeat`, footage that ran out is laid out again, in a further layer.
    """
    lengths = sorted(needs, reverse=True)
    room = [stretch.frames for stretch in stretches]
    if not lengths or not room or lengths[0] > max(room):
        return Packing(None, _most(room, lengths))
    first = _evenly(room, lengths)
    if first.missing:
        first = _tightly(room, lengths)
    if first.missing and not repeat:
        return Packing(None, _most(room, lengths))
    layers = [first]
    while layers[-1].missing:
        layers.append(_tightly(room, layers[-1].missing))
    if len(layers) == 1:
        for _ in range(rounds - 1):
            more = _evenly(room, lengths, onto=layers[0])
            if len(more.placed) == len(layers[0].placed):
                break
            layers[0] = more
    return Packing(_lay_out(stretches, layers), len(first.placed))


@dataclass(frozen=True, slots=True)
class _Layer:
    placed: tuple[tuple[int, int], ...]
    """stretch and length of each piece"""
    missing: tuple[int, ...]
    """lengths that found no room, longest first"""


def _evenly(room: Sequence[int], lengths: Sequence[int], *, onto: _Layer | None = None) -> _Layer:
    """Each length into the stretch with fewest pieces that holds it, the roomier of two first."""
    placed = list(onto.placed) if onto else []
    left, uses = list(room), [0] * len(room)
    for stretch, length in placed:
        left[stretch] -= length
        uses[stretch] += 1
    missing = []
    for length, group in groupby(lengths):
        heap = [(uses[k], -free, k) for k, free in enumerate(left) if free >= length]
        heapify(heap)
        for _ in group:
            if not heap:
                missing.append(length)
                continue
            count, free, stretch = heappop(heap)
            placed.append((stretch, length))
            left[stretch], uses[stretch] = -free - length, count + 1
            if left[stretch] >= length:
                heappush(heap, (count + 1, free + length, stretch))
    return _Layer(tuple(placed), tuple(missing))


def _tightly(room: Sequence[int], lengths: Sequence[int]) -> _Layer:
    """Best fit decreasing: each length into the stretch that it fills best."""
    free = sorted((left, stretch) for stretch, left in enumerate(room))
    placed, missing = [], []
    for length in lengths:
        at = bisect_left(free, (length, -1))
        if at == len(free):
            missing.append(length)
            continue
        left, stretch = free.pop(at)
        placed.append((stretch, length))
        insort(free, (left - length, stretch))
    return _Layer(tuple(placed), tuple(missing))


def _most(room: Sequence[int], lengths: Sequence[int]) -> int:
    """How many find room if it is not asked which: the shortest do."""
    return len(_tightly(room, lengths[::-1]).placed)


def _lay_out(stretches: Sequence[Stretch], layers: Sequence[_Layer]) -> Pieces:
    """Pieces side by side in their stretches, sharing what is left in proportion."""
    rows = []
    for number, layer in enumerate(layers):
        within: dict[int, list[int]] = {}
        for stretch, length in layer.placed:
            within.setdefault(stretch, []).append(length)
        for stretch, lengths in sorted(within.items()):
            whole = stretches[stretch]
            spare, total, done = whole.frames - sum(lengths), sum(lengths), 0
            first = whole.first
            for length in lengths:
                done += length
                # Rounding the shares of a running sum loses no frame and widens none below need.
                end = whole.first + done + spare * done // total
                rows.append((whole.clip, stretch, first, end, number))
                first = end
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return Pieces(*columns)
