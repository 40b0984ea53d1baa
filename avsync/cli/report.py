"""Results as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from avsync.jobs import Heard, Outcome
from avsync.pairing import Unpaired
from avsync.timemap import FRAME_RATES

if TYPE_CHECKING:
    from avsync.breaks import Break
    from avsync.media import MediaInfo, Track
    from avsync.placement import Clamp
    from avsync.polishing.polish import Polishing
    from avsync.retime import RetimedSegment

__all__ = [
    "batch_lines",
    "media_lines",
    "outcome_lines",
    "rate_text",
    "refusal_line",
    "rules_lines",
]


def outcome_lines(outcome: Outcome, *, verbose: bool = False) -> Iterator[str]:
    """The summary of one result, line by line."""
    yield f"{outcome.job.subtitles} to {outcome.job.reference}: {_verdict(outcome)}"
    if outcome.status != "unchanged":
        for number, segment in enumerate(outcome.segments, start=1):
            yield f"  {number}. {_segment_text(segment)}"
    if outcome.heard is not None:
        yield from _heard_lines(outcome.heard)
    if outcome.clamped:
        yield f"  clamped: {_clamped_text(outcome.clamped)}"
        if verbose:
            for clamp in outcome.clamped:
                span = f"{_clock(clamp.start)} to {_clock(clamp.end)}"
                yield f"    cue {clamp.cue + 1}: {clamp.reason}, now {span}"
    if outcome.repairs:
        yield f"  repaired: {_things(len(outcome.repairs), 'place')}"
        shown = outcome.repairs if verbose else outcome.repairs[:5]
        yield from (f"    line {repair.line}: {repair.what}" for repair in shown)
        if len(shown) < len(outcome.repairs):
            yield "    ... (-v shows all)"
    for number, found in enumerate(outcome.breaks, start=1):
        yield f"  break {number}: {_break_text(found)}"
    if outcome.polishing is not None:
        yield f"  polished: {_things(len(outcome.polishing.moved), 'cue')} moved"
        yield from rules_lines(outcome.polishing)
    if outcome.backup is not None:
        yield f"  the original is kept in {outcome.backup}"
    if outcome.plot is not None:
        yield f"  drawn in {outcome.plot}"
    if outcome.output is not None and outcome.output != outcome.job.subtitles:
        yield f"  written to {outcome.output}"


def _heard_lines(heard: Heard) -> Iterator[str]:
    unsaid = [str(cue + 1) for cue in heard.unsaid]
    more = f", {_things(len(unsaid), 'cue')} not said ({', '.join(unsaid)})" if unsaid else ""
    yield f"  words ({heard.language}): {_things(heard.said, 'cue')} said{more}"
    for span in heard.absent:
        stretch = f"{_clock(span.start)} to {_clock(span.end)}"
        yield f"    the film lacks what the given subtitles have from {stretch}"


def rules_lines(polishing: Polishing, *, each: bool = False) -> Iterator[str]:
    """What subtitles broke before and after they were polished, as a table; or every violation."""
    rows = [count for count in polishing.counts if count.before or count.after]
    if not rows:
        yield "  no rule is broken"
        return
    width = max(len(count.kind) for count in rows)
    yield f"  {'rule':<{width}}  before  after"
    for count in rows:
        yield f"  {count.kind:<{width}}  {count.before:>6}  {count.after:>5}"
    if not each:
        return
    left = {(found.cue, found.kind): found.value for found in polishing.after}
    for found in polishing.before:
        now = left.get((found.cue, found.kind))
        after = "put right" if now is None else f"now {now:.4g}"
        was = f"{found.kind}: {found.value:.4g}, not {found.limit:.4g}"
        yield f"  cue {found.cue + 1}: {was}: {after}"


def refusal_line(outcome: Outcome) -> str:
    """Why nothing was written, in one line."""
    return (
        f"{outcome.job.subtitles}: not written: {outcome.reason} "
        f"(confidence {outcome.confidence:.2f}; --force writes it anyway)"
    )


def batch_lines(outcomes: Sequence[Outcome], unpaired: Sequence[Unpaired]) -> Iterator[str]:
    """One table for many results."""
    rows = [("subtitles", "result", "confidence", "shift", "rate", "note")]
    rows += [_row(outcome) for outcome in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[5]]).rstrip()
    for item in unpaired:
        yield f"{item.path.name}: left alone: {item.reason}"
    counts = Counter[str](outcome.status for outcome in outcomes)
    states = ("retimed", "unchanged", "refused", "failed")
    yield ", ".join(f"{counts[state]} {state}" for state in states)


def media_lines(info: MediaInfo, listens_to: int | None) -> Iterator[str]:
    """The tracks of a film, line by line."""
    yield f"{info.path}: {'length unknown' if info.duration is None else _clock(info.duration)}"
    for track in info.tracks:
        yield f"  {_track_text(track)}{'   <- listens to' if track.index == listens_to else ''}"


def rate_text(rate: Fraction, *, exact: bool = True) -> str:
    """A rate of speech clock to subtitle clock, in words: which frame rates explain it."""
    if rate == 1:
        return "1"
    if not exact:
        return f"{float(rate):.6f} (a drift of {float(rate - 1):+.3%})"
    for film in FRAME_RATES:
        subtitles = film * rate
        if subtitles in FRAME_RATES:
            return f"{rate} ({_fps(film)} fps film, {_fps(subtitles)} fps subtitles)"
    return str(rate)


def _verdict(outcome: Outcome) -> str:
    confidence = f"confidence {outcome.confidence:.2f}"
    if outcome.status == "unchanged":
        return f"already in sync, left as it is, {confidence}"
    if outcome.status == "refused":
        return f"not to be trusted, {confidence}"
    if not outcome.accepted:
        return f"written by force though not to be trusted ({outcome.reason}), {confidence}"
    return f"retimed, {confidence}"


def _segment_text(segment: RetimedSegment) -> str:
    rate = "" if segment.rate == 1 else f", rate {rate_text(segment.rate, exact=segment.exact)}"
    return (
        f"{_clock(segment.span.start)} to {_clock(segment.span.end)}: "
        f"{segment.shift:+.3f} s{rate}, {_things(segment.cues, 'cue')}, "
        f"confidence {segment.confidence:.2f}"
    )


def _break_text(found: Break) -> str:
    if found.target.duration > found.source.duration:
        span = f"{_clock(found.target.start)} to {_clock(found.target.end)}"
        return f"the film has more from {span}"
    span = f"{_clock(found.source.start)} to {_clock(found.source.end)}"
    return f"the film lacks {span} of the subtitles, at {_clock(found.target.start)}"


def _clamped_text(clamped: Sequence[Clamp]) -> str:
    reasons = Counter(clamp.reason for clamp in clamped)
    parts = []
    for reason, count in reasons.items():
        cues = [str(clamp.cue + 1) for clamp in clamped if clamp.reason == reason]
        listed = ", ".join(cues[:5]) + (", ..." if count > 5 else "")
        parts.append(f"{_things(count, 'cue')} {reason} ({listed})")
    return "; ".join(parts)


def _row(outcome: Outcome) -> tuple[str, str, str, str, str, str]:
    """One line of the table; why a file was not written is said on stderr, in full."""
    name, confidence = outcome.job.subtitles.name, f"{outcome.confidence:.2f}"
    if outcome.failure is not None:
        return name, outcome.status, "", "", "", ""
    if outcome.output is None:
        return name, outcome.status, confidence, "", "", ""
    first = outcome.segments[0] if outcome.segments else None
    shift = "" if first is None else f"{first.shift:+.3f} s"
    rate = "" if first is None else str(first.rate if first.exact else f"{float(first.rate):.6f}")
    notes = [] if outcome.accepted else ["by force"]
    if len(outcome.segments) > 1:
        notes.append(f"{len(outcome.segments)} segments")
    if outcome.clamped:
        notes.append(f"{len(outcome.clamped)} clamped")
    if outcome.repairs:
        notes.append(f"{len(outcome.repairs)} repaired")
    return name, outcome.status, confidence, shift, rate, ", ".join(notes)


def _track_text(track: Track) -> str:
    facts = [f"#{track.index}", f"{track.kind:<8}", track.codec, track.language]
    if track.frame_rate is not None:
        facts.append(f"{_fps(track.frame_rate)} fps")
    if track.rate_hz is not None:
        facts.append(f"{track.rate_hz} Hz")
    if track.channels is not None:
        facts.append(_things(track.channels, "channel"))
    if track.kind == "subtitle":
        facts.append("text" if track.text else "pictures")
    for name in ("default", "commentary", "descriptive"):
        facts.append(name if getattr(track, name) else None)
    facts.append(None if track.title is None else f'"{track.title}"')
    return "  ".join(fact for fact in facts if fact)


def _things(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _fps(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _clock(seconds: float) -> str:
    """Seconds as -H:MM:SS.mmm."""
    total_ms = round(abs(seconds) * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    sign = "-" if seconds < 0 and total_ms else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"
