"""What tracks a media file holds, and which of them to listen to."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from avsync.errors import MediaError
from avsync.media.container import film_length, film_start, open_container

# fmt: off
MEDIA_EXTENSIONS = frozenset({
    ".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aiff", ".amr", ".ape", ".asf", ".avi", ".caf",
    ".divx", ".dts", ".dtshd", ".dv", ".eac3", ".f4v", ".flac", ".flv", ".m2t", ".m2ts", ".m4a",
    ".m4b", ".m4v", ".mk3d", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpa", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".oga", ".ogg", ".ogm", ".ogv", ".opus", ".qt", ".ra",
    ".rm", ".rmvb", ".spx", ".tak", ".thd", ".ts", ".tta", ".vob", ".voc", ".w64", ".wav",
    ".webm", ".wma", ".wmv", ".wtv", ".wv",
})
"""File extensions that name media, in lower case with the dot."""

# What the title of a commentary or a description holds, in the languages that films come in.
_COMMENTARY = (
    "comment", "coment", "kommen", "koment", "коммент", "комент", "σχολι", "yorum", "コメンタリー",
    "评论", "評論", "評述", "评述", "講評", "코멘터리", "해설", "تعليق", "פרשנות",
)
_DESCRIPTIVE = (
    "audio descri", "audiodescri", "audio-descri", "audiodeskrip", "audio deskrip", "descriptive",
    "described", "description", "horfilm", "тифло", "解説放送", "音声解説", "音声ガイド",
    "口述影像", "화면해설",
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One stream of a container: moving picture, sound or subtitles."""

    index: int
    """FFmpeg's stream index in the container"""
    kind: Literal["video", "audio", "subtitle"]
    codec: str
    """FFmpeg's name, or "unknown" """
    language: str | None = None
    """as the container writes it, mostly ISO 639-2 ("eng")"""
    title: str | None = None
    default: bool = False
    commentary: bool = False
    """someone talks over the film, by its flag or its title"""
    descriptive: bool = False
    """a narrator tells what is to be seen, by its flag or its title"""
    hearing_impaired: bool = False
    """subtitles that also tell what is to be heard"""
    forced: bool = False
    """subtitles of foreign speech and signs only"""
    start: float = 0.0
    """seconds on the film's clock"""
    duration: float | None = None
    """seconds"""
    frame_rate: Fraction | None = None
    rate_hz: int | None = None
    """samples a second; None where there is no decoder"""
    channels: int | None = None
    text: bool = False
    """subtitles that are text, not pictures"""

    def __str__(self) -> str:
        facts = [self.codec]
        if self.language:
            facts.append(self.language)
        if self.title:
            facts.append(repr(self.title))
        if self.commentary:
            facts.append("commentary")
        return f"{self.index} ({', '.join(facts)})"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a media file holds."""

    path: Path
    duration: float | None
    """seconds; None where the container does not say"""
    tracks: tuple[Track, ...]

    @property
    def audio(self) -> tuple[Track, ...]:
        """The tracks of sound."""
        return tuple(track for track in self.tracks if track.kind == "audio")

    @property
    def video(self) -> tuple[Track, ...]:
        """The tracks of moving picture (cover art is none)."""
        return tuple(track for track in self.tracks if track.kind == "video")

    @property
    def subtitles(self) -> tuple[Track, ...]:
        """The tracks of subtitles, as text or as pictures."""
        return tuple(track for track in self.tracks if track.kind == "subtitle")


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """What a media file holds: its length and its tracks.

    Only the file's head is read (and its index, where that is elsewhere).

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not media, or cannot be read.
    """
    with open_container(path) as container:
        return describe(container, path)


def is_media(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds moving picture or sound: by its content, since names mislead."""
    try:
        info = probe(path)
    except OSError:
        return False
    return bool(info.audio or info.video)


def choose_audio_track(info: MediaInfo, index: int | None = None) -> Track:
    """The track to listen to: the one at `index`, or the one that a player would choose.

    That is the default track, but never a commentary, whose speech is not the film's, and a track
    with descriptions for the blind only when there is no other.

    Raises:
        MediaError: `index` is no audio track, or there is none to choose.
    """
    listed = ", ".join(map(str, info.audio))
    if index is not None:
        for track in info.audio:
            if track.index == index:
                return track
        have = f"its audio tracks are {listed}" if listed else "it has no audio track at all"
        raise MediaError(info.path, f"track {index} is not an audio track: {have}")
    if not info.audio:
        seen = ", ".join(f"{track.kind} {track}" for track in info.tracks) or "no track at all"
        raise MediaError(
            info.path, f"has no audio track (it has: {seen}): give a file that has the film's sound"
        )
    spoken = [track for track in info.audio if not track.commentary]
    if not spoken:
        raise MediaError(
            info.path,
            f"every audio track is a commentary ({listed}): if one is not, choose it by its number",
        )
    return min(spoken, key=lambda t: (t.rate_hz is None, t.descriptive, not t.default, t.index))


def describe(container: InputContainer, path: str | os.PathLike[str]) -> MediaInfo:
    """`probe` for a container that is open already."""
    start = film_start(container)
    tracks = [_describe_stream(stream, start) for stream in container.streams]
    return MediaInfo(
        Path(path),
        film_length(container),
        tuple(track for track in tracks if track is not None),
    )


def _describe_stream(stream: Stream, film_start: float) -> Track | None:
    flags = stream.disposition
    if stream.type not in ("video", "audio", "subtitle") or flags & Disposition.attached_pic:
        return None
    context = stream.codec_context
    title = _title(stream)
    base = stream.time_base or Fraction(1)
    return Track(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name if context is not None else "unknown",
        language=_language(stream),
        title=title,
        default=bool(flags & Disposition.default),
        commentary=bool(flags & Disposition.comment) or _speaks_of(title, _COMMENTARY),
        descriptive=bool(flags & (Disposition.visual_impaired | Disposition.descriptions))
        or _speaks_of(title, _DESCRIPTIVE),
        hearing_impaired=bool(flags & Disposition.hearing_impaired),
        forced=bool(flags & Disposition.forced),
        start=0.0 if stream.start_time is None else float(stream.start_time * base) - film_start,
        duration=None if stream.duration is None else float(stream.duration * base),
        frame_rate=_frame_rate(stream) if isinstance(stream, VideoStream) else None,
        rate_hz=stream.sample_rate if isinstance(stream, AudioStream) and context else None,
        channels=stream.channels if isinstance(stream, AudioStream) and context else None,
        text=stream.type == "subtitle" and context is not None and context.codec.text_sub,
    )


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language", "").strip()
    return None if language in ("", "und") else language


def _title(stream: Stream) -> str | None:
    title = stream.metadata.get("title", "").strip()
    if title:
        return title
    # QuickTime and MP4 name a track by its handler; most writers put only their own name there.
    handler = stream.metadata.get("handler_name", "").strip()
    dull = not handler or any(word in handler.lower() for word in ("handle", "media", "stereo"))
    return None if dull else handler


def _frame_rate(stream: VideoStream) -> Fraction | None:
    rate = stream.average_rate or stream.base_rate
    return Fraction(rate.numerator, rate.denominator) if rate else None


def _speaks_of(title: str | None, words: tuple[str, ...]) -> bool:
    plain = _without_accents((title or "").casefold())
    return any(_without_accents(word) in plain for word in words)


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
