"""Planning a montage: cuts on beats, moments that are fit to be shown, none of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from montages import make_clip, make_clips

from avsync.aligner.picture import PictureModel
from avsync.beats.grid import BeatGrid
from avsync.clips.clip import Clip
from avsync.cutlist import CutList
from avsync.errors import AlignmentError, LowConfidence, MediaError
from avsync.montage import Filters, MontagePlan, Weights, plan, plan_montage
from avsync.montage.assignment import FORBIDDEN, assign
from avsync.montage.moments import MOMENT, TRIM_FRAMES, Stretch
from avsync.montage.pacing import Every
from avsync.montage.packing import pack
from avsync.montage.sequence import lay_in_order
from avsync.timemap import FRAME_RATES
from avsync.tokens import TokenSequence

GRID = BeatGrid.regular(120, duration=32.0)  # a beat every 0.5 s, a bar every 2 s
CLIPS = make_clips(12)
UNHEARD = "no song is known"  # these grids have no song, so that is noted in every plan


def cut_times(made: MontagePlan) -> list[float]:
    """Seconds of the song at which shots begin, exactly."""
    return [slot.span.start for slot in made.slots]


def lengths_in_beats(made: MontagePlan, period: float = 0.5) -> list[float]:
    return [round(slot.span.duration / period, 3) for slot in made.slots]


def used(cuts: CutList) -> dict[Path, list[tuple[int, int]]]:
    """The source frames that each clip's shots show, in order, with the dissolves' handles."""
    spans: dict[Path, list[tuple[int, int]]] = {}
    coming = [*(shot.dissolve_frames for shot in cuts.shots[1:]), 0]
    for shot, after in zip(cuts.shots, coming, strict=True):
        first, end = shot.source_frame - shot.lead_frames, shot.source_frame + shot.frames
        spans.setdefault(shot.source, []).append((first, end + after - after // 2))
    return {path: sorted(found) for path, found in spans.items()}


def assert_sound(made: MontagePlan, clips: Sequence[Clip], *, across: bool = False) -> None:
    """No moment twice, none outside its clip, and none over a change of shot."""
    by_path = {clip.path: clip for clip in clips}
    for path, spans in used(made.cuts).items():
        assert all(left[1] <= right[0] for left, right in pairwise(spans))
        clip, rate = by_path[path], made.cuts.frame_rate
        assert spans[0][0] >= 0 and spans[-1][1] <= clip.duration * rate + Fraction(1, 1000)
        for change in [] if across else [shot.start for shot in clip.shots[1:]]:
            trim = TRIM_FRAMES / clip.frame_rate - Fraction(1, 1000)
            for first, end in spans:
                assert end / rate <= change - trim or first / rate >= change + trim


# Where to cut


@pytest.mark.parametrize(
    ("value", "unit", "count"),
    [
        ("beat", "beats", 1),
        (2, "beats", 2),
        ("4", "beats", 4),
        ("2 Beats", "beats", 2),
        ("bar", "bars", 1),
        ("16bars", "bars", 16),
        ("phrase", "phrase", 1),
        ("energy", "energy", 1),
        ("drops", "drops", 1),
        ("onset", "onsets", 1),
    ],
)
def test_a_rule_is_read_from_words(value: int | str, unit: str, count: int) -> None:
    assert Every.parse(value) == Every(unit, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "0", 0, -1, "0 bars", "often", "1.5 beats", "bar 2"])
def test_words_that_are_no_rule_are_refused(value: int | str) -> None:
    with pytest.raises(ValueError, match="cannot cut every"):
        Every.parse(value)


@pytest.mark.parametrize(
    ("every", "beats"),
    [("beat", 1), (2, 2), (3, 3), ("bar", 4), ("2 bars", 8), ("4 bars", 16), ("phrase", 32)],
)
def test_cuts_come_at_the_pace_asked_for(every: int | str, beats: int) -> None:
    made = plan(make_clips(40, 20.0), GRID, every=every)
    expected = np.arange(0, 32, beats * 0.5)
    assert cut_times(made) == pytest.approx(expected.tolist())


def test_two_beats_count_from_the_bar_and_not_from_the_pickup() -> None:
    positions = np.tile([4, 1, 2, 3], 16)
    grid = replace(GRID, positions=positions)
    made = plan(CLIPS, grid, every=2)
    assert all(slot.beat.split(".")[1] in ("1", "3") for slot in made.slots[1:])


def test_phrases_begin_anew_with_a_drop() -> None:
    grid = replace(GRID, drops=np.array([6.0]))
    made = plan(make_clips(4, 30.0), grid, every="phrase")
    assert cut_times(made) == pytest.approx([0.0, 6.0, 22.0])


def test_a_pattern_is_repeated() -> None:
    made = plan(CLIPS, GRID, pattern=(4, 4, 2, 1, 1), length=18.0)
    assert lengths_in_beats(made) == [4, 4, 2, 1, 1] * 3


def test_louder_music_is_cut_faster() -> None:
    energy = np.repeat([-30.0, -15.0, 0.0], [20, 20, 24])
    made = plan(CLIPS, replace(GRID, energy=energy), every="energy")
    beats = np.array(cut_times(made)) / 0.5
    for low, high, pace in ((0, 20, 4), (20, 40, 2), (40, 63, 1)):
        inside = [length for at, length in zip(beats, lengths_in_beats(made), strict=True)
                  if low <= at < high]  # fmt: skip
        assert set(inside) == {pace}
    assert made.report.notes == (made.report.notes[-1],) and UNHEARD in made.report.notes[0]


def test_music_of_one_loudness_is_cut_at_one_pace_and_that_is_said() -> None:
    made = plan(CLIPS, GRID, every="energy")
    assert set(lengths_in_beats(made)) == {2}
    assert "equally loud" in made.report.notes[0]


def test_paces_of_energy_can_be_chosen() -> None:
    energy = np.repeat([-30.0, 0.0], [32, 32])
    made = plan(CLIPS, replace(GRID, energy=energy), every="energy", energy_beats=(8, 4))
    assert lengths_in_beats(made) == [8] * 4 + [4] * 8


def test_cuts_fall_on_drops_and_on_onsets() -> None:
    accents = np.array([1.13, 1.2, 3.77, 5.02, 9.4])
    grid = replace(
        GRID,
        drops=np.array([4.0, 8.0]),
        accent_times=accents,
        accent_strengths=np.array([0.2, 0.9, 0.5, 0.5, 0.5]),
    )
    assert cut_times(plan(CLIPS, grid, every="drops", length=12.0)) == [0.0, 4.0, 8.0]
    # Of the two that lie closer than half a beat, the stronger one.
    onsets = plan(CLIPS, grid, every="onsets", length=12.0)
    assert cut_times(onsets) == [0.0, 1.2, 3.77, 5.02, 9.4]
    with pytest.raises(AlignmentError, match="no drops are known"):
        plan(CLIPS, GRID, every="drops")


def test_given_times_move_to_the_nearest_beat() -> None:
    made = plan(CLIPS, GRID, times=[2.2, 4.9, 5.05, 9.3, 27.0], length=12.0)
    assert cut_times(made) == [0.0, 2.0, 5.0, 9.5]
    assert any("27.00" in note for note in made.report.notes)
    assert any("1 cuts asked for fall on the beat of another" in n for n in made.report.notes)


def test_what_comes_before_the_first_beat_belongs_to_the_first_shot() -> None:
    grid = BeatGrid.regular(120, duration=10.0, start=0.3)
    made = plan(CLIPS, grid, every="beat")
    assert made.slots[0].span.start == 0.0
    assert made.slots[0].span.end == pytest.approx(0.8)
    assert made.slots[-1].span.end == 10.0


def test_a_long_introduction_is_a_shot_of_its_own() -> None:
    grid = BeatGrid.regular(120, duration=20.0, start=5.0)
    assert cut_times(plan(CLIPS, grid, every="bar"))[:3] == pytest.approx([0.0, 5.0, 7.0])


def test_no_shot_is_a_flash_because_the_range_ends_just_after_a_beat() -> None:
    made = plan(CLIPS, GRID, every="beat", length=5.1)
    assert made.slots[-1].span.duration == pytest.approx(0.6)


def test_the_shortest_shot_merges_on_the_weightier_beats() -> None:
    grid = BeatGrid.regular(120, duration=16.0, start=0.5)
    made = plan(CLIPS, grid, every="beat", min_shot=0.9)
    assert all(slot.beat.split(".")[1] in ("1", "3") for slot in made.slots[1:])
    assert min(slot.span.duration for slot in made.slots) >= 0.9


def test_the_longest_shot_is_divided_on_beats() -> None:
    made = plan(make_clips(20), GRID, every="4 bars", max_shot=5.0)
    assert lengths_in_beats(made) == [8] * 8
    made = plan(make_clips(20), GRID, every="4 bars", max_shot=3.5)
    assert lengths_in_beats(made) == [4] * 16  # and not 5, 6, 5
    made = plan(make_clips(20), GRID, every="4 bars", max_shot=1.7)
    assert lengths_in_beats(made) == [2] * 32
    grid = BeatGrid.regular(120, duration=40.0, start=12.0)
    made = plan(make_clips(20), grid, every="bar", max_shot=3.0)
    assert max(slot.span.duration for slot in made.slots) <= 3.0
    assert any("no beat is heard" in note for note in made.report.notes)


def test_limits_that_no_beat_can_satisfy_are_spoken_of() -> None:
    grid = BeatGrid.regular(60, duration=30.0)
    made = plan(make_clips(20), grid, every="bar", min_shot=1.5, max_shot=1.8)
    assert any("no beats allow shots of 1.5 to 1.8 s" in note for note in made.report.notes)
    made = plan(CLIPS, GRID, times=[4.0, 4.5, 9.0], min_shot=1.0, length=12.0)
    assert any("left out because" in note for note in made.report.notes)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from(FRAME_RATES),
    bpm=st.floats(55, 215),
    start=st.floats(0, 7),
    length=st.floats(2, 20),
    every=st.sampled_from(["beat", 2, "bar", "2 bars", "energy"]),
    limits=st.sampled_from([(None, None), (0.7, None), (None, 2.5), (0.4, 4.0)]),
)
def test_every_cut_is_within_half_a_frame_of_its_beat(
    rate: Fraction,
    bpm: float,
    start: float,
    length: float,
    every: int | str,
    limits: tuple[float | None, float | None],
) -> None:
    grid = BeatGrid.regular(bpm, duration=30.0, start=0.2)
    made = plan(
        make_clips(8, 30.0),
        grid,
        every=every,
        start=start,
        length=length,
        min_shot=limits[0],
        max_shot=limits[1],
        frame_rate=rate,
    )
    assert made.cuts.frames == round((Fraction(start + length) - Fraction(start)) * rate)
    for cut in made.cuts.cuts:
        nearest = np.abs(grid.beats - start - made.cuts.seconds(cut)).min()
        assert nearest <= 0.5 / float(rate) + 1e-9
    assert_sound(made, made.clips)
    short = min(slot.span.duration for slot in made.slots)
    assert len(made.slots) == 1 or short >= (limits[0] or 0) - 1e-6


def test_no_drift_over_ten_minutes() -> None:
    rate = Fraction(24000, 1001)
    grid = BeatGrid.regular(127.3, duration=600.0)
    made = plan(make_clips(30, 40.0), grid, every="bar", frame_rate=rate, order="sequential")
    exact = np.array(cut_times(made)[1:]) * float(rate)
    assert np.abs(exact - made.cuts.cuts).max() <= 0.5


# The timeline


def test_the_frame_rate_is_that_of_most_clips_and_a_standard_one() -> None:
    odd = make_clip("vfr.mp4", frame_rate=Fraction(29877, 1000))
    clips = [*CLIPS[:2], odd, replace(odd, path=Path("x.mp4")), replace(odd, path=Path("y.mp4"))]
    assert plan(clips, GRID, length=8.0).cuts.frame_rate == Fraction(30000, 1001)
    assert plan(clips, GRID, length=8.0, frame_rate=Fraction(50)).cuts.frame_rate == 50


def test_music_markers_and_fades_are_those_of_the_range() -> None:
    grid = replace(GRID, path=Path("song.mp3"))
    weights = Weights(match=0)
    cuts = plan_montage(
        CLIPS, grid, start=3.0, end=9.0, fade_in=0.5, fade_out=1.0, weights=weights, name="trip"
    )
    assert cuts.music is not None and cuts.music.path == Path("song.mp3")
    assert (cuts.music.start, cuts.music.fade_in, cuts.music.fade_out) == (3.0, 0.5, 1.0)
    assert [marker.name for marker in cuts.markers[:4]] == ["2.3", "2.4", "3.1", "3.2"]
    assert cuts.markers[0].time == 0.0 and cuts.markers[-1].time == 5.5
    assert cuts.name == "trip" and cuts.duration == 6.0


def test_dissolves_have_handles_on_both_sides() -> None:
    clips = make_clips(12, 10.0, changes=(4.0,))
    made = plan(clips, GRID, every="bar", dissolve=0.4)
    assert {shot.dissolve_frames for shot in made.cuts.shots[1:]} == {10}
    assert made.cuts.shots[0].dissolve_frames == 0
    assert_sound(made, clips)
    in_beats = plan(clips, GRID, every="bar", dissolve_beats=1)
    assert {shot.dissolve_frames for shot in in_beats.cuts.shots[1:]} == {12}


def test_dissolves_are_as_long_as_the_footage_allows() -> None:
    clips = make_clips(16, 2.0)  # exactly the slots' length: not one frame to spare
    made = plan(clips, GRID, every="bar", dissolve=0.4)
    assert max(shot.dissolve_frames for shot in made.cuts.shots) <= 1
    assert any("dissolves are shorter" in note for note in made.report.notes)
    assert_sound(made, clips)
    short = plan(make_clips(12), GRID, every="beat", dissolve=2.0, length=8.0)
    pairs = pairwise(short.cuts.shots)
    assert all(b.dissolve_frames <= min(a.frames, b.frames) for a, b in pairs)


# What is shown


def test_shots_stay_within_shots_unless_told() -> None:
    clips = make_clips(12, 6.0, changes=(1.0, 2.5, 4.2))
    made = plan(clips, GRID, every="beat", length=16.0)
    assert_sound(made, clips)
    with pytest.raises(AlignmentError, match=r"longer than every shot.*across_shots"):
        plan(clips, GRID, every="2 bars")
    across = plan(clips, GRID, every="2 bars", across_shots=True)
    assert_sound(across, clips, across=True)


@pytest.mark.parametrize(
    ("measure", "bad", "filters", "reason"),
    [
        ("exposure", 0.01, Filters(), "too dark"),
        ("exposure", 0.99, Filters(), "blown out"),
        ("sharpness", 0.1, Filters(min_sharpness=0.3), "blurred"),
        ("motion", 0.0, Filters(min_motion=0.01), "too still"),
        ("motion", 9.0, Filters(max_motion=3.0), "too shaky"),
        ("faces", 0.0, Filters(min_faces=0.05), "without a face"),
    ],
)
def test_filters_reject_moments_and_count_them(
    measure: str, bad: float, filters: Filters, reason: str
) -> None:
    good: dict[str, Any] = {"exposure": 0.45, "sharpness": 0.8, "motion": 0.3, "faces": 0.2}
    track = np.full(250, good[measure])
    track[100:150] = bad  # 4 to 6 s: four moments of half a second
    clips = [make_clip(f"{k}.mp4", **(good | {measure: track})) for k in range(4)]
    made = plan(clips, GRID, every="bar", length=16.0, filters=filters)
    rejection = made.report.rejections[0]
    assert (rejection.reason, rejection.moments, rejection.seconds) == (reason, 16, 8.0)
    assert all(c.moment.end <= 4.0 or c.moment.start >= 6.0 for c in made.choices)
    assert made.report.moments == 4 * 10 / MOMENT
    free = plan(clips, GRID, every="bar", length=16.0, filters=Filters.none())
    assert not free.report.rejections


def test_faces_nobody_looked_for_are_not_missed_and_that_is_said() -> None:
    made = plan(CLIPS, GRID, filters=Filters(min_faces=0.1))
    assert any("no faces were looked for" in note for note in made.report.notes)


def test_loud_music_gets_the_motion() -> None:
    energy = np.where(np.arange(64) % 8 < 4, -20.0, 0.0)
    clips = [make_clip(f"{k}.mp4", motion=0.1 + 0.1 * k, seed=k) for k in range(16)]
    made = plan(clips, replace(GRID, energy=energy), every="bar")
    motion = {clip.path: float(clip.motion[0]) for clip in clips}
    moving = np.array([motion[choice.clip] for choice in made.choices])
    loud = np.array([slot.energy for slot in made.slots]) > -10
    assert moving[loud].min() > moving[~loud].max()


def test_the_better_picture_is_preferred() -> None:
    clips = [make_clip(f"{k}.mp4", sharpness=k / 40, motion=0.3) for k in range(40)]
    made = plan(clips, GRID, every="bar")
    assert {choice.clip for choice in made.choices} == {clip.path for clip in clips[-16:]}
    assert all(choice.reasons.quality > 0.7 for choice in made.choices)


def test_clips_are_used_evenly_and_never_twice_in_a_row() -> None:
    clips = make_clips(5, 30.0)
    made = plan(clips, GRID, every="beat")
    uses = [sum(choice.clip == clip.path for choice in made.choices) for clip in clips]
    assert max(uses) - min(uses) <= 4
    assert all(a.clip != b.clip for a, b in pairwise(made.choices))
    assert made.report.clips_shown == 5


@pytest.mark.parametrize("order", ["match", "sequential", "shuffled"])
def test_the_same_request_gives_the_same_plan(order: str) -> None:
    def cuts(seed: int) -> CutList:
        return plan_montage(CLIPS, GRID, every=2, order=order, seed=seed)  # type: ignore[arg-type]

    assert cuts(3) == cuts(3)
    assert (cuts(3) == cuts(4)) == (order != "shuffled")


def test_sequential_takes_clips_and_times_in_the_given_order() -> None:
    clips = make_clips(5, 12.0, changes=(5.0,))[::-1]
    made = plan(clips, GRID, every="beat", order="sequential")
    number = {clip.path: k for k, clip in enumerate(clips)}
    at = [(number[choice.clip], choice.moment.start) for choice in made.choices]
    assert at == sorted(at)
    uses = np.bincount([clip for clip, _ in at])
    assert uses.max() - uses.min() <= 1
    assert_sound(made, clips)


def test_sequential_shows_every_clip_when_there_are_as_many_as_slots() -> None:
    clips = make_clips(16, 5.0)
    made = plan(clips, GRID, every="bar", order="sequential")
    assert [choice.clip for choice in made.choices] == [clip.path for clip in clips]


@pytest.mark.parametrize("order", ["match", "sequential", "shuffled"])
def test_footage_that_just_suffices_is_enough(order: str) -> None:
    clips = make_clips(4, 8.0)
    made = plan(clips, GRID, every="bar", order=order)  # type: ignore[arg-type]
    assert_sound(made, clips)
    assert sum(b - a for spans in used(made.cuts).values() for a, b in spans) == 4 * 200


@pytest.mark.parametrize("order", ["match", "sequential", "shuffled"])
def test_moments_come_again_only_when_allowed(order: str) -> None:
    clips = make_clips(3, 4.0)
    with pytest.raises(AlignmentError, match=r"room for 6 of 16 slots.*24 moments.*repeat"):
        plan(clips, GRID, every="bar", order=order)  # type: ignore[arg-type]
    made = plan(clips, GRID, every="bar", order=order, repeat=True)  # type: ignore[arg-type]
    assert len(made.cuts.shots) == 16
    assert made.report.clips_shown == 3
    if order != "sequential":
        assert all(a.clip != b.clip for a, b in pairwise(made.choices))


def test_what_cannot_be_filled_is_told_in_numbers_with_remedies() -> None:
    dark = np.full(250, 0.45)
    dark[:200] = 0.0
    clips = [make_clip(f"{k}.mp4", exposure=dark) for k in range(3)]
    with pytest.raises(AlignmentError) as more:
        plan(clips, GRID, every="bar")
    text = str(more.value)
    assert "room for 3 of 16 slots" in text
    assert "60 moments" in text and "48 too dark" in text and "relax min_exposure" in text
    with pytest.raises(AlignmentError) as longer:
        plan(clips, GRID, every="4 bars")
    text = str(longer.value)
    assert "4 slots of 4 are longer than every shot" in text and "2.00 s" in text
    with pytest.raises(AlignmentError, match="longer than every shot"):
        plan(clips, GRID, every="4 bars", repeat=True, order="sequential")


def test_every_moment_rejected_is_an_answer_too() -> None:
    clips = [make_clip(exposure=0.0)]
    with pytest.raises(AlignmentError, match="20 too dark"):
        plan(clips, GRID)


# Bad input


def test_no_beats_or_doubtful_ones_are_refused() -> None:
    silent = BeatGrid(np.zeros(0), duration=10.0, reason="the recording is silent")
    for force in (False, True):
        with pytest.raises(LowConfidence, match="the recording is silent"):
            plan(CLIPS, silent, force=force)
    doubtful = replace(GRID, confidence=0.1, reason="rubato")
    with pytest.raises(LowConfidence, match=r"rubato.*0\.10"):
        plan(CLIPS, doubtful)
    assert plan(CLIPS, doubtful, force=True).cuts.shots
    with pytest.raises(AlignmentError, match="no beat between"):
        plan(CLIPS, BeatGrid.regular(120, duration=60.0, start=20.0), end=10.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": "often"}, "cannot cut every"),
        ({"pattern": (4, 0)}, "1 or more"),
        ({"pattern": (4,), "times": (1.0,)}, "not by both"),
        ({"times": (float("nan"),)}, "finite"),
        ({"times": (5.0, 3.0, 3.0)}, "3 s comes after 5 s"),
        ({"times": (3.0, 3.0)}, "none of them twice"),
        ({"times": (3.0, 5000.0)}, "32 s long; got 5000 s"),
        ({"times": (-1.0, 3.0)}, "32 s long; got -1 s"),
        ({"min_shot": 3.0, "max_shot": 2.0}, "longer than the longest"),
        ({"min_shot": -1.0}, "positive"),
        ({"start": 40.0}, "nothing of the song"),
        ({"start": -1.0}, "no part of a song"),
        ({"end": 8.0, "length": 3.0}, "not both"),
        ({"length": 0.0}, "no part of a song"),
        ({"length": 0.001, "start": 1.9995}, "shorter than one frame"),
        ({"fade_in": 20.0, "fade_out": 20.0}, "do not fit"),
        ({"fade_in": -1.0}, "do not fit"),
        ({"dissolve": 1.0, "dissolve_beats": 1.0}, "not both"),
        ({"dissolve": -1.0}, "dissolve"),
        ({"frame_rate": Fraction(0)}, "frames per second"),
        ({"order": "random"}, "order is one of"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(CLIPS, GRID, **options)  # type: ignore[arg-type]


def test_values_say_what_is_wrong_with_them() -> None:
    with pytest.raises(ValueError, match="max_motion"):
        Filters(max_motion=float("nan"))
    with pytest.raises(ValueError, match=r"0\.97 or more and 0\.96 or less.*max_exposure"):
        Filters(min_exposure=0.97)
    with pytest.raises(ValueError, match="weight of match"):
        Weights(match=-1)
    with pytest.raises(ValueError, match="no clips"):
        plan([], GRID)


def test_a_clip_given_twice_counts_once() -> None:
    made = plan([*CLIPS, CLIPS[0]], GRID)
    assert made.report.clips == len(CLIPS)
    assert [skip.path for skip in made.report.skipped] == [CLIPS[0].path]


def test_unusable_files_are_skipped_or_an_error_when_strict(tmp_path: Path) -> None:
    model = PictureModel().eval()
    broken, empty = tmp_path / "broken.mp4", tmp_path / "empty.mp4"
    broken.write_bytes(b"\0" * 5000)
    empty.touch()
    given: list[Clip | Path] = [*CLIPS, broken, empty]
    made = plan(given, GRID, model=model)
    assert [skip.path.name for skip in made.report.skipped] == ["broken.mp4", "empty.mp4"]
    assert all(skip.reason for skip in made.report.skipped)
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        plan(given, GRID, model=model, strict=True)
    with pytest.raises(MediaError, match=r"broken\.mp4: .*nor can the other 1 be used") as failed:
        plan([broken, empty], GRID, model=model)
    assert [note for note in failed.value.__notes__ if f"{empty}: left out" in note]
    with pytest.raises(AlignmentError, match="more slots than moments") as failed:
        plan([CLIPS[0], broken], GRID, model=model, every="beat")
    assert [note for note in failed.value.__notes__ if f"{broken}: left out" in note]
    with pytest.raises(FileNotFoundError):  # a slip in a name is no broken clip
        plan([*CLIPS, tmp_path / "missing.mp4"], GRID, model=model)


def attending() -> tuple[PictureModel, TokenSequence]:
    """A model that attends to likeness in the first dimensions of its tokens, and a song's."""
    model = PictureModel().eval()
    with torch.no_grad():
        for projection in (model.lag.query, model.lag.key):
            projection.weight.copy_(torch.eye(*projection.weight.shape))
    chance = np.random.default_rng(9)
    audio = chance.normal(size=(800, model.lag.query.in_features)).astype(np.float32)
    return model, TokenSequence(audio, 25)


