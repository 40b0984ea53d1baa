"""Snap the cuts of an edit to the beats of a song.

Each cut is moved as a roll edit to the nearest beat within a window, where both its shots have the
material; `avsync.edits` says how all of them are chosen together. What could not be moved is
reported with the reason, so nothing is silently off the beat.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avsync.edits import EditPoint, Move, choose_moves

if TYPE_CHECKING:
    from avsync.beats.grid import BeatGrid
    from avsync.cutlist import CutList, Shot

__all__ = ["Move", "SnapTo", "Snapping", "snap_cuts", "snap_timeline"]

SnapTo = Literal["beat", "downbeat"]

WINDOW = 0.25
MINIMUM_SHOT = 0.2


@dataclass(frozen=True, slots=True)
class Snapping:
    """What became of an edit's cuts."""

    moves: tuple[Move, ...]
    """one for each cut, in order of time"""
    frame_rate: Fraction
    """frames per second of the timeline"""
    offset: float
    """when the song's time 0 is, in seconds on the timeline"""
    cuts: CutList | None = None
    """the cut list with its cuts moved, where one was given"""
    output: Path | None = None
    """the timeline that was written"""
    notes: tuple[str, ...] = ()
    """what could not be checked"""

    @property
    def on_beat(self) -> int:
        """How many cuts are on a beat now."""
        return sum(move.beat is not None for move in self.moves)

    @property
    def moved(self) -> int:
        """How many cuts are elsewhere now."""
        return sum(move.frames != 0 for move in self.moves)


def snap_cuts(
    cuts: CutList,
    grid: BeatGrid,
    *,
    window: float = WINDOW,
    to: SnapTo = "beat",
    minimum_shot: float = MINIMUM_SHOT,
    offset: float | None = None,
    lengths: Mapping[Path, float] | None = None,
) -> Snapping:
    """Move the cuts of a cut list to the nearest beats; its length stays.

    Args:
        cuts: the edit.
        grid: the song's beats, on the song's clock.
        window: seconds to either side within which a beat is near.
        to: every beat, or only the first of each bar.
        minimum_shot: seconds that a shot keeps, unless it was shorter.
        offset: when the song's time 0 is, in seconds on the timeline; None: where the cut list's
            music has it, or 0.
        lengths: how many seconds of picture each source has; None looks at the files. A source of
            unknown length is taken to be long enough, and a note says so.

    Raises:
        ValueError: the window or the shortest shot is negative.
        MediaError: a source is there but has no picture.
    """
    if offset is None:
        offset = -cuts.music.start if cuts.music is not None else 0.0
    sources = dict.fromkeys(shot.source for shot in cuts.shots)
    known = _look(sources) if lengths is None else lengths
    missing = [path for path in sources if path not in known]
    points = [
        _point(before, after, frame, known, cuts.frame_rate)
        for before, after, frame in zip(cuts.shots, cuts.shots[1:], cuts.cuts, strict=False)
    ]
    last = cuts.shots[-1] if cuts.shots else None
    moves = choose_moves(
        points,
        [beat + offset for beat in _beats(grid, to)],
        frame_rate=cuts.frame_rate,
        window=window,
        end=max(1, cuts.frames),
        least_at_end=max(1, last.dissolve_frames - last.lead_frames) if last else 1,
        minimum_shot=minimum_shot,
        kind=to,
    )
    return Snapping(
        moves,
        cuts.frame_rate,
        offset,
        cuts=cuts.with_shots(_rolled(cuts, moves)),
        notes=tuple(
            f"{path} is not at hand: whether it has enough material was not checked"
            for path in missing
        ),
    )


