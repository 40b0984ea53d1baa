"""Retime subtitles: find where they belong on a film's clock, and put them there.

    media ──► AudioEncoder ──┐
                             ├──► cross-attention aligner ──► TimeMap ──► retimed cues
    cues ───► CueEncoder ────┘

**Sign.** A shift is ``target − rate · source``: positive means that the subtitles came too early
and are now shown later. A rate is how many seconds of the target one second of the source takes:
25/24 slows subtitles down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.alignment import Alignment, Segment, align
from avsync.aligner.confidence import Confidence, judge
from avsync.aligner.model import RetimeModel, load_model
from avsync.cache import TokenCache, made_once
from avsync.encoders.audio import LogMel
from avsync.encoders.cues import CueTiming, cue_timing
from avsync.errors import AlignmentError, LowConfidence
from avsync.media import choose_audio_track, iter_audio, probe, read_subtitle_track
from avsync.placement import Clamp, build_map, in_order, place_cues, trim_removed
from avsync.progress import Progress
from avsync.refine import Refine, refine_spans
from avsync.subtitles import SUBTITLE_EXTENSIONS, Subtitles, parse_subtitles, read_subtitles
from avsync.timemap import Span, TimeMap
from avsync.tokens import TokenSequence

IN_SYNC = 0.1
"""Seconds: subtitlers differ by more than this among themselves, so a file whose map is the
identity up to it is left as it is."""
FEWEST_CUES = 3
"""Spoken cues without which there is no rhythm to match."""


@dataclass(frozen=True, slots=True)
class RetimedSegment:
    """A run of cues that moved as one: ``target = rate · time + shift``."""

    span: Span
    """from its first cue's start to its last cue's end, on the subtitles' own clock"""
    rate: Fraction
    exact: bool
    """whether ``rate`` is a ratio of standard frame rates"""
    shift: float
    """seconds"""
    confidence: float
    """probability that this run is in its right place, 0 to 1"""
    cues: int


@dataclass(frozen=True)
class Evidence:
    """What a person needs to see why: the posterior of the lag, window by window."""

    times: npt.NDArray[np.float64]
    """float64 [windows]: seconds on the target's clock, before any shift"""
    lags: npt.NDArray[np.float64]
    """float64 [lags]: seconds"""
    posterior: npt.NDArray[np.float32] = field(repr=False)
    """float32 [windows, lags], rows sum to 1 over the lags shown"""
    path: npt.NDArray[np.float64] = field(repr=False)
    """float64 [windows]: the decoded lag, seconds"""


@dataclass(frozen=True)
class Retiming:
    """Retimed subtitles, and how far they can be trusted."""

    subtitles: Subtitles
    time_map: TimeMap
    confidence: float
    """calibrated probability that the cues are where they belong, 0 to 1"""
    accepted: bool
    reason: str
    """why it was not accepted; empty if it was"""
    segments: tuple[RetimedSegment, ...]
    clamped: tuple[Clamp, ...]
    unchanged: bool
    """the subtitles fit as they are: write the input through"""
    evidence: Evidence = field(repr=False)


