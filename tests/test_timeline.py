"""Cut lists in editing programs' formats: the same frames back, and what the files say."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avsync.cutlist import CutList, Marker, Shot, Soundtrack
from avsync.errors import MediaError, RenderError
from avsync.timeline import TIMELINE_EXTENSIONS, read_timeline, write_timeline

FORMATS = sorted(TIMELINE_EXTENSIONS)
RATES = [Fraction(n) for n in (24, 25, 30, 50, 60)]
RATES += [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
NAMES = (
    "a.mp4",
    "b c.MOV",
    "ü%20#?&.mov",
    "日本語.mkv",
    "quo\"te's <x>.mp4",
    "[1001-1020].mp4",
    "AX.mp4",
    "FROM CLIP NAME: x.mp4",
)


@st.composite
def cut_lists(draw: st.DrawFn) -> CutList:
    rate = draw(st.sampled_from(RATES))
    shots: list[Shot] = []
    for _ in range(draw(st.integers(1, 6))):
        frames = draw(st.integers(1, 3000))
        start = draw(st.integers(0, 200_000))  # more than an hour at 50 frames a second
        room = min(frames // 2, shots[-1].frames // 2) if shots else 0
        dissolve = draw(st.integers(0, min(99, 2 * room, 2 * start)))
        name = draw(st.sampled_from(NAMES))
        if dissolve > 1 and (dissolve + 1) // 2 > room:
            dissolve = 0
        shots.append(Shot(Path("/media") / name, start, frames, dissolve))
    music = None
    if draw(st.booleans()):
        music = Soundtrack(Path("/music/my song.flac"), draw(st.floats(0, 600)))
    length = sum(shot.frames for shot in shots)
    at = sorted(draw(st.sets(st.integers(0, length - 1), max_size=5)))
    markers = tuple(Marker(float(n / rate), f"{i}.{n % 4}") for i, n in enumerate(at))
    return CutList(tuple(shots), rate, music, markers, draw(st.sampled_from(["m", "Ä & <b>"])))


def same(found: CutList, cuts: CutList, *, music_within: float) -> None:
    assert found.shots == cuts.shots
    assert found.starts == cuts.starts
    assert found.frame_rate == cuts.frame_rate
    assert found.name == cuts.name
    assert [m.name for m in found.markers] == [m.name for m in cuts.markers]
    for marker, other in zip(found.markers, cuts.markers, strict=True):
        assert round(Fraction(marker.time) * cuts.frame_rate) == round(
            Fraction(other.time) * cuts.frame_rate
        )
    assert (found.music is None) == (cuts.music is None)
    if found.music is not None and cuts.music is not None:
        assert found.music.path == cuts.music.path
        assert abs(found.music.start - cuts.music.start) <= music_within


@pytest.mark.parametrize("extension", FORMATS)
@given(cuts=cut_lists())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_format_reads_back_to_the_same_frames(
    extension: str, tmp_path: Path, cuts: CutList
) -> None:
    path = tmp_path / f"cut{extension}"
    write_timeline(cuts, path)
    found = read_timeline(path)
    half_a_frame = 0.5 / float(cuts.frame_rate) + 1e-9
    same(found, cuts, music_within=half_a_frame if extension == ".edl" else 1e-6)
    before = path.read_bytes()
    write_timeline(found, path)  # what was read says the same once more
    same(read_timeline(path), found, music_within=1e-6)
    write_timeline(cuts, path)
    assert path.read_bytes() == before


EXAMPLE = CutList(
    (
        Shot(Path("/media/a b.mp4"), 1795, 40),
        Shot(Path("/media/ü.mov"), 20, 40, 9),
        Shot(Path("/media/c.mov"), 3, 7),
        Shot(Path("/media/c.mov"), 3, 7),
    ),
    Fraction(30_000, 1001),
    Soundtrack(Path("/media/song.wav"), 1.5, fade_in=0.5, fade_out=2.0),
    (Marker(0.0, "1.1"), Marker(0.5005, "1.2"), Marker(2.7, "2.1")),
    "demo",
)


def written(cuts: CutList, path: Path) -> str:
    write_timeline(cuts, path)
    return path.read_text(encoding="utf-8")


def test_edl(tmp_path: Path) -> None:
    assert written(EXAMPLE, tmp_path / "x.edl").splitlines() == [
        "TITLE: demo",
        "FCM: DROP FRAME",
        "",
        "001  AB       V     C        00:00:59;25 00:01:01;03 00:00:00;00 00:00:01;06",
        "* FROM CLIP NAME: a b.mp4",
        "* FROM CLIP: file:///media/a%20b.mp4",
        "* FRAME RATE: 30000/1001",
        "* LOC: 00:00:00;00 GREEN   1.1",
        "* LOC: 00:00:00;15 GREEN   1.2",
        "002  AB       V     C        00:01:01;03 00:01:01;03 00:00:01;06 00:00:01;06",
        "002  CLIP     V     D    009 00:00:00;16 00:00:02;00 00:00:01;06 00:00:02;20",
        "* FROM CLIP NAME: a b.mp4",
        "* FROM CLIP: file:///media/a%20b.mp4",
        "* TO CLIP NAME: ü.mov",
        "* TO CLIP: file:///media/%C3%BC.mov",
        "003  C        V     C        00:00:00;03 00:00:00;10 00:00:02;20 00:00:02;27",
        "* FROM CLIP NAME: c.mov",
        "* FROM CLIP: file:///media/c.mov",
        "* LOC: 00:00:02;21 GREEN   2.1",
        "004  C        V     C        00:00:00;03 00:00:00;10 00:00:02;27 00:00:03;04",
        "* FROM CLIP NAME: c.mov",
        "* FROM CLIP: file:///media/c.mov",
        "005  SONG     AA    C        00:00:01;15 00:00:04;19 00:00:00;00 00:00:03;04",
        "* FROM CLIP NAME: song.wav",
        "* FROM CLIP: file:///media/song.wav",
    ]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_edl_timecode_counts_nominal_frames(rate: Fraction, tmp_path: Path) -> None:
    nominal = -int(-rate // 1)
    hour = nominal * 3600
    dropping = rate in (Fraction(30_000, 1001), Fraction(60_000, 1001))
    text = written(CutList((Shot(Path("/a.mp4"), 0, hour),), rate), tmp_path / "x.edl")
    assert ("FCM: DROP FRAME" in text) == dropping
    end = text.splitlines()[3].split()[-1]
    assert end == {30: "01:00:03;18", 60: "01:00:03;36"}[nominal] if dropping else "01:00:00:00"


def test_fcpxml(tmp_path: Path) -> None:
    text = written(EXAMPLE, tmp_path / "x.fcpxml")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ElementTree.fromstring(text)
    assert root.get("version") == "1.8"
    form = root.find("resources/format")
    assert form is not None and form.get("frameDuration") == "1001/30000s"
    assets = {asset.get("name"): asset.attrib for asset in root.iterfind("resources/asset")}
    assert len(assets) == 4
    assert assets["a b.mp4"]["src"] == "file:///media/a%20b.mp4"
    assert assets["a b.mp4"]["hasVideo"] == "1"
    assert "hasVideo" not in assets["song.wav"] and assets["song.wav"]["hasAudio"] == "1"
    spine = root.find("library/event/project/sequence/spine")
    assert spine is not None
    assert [item.tag for item in spine] == ["asset-clip", "transition", *["asset-clip"] * 3]
    frame = Fraction(1001, 30_000)

    def frames(item: ElementTree.Element, name: str) -> Fraction:
        return Fraction(item.get(name, "").removesuffix("s")) / frame

    assert [frames(item, "offset") for item in spine] == [0, 36, 40, 80, 87]
    assert [frames(item, "duration") for item in spine] == [40, 9, 40, 7, 7]
    effect = {item.get("id"): item.get("name") for item in root.iterfind("resources/effect")}
    filter_video = spine[1].find("filter-video")
    assert filter_video is not None and effect[filter_video.get("ref")] == "Cross Dissolve"
    assert [child.tag for child in spine[0]] == ["asset-clip", "marker", "marker"]  # DTD's order
    assert spine[0][0].get("lane") == "-1"
    fades = spine[0][0].find("adjust-volume/param[@name='amount']")
    assert fades is not None
    assert [(f.tag, f.get("duration")) for f in fades] == [("fadeIn", "1/2s"), ("fadeOut", "2s")]


def test_final_cut_7(tmp_path: Path) -> None:
    text = written(EXAMPLE, tmp_path / "x.xml")
    assert "<!DOCTYPE xmeml>" in text
    root = ElementTree.fromstring(text)
    sequence = root.find("project/children/sequence")
    assert sequence is not None
    assert (sequence.findtext("rate/timebase"), sequence.findtext("rate/ntsc")) == ("30", "TRUE")
    assert sequence.findtext("duration") == "94"
    clips = sequence.findall("media/video/track/clipitem")
    assert len({clip.get("id") for clip in clips}) == 4  # also of two that are alike
    assert [clip.findtext("start") for clip in clips] == ["0", "-1", "80", "87"]
    assert all(len(clip.findall("rate")) == 1 for clip in clips)
    urls = [url.text for url in root.iter("pathurl")]
    assert urls[:2] == ["file:///media/a%20b.mp4", "file:///media/%C3%BC.mov"]
    markers = sequence.findall("marker")
    assert [m.findtext("in") for m in markers] == ["0", "15", "81"]
    assert {m.findtext("out") for m in markers} == {"-1"}
    song = sequence.find("media/audio/track/clipitem")
    assert song is not None and song.findtext("pproTicksIn") == str(254_016_000_000 * 3 // 2)


def test_otio(tmp_path: Path) -> None:
    timeline: Any = otio.schema.Timeline.from_json_string(written(EXAMPLE, tmp_path / "x.otio"))
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio"]
    transition = timeline.tracks[0][1]
    assert (transition.in_offset.value, transition.out_offset.value) == (4, 5)
    assert [marker.name for marker in timeline.tracks.markers] == ["1.1", "1.2", "2.1"]
    assert read_timeline(tmp_path / "x.otio").music == EXAMPLE.music  # with its fades


def test_media_at_hand_is_described(tmp_path: Path) -> None:
    from numbered import write_numbered

    clip = write_numbered(tmp_path / "a.mp4", frames=50, rate=25, size=(96, 64))
    cuts = CutList((Shot(clip, 10, 20), Shot(clip, 0, 12)), Fraction(24))
    timeline: Any = otio.schema.Timeline.from_json_string(written(cuts, tmp_path / "x.otio"))
    known = timeline.tracks[0][0].media_reference.available_range
    assert (known.duration.value, known.duration.rate) == (50, 25)
    root = ElementTree.fromstring(written(cuts, tmp_path / "x.fcpxml"))
    asset = root.find("resources/asset")
    assert asset is not None and asset.get("duration") == "2s"
    forms = {form.get("id"): form.attrib for form in root.iterfind("resources/format")}
    assert forms[asset.get("format")]["frameDuration"] == "1/25s"
    assert forms[asset.get("format")]["width"] == "96"
    conform = root.find(".//asset-clip/conform-rate")  # else Final Cut speeds it up
    assert conform is not None and conform.get("scaleEnabled") == "0"
    root = ElementTree.fromstring(written(cuts, tmp_path / "x.xml"))
    assert root.findtext(".//file/rate/timebase") == "25"
    assert root.findtext(".//clipitem/in") == "10"
    assert root.findtext(".//format/samplecharacteristics/width") == "96"
    for extension in FORMATS:
        write_timeline(cuts, tmp_path / f"x{extension}")
        assert read_timeline(tmp_path / f"x{extension}").shots == cuts.shots


# --- what cannot be written ------------------------------------------------------------------


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize(
    ("shots", "reason"),
    [
        ((), "no shots"),
        ((Shot(Path("a"), 0, 9), Shot(Path("b"), 2, 9, 8)), "begins 2 frames into b"),
        ((Shot(Path("a"), 0, 9), Shot(Path("b"), 20, 7, 16)), "shot 2 is 7 frames long"),
    ],
)
def test_what_no_timeline_can_hold_is_not_written(
    extension: str, shots: tuple[Shot, ...], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x{extension}"
    with pytest.raises(RenderError, match=reason) as caught:
        write_timeline(CutList(shots, Fraction(25)), path)
    assert caught.value.path == str(path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "x.avb", tmp_path / "x"):
        with pytest.raises(ValueError, match=r"one of \.edl \.fcpxml \.otio \.xml"):
            write_timeline(EXAMPLE, path)
        with pytest.raises(ValueError, match="one of"):
            read_timeline(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.edl"
    path.write_text("old")
    odd = replace(EXAMPLE, frame_rate=Fraction(25, 2))  # no timecode counts it
    with pytest.raises(RenderError, match="timecode"):
        write_timeline(odd, path)
    assert path.read_text() == "old"
    with pytest.raises(OSError):
        write_timeline(EXAMPLE, tmp_path / "nowhere" / "x.otio")


def test_relative_sources_are_written_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_timeline(CutList((Shot(Path("a.mp4"), 0, 9),), Fraction(25)), "x.otio")
    assert read_timeline("x.otio").shots[0].source == tmp_path / "a.mp4"


@pytest.mark.skipif(os.name != "posix", reason="such names are only possible there")
@pytest.mark.parametrize("extension", FORMATS)
def test_names_that_are_no_text_come_back(extension: str, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"/media/\xff\x01\n.mp4"))
    cuts = CutList((Shot(odd, 3, 9),), Fraction(25), name="a\x00\x0bb")
    write_timeline(cuts, tmp_path / f"x{extension}")
    assert read_timeline(tmp_path / f"x{extension}").shots == cuts.shots


# --- what cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02",
        b"{}",
        b"[]",
        b"<a/>",
        b"<xmeml version='4'/>",
        b"<fcpxml version='1.8'><project><sequence><spine/></sequence></project></fcpxml>",
        b"001  AX V C 1 2 3",
        b"001  AX V C 00:00:00:00 00:00:99:00 00:00:00:00 00:00:01:00",
        b"hello\nworld\n",
        b'{"OTIO_SCHEMA": "Clip.2", "name": "x"}',
        pytest.param(b"[" * 1_000_000, id="deep"),
        pytest.param(b'{"a":' * 300_000, id="deeper"),
        b'{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1"}}',
    ],
)
def test_what_is_no_timeline_is_said_to_be_none(
    extension: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"x{extension}"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=re.escape(path.name)) as caught:
        read_timeline(path, frame_rate=Fraction(25))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300), st.sampled_from(FORMATS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_gets_past_the_errors(tmp_path: Path, content: bytes, extension: str) -> None:
    path = tmp_path / f"x{extension}"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        read_timeline(path, frame_rate=Fraction(25))


def test_a_truncated_timeline_is_an_error_or_shorter(tmp_path: Path) -> None:
    for extension in FORMATS:
        whole = written(EXAMPLE, tmp_path / f"x{extension}")
        for share in (0.3, 0.6, 0.9):
            (tmp_path / f"y{extension}").write_text(whole[: int(len(whole) * share)])
            try:
                found = read_timeline(tmp_path / f"y{extension}")
            except MediaError:
                continue
            assert extension == ".edl" and len(found.shots) <= 4


def test_a_missing_timeline(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_timeline(tmp_path / "x.otio")
    (tmp_path / "d.otio").mkdir()
    with pytest.raises(MediaError, match="directory"):
        read_timeline(tmp_path / "d.otio")


def timeline_with(*items: Any, tracks: int = 1) -> Any:
    timeline = otio.schema.Timeline("t")
    for _ in range(tracks):
        track = otio.schema.Track(kind="Video")
        track.extend([item.deepcopy() for item in items])
        timeline.tracks.append(track)
    return timeline


def frames(start: int, length: int, rate: float = 25) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(length, rate))


def clip(name: str = "a.mp4", start: int = 0, length: int = 10) -> Any:
    reference = otio.schema.ExternalReference(f"file:///media/{name}")
    return otio.schema.Clip(name, media_reference=reference, source_range=frames(start, length))


def warped(effect: Any) -> Any:
    made = clip()
    made.effects.append(effect)
    return made


def off() -> Any:
    made = clip("off.mp4")
    made.enabled = False
    return made


NESTED = otio.schema.Stack("inner", source_range=frames(0, 10))
BLACK = otio.schema.GeneratorReference(generator_kind="black")


GAP = otio.schema.Gap(source_range=frames(0, 12))
DOUBLE = otio.schema.LinearTimeWarp(time_scalar=2)
FADE = otio.schema.Transition(
    transition_type="SMPTE_Dissolve",
    in_offset=frames(0, 2).duration,
    out_offset=frames(0, 2).duration,
)


@pytest.mark.parametrize(
    ("timeline", "reason"),
    [
        (timeline_with(clip(), GAP, clip()), "frame 10.*gap of 12 frames"),
        (timeline_with(clip(), NESTED), "nested stack 'inner'"),
        (timeline_with(clip(), tracks=2), "one track of picture; there are 2"),
        (timeline_with(clip(), warped(DOUBLE)), "2 times its speed"),
        (timeline_with(warped(otio.schema.FreezeFrame())), "freeze frame"),
        (timeline_with(clip(), off()), "'off.mp4', switched off"),
        (timeline_with(otio.schema.Clip("b", BLACK, frames(0, 5))), "generated picture"),
        (timeline_with(), "there is nothing on it"),
        (timeline_with(FADE, clip()), "fades in or out"),
    ],
)
def test_what_a_cut_list_cannot_hold_is_named(timeline: Any, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.otio"
    path.write_text(timeline.to_json_string())
    with pytest.raises(MediaError, match=reason):
        read_timeline(path)


def test_a_dissolve_off_its_cut_is_centred_and_shows_the_same(tmp_path: Path) -> None:
    time = otio.opentime.RationalTime
    over = otio.schema.Transition(
        transition_type="SMPTE_Dissolve", in_offset=time(0, 25), out_offset=time(8, 25)
    )
    timeline = timeline_with(clip(start=5, length=20), over, clip("b.mp4", 30, 20))
    (tmp_path / "x.otio").write_text(timeline.to_json_string())
    shots = read_timeline(tmp_path / "x.otio").shots
    assert shots == (Shot(Path("/media/a.mp4"), 5, 24), Shot(Path("/media/b.mp4"), 34, 16, 8))


def test_source_timecode_is_counted_from_the_file_s_first_frame(tmp_path: Path) -> None:
    made = clip(start=90_010)
    made.media_reference.available_range = frames(90_000, 500)
    (tmp_path / "x.otio").write_text(timeline_with(made).to_json_string())
    assert read_timeline(tmp_path / "x.otio").shots[0].source_frame == 10


def test_sound_of_the_picture_is_no_music_and_two_songs_are_too_many(tmp_path: Path) -> None:
    timeline = timeline_with(clip(length=30))
    sound = otio.schema.Track(kind="Audio")
    sound.append(clip(length=30))
    timeline.tracks.append(sound)
    path = tmp_path / "x.otio"
    path.write_text(timeline.to_json_string())
    assert read_timeline(path).music is None
    for name in ("s.wav", "t.wav"):
        sound.append(clip(name))
    path.write_text(timeline.to_json_string())
    with pytest.raises(MediaError, match=r"one piece of music; there are 2: s\.wav, t\.wav"):
        read_timeline(path)
    del sound[2]
    path.write_text(timeline.to_json_string())
    with pytest.raises(MediaError, match="music begins at frame 30"):
        read_timeline(path)


@pytest.mark.parametrize("url", ["a%20b.mp4", "a b.mp4", "./a b.mp4"])
def test_relative_media_lie_beside_the_timeline(url: str, tmp_path: Path) -> None:
    (tmp_path / "a b.mp4").touch()
    made = clip()
    made.media_reference.target_url = url
    (tmp_path / "x.otio").write_text(timeline_with(made).to_json_string())
    assert read_timeline(tmp_path / "x.otio").shots[0].source == tmp_path / "a b.mp4"


def test_media_on_the_net_is_refused(tmp_path: Path) -> None:
    made = clip()
    made.media_reference.target_url = "https://example.com/a.mp4"
    (tmp_path / "x.otio").write_text(timeline_with(made).to_json_string())
    with pytest.raises(MediaError, match="download it first"):
        read_timeline(tmp_path / "x.otio")


def test_several_timelines_are_not_guessed_from(tmp_path: Path) -> None:
    both = otio.schema.SerializableCollection(children=[timeline_with(clip()) for _ in range(2)])
    (tmp_path / "x.otio").write_text(both.to_json_string())
    with pytest.raises(MediaError, match="2 timelines"):
        read_timeline(tmp_path / "x.otio")
    del both[1]
    (tmp_path / "x.otio").write_text(both.to_json_string())
    assert len(read_timeline(tmp_path / "x.otio").shots) == 1


# --- EDLs of other programs ------------------------------------------------------------------


def edl(tmp_path: Path, *lines: str, rate: Fraction | None = None) -> CutList:
    path = tmp_path / "x.edl"
    path.write_text("\n".join(lines))
    return read_timeline(path, frame_rate=rate)


def test_an_edl_without_frame_rate_asks_for_it(tmp_path: Path) -> None:
    line = "001  AX  V  C  00:00:00:00 00:00:01:00 01:00:00:00 01:00:01:00"
    with pytest.raises(MediaError, match="give the frame rate"):
        edl(tmp_path, line)
    found = edl(tmp_path, line, "* FROM CLIP NAME: a.mov", rate=Fraction(50))
    assert found.shots == (Shot(tmp_path / "a.mov", 0, 50),)


def test_drop_frame_by_the_fcm_line_alone(tmp_path: Path) -> None:
    found = edl(
        tmp_path,
        "TITLE: x",
        "FCM: DROP FRAME",
        "001  A  V  C  00:00:00:00 00:01:00:02 00:00:00:00 00:01:00:02",
        "002  B  V  C  00:00:00:00 00:00:01:00 00:01:00:02 00:01:01:02",
    )
    assert found.frame_rate == Fraction(30_000, 1001)
    assert [shot.frames for shot in found.shots] == [1800, 30]
    with pytest.raises(MediaError, match="drop-frame"):
        edl(tmp_path, "001 A V C 00:00:00;00 00:00:01;00 00:00:00;00 00:00:01;00", rate=RATES[1])


def test_one_event_may_hold_both_sides_of_a_dissolve(tmp_path: Path) -> None:
    found = edl(
        tmp_path,
        "001  A  V  C      00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00",
        "001  B  V  D  010 00:00:20:00 00:00:23:00 01:00:02:00 01:00:05:00",
        "* FROM CLIP NAME: a.mov",
        "* TO CLIP NAME: b.mov",
        rate=Fraction(25),
    )
    assert found.shots == (
        Shot(tmp_path / "a.mov", 250, 55),
        Shot(tmp_path / "b.mov", 505, 70, 10),
    )


def test_lines_of_one_event_are_its_channels(tmp_path: Path) -> None:
    found = edl(
        tmp_path,
        "001  A  V     C  00:00:00:00 00:00:02:00 01:00:00:00 01:00:02:00",
        "001  A  A     C  00:00:00:00 00:00:02:00 01:00:00:00 01:00:02:00",
        "* FROM CLIP NAME: a.mov",
        "002  B  AA/V  C  00:00:00:00 00:00:02:00 01:00:02:00 01:00:04:00",
        "* FROM CLIP NAME: b.mov",
        "003  S  A3    C  00:00:05:00 00:00:09:00 01:00:00:00 01:00:04:00",
        "* FROM CLIP NAME: song.wav",
        rate=Fraction(25),
    )
    assert [shot.source.name for shot in found.shots] == ["a.mov", "b.mov"]
    assert found.music == Soundtrack(tmp_path / "song.wav", 5.0)


def test_an_edl_s_speed_change_and_black_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="2 times its speed"):
        edl(
            tmp_path,
            "001  A  V  C  00:00:00:00 00:00:02:00 01:00:00:00 01:00:01:00",
            "M2   A       050.0                00:00:00:00",
            rate=Fraction(25),
        )
    with pytest.raises(MediaError, match="generated picture"):
        edl(tmp_path, "001 BL V C 0 25 0 25", rate=Fraction(25))


# --- XML of other programs -------------------------------------------------------------------

FINAL_CUT = """<?xml version="1.0"?><!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources>
  <format id="r1" name="FFVideoFormat1080p25" frameDuration="100/2500s" width="1920" height="1080"/>
  <asset id="r2" name="A" start="3600s" duration="100s" hasVideo="1" hasAudio="1" format="r1">
    <media-rep kind="original-media" src="file:///media/a.mov"/></asset>
  <asset id="r3" name="S" start="0s" duration="500s" hasAudio="1"
    ><media-rep kind="original-media" src="file:///media/song.wav"/></asset>