def snap_timeline(
    path: str | os.PathLike[str],
    grid: BeatGrid,
    output: str | os.PathLike[str] | None = None,
    *,
    window: float = WINDOW,
    to: SnapTo = "beat",
    minimum_shot: float = MINIMUM_SHOT,
    offset: float | None = None,
    song: str | os.PathLike[str] | None = None,
    track: int | None = None,
    frame_rate: Fraction | None = None,
) -> Snapping:
    """Move the cuts of an editing program's timeline to the nearest beats; its length stays.

    All that the timeline has is kept as it is; see `avsync.timeline.snapping`. Without `offset`,
    the song is looked for by its file's name on the audio tracks, and its beats count where it is
    heard; where it is not found, it is taken to begin with the timeline.

    Args:
        path: an .otio, .edl, .fcpxml or .xml file.
        grid: the song's beats, on the song's clock.
        output: where to write it, in the format of the extension; None writes nothing.
        window, to, minimum_shot: as for `snap_cuts`.
        offset: when the song's time 0 is, in seconds on the timeline.
        song: the song's file, where the grid does not say it.
        track: the track of picture, from 1 for the lowest; None: the first that has a cut.
        frame_rate: frames per second of an EDL, which does not say it itself.

    Raises:
        FileNotFoundError: there is no such timeline.
        ValueError: an extension is not known, or an option is out of range.
        MediaError: the timeline cannot be read, or has no cuts.
        RenderError: the output's format cannot hold the timeline.
        OSError: the output cannot be written.
    """
    from avsync.timeline.files import load_timeline, reading, save_timeline
    from avsync.timeline.snapping import find_cuts, find_song

    timeline = load_timeline(path, frame_rate=frame_rate)
    given = song if song is not None else grid.path
    name = Path(given).name if given is not None else None
    with reading(path, "snapped"):
        cuts = find_cuts(timeline, Path(os.path.abspath(path)).parent, song=name, track=track)
        heard = find_song(timeline, name) if name is not None and offset is None else ()
    zero = offset if offset is not None else heard[0].zero if heard else 0.0
    beats = [float(beat) for beat in _beats(grid, to)]
    if heard:
        spans = [(played.zero, played.start, played.end) for played in heard]
        placed = {b + at for at, start, end in spans for b in beats if start <= b + at <= end}
    else:
        placed = {beat + zero for beat in beats}
    moves = choose_moves(
        cuts.points,
        sorted(placed),
        frame_rate=cuts.rate,
        window=window,
        end=cuts.end,
        least_at_end=cuts.least_at_end,
        minimum_shot=minimum_shot,
        kind=to,
    )
    if output is not None:
        cuts.roll([move.after for move in moves])
        save_timeline(timeline, output, cuts.rate)
    written = None if output is None else Path(output)
    return Snapping(moves, cuts.rate, zero, output=written, notes=cuts.notes)


def _beats(grid: BeatGrid, to: SnapTo) -> Sequence[float]:
    if to not in ("beat", "downbeat"):
        raise ValueError(f"cuts are snapped to beat or downbeat; got {to!r}")
    beats: list[float] = (grid.beats if to == "beat" else grid.downbeats).tolist()
    return beats


def _look(sources: Mapping[Path, None]) -> dict[Path, float]:
    """The length of each source's picture, in seconds, where it is at hand."""
    from avsync.media import probe_video

    lengths = {}
    for path in sources:
        try:
            length = probe_video(path).duration
        except FileNotFoundError:
            continue
        if length is not None:
            lengths[path] = length
    return lengths


def _point(
    before: Shot, after: Shot, frame: int, lengths: Mapping[Path, float], rate: Fraction
) -> EditPoint:
    """A cut between two shots, and what their sources allow."""
    tail = after.dissolve_frames - after.lead_frames
    shown = before.source_frame + before.frames + tail
    more = 10**9
    if before.source in lengths:
        more = max(0, floor(Fraction(lengths[before.source]) * rate + Fraction(1, 1000)) - shown)
    return EditPoint(
        frame,
        frame - max(0, after.source_frame - after.lead_frames),
        frame + more,
        max(1, before.dissolve_frames - before.lead_frames + after.lead_frames),
        f"{after.source.name} has no more material before what is shown",
        f"{before.source.name} has no more material after what is shown",
    )


def _rolled(cuts: CutList, moves: Sequence[Move]) -> list[Shot]:
    starts = [0, *(move.after for move in moves)]
    ends = [*starts[1:], cuts.frames]
    return [
        replace(shot, source_frame=shot.source_frame + start - old, frames=end - start)
        for shot, old, start, end in zip(cuts.shots, cuts.starts, starts, ends, strict=False)
    ]
