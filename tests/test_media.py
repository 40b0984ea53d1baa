"""What a file holds, which track is listened to, and that a name is only ever that file."""

from __future__ import annotations

import os
import pickle
import socket
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from clips import add_picture, add_sound, chirps, encode, place_of_chirp, write_sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avsync.errors import MediaError
from avsync.media import (
    MEDIA_EXTENSIONS,
    MediaInfo,
    Track,
    choose_audio_track,
    is_media,
    iter_audio,
    probe,
    read_audio,
)

SECOND = chirps(48_000, times=[0.4], seconds=1.0)


def audio_track(index: int, **facts: object) -> Track:
    return Track(index=index, kind="audio", codec="aac", rate_hz=48_000, channels=2, **facts)  # type: ignore[arg-type]


def media(*tracks: Track) -> MediaInfo:
    return MediaInfo(Path("film.mkv"), 60.0, tracks)


# Tracks.


def test_a_film_tells_its_tracks(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as container:
        picture = add_picture(container, seconds=1.0)
        sound = add_sound(container, "aac", 44_100, layout="5.1")
        sound.metadata.update(language="fre", title="Son")
        sound.disposition = Disposition.default
        other = add_sound(container, "libopus", 48_000)
        other.disposition = Disposition.comment | Disposition.visual_impaired
        for packet in [*picture, *encode(sound, chirps(44_100, times=[], seconds=1.0))]:
            container.mux(packet)
        for packet in encode(other, SECOND):
            container.mux(packet)
    info = probe(film)
    assert info.path == film
    assert info.duration == pytest.approx(1.0, abs=0.05)
    (video,) = info.video
    assert (video.index, video.codec, video.frame_rate) == (0, "mpeg4", Fraction(25))
    assert (video.rate_hz, video.channels, video.commentary) == (None, None, False)
    first, second = info.audio
    assert (first.index, first.codec, first.language, first.title) == (1, "aac", "fre", "Son")
    assert (first.rate_hz, first.channels, first.default) == (44_100, 6, True)
    assert (first.commentary, first.descriptive) == (False, False)
    assert (second.codec, second.language, second.title) == ("opus", None, None)
    assert (second.default, second.commentary, second.descriptive) == (False, True, True)
    assert info.subtitles == ()
    assert str(first) == "1 (aac, fre, 'Son')"


def test_mp4_names_its_tracks_by_their_handlers(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as container:
        streams = [add_sound(container, "aac", 48_000) for _ in range(2)]
        streams[1].metadata.update(handler_name="Kommentar des Regisseurs", language="ger")
        for stream in streams:
            for packet in encode(stream, SECOND):
                container.mux(packet)
    plain, commentary = probe(film).audio
    assert (plain.title, plain.language, plain.commentary) == (None, None, False)
    assert (commentary.title, commentary.language) == ("Kommentar des Regisseurs", "ger")
    assert commentary.commentary


@pytest.mark.parametrize(
    ("title", "commentary", "descriptive"),
    [
        (None, False, False),
        ("English 5.1", False, False),
        ("Director's COMMENTARY", True, False),
        ("Comentario del director", True, False),
        ("Comentários", True, False),
        ("Kommentar", True, False),
        ("Commentaire audio", True, False),
        ("Commento", True, False),
        ("Komentarz reżysera", True, False),
        ("Kommenttiraita", True, False),
        ("Комментарии режиссёра", True, False),
        ("Коментар", True, False),
        ("Yönetmen yorumu", True, False),
        ("オーディオコメンタリー", True, False),
        ("导演评论音轨", True, False),
        ("코멘터리", True, False),
        ("English Audio Description", False, True),
        ("Audiodescripción", False, True),
        ("Hörfilmfassung", False, True),
        ("Descriptive audio", False, True),
        ("音声解説", False, True),
    ],
)
def test_titles_tell_commentaries(
    tmp_path: Path, title: str | None, commentary: bool, descriptive: bool
) -> None:
    film = tmp_path / "film.mka"
    with av.open(str(film), "w") as container:
        stream = add_sound(container, "flac", 48_000)
        if title:
            stream.metadata["title"] = title
        for packet in encode(stream, SECOND):
            container.mux(packet)
    (track,) = probe(film).audio
    assert (track.title, track.commentary, track.descriptive) == (title, commentary, descriptive)


def test_metadata_in_another_encoding_does_no_harm(tmp_path: Path) -> None:
    film = tmp_path / "film.mka"
    with av.open(str(film), "w") as container:
        stream = add_sound(container, "flac", 48_000)
        stream.metadata["title"] = "Commentary by Xsterreich"
        for packet in encode(stream, SECOND):
            container.mux(packet)
    film.write_bytes(film.read_bytes().replace(b"Xsterreich", b"\xd6sterreich"))
    (track,) = probe(film).audio
    assert track.commentary
    assert len(read_audio(film, track=0).samples) == 16_000


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mp3", "libmp3lame")])
def test_cover_art_is_no_picture(tmp_path: Path, name: str, codec: str) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        sound = add_sound(container, codec, 48_000)
        art = container.add_stream("mjpeg", rate=25)
        art.width, art.height, art.pix_fmt = 64, 48, "yuvj420p"
        art.disposition = Disposition.attached_pic
        image = av.VideoFrame(64, 48, "yuvj420p")
        image.pts, image.time_base = 0, Fraction(1, 25)
        packets = encode(sound, SECOND)
        for packet in [*art.encode(image), *art.encode(None), *packets]:
            container.mux(packet)
    assert [track.kind for track in probe(tmp_path / name).tracks] == ["audio"]
    heard = place_of_chirp(read_audio(tmp_path / name).samples, 16_000, 0.4)
    assert heard == pytest.approx(0.4, abs=0.001)


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([audio_track(1)], 1),
        ([audio_track(1), audio_track(2, default=True)], 2),
        ([audio_track(1, default=True), audio_track(2, default=True)], 1),
        ([audio_track(1, default=True, commentary=True), audio_track(2)], 2),
        ([audio_track(1, commentary=True), audio_track(3), audio_track(4)], 3),
        ([audio_track(1, default=True, descriptive=True), audio_track(2)], 2),
        ([audio_track(1, descriptive=True), audio_track(2, commentary=True)], 1),
    ],
)
def test_the_default_track_is_chosen_but_no_commentary(tracks: list[Track], chosen: int) -> None:
    assert choose_audio_track(media(*tracks)).index == chosen


