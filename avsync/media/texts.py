"""Embedded text subtitles as the bytes of a subtitle file.

A container keeps each cue's text in a packet and its times beside it. SRT, ASS and WebVTT text is
taken as it is stored, so nothing of it is lost; any other text codec is decoded and written as SRT.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import av
from av.codec.codec import Codec
from av.container import InputContainer
from av.packet import Packet
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from avsync.errors import MediaError
from avsync.media.container import film_start, keep_only, open_container
from avsync.media.tracks import MediaInfo, Track, describe

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""A track with more text than this is an error: no film has it."""
_UNTIMED_MS = 5000  # shown this long at most where the container gives no duration
_ASS_EVENTS = (
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True, slots=True)
class _Event:
    start_ms: int
    end_ms: int
    text: bytes
    identifier: bytes = b""  # WebVTT only
    settings: bytes = b""  # WebVTT only


def read_subtitle_track(path: str | os.PathLike[str], *, track: int) -> tuple[bytes, str]:
    """An embedded text subtitle track, as the bytes of a subtitle file and its format.

    The whole film is read for it, because its cues are scattered between picture and sound.

    Args:
        path: the film.
        track: FFmpeg's stream index.

    Returns:
        The bytes, timed on the film's clock, and "srt", "ass", "ssa" or "vtt".

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not media, the track is none of text subtitles, or it is empty.
    """
    with open_container(path) as container:
        chosen = _check_text_track(describe(container, path), track)
        stream = container.streams[track]
        assert isinstance(stream, SubtitleStream)
        header = stream.codec_context.extradata or b""
        events = sorted(_read_events(container, stream, path), key=lambda event: event.start_ms)
    if not events:
        raise MediaError(path, f"subtitle track {chosen} has no cues: choose another track")
    events = [
        event if event.end_ms > event.start_ms else _timed(event, following)
        for event, following in pairwise([*events, None])
        if event is not None
    ]
    if chosen.codec == "ass":
        return _as_ass(events, header), "ass" if b"[V4+ Styles]" in header else "ssa"
    if chosen.codec == "webvtt":
        return _as_vtt(events, header), "vtt"
    return _as_srt(events), "srt"


def _check_text_track(info: MediaInfo, index: int) -> Track:
    texts = ", ".join(str(track) for track in info.subtitles if track.text)
    have = f"its text tracks are {texts}" if texts else "it has no text track"
    for track in info.subtitles:
        if track.index != index:
            continue
        if not track.text:
            raise MediaError(
                info.path,
                f"subtitle track {track} is not text but pictures or unknown ({have}): choose a "
                "text track, or turn pictures into text with an OCR program like Subtitle Edit",
            )
        return track
    raise MediaError(info.path, f"track {index} is not a subtitle track: {have}")


def _read_events(
    container: InputContainer, stream: SubtitleStream, path: str | os.PathLike[str]
) -> Iterator[_Event]:
    start = film_start(container)
    keep_only(container, stream)
    decoder = None if stream.codec_context.codec.canonical_name in _STORED else _Decoder(stream)
    size = 0
    for packet in _demux(container, stream):
        size += packet.size
        if size > MAX_TEXT_BYTES:
            limit = f"{MAX_TEXT_BYTES >> 20} MiB"
            raise MediaError(path, f"subtitle track {stream.index} has over {limit}: no film has")
        text = bytes(packet) if decoder is None else decoder.text(packet)
        text = text.replace(b"\0", b"").strip(b"\r\n")
        if not text or packet.pts is None:
            continue
        start_ms = round((float(packet.pts * packet.time_base) - start) * 1000)
        shown_ms = round(float((packet.duration or 0) * packet.time_base) * 1000)
        sides = {side.data_type: bytes(side) for side in packet.iter_sidedata()}
        yield _Event(
            start_ms,
            start_ms + shown_ms,
            text,
            sides.get("webvtt_identifier", b""),
            sides.get("webvtt_settings", b""),
        )


