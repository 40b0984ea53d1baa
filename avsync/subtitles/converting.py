"""From one format to another, by pysubs2, with a check that nobody says anything else there."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pysubs2

from avsync.errors import SubtitleError
from avsync.subtitles.ass import usual_script
from avsync.subtitles.clocks import frame_rate
from avsync.subtitles.document import encoded
from avsync.subtitles.library import NOT_IN_XML, STAND_INS, events_of, guarded, letters
from avsync.subtitles.model import Cue, Format, Subtitles
from avsync.subtitles.reading import parse_subtitles
from avsync.subtitles.scan import Report, shown

__all__ = ["convert"]

_ASS_MARKUP = re.compile(r"\{[^{}]*\}|\\[nNh]")
_ANY_TAG = re.compile(r"<[^<>]*>|\{[^{}]*\}")
_HEADING = re.compile(r"\s*\[[^\[\]]{1,80}\]\s*")

_MAX_TAG_WORK = 2_000_000_000  # pysubs2's time goes by the tags of a text times its length


def convert(subtitles: Subtitles, format: Format, *, fps: float | Fraction | None) -> Subtitles:
    """The same cues in another format, encoded as UTF-8.

    Raises:
        SubtitleError: a cue cannot be said in that format, or would say something else there.
    """
    path = subtitles.path
    rate = subtitles.fps if fps is None else frame_rate(fps)
    if format == "microdvd" and rate is None:
        reason = "needs a frame rate to become MicroDVD; give fps= (--fps), the film's"
        raise SubtitleError(path, None, reason)
    _check_times(subtitles)
    file = _file(subtitles)
    _check_tag_work(file, path)
    pairs = list(zip(subtitles.cues, file.events, strict=True))
    if format not in ("ass", "ssa"):
        # Comments and drawings have no text that another format could show.
        pairs = [(cue, event) for cue, event in pairs if event.is_text]
    if format == "vtt":
        pairs.sort(key=lambda pair: pair[0].start)  # WebVTT demands this order
    if not pairs:
        raise SubtitleError(path, None, f"holds no cue that can be shown in {format}")
    cues = [cue for cue, _ in pairs]
    file.events = [event for _, event in pairs]
    text = _written(file, format, rate).replace("\n", subtitles.newline)
    try:
        converted = parse_subtitles(text.encode(), format=format, path=path)
    except SubtitleError as error:
        raise SubtitleError(path, None, f"cannot become {format}: {error.reason}") from error
    _check_converted(cues, converted, path)
    # pysubs2 was given stand-ins for times, too: it cuts off what it takes for too late.
    moved = converted.retimed([cue.span for cue in cues])
    return replace(moved, bom=subtitles.bom, repairs=subtitles.repairs)


def _check_times(subtitles: Subtitles) -> None:
    for number, cue in enumerate(subtitles.cues, start=1):
        if round(cue.start * 1000) < 0:
            reason = f"cue {number} has a time before 0, which cannot be written; move it to 0"
            raise SubtitleError(subtitles.path, cue.line or None, reason)


def _check_converted(cues: Sequence[Cue], converted: Subtitles, path: str) -> None:
    if len(converted.cues) != len(cues):
        reason = f"{len(cues)} cues would become {len(converted.cues)} in {converted.format}"
        raise SubtitleError(path, None, f"{reason}; choose another format")
    for cue, theirs in zip(cues, converted.cues, strict=True):
        if _words(cue.plain) != _words(theirs.plain):
            reason = f"{shown(cue.plain)} would become {shown(theirs.plain)} in {converted.format}"
            raise SubtitleError(path, cue.line or None, f"{reason}; choose another format")


def _words(text: str) -> str:
    # What is text in one format ("<i>" in ASS) may be a tag in another; no word is lost by that.
    return letters(_ANY_TAG.sub("", text))


def _file(subtitles: Subtitles) -> pysubs2.SSAFile:
    """What pysubs2 reads of the whole file, styles included, one event for each cue."""
    if subtitles.format not in ("ass", "ssa"):
        file = pysubs2.SSAFile()
        report = Report(subtitles.path, lenient=False)
        file.events = events_of(subtitles.cues, subtitles.fps, report)
        return file
    text = encoded(subtitles.document.text, "utf-8").decode("utf-8", "replace")
    script = usual_script(text, subtitles.cues)
    # Its patterns take very long on a long line with a bracket; in the header none is needed.
    lines = (line for line in script.split("\n") if _is_harmless(line, subtitles.format))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = pysubs2.SSAFile.from_string("\n".join(lines), subtitles.format)
    texts = [letters(event.text) for event in file.events]
    if texts != [letters(cue.text) for cue in subtitles.cues]:
        reason = "pysubs2 reads other events than those that were found; please report this file"
        raise SubtitleError(subtitles.path, None, reason)
    for event in file.events:
        escaped = event.text.replace("\\{", STAND_INS["{"]).replace("\\}", STAND_INS["}"])
        event.text = guarded(escaped, _ASS_MARKUP, str)
    return file


def _is_harmless(line: str, format: Format) -> bool:
    if line.strip().startswith("Style:"):
        try:
            pysubs2.SSAFile.from_string(line, format)
        except Exception:  # whatever is wrong with a style, players do without it
            return False
    return "[" not in line[:4] or _HEADING.fullmatch(line) is not None


def _check_tag_work(file: pysubs2.SSAFile, path: str) -> None:
    work = sum(event.text.count("{") * len(event.text) for event in file.events)
    if work > _MAX_TAG_WORK:
        reason = "has too many tags to be converted; keep its format"
        raise SubtitleError(path, None, reason)


def _written(file: pysubs2.SSAFile, format: Format, rate: Fraction | None) -> str:
    """The file as pysubs2 writes it, but for the times, which only keep the order."""
    for number, event in enumerate(file.events):
        event.start, event.end = number * 10, number * 10 + 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if format == "microdvd":
            assert rate is not None
            stated = f"{float(rate):.3f}".rstrip("0").rstrip(".")
            text = file.to_string(format, fps=float(rate), write_fps_declaration=False)
            text = f"{{1}}{{1}}{stated}\n{text}"
        elif format in ("ass", "ssa"):
            text = file.to_string(format, header_notice="")
            # A word joiner, which nobody sees, keeps a backslash from becoming a line break.
            backslash = STAND_INS["\\"]
            for letter in "nNh{":
                text = text.replace(f"{backslash}{letter}", f"{backslash}\u2060{letter}")
        else:
            text = file.to_string(format)
            text = NOT_IN_XML.sub("", text) if format == "ttml" else text
    names = _ESCAPES.get(format, {})
    for character, stand_in in STAND_INS.items():
        # In XML the stand-ins are written by their numbers.
        written = f"&#{ord(stand_in)};" if format == "ttml" else stand_in
        text = text.replace(written, names.get(character, character))
    return text


_XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPES: dict[Format, dict[str, str]] = {
    "vtt": _XML_ESCAPES,
    "ttml": _XML_ESCAPES,
    "ass": {"{": "\\{", "}": "\\}"},
    "ssa": {"{": "\\{", "}": "\\}"},
}