def test_a_track_without_a_decoder_is_the_last_choice() -> None:
    silent = Track(index=0, kind="audio", codec="unknown", default=True)
    assert choose_audio_track(media(silent, audio_track(1))).index == 1


def test_any_audio_track_can_be_asked_for() -> None:
    info = media(
        Track(index=0, kind="video", codec="h264"),
        audio_track(1, language="eng"),
        audio_track(2, commentary=True),
    )
    assert choose_audio_track(info, 2).index == 2
    message = r"film\.mkv: track 0 is not an audio track: .*1 \(aac, eng\), 2 \(aac, commentary\)"
    with pytest.raises(MediaError, match=message):
        choose_audio_track(info, 0)
    with pytest.raises(MediaError, match="track 9 is not"):
        choose_audio_track(info, 9)


def test_only_commentaries_are_an_error_that_lists_them() -> None:
    with pytest.raises(MediaError, match=r"every audio track is a commentary \(1 \(aac, 'Cast'"):
        choose_audio_track(media(audio_track(1, title="Cast", commentary=True)))


def test_a_film_without_sound_is_an_error_that_says_so(tmp_path: Path) -> None:
    film = tmp_path / "silent.mkv"
    with av.open(str(film), "w") as container:
        for packet in add_picture(container, seconds=1.0):
            container.mux(packet)
    assert is_media(film)
    with pytest.raises(MediaError, match=r"silent\.mkv: has no audio track.*video 0 \(mpeg4\)"):
        read_audio(film)


# Files that are no media.


def refused(path: Path, match: str) -> None:
    assert not is_media(path)
    with pytest.raises(MediaError, match=match) as caught:
        probe(path)
    assert caught.value.path == str(path)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), MediaError)
    with pytest.raises(MediaError, match=match):
        read_audio(path)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("empty.mkv", b"", r"is empty \(0 bytes\)"),
        ("text.mkv", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n" * 30, "is text"),
        ("prose.mp4", "Ein Text über nichts.\n".encode() * 200, "is text"),
        ("random.avi", bytes(range(256)) * 40, "is not media that can be read"),
        ("zeros.ts", bytes(10_000), "is not media that can be read"),
        ("short.mkv", b"\x1aE\xdf\xa3\x9f", "Matroska file that breaks off"),
        ("film.rar", b"Rar!\x1a\x07\x01\x00" + bytes(500), "RAR archive: unpack"),
        ("film.zip", b"PK\x03\x04" + bytes(500), "ZIP archive: unpack"),
        ("list.m3u", b"#EXTM3U\nfilm.mkv\n", "playlist"),
    ],
)
def test_what_is_no_media_is_an_error_that_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, match: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, match)


