"""What every scanner of a format works with: the text by lines, a way to complain, the result.

A scanner finds the cues and the places of their time stamps. Whatever is malformed it reports. A
strict report raises at the first complaint; a lenient one collects *edits*, after which the edited
text is scanned anew. So what a lenient reading gives is always a text that a strict one could have
given, or that differs from it only in what was left standing and said so.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from avsync.errors import SubtitleError
from avsync.subtitles.document import Clock, Edit, Mark, Role
from avsync.subtitles.model import Cue, Repair

__all__ = ["MAX_REPAIRS", "READING_TIME_S", "Report", "Scan", "Source", "shown"]

READING_TIME_S = 2.0
"""How long a cue is given whose end is unusable, unless the next one begins before that."""

MAX_REPAIRS = 100_000
"""With more faults than this a file is not what it is taken for."""

# "\r\r\n" is one line end: files that went through a text mode once too often have it.
_LINE = re.compile(r"[^\r\n]*(?:\r{0,2}\n|\r)|[^\r\n]+\Z")
_NEWLINE = re.compile(r"\r{0,2}\n|\r")


class Source:
    """A text and its lines; line numbers count from 0 here and from 1 in a `Report`."""

    def __init__(self, text: str) -> None:
        self.text = text
        whole: list[str] = _LINE.findall(text)
        self.lines = [line.rstrip("\r\n") for line in whole]
        self.starts = [0, *accumulate(map(len, whole))]

    def line_at(self, position: int) -> int:
        """The index of the line in which a position lies."""
        return bisect_right(self.starts, position, hi=max(1, len(self.lines))) - 1

    def end_of(self, line: int) -> int:
        """The position behind the last character of a line, before its line end."""
        return self.starts[line] + len(self.lines[line])


@dataclass(slots=True)
class Report:
    """Where a scanner reports what is malformed."""

    path: str
    lenient: bool
    origins: Sequence[int] | None = None  # line of the file for each line of an edited text
    repairs: list[Repair] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def malformed(self, line: int, what: str, repair: str, *edits: Edit) -> None:
        """Raise SubtitleError, or note the repair.

        Args:
            line: from 1.
            what: what is wrong, with the value seen.
            repair: what a lenient reading does about it, as a sentence without a subject.
            edits: how it does it; none: the text stays as it stands.
        """
        if not self.lenient:
            remedy = f"correct it, or read it with lenient=True (--lenient), which {repair}"
            raise SubtitleError(self.path, line, f"{what}; {remedy}")
        if len(self.edits) + len(edits) > MAX_REPAIRS or len(self.repairs) > MAX_REPAIRS:
            raise self.fail(line, f"has more than {MAX_REPAIRS} faults; give the right file")
        origin = line if self.origins is None else self.origins[line - 1]
        self.repairs.append(Repair(origin, f"{what}; {repair}"))
        self.edits += edits

    def fail(self, line: int | None, reason: str) -> SubtitleError:
        """The error for what no reading can put right."""
        if line is not None and self.origins is not None:
            line = self.origins[line - 1]
        return SubtitleError(self.path, line, reason)

    def ordered_edits(self) -> list[Edit]:
        """The edits in order; of two that overlap, the first."""
        chosen: list[Edit] = []
        for edit in sorted(self.edits):
            if not chosen or (edit.begin >= chosen[-1].end and edit != chosen[-1]):
                chosen.append(edit)
        return chosen

    def after(self, source: Source) -> Report:
        """A report for the text that comes of editing `source`."""
        before = self.origins or range(1, len(source.lines) + 1)
        origins: list[int] = []
        done = 0
        for edit in self.ordered_edits():
            first, last = source.line_at(edit.begin), source.line_at(edit.end)
            origins += before[done : first + 1]
            origins += [before[first]] * len(_NEWLINE.findall(edit.replacement))
            done = max(done, last + 1)
        origins += before[done:]
        # One more, for an edit that adds a line at the end.
        return Report(self.path, self.lenient, [*origins, origins[-1] if origins else 1])


@dataclass(slots=True)
class Scan:
    """The cues found, and the marks of their stamps, in characters."""

    clock: Clock
    cues: list[Cue] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    rebased: bool = False

    def add(self, cue: Cue, *marks: tuple[int, int, float, Role]) -> None:
        """Append a cue with its marks (begin, end, seconds, role)."""
        index = len(self.cues)
        self.cues.append(cue)
        for begin, end, seconds, role in marks:
            self.marks.append(Mark(begin, end, seconds, index, role))

    def usable_end(self, index: int) -> float:
        """An end for a cue that has none: time to read it, but not into the next cue."""
        start = self.cues[index].start
        end = start + READING_TIME_S
        following = self.cues[index + 1].start if index + 1 < len(self.cues) else end
        return min(end, following) if following > start else end


def shown(value: str) -> str:
    """A value from a file, for a message: quoted, escaped and short."""
    return repr(value if len(value) <= 60 else value[:57] + "...")
