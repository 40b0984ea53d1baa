"""The rendered film: frame n shows what the cut list says, and so does the sound."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.stream import VideoStream
from clips import FloatArray, add_sound, chirps, encode, place_of_chirp, write_sound
from conftest import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import peak_memory
from numbered import SIZE, Seen, like, seen, write_numbered

from avsync.cutlist import CutList, Marker, Shot, Soundtrack
from avsync.errors import AvsyncError, MediaError, RenderError
from avsync.media import iter_frames, iter_stereo, probe, probe_video
from avsync.media.pictures import Orientation
from avsync.render import render
from avsync.render.fitting import Fitter, colours_of
from avsync.render.footage import Window, blend, slack
from avsync.render.preview import BEAT_HZ, DOWNBEAT_HZ
from avsync.render.writing import _require

HZ = 48_000
P25 = Fraction(25)
RATES = [Fraction(24000, 1001), P25, Fraction(30000, 1001), Fraction(60000, 1001)]
VARIABLE_MS = np.cumsum([0, *([33, 41, 17, 60, 33, 33, 90, 25] * 12)]).tolist()
FAST = {"preset": "ultrafast", "crf": 18}


def told(path: Path) -> list[Seen]:
    """What each frame of a film says."""
    return [seen(frame.pixels) for frame in iter_frames(path, width=SIZE[0], height=SIZE[1])]


def heard(path: Path) -> FloatArray:
    """Float32 [2, samples]."""
    return np.concatenate(list(iter_stereo(path)), axis=1)


def gray(path: Path, level: int, *, frames: int = 50, sound: FloatArray | None = None) -> Path:
    """A clip of one luma."""
    return write_flat(path, (level, 128, 128), frames=frames, sound=sound)


def write_flat(
    path: Path,
    colour: tuple[int, int, int],
    *,
    frames: int = 50,
    size: tuple[int, int] = SIZE,
    pix_fmt: str = "yuv420p",
    matrix: int = 6,
    sound: FloatArray | None = None,
) -> Path:
    """A clip of one colour, as Y, Cb and Cr."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5", "bf": "0"})
        (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if pix_fmt == "yuvj420p" else 1
        packets: list[Packet] = []  # type: ignore[type-arg]
        voice = add_sound(container, "aac", HZ) if sound is not None else None
        for number in range(frames):
            frame = av.VideoFrame(*size, pix_fmt)
            for plane, value in zip(frame.planes, colour, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        if voice is not None and sound is not None:
            packets += encode(voice, sound)
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[float]]]:
    """A clip of each rate, with the times of its pictures."""
    folder = tmp_path_factory.mktemp("sources")
    clips = {}
    for number, rate in enumerate(RATES):
        suffix = (".mp4", ".mkv", ".mov", ".ts")[number]
        path = write_numbered(folder / f"{number}{suffix}", frames=100, rate=rate, clip=number)
        clips[str(rate)] = path, [float(k / rate) for k in range(100)]
    path = write_numbered(folder / "v.mp4", frames=97, times_ms=VARIABLE_MS, clip=4)
    clips["variable"] = path, [ms / 1000 for ms in VARIABLE_MS]
    return clips


