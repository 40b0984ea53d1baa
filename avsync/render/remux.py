"""A film's sound moved against its picture, without encoding anything anew.

Every packet of every stream is copied as it is; those of sound get other timestamps. What that
means for sound that would now begin before the film does depends on the container. MP4 and
QuickTime keep it and say in an edit list from where on it is played, to the sample. Matroska and
WebM have no such thing, so the packets that would lie before the film's start are left out.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from avsync.atomic import atomic_path
from avsync.errors import RenderError
from avsync.media.container import film_length, film_start, open_container
from avsync.media.tracks import choose_audio_track, describe
from avsync.progress import Progress
from avsync.render.failures import ffmpeg_failures

REMUX_FORMATS = {
    ".m4v": "mp4",
    ".mkv": "matroska",
    ".mov": "mov",
    ".mp4": "mp4",
    ".webm": "webm",
}
"""File extensions, and FFmpeg's names of the formats."""
LONGEST_S = 3600.0
"""Seconds by which sound may be moved."""
_EDITED = frozenset({"mp4", "mov"})  # have edit lists, so timestamps may be negative
_WAIT_US = 60_000_000  # how far apart streams may lie in the file before the muxer stops waiting
_LEAST_S = 0.002  # by which streams may be off after all: containers round times to milliseconds
_CHECKED = 100  # packets that are read back
_REMEMBERED_S = 20.0  # of the film's start, whose packets are remembered for that
_STEP = 0.005  # of progress that is worth telling


