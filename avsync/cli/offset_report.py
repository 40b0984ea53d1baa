"""What `avsync offset` says: lines for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.records import Record

if TYPE_CHECKING:
    from avsync.offset.recordings import Recording, Recordings
    from avsync.offset.result import Offset

_STEADY_PPM = 0.05  # clocks nearer than this are told as alike
_SURE = 3.0  # standard deviations from which on a drift is told


def offset_lines(film: Path, offset: Offset, output: Path | None) -> Iterator[str]:
    """The offset of a film in a sentence, then minute by minute."""
    judged = " and ".join(offset.evidence.kinds) or "nothing"
    yield (
        f"{film}: {offset.sentence} (confidence {offset.confidence:.2f}, by {judged} in "
        f"{offset.evidence.seconds:.0f} s)"
    )
    if len(offset.per_minute) > 1:
        for minute in offset.per_minute:
            late = "         -" if minute.offset_s is None else f"{minute.offset_s * 1000:+7.0f} ms"
            yield (
                f"  {_clock(minute.start_s)} to {_clock(minute.end_s)}  {late}  "
                f"{minute.confidence:.2f}"
            )
    if output is not None:
        yield f"wrote {output}"


def offset_record(film: Path, offset: Offset, accepted: bool, output: Path | None) -> Record:
    """The offset of a film."""
    return {
        "path": str(film),
        "offset_s": _number(offset.offset_s),
        "confidence": _number(offset.confidence),
        "accepted": accepted,
        "sentence": offset.sentence,
        "per_minute": [
            {
                "start_s": _number(minute.start_s),
                "end_s": _number(minute.end_s),
                "offset_s": None if minute.offset_s is None else _number(minute.offset_s),
                "confidence": _number(minute.confidence),
            }
            for minute in offset.per_minute
        ],
        "evidence": {
            "kinds": list(offset.evidence.kinds),
            "seconds": _number(offset.evidence.seconds),
        },
        "output": None if output is None else str(output),
    }


def recording_lines(
    found: Recordings,
    usable: Sequence[bool],
    outputs: Sequence[Path | None],
    timeline: Path | None,
) -> Iterator[str]:
    """A table of where the recordings lie."""
    names = [found.first.name, *(one.path.name for one in found.others)]
    width = min(40, max(map(len, names)))
    yield f"{'':{width}}  {'starts at':>13}  {'clock':>17}  {'overlap':>8}  confidence"
    yield f"{found.first.name:{width}}  {_seconds(0.0)}  {'the first':>17}"
    for one, use in zip(found.others, usable, strict=True):
        if not use or one.offset_s is None:
            yield f"{one.path.name:{width}}  {'no place':>13}"
            continue
        yield (
            f"{one.path.name:{width}}  {_seconds(one.offset_s)}  {_pace(one):>17}  "
            f"{_clock(one.overlap_s):>8}  {one.confidence:.2f}"
            + (f" (over {one.through.name})" if one.through is not None else "")
        )
    for output in (*outputs, timeline):
        if output is not None:
            yield f"wrote {output}"


def recordings_record(
    found: Recordings, outputs: Sequence[Path | None], timeline: Path | None
) -> Record:
    """Where recordings lie on the clock of the first."""
    return {
        "reference": str(found.first),
        "duration_s": _number(found.duration_s),
        "recordings": [
            {
                "path": str(one.path),
                "offset_s": None if one.offset_s is None else _number(one.offset_s),
                "drift_ppm": round(float(one.drift_ppm), 3) + 0.0,
                "drift_error_ppm": round(float(one.drift_error_ppm), 3),
                "confidence": _number(one.confidence),
                "accepted": one.accepted,
                "duration_s": _number(one.duration_s),
                "overlap_s": _number(one.overlap_s),
                "agreement": _number(one.agreement),
                "spread_s": _number(one.spread_s),
                "through": None if one.through is None else str(one.through),
                "reason": one.reason or None,
                "output": None if output is None else str(output),
            }
            for one, output in zip(found.others, outputs, strict=True)
        ],
        "timeline": None if timeline is None else str(timeline),
    }


def _seconds(value: float) -> str:
    return f"{value + 0.0:+11.4f} s"


def _pace(one: Recording) -> str:
    if abs(one.drift_ppm) < max(_STEADY_PPM, _SURE * one.drift_error_ppm):
        return "alike"
    return f"{abs(one.drift_ppm):.1f} ppm {'slow' if one.drift_ppm > 0 else 'fast'}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _number(value: float) -> float:
    return round(float(value), 6) + 0.0  # no minus zero