@pytest.fixture(scope="module")
def clip(sources: dict[str, tuple[Path, list[float]]]) -> Path:
    """100 frames at 25 a second."""
    return sources["25"][0]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with chirps at known times."""
    return write_sound(tmp_path_factory.mktemp("song") / "song.flac", "flac", 44_100)


# The picture.


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_frame_is_the_one_on_display_in_its_source(
    data: st.DataObject,
    sources: dict[str, tuple[Path, list[float]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rate = data.draw(st.sampled_from(RATES))
    names = data.draw(st.lists(st.sampled_from(sorted(sources)), min_size=1, max_size=6))
    shots, wanted = [], []
    for name in names:
        path, _ = sources[name]
        longest = int(1.6 * rate)
        first = data.draw(st.integers(0, longest - 1))
        frames = data.draw(st.integers(1, min(20, longest - first)))
        shots.append(Shot(path, first, frames))
        wanted += [(name, (first + k) / rate) for k in range(frames)]
    suffix = data.draw(st.sampled_from([".mp4", ".mov", ".mkv"]))
    out = tmp_path_factory.getbasetemp() / f"out{suffix}"
    cuts = CutList(tuple(shots), rate)
    render(cuts, out, **FAST)  # type: ignore[arg-type]
    shown = [number for number, _ in told(out)]
    assert len(shown) == cuts.frames
    for number, (name, instant) in zip(shown, wanted, strict=True):
        if name != "variable" and (Fraction(name) / rate).denominator <= 5:
            assert number == math.floor(instant * Fraction(name))
        else:  # rates that have nothing to do with each other: on display during half the frame
            begins, ends = sources[name][1][number : number + 2]
            assert begins <= instant + 1 / (2 * rate) and instant <= ends
    found = [frame.time for frame in iter_frames(out, width=8, height=8)]
    assert found == pytest.approx([cuts.seconds(n) for n in range(cuts.frames)], abs=0.0006)
    assert probe_video(out).frame_rate == rate


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_cuts_stay_within_half_a_frame_for_minutes(
    tmp_path: Path, sources: dict[str, tuple[Path, list[float]]], rate: Fraction
) -> None:
    """Beats that fall anywhere; the file is measured, frame by frame."""
    beats = [round(k * 60 / 127.3, 6) for k in range(90)]
    edges = [round(Fraction(beat) * rate) for beat in beats]
    clips = [path for path, _ in sources.values()]
    shots = [Shot(clips[i % 5], 3, b - a) for i, (a, b) in enumerate(pairwise(edges))]
    render(CutList(tuple(shots), rate), tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    frames = [
        (f.time, seen(f.pixels).clip) for f in iter_frames(tmp_path / "a.mp4", width=96, height=64)
    ]
    assert len(frames) == edges[-1]
    cuts = [time for (_, before), (time, after) in pairwise(frames) if before != after]
    assert np.abs(np.array(cuts) - beats[1:-1]).max() <= 0.5 / float(rate) + 1e-6


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("slower", [P25, Fraction(30000, 1001)], ids=str)
def test_a_source_of_twice_the_rate_shows_every_other_picture(
    tmp_path: Path, suffix: str, slower: Fraction
) -> None:
    fast = write_numbered(tmp_path / f"a{suffix}", frames=120, rate=2 * slower)
    slow = write_numbered(tmp_path / f"b{suffix}", frames=60, rate=slower)
    out = tmp_path / "c.mp4"
    render(CutList((Shot(fast, 3, 40),), slower), out, **FAST)  # type: ignore[arg-type]
    assert [number for number, _ in told(out)] == list(range(6, 86, 2))
    render(CutList((Shot(slow, 3, 80),), 2 * slower), out, **FAST)  # type: ignore[arg-type]
    assert [number for number, _ in told(out)] == [k // 2 for k in range(3, 83)]


def test_a_source_that_starts_late_shows_its_first_picture(tmp_path: Path) -> None:
    sound = chirps(HZ)[:96_000]
    path = write_numbered(tmp_path / "late.mkv", frames=25, start=0.4, sound=sound)
    render(CutList((Shot(path, 0, 20),), P25), tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    numbers = [number for number, _ in told(tmp_path / "a.mp4")]
    assert numbers[:10] == [0] * 10 and numbers[-1] == pytest.approx(9, abs=1)


def test_a_dissolve_goes_from_one_to_the_other_around_the_cut(tmp_path: Path) -> None:
    one, two = gray(tmp_path / "1.mp4", 40), gray(tmp_path / "2.mp4", 200)
    cuts = CutList((Shot(one, 10, 10), Shot(two, 10, 10, dissolve_frames=5)), P25)
    render(cuts, tmp_path / "a.mp4", crf=5)
    found = levels(tmp_path / "a.mp4")
    steps = [40 + 160 * k / 6 for k in range(1, 6)]  # two frames before the cut, three after
    assert found == pytest.approx([40] * 8 + steps + [200] * 7, abs=2)


def levels(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [
            float(frame.to_ndarray()[: frame.height].mean()) for frame in container.decode(video=0)
        ]


def test_a_dissolve_takes_moving_pictures_from_both_sides_of_the_cut(
    tmp_path: Path, clip: Path
) -> None:
    """Half of a picture over half of itself is itself: so both are seen in step."""
    cuts = CutList((Shot(clip, 10, 10), Shot(clip, 20, 10, dissolve_frames=6)), P25)
    render(cuts, tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    assert [number for number, _ in told(tmp_path / "a.mp4")] == list(range(10, 30))


def test_where_a_dissolve_finds_no_frames_the_nearest_is_held(tmp_path: Path, clip: Path) -> None:
    cuts = CutList(
        (Shot(clip, 90, 10), Shot(clip, 0, 10, dissolve_frames=8), Shot(clip, 50, 5)), P25
    )
    render(cuts, tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    numbers = [number for number, _ in told(tmp_path / "a.mp4")]
    assert numbers[:6] == list(range(90, 96)) and numbers[14:] == [*range(4, 10), *range(50, 55)]


@settings(max_examples=8, deadline=None)
@given(
    frames=st.lists(st.integers(1, 6), min_size=2, max_size=6),
    dissolves=st.lists(st.integers(0, 20), min_size=6, max_size=6),
)
def test_dissolves_of_any_length_keep_every_frame(
    frames: list[int], dissolves: list[int], clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shots = tuple(
        Shot(clip, 9, count, dissolve_frames=dissolves[place] if place else 0)
        for place, count in enumerate(frames)
    )
    out = tmp_path_factory.getbasetemp() / "dissolved.mp4"
    render(CutList(shots, P25), out, source_sound="mix", **FAST)  # type: ignore[arg-type]
    assert len(told(out)) == sum(frames)


def test_the_slack_is_as_far_from_every_change_of_picture_as_can_be() -> None:
    film, video = RATES[0], RATES[3]
    assert slack(P25, P25) == Fraction(1, 50)
    assert slack(P25, Fraction(50)) == slack(Fraction(50), P25) == Fraction(1, 100)
    assert slack(film, video) == 1 / (4 * video)  # 5 to 2
    for timeline in RATES:
        for source in RATES:
            parts = (source / timeline).denominator
            assert 0 < slack(timeline, source) <= 1 / (2 * timeline)
            if parts <= 12:
                places = [(k / timeline + slack(timeline, source)) * source for k in range(60)]
                assert all(abs(place - round(place)) >= Fraction(1, 4 * parts) for place in places)


def test_a_window_is_even_steps() -> None:
    window = Window(1, Shot(Path("a"), 5, 10, dissolve_frames=3), 20, P25)
    assert (window.first, window.alone) == (19, 22)
    assert [window.share(n) for n in range(19, 23)] == [Fraction(k, 4) for k in (1, 2, 3, 4)]
    assert Window(1, Shot(Path("a"), 5, 10), 20, P25).share(20) == 1


def test_blending_rounds_to_the_nearest() -> None:
    one, two = (av.VideoFrame(16, 16, "yuv420p") for _ in range(2))
    for frame, value in ((one, 0), (two, 255)):
        for plane in frame.planes:
            plane.update(bytes([value]) * plane.buffer_size)
    assert np.unique(blend(one, two, Fraction(1, 2)).to_ndarray()) == [128]
    assert np.unique(blend(one, two, Fraction(1, 4)).to_ndarray()) == [64]


# What does not fit.


def corner_and_centre(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        luma = next(container.decode(video=0)).to_ndarray()
    height = luma.shape[0] * 2 // 3
    return float(luma[2, 2]), float(luma[height // 2, luma.shape[1] // 2])


@pytest.mark.parametrize("size", [(128, 64), (64, 128)])
def test_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_flat(tmp_path / "a.mp4", (180, 128, 128))
    cuts = CutList((Shot(clip, 0, 3),), P25)
    for fit, corner in (("letterbox", 16), ("crop", 180), ("blur", 180)):
        out = tmp_path / f"{fit}.mp4"
        render(cuts, out, size=size, fit=fit, crf=5)  # type: ignore[arg-type]
        assert probe_video(out).size == size
        assert corner_and_centre(out) == pytest.approx((corner, 180), abs=3)


def test_the_whole_picture_is_seen_in_letterbox_and_blur_and_its_middle_in_crop(
    tmp_path: Path, clip: Path
) -> None:
    cuts = CutList((Shot(clip, 37, 1),), P25)
    whole = Seen(37, 1)
    for fit in ("letterbox", "blur", "crop"):
        out = tmp_path / f"{fit}.mp4"
        render(cuts, out, size=(192, 64), fit=fit, **FAST)  # type: ignore[arg-type]
        pixels = next(iter_frames(out, width=192, height=64)).pixels
        if fit == "crop":  # twice the size, of which the middle half of the height is seen
            columns = pixels[:, 8::16].mean(axis=2) > 125
            assert seen(np.concatenate([pixels[:31], pixels[33:]])) == whole
            assert columns.any()
        else:
            assert seen(pixels[:, 48:144]) == whole
            bars = pixels[:, :44].astype(int)
            assert (bars.max() < 12) == (fit == "letterbox")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_clips_are_upright(tmp_path: Path, degrees: int) -> None:
    """A telephone held upright: the picture is stored lying and turned when shown."""
    path = write_numbered(
        tmp_path / "a.mp4", frames=5, change=lambda stream: stream.set_display_rotation(degrees)
    )
    out = tmp_path / "b.mp4"
    render(CutList((Shot(path, 2, 2),), P25), out, **FAST)  # type: ignore[arg-type]
    assert probe_video(out).rotation == 0
    assert probe_video(out).size == probe_video(path).size
    width, height = probe_video(path).size
    before, after = (
        list(iter_frames(each, width=width, height=height))[place].pixels.astype(int)
        for each, place in ((path, 2), (out, 0))
    )
    assert np.abs(before - after).mean() < 8


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    def change(stream: VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = write_numbered(tmp_path / "a.mkv", frames=5, change=change)
    render(CutList((Shot(path, 0, 2),), P25), tmp_path / "b.mp4", **FAST)  # type: ignore[arg-type]
    with av.open(str(tmp_path / "b.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (128, 64)
        assert stream.sample_aspect_ratio in (None, 1)
    assert [number for number, _ in told(tmp_path / "b.mp4")] == [0, 1]


def test_the_size_is_that_of_most_of_the_film(tmp_path: Path) -> None:
    small = write_numbered(tmp_path / "a.mp4", frames=30, size=(64, 48))
    large = write_numbered(tmp_path / "b.mp4", frames=30, size=(128, 96))
    odd = write_flat(tmp_path / "c.mkv", (100, 128, 128), size=(67, 49), pix_fmt="yuv444p")
    out = tmp_path / "o.mp4"
    for shots, size in (
        ((Shot(small, 0, 5), Shot(large, 0, 4)), (64, 48)),
        ((Shot(small, 0, 5), Shot(large, 0, 5)), (128, 96)),
        ((Shot(small, 0, 5), Shot(odd, 0, 6)), (66, 48)),
    ):
        render(CutList(shots, P25), out, **FAST)  # type: ignore[arg-type]
        assert probe_video(out).size == size


@pytest.mark.parametrize(
    ("colour", "pix_fmt", "matrix"),
    [((81, 90, 240), "yuv420p", 6), ((76, 85, 255), "yuvj420p", 6), ((63, 102, 240), "yuv420p", 1)],
)
def test_colours_stay_what_they_are(
    tmp_path: Path, colour: tuple[int, int, int], pix_fmt: str, matrix: int
) -> None:
    """Red, of any range and matrix, in a film of high definition: as BT.709 writes it."""
    clip = write_flat(tmp_path / "a.mp4", colour, pix_fmt=pix_fmt, matrix=matrix, frames=2)
    out = tmp_path / "b.mp4"
    render(CutList((Shot(clip, 0, 1),), P25), out, size=(1280, 720), fit="crop")
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        tags = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        assert tags == (1, 1, 1, 1) and context.pix_fmt == "yuv420p"
        frame = next(container.decode(video=0))
    assert [int(bytes(plane)[1000]) for plane in frame.planes] == pytest.approx(
        [63, 102, 240], abs=2
    )
    assert colours_of((640, 480)).name == "smpte170m"


def test_what_fits_already_is_not_touched() -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    fit = Fitter((64, 48), "letterbox")
    assert fit(frame, Fraction(1), Orientation()) is frame
    assert fit(frame, Fraction(2), Orientation()) is not frame
    fine = av.VideoFrame(64, 48, "yuv422p10le")
    assert fit(fine, Fraction(1), Orientation()).format.name == "yuv420p"


# The sound.


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rate", [Fraction(30000, 1001), P25], ids=str)
def test_the_music_starts_at_its_place_to_the_sample(
    tmp_path: Path, clip: Path, song: Path, suffix: str, rate: Fraction
) -> None:
    music = Soundtrack(song, start=0.75)
    cuts = CutList(tuple(Shot(clip, 0, 50) for _ in range(2)), rate, music)
    render(cuts, tmp_path / f"a{suffix}", **FAST)  # type: ignore[arg-type]
    sound = heard(tmp_path / f"a{suffix}")[0]
    for time in (1.13, 1.97, 3.01, 3.62):
        found = place_of_chirp(sound, HZ, time - 0.75)
        # Matroska rounds to milliseconds; resampling from 44.1 kHz may be half a sample off.
        assert found == pytest.approx(time - 0.75, abs=0.0011 if suffix == ".mkv" else 1.5 / HZ)
    assert len(sound) / HZ == pytest.approx(cuts.duration, abs=1024 / HZ)


def tone(seconds: float, level: float = 0.5, hz: float = 440) -> FloatArray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * HZ)) / HZ)).astype(np.float32)


def loudness(sound: FloatArray, start: float, end: float) -> float:
    return float(np.sqrt(np.mean(sound[..., round(start * HZ) : round(end * HZ)] ** 2)))


def test_music_fades_and_falls_silent_when_it_is_over(tmp_path: Path, clip: Path) -> None:
    song = write_sound(tmp_path / "s.wav", "pcm_s16le", HZ, tone(2.5), layout="mono")
    music = Soundtrack(song, fade_in=1.0, fade_out=1.0)
    shots = tuple(Shot(clip, 0, 25) for _ in range(4))
    render(CutList(shots, P25, music), tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    sound, full = heard(tmp_path / "a.mp4"), 0.5 / 2**0.5
    assert loudness(sound, 0.2, 0.3) == pytest.approx(0.25 * full, rel=0.05)
    assert loudness(sound, 1.2, 2.2) == pytest.approx(full, rel=0.02)
    assert loudness(sound, 2.6, 4.0) < 0.001
    render(CutList(shots[:2], P25, music), tmp_path / "b.mp4", **FAST)  # type: ignore[arg-type]
    sound = heard(tmp_path / "b.mp4")
    assert loudness(sound, 1.7, 1.8) == pytest.approx(0.25 * full, rel=0.05)
    assert loudness(sound, 1.995, 2.0) < 0.01


def test_without_music_and_sound_there_is_no_track(tmp_path: Path, clip: Path) -> None:
    render(CutList((Shot(clip, 0, 5),), P25), tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    assert not probe(tmp_path / "a.mp4").audio


def test_the_sound_of_shots_is_cut_with_them(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    loud = gray(tmp_path / "l.mp4", 100, sound=tone(2.0))
    still = gray(tmp_path / "s.mp4", 100)  # has no sound at all
    cuts = CutList((Shot(still, 0, 10), Shot(loud, 8, 20), Shot(still, 0, 10)), rate)
    render(cuts, tmp_path / "a.mp4", source_sound="duck", **FAST)  # type: ignore[arg-type]
    sound = heard(tmp_path / "a.mp4")
    first, last = (cuts.seconds(frames) for frames in cuts.cuts)
    full = 0.5 / 2**0.5
    assert loudness(sound, 0, first - 0.005) < 0.01 and loudness(sound, last + 0.005, 1.3) < 0.01
    assert loudness(sound, first + 0.012, last - 0.012) == pytest.approx(full, rel=0.02)
    for joint, inward in ((first, 1), (last, -1)):
        edge = sorted((joint, joint + inward * 0.01))
        assert loudness(sound, *edge) == pytest.approx(full / 3**0.5, rel=0.15)  # a straight fade


def test_the_sound_of_a_shot_is_the_one_at_its_place(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mp4", frames=150, sound=chirps(HZ))
    cuts = CutList((Shot(source, 70, 20), Shot(source, 20, 20)), P25)  # 2.8 s on; 0.8 s on
    render(cuts, tmp_path / "b.mp4", source_sound="mix", **FAST)  # type: ignore[arg-type]
    sound = heard(tmp_path / "b.mp4")[0]
    assert place_of_chirp(2 * sound, HZ, 3.01 - 2.8) == pytest.approx(3.01 - 2.8, abs=1.5 / HZ)
    assert place_of_chirp(2 * sound, HZ, 0.8 + 0.33) == pytest.approx(0.8 + 0.33, abs=1.5 / HZ)


def test_mixing_and_ducking(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "s.wav", "pcm_s16le", HZ, tone(6.0, 0.4, 200), layout="mono")
    voice = np.concatenate([np.zeros(HZ, np.float32), tone(1.0, 0.4, 2000)])
    source = gray(tmp_path / "a.mp4", 100, sound=voice)
    shots = (Shot(source, 0, 50), Shot(source, 0, 25))
    power: dict[str, list[float]] = {}
    for how in ("mute", "mix", "duck"):
        cuts = CutList(shots, P25, Soundtrack(song))
        render(cuts, tmp_path / "b.mp4", source_sound=how, **FAST)  # type: ignore[arg-type]
        sound = heard(tmp_path / "b.mp4")[0]
        times = np.arange(HZ // 2) / HZ
        power[how] = [
            2 * abs(np.mean(sound[at : at + HZ // 2] * np.exp(-2j * np.pi * hz * times)))
            for at in (HZ // 4, HZ + HZ // 4, 2 * HZ + HZ // 2)
            for hz in (200, 2000)
        ]
    # Music and voice: before it is heard, while, and after.
    assert power["mute"] == pytest.approx([0.4, 0, 0.4, 0, 0.4, 0], abs=0.01)
    assert power["mix"] == pytest.approx([0.4, 0, 0.4, 0.2, 0.4, 0], abs=0.02)
    assert power["duck"][:2] == pytest.approx([0.4, 0], abs=0.01)
    assert power["duck"][2] < 0.15 and power["duck"][3] == pytest.approx(0.4, abs=0.02)
    assert power["duck"][4] > 0.35


def test_loud_on_loud_does_not_clip(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "s.wav", "pcm_s16le", HZ, tone(2.0, 0.99, 100), layout="mono")
    source = gray(tmp_path / "a.mp4", 100, sound=tone(2.0, 0.99, 100))
    cuts = CutList((Shot(source, 0, 45),), P25, Soundtrack(song))
    for how in ("mix", "duck"):
        render(cuts, tmp_path / "b.mp4", source_sound=how, **FAST)  # type: ignore[arg-type]
        assert 0.8 < np.abs(heard(tmp_path / "b.mp4")).max() < 1.0


# Flashes and beeps.


def test_a_preview_flashes_and_beeps_on_every_marker(tmp_path: Path) -> None:
    clip = gray(tmp_path / "a.mp4", 60)
    times = [0.2, 0.53, 0.91, 1.41, 1.87]
    markers = tuple(Marker(t, f"{1 + k // 3}.{1 + k % 3}") for k, t in enumerate(times))
    cuts = CutList((Shot(clip, 0, 48),), P25, None, markers)
    render(cuts, tmp_path / "b.mp4", preview=True, crf=5)
    with av.open(str(tmp_path / "b.mp4")) as container:
        edges = [frame.to_ndarray()[0, 48] > 200 for frame in container.decode(video=0)]
    flashing = {round(time * 25) + k for time in times for k in (0, 1)} & set(range(48))
    assert {n for n, edge in enumerate(edges) if edge} == flashing
    sound = heard(tmp_path / "b.mp4")[0]
    for marker in markers:
        part = sound[round(marker.time * HZ) + 100 :][: round(0.025 * HZ)]
        if len(part) < 1000:
            continue
        strengths = np.abs(np.fft.rfft(part, HZ))
        loudest = int(strengths.argmax())
        wanted = DOWNBEAT_HZ if marker.name.endswith(".1") else BEAT_HZ
        assert loudest == pytest.approx(wanted, abs=20)
        onset = np.flatnonzero(np.abs(sound[round((marker.time - 0.05) * HZ) :]) > 0.02)[0] / HZ
        assert onset - 0.05 == pytest.approx(0, abs=0.003)
    assert loudness(sound, 0.3, 0.5) < 0.003


# What is wrong with the input.


def test_a_clip_that_is_damaged_in_the_middle_shifts_nothing(tmp_path: Path, clip: Path) -> None:
    def damage(packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        noise = np.random.default_rng(0)
        return [
            like(packet, noise.bytes(packet.size)) if 20 <= index < 30 else packet
            for index, packet in enumerate(packets)
        ]

    options = {"g": "10", "bf": "0", "preset": "ultrafast"}
    broken = write_numbered(tmp_path / "a.mkv", options=options, edit=damage)
    cuts = CutList((Shot(broken, 10, 35), Shot(clip, 40, 10)), P25)
    render(cuts, tmp_path / "b.mp4", **FAST)  # type: ignore[arg-type]
    numbers = [number for number, _ in told(tmp_path / "b.mp4")]
    assert len(numbers) == 45
    assert numbers[:10] == list(range(10, 20)) and numbers[20:35] == list(range(30, 45))
    assert numbers[35:] == list(range(40, 50))


def only(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_source_that_ends_early_is_held_a_little_or_an_error(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    render(CutList((Shot(clip, 93, 10),), P25), out / "a.mp4", **FAST)  # type: ignore[arg-type]
    numbers = [number for number, _ in told(out / "a.mp4")]
    assert numbers == [*range(93, 100), 99, 99, 99]
    (out / "a.mp4").unlink()
    cuts = CutList((Shot(clip, 0, 5), Shot(clip, 90, 22)), P25)
    with pytest.raises(
        RenderError, match=r"1\.mkv: its picture ends at 4\.00 s, but shot 2 .*12 f"
    ):
        render(cuts, out / "a.mp4", **FAST)  # type: ignore[arg-type]
    assert not only(out)


def test_missing_and_unreadable_input(tmp_path: Path, clip: Path, song: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "text.mp4").write_text("no film")
    one = Shot(clip, 0, 5)
    for cuts, kind, text in [
        (CutList((Shot(tmp_path / "none.mp4", 0, 5),), P25), FileNotFoundError, "none.mp4"),
        (CutList((one, Shot(song, 0, 5)), P25), MediaError, r"song\.flac: has no picture"),
        (CutList((one, Shot(tmp_path / "text.mp4", 0, 5)), P25), MediaError, "is text"),
        (CutList((one,), P25, Soundtrack(clip)), MediaError, "has no audio"),
        (CutList((one,), P25, Soundtrack(song, start=99)), RenderError, "is over before 99"),
        (CutList((one,), P25, Soundtrack(tmp_path / "no.mp3")), FileNotFoundError, "no.mp3"),
    ]:
        for size in (None, (96, 64)):
            with pytest.raises(kind, match=text):
                render(cuts, out / "a.mp4", size=size, **FAST)  # type: ignore[arg-type]
            assert not only(out)


def test_options_that_make_no_sense(tmp_path: Path, clip: Path) -> None:
    cuts = CutList((Shot(clip, 0, 5),), P25)
    with pytest.raises(ValueError, match=r"one of \.m4v \.mkv \.mov \.mp4"):
        render(cuts, tmp_path / "a.avi")
    with pytest.raises(ValueError, match="no shots"):
        render(CutList((), P25), tmp_path / "a.mp4")
    for wrong in (
        {"size": (95, 64)},
        {"size": (2, 2)},
        {"fit": "stretch"},
        {"source_sound": "loud"},
        {"preset": "turbo"},
        {"crf": 60},
    ):
        with pytest.raises(ValueError, match="got"):
            render(cuts, tmp_path / "a.mp4", **wrong)
    with pytest.raises(ValueError, match="write to another file"):
        render(cuts, clip)
    assert not only(tmp_path)


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"a\.mp4: .*nonsense.*pip install"):
        _require("nonsense", tmp_path / "a.mp4")


def test_places_that_cannot_be_written(tmp_path: Path, clip: Path) -> None:
    cuts = CutList((Shot(clip, 0, 5),), P25)
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.mp4"):
        render(cuts, tmp_path / "nowhere" / "a.mp4")
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(IsADirectoryError, match=r"a\.mp4"):
        render(cuts, tmp_path / "a.mp4")


FULL_DISK = """
import resource, sys
from fractions import Fraction
from pathlib import Path
from avsync import CutList
from avsync.cutlist import Shot
from avsync.render import render
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
try:
    render(CutList((Shot(Path(sys.argv[1]), 0, 90),), Fraction(25)), sys.argv[2], crf=1)
