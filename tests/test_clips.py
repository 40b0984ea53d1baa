"""Clips: shots to the frame, measures that mean what they say, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.stream import VideoStream
from clips import chirps, write_sound
from drawn_faces import face_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.beats.grid import BeatGrid
from avsync.cache import TokenCache
from avsync.clips import Clip, analyse_clip
from avsync.clips.digits import digits_of, seconds_of
from avsync.clips.measures import Bars, sharpness
from avsync.clips.shots import CERTAIN, ShotFinder, change_tokens
from avsync.errors import MediaError
from avsync.montage import Filters, plan
from avsync.timemap import Span
from avsync.tokens import TokenSequence

Frames = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 90, 160


@pytest.fixture(scope="module")
def model() -> PictureModel:
    return load_picture_model()


def scene(seed: int, count: int, *, speed: float = 0.0, detail: int = 10) -> Frames:
    """A place with blotches `detail` pixels wide, that passes at `speed` pixels a frame."""
    chance = np.random.default_rng(seed)
    colour = chance.uniform(40, 200, 3)
    rough = chance.normal(0, 35, (HEIGHT // detail, 4 * WIDTH // detail, 1)) + colour
    wide = np.kron(rough, np.ones((detail, detail, 1))).clip(0, 255)
    offsets = (np.arange(count) * speed).astype(int)
    return np.stack([wide[:, o : o + WIDTH] for o in offsets]).astype(np.uint8)


def write_film(
    path: Path,
    frames: Frames,
    *,
    rate: Fraction | int = 25,
    times_ms: Sequence[int] | None = None,
    cut_off: float = 1.0,
    stretched: int = 1,
) -> Path:
    """The frames as H.264, at a rate or at given times; only the first `cut_off` of the file.

    Pixels are shown `stretched` times as wide as they are high.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(stretched)
        base = 1 / Fraction(rate)
        if times_ms is not None:
            base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = times_ms[number] if times_ms else number, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if cut_off < 1:
        data = path.read_bytes()
        path.write_bytes(data[: int(cut_off * len(data))])
    return path


# --- Clip -------------------------------------------------------------------------------------


def a_clip(shots: Sequence[tuple[float, float]] = ((0.0, 1.0), (1.0, 2.0))) -> Clip:
    measure = np.zeros(50, np.float32)
    return Clip(
        path=Path("clip.mp4"),
        duration=2.0,
        frame_rate=Fraction(25),
        size=(1920, 1080),
        shots=tuple(Span(*shot) for shot in shots),
        tokens=TokenSequence(np.zeros((50, 3), np.float32), 25.0),
        motion=measure,
        sharpness=measure,
        exposure=measure,
    )


def test_a_clip_says_in_short_what_it_is() -> None:
    assert "array" not in repr(a_clip())
    assert a_clip().faces is None


@pytest.mark.parametrize(
    "shots",
    [(), ((0.0, 1.0),), ((0.0, 1.0), (1.5, 2.0)), ((0.5, 2.0),), ((0.0, 2.0), (2.0, 2.0))],
)
def test_shots_cover_a_clip(shots: Sequence[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="cover"):
        a_clip(shots)


def test_measures_are_as_long_as_the_tokens() -> None:
    with pytest.raises(ValueError, match=r"faces has shape \(49,\) for 50"):
        replace(a_clip(), faces=np.zeros(49, np.float32))
    with pytest.raises(ValueError, match="25 Hz"):
        replace(a_clip(), tokens=TokenSequence(np.zeros((50, 3), np.float32), 50.0))


# --- shots ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001), Fraction(12)], ids=str
)
def test_a_cut_is_found_to_the_frame(model: PictureModel, tmp_path: Path, rate: Fraction) -> None:
    lengths = [round(seconds * rate) for seconds in (1.3, 1.9, 1.2)]
    frames = np.concatenate([scene(n, size, speed=0.4) for n, size in enumerate(lengths)])
    clip = analyse_clip(write_film(tmp_path / "cuts.mp4", frames, rate=rate), model=model)
    assert clip.frame_rate == rate
    starts = [float(sum(lengths[:n]) / rate) for n in range(3)]
    assert [shot.start for shot in clip.shots] == pytest.approx(starts, abs=1e-3)
    assert clip.duration == pytest.approx(float(len(frames) / rate), abs=2e-3)
    assert len(clip.tokens) == len(clip.motion) == math.ceil((clip.duration - 1e-3) * 25)


