"""A report as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from avsync.tone.report import Explanation, SideTone, ToneReport

__all__ = ["explanation_record", "report_record", "to_csv"]

_NUMBERS = ("valence", "arousal", "valence_error", "arousal_error")


def report_record(report: ToneReport) -> dict[str, Any]:
    """The report as JSON holds it; null for what is not there."""
    windows = []
    for n, (span, name) in enumerate(zip(report.windows, report.names, strict=True)):
        agreed = None if report.agreement is None else _number(report.agreement.windows[n])
        windows.append(
            {
                "name": name,
                "start_s": round(span.start, 6),
                "end_s": round(span.end, 6),
                "sound": _side(report.sound, n),
                "picture": _side(report.picture, n),
                "agreement": agreed,
            }
        )
    return {
        "path": report.path,
        "duration_s": round(report.duration, 6),
        "windows": windows,
        "overall": _overall(report),
        "missing": list(report.missing),
        "sentences": list(report.sentences),
    }


def _overall(report: ToneReport) -> dict[str, Any]:
    found = report.agreement
    return {
        "agreement": None if found is None else _number(found.overall),
        "low": None if found is None else _number(found.low),
        "high": None if found is None else _number(found.high),
        "sound": _mean(report.sound),
        "picture": _mean(report.picture),
    }


def _mean(side: SideTone | None) -> dict[str, float | None] | None:
    if side is None:
        return None
    return {
        "valence": _number(side.valence_mean),
        "arousal": _number(side.arousal_mean),
        "valence_error": _number(side.valence_mean_error),
        "arousal_error": _number(side.arousal_mean_error),
    }


def _side(side: SideTone | None, n: int) -> dict[str, Any] | None:
    if side is None or math.isnan(side.valence[n]):
        return None
    record: dict[str, Any] = {name: _number(getattr(side, name)[n]) for name in _NUMBERS}
    if side.speech_share is not None:
        record["speech_share"] = _number(side.speech_share[n])
    record["measures"] = {name: _number(values[n]) for name, values in side.measures.items()}
    return record


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def to_csv(report: ToneReport) -> str:
    """A line for each window; what is not there is empty."""
    columns = [f"{side}_{name}" for side in ("sound", "picture") for name in _NUMBERS]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "start_s", "end_s", *columns, "agreement"])
    for window in report_record(report)["windows"]:
        sides = [window["sound"] or {}, window["picture"] or {}]
        cells = [side.get(name) for side in sides for name in _NUMBERS]
        head = [window["name"], window["start_s"], window["end_s"]]
        writer.writerow([*head, *cells, window["agreement"]])
    return out.getvalue()


def explanation_record(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON holds it."""
    looks = zip(found.moments, found.sound_to_picture, found.picture_to_sound, strict=True)
    return {
        "start_s": round(found.window.start, 6),
        "end_s": round(found.window.end, 6),
        "contributions": [
            {
                "side": part.side,
                "measure": part.measure,
                "of": part.of,
                "value": _number(part.value),
                "unit": part.unit,
                "by": _number(part.by),
                "words": part.words,
            }
            for part in found.contributions
        ],
        "attention": [
            {"time_s": float(at), "sound_to_picture": _number(s), "picture_to_sound": _number(p)}
            for at, s, p in looks
        ],
    }
