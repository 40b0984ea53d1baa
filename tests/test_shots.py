"""The shots of whole films, to the frame, and breaks of a retiming that fall on them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import scene, write_pictures

from avsync.breaks import breaks_of, snap_breaks
from avsync.cache import TokenCache
from avsync.clips.digits import digits_of, seconds_of
from avsync.clips.film import find_shots, frame_grid
from avsync.clips.shots import ShotFinder
from avsync.errors import MediaError
from avsync.timemap import Piece, Span, TimeMap

RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001))


@pytest.mark.parametrize("rate", [*RATES, Fraction(60000, 1001)])
def test_cuts_are_found_to_the_frame(rate: Fraction, tmp_path: Path) -> None:
    cuts = [round(2.3 * rate), round(4.1 * rate)]
    frames = np.diff([0, *cuts, round(6 * rate)]).tolist()
    pictures = [p for n, count in enumerate(frames) for p in scene(n, count)]
    shots = find_shots(write_pictures(tmp_path / "film.mp4", pictures, rate=rate))
    assert shots.grid.rate == rate and shots.grid.times is None
    found = shots.grid.frames(np.array(shots.starts))
    assert found.tolist() == [0, *cuts]


def test_a_variable_rate_keeps_its_frame_times(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.choice([17, 33, 40, 67], 150)).tolist()
    times = [t - times[0] for t in times]
    pictures = scene(0, 70) + scene(1, 80)
    path = write_pictures(tmp_path / "film.mkv", pictures, times_ms=times)
    cache = TokenCache(tmp_path / "cache")
    shots = find_shots(path, cache=cache)
    assert shots.grid.times is not None
    assert np.abs(shots.grid.times * 1000 - times).max() < 0.01
    assert shots.changes == pytest.approx([times[70] / 1000], abs=1e-6)
    path.write_bytes(path.read_bytes())  # the same film: nothing is decoded
    again = find_shots(path, cache=cache, progress=lambda *_: pytest.fail("it was watched"))
    assert again.starts == shots.starts
    assert again.grid.times is not None and (again.grid.times == shots.grid.times).all()


def test_a_flash_is_no_cut(tmp_path: Path) -> None:
    pictures = scene(0, 80) + scene(1, 70)
    for n in (30, 31, 120):
        pictures[n] = (pictures[n] // 4 + 190).astype(np.uint8)
    shots = find_shots(write_pictures(tmp_path / "film.mp4", pictures))
    assert shots.changes == pytest.approx([80 / 25])


def test_a_flash_that_the_head_takes_for_a_cut_is_none() -> None:
    """The frames have the last word: what was there before is there again."""
    seen = {}
    for name, after in (("cut", scene(1, 40)), ("flash", [*scene(1, 3), *scene(0, 37)])):
        finder = ShotFinder(Fraction(25))
        for n, picture in enumerate(scene(0, 40) + after):
            finder.add(n / 25, picture)
        sure = np.zeros(80, np.float32)
        sure[40] = 0.9
        seen[name] = finder.starts(sure)
    assert seen == {"cut": [0.0, 1.6], "flash": [0.0]}


def test_a_film_of_one_picture_is_one_shot(tmp_path: Path) -> None:
    assert find_shots(write_pictures(tmp_path / "film.mp4", scene(0, 1))).starts == (0.0,)


def test_what_is_no_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(MediaError, match=r"film\.mp4"):
        find_shots(tmp_path / "film.mp4")
    with pytest.raises(FileNotFoundError):
        find_shots(tmp_path / "none.mp4")


def test_times_that_a_container_rounded_are_an_even_rate_again() -> None:
    rate = Fraction(24000, 1001)
    exact = 0.021 + np.arange(2000) * 1001 / 24000
    grid = frame_grid(np.round(exact, 3), rate, False)
    assert grid.times is None and abs(grid.start - 0.021) < 2e-4
    assert (grid.frames(np.round(exact, 3)) == np.arange(2000)).all()
    uneven = frame_grid(np.cumsum(np.linspace(0.03, 0.06, 99)), rate, False)
    assert uneven.times is not None


def test_digits_keep_a_time_to_the_microsecond_in_half_precision() -> None:
    times = np.array([0.0, 0.000001, 1.041667, 86399.999999])
    assert (seconds_of(digits_of(times).astype(np.float16).astype(np.float32)) == times).all()


def two_pieces(joint: float, before: float, after: float) -> TimeMap:
    return TimeMap(
        (
            Piece(Span(-np.inf, joint), Fraction(1), before),
            Piece(Span(joint - min(0.0, after - before), np.inf), Fraction(1), after),
        )
    )


def test_an_inserted_stretch_begins_and_ends_with_a_change_of_shot() -> None:
    cues = [Span(1, 2), Span(8, 10), Span(20, 22), Span(30, 31)]
    time_map = two_pieces(15.0, 1.0, 61.0)
    shots = [9.5, 13.44, 14.9, 16.2, 40.0, 73.45, 79.0, 95.0]  # 12.44 of the source fits both ends
    [found] = breaks_of(snap_breaks(time_map, cues, shots))
    assert found.target.start == pytest.approx(13.44)
    assert found.target.end == pytest.approx(73.44)
    assert found.source.duration == 0


def test_where_a_scene_was_taken_out_one_change_is_left() -> None:
    cues = [Span(8, 10), Span(40, 42)]
    time_map = two_pieces(12.0, 0.0, -25.0)
    [found] = breaks_of(snap_breaks(time_map, cues, [3.0, 13.4, 20.0]))
    assert found.target == Span(13.4, 13.4)
    assert found.source == Span(13.4, 38.4)


def test_of_several_changes_the_most_central_is_taken() -> None:
    cues = [Span(8, 10), Span(40, 42)]
    [found] = breaks_of(snap_breaks(two_pieces(12.0, 0.0, -25.0), cues, [10.4, 12.9, 14.6]))
    assert found.target.start == 12.9  # of 10 to 15


@settings(max_examples=200, deadline=None)
@given(
    shots=st.lists(st.floats(0, 60), max_size=12),
    shift=st.floats(-28, 28),
    joint=st.floats(10, 12),
)
def test_a_snapped_map_is_a_map_with_its_breaks_in_their_pauses(
    shots: list[float], shift: float, joint: float
) -> None:
    cues = [Span(2, 3), Span(8, 10), Span(40, 42), Span(50, 51)]
    snapped = snap_breaks(two_pieces(joint, 0.0, shift), cues, shots)
    assert len(snapped) == 2
    for cue in cues:
        moved = 0.0 if cue.start < 20 else shift
        assert snapped.map(cue.start) == pytest.approx(cue.start + moved)
        assert snapped.map(cue.end - 1e-6) == pytest.approx(cue.end + moved, abs=1e-5)


@pytest.mark.parametrize("shots", [[], [3.0, 50.0]])
def test_a_break_stays_where_the_shots_do_not_tell(shots: list[float]) -> None:
    cues = [Span(8, 10), Span(40, 42)]
    time_map = two_pieces(12.0, 0.0, -25.0)
    assert snap_breaks(time_map, cues, shots) == time_map


def test_other_light_is_no_other_shot() -> None:
    """A lamp goes on for good, and the camera moves by a pixel: the outlines are still there."""
    rng = np.random.default_rng(5)
    room = rng.integers(20, 120, (5, 9, 3)).repeat(8, axis=0).repeat(8, axis=1)[:37, :65]
    dark, lit = room[:36, :64], room[1:, 1:] * 2
    other = rng.integers(20, 240, (5, 9, 3)).repeat(8, axis=0).repeat(8, axis=1)[:36, :64]
    seen = {}
    for name, after in (("light", lit), ("cut", other)):
        finder = ShotFinder(Fraction(25))
        for n in range(80):
            finder.add(n / 25, (dark if n < 40 else after).astype(np.uint8))
        sure = np.zeros(80, np.float32)
        sure[40] = 0.8
        seen[name] = finder.starts(sure)
    assert seen == {"light": [0.0], "cut": [0.0, 1.6]}