def test_attention_puts_a_movement_on_its_accent() -> None:
    model, song = attending()
    dim = model.lag.key.in_features
    shared = min(dim, song.dim, model.lag.key.out_features)
    clips, begin = [], 37  # token of each clip at which one slot of the song is seen
    for number in range(16):
        clip = make_clip(f"{number}.mp4", 6.0, seed=number, dim=dim, motion=0.3)
        values = clip.tokens.values.copy()
        values[begin : begin + 50, :shared] = song.values[number * 50 :, :shared][:50]
        clips.append(replace(clip, tokens=TokenSequence(values, 25)))
    clips = clips[::-1]
    made = plan(clips, GRID, every="bar", model=model, song=song)
    assert not made.report.notes
    assert [choice.clip.stem for choice in made.choices] == [str(k) for k in range(16)]
    assert all(choice.moment.start == begin / 25 for choice in made.choices)
    assert min(choice.reasons.match for choice in made.choices) > 3
    blind = plan(clips, GRID, every="bar", model=model, song=song, weights=Weights(match=0))
    assert [c.clip for c in blind.choices] != [c.clip for c in made.choices]


def test_two_clips_take_turns() -> None:
    made = plan(make_clips(2, 30.0), GRID, every="beat", length=18.0)
    assert all(a.clip != b.clip for a, b in pairwise(made.choices))