def shift_sound(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    by_s: float,
    *,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Copy a film with its sound `by_s` seconds later (negative: earlier) against the picture.

    All streams go along: other languages, subtitles, attachments, cover; with chapters, metadata
    and dispositions. Picture, subtitles and chapters stay where they are. Only tracks of data, as
    action cameras write them, are left out.

    Args:
        source: a film.
        target: an .mp4, .m4v, .mov, .mkv or .webm; it appears when it is whole.
        by_s: seconds; what `Offset.offset_s` says, with the other sign, sets the film right.
        audio_track: FFmpeg's stream index of the only track to move; None moves all of them.
        progress: called with "copying" and the fraction that is done.

    Raises:
        ValueError: another extension, the film itself as the target, or more than an hour.
        FileNotFoundError, MediaError: the film is missing, cannot be read, or lacks that track.
        RenderError: the format cannot hold what is in the film.
        OSError: the file cannot be written; it names it.
        Whatever happens, nothing half-written is left.
    """
    final = Path(target)
    kind = _check(Path(source), final, by_s)
    with open_container(source) as film:
        info = describe(film, source)
        chosen = choose_audio_track(info, audio_track)
        moved = {chosen.index} if audio_track is not None else {t.index for t in info.audio}
        with atomic_path(final) as temporary:
            copy = _Copy(film, temporary, final, kind, by_s, moved)
            copy.run(progress)
            _read_back(temporary, final, copy.written, copy.streams[chosen.index].index)


def _check(source: Path, target: Path, by_s: float) -> str:
    kind = REMUX_FORMATS.get(target.suffix.lower())
    if kind is None:
        known = " ".join(sorted(REMUX_FORMATS))
        raise ValueError(f"{target}: a film's extension is one of {known}")
    if not abs(by_s) <= LONGEST_S:
        raise ValueError(f"sound is moved by an hour at most; got {by_s:g} s")
    source.stat()  # says that it is missing before anything is done
    if target.exists() and target.samefile(source):
        raise ValueError(f"{target}: is the film itself; write to another file")
    return kind


class _Copy:
    """Copies one film."""

    def __init__(
        self,
        film: InputContainer,
        temporary: Path,
        target: Path,
        kind: str,
        by_s: float,
        moved: Collection[int],
    ) -> None:
        self._film = film
        self._target = target
        self._by_s = by_s
        self._moved = moved
        self._earliest = None if kind in _EDITED else film_start(film)
        options = {"max_interleave_delta": str(_WAIT_US), "fflags": "+bitexact"}
        if kind in _EDITED:
            # A thousandth of a second, which an edit list is counted in by default, is too coarse.
            options |= {"movflags": "+faststart", "movie_timescale": "90000"}
        self._out = av.open(str(temporary), "w", format=kind, options=options)
        self.streams: dict[int, Stream] = {}
        """the copies' streams by the film's indices"""
        self.written: dict[int, _Times] = {}
        """of picture and sound, by the copies' indices: when the first packets are played"""

    def run(self, progress: Progress | None) -> None:
        """Copy everything; the file is whole then."""
        try:
            with _failures(self._target):
                self._set_up()
                for packet in self._packets(progress):
                    self._out.mux(packet)
                self._out.close()
        except BaseException:
            with suppress(av.FFmpegError):  # what failed is known already
                self._out.close()
            raise

    def _set_up(self) -> None:
        for stream in self._film.streams:
            added = self._add(stream)
            if added is not None:
                self.streams[stream.index] = added
        self._out.metadata.update(self._film.metadata)
        chapters = self._film.chapters()
        if chapters:
            self._out.set_chapters(chapters)

    def _add(self, stream: Stream) -> Stream | None:
        if stream.type == "attachment":
            return _attach(self._out, stream)
        if stream.type not in ("video", "audio", "subtitle"):
            return None  # chapters and timecode, as tracks of data, are made anew by the writer
        try:
            added = self._out.add_stream_from_template(stream, opaque=True)
        except (av.FFmpegError, ValueError) as error:
            where = f"track {stream.index} ({stream.type})"
            raise RenderError(
                self._target,
                f"{where} cannot be copied into such a file ({error}): write an .mkv",
            ) from error
        if stream.codec_context is not None and self._out.format.name in _EDITED:
            _keep_tag(stream, added)
        added.metadata.update(stream.metadata)
        added.disposition = stream.disposition
        return added

    def _packets(self, progress: Progress | None) -> Iterator[Packet[Stream]]:
        length = film_length(self._film)
        start = film_start(self._film)
        told = 0.0
        for packet in self._film.demux():
            copy = self.streams.get(packet.stream.index)
            if copy is None or not packet.size:  # flushing packets have nothing in them
                continue
            base = packet.time_base
            if progress is not None and length and packet.dts is not None:
                done = (float(packet.dts * base) - start) / length
                if told + _STEP <= done <= 1:
                    told = done
                    progress("copying", done)
            if packet.stream.index in self._moved and not self._move(packet, base):
                continue
            self._remember(packet, copy.index, base)
            packet.stream = copy
            yield packet
        if progress is not None:
            progress("copying", 1.0)

    def _remember(self, packet: Packet[Stream], index: int, base: Fraction) -> None:
        still = packet.stream.disposition & Disposition.attached_pic
        if packet.stream.type not in ("video", "audio") or still or packet.pts is None:
            return
        seconds = float(packet.pts * base)
        if seconds <= film_start(self._film) + _REMEMBERED_S:
            times = self.written.setdefault(index, {})
            times.setdefault(crc32(packet), []).append(seconds)

    def _move(self, packet: Packet[Stream], base: Fraction) -> bool:
        """Give a packet its new time; false where that lies before what the format can say."""
        by = round(Fraction(self._by_s) / base)
        if packet.pts is not None:
            packet.pts += by
        if packet.dts is not None:
            packet.dts += by
        time = packet.pts if packet.pts is not None else packet.dts
        return self._earliest is None or time is None or time * base >= self._earliest


def _keep_tag(stream: Stream, added: Stream) -> None:
    """HEVC in MP4 goes by two names, of which Apple's players know one: that of the film stays."""
    if stream.codec_context.codec_tag in ("hvc1", "hev1", "dvh1", "dvhe"):
        added.codec_context.codec_tag = stream.codec_context.codec_tag


def _attach(out: OutputContainer, stream: Stream) -> Stream | None:
    if out.format.name not in ("matroska", "webm"):
        return None  # fonts for subtitles that such a file cannot hold either
    name = stream.metadata.get("filename") or f"attachment{stream.index}"
    mimetype = stream.metadata.get("mimetype") or "application/octet-stream"
    return out.add_attachment(name, mimetype, getattr(stream, "data", b""))


def _failures(target: Path) -> AbstractContextManager[None]:
    return ffmpeg_failures(target, "the film cannot be copied into such a file", "write an .mkv")


_Times = dict[int, list[float]]  # seconds of packets, by their checksum


def _read_back(path: Path, target: Path, written: dict[int, _Times], sound: int) -> None:
    """See that sound and picture of a copy lie against each other as they were written.

    Raises:
        RenderError: they do not, so the format cannot say it.
    """
    shift, checked = None, 0
    with _failures(target), open_container(path) as copy:
        picture = next(
            (s.index for s in copy.streams if s.index in written and s.index != sound), None
        )
        for packet in copy.demux():
            index, time = packet.stream.index, packet.pts
            if index not in (picture, sound) or time is None or not packet.size:
                continue
            seconds = float(time * packet.time_base)
            told = written[index].get(crc32(packet), [])
            if index == picture and shift is None and told:
                shift = seconds - told[0]
            elif index == sound and (shift is not None or picture is None) and told:
                off = min(abs(seconds - (shift or 0.0) - one) for one in told)
                if off > _LEAST_S:
                    raise RenderError(
                        target,
                        f"sound came out {off * 1000:.0f} ms from where it was put: write an .mkv",
                    )
                checked += 1
            if checked >= _CHECKED:
                return
