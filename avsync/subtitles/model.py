"""The values of this package: `Cue`, `Repair` and `Subtitles`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from avsync.subtitles.document import Document
from avsync.subtitles.markup import is_sound, plain_text
from avsync.timemap import Span

__all__ = ["Cue", "Format", "Kind", "Repair", "Subtitles"]

Format = Literal["srt", "ass", "ssa", "vtt", "microdvd", "ttml"]
Kind = Literal["dialogue", "comment"]


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: when it is shown, in seconds, and what it says.

    `text` is the raw text as it stands in a file of `format`, tags and all, its line ends turned
    into "\\n". Times may be negative and any size; start <= end.
    """

    start: float
    end: float
    text: str
    format: Format = "srt"
    kind: Kind = "dialogue"  # a comment (ASS) is moved, never shown
    line: int = field(
        default=0, compare=False
    )  # where it begins, from 1, after repairs; 0: nowhere

    @property
    def plain(self) -> str:
        """The text that a viewer reads: no tags, no drawings, entities resolved."""
        return plain_text(self.text, self.format)

    @property
    def is_sound(self) -> bool:
        """Whether nobody speaks: "[door slams]", "(sighs)", "♪ la la ♪", a comment, no text."""
        return self.kind == "comment" or is_sound(self.plain)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that a lenient reading put right: the line it stood on, and what was done."""

    line: int
    what: str


@dataclass(frozen=True, slots=True, repr=False)
class Subtitles:
    """A subtitle file: its cues in file order, and all that is needed to write it back unharmed."""

    cues: tuple[Cue, ...]
    path: str
    format: Format
    encoding: str
    bom: bool
    newline: str
    repairs: tuple[Repair, ...]
    fps: Fraction | None  # MicroDVD only: the frames per second that its times were read with
    document: Document

    def __repr__(self) -> str:
        return f"<Subtitles {self.path!r}: {len(self.cues)} cues, {self.format}, {self.encoding}>"

    def retimed(self, spans: Sequence[Span]) -> Subtitles:
        """The same subtitles at other times: one finite span per cue, in the order of the cues."""
        if len(spans) != len(self.cues):
            raise ValueError(f"{len(self.cues)} cues need as many spans, got {len(spans)}")
        for number, span in enumerate(spans, start=1):
            if not (math.isfinite(span.start) and math.isfinite(span.end)):
                raise ValueError(f"cue {number} cannot be shown over {span}")
        moved = (
            replace(cue, start=span.start, end=span.end)
            for cue, span in zip(self.cues, spans, strict=True)
        )
        return replace(self, cues=tuple(moved))
