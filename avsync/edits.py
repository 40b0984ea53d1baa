"""Moving cuts onto beats: which of them can be moved, and how. Pure; frames and seconds only.

A cut is moved as a *roll edit*: the shot before it ends, and the shot after it begins, at the new
place, both over the same source as before. Nothing else on the timeline moves, so its length stays,
and the moves of two cuts depend on each other only where both bound one shot, which must not become
too short. That is a chain, and dynamic programming along it is exact.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class EditPoint:
    """A cut, and how far it may be moved."""

    frame: int
    """where it is on the timeline"""
    earliest: int
    """the first frame for which the shot after it has material"""
    latest: int
    """the last frame for which the shot before it has material"""
    least_frames: int = 1
    """what has to stay between this cut and the one before it (or the timeline's start)"""
    before: str = "there is no more material before it"
    """why it cannot be moved to before `earliest`"""
    after: str = "there is no more material after it"
    """why it cannot be moved to after `latest`"""


@dataclass(frozen=True, slots=True)
class Move:
    """What became of one cut."""

    cut: int
    """its number on the timeline, from 0: cut 0 is where the second shot begins"""
    before: int
    """the frame it was at"""
    after: int
    """the frame it is at now"""
    beat: float | None
    """the beat that it is on, in seconds on the timeline; None where it was left alone"""
    reason: str = ""
    """why it was left alone"""

    @property
    def frames(self) -> int:
        """How far it was moved, in frames: positive is later."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class _Place:
    """Somewhere a cut can be; ordered by frame within one cut."""

    frame: int
    beat: float | None
    movement: int


def choose_moves(
    points: Sequence[EditPoint],
    beats: Sequence[float],
    *,
    frame_rate: Fraction,
    window: float,
    end: int,
    least_at_end: int = 1,
    minimum_shot: float = 0.0,
    kind: str = "beat",
) -> tuple[Move, ...]:
    """Put as many cuts as possible on beats, and of all ways to do so the one that moves least.

    A beat is taken to be at the frame nearest to it, so a cut that was moved lies within half a
    frame of its beat. Only beats within ``window`` seconds of a cut are its candidates, and no two
    cuts land on one. A shot stays at least ``minimum_shot`` seconds long, or as long as it was
    where it was shorter.

    Args:
        points: the cuts in order of time.
        beats: seconds on the timeline, ascending.
        frame_rate: frames per second of the timeline.
        window: seconds to either side of a cut.
        end: the timeline's length in frames.
        least_at_end: what has to stay between the last cut and the end, as
            `EditPoint.least_frames`.
        minimum_shot: seconds.
        kind: what a beat is called in a reason.

    Returns:
        One move for each point, in their order.

    Raises:
        ValueError: the points are not in order, or the window or the shortest shot is negative.
    """
    if not (0 <= window < float("inf") and 0 <= minimum_shot < float("inf")):
        raise ValueError(
            f"window and shortest shot are 0 s or more; got {window} and {minimum_shot}"
        )
    frames = [0, *(point.frame for point in points), end]
    if any(later <= earlier for earlier, later in pairwise(frames)):
        raise ValueError(f"cuts lie in order of time between 0 and {end}; got {frames[1:-1]}")
    shortest = _whole_frames(minimum_shot, frame_rate)
    needed = [*(point.least_frames for point in points), least_at_end]
    least = [
        min(max(1, shortest, need), later - earlier)
        for need, (earlier, later) in zip(needed, pairwise(frames), strict=True)
    ]
    seconds = [float(beat) for beat in beats]
    near = [_near(point.frame, seconds, frame_rate, window) for point in points]
    places = [_places(point, found, frame_rate) for point, found in zip(points, near, strict=True)]
    chosen = _best_chain(places, least, end)
    moves = []
    for index, (point, place) in enumerate(zip(points, chosen, strict=True)):
        reason = ""
        if not near[index]:
            reason = f"no {kind} within {window:g} s"
        elif place.beat is None:
            alone = all(other.beat is None for other in places[index])
            short = f"a shot would be shorter than {minimum_shot:g} s, or two cuts would meet"
            reason = _obstacle(point, near[index], frame_rate) if alone else short
        moves.append(Move(index, point.frame, place.frame, place.beat, reason))
    return tuple(moves)


def _whole_frames(seconds: float, frame_rate: Fraction) -> int:
    exact = Fraction(seconds) * frame_rate
    return -int(-(exact - Fraction(1, 10**6)) // 1)  # rounded up; 0.2 s at 25 Hz are 5 frames


def _near(
    frame: int, beats: Sequence[float], frame_rate: Fraction, window: float
) -> Sequence[float]:
    """The beats in the window around a frame."""
    time = float(frame / frame_rate)
    slack = 1e-9  # 0.25 s are 0.25 s, whatever the last bit says
    first = bisect_left(beats, time - window - slack)
    return beats[first : bisect_right(beats, time + window + slack)]


def _places(point: EditPoint, beats: Sequence[float], frame_rate: Fraction) -> list[_Place]:
    """Where a cut can be: on each beat that it can reach, and where it is."""
    found: dict[int, float | None] = {}
    for beat in beats:
        exact = Fraction(beat) * frame_rate
        frame = round(exact)
        if frame != point.frame and not point.earliest <= frame <= point.latest:
            continue
        other = found.get(frame)
        if other is None or abs(exact - frame) < abs(Fraction(other) * frame_rate - frame):
            found[frame] = beat
    found.setdefault(point.frame, None)
    return [_Place(frame, beat, abs(frame - point.frame)) for frame, beat in sorted(found.items())]


def _best_chain(places: Sequence[Sequence[_Place]], least: Sequence[int], end: int) -> list[_Place]:
    """One place for each cut: most on beats, then least movement; an earlier place among equals.

    ``least[i]`` frames stay before cut ``i``, ``least[-1]`` after the last. To stay is allowed
    everywhere, so there is always a way.
    """
    Score = tuple[int, int]  # cuts on beats, minus the frames moved
    reached: list[tuple[_Place, Score, int]] = [(_Place(0, None, 0), (0, 0), -1)]
    history = [reached]
    for options, gap in zip(places, least, strict=False):
        column: list[tuple[_Place, Score, int]] = []
        best, best_from, seen = (-1, 0), -1, 0
        for place in options:  # both ascend, so what can precede a place only grows
            while seen < len(reached) and reached[seen][0].frame + gap <= place.frame:
                if reached[seen][1] > best:
                    best, best_from = reached[seen][1], seen
                seen += 1
            if best_from >= 0:
                score = (best[0] + (place.beat is not None), best[1] - place.movement)
                column.append((place, score, best_from))
        history.append(column)
        reached = column
    ends = [i for i, (place, _, _) in enumerate(reached) if place.frame + least[-1] <= end]
    at = max(ends, key=lambda i: (reached[i][1], -i))
    chain = []
    for column in reversed(history[1:]):
        place, _, at = column[at]
        chain.append(place)
    return chain[::-1]


def _obstacle(point: EditPoint, beats: Sequence[float], frame_rate: Fraction) -> str:
    """What keeps a cut from the nearest beat."""
    time = float(point.frame / frame_rate)
    nearest = min(beats, key=lambda beat: abs(beat - time))
    return point.before if nearest < time else point.after