except OSError as error:
    print(type(error).__name__, error.errno, error.filename)
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_full_disk(tmp_path: Path, clip: Path, name: str) -> None:
    """As near to it as can be without one: a file that may not grow."""
    target = tmp_path / "out" / name
    target.parent.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(clip), str(target)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["OSError", "27", str(target)], done.stderr
    assert not only(target.parent)


def test_an_interruption_leaves_nothing(tmp_path: Path, clip: Path) -> None:
    def progress(stage: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    cuts = CutList((Shot(clip, 0, 90),), P25)
    with pytest.raises(KeyboardInterrupt):
        render(cuts, tmp_path / "a.mp4", progress=progress, **FAST)  # type: ignore[arg-type]
    assert not only(tmp_path)
    assert not [t for t in set(threading.enumerate()) - before if "avsync" in t.name]


def test_a_failure_keeps_what_was_there(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "a.mp4"
    out.write_text("old")
    with pytest.raises(AvsyncError):
        render(CutList((Shot(clip, 0, 500),), P25), out, **FAST)  # type: ignore[arg-type]
    assert out.read_text() == "old" and only(tmp_path) == {"a.mp4"}
    render(CutList((Shot(clip, 0, 5),), P25), out, **FAST)  # type: ignore[arg-type]
    assert len(told(out)) == 5


# The file.


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv"])
def test_the_same_film_is_the_same_file(
    tmp_path: Path, clip: Path, song: Path, suffix: str
) -> None:
    cuts = CutList((Shot(clip, 0, 20), Shot(clip, 50, 20, 6)), P25, Soundtrack(song))
    one, two = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    cuts.render(one, source_sound="duck", size=(64, 64), fit="blur")
    cuts.render(two, source_sound="duck", size=(64, 64), fit="blur")
    assert one.read_bytes() == two.read_bytes()
    with av.open(str(one)) as container:
        assert "creation_time" not in container.metadata
        assert not any("creation_time" in stream.metadata for stream in container.streams)


def test_the_index_comes_first(tmp_path: Path, clip: Path) -> None:
    render(CutList((Shot(clip, 0, 5),), P25), tmp_path / "a.mp4", **FAST)  # type: ignore[arg-type]
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_progress_is_told(tmp_path: Path, clip: Path) -> None:
    steps: list[tuple[str, float]] = []
    cuts = CutList((Shot(clip, 0, 90),), P25)
    render(cuts, tmp_path / "a.mp4", progress=lambda *step: steps.append(step), preset="ultrafast")
    assert {stage for stage, _ in steps} == {"rendering"}
    fractions = [fraction for _, fraction in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(fractions) > 50


def test_two_hundred_clips_take_no_more_memory_than_twenty(tmp_path: Path) -> None:
    size = (320, 180)
    first = write_numbered(tmp_path / "0.mp4", frames=12, size=size, sound=tone(0.5))
    clips = [first]
    for number in range(1, 200):
        clips.append(Path(shutil.copy(first, tmp_path / f"{number}.mp4")))
    peaks, most_open = [], 0

    def progress(stage: str, fraction: float) -> None:
        nonlocal most_open
        links = []
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # another thread has just closed it
                links.append(os.readlink(link))
        most_open = max(most_open, sum(link.startswith(str(tmp_path)) for link in links))

    for count in (60, 200):  # the first fills what libraries keep for good
        shots = tuple(Shot(clip, 2, 4, 2 if n else 0) for n, clip in enumerate(clips[:count]))
        with peak_memory() as peak:
            render(
                CutList(shots, P25),
                tmp_path / "out.mp4",
                source_sound="mix",
                preset="ultrafast",
                progress=progress,
            )
        peaks.append(peak.mib)
    assert peaks[1] < 30  # a decoder that stayed open would take 1 and more
    assert most_open < 12
