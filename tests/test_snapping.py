"""Snapping the timelines of editing programs: only the cuts move, everything else stays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avsync.beats.grid import BeatGrid
from avsync.cutlist import CutList, Marker, Shot, Soundtrack
from avsync.errors import MediaError, RenderError
from avsync.snap import snap_cuts, snap_timeline
from avsync.timeline import read_timeline, write_timeline
from avsync.timeline.files import load_timeline
from avsync.timeline.items import placed

FORMATS = (".edl", ".fcpxml", ".otio", ".xml")
RATES = [Fraction(n) for n in (24, 25, 30, 50, 60)]
RATES += [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
GRID = BeatGrid.regular(120, duration=60)  # a beat every half second
SONG = Path("/media/song.wav")


def time(frames: float, rate: float = 25) -> Any:
    return otio.opentime.RationalTime(frames, rate)


def span(start: float, length: float, rate: float = 25) -> Any:
    return otio.opentime.TimeRange(time(start, rate), time(length, rate))


def clip(name: str, start: float, length: float, *, of: float = 1000, rate: float = 25) -> Any:
    reference = otio.schema.ExternalReference(f"file:///media/{name}", span(0, of, rate))
    return otio.schema.Clip(name, reference, span(start, length, rate))


def track(*items: Any, kind: str = "Video") -> Any:
    made = otio.schema.Track(kind, kind=kind)
    made.extend(items)
    return made


def timeline(*tracks: Any) -> Any:
    made = otio.schema.Timeline("edit", global_start_time=time(90_000))
    made.tracks.extend(tracks)
    return made


def snapped(edit: Any, tmp_path: Path, **options: Any) -> tuple[Any, Any]:
    """What a timeline becomes, and the report."""
    source, target = tmp_path / "edit.otio", tmp_path / "out.otio"
    source.write_text(edit.to_json_string())
    result = snap_timeline(source, options.pop("grid", GRID), target, **options)
    assert result.output == target
    return otio.schema.Timeline.from_json_string(target.read_text()), result


def ranges(made: Any) -> list[list[tuple[float, float]]]:
    return [
        [(i.source_range.start_time.value, i.source_range.duration.value) for i in line]
        for line in ([i for i in t if not isinstance(i, otio.schema.Transition)] for t in made)
    ]


def test_only_the_ends_at_the_cuts_change(tmp_path: Path) -> None:
    edit = timeline(
        track(clip("a", 40, 52), clip("b", 10, 53), otio.schema.Gap(source_range=span(0, 22))),
        track(otio.schema.Gap(source_range=span(0, 30)), clip("title", 0, 40)),
        track(clip("a", 40, 52), clip("b", 10, 45), clip("c", 5, 9), kind="Audio"),
    )
    first = edit.tracks[0][0]
    first.effects.append(otio.schema.Effect("blur", "blur", {"radius": 3}))
    first.markers.append(otio.schema.Marker("look", span(60, 1)))
    first.metadata["studio"] = {"shot": "010", "fcp_xml": 1}
    edit.tracks[2][0].metadata["fcp_xml"] = {"pproTicksIn": "1", "name": "x"}
    edit.metadata["studio"] = {"show": "demo"}
    edit.tracks.markers.append(otio.schema.Marker("here", span(77, 3)))
    made, result = snapped(edit, tmp_path)
    assert [(m.before, m.after) for m in result.moves] == [(52, 50), (105, 100)]
    assert ranges(made.tracks) == [
        [(40, 50), (8, 50), (0, 27)],
        [(0, 30), (0, 40)],
        [(40, 50), (8, 47), (5, 9)],  # its cut at 97 is another one, and stays
    ]
    assert made.duration() == edit.duration()
    assert made.tracks[2][0].metadata["fcp_xml"] == {"name": "x"}  # Premiere would believe ticks
    for item, frames in ((made.tracks[0][0], 52), (made.tracks[0][1], 53)):
        item.source_range = span(item.source_range.start_time.value, frames)
    made.tracks[0][1].source_range = span(10, 53)
    made.tracks[0][2].source_range = span(0, 22)
    made.tracks[2][0].source_range, made.tracks[2][1].source_range = span(40, 52), span(10, 45)
    del edit.tracks[2][0].metadata["fcp_xml"]["pproTicksIn"]
    assert made.is_equivalent_to(edit)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "edit.otio"
    path.write_text(timeline(track(clip("a", 40, 52), clip("b", 10, 53))).to_json_string())
    before = path.read_bytes()
    result = snap_timeline(path, GRID)
    assert (result.output, result.moved, result.on_beat) == (None, 1, 1)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before
    snap_timeline(path, GRID, path)  # over itself, as asked for
    assert snap_timeline(path, GRID).moved == 0


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        (clip("a", 0, 48, of=49), clip("b", 9, 60), "'a' has no more material after"),
        (clip("a", 0, 52), clip("b", 1, 60), "'b' has no more material before"),
    ],
)
def test_material_is_what_the_media_s_range_says(
    left: Any, right: Any, reason: str, tmp_path: Path
) -> None:
    _, result = snapped(timeline(track(left, right)), tmp_path)
    assert result.moves[0].after == result.moves[0].before
    assert result.moves[0].reason.startswith(reason)


def test_linked_sound_needs_material_too(tmp_path: Path) -> None:
    edit = timeline(
        track(clip("a", 0, 48), clip("b", 9, 60)),
        track(clip("a", 0, 48, of=49), clip("b", 9, 60), kind="Audio"),
    )
    _, result = snapped(edit, tmp_path)
    assert (result.moves[0].after, result.moves[0].reason[:3]) == (48, "'a'")


def test_an_item_of_another_track_is_not_squeezed_to_nothing(tmp_path: Path) -> None:
    gap = otio.schema.Gap(source_range=span(0, 51))
    edit = timeline(
        track(clip("a", 0, 52), clip("b", 9, 60)),
        track(gap, clip("title", 9, 1), clip("other", 9, 10)),
    )
    made, result = snapped(edit, tmp_path)  # title ends at the cut, and begins one frame before
    assert result.moves[0].after == 52
    assert "'title' on another track would become too short" in result.moves[0].reason
    assert ranges(made.tracks)[1][1:] == [(9, 1), (9, 10)]


def test_transitions_move_with_their_cut_and_keep_their_frames(tmp_path: Path) -> None:
    over = otio.schema.Transition(
        transition_type="SMPTE_Dissolve", in_offset=time(4), out_offset=time(5)
    )
    edit = timeline(track(clip("a", 0, 52), over, clip("b", 6, 60)))
    made, result = snapped(edit, tmp_path)
    assert result.moves[0].after == 50
    assert isinstance(made.tracks[0][1], otio.schema.Transition)
    edit.tracks[0][2].source_range = span(5, 60)  # one frame too few for the dissolve
    _, result = snapped(edit, tmp_path)
    assert result.moves[0].after == 52


def test_changed_speed_is_left_alone(tmp_path: Path) -> None:
    fast = clip("b", 10, 48)
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2))
    edit = timeline(track(clip("a", 0, 52), fast, clip("c", 9, 47), clip("d", 9, 47)))
    made, result = snapped(edit, tmp_path)
    assert [m.after for m in result.moves] == [52, 100, 150]
    assert "'b' is played at 2 times its speed" in result.moves[0].reason
    assert ranges(made.tracks)[0][1] == (10, 48)


def test_nested_timelines_are_rolled_within_what_they_hold(tmp_path: Path) -> None:
    inner = otio.schema.Stack("inner", [track(clip("x", 0, 70))], span(10, 52))
    made, result = snapped(timeline(track(inner, clip("b", 9, 60))), tmp_path)
    assert result.moves[0].after == 50
    assert ranges(made.tracks)[0] == [(10, 50), (7, 62)]
    inner = otio.schema.Stack("inner", [track(clip("x", 0, 58))], span(10, 48))
    _, result = snapped(timeline(track(inner, clip("b", 9, 60))), tmp_path)
    assert result.moves[0].after == 48


def test_clips_of_other_rates_and_cuts_between_frames(tmp_path: Path) -> None:
    edit = timeline(track(clip("a", 60, 62.5, rate=30), clip("b", 10, 53)))  # a cut at 52.083
    made, result = snapped(edit, tmp_path)
    assert (result.moves[0].before, result.moves[0].after) == (52, 50)
    assert ranges(made.tracks)[0][0] == (60, 60)
    start, length = ranges(made.tracks)[0][1]
    assert (start, length) == pytest.approx((10 - 25 / 12, 53 + 25 / 12))


def test_the_chosen_track_moves(tmp_path: Path) -> None:
    edit = timeline(
        track(clip("a", 0, 52), clip("b", 9, 60)), track(clip("c", 0, 23), clip("d", 9, 60))
    )
    made, result = snapped(edit, tmp_path, track=2)
    assert [m.before for m in result.moves] == [23]
    assert ranges(made.tracks) == [[(0, 52), (9, 60)], [(0, 25), (11, 58)]]
    edit.tracks[0].enabled = False
    assert [m.before for m in snapped(edit, tmp_path)[1].moves] == [23]
    with pytest.raises(MediaError, match="no track of picture 3: there are 2"):
        snapped(edit, tmp_path, track=3)
    with pytest.raises(MediaError, match="there are no cuts"):
        snapped(timeline(track(clip("a", 0, 9))), tmp_path)


# --- the song --------------------------------------------------------------------------------


def with_song(*songs: Any) -> Any:
    return timeline(track(clip("a", 0, 52), clip("b", 10, 53)), track(*songs, kind="Audio"))


def test_the_song_is_found_by_its_file_name(tmp_path: Path) -> None:
    song = clip("song.wav", 20, 105)  # 0.8 s in: its beats are 0.8 s earlier, or 0.2 s later
    fine = song.deepcopy()  # Premiere Pro says to the sample where it begins
    fine.metadata["fcp_xml"] = {"pproTicksIn": str(round(0.79 * 254_016_000_000))}
    assert snapped(with_song(fine), tmp_path, song=SONG)[1].offset == pytest.approx(-0.79)
    for told in ({"song": "/elsewhere/song.wav"}, {"grid": BeatGrid(GRID.beats, path=SONG)}):
        _, result = snapped(with_song(song.deepcopy()), tmp_path, **told)
        assert result.offset == pytest.approx(-0.8)
        assert result.moves[0].after == 55
    unlinked = song.deepcopy()
    unlinked.media_reference, unlinked.name = otio.schema.MissingReference(), "song"
    _, result = snapped(with_song(unlinked), tmp_path, song="song.wav")
    assert result.moves[0].after == 55
    _, result = snapped(with_song(song.deepcopy()), tmp_path, song="other.wav")
    assert (result.offset, result.moves[0].after) == (0.0, 50)
    _, result = snapped(with_song(song.deepcopy()), tmp_path, song=SONG, offset=-0.04)
    assert (result.offset, result.moves[0].after) == (-0.04, 49)


def test_beats_count_only_where_the_song_is_heard(tmp_path: Path) -> None:
    late = [otio.schema.Gap(source_range=span(0, 60)), clip("song.wav", 0, 40)]
    _, result = snapped(with_song(*late), tmp_path, song=SONG)
    assert result.moves[0].reason == "no beat within 0.25 s"
    pieces = [
        clip("song.wav", 3, 51),
        clip("song.wav", 5, 40),
    ]  # cut up: another place, other beats
    edit = timeline(
        track(clip("a", 0, 50), clip("b", 10, 15), clip("c", 10, 53)),
        track(*pieces, kind="Audio"),
    )
    _, result = snapped(edit, tmp_path, song=SONG)
    assert [m.after for m in result.moves] == [47, 71]  # by the second piece


def test_the_song_is_never_cut_elsewhere(tmp_path: Path) -> None:
    pieces = [clip("song.wav", 0, 52), clip("song.wav", 106, 53)]
    made, result = snapped(with_song(*pieces), tmp_path, song=SONG)
    assert result.moved == 1
    assert ranges(made.tracks)[1] == [(0, 52), (106, 53)]


def test_a_cut_without_material_known_is_moved_and_noted(tmp_path: Path) -> None:
    left, right = clip("a.mp4", 0, 52), clip("b.mp4", 10, 53)
    for item in (left, right):
        item.media_reference.available_range = None
    _, result = snapped(timeline(track(left, right)), tmp_path)
    assert result.moves[0].after == 50
    assert [note.split()[0] for note in result.notes] == ["a.mp4", "b.mp4"]


# --- formats ---------------------------------------------------------------------------------


@st.composite
def edits(draw: st.DrawFn) -> CutList:
    rate = draw(st.sampled_from(RATES))
    shots: list[Shot] = []
    for number in range(draw(st.integers(2, 6))):
        frames, start = draw(st.integers(8, 200)), draw(st.integers(20, 500))
        dissolve = draw(st.integers(0, 8)) if shots else 0
        shots.append(Shot(Path(f"/media/{number}.mp4"), start, frames, dissolve))
    return CutList(tuple(shots), rate, None, (Marker(0.0, "1.1"),), "m")


@pytest.mark.parametrize("extension", FORMATS)
@given(cuts=edits(), bpm=st.floats(60, 180))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_timeline_is_snapped_as_its_cut_list_is(
    extension: str, tmp_path: Path, cuts: CutList, bpm: float
) -> None:
    grid = BeatGrid.regular(bpm, duration=60)
    source, target = tmp_path / f"a{extension}", tmp_path / f"b{extension}"
    write_timeline(cuts, source)
    expected = snap_cuts(cuts, grid, lengths={})
    if extension in (".fcpxml", ".xml"):  # which say how long a file is: as far as it is used
        following = [*cuts.shots[1:], None]
        lengths = {}
        for shot, after in zip(cuts.shots, following, strict=True):
            tail = after.dissolve_frames - after.lead_frames if after else 0
            end = shot.source_frame + shot.frames + tail
            lengths[shot.source] = float(end / cuts.frame_rate)
        expected = snap_cuts(cuts, grid, lengths=lengths)
    result = snap_timeline(source, grid, target)
    assert [m.after for m in result.moves] == [m.after for m in expected.moves]
    assert expected.cuts is not None
    found = read_timeline(target)
    assert found.shots == expected.cuts.shots
    assert found.frame_rate == cuts.frame_rate


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_any_format_becomes_any_other(source: str, target: str, tmp_path: Path) -> None:
    rate = Fraction(24_000, 1001)
    cuts = CutList(
        (
            Shot(Path("/media/a.mp4"), 30, 50),
            Shot(Path("/media/b.mp4"), 40, 60, 6),
            Shot(Path("/media/a.mp4"), 0, 30),
        ),
        rate,
        Soundtrack(SONG, 0.0),
        (Marker(0.0, "1.1"), Marker(float(12 / rate), "1.2")),
        "m",
    )
    write_timeline(cuts, tmp_path / f"a{source}")
    grid = BeatGrid.regular(120, duration=30)
    result = snap_timeline(tmp_path / f"a{source}", grid, tmp_path / f"b{target}", song=SONG)
    assert result.moves[0].after == 48
    found = read_timeline(tmp_path / f"b{target}")
    assert found.cuts == tuple(m.after for m in result.moves)
    assert found.markers == cuts.markers
    assert found.shots[1] == Shot(Path("/media/b.mp4"), 38, 62 + found.cuts[1] - 110, 6)
    assert found.music == cuts.music


def test_what_the_output_format_cannot_hold(tmp_path: Path) -> None:
    edit = timeline(track(clip("a", 0, 52), clip("b", 9, 60)), track(clip("c", 0, 23)))
    (tmp_path / "x.otio").write_text(edit.to_json_string())
    with pytest.raises(RenderError, match="an EDL has room for one"):
        snap_timeline(tmp_path / "x.otio", GRID, tmp_path / "x.edl")
    assert not (tmp_path / "x.edl").exists()


FINAL_CUT = """<?xml version="1.0"?><!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources>
  <format id="r1" name="FFVideoFormat1080p25" frameDuration="100/2500s" width="1920" height="1080"/>
  <effect id="r4" name="Cross Dissolve" uid="FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"/>
  <effect id="r5" name="Look" uid="look"/>
  <asset id="r2" name="A" start="3600s" duration="100s" hasVideo="1" hasAudio="1" format="r1">
    <media-rep kind="original-media" src="file:///media/a.mov"/></asset>
  <asset id="r3" name="S" start="0s" duration="500s" hasAudio="1"
    ><media-rep kind="original-media" src="file:///media/song.wav"/></asset>
