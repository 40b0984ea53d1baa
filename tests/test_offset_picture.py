"""Sound against picture: talkers drawn here, whose sound is as late as they were made."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from drawn_faces import write_talker
from hypothesis import given
from hypothesis import strategies as st

from avsync import MediaError, TokenCache, find_offset
from avsync.offset.evidence import STEP_S, Verdict, Window, confidence, pool, weigh
from avsync.offset.picture import _covered, _stretches
from avsync.offset.result import FRAME_S, Offset

LAGS = 101
FloatArray = npt.NDArray[np.float32]
TEMPERATURES = np.array([1.0, 2.0], np.float32)


def bump(lag: int, height: float = 6.0) -> FloatArray:
    off = np.arange(LAGS) - LAGS // 2 - lag
    return (height * np.exp(-0.5 * (off / 2) ** 2)).astype(np.float32)


def windows(lags: list[int], height: float = 6.0, kind: str = "faces") -> list[Window]:
    return [window(bump(lag, height), kind, 4.0 * n) for n, lag in enumerate(lags)]


def window(logits: FloatArray, kind: str = "faces", start: float = 0.0) -> Window:
    """Four seconds of 25 tokens each."""
    return Window(kind, start, start + 4, logits, logits / 100)


@given(lag=st.integers(-40, 40))
def test_the_best_lag_is_told_in_seconds_with_its_sign(lag: int) -> None:
    found = weigh(windows([lag] * 5), TEMPERATURES)
    assert found is not None
    assert found.offset_s == pytest.approx(lag * STEP_S, abs=1e-6)
    assert found.log_odds > 5


def test_many_weak_windows_make_one_sure_answer() -> None:
    odds = []
    for count in (1, 10, 100):
        found = weigh(windows([7] * count, height=1.5), TEMPERATURES)
        assert found is not None
        odds.append(found.log_odds)
    assert odds[0] < 0 < odds[1] < odds[2]


def test_a_face_that_listens_does_not_outvote_one_that_talks() -> None:
    rng = np.random.default_rng(0)
    listens = [window(rng.normal(0, 1, LAGS).astype(np.float32)) for _ in range(6)]
    found = weigh(windows([-12] * 6) + listens, TEMPERATURES)
    assert found is not None
    assert found.offset_s == pytest.approx(-12 * STEP_S, abs=0.01)


def test_between_steps_the_top_is_found() -> None:
    off = np.arange(LAGS) - LAGS // 2 - 3.4
    logits = (-0.02 * (off / 2) ** 2).astype(np.float32)
    found = weigh([window(logits)], TEMPERATURES)
    assert found is not None
    assert found.offset_s == pytest.approx(3.4 * STEP_S, abs=1e-3)


def test_match_is_what_a_token_of_the_face_says() -> None:
    both = [*windows([5] * 3), *windows([5] * 3, height=50.0, kind="motion")]
    found = weigh(both, np.array([2.0, 1.0], np.float32))
    assert found is not None
    assert found.kind == "faces"
    assert found.match == pytest.approx(6.0 / 100, rel=1e-3)
    assert found.offset_s == pytest.approx(5 * STEP_S, abs=1e-6)


def test_confidence_rises_with_the_odds_and_the_match() -> None:
    calibration = np.array([[0.5, 4.0, 2.0], [0.5, 4.0, 5.0]], np.float32)

    def verdict(odds: float, match: float = 0.25, kind: str = "faces") -> float:
        return confidence(Verdict(0.0, odds, match, kind), calibration)

    sure = [verdict(odds) for odds in (-50.0, 0.0, 2.0, 9.0, 700.0)]
    assert sure == sorted(sure)
    assert sure[2] == pytest.approx(0.5)
    assert 0 <= sure[0] < 1e-6
    assert 1 - 1e-6 < sure[-1] <= 1
    assert verdict(2.0, 0.5) > sure[2] + 0.1
    assert verdict(2.0, kind="motion") < sure[2] - 0.1


def test_no_windows_say_nothing() -> None:
    assert pool([], TEMPERATURES) is None
    assert weigh([], TEMPERATURES) is None
    flat = window(np.zeros(LAGS, np.float32))
    assert weigh([flat], TEMPERATURES) is None


@given(length=st.integers(0, 5000), longest=st.integers(15, 300))
def test_stretches_cover_a_track_in_order(length: int, longest: int) -> None:
    found = _stretches(length, longest)
    if length < 15:
        assert not found
        return
    assert [found[0][0], found[-1][1]] == [0, length]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all(0 < end - start <= longest for start, end in found)


def test_seconds_are_counted_once_where_two_faces_are_seen() -> None:
    assert _covered([*windows([0, 0]), *windows([0])]) == 8.0


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talker") / "late.mkv"
    write_talker(path, seconds=8, late_s=0.26, seed=3)
    return path


def test_a_late_sound_is_found(talker: Path) -> None:
    found = find_offset(talker)
    assert found.offset_s == pytest.approx(0.26, abs=FRAME_S)
    assert found.accepted
    assert found.confidence > 0.8
    assert found.sentence.endswith("ms late")
    assert "faces" in found.evidence.kinds
    assert found.evidence.seconds == pytest.approx(8, abs=1)
    (minute,) = found.per_minute
    assert (minute.start_s, minute.end_s) == (0.0, 8.0)
    assert minute.offset_s == found.offset_s


def test_an_early_sound_is_found(tmp_path: Path) -> None:
    write_talker(tmp_path / "early.mkv", seconds=8, late_s=-0.5, seed=4, shown=16)
    found = find_offset(tmp_path / "early.mkv")
    assert found.offset_s == pytest.approx(-0.5, abs=FRAME_S)
    assert found.accepted


def test_another_voice_is_refused(tmp_path: Path) -> None:
    write_talker(tmp_path / "other.mkv", seconds=8, seed=3, other=8)
    assert not find_offset(tmp_path / "other.mkv").accepted


def test_a_cache_changes_nothing_but_the_time(talker: Path, tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    stages: set[str] = set()

    def progress(stage: str, fraction: float) -> None:
        assert 0 <= fraction <= 1
        stages.add(stage)

    first = find_offset(talker, cache=cache, progress=progress)
    assert {"watching", "reading"} <= stages
    stages.clear()
    assert find_offset(talker, cache=cache, progress=progress) == first
    assert not stages
    assert find_offset(talker) == first


def test_reach_bounds_what_is_looked_for(talker: Path) -> None:
    assert abs(find_offset(talker, reach_s=0.1).offset_s) <= 0.11


@pytest.mark.parametrize("reach_s", [0.0, -1.0, 10.5, float("nan")])
def test_a_reach_out_of_range_is_refused(talker: Path, reach_s: float) -> None:
    with pytest.raises(ValueError, match="reach_s"):
        find_offset(talker, reach_s=reach_s)


def write_film(
    path: Path, *, frames: int, picture: bool = True, sound: bool = True, move: bool = True,
    level: float = 0.1,
) -> Path:  # fmt: skip
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25) if picture else None
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for k in range(frames):
                pixels = np.full((48, 64, 3), 90, np.uint8)
                pixels[:, : (k % 40 if move else 20)] = 200
                container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(video.encode(None))
        if audio is not None:
            pcm = (rng.normal(0, level, frames * 640) * 32767).clip(-32768, 32767)
            block = av.AudioFrame.from_ndarray(pcm.astype(np.int16)[None], "s16", "mono")
            block.sample_rate, block.time_base = 16_000, Fraction(1, 16_000)
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize(
    ("film", "reason"),
    [
        ({"frames": 60, "sound": False}, "no audio track"),
        ({"frames": 60, "picture": False}, "no picture"),
        ({"frames": 60, "move": False}, "does not move"),
        ({"frames": 1}, "give films of 1 s"),
        ({"frames": 20}, "give films of 1 s"),
    ],
)
def test_what_cannot_be_judged_is_an_error(
    tmp_path: Path, film: dict[str, int | bool], reason: str
) -> None:
    path = write_film(tmp_path / "film.mkv", **film)  # type: ignore[arg-type]
    with pytest.raises(MediaError, match=reason) as caught:
        find_offset(path)
    assert str(path) in str(caught.value)


def test_a_missing_film_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_offset(tmp_path / "none.mkv")


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_silence_and_noise_over_a_picture_without_faces_are_refused(
    tmp_path: Path, level: float
) -> None:
    found = find_offset(write_film(tmp_path / "film.mkv", frames=150, level=level))
    assert isinstance(found, Offset)
    assert not found.accepted
    assert "faces" not in found.evidence.kinds
    if level == 0:
        assert found.confidence == 0
        assert found.per_minute[0].offset_s is None
