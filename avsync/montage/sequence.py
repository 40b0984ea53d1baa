"""Footage in the order in which it was given: clip after clip, each in order of time. Pure.

Every slot has a latest place, found from the end backwards, so that all that follow still fit:
packing from the back as late as possible is optimal for things in a given order. From the front,
each slot then takes the place nearest to where an even walk through the clips would have it, not
before the one ahead of it and not after its latest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from avsync.montage.moments import Stretch
from avsync.montage.packing import Packing, Pieces


def lay_in_order(
    stretches: Sequence[Stretch], needs: Sequence[int], *, repeat: bool = False
) -> Packing:
    """A piece of exactly the frames needed for each slot, in the order of `stretches`.

    With `repeat` the footage begins anew when it ends, as often as it takes.
    """
    latest = _latest(stretches, needs)
    packed = len(latest)
    longest = max((stretch.frames for stretch in stretches), default=0)
    if packed < len(needs) and (not repeat or max(needs) > longest):
        return Packing(None, packed)
    layers, looped = 1, list(stretches)
    while len(latest) < len(needs):  # each time round, at least one more finds its place
        layers += 1
        looped += stretches
        latest = _latest(looped, needs)
    at = _forward(looped, needs, latest, layers)
    stretch = np.array([place for place, _ in at], dtype=np.int64)
    first = np.array([frame for _, frame in at], dtype=np.int64)
    pieces = Pieces(
        clip=np.array([looped[place].clip for place in stretch], dtype=np.int64),
        stretch=stretch % len(stretches),
        first=first,
        end=first + np.array(needs, dtype=np.int64),
        layer=stretch // len(stretches),
    )
    return Packing(pieces, packed)


def _latest(stretches: Sequence[Stretch], needs: Sequence[int]) -> list[tuple[int, int]]:
    """Stretch and frame of each slot's latest place, in order; of the last ones that fit."""
    found: list[tuple[int, int]] = []
    place = len(stretches) - 1
    end = stretches[place].end if stretches else 0
    for need in reversed(needs):
        while place >= 0 and end - stretches[place].first < need:
            place -= 1
            end = stretches[place].end if place >= 0 else 0
        if place < 0:
            break
        end -= need
        found.append((place, end))
    return found[::-1]


def _forward(
    stretches: Sequence[Stretch],
    needs: Sequence[int],
    latest: Sequence[tuple[int, int]],
    layers: int,
) -> list[tuple[int, int]]:
    wanted = _even_walk(stretches, needs, layers)
    at: list[tuple[int, int]] = []
    cursor = (0, stretches[0].first)
    for need, last, wish in zip(needs, latest, wanted, strict=True):
        place, frame = max(cursor, min(wish, last))
        while frame + need > stretches[place].end:
            room = stretches[place].end - need
            earliest = cursor[1] if place == cursor[0] else stretches[place].first
            if room >= earliest:
                frame = room
            else:
                place += 1
                frame = stretches[place].first
        at.append((place, frame))
        cursor = (place, frame + need)
    return at


def _even_walk(
    stretches: Sequence[Stretch], needs: Sequence[int], layers: int
) -> list[tuple[int, int]]:
    """Where each slot would begin if all clips had the same share of slots, evenly over each."""
    per_layer = len(stretches) // layers
    turns: dict[tuple[int, int], list[int]] = {}
    for number, stretch in enumerate(stretches):
        turns.setdefault((number // per_layer, stretch.clip), []).append(number)
    slots_of = np.arange(len(needs)) * len(turns) // len(needs)
    wishes = []
    for turn, mine in enumerate(turns.values()):
        ends = list(accumulate(stretches[number].frames for number in mine))
        slots = np.flatnonzero(slots_of == turn)
        for rank, slot in enumerate(slots.tolist()):
            middle = (rank + 0.5) / len(slots) * ends[-1]
            along = max(0, round(middle - needs[slot] / 2))
            which = min(bisect_right(ends, along), len(mine) - 1)
            stretch = stretches[mine[which]]
            inside = along - (ends[which] - stretch.frames)
            wishes.append((mine[which], stretch.first + inside))
    return wishes