</resources><library><event name="e"><project name="p">
  <sequence format="r1" duration="10s" tcStart="3600s" tcFormat="NDF"><note>n</note><spine>
    <asset-clip ref="r2" offset="3600s" name="one" start="3610s" duration="4s">
      <adjust-transform scale="2 2"/>
      <asset-clip ref="r3" lane="-1" offset="3610s" name="S" start="7s" duration="10s"/>
      <marker start="3612s" duration="1/25s" value="here"/>
      <filter-video ref="r9" name="Look"/>
    </asset-clip>
    <clip name="two" offset="3604s" duration="150/25s" start="10s">
      <video ref="r2" offset="0s" start="3600s" duration="100s"/>
    </clip>
  </spine></sequence></project></event></library></fcpxml>"""


def test_final_cut_s_own_fcpxml(tmp_path: Path) -> None:
    (tmp_path / "x.fcpxml").write_text(FINAL_CUT)
    found = read_timeline(tmp_path / "x.fcpxml")
    source = Path("/media/a.mov")
    assert found.shots == (Shot(source, 250, 100), Shot(source, 250, 150))
    assert found.music == Soundtrack(Path("/media/song.wav"), 7.0)
    assert found.markers == (Marker(2.0, "here"),)
    (tmp_path / "x.xml").write_text(FINAL_CUT)  # under the other name, too
    assert read_timeline(tmp_path / "x.xml") == found


def test_retimed_and_compound_clips_of_fcpxml_are_named(tmp_path: Path) -> None:
    retimed = FINAL_CUT.replace("<adjust-transform", "<timeMap/><adjust-transform")
    (tmp_path / "x.fcpxml").write_text(retimed)
    with pytest.raises(MediaError, match="changed in speed"):
        read_timeline(tmp_path / "x.fcpxml")
    bad = FINAL_CUT.replace('frameDuration="100/2500s"', 'frameDuration="1/0s"')
    (tmp_path / "x.fcpxml").write_text(bad)
    with pytest.raises(MediaError, match="is no time"):
        read_timeline(tmp_path / "x.fcpxml")


def test_json_of_otio_has_no_random_parts(tmp_path: Path) -> None:
    first = json.loads(written(EXAMPLE, tmp_path / "a.otio"))
    second = json.loads(written(EXAMPLE, tmp_path / "b.otio"))
    assert first == second