def test_a_cut_is_found_where_frames_come_when_they_like(
    model: PictureModel, tmp_path: Path
) -> None:
    chance = np.random.default_rng(3)
    times = np.cumsum(chance.choice([17, 33, 50, 120], size=80)).tolist()
    frames = np.concatenate([scene(1, 35, speed=0.4), scene(2, 45, speed=0.4)])
    path = write_film(tmp_path / "vfr.mkv", frames, times_ms=times)
    clip = analyse_clip(path, model=model)
    # The film's clock starts with its first frame.
    assert [shot.start for shot in clip.shots] == pytest.approx(
        [0.0, (times[35] - times[0]) / 1000], abs=2e-3
    )


def test_a_flash_is_no_cut(model: PictureModel, tmp_path: Path) -> None:
    frames = scene(5, 100, speed=0.4).astype(float)
    for number, light in enumerate((1.0, 0.7, 0.4)):
        frames[50 + number] += light * (255 - frames[50 + number])
    path = write_film(tmp_path / "flash.mp4", frames.astype(np.uint8))
    assert len(analyse_clip(path, model=model).shots) == 1


def test_a_dissolve_changes_shots_about_in_its_middle(model: PictureModel, tmp_path: Path) -> None:
    share = np.clip((np.arange(125) - 50) / 25, 0, 1)[:, None, None, None]
    frames = (1 - share) * scene(6, 125, speed=0.3) + share * scene(7, 125, speed=0.3)
    clip = analyse_clip(write_film(tmp_path / "blend.mp4", frames.astype(np.uint8)), model=model)
    assert len(clip.shots) == 2
    assert clip.shots[1].start == pytest.approx(2.5, abs=0.4)