def encode_soundtrack(
    path: Path,
    model: RetimeModel,
    *,
    audio_track: int | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> TokenSequence:
    """The audio tokens of a film, from ``cache`` if it holds them.

    Raises:
        MediaError: the file cannot be read, or has no sound.
        FileNotFoundError: there is no such file.
    """
    track = choose_audio_track(probe(path), audio_track)

    def heard() -> list[TokenSequence]:
        log_mel = LogMel()(iter_audio(path, track=track.index, progress=progress))
        return [model.audio.encode(log_mel, progress=progress)]

    [tokens] = made_once(heard, path, track=track.index, version=model.version, cache=cache)
    return tokens


def retime(
    subtitles: Subtitles | str | Path,
    *,
    to: str | Path | Subtitles | TokenSequence,
    model: RetimeModel | None = None,
    audio_track: int | None = None,
    subtitle_track: int | None = None,
    refine: Refine | None = None,
    min_confidence: float = 0.5,
    force: bool = False,
    unsaid: Collection[int] = (),
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Retiming:
    """Retime ``subtitles`` so that they fit the film, soundtrack or subtitles ``to``.

    Args:
        subtitles: a file, or what :func:`~avsync.subtitles.read_subtitles` made of one.
        to: a media file; a subtitle file that is in sync; audio tokens of
            :func:`encode_soundtrack`, to use one film's many times.
        model: from :func:`~avsync.aligner.model.load_model`; None loads the one in the package.
        audio_track: stream index, if not the film's default track.
        subtitle_track: stream index of a text track in ``to`` to use instead of its sound.
        refine: also move each edge to its speech (needs sound).
        min_confidence: accept from this probability on.
        force: return a result that is not accepted instead of raising.
        unsaid: cues that nobody says, by their place in the file: they are moved with the others
            and say nothing about where to, as "[door slams]".

    Raises:
        LowConfidence: aligned, but not to be trusted; ``alignment`` is the :class:`Retiming`.
        AlignmentError: too few cues, or no sound, to align at all.
        MediaError, SubtitleError, FileNotFoundError: the input cannot be read.
    """
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence must lie in 0 to 1, got {min_confidence}")
    source = subtitles if isinstance(subtitles, Subtitles) else read_subtitles(subtitles)
    model = model or load_model()
    order = sorted(
        range(len(source.cues)), key=lambda n: (source.cues[n].start, source.cues[n].end)
    )
    timings = _timings(source, order, unsaid)
    if sum(not cue.sound for cue in timings) < FEWEST_CUES:
        raise AlignmentError(
            f"has fewer than {FEWEST_CUES} spoken cues: too few to find their rhythm",
            path=source.path,
        )
    target = _reference(to, model, audio_track, subtitle_track, cache, progress)
    by_sound = isinstance(target, TokenSequence)
    if refine is not None and not by_sound:
        raise ValueError("refining moves cues to speech, so it needs a soundtrack as the reference")
    tokens = target if isinstance(target, TokenSequence) else _cue_tokens(target, model)
    if not len(tokens):
        raise LowConfidence("the soundtrack has no length: there is nothing to align with")
    if progress:
        progress("aligning", 0.0)
    attention = model.lag if by_sound else model.subtitle
    try:
        alignment = align(model, timings, tokens, attention=attention)
    except ValueError as error:
        raise AlignmentError(str(error), path=source.path) from error
    spans = [Span(cue.start, max(cue.start, cue.end)) for cue in timings]
    segments = in_order(alignment.segments, alignment.rate, spans)
    alignment = replace(alignment, segments=segments)
    confidence = judge(alignment, model.calibration.numpy())
    result = _apply(source, order, spans, alignment, confidence)
    if refine is not None:
        result = _refined(result, order, unsaid, model, tokens, refine)
    accepted = confidence.overall >= min_confidence
    reason = "" if accepted else confidence.reason
    result = replace(result, accepted=accepted, reason=reason)
    if progress:
        progress("aligning", 1.0)
    if not accepted and not force:
        raise LowConfidence(reason, alignment=result)
    return result


def _timings(
    subtitles: Subtitles, order: Sequence[int], unsaid: Collection[int]
) -> list[CueTiming]:
    timings = [cue_timing(subtitles.cues[n]) for n in order]
    return [
        replace(timing, sound=True) if n in unsaid else timing
        for n, timing in zip(order, timings, strict=True)
    ]


def _reference(
    to: str | Path | Subtitles | TokenSequence,
    model: RetimeModel,
    audio_track: int | None,
    subtitle_track: int | None,
    cache: TokenCache | None,
    progress: Progress | None,
) -> TokenSequence | Subtitles:
    if isinstance(to, TokenSequence | Subtitles):
        return to
    path = Path(to)
    if path.suffix.lower() in SUBTITLE_EXTENSIONS:
        return read_subtitles(path)
    if subtitle_track is not None:
        data, format_ = read_subtitle_track(path, track=subtitle_track)
        return parse_subtitles(data, format=format_, path=str(path))
    return encode_soundtrack(path, model, audio_track=audio_track, cache=cache, progress=progress)


def _cue_tokens(reference: Subtitles, model: RetimeModel) -> TokenSequence:
    """The tokens of subtitles that are in sync, from second 0 on, as keys to align with."""
    timings = sorted((cue_timing(cue) for cue in reference.cues), key=lambda cue: cue.start)
    timings = [cue for cue in timings if cue.end > 0]
    if sum(not cue.sound for cue in timings) < FEWEST_CUES:
        raise AlignmentError(
            f"has fewer than {FEWEST_CUES} spoken cues: too few to align with", path=reference.path
        )
    return model.cues.encode(timings, start=0.0)


def _apply(
    source: Subtitles,
    order: Sequence[int],
    spans: Sequence[Span],
    alignment: Alignment,
    confidence: Confidence,
) -> Retiming:
    segments, rate = alignment.segments, alignment.rate
    kept = trim_removed(segments, rate, spans)
    time_map = build_map(segments, kept, rate, spans)
    unchanged = len(segments) == 1 and rate == 1 and abs(segments[0].shift) <= IN_SYNC
    moved = list(spans)
    if unchanged:
        time_map = TimeMap.identity()
        clamped: tuple[Clamp, ...] = ()
    else:
        moved, removed = _moved(spans, segments, kept, rate, time_map)
        placed = place_cues(spans, moved, removed)
        moved = list(placed.spans)
        clamped = tuple(replace(c, cue=order[c.cue]) for c in placed.clamped)
    return Retiming(
        subtitles=source if unchanged else source.retimed(_in_file_order(moved, order)),
        time_map=time_map,
        confidence=confidence.overall,
        accepted=False,
        reason="",
        segments=_retimed_segments(spans, alignment, confidence, unchanged=unchanged),
        clamped=clamped,
        unchanged=unchanged,
        evidence=_evidence(alignment),
    )


def _moved(
    spans: Sequence[Span],
    segments: Sequence[Segment],
    kept: Sequence[tuple[int, int]],
    rate: Fraction,
    time_map: TimeMap,
) -> tuple[list[Span], list[tuple[int, float]]]:
    """Each cue under its own segment's line, both ends by one line; and the cues of lost scenes."""
    moved: list[Span] = []
    removed: list[tuple[int, float]] = []
    for segment, (first, last) in zip(segments, kept, strict=True):
        for n in range(segment.first, segment.last):
            start, end = (float(rate) * t + segment.shift for t in (spans[n].start, spans[n].end))
            moved.append(Span(start, end))
            if not first <= n < last:
                removed.append((n, float(time_map.map(spans[n].start))))
    return moved, removed


def _in_file_order(spans: Sequence[Span], order: Sequence[int]) -> list[Span]:
    by_cue = dict(zip(order, spans, strict=True))
    return [by_cue[n] for n in range(len(spans))]


def _retimed_segments(
    spans: Sequence[Span], alignment: Alignment, confidence: Confidence, *, unchanged: bool
) -> tuple[RetimedSegment, ...]:
    return tuple(
        RetimedSegment(
            span=Span(spans[s.first].start, max(x.end for x in spans[s.first : s.last])),
            rate=alignment.rate,
            exact=alignment.exact,
            shift=0.0 if unchanged else s.shift,
            confidence=value,
            cues=s.last - s.first,
        )
        for s, value in zip(alignment.segments, confidence.segments, strict=True)
    )


def _refined(
    result: Retiming,
    order: Sequence[int],
    unsaid: Collection[int],
    model: RetimeModel,
    tokens: TokenSequence,
    options: Refine,
) -> Retiming:
    spans = refine_spans(model, _timings(result.subtitles, order, unsaid), tokens, options)
    subtitles = result.subtitles.retimed(_in_file_order(spans, order))
    return replace(result, subtitles=subtitles, unchanged=False)


def _evidence(alignment: Alignment, *, margin: float = 15.0, most: int = 1200) -> Evidence:
    """The coarse posterior around the decoded path, few enough lags to draw."""
    coarse, path = alignment.coarse, alignment.drift.path
    lags = coarse.lags[path.lags] + alignment.drift.slope * coarse.times
    inside = np.flatnonzero(
        (coarse.lags >= lags.min() - margin) & (coarse.lags <= lags.max() + margin)
    )
    step = -(-len(inside) // most)
    inside = inside[: len(inside) // step * step]
    likelihood = np.exp(coarse.scores[:, inside]).reshape(len(coarse.scores), -1, step).max(axis=2)
    posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    middles = coarse.lags[inside].reshape(-1, step).mean(axis=1)
    return Evidence(coarse.times, middles, posterior, lags)