# Packing, assignment, order


@settings(max_examples=100, deadline=None)
@given(
    rooms=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    needs=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    rounds=st.integers(1, 4),
    repeat=st.booleans(),
)
def test_pieces_are_disjoint_and_enough(
    rooms: list[int], needs: list[int], rounds: int, repeat: bool
) -> None:
    stretches = [Stretch(k // 2, 1000 * k, 1000 * k + room) for k, room in enumerate(rooms)]
    for packing in (
        pack(stretches, needs, rounds=rounds, repeat=repeat),
        lay_in_order(stretches, needs, repeat=repeat),
    ):
        pieces = packing.pieces
        if pieces is None:
            assert packing.packed < len(needs)
            assert not repeat or max(needs) > max(rooms)
            continue
        for some in (pieces, pieces.among(np.arange(len(pieces)), stretches)):
            for layer in np.unique(some.layer):
                mine = np.flatnonzero(some.layer == layer)
                order = mine[np.argsort(some.first[mine])]
                assert (some.end[order[:-1]] <= some.first[order[1:]]).all()
            bounds = [(stretches[k].first, stretches[k].end) for k in some.stretch]
            inside = zip(some.first, some.end, bounds, strict=True)
            assert all(low <= a < b <= high for a, b, (low, high) in inside)
        # Longest first, each slot finds a piece of its own.
        lengths = sorted((pieces.end - pieces.first).tolist(), reverse=True)
        assert all(a >= b for a, b in zip(lengths, sorted(needs, reverse=True), strict=False))
        assert len(lengths) >= len(needs)


@settings(max_examples=60, deadline=None)
@given(
    rooms=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    needs=st.lists(st.integers(1, 8), min_size=1, max_size=6),
)
def test_order_is_kept_whenever_it_can_be(rooms: list[int], needs: list[int]) -> None:
    stretches = [Stretch(k, 100 * k, 100 * k + room) for k, room in enumerate(rooms)]
    left, place = list(rooms), 0  # as early as possible: fits if anything does
    for need in needs:
        while place < len(left) and left[place] < need:
            place += 1
        if place < len(left):
            left[place] -= need
    pieces = lay_in_order(stretches, needs).pieces
    assert (pieces is not None) == (place < len(left))
    if pieces is not None:
        assert (pieces.first[1:] >= pieces.end[:-1]).all()
        assert (pieces.end - pieces.first).tolist() == needs


def test_the_assignment_is_the_best_of_all() -> None:
    chance = np.random.default_rng(5)
    for _ in range(10):
        scores = chance.normal(size=(4, 6)).astype(np.float32)
        scores[0, 2] = FORBIDDEN
        clip = np.arange(6)  # all from different clips: nothing but the scores counts
        chosen = assign(scores, clip, spread=0.0)
        best = max(
            sum(scores[slot, piece] for slot, piece in enumerate(some))
            for some in permutations(range(6), 4)
        )
        assert scores[np.arange(4), chosen].sum() == pytest.approx(best, abs=1e-3)
        assert len(set(chosen.tolist())) == 4


def test_neighbours_differ_where_scores_alone_would_repeat_a_clip() -> None:
    clip = np.array([0, 0, 0, 1, 1, 1])
    scores = np.where(clip == 0, 2.0, 0.0) + np.zeros((3, 6))
    chosen = assign(scores.astype(np.float32), clip, spread=1.0)
    assert clip[chosen].tolist() == [0, 1, 0]
