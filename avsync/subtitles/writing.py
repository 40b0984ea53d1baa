"""Writing: `Subtitles` to bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from avsync.atomic import atomic_path
from avsync.errors import SubtitleError
from avsync.subtitles.document import Edit, Mark, Role, Unplaceable, decoded, replaced
from avsync.subtitles.encoding import BOMS, codec_name, line_of
from avsync.subtitles.model import Format, Subtitles
from avsync.subtitles.reading import EXTENSIONS, known_format

__all__ = ["to_bytes", "write_subtitles"]


def write_subtitles(
    subtitles: Subtitles,
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    fps: float | Fraction | None = None,
) -> None:
    """Write a subtitle file, whole or not at all, in the format of its extension.

    Where the extension is that of the file that was read, the format stays what it was there.
    See `to_bytes` for the rest.
    """
    extension = Path(path).suffix.lower()
    format: Format | None = None
    if extension != Path(subtitles.path).suffix.lower():
        if extension not in EXTENSIONS:
            known = ", ".join(EXTENSIONS)
            raise SubtitleError(path, None, f"has an unknown extension; name it by one of {known}")
        format = EXTENSIONS[extension]
    data = to_bytes(subtitles, format=format, encoding=encoding, fps=fps)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def to_bytes(
    subtitles: Subtitles,
    *,
    format: str | None = None,
    encoding: str | None = None,
    fps: float | Fraction | None = None,
) -> bytes:
    """The bytes of a subtitle file.

    In its own format and encoding a file comes out byte for byte as it went in, but for the stamps
    of cues that were moved. Another encoding changes the encoding; another format is written by
    pysubs2, as far as that format has a word for what is there.

    Args:
        encoding: None: the encoding of the file; "utf-8-sig" and "utf-16" put a byte order mark.
        fps: frames per second to write MicroDVD by; not needed where it was read from MicroDVD.

    Raises:
        SubtitleError: a cue cannot be written so: before 0, not in this encoding, not in this
            format.
    """
    if format is not None and format != subtitles.format:
        from avsync.subtitles.converting import convert

        encoding = encoding or _usual_encoding(subtitles, format)
        subtitles = convert(subtitles, known_format(format), fps=fps)
    body = _retimed_body(subtitles)
    if encoding is None:
        return (BOMS[subtitles.encoding] if subtitles.bom else b"") + body
    return _recoded(subtitles, body, encoding)


def _usual_encoding(subtitles: Subtitles, format: str) -> str:
    # WebVTT has to be UTF-8 and XML without a declaration is; the others keep what they had.
    return "utf-8" if format in ("vtt", "ttml") else subtitles.encoding


def _retimed_body(subtitles: Subtitles) -> bytes:
    document = subtitles.document
    spans = [(cue.start, cue.end) for cue in subtitles.cues]
    if tuple(spans) == document.spans:
        return document.body
    text = document.text
    latest = max(end for _, end in spans)
    edits = []
    for mark in document.marks:
        seconds = _moved(mark, document.spans, spans, latest)
        if seconds == mark.seconds and not document.rebased:
            continue
        try:
            stamp = document.clock.write(seconds, text[mark.begin : mark.end])
            unchanged = not document.rebased and document.clock.read(stamp) == mark.seconds
        except ValueError as error:
            # A container of cues cannot reach so far because its last cue cannot.
            index = mark.cue if mark.cue >= 0 else [end for _, end in spans].index(latest)
            line = subtitles.cues[index].line or None
            raise SubtitleError(subtitles.path, line, f"cue {index + 1} {error}") from None
        if not unchanged:
            edits.append(Edit(mark.begin, mark.end, stamp))
    try:
        return replaced(document.body, text, document.encoding, edits)
    except Unplaceable as error:
        raise SubtitleError(subtitles.path, None, f"{error}; convert it to UTF-8") from error


def _moved(
    mark: Mark,
    old_spans: Sequence[tuple[float, float]],
    new_spans: Sequence[tuple[float, float]],
    latest: float,
) -> float:
    """What a stamp has to say now."""
    if mark.role is Role.FLOOR:
        return 0.0
    if mark.role is Role.CEILING:
        return max(mark.seconds, latest)
    start, end = new_spans[mark.cue]
    if mark.role is Role.START:
        return start
    if mark.role is Role.END:
        return end
    if mark.role is Role.DURATION:
        return end - start
    # Times within a cue keep their place in it.
    old_start, old_end = old_spans[mark.cue]
    if (start, end) == (old_start, old_end):
        return mark.seconds
    stretch = (end - start) / (old_end - old_start) if old_end > old_start else 1.0
    if mark.role is Role.RELATIVE:
        return mark.seconds * stretch
    return start + (mark.seconds - old_start) * stretch


def _recoded(subtitles: Subtitles, body: bytes, encoding: str) -> bytes:
    name = codec_name(encoding)
    # The names that stand for a byte order mark put one, as XML in UTF-16 must; the others keep the
    # one that was there.
    marked = subtitles.bom or encoding.lower().replace("_", "-") in _MARKED
    marked |= subtitles.format == "ttml" and name.startswith("utf-16")
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    bom = BOMS.get(name, b"") if marked else b""
    if name == subtitles.encoding:
        return bom + body
    text = decoded(body, subtitles.encoding)
    if subtitles.format == "ttml":
        declared = name.removesuffix("-le").removesuffix("-be")
        text = _XML_ENCODING.sub(rf"\g<1>{declared}\g<2>", text)
    try:
        return bom + text.encode(name)
    except UnicodeError as error:
        line, seen = None, "a character"
        if isinstance(error, UnicodeEncodeError):
            line = line_of(text, error.start)
            seen = f"the character {text[error.start]!r}{_cue_at(subtitles, line)}"
        reason = f"{seen} cannot be written in {name}; use encoding='utf-8' (--encoding utf-8)"
        raise SubtitleError(subtitles.path, line, reason) from error


_MARKED = {"utf-8-sig", "utf-16", "utf-32"}
_XML_ENCODING = re.compile(r"\A(\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"'])[\w.:-]{1,40}([\"'])")


def _cue_at(subtitles: Subtitles, line: int) -> str:
    before = [number for number, cue in enumerate(subtitles.cues, 1) if cue.line <= line]
    return f" of cue {before[-1]}" if before else ""
