"""A film's sound moved against its picture: to the sample, and nothing else touched."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from clips import CHIRP_TIMES, chirps, encode, flash_time, place_of_chirp, write_sound

from avsync.errors import MediaError, RenderError
from avsync.media import probe, probe_video, read_audio
from avsync.render.remux import shift_sound

KINDS = {
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".mkv": ("libx264", "flac"),
    ".webm": ("libvpx-vp9", "libopus"),
}


def write_film(path: Path, *, sounds: int = 1, picture: str = "", sound: str = "") -> Path:
    """Six seconds with B-frames, chirps, a flash at 0.4 s, chapters, names and languages."""
    codecs = KINDS[path.suffix]
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Low Tide"
        video = container.add_stream(picture or codecs[0], rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if codecs[0] == "libx264":
            video.codec_context.max_b_frames = 2
        tracks = [
            container.add_stream(sound or codecs[1], rate=48_000, layout="stereo")
            for _ in range(sounds)
        ]
        for number, track in enumerate(tracks):
            track.metadata["language"] = ("eng", "fra")[number]
            track.disposition = Disposition(0 if number else Disposition.default)
        half = {"id": 1, "start": 0, "end": 3000, "time_base": Fraction(1, 1000)}
        container.set_chapters([{**half, "metadata": {"title": "One"}}])  # type: ignore[typeddict-item]
        packets = []
        for number in range(150):
            light = 235 if number == 10 else 16 + number % 7
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), light, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        for track in tracks:
            packets += encode(track, chirps(48_000))  # type: ignore[arg-type]
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            container.mux(packet)
    return path


@pytest.fixture(scope="module", params=list(KINDS))
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / f"film{request.param}")


def payloads(path: Path) -> dict[int, list[tuple[float, bytes]]]:
    """Times and content of all packets, by stream."""
    found: dict[int, list[tuple[float, bytes]]] = defaultdict(list)
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                seconds = float(packet.pts * packet.time_base)
                found[packet.stream.index].append((seconds, bytes(packet)))
    return found


def heard_at(path: Path, by_s: float, *, track: int | None = None) -> list[float]:
    """By how many seconds each chirp is off where it should be, of those that are left."""
    sound = read_audio(path, track=track, rate_hz=48_000)
    due = [time + by_s for time in CHIRP_TIMES if time + by_s > 0.1]
    return [place_of_chirp(sound.samples, 48_000, time) - time for time in due]


@pytest.mark.parametrize("by_s", [0.2, -0.2, 1.5, -1.0])
def test_sound_moves_and_nothing_else_does(film: Path, tmp_path: Path, by_s: float) -> None:
    target = tmp_path / f"fixed{film.suffix}"
    before = heard_at(film, 0.0)
    shift_sound(film, target, by_s)
    after = heard_at(target, by_s)
    assert len(after) >= 5
    np.testing.assert_allclose(after, before[-len(after) :], atol=0.0011)
    assert flash_time(target) == pytest.approx(flash_time(film), abs=1e-3)
    old, new = payloads(film), payloads(target)
    np.testing.assert_allclose([t for t, _ in new[0]], [t for t, _ in old[0]], atol=1e-3)
    assert [content for _, content in new[0]] == [content for _, content in old[0]]
    kept = [content for _, content in new[1]]
    assert kept == [content for _, content in old[1]][len(old[1]) - len(kept) :]
    lost = sum(t + by_s < 0 for t, _ in old[1]) + 3
    assert len(kept) >= len(old[1]) - lost


def test_what_else_a_film_says_goes_along(film: Path, tmp_path: Path) -> None:
    target = tmp_path / f"fixed{film.suffix}"
    shift_sound(film, target, 0.1)
    with av.open(str(film)) as old, av.open(str(target)) as new:
        assert new.metadata["title"] == "Low Tide"
        assert [c["metadata"]["title"] for c in new.chapters()] == ["One"]
        assert [c["end"] * (c["time_base"] or 0) for c in new.chapters()] == [3]
        streams = zip(
            list(old.streams)[:2], list(new.streams)[:2], strict=True
        )  # then the chapters' own
        for one, other in streams:
            assert one.metadata.get("language") == other.metadata.get("language")
            assert one.disposition == other.disposition
            assert one.codec_context.codec_tag == other.codec_context.codec_tag
    assert probe_video(film).frame_rate == probe_video(target).frame_rate == 25


def test_nothing_moves_by_nothing_and_there_and_back(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv")
    shift_sound(film, tmp_path / "same.mkv", 0.0)
    assert payloads(film) == payloads(tmp_path / "same.mkv")
    shift_sound(film, tmp_path / "later.mkv", 0.5)
    shift_sound(tmp_path / "later.mkv", tmp_path / "back.mkv", -0.5)
    assert payloads(film) == payloads(tmp_path / "back.mkv")


def test_into_another_container(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4")
    before = heard_at(film, 0.0)
    for name in ("fixed.mkv", "fixed.mov"):
        shift_sound(film, tmp_path / name, -0.3)
        np.testing.assert_allclose(heard_at(tmp_path / name, -0.3), before, atol=0.0011)


def test_only_the_track_that_was_asked_for(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", sounds=2)
    target = tmp_path / "fixed.mkv"
    shift_sound(film, target, 0.25, audio_track=2)
    assert max(map(abs, heard_at(target, 0.0, track=1))) < 1e-3
    assert max(map(abs, heard_at(target, 0.25, track=2))) < 1.5e-3
    shift_sound(film, target, 0.25)
    for track in (1, 2):
        assert max(map(abs, heard_at(target, 0.25, track=track))) < 1.5e-3
    assert [t.language for t in probe(target).audio] == ["eng", "fra"]


def test_subtitles_and_attachments_go_along(tmp_path: Path) -> None:
    plain, film = write_film(tmp_path / "plain.mkv"), tmp_path / "film.mkv"
    add_extras(plain, film)
    target = tmp_path / "fixed.mkv"
    shift_sound(film, target, -0.2)
    with av.open(str(target)) as container:
        kinds = [stream.type for stream in container.streams]
        assert kinds.count("subtitle") == 1 and kinds.count("attachment") == 1
        (font,) = (s for s in container.streams if s.type == "attachment")
        assert getattr(font, "data", b"") == b"a font" * 100
    old, new = payloads(film), payloads(target)
    assert old[2] == new[2] and old[2][0][0] == pytest.approx(1.0)


def add_extras(source: Path, target: Path) -> None:
    """The same film with a subtitle at 1 s and a font."""
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in film.streams}
        words = out.add_mux_stream("subrip")
        words.time_base = Fraction(1, 1000)
        out.add_attachment("font.ttf", "font/ttf", b"a font" * 100)
        packets = [p for p in film.demux() if p.size]
        for packet in packets:
            packet.stream = streams[packet.stream.index]
        cue = av.Packet(b"Who is there?")
        cue.stream, cue.time_base = words, Fraction(1, 1000)
        cue.pts = cue.dts = 1000
        cue.duration = 1500
        for packet in sorted([*packets, cue], key=lambda p: (p.dts or 0) * p.time_base):
            out.mux(packet)


@pytest.mark.parametrize(
    ("name", "by_s", "says"),
    [("fixed.avi", 0.1, "extension"), ("film.mkv", 0.1, "itself"), ("fixed.mkv", 1e9, "an hour")],
)
def test_wrong_arguments(tmp_path: Path, name: str, by_s: float, says: str) -> None:
    film = write_film(tmp_path / "film.mkv")
    content = film.read_bytes()
    with pytest.raises(ValueError, match=says):
        shift_sound(film, tmp_path / name, by_s)
    assert film.read_bytes() == content


def test_failures_leave_nothing_behind(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv")
    left = sorted(tmp_path.iterdir())

    def fails(kind: type[Exception], source: Path, target: str, track: int | None = None) -> None:
        with pytest.raises(kind):
            shift_sound(source, tmp_path / target, 0.1, audio_track=track)
        assert sorted(tmp_path.iterdir()) == left

    fails(FileNotFoundError, tmp_path / "none.mkv", "fixed.mkv")
    fails(MediaError, film, "fixed.mkv", 0)  # the picture is no sound
    fails(RenderError, film, "fixed.webm")  # which cannot hold H.264
    fails(OSError, film, "no/such/folder/fixed.mkv")


def test_damage_is_an_error_or_copied_but_never_a_traceback(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv")
    whole = film.read_bytes()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in rng.integers(200, len(whole), 40):
            damaged[at] = int(rng.integers(256))
        path = tmp_path / "damaged.mkv"
        path.write_bytes(bytes(damaged[: int(rng.integers(len(whole) // 2, len(whole)))]))
        try:
            shift_sound(path, tmp_path / "fixed.mkv", 0.1)
        except (MediaError, RenderError):
            continue
        assert probe(tmp_path / "fixed.mkv").audio


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    film = write_sound(tmp_path / "film.mkv", "flac", picture=True)
    told: list[float] = []

    def tell(stage: str, fraction: float) -> None:
        assert stage == "copying"
        told.append(fraction)

    shift_sound(film, tmp_path / "fixed.mkv", 0.1, progress=tell)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 10