def test_the_head_decides_alone_where_it_is_certain() -> None:
    finder = ShotFinder(Fraction(25))
    frames = (scene(1, 50) // 2).astype(np.uint8)
    frames[20:] += 2  # a change that nobody else would report
    for number, frame in enumerate(frames):
        finder.add(number / 25, frame)
    said = np.full(50, 0.01, np.float32)
    said[21] = CERTAIN - 0.1
    assert finder.starts(said) == [0.0]
    said[21] = CERTAIN + 0.1
    assert finder.starts(said) == [0.0, 20 / 25]


def test_of_changes_close_together_the_likeliest_counts() -> None:
    said = np.zeros(40, np.float32)
    said[[3, 5, 30]] = 0.7, 0.9, 0.8
    assert change_tokens(said) == [5, 30]
    assert change_tokens(np.zeros(0, np.float32)) == []


# --- measures ---------------------------------------------------------------------------------


def test_motion_is_of_what_moves_and_not_of_cuts(model: PictureModel, tmp_path: Path) -> None:
    speeds = (0.0, 0.0, 5.0)  # pixels a frame, of 160
    frames = np.concatenate([scene(n, 60, speed=v) for n, v in enumerate(speeds)])
    clip = analyse_clip(write_film(tmp_path / "moves.mp4", frames), model=model)
    still, moving = clip.motion[10:110], clip.motion[130:170]
    assert moving.mean() == pytest.approx(5.0 * 64 / 160, rel=0.6)
    assert still.mean() < 0.15
    assert still.max() < 0.5 * moving.mean()  # the cut at 60 among it


def test_sharpness_falls_with_focus_and_not_with_contrast() -> None:
    crisp = scene(8, 1, detail=3)[0][..., 0]
    dull = (100 + 0.4 * (crisp.astype(float) - 100)).astype(np.uint8)
    blurred = crisp.astype(float)
    for _ in range(8):
        for axis in (0, 1):
            blurred = (np.roll(blurred, 1, axis) + 2 * blurred + np.roll(blurred, -1, axis)) / 4
    soft = sharpness(blurred.astype(np.uint8))
    assert sharpness(dull) == pytest.approx(sharpness(crisp), rel=0.25)
    assert soft < 0.3 * sharpness(crisp)
    assert sharpness(np.full((90, 160), 80, np.uint8)) == 0.0


def test_exposure_leaves_letterbox_bars_out(model: PictureModel, tmp_path: Path) -> None:
    frames = np.full((40, HEIGHT, WIDTH, 3), 128, np.uint8)
    frames[:, :15] = frames[:, -15:] = 0
    frames[:20, 15:-15] = scene(9, 20)[:, 15:-15]
    clip = analyse_clip(write_film(tmp_path / "bars.mp4", frames), model=model)
    assert clip.exposure[30:].mean() == pytest.approx(0.5, abs=0.02)


def test_a_dark_scene_is_no_bar() -> None:
    bars = Bars(36, 64)
    bars.add(np.zeros((36, 64), np.uint8))
    assert bars.picture_share == 1.0
    lamp = np.zeros((36, 64), np.uint8)
    lamp[30:32, 50:52] = 255
    bars.add(lamp)
    assert bars.picture_share == 1.0
    lamp[4:32] = 100
    bars.add(lamp)
    assert bars.picture_share == pytest.approx(28 / 36)


# --- faces ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stretched", [1, 2])  # by anamorphic pixels: shown twice as wide
def test_faces_are_looked_for_when_asked(
    model: PictureModel, tmp_path: Path, stretched: int
) -> None:
    face, nobody = face_picture(), np.full((240, 320, 3), 90, np.uint8)
    frames = np.stack([face] * 30 + [nobody] * 30)
    path = write_film(tmp_path / "face.mp4", frames[:, :, ::stretched], stretched=stretched)
    cache = TokenCache(tmp_path / "cache")
    assert analyse_clip(path, model=model, cache=cache).faces is None
    clip = analyse_clip(path, faces=True, model=model, cache=cache)
    assert clip.size == (320, 240)
    assert clip.faces is not None
    assert clip.faces[:30].min() > 0.1 and clip.faces[:30].max() < 0.6
    assert not clip.faces[30:].any()
    again = analyse_clip(path, faces=True, model=model, cache=cache)
    assert again.faces is not None
    np.testing.assert_array_equal(again.faces, clip.faces)
    np.testing.assert_array_equal(again.sharpness, clip.sharpness)


def test_faces_are_looked_for_where_they_are_wanted(tmp_path: Path) -> None:
    nobody = np.full((240, 320, 3), 90, np.uint8)
    path = write_film(tmp_path / "face.mp4", np.stack([nobody] * 60 + [face_picture()] * 110))
    filters = replace(Filters.none(), min_faces=0.1)
    grid = BeatGrid.regular(120, duration=8.0)
    wanted = plan([path], grid, every="bar", length=2.0, filters=filters)
    assert not any("faces" in note for note in wanted.report.notes)
    assert all(choice.moment.start >= 2.4 for choice in wanted.choices)
    (rejection,) = wanted.report.rejections
    assert rejection.reason == "without a face"


# --- the cache --------------------------------------------------------------------------------


def test_a_clip_from_the_cache_is_the_same_and_is_not_watched_again(
    model: PictureModel, tmp_path: Path
) -> None:
    frames = np.concatenate([scene(1, 33, speed=1), scene(2, 40)])
    path = write_film(tmp_path / "film.mp4", frames, rate=Fraction(30000, 1001))
    cache = TokenCache(tmp_path / "cache")
    told: list[tuple[str, float]] = []
    bare = analyse_clip(path, model=model)
    fresh = analyse_clip(path, model=model, cache=cache, progress=lambda *news: told.append(news))
    assert told[-1] == ("watching", 1.0)
    told.clear()
    again = analyse_clip(path, model=model, cache=cache, progress=lambda *news: told.append(news))
    assert told == []
    for other in (fresh, again):
        assert (other.path, other.duration, other.shots) == (path, bare.duration, bare.shots)
        assert (other.size, other.frame_rate) == ((WIDTH, HEIGHT), Fraction(30000, 1001))
        for name in ("motion", "sharpness", "exposure"):
            np.testing.assert_array_equal(getattr(other, name), getattr(bare, name))
        np.testing.assert_array_equal(other.tokens.values, bare.tokens.values)
    assert len(again.shots) == 2


@settings(derandomize=True)
@given(st.integers(0, 24 * 3600 * 10**6))
def test_times_survive_half_precision(microseconds: int) -> None:
    digits = digits_of(microseconds / 1e6).astype(np.float16).astype(np.float32)
    assert seconds_of(digits) == microseconds / 1e6


# --- what is refused --------------------------------------------------------------------------


def test_a_clip_has_a_moving_picture_of_a_second(model: PictureModel, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "song.wav", "pcm_s16le", sound=chirps(48_000))
    short = write_film(tmp_path / "short.mp4", scene(1, 20, speed=1))
    still = write_film(tmp_path / "still.mp4", scene(1, 1))
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    for path, reason in (
        (sound, "has no picture"),
        (short, r"for 0\.80 s only"),
        (still, "one picture"),
        (noise, "is not media"),
    ):
        with pytest.raises(MediaError, match=reason):
            analyse_clip(path, model=model)
    with pytest.raises(FileNotFoundError):
        analyse_clip(tmp_path / "gone.mp4", model=model)


def test_a_clip_that_breaks_off_is_as_long_as_what_is_left(
    model: PictureModel, tmp_path: Path
) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (150, HEIGHT, WIDTH, 3)).astype(np.uint8)
    path = write_film(tmp_path / "broken.mkv", frames, cut_off=0.5)
    clip = analyse_clip(path, model=model)
    assert 2.0 < clip.duration < 4.0
    assert clip.shots[-1].end == clip.duration