def _demux(container: InputContainer, stream: SubtitleStream) -> Iterator[Packet[SubtitleStream]]:
    try:
        yield from container.demux(stream)
    except (av.FFmpegError, IndexError):
        return  # it breaks off here (as in clock.py): what was read counts


class _Decoder:
    """Decodes packets, and writes what they say as SRT with its tags."""

    def __init__(self, stream: SubtitleStream) -> None:
        self._stream = stream
        self._writer: SubtitleCodecContext = Codec("subrip", "w").create("subtitle")
        self._ready = False

    def text(self, packet: Packet[SubtitleStream]) -> bytes:
        if not packet.size:
            return b""
        try:
            found = self._stream.decode2(packet)
            if found is None:
                return b""
            if not self._ready:
                self._writer.subtitle_header = self._stream.codec_context.subtitle_header
                self._ready = True
            return bytes(self._writer.encode_subtitle(found))
        except av.FFmpegError:
            return b""  # one damaged cue


_STORED = frozenset({"subrip", "text", "ass", "webvtt"})


def _timed(event: _Event, following: _Event | None) -> _Event:
    """An event that the container gives no duration, with an end: the next event's start."""
    end_ms = event.start_ms + _UNTIMED_MS
    if following is not None and following.start_ms > event.start_ms:
        end_ms = min(end_ms, following.start_ms)
    return replace(event, end_ms=end_ms)


def _as_srt(events: list[_Event]) -> bytes:
    return b"".join(
        b"%d\n%s --> %s\n%s\n\n"
        % (number, _clock(e.start_ms, b","), _clock(e.end_ms, b","), _as_cue(e.text))
        for number, e in enumerate(events, 1)
    )


def _as_vtt(events: list[_Event], header: bytes) -> bytes:
    head = header.strip() if header.startswith(b"WEBVTT") else b"WEBVTT"
    parts = [head, b"\n\n"]
    for e in events:
        if e.identifier:
            parts.append(_as_cue(_as_line(e.identifier)) + b"\n")
        times = b"%s --> %s" % (_clock(e.start_ms, b"."), _clock(e.end_ms, b"."))
        settings = b" " + _as_cue(_as_line(e.settings)) if e.settings else b""
        parts.append(times + settings + b"\n" + _as_cue(e.text) + b"\n\n")
    return b"".join(parts)


def _as_ass(events: list[_Event], header: bytes) -> bytes:
    """Matroska keeps a line as "ReadOrder,Layer,Style,...,Text": the times go back in."""
    head = header.replace(b"\0", b"").strip() + b"\n"
    if b"[Events]" not in head:
        head += b"\n" + _ASS_EVENTS
    lines = []
    for event in events:
        order, _, rest = _as_line(event.text, b"\\N").partition(b",")
        layer, _, rest = rest.partition(b",")
        times = _clock(event.start_ms, b".", 2), _clock(event.end_ms, b".", 2)
        line = b"Dialogue: %s,%s,%s,%s\n" % (layer, *times, rest)
        lines.append((int(order) if re.fullmatch(rb"\d{1,9}", order) else 0, line))
    return head + b"".join(line for _, line in sorted(lines, key=lambda item: item[0]))


def _clock(time_ms: int, point: bytes, digits: int = 3) -> bytes:
    """A time as SRT and WebVTT write it, or ASS with its two digits."""
    unit = 10 ** (3 - digits)
    seconds, fraction = divmod((max(0, time_ms) + unit // 2) // unit, 10**digits)
    hours = b"%d" % (seconds // 3600) if digits == 2 else b"%02d" % (seconds // 3600)
    minutes = b"%02d:%02d" % (seconds // 60 % 60, seconds % 60)
    return hours + b":" + minutes + point + b"%0*d" % (digits, fraction)


def _as_cue(text: bytes) -> bytes:
    """A cue's lines, none of which can end the cue or begin another."""
    lines = [line for line in re.split(rb"\r\n|\r|\n", text) if line.strip()]
    return b"\n".join(lines).replace(b"-->", b"->")


def _as_line(text: bytes, joint: bytes = b" ") -> bytes:
    return joint.join(re.split(rb"\r\n|\r|\n", text))
