"""Results as JSON for programs: seconds, 1-based cue and line numbers, and no infinities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.jobs import Outcome
from avsync.pairing import Unpaired

if TYPE_CHECKING:
    from avsync.media import MediaInfo, Track
    from avsync.polishing.polish import Polishing
    from avsync.polishing.rules import Violation

__all__ = [
    "Record",
    "batch_record",
    "error_record",
    "media_record",
    "outcome_record",
    "rules_record",
]

Record = dict[str, object]


def outcome_record(outcome: Outcome) -> Record:
    """What became of one subtitle file; the same keys whether it was written or refused."""
    files: Record = {
        "reference": str(outcome.job.reference),
        "subtitles": str(outcome.job.subtitles),
    }
    if outcome.failure is not None:
        failure = outcome.failure
        return error_record(failure.message, failure.path, failure.line) | files
    done: Record = {
        "output": _name(outcome.output),
        "backup": _name(outcome.backup),
        "plot": _name(outcome.plot),
        "confidence": _number(outcome.confidence),
        "accepted": outcome.accepted,
        "reason": outcome.reason,
        "unchanged": outcome.status == "unchanged",
        "segments": [
            {
                "start_s": _number(segment.span.start),
                "end_s": _number(segment.span.end),
                "shift_s": _number(segment.shift),
                "rate": _rate(segment.rate, exact=segment.exact),
                "confidence": _number(segment.confidence),
                "cues": int(segment.cues),
            }
            for segment in outcome.segments
        ],
        "clamped": [
            {
                "cue": int(clamp.cue) + 1,
                "reason": clamp.reason,
                "start_s": _number(clamp.start),
                "end_s": _number(clamp.end),
            }
            for clamp in outcome.clamped
        ],
        "repairs": [{"line": repair.line, "what": repair.what} for repair in outcome.repairs],
    }
    return files | done | _words_record(outcome) | _shots_record(outcome)


def _words_record(outcome: Outcome) -> Record:
    """What the words said, if they were listened for."""
    heard = outcome.heard
    if heard is None:
        return {}
    absent = [{"start_s": _number(span.start), "end_s": _number(span.end)} for span in heard.absent]
    record = {
        "verdict": heard.verdict,
        "reason": heard.reason,
        "language": heard.language,
        "said": heard.said,
        "not_said": [cue + 1 for cue in heard.unsaid],
        "absent": absent,
    }
    return {"words": record}


def _shots_record(outcome: Outcome) -> Record:
    """What the shots of the film did, if it was watched for them."""
    if outcome.polishing is None:
        return {}
    breaks = [
        {
            "source_start_s": _number(found.source.start),
            "source_end_s": _number(found.source.end),
            "target_start_s": _number(found.target.start),
            "target_end_s": _number(found.target.end),
        }
        for found in outcome.breaks
    ]
    return {"breaks": breaks, "polished": rules_record(outcome.polishing)}


def rules_record(polishing: Polishing) -> Record:
    """What subtitles broke before and after they were polished; cues count from 1."""
    return {
        "moved": len(polishing.moved),
        "rules": {
            count.kind: {"before": count.before, "after": count.after} for count in polishing.counts
        },
        "before": [_violation_record(violation) for violation in polishing.before],
        "after": [_violation_record(violation) for violation in polishing.after],
    }


def _violation_record(violation: Violation) -> Record:
    return {
        "cue": violation.cue + 1,
        "rule": violation.kind,
        "value": _number(violation.value),
        "limit": _number(violation.limit),
    }


def batch_record(outcomes: Sequence[Outcome], unpaired: Sequence[Unpaired]) -> Record:
    """What became of many subtitle files."""
    counts = Counter(outcome.status for outcome in outcomes)
    return {
        "results": [outcome_record(outcome) for outcome in outcomes],
        "unpaired": [{"path": str(item.path), "reason": item.reason} for item in unpaired],
        "counts": {
            status: counts[status] for status in ("retimed", "unchanged", "refused", "failed")
        },
    }


def error_record(message: str, path: str | None = None, line: int | None = None) -> Record:
    """Why nothing could be done."""
    return {"error": message, "path": path, "line": line}


def media_record(info: MediaInfo, listens_to: int | None) -> Record:
    """The tracks of a film; `listens_to` is the one that would be taken."""
    return {
        "path": str(info.path),
        "duration_s": info.duration,
        "listens_to": listens_to,
        "tracks": [_track_record(track) for track in info.tracks],
    }


def _track_record(track: Track) -> Record:
    return {
        "index": track.index,
        "kind": track.kind,
        "codec": track.codec,
        "language": track.language,
        "title": track.title,
        "default": track.default,
        "commentary": track.commentary,
        "descriptive": track.descriptive,
        "start_s": track.start,
        "duration_s": track.duration,
        "frame_rate": None if track.frame_rate is None else _rate(track.frame_rate, exact=True),
        "rate_hz": track.rate_hz,
        "channels": track.channels,
        "text": track.text,
    }


def _rate(rate: Fraction, *, exact: bool) -> str | float:
    return f"{rate.numerator}/{rate.denominator}" if exact else float(rate)


def _number(value: float) -> float:
    # Microseconds are finer than any format keeps; more digits are rounding errors.
    return round(float(value), 6)


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)
