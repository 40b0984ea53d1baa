"""Reading: bytes to `Subtitles`."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from avsync.errors import SubtitleError
from avsync.subtitles import ass, microdvd, ttml, vtt
from avsync.subtitles.clocks import FrameClock
from avsync.subtitles.document import Document, Edit, Role, Unplaceable, encoded, replaced
from avsync.subtitles.document import decoded as decoded_text
from avsync.subtitles.encoding import BOMS, Decoded, codec_name, decode
from avsync.subtitles.model import Format, Repair, Subtitles
from avsync.subtitles.scan import Report, Scan, Source

__all__ = [
    "EXTENSIONS",
    "MAX_CUE_CHARS",
    "MAX_FILE_BYTES",
    "MAX_LINES",
    "parse_subtitles",
    "read_subtitles",
]

MAX_FILE_BYTES = 64 << 20
MAX_LINES = 2_000_000
MAX_CUE_CHARS = 64 << 10

EXTENSIONS: dict[str, Format] = {
    ".srt": "srt",
    ".ass": "ass",
    ".ssa": "ssa",
    ".vtt": "vtt",
    ".sub": "microdvd",
    ".ttml": "ttml",
    ".dfxp": "ttml",
}

_SIGNATURES: tuple[tuple[re.Pattern[str], Format], ...] = (
    (re.compile(r"WEBVTT(?![^\s])"), "vtt"),
    (re.compile(r"\[(?:script info|v4\+? styles)\]", re.IGNORECASE), "ass"),
    (re.compile(r"\{-?[0-9]{1,9}\}\{-?[0-9]{0,9}\}"), "microdvd"),
    (re.compile(r"(?=<)(?s:.){0,4000}?<(?:\w{1,40}:)?tt[\s>]"), "ttml"),
)
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.ASCII)
_SURROGATES = re.compile("[\udc80-\udcff]")
_NULS = re.compile("\0+")
_MAX_PASSES = 5


def read_subtitles(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    lenient: bool = False,
    fps: float | Fraction | None = None,
) -> Subtitles:
    """Read a subtitle file: SubRip, SubStation Alpha, WebVTT, MicroDVD or TTML.

    The format is the one that the content shows, or else that of the extension.

    Args:
        encoding: overrides the byte order mark's absence and the guess.
        lenient: repair what is malformed, as far as possible, and list it in `repairs`, instead of
            raising.
        fps: frames per second of a MicroDVD file that does not say so itself ("{1}{1}23.976").

    Raises:
        SubtitleError: with the line and the reason.
        OSError: the file cannot be opened.
        ValueError: an argument makes no sense.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        # One byte more than allowed tells that there is too much; also of what has no size.
        data = file.read(MAX_FILE_BYTES + 1)
    return _parse(data, None, name, encoding, lenient, fps)


def parse_subtitles(
    data: bytes,
    *,
    format: str,
    path: str | os.PathLike[str] = "<memory>",
    encoding: str | None = None,
    lenient: bool = False,
    fps: float | Fraction | None = None,
) -> Subtitles:
    """Read subtitles of a known format from bytes; `path` is their name in errors.

    See `read_subtitles` for the rest.
    """
    return _parse(data, known_format(format), os.fspath(path), encoding, lenient, fps)


def known_format(format: str) -> Format:
    """`format` itself; ValueError if it is none that is known."""
    for known in EXTENSIONS.values():
        if format == known:
            return known
    names = ", ".join(sorted(set(EXTENSIONS.values())))
    raise ValueError(f"unknown subtitle format {format!r}; use one of {names}")


def _parse(
    data: bytes,
    format: Format | None,
    path: str,
    encoding: str | None,
    lenient: bool,
    fps: float | Fraction | None,
) -> Subtitles:
    if len(data) > MAX_FILE_BYTES:
        reason = f"is larger than {MAX_FILE_BYTES >> 20} MiB, which no subtitle file is"
        raise SubtitleError(path, None, f"{reason}; give the right file")
    encoding = _declared(data) if encoding is None else encoding
    decoded = decode(data, path=path, encoding=encoding, lenient=lenient)
    if decoded.text.count("\n") + decoded.text.count("\r") > MAX_LINES:
        reason = f"has more than {MAX_LINES} lines, which no subtitle file has"
        raise SubtitleError(path, None, f"{reason}; give the right file")
    if not decoded.text.strip():
        raise SubtitleError(path, None, "is blank; give a file with subtitles in it")
    format = format or _format_of(decoded.text, path)
    body = data[len(BOMS[decoded.encoding]) if decoded.bom else 0 :]
    report = Report(path, lenient)
    source = Source(decoded.text)
    repairs = dict.fromkeys(_damage(decoded, source))
    for _ in range(_MAX_PASSES):
        scan = _scan(format, source, report, fps)
        # What was left standing is reported each time.
        repairs |= dict.fromkeys(report.repairs)
        edits = report.ordered_edits()
        if not edits:
            break
        body = _edited(body, source.text, edits, decoded.encoding, path)
        report = report.after(source)
        source = Source(decoded_text(body, decoded.encoding))
    else:
        raise SubtitleError(path, None, "is too damaged to be repaired; correct it by hand")
    if not scan.cues:
        raise SubtitleError(path, None, f"holds no cue of format {format}; give the right file")
    if decoded.damaged:
        scan.cues = [replace(cue, text=_SURROGATES.sub("\ufffd", cue.text)) for cue in scan.cues]
    if format != "srt":
        from avsync.subtitles.library import check

        check(scan, report)
    return Subtitles(
        cues=tuple(scan.cues),
        path=path,
        format=scan.cues[0].format,
        encoding=decoded.encoding,
        bom=decoded.bom,
        newline=_newline(source.text),
        repairs=tuple(sorted(repairs, key=lambda repair: repair.line)),
        fps=scan.clock.fps if isinstance(scan.clock, FrameClock) else None,
        document=_document(body, source.text, scan, decoded.encoding, path),
    )