</resources><library><event name="e"><project name="p">
  <sequence format="r1" duration="8s" tcStart="3600s" tcFormat="NDF"><note>n</note><spine>
    <asset-clip ref="r2" offset="3600s" name="one" start="3610s" duration="52/25s" audioRole="x">
      <note>keep</note>
      <adjust-transform scale="2 2"/>
      <asset-clip ref="r3" lane="-1" offset="3610s" name="S" start="0s" duration="8s"/>
      <title ref="r5" lane="1" offset="3611s" name="T" duration="1s"><text>hello</text></title>
      <marker start="90296/25s" duration="1/25s" value="at 46"/>
      <marker start="90301/25s" duration="1/25s" value="at 51" completed="0"/>
      <filter-video ref="r5" name="Look"/>
      <metadata><md key="k" value="v"/></metadata>
    </asset-clip>
    <transition name="Cross Dissolve" offset="90048/25s" duration="8/25s">
      <filter-video ref="r4" name="Cross Dissolve"><param name="p" value="1"/></filter-video>
    </transition>
    <clip name="two" offset="90052/25s" duration="98/25s" start="10s">
      <video ref="r2" offset="0s" start="3600s" duration="100s"><audio ref="r2" lane="-1"/></video>
      <spine lane="2" offset="11s"><asset-clip ref="r2" offset="0s" duration="1s" name="x"/>
        <asset-clip ref="r2" offset="1s" duration="1s" name="y"/></spine>
    </clip>
    <gap offset="3606s" name="Gap" duration="2s" start="3600s"/>
  </spine></sequence></project></event></library></fcpxml>"""


def test_final_cut_s_own_fcpxml_keeps_all_it_has(tmp_path: Path) -> None:
    (tmp_path / "x.fcpxml").write_text(FINAL_CUT)
    result = snap_timeline(tmp_path / "x.fcpxml", GRID, tmp_path / "y.fcpxml", song=SONG)
    assert [(m.before, m.after) for m in result.moves] == [(52, 50), (150, 150)]
    root = ElementTree.parse(tmp_path / "y.fcpxml").getroot()
    assert root.get("version") == "1.10"
    assert len(root.findall("resources/*")) == 5
    sequence = root.find(".//sequence")
    assert sequence is not None
    assert (sequence.get("duration"), sequence.findtext("note")) == ("8s", "n")
    spine = sequence.find("spine")
    assert spine is not None
    one, over, two, gap = spine
    assert (one.get("start"), one.get("duration"), one.get("audioRole")) == ("3610s", "2s", "x")
    tags = "note adjust-transform title asset-clip marker filter-video metadata"
    assert " ".join(child.tag for child in one) == tags
    title = one.find("title")
    assert title is not None
    assert (title.get("offset"), title.get("lane"), title.findtext("text")) == (
        "3611s",
        "1",
        "hello",
    )
    assert (over.get("offset"), over.get("duration")) == ("90046/25s", "8/25s")
    assert over.find("filter-video/param") is not None
    assert (two.get("offset"), two.get("start"), two.get("duration")) == ("3602s", "248/25s", "4s")
    assert two.find("video/audio") is not None
    story = two.find("spine")
    assert story is not None
    # 1 s after its clip's old start at 10 s: 11 s on that clip's own clock, as before.
    assert [(x.tag, x.get("offset"), x.get("name")) for x in story] == [
        ("asset-clip", "0s", "x"),
        ("asset-clip", "1s", "y"),
    ]
    assert story.get("offset") == "11s"
    marker = two.find("marker")  # the one at 51 is seen there now
    assert marker is not None
    assert (marker.get("value"), marker.get("completed")) == ("at 51", "0")
    assert marker.get("start") == "249/25s"
    assert (gap.get("offset"), gap.get("duration")) == ("3606s", "2s")


@pytest.mark.parametrize("extension", FORMATS)
def test_fades_and_gaps_stay_where_they_are(extension: str, tmp_path: Path) -> None:
    """From a gap into a clip, and out of it into another gap: over the ends of the clip."""

    def fade() -> Any:
        return otio.schema.Transition(
            transition_type="SMPTE_Dissolve", in_offset=time(3), out_offset=time(5)
        )

    edit = timeline(
        track(
            clip("a", 9, 40),
            otio.schema.Gap(source_range=span(0, 35)),
            fade(),
            clip("b", 20, 48),
            fade(),
            otio.schema.Gap(source_range=span(0, 30)),
            clip("c", 9, 40),
        )
    )
    (tmp_path / "x.otio").write_text(edit.to_json_string())
    path = tmp_path / f"y{extension}"
    snap_timeline(tmp_path / "x.otio", BeatGrid(np.zeros(0)), path)
    track_read = load_timeline(path).tracks[0]
    places = placed(track_read, Fraction(25))
    seen = {}
    for place in places:
        if isinstance(place.item, otio.schema.Clip) and place.item.name in "abc":
            lead = place.head.in_offset.value if place.head is not None else 0
            tail = place.tail.out_offset.value if place.tail is not None else 0
            inside = place.item.source_range.start_time.value - lead
            seen[place.item.name] = (place.start - lead, place.end + tail, inside)
    assert seen == {"a": (0, 40, 9), "b": (72, 128, 17), "c": (153, 193, 9)}
