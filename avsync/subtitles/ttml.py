"""TTML (and its elder DFXP): the places of the times, by expat's byte positions.

A cue is a <p> with times, or a <span> with times in a <p> without. Times count from where the
enclosing timed <body> or <div> begins ("par" containers, TTML1 section 12.2); times within a cue
count from the cue. A document type is refused before anything in it is looked at, and with it
every entity: none is needed, and they can be made to expand without end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import NamedTuple
from xml.parsers import expat

from avsync.subtitles.clocks import TtmlClock
from avsync.subtitles.document import Edit, Mark, Role
from avsync.subtitles.model import Cue
from avsync.subtitles.scan import MAX_REPAIRS, Report, Scan, Source, shown

__all__ = ["scan"]

_COARSEST_S = 0.05  # nothing is timed by fewer than 20 frames a second

_TAG_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"\s*([^\s=/>]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_TAG_END = re.compile(rb"\s*(/?)>")
_BARE_AMPERSAND = re.compile(
    r"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};|(?:amp|lt|gt|quot|apos);)(?:(\w{1,32});)?"
)


def scan(source: Source, report: Report) -> Scan:
    """Find the cues of a TTML text."""
    reader = _Reader(source, report)
    try:
        reader.parse()
    except expat.ExpatError as error:
        line = min(error.lineno, len(source.lines))
        what = f"is not well-formed XML: {expat.ErrorString(error.code)}"
        edits = list(islice(_escaped_ampersands(source.text), MAX_REPAIRS + 1))
        if not edits:
            raise report.fail(line, f"{what}; correct it") from error
        report.malformed(line, what, "escapes each bare '&'", *edits)
    return reader.found


def _escaped_ampersands(text: str) -> Iterator[Edit]:
    for match in _BARE_AMPERSAND.finditer(text):
        character = html.unescape(match[0]) if match[1] else ""
        known = len(character) == 1
        replacement = f"&#{ord(character)};" if known else match[0].replace("&", "&amp;")
        yield Edit(match.start(), match.end(), replacement)


@dataclass(slots=True)
class _Element:
    """An open element, and what its children need to know of it."""

    name: str
    in_body: bool
    base: float  # seconds that the times of its children count from
    line: int
    loose_text: bool = False  # text that belongs to no cue (of a <p>)


@dataclass(slots=True)
class _Cue:
    """The cue that is open."""

    element: _Element
    content: int  # where its text begins, in bytes
    is_empty: bool  # <p ... />
    name_end: int  # behind "<p", in characters: where an attribute can be put
    start: float | None = None
    end: float | None = None
    readable: bool = True
    marks: list[tuple[int, int, float, Role]] = field(default_factory=list)


class _Stamp(NamedTuple):
    """A time in an attribute: where it stands, in characters, and what it says."""

    begin: int
    end: int
    seconds: float


class _Reader:
    """One run of the parser over a text."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.report = report
        self.data = source.text.encode("utf-8", "surrogatepass")
        self.is_ascii = source.text.isascii()
        self.clock = TtmlClock()
        self.found = Scan(self.clock)
        self.open: list[_Element] = []
        self.cue: _Cue | None = None
        self.missing: list[tuple[int, _Cue, str]] = []  # the index of a cue, and what it lacks
        self.checkpoint = (0, 0)  # the same position in bytes and in characters
        self.parser = expat.ParserCreate("utf-8", "}")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def parse(self) -> None:
        self.parser.Parse(self.data, True)
        for index, cue, name in self.missing:
            start = self.found.cues[index].start
            seconds = start if name == "begin" else self.found.usable_end(index)
            stamp = self.clock.write(max(0.0, seconds - cue.element.base), "00:00:00.000")
            edit = Edit(cue.name_end, cue.name_end, f' {name}="{stamp}"')
            what = f"the cue has no {name!r}"
            self.report.malformed(cue.element.line, what, f"gives it {stamp}", edit)

    def _doctype(self, name: str, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise self.report.fail(line, "has a document type (DTD), which is unsafe; remove it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        position = self.parser.CurrentByteIndex
        self.checkpoint = (position, self._place(position))
        line = self.source.line_at(self.checkpoint[1]) + 1
        local = name.rpartition("}")[2]
        if not self.open:
            self._root(local, attributes, line)
        parent = self.open[-1] if self.open else _Element("", False, 0.0, line)
        element = _Element(local, local == "body" or parent.in_body, parent.base, line)
        self.open.append(element)
        if attributes.get("timeContainer") == "seq":
            reason = "times one after another (timeContainer='seq') are not supported"
            raise self.report.fail(line, f"{reason}; convert the file to .srt first")
        if not element.in_body or not attributes.keys() & {"begin", "end", "dur"}:
            return
        tag = _TAG_NAME.match(self.data, position)
        assert tag is not None
        if self.cue is not None:
            stamps = self._stamps(tag.end(), attributes, element)[0]
            if stamps is not None:
                self.cue.marks += [(*stamp, Role.RELATIVE) for stamp in stamps.values()]
        elif local in ("p", "span"):
            self._open_cue(tag.end(), attributes, element)
        else:
            self._container(tag.end(), attributes, element)

    def _end(self, name: str) -> None:
        element = self.open.pop()
        if self.cue is not None and self.cue.element is element:
            self._close_cue(self.cue)
            self.cue = None
        elif element.name == "p" and element.loose_text:
            what = "a text has no times of its own"
            self.report.malformed(element.line, what, "leaves it there, at its old time")

    def _characters(self, text: str) -> None:
        if self.cue is None and self.open[-1].in_body and not text.isspace():
            for element in reversed(self.open):
                if element.name == "p":
                    element.loose_text = True
                    break

    def _root(self, local: str, attributes: dict[str, str], line: int) -> None:
        if local != "tt":
            raise self.report.fail(line, f"is no TTML: it begins with <{shown(local)[1:-1]}>")
        try:
            self.clock = self.found.clock = _clock(attributes)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise self.report.fail(line, f"{error}; correct it, or convert it first") from error

    def _container(self, name_end: int, attributes: dict[str, str], element: _Element) -> None:
        stamps, _ = self._stamps(name_end, attributes, element)
        if stamps is None:
            raise self.report.fail(element.line, "the times of all cues in it hang on this one")
        outer = element.base
        begin = stamps.get("begin")
        if begin is not None:
            element.base += begin.seconds
        self.found.rebased |= element.base != 0
        for key, stamp in stamps.items():
            base = element.base if key == "dur" else outer
            role = Role.FLOOR if key == "begin" else Role.CEILING
            mark = Mark(stamp.begin, stamp.end, base + stamp.seconds, -1, role)
            self.found.marks.append(mark)

    def _open_cue(self, name_end: int, attributes: dict[str, str], element: _Element) -> None:
        stamps, tag_end = self._stamps(name_end, attributes, element)
        is_empty = self.data[tag_end - 2 : tag_end] == b"/>"
        self.cue = cue = _Cue(element, tag_end, is_empty, self._place(name_end))
        if stamps is None:
            cue.readable = False
            return
        begin, end, duration = (stamps.get(key) for key in ("begin", "end", "dur"))
        start = element.base
        if begin is not None:
            cue.start = start = element.base + begin.seconds
            cue.marks.append((*begin[:2], start, Role.START))
        ends = []
        if end is not None:
            ends.append(element.base + end.seconds)
            cue.marks.append((*end[:2], ends[-1], Role.END))
        if duration is not None:
            ends.append(start + duration.seconds)
            cue.marks.append((*duration, Role.DURATION))
        cue.end = min(ends, default=None)
        if cue.end is not None and start - _COARSEST_S <= cue.end < start:
            cue.end = start  # rounded to a coarser unit than the start

    def _close_cue(self, cue: _Cue) -> None:
        if not cue.readable:
            return
        text = ""
        if not cue.is_empty:
            text = self.data[cue.content : self.parser.CurrentByteIndex].decode()
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        start = cue.element.base if cue.start is None else cue.start
        end = start if cue.end is None else cue.end
        for name, value in (("begin", cue.start), ("end", cue.end)):
            if value is None:
                self.missing.append((len(self.found.cues), cue, name))
        self.found.add(Cue(start, end, text, "ttml", line=cue.element.line), *cue.marks)

    def _stamps(
        self, name_end: int, attributes: dict[str, str], element: _Element
    ) -> tuple[dict[str, _Stamp] | None, int]:
        """The times in a start tag, or None if one cannot be read; and where the tag ends."""
        stamps: dict[str, _Stamp] = {}
        readable = True
        position = name_end
        while (match := _ATTRIBUTE.match(self.data, position)) is not None:
            position = match.end()
            key = match[1].decode()
            if key not in ("begin", "end", "dur"):
                continue
            group = 2 if match[2] is not None else 3
            raw = match[group].decode()
            stamp = raw.strip()
            try:
                if raw != attributes[key]:
                    raise ValueError(f"{shown(raw)} is a time that is written by entities")
                seconds = self.clock.read(stamp)
            except ValueError as error:
                why = "leaves the cue as it is, at its old time"
                self.report.malformed(element.line, str(error), why)
                readable = False
                continue
            begin = self._place(match.start(group)) + raw.index(stamp)
            stamps[key] = _Stamp(begin, begin + len(stamp), seconds)
        end = _TAG_END.match(self.data, position)
        assert end is not None
        return stamps if readable else None, end.end()

    def _place(self, position: int) -> int:
        """A position in bytes, not before the checkpoint, in characters."""
        if self.is_ascii:
            return position
        byte, character = self.checkpoint
        return character + len(self.data[byte:position].decode("utf-8", "surrogatepass"))


def _clock(attributes: dict[str, str]) -> TtmlClock:
    """The clock that the parameters of <tt> describe (TTML1, section 6.2)."""
    given = {
        name.rpartition("}")[2]: value.strip()
        for name, value in attributes.items()
        if name.rpartition("}")[0].endswith("#parameter")
    }
    base = given.get("timeBase", "media")
    if base not in ("media", "smpte") or (base, given.get("dropMode")) in _DROP_MODES:
        raise ValueError(f"the time base {shown(base)} with its drop mode is not supported")
    nominal = int(given.get("frameRate", "30"))
    multiplier = Fraction(re.sub(r"[\s:]+", "/", given.get("frameRateMultiplier", "1")))
    ticks = Fraction(given.get("tickRate", nominal if "frameRate" in given else 1))
    if not (1 <= nominal <= 1000 and 0 < multiplier <= 10 and 1 <= ticks <= 10**12):
        raise ValueError("the frame rate or tick rate makes no sense")
    return TtmlClock(nominal, multiplier, ticks, base == "smpte")


_DROP_MODES = {("smpte", "dropNTSC"), ("smpte", "dropPAL")}