def _declared(data: bytes) -> str | None:
    """The encoding that an XML declaration names, where a byte order mark does not say it."""
    if data.startswith(tuple(BOMS.values())):
        return None
    match = _XML_ENCODING.match(data.lstrip()[:400])
    try:
        name = None if match is None else codec_name(match[1].decode("ascii"))
    except ValueError:
        return None
    # A declaration that could be read byte by byte is not itself in what it declares here.
    return None if name is None or name.startswith(("utf-16", "utf-32")) else name


def _format_of(text: str, path: str) -> Format:
    head = text[:8000].lstrip("\ufeff \t\r\n")
    for signature, format in _SIGNATURES:
        if signature.match(head):
            return format
    extension = Path(path).suffix.lower()
    if extension == ".sub":
        reason = "is no MicroDVD file: other kinds of .sub (VobSub, SubViewer) are not supported"
        raise SubtitleError(path, 1, f"{reason}; convert it to .srt first")
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        reason = f"has the extension {extension!r} and no content that shows its format"
        raise SubtitleError(path, None, f"{reason}; name it by one of {known}")
    return EXTENSIONS[extension]


def _damage(decoded: Decoded, source: Source) -> list[Repair]:
    if not decoded.damaged:
        return []
    damage = _SURROGATES.finditer(decoded.text)
    lines = Counter(source.line_at(match.start()) + 1 for match in damage)
    return [
        Repair(line, f"{count} bytes are not {decoded.encoding}; keeps them as they are")
        for line, count in lines.items()
    ]


def _scan(format: Format, source: Source, report: Report, fps: float | Fraction | None) -> Scan:
    _check_nuls(source, report)
    if format == "srt":
        from avsync.subtitles.srt import scan

        found = scan(source, report)
    elif format in ("ass", "ssa"):
        found = ass.scan(source, report, format)
    elif format == "vtt":
        found = vtt.scan(source, report)
    elif format == "microdvd":
        found = microdvd.scan(source, report, fps)
    else:
        found = ttml.scan(source, report)
    found.marks.sort()
    _judge(found, source, report)
    return found


def _check_nuls(source: Source, report: Report) -> None:
    for nuls in _NULS.finditer(source.text):
        what = f"{len(nuls[0])} NUL characters stand in this line"
        cut = Edit(nuls.start(), nuls.end(), "")
        report.malformed(source.line_at(nuls.start()) + 1, what, "removes them", cut)


def _judge(found: Scan, source: Source, report: Report) -> None:
    for cue in found.cues:
        if len(cue.text) > MAX_CUE_CHARS:
            what = f"a cue of {len(cue.text)} characters is longer than {MAX_CUE_CHARS}"
            raise report.fail(cue.line, f"{what}; correct the file")
    if all(cue.start <= cue.end for cue in found.cues):
        return
    starts = {mark.cue: mark for mark in found.marks if mark.role is Role.START}
    for mark in found.marks:
        if mark.role is not Role.END or found.cues[mark.cue].start <= found.cues[mark.cue].end:
            continue
        cue, start = found.cues[mark.cue], starts[mark.cue]
        try:
            like = source.text[mark.begin : mark.end]
            stamp = found.clock.write(found.usable_end(mark.cue), like)
        except ValueError:
            stamp = source.text[start.begin : start.end]
        what = f"the cue ends at {cue.end:.3f} s, before it starts at {cue.start:.3f} s"
        edit = Edit(mark.begin, mark.end, stamp)
        line = source.line_at(mark.begin) + 1
        report.malformed(line, what, f"lets it end at {stamp}", edit)


def _edited(body: bytes, text: str, edits: Sequence[Edit], encoding: str, path: str) -> bytes:
    try:
        return replaced(body, text, encoding, edits)
    except Unplaceable as error:
        raise SubtitleError(path, None, f"{error}; name another encoding= (--encoding)") from error


def _document(body: bytes, text: str, scan: Scan, encoding: str, path: str) -> Document:
    if encoded(text, encoding) != body:
        # Whether stamps can be replaced is found out now, by replacing each by itself.
        stamps = [Edit(mark.begin, mark.end, text[mark.begin : mark.end]) for mark in scan.marks]
        _edited(body, text, stamps, encoding, path)
    spans = tuple([(cue.start, cue.end) for cue in scan.cues])
    return Document(body, encoding, tuple(scan.marks), spans, scan.clock, scan.rebased)


def _newline(text: str) -> str:
    both = text.count("\r\n")
    counts = {"\n": text.count("\n") - both, "\r\n": both, "\r": text.count("\r") - both}
    return max(counts, key=lambda newline: counts[newline])
