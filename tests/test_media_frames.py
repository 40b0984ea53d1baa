"""The picture: every frame of every format, at its time, from any instant on."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from clips import add_sound, chirps, encode, write_sound
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import peak_memory
from numbered import SIZE, like, seen, write_numbered

from avsync.errors import MediaError
from avsync.media import iter_frames, probe_video, standard_rate

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]
FORMATS = [
    ("h264.mp4", "libx264"),
    ("h264.mov", "libx264"),
    ("h264.mkv", "libx264"),
    ("h264.ts", "libx264"),
    ("h264.flv", "libx264"),
    ("h264.avi", "libx264"),
    ("bare.h264", "libx264"),
    ("hevc.mp4", "libx265"),
    ("vp9.webm", "libvpx-vp9"),
    ("mpeg4.avi", "mpeg4"),
    ("mpeg2.mpg", "mpeg2video"),
    ("mpeg2.ts", "mpeg2video"),
    ("mjpeg.mov", "mjpeg"),
    ("ffv1.mkv", "ffv1"),
]
OPTIONS = {
    "libx265": {"preset": "ultrafast", "x265-params": "keyint=20:bframes=2:log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "20"},
    "mpeg2video": {"bf": "2", "g": "15", "b": "3M"},
    "mpeg4": {"g": "15", "b": "3M"},
    "mjpeg": {"b": "9M"},
}
WIDTH, HEIGHT = SIZE
Told = list[tuple[float, int]]


def watch(path: Path, **where: float | Fraction) -> Told:
    """Time and number of every frame."""
    frames = iter_frames(path, width=WIDTH, height=HEIGHT, **where)  # type: ignore[arg-type]
    return [(round(frame.time, 4), seen(frame.pixels).number) for frame in frames]


@pytest.fixture(scope="module", params=FORMATS, ids=lambda form: str(form[0]))
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, codec = request.param
    path = tmp_path_factory.mktemp("formats") / name
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return write_numbered(path, codec=codec, options=OPTIONS.get(codec), pix_fmt=pix_fmt)


def test_every_frame_of_every_format_is_there_once_at_its_time(clip: Path) -> None:
    told = watch(clip)
    assert [number for _, number in told] == list(range(50))
    offset = told[0][0]
    assert offset == pytest.approx(0.08 if clip.name == "h264.avi" else 0.0, abs=0.002)
    assert [time - offset for time, _ in told] == pytest.approx(np.arange(50) / 25, abs=0.002)


def test_frames_from_any_instant_are_those_of_the_whole(clip: Path) -> None:
    told = watch(clip)
    for start in (0.03, 0.4, 0.79, 0.8, 0.81, 1.53, 1.95, 3.0):
        assert watch(clip, start=start) == [item for item in told if item[0] >= start - 1e-6]
    assert watch(clip, start=0.9, end=1.3) == [item for item in told if 0.9 <= item[0] < 1.3]


def test_what_is_known_of_every_format(clip: Path) -> None:
    found = probe_video(clip)
    assert (found.size, found.frame_rate, found.variable) == (SIZE, Fraction(25), False)
    assert found.rotation == 0
    if clip.suffix not in (".h264", ".mpg"):  # the one has no times, the other only guesses
        assert found.duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_standard_rates_are_found_exactly(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    path = write_numbered(tmp_path / f"a{suffix}", frames=40, rate=rate)
    found = probe_video(path)
    assert (found.frame_rate, found.variable) == (rate, False)


def test_an_average_within_rounding_is_the_standard_rate() -> None:
    assert standard_rate(Fraction(19001, 792)) == Fraction(19001, 792)  # 23.991: between two
    assert standard_rate(Fraction(2997, 100)) == Fraction(30000, 1001)
    assert standard_rate(Fraction(23976, 1000)) == Fraction(24000, 1001)
    assert standard_rate(Fraction(1234, 100)) == Fraction(1234, 100)


TIMES_MS = [0, 40, 60, 140, 300, 330, 360, 500, 900, 940, 980, 1400, 1420, 1500, 1600, 1700]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_keeps_its_times_and_says_so(tmp_path: Path, suffix: str) -> None:
    path = write_numbered(tmp_path / f"a{suffix}", frames=16, times_ms=TIMES_MS)
    assert probe_video(path).variable
    told = watch(path)
    assert told == [(time / 1000, number) for number, time in enumerate(TIMES_MS)]
    for index, time in enumerate(TIMES_MS):
        assert watch(path, start=time / 1000 - 0.01) == told[index:]


def test_gaps_that_come_late_in_the_file_are_variable_too(tmp_path: Path) -> None:
    times = [*range(0, 6400, 40), *range(6400, 9000, 400)]
    path = write_numbered(tmp_path / "a.mkv", frames=len(times), times_ms=times)
    assert probe_video(path).variable


@settings(max_examples=40, deadline=None)
@given(rate=st.fractions(1, 120, max_denominator=1001), start=st.floats(0, 1.6))
def test_a_grid_holds_what_is_on_display(
    tmp_path_factory: pytest.TempPathFactory, rate: Fraction, start: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "grid.mp4"
    if not path.exists():
        write_numbered(path, frames=16, times_ms=TIMES_MS)
    told = watch(path, rate_hz=rate, start=start)
    for time, number in told:
        shown = max(i for i, t in enumerate(TIMES_MS) if t <= time * 1000 + 1)
        assert number in (shown, max(i for i, t in enumerate(TIMES_MS) if t <= time * 1000 + 0.9))
    places = [time * rate for time, _ in told]
    assert places == pytest.approx([round(place) for place in places], abs=0.02)
    assert all(b - a == 1 for a, b in zip(map(round, places), map(round, places[1:]), strict=False))
    assert not told or told[0][0] >= start - 1e-4


def test_a_grid_of_the_own_rate_is_the_frames_themselves(tmp_path: Path) -> None:
    for rate in RATES:
        for suffix in (".mp4", ".mkv"):
            path = write_numbered(tmp_path / f"a{suffix}", frames=30, rate=rate)
            assert [n for _, n in watch(path, rate_hz=rate)] == list(range(30))


def test_before_a_late_picture_the_grid_shows_the_first(tmp_path: Path) -> None:
    sound = chirps(48_000)[:96_000]
    path = write_numbered(tmp_path / "a.mkv", frames=25, start=0.5, sound=sound)
    first, number = watch(path)[0]
    assert first == pytest.approx(0.5, abs=0.03) and number == 0
    told = watch(path, rate_hz=10)
    assert [number for _, number in told[:5]] == [0, 0, 0, 0, 0]
    assert told[0][0] == 0 and told[10][1] == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"x264-params": "open_gop=1:keyint=12:bframes=3:b-pyramid=2"}),
        ("a.ts", "libx264", {"x264-params": "open_gop=1:keyint=12:bframes=3"}),
        ("b.mpg", "mpeg2video", {"bf": "2", "g": "12", "b": "3M"}),
        ("c.mkv", "libx265", {"x265-params": "open-gop=1:keyint=12:bframes=3:log-level=none"}),
        ("d.mp4", "libx264", {"g": "1000", "bf": "3"}),
    ],
)
def test_open_and_endless_groups_of_pictures(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_numbered(tmp_path / name, codec=codec, options=options, frames=60)
    told = watch(path)
    assert [number for _, number in told] == list(range(60))
    for index in range(0, 60, 3):
        assert watch(path, start=told[index][0] - 0.002) == told[index:]


def test_leaving_pictures_out_before_the_start_loses_none_that_is_shown(tmp_path: Path) -> None:
    options = {"g": "1000", "x264-params": "bframes=8:b-adapt=0:b-pyramid=0:scenecut=0"}
    times = [*range(0, 2000, 40), 5000, *range(5040, 6000, 40)]  # and a gap of three seconds
    path = write_numbered(tmp_path / "a.mp4", frames=len(times), times_ms=times, options=options)
    for start in (1.97, 3.5, 4.99):
        assert watch(path, rate_hz=100, start=start)[0][1] == 49
    assert watch(path, rate_hz=100, start=5.3)[0][1] == 57


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("hflip", [False, True])
def test_rotation_and_mirroring(tmp_path: Path, degrees: int, hflip: bool) -> None:
    path = write_numbered(
        tmp_path / "a.mp4",
        frames=3,
        clip=0b101,
        size=(96, 64),
        change=lambda stream: stream.set_display_rotation(degrees, hflip=hflip),
    )
    found = probe_video(path)
    turned = degrees in (90, 270)
    assert found.size == ((64, 96) if turned else (96, 64))
    width, height = found.size
    frame = list(iter_frames(path, width=width, height=height))[2]
    stored = frame.pixels
    if hflip:
        stored = stored[:, ::-1]
    upright = np.rot90(stored, -degrees // 90)  # set_display_rotation turns anticlockwise
    assert seen(upright) == (2, 0b101)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(64, 45), (1024, 576)), (Fraction(8, 9), (720, 648)), (Fraction(1), (720, 576))],
)
def test_pixels_that_are_not_square(
    tmp_path: Path, aspect: Fraction, size: tuple[int, int]
) -> None:
    def change(stream: VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    path = write_numbered(tmp_path / "a.mkv", frames=2, size=(720, 576), change=change)
    assert probe_video(path).size == size


def test_frames_are_freed_as_soon_as_nobody_has_them(tmp_path: Path) -> None:
    """By counting references: the garbage collector does not know how large they are."""
    clip = write_numbered(tmp_path / "a.mp4")
    gc.collect()
    gc.disable()
    try:
        for _ in iter_frames(clip, width=32, height=24):
            pass
        alive = sum(isinstance(o, av.VideoFrame) for o in gc.get_objects())
    finally:
        gc.enable()
    assert alive < 5  # of 50


def test_colours_are_right_at_both_ranges_and_matrices(tmp_path: Path) -> None:
    """Pure red as BT.601 and BT.709 of limited and full range write it."""
    wanted = np.array([255, 0, 0])
    for name, size, triple, pix_fmt, matrix in [
        ("601", (96, 64), (81, 90, 240), "yuv420p", 6),
        ("709", (96, 64), (63, 102, 240), "yuv420p", 1),
        ("full", (96, 64), (76, 85, 255), "yuvj420p", 6),
        ("unsaid", (96, 64), (81, 90, 240), "yuv420p", 2),
        ("high", (1280, 720), (63, 102, 240), "yuv420p", 2),
    ]:
        path = tmp_path / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
            (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
            stream.codec_context.colorspace = matrix
            frame = av.VideoFrame(*size, pix_fmt)
            for plane, value in zip(frame.planes, triple, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.colorspace = matrix
            frame.color_range = 2 if name == "full" else 1
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        pixels = next(iter_frames(path, width=48, height=32)).pixels
        assert np.abs(pixels[16, 24].astype(int) - wanted).max() <= 6, name


def test_a_clip_within_which_packets_are_damaged(tmp_path: Path) -> None:
    def damage(packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        changed = []
        for index, packet in enumerate(packets):
            if 20 <= index < 30:  # one group of pictures is noise
                packet = like(packet, np.random.default_rng(index).bytes(packet.size))
            changed.append(packet)
        return changed

    options = {"g": "10", "bf": "0", "preset": "ultrafast"}
    for name in ("a.mp4", "a.mkv"):
        path = write_numbered(tmp_path / name, options=options, edit=damage)
        told = dict(watch(path))
        whole = [*range(20), *range(30, 50)]
        assert all(told[round(number / 25, 4)] == number for number in whole)
        after = watch(path, start=1.3)
        assert after[-1] == (1.96, 49) and after[-10:] == [
            (round(n / 25, 4), n) for n in whole[-10:]
        ]
        assert dict(watch(path, rate_hz=25))[1.6] == 40


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.flv"])
def test_of_a_file_that_breaks_off_what_is_there_is_read(tmp_path: Path, name: str) -> None:
    options = {"movflags": "+faststart"} if name.endswith("mp4") else {}
    path = tmp_path / name
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0", "g": "10"})
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        noise = np.random.default_rng(0)
        for number in range(50):
            plane = noise.integers(0, 255, (SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
            frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    told = list(iter_frames(path, width=8, height=8))
    assert 20 <= len(told) <= 35
    assert [frame.time for frame in told] == pytest.approx(np.arange(len(told)) / 25, abs=0.002)
    later = list(iter_frames(path, width=8, height=8, start=0.5))
    assert len(later) == pytest.approx(len(told) - 13, abs=1)


def test_a_clock_that_starts_anew_goes_on(tmp_path: Path) -> None:
    one = write_numbered(tmp_path / "one.ts", options={"bf": "0", "g": "10"}).read_bytes()
    path = tmp_path / "two.ts"
    path.write_bytes(one + one)
    told = watch(path)
    assert [number for _, number in told] == [*range(50), *range(50)]
    assert np.diff([time for time, _ in told]) == pytest.approx(np.full(99, 0.04), abs=0.005)


def test_cover_art_is_no_picture(tmp_path: Path) -> None:
    def write(name: str, *, moving: bool) -> Path:
        with av.open(str(tmp_path / name), "w") as container:
            voice = add_sound(container, "aac", 48_000)
            cover = container.add_stream("mjpeg", rate=25)
            (cover.width, cover.height), cover.pix_fmt = (640, 640), "yuvj420p"
            cover.disposition = Disposition.attached_pic
            packets = [*cover.encode(av.VideoFrame(640, 640, "yuvj420p")), *cover.encode(None)]
            if moving:
                film = container.add_stream("mpeg4", rate=25)
                (film.width, film.height), film.pix_fmt = SIZE, "yuv420p"
                packets += film.encode(av.VideoFrame(*SIZE, "yuv420p"))
                packets += film.encode(None)
            for packet in [*packets, *encode(voice, chirps(48_000))]:
                container.mux(packet)
        return tmp_path / name

    with pytest.raises(MediaError, match=r"song\.mp4: has no picture .*audio"):
        probe_video(write("song.mp4", moving=False))
    assert probe_video(write("film.mp4", moving=True)).size == SIZE


def test_files_without_picture_say_so(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "song.mp3", "libmp3lame")
    for call in (probe_video, lambda path: next(iter_frames(path, width=8, height=8))):
        with pytest.raises(MediaError, match=r"song\.mp3: has no picture"):
            call(song)
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no film at all")
    with pytest.raises(MediaError, match="is text, not media"):
        probe_video(tmp_path / "text.mp4")


def test_a_picture_that_cannot_be_decoded_at_all(tmp_path: Path) -> None:
    def empty(packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        return [like(packet, b"\0" * packet.size) for packet in packets]

    path = write_numbered(tmp_path / "a.mp4", edit=empty)
    with pytest.raises(MediaError, match=r"a\.mp4: .*picture.*(decoded|decoder)"):
        probe_video(path)


def test_a_still_is_held_as_long_as_it_lasts(tmp_path: Path) -> None:
    def last(packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        packets[-1].duration = round(3 / packets[-1].time_base)
        return packets

    path = write_numbered(tmp_path / "a.mp4", frames=1, edit=last, options={"bf": "0"})
    assert watch(path, rate_hz=4) == [(k / 4, 0) for k in range(12)]
    assert watch(path, rate_hz=4, start=2.0) == [(k / 4, 0) for k in range(8, 12)]


def test_sizes_and_rates_must_be_positive(film: Path) -> None:
    with pytest.raises(ValueError, match="positive"):
        next(iter_frames(film, width=0, height=3))
    with pytest.raises(ValueError, match="positive"):
        next(iter_frames(film, width=3, height=3, rate_hz=0))


def test_progress_is_told(film: Path) -> None:
    told: list[float] = []
    stages = set()

    def progress(stage: str, fraction: float) -> None:
        stages.add(stage)
        told.append(fraction)

    count = sum(1 for _ in iter_frames(film, width=8, height=8, start=1, end=3, progress=progress))
    assert count == 50 and stages == {"watching"}
    assert told == sorted(told) and told[-1] == 1.0 and 0 <= told[0] < 0.1


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", frames=600, size=(480, 270))
    next(iter_frames(path, width=480, height=270))
    with peak_memory() as peak:
        count = sum(1 for _ in iter_frames(path, width=480, height=270))
    assert count == 600  # 230 MiB of RGB
    assert peak.mib < 60
