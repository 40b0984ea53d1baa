"""What `avsync tone` says to people: a table, reasons, a ranking."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avsync.tone.report import ToneReport
    from avsync.tone.score import Candidate

__all__ = ["candidate_record", "explanation_lines", "ranking_lines", "table"]


def table(report: ToneReport) -> Iterator[str]:
    """The report for people: what is to be said, then a line for each window."""
    yield from report.sentences
    width = max(len("window"), *(len(name) for name in report.names))
    yield f"{'window':<{width}}  sound: arousal  valence  picture: arousal  valence  agreement"
    for n, name in enumerate(report.names):
        cells = []
        for side in (report.sound, report.picture):
            arousal = side.arousal[n] if side is not None else math.nan
            valence = side.valence[n] if side is not None else math.nan
            cells += [_cell(arousal), _cell(valence)]
        agreed = report.agreement.windows[n] if report.agreement is not None else math.nan
        yield (
            f"{name:<{width}}  {cells[0]:>14}  {cells[1]:>7}  {cells[2]:>16}  {cells[3]:>7}"
            f"  {_cell(agreed):>9}"
        )


def _cell(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "-"


def explanation_lines(report: ToneReport, window: int) -> Iterator[str]:
    """Why a window came out as it did."""
    found = report.explain(window)
    yield f"what made {report.names[window]}:"
    for part in found.contributions[:10]:
        yield (
            f"  {part.by:+.2f} {part.of:<7} {part.side:<7} {part.words} "
            f"({part.measure} {part.value:.2f} {part.unit})"
        )
    if len(found.moments):
        seen = found.moments[found.sound_to_picture.argmax()]
        heard = found.moments[found.picture_to_sound.argmax()]
        yield f"  the sound looked most at the picture at {seen:.1f} s"
        yield f"  the picture listened most to the sound at {heard:.1f} s"


def ranking_lines(ranked: tuple[Candidate, ...]) -> Iterator[str]:
    """A line for each that could be judged, the best first."""
    judged = [one.report.agreement for one in ranked if one.report is not None]
    paths = [one.path for one in ranked if one.report is not None]
    for place, (found, path) in enumerate(zip(judged, paths, strict=True), start=1):
        if found is not None:
            yield f"{place:3}  {found.overall:+.2f} ({found.low:+.2f} to {found.high:+.2f})  {path}"


def candidate_record(one: Candidate) -> dict[str, object]:
    """One of the ranking, as JSON has it."""
    found = one.report.agreement if one.report is not None else None
    return {
        "path": one.path,
        "agreement": None if found is None else round(found.overall, 4),
        "low": None if found is None else round(found.low, 4),
        "high": None if found is None else round(found.high, 4),
        "sentence": one.report.sentences[0] if one.report is not None else None,
        "error": one.reason or None,
    }
