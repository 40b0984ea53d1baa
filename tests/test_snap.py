"""Which cuts are moved onto which beats: laws, and the best of all ways by brute force."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync.beats.grid import BeatGrid
from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.edits import EditPoint, Move, choose_moves
from avsync.snap import snap_cuts

RATES = [Fraction(n) for n in (24, 25, 30, 50, 60)]
RATES += [Fraction(n * 1000, 1001) for n in (24, 30, 60)]


def point(frame: int, earlier: int = 99, later: int = 99, least: int = 1) -> EditPoint:
    return EditPoint(
        frame, frame - earlier, frame + later, least, "no more before", "no more after"
    )


def chosen(points: list[EditPoint], beats: list[float], **options: float) -> tuple[Move, ...]:
    given: dict[str, float] = {"window": 0.25, "end": 10_000, **options}
    return choose_moves(points, beats, frame_rate=Fraction(25), **given)  # type: ignore[arg-type]


def test_a_cut_moves_to_the_nearest_frame_of_the_nearest_beat() -> None:
    (move,) = chosen([point(100)], [3.5, 3.89, 4.15, 4.6])
    assert move == Move(0, 100, 97, 3.89)  # 97.25 frames
    assert move.frames == -3


def test_a_cut_on_a_beat_counts_and_stays() -> None:
    (move,) = chosen([point(100)], [4.01])
    assert (move.after, move.beat, move.reason) == (100, 4.01, "")


@pytest.mark.parametrize("beat", [3.75, 4.25])
def test_the_window_includes_its_ends(beat: float) -> None:
    assert chosen([point(100)], [beat])[0].beat == beat
    (move,) = chosen([point(100)], [beat], window=0.24)
    assert (move.after, move.beat) == (100, None)
    assert move.reason == "no beat within 0.24 s"


def test_material_limits_a_move_and_is_named() -> None:
    (early,) = chosen([point(100, earlier=2)], [3.84])
    assert (early.after, early.reason) == (100, "no more before")
    (late,) = chosen([point(100, later=3)], [4.16])
    assert (late.after, late.reason) == (100, "no more after")
    (other,) = chosen([point(100, earlier=2)], [3.84, 4.2])  # the farther one it can reach
    assert (other.after, other.beat) == (105, 4.2)


def test_two_cuts_never_share_a_beat() -> None:
    first, second = chosen([point(98), point(103)], [4.0])
    assert [first.after, second.after] == [100, 103]  # the one that moves less
    assert "two cuts would meet" in second.reason


def test_more_cuts_on_beats_are_better_than_nearer_ones() -> None:
    # The first cut is nearest to 4.0, which is all that the second can reach.
    moves = chosen([point(99), point(103)], [3.8, 4.0])
    assert [move.after for move in moves] == [95, 100]


def test_a_shot_keeps_its_shortest_length_unless_it_was_shorter() -> None:
    short = chosen([point(95), point(105)], [4.0], minimum_shot=0.3)
    assert [move.after for move in short] == [95, 105]
    assert "shorter than 0.3 s" in short[0].reason
    assert chosen([point(95), point(103)], [4.2], minimum_shot=0.3)[1].after == 105
    flash = chosen([point(95), point(97)], [3.84, 3.88], minimum_shot=0.3)
    assert [move.after for move in flash] == [95, 97]  # it stays two frames long


def test_dissolves_keep_their_frames() -> None:
    moves = chosen([point(90), point(100, least=8)], [3.6, 3.88])
    assert [move.after for move in moves] == [90, 100]
    moves = chosen([point(90), point(100, least=7)], [3.6, 3.88])
    assert [move.after for move in moves] == [90, 97]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="order of time"):
        chosen([point(100), point(100)], [])
    with pytest.raises(ValueError, match="order of time"):
        chosen([point(100)], [], end=100)
    with pytest.raises(ValueError, match="0 s or more"):
        chosen([point(100)], [], window=-1)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[EditPoint], list[float], int]:
    gaps = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    frames = np.cumsum(gaps).tolist()
    points = [
        point(
            frame,
            draw(st.integers(0, 6)),
            draw(st.integers(0, 6)),
            draw(st.integers(1, 4)),
        )
        for frame in frames
    ]
    beats = draw(st.lists(st.integers(0, 50), max_size=6, unique=True))
    return points, sorted(beat / 25 + 0.004 for beat in beats), frames[-1] + draw(st.integers(1, 6))


@given(problems(), st.sampled_from([0.0, 0.08]))
def test_no_other_way_is_better(
    problem: tuple[list[EditPoint], list[float], int], minimum: float
) -> None:
    points, beats, end = problem
    moves = chosen(points, beats, window=0.12, end=end, minimum_shot=minimum)
    frames = [0, *(p.frame for p in points), end]
    needs = [*(p.least_frames for p in points), 1]
    least = [
        min(max(1, round(minimum * 25), need), b - a)
        for need, (a, b) in zip(needs, pairwise(frames), strict=True)
    ]
    places = []
    for p in points:
        near = [round(b * 25) for b in beats if abs(b - p.frame / 25) <= 0.12]
        allowed = {f for f in near if p.earliest <= f <= p.latest or f == p.frame}
        places.append([(f, True) for f in allowed] + [(p.frame, False)])

    def score(way: tuple[tuple[int, bool], ...]) -> tuple[int, int]:
        moved = sum(abs(f - p.frame) for (f, _), p in zip(way, points, strict=True))
        return sum(on for _, on in way), -moved

    best = max(
        score(way)
        for way in product(*places)
        if all(
            b - a >= need
            for need, (a, b) in zip(least, pairwise([0, *(f for f, _ in way), end]), strict=True)
        )
    )
    found = tuple((move.after, move.beat is not None) for move in moves)
    assert score(found) == best
    after = [0, *(move.after for move in moves), end]
    assert all(b - a >= need for need, (a, b) in zip(least, pairwise(after), strict=True))
    for move in moves:
        assert (move.beat is None) == bool(move.reason)
        assert move.beat is None or abs(move.after - move.beat * 25) <= 0.5


# --- cut lists -------------------------------------------------------------------------------


def cut_list(*shots: Shot, rate: Fraction = RATES[1], start: float = 0.0) -> CutList:
    return CutList(shots, rate, Soundtrack(Path("song.wav"), start))


A, B, C = Path("a.mp4"), Path("b.mp4"), Path("c.mp4")
ENOUGH = {A: 100.0, B: 100.0, C: 100.0}
GRID = BeatGrid.regular(120, duration=60)  # a beat every half second, a bar every two


def test_a_roll_edit_moves_one_cut_and_nothing_else() -> None:
    cuts = cut_list(Shot(A, 50, 52), Shot(B, 10, 48), Shot(C, 7, 30))
    snapped = snap_cuts(cuts, GRID, lengths=ENOUGH)
    assert snapped.cuts is not None
    assert snapped.cuts.shots == (Shot(A, 50, 50), Shot(B, 8, 50), Shot(C, 7, 30))
    assert snapped.cuts.frames == cuts.frames
    assert [(m.before, m.after, m.beat) for m in snapped.moves] == [(52, 50, 2.0), (100, 100, 4.0)]
    assert (snapped.on_beat, snapped.moved, snapped.offset) == (2, 1, 0.0)


def test_beats_lie_where_the_music_has_them() -> None:
    cuts = cut_list(Shot(A, 0, 50), Shot(B, 10, 50), start=0.12)
    assert snap_cuts(cuts, GRID, lengths=ENOUGH).moves[0].after == 47  # 1.88 s
    assert snap_cuts(cuts, GRID, lengths=ENOUGH, offset=0.2).moves[0].after == 55


def test_only_downbeats() -> None:
    cuts = cut_list(Shot(A, 0, 47), Shot(B, 10, 18), Shot(C, 10, 50))
    first, second = snap_cuts(cuts, GRID, to="downbeat", lengths=ENOUGH).moves
    assert (first.after, second.after) == (50, 65)
    assert second.reason == "no downbeat within 0.25 s"


def test_the_file_says_how_much_material_there_is() -> None:
    cuts = cut_list(Shot(A, 0, 48), Shot(B, 1, 54), Shot(C, 10, 50))
    first, second = snap_cuts(cuts, GRID, lengths={A: 1.95, B: 100.0, C: 100.0}).moves
    assert (first.after, first.reason) == (48, "a.mp4 has no more material after what is shown")
    assert second.after == 100
    cuts = cut_list(Shot(A, 0, 52), Shot(B, 1, 54))
    (move,) = snap_cuts(cuts, GRID, lengths=ENOUGH).moves
    assert (move.after, move.reason) == (52, "b.mp4 has no more material before what is shown")


def test_a_dissolve_needs_material_beyond_the_cut() -> None:
    cuts = cut_list(Shot(A, 0, 48), Shot(B, 20, 54, dissolve_frames=9))
    enough = (50 + 5) / 25
    assert snap_cuts(cuts, GRID, lengths={A: enough, B: 9.0}).moves[0].after == 50
    assert snap_cuts(cuts, GRID, lengths={A: enough - 0.04, B: 9.0}).moves[0].after == 48
    cuts = cut_list(Shot(A, 0, 52), Shot(B, 6, 54, dissolve_frames=9))
    assert snap_cuts(cuts, GRID, lengths=ENOUGH).moves[0].after == 50
    cuts = cut_list(Shot(A, 0, 52), Shot(B, 5, 54, dissolve_frames=9))
    assert snap_cuts(cuts, GRID, lengths=ENOUGH).moves[0].after == 52


def test_a_missing_source_is_taken_to_be_long_enough_and_noted(tmp_path: Path) -> None:
    cuts = cut_list(Shot(tmp_path / "a.mp4", 0, 48), Shot(tmp_path / "b.mp4", 10, 54))
    snapped = snap_cuts(cuts, GRID)
    assert snapped.moves[0].after == 50
    assert [note.split(" is not")[0] for note in snapped.notes] == [
        str(tmp_path / "a.mp4"),
        str(tmp_path / "b.mp4"),
    ]


def test_no_shots_and_one_shot_have_no_cuts() -> None:
    assert snap_cuts(CutList((), RATES[0]), GRID).moves == ()
    one = cut_list(Shot(A, 0, 9))
    assert snap_cuts(one, GRID, lengths=ENOUGH).cuts == one


def test_no_beats_leave_everything() -> None:
    cuts = cut_list(Shot(A, 0, 48), Shot(B, 10, 54))
    snapped = snap_cuts(cuts, BeatGrid(np.zeros(0), reason="silence"), lengths=ENOUGH)
    assert snapped.cuts == cuts
    assert snapped.moves[0].reason == "no beat within 0.25 s"


def test_an_unknown_kind_of_beat_is_refused() -> None:
    with pytest.raises(ValueError, match="'bar'"):
        snap_cuts(cut_list(Shot(A, 0, 9)), GRID, to="bar", lengths=ENOUGH)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 120), st.integers(0, 12)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(RATES),
    st.floats(60, 200),
    st.floats(-1, 1),
    st.floats(0, 0.5),
)
@settings(max_examples=200)
def test_snapping_keeps_length_sources_and_order(
    shots: list[tuple[int, int, int]], rate: Fraction, bpm: float, offset: float, window: float
) -> None:
    made = []
    for number, (start, frames, dissolve) in enumerate(shots):
        fits = min(dissolve, frames // 2, start, made[-1].frames // 2) if made else 0
        made.append(Shot(Path(f"{number}.mp4"), start, frames, fits))
    lengths = {shot.source: float((shot.source_frame + shot.frames + 9) / rate) for shot in made}
    cuts = CutList(tuple(made), rate)
    grid = BeatGrid.regular(bpm, duration=60)
    snapped = snap_cuts(cuts, grid, window=window, offset=offset, lengths=lengths)
    after = snapped.cuts
    assert after is not None
    assert after.frames == cuts.frames
    assert after.cuts == tuple(move.after for move in snapped.moves)
    for old, new, start, began in zip(
        cuts.shots, after.shots, cuts.starts, after.starts, strict=True
    ):
        assert (new.source, new.dissolve_frames) == (old.source, old.dissolve_frames)
        assert new.source_frame - old.source_frame == began - start  # everything stays in place
        assert new.source_frame >= new.lead_frames
        assert new.frames >= min(old.frames, math.ceil(Fraction("0.2") * rate))
        end = float((new.source_frame + new.frames) / rate)
        assert end <= max(lengths[new.source] + 1e-6, float((old.source_frame + old.frames) / rate))
    half = 0.5 / float(rate) + 1e-9
    beats = grid.beats + offset
    for move in snapped.moves:
        if move.beat is None:
            assert move.after == move.before
        else:
            assert move.beat in beats
            assert abs(float(move.after / rate) - move.beat) <= half
            assert abs(float(move.before / rate) - move.beat) <= window + 1e-6