def test_an_mp4_without_its_index_is_an_error_that_says_so(tmp_path: Path) -> None:
    film = write_sound(tmp_path / "a.mp4", "aac", picture=True)
    content = film.read_bytes()
    film.write_bytes(content[: content.rindex(b"moov") - 4])
    refused(film, "index is missing.*get the whole file")


def test_a_folder_and_a_pipe_are_no_films(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    refused(pipe, "not a regular file")


def test_a_path_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    refused(tmp_path / "file" / "film.mkv", "cannot be reached .*check its path")
    refused(tmp_path / ("x" * 300), "cannot be reached .*check its path")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for name in ("none.mkv", "none/none.mkv"):
        with pytest.raises(FileNotFoundError):
            probe(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            next(iter_audio(tmp_path / name))
        assert not is_media(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    film = write_sound(tmp_path / "a.flac", "flac", sound=SECOND)
    film.chmod(0)
    refused(film, "may not be read: change its permissions")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_no_damage_does_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    name, codec = data.draw(
        st.sampled_from(
            [
                ("a.mkv", "aac"),
                ("a.mp4", "aac"),
                ("a.ts", "mp2"),
                ("a.wav", "pcm_s16le"),
                ("a.mp3", "libmp3lame"),
                ("a.ogg", "libopus"),
                ("a.flac", "flac"),
                ("a.avi", "ac3"),
            ]
        )
    )
    whole = folder / f"whole-{name}"
    if not whole.exists():
        write_sound(whole, codec, sound=SECOND)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    keep = data.draw(st.integers(1, len(content)))
    film = folder / name
    film.write_bytes(content[:keep] if data.draw(st.booleans()) else content)
    length = 0
    try:
        for block in iter_audio(film):
            length += len(block)
            if length > 100 * 16_000:
                break
    except MediaError as error:
        assert str(film) in str(error)


def test_extensions_are_lower_case_with_a_dot() -> None:
    assert all(e == e.lower() and e.startswith(".") for e in MEDIA_EXTENSIONS)
    assert {".mkv", ".mp4", ".wav", ".m2ts"} <= MEDIA_EXTENSIONS
    assert not {".srt", ".ass", ".vtt", ".m3u8", ".sub"} & MEDIA_EXTENSIONS


# A name is a path to one file, whatever FFmpeg would make of it.


@pytest.mark.parametrize(
    "name",
    [
        "-",
        "-i",
        "pipe:0",
        "concat:a.flac|b.flac",
        "http:example.org",
        "file:a.flac",
        "subfile,,start,1,end,2,,:a",
        "data:audio,x",
        "a film, with spaces:and colons.mkv",
        "frame%03d.mkv",
        "[brackets] 'quotes' \"double\" $HOME `x` \\n.mkv",
        "ünï — 映画.mkv",
        "line\nbreak.mkv",
    ],
)
def test_any_name_is_a_plain_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        probe(name)
    write_sound(tmp_path / "a.flac", "flac", sound=SECOND).rename(name)
    assert [track.codec for track in probe(name).tracks] == ["flac"]
    assert len(read_audio(Path(name)).samples) == 16_000


def test_a_name_that_is_no_unicode_is_a_plain_file(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/f\xff.flac")
    try:
        write_sound(tmp_path / "a.flac", "flac", sound=SECOND).rename(name)
    except OSError:
        pytest.skip("the file system takes only Unicode")
    assert len(read_audio(name).samples) == 16_000


def test_a_url_is_no_file() -> None:
    for name in ("http://127.0.0.1:9/a.mkv", "rtsp://127.0.0.1:9/a", "concat:/etc/passwd|x"):
        with pytest.raises(FileNotFoundError):
            probe(name)


PLAYLISTS = {
    "hls": (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:6.0,\n{}\n#EXT-X-ENDLIST\n"
    ),
    "ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT6S"><Period><AdaptationSet mimeType="audio/mp4">'
        '<Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
    "asx": '<asx version="3.0"><entry><ref href="{}"/></entry></asx>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 {}\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("extension", [".mkv", ".m3u8", ".mpd", ".ffconcat", ".ts"])
def test_a_playlist_leads_nowhere(tmp_path: Path, kind: str, extension: str) -> None:
    secret = write_sound(tmp_path / "secret.ts", "mp2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for target in ("secret.ts", str(secret), f"http://127.0.0.1:{port}/secret.ts"):
            path = tmp_path / f"list{extension}"
            path.write_text(PLAYLISTS[kind].format(target))
            assert not is_media(path)
            with pytest.raises(MediaError, match=r"text|playlist|not media"):
                read_audio(path)
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()
