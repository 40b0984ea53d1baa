"""Recordings of one event laid over each other: where each begins, and how fast its clock runs.

Tokens against tokens give the candidates for a lag (`lags`), phases the lag to the sample and the
drift (`fitting`). A recording that shares nothing with the first may share something with another
that does, and is laid through that.

The confidence is the probability that two recordings which agree like this are of one event (more
than noise does? in most of what is to be heard, or only in a jingle? in all that sounds there, or
only in a loop?), calibrated on pairs of either kind; times the probability that no other line is as
good, where music repeats itself (`rivals`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsync.aligner.confidence import logistic
from avsync.offset.fitting import LEAST_OVERLAP_S, Fit, fit
from avsync.offset.lags import Line, find_lines
from avsync.offset.listening import Heard, listen
from avsync.offset.phase import Pair
from avsync.offset.rivals import contest, differs
from avsync.progress import Progress

LEAST_CONFIDENCE = 0.5
_SURVEYED = 24  # places that decide between candidate lines
_PLAUSIBLE = (0.967, 12.689, 6.038, -33.354)
"""Weights of `features`, and the bias, by ``scripts/calibrate_recordings.py``."""
_CLEAR = 20.0  # clarity from which on there is no doubt that the same is heard there
_MOST = 0.8  # agreement below which that is what speaks against a match
_NO_RIVAL = 0.01  # plausibility below which a line need not be beaten
_EVEN_MARGIN, _MARGIN_SCALE = 2.5, 0.4  # standard deviations by which rivals have to be beaten
_HOPELESS = 0.1  # share of the most votes below which no line is looked at once one holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where one recording lies on the first one's clock."""

    path: Path
    track: int
    """FFmpeg's index of the audio track that was listened to"""
    duration_s: float
    offset_s: float | None
    """where its second 0 lies on the first one's clock; positive: it starts later; None: nowhere"""
    drift_ppm: float
    """by how many millionths its seconds are longer than the first one's; positive: its clock is
    slow. Its second `t` is `offset_s + (1 + drift_ppm / 1e6) * t` of the first one."""
    drift_error_ppm: float
    """standard deviation of that: large where little overlaps"""
    confidence: float
    """probability that it lies there, 0 to 1"""
    accepted: bool
    """whether the confidence reaches what was asked for"""
    overlap_s: float
    """seconds that it shares with the recording it was laid over"""
    agreement: float
    """share of that overlap in which both hear the same to the sample; pauses hardly count"""
    spread_s: float
    """root mean square by which places within the overlap are off"""
    through: Path | None
    """the recording that it was laid over, where that is not the first"""
    reason: str
    """what speaks against it; empty where it is accepted"""

    @property
    def end_s(self) -> float | None:
        """Where it ends on the first one's clock."""
        if self.offset_s is None:
            return None
        return self.offset_s + (1 + self.drift_ppm / 1e6) * self.duration_s


@dataclass(frozen=True, slots=True)
class Recordings:
    """Recordings laid over the first."""

    first: Path
    track: int
    """FFmpeg's index of its audio track that was listened to"""
    duration_s: float
    others: tuple[Recording, ...]
    """in the order in which they were given"""

    @property
    def accepted(self) -> bool:
        """Whether all of them found their place."""
        return all(recording.accepted for recording in self.others)


@dataclass(frozen=True, slots=True)
class _Match:
    """One recording over another."""

    line: Line | None
    fit: Fit | None
    confidence: float
    reason: str


def align_recordings(
    first: str | os.PathLike[str],
    others: Sequence[str | os.PathLike[str]],
    *,
    audio_track: int | None = None,
    min_confidence: float = LEAST_CONFIDENCE,
    progress: Progress | None = None,
) -> Recordings:
    """Lay recordings of one event (an external recorder, other cameras) over the first.

    Any overlap of about 30 s will do, at levels of noise at which the event is still heard. Clocks
    may differ by up to 500 ppm. The lag of a pair is exact to a fraction of a millisecond where
    both hear the same source; a microphone that is 10 m further off hears it 29 ms later, and that
    is part of the lag.

    Args:
        first: a film or a recording; its clock is the one that all are laid on.
        others: films or recordings.
        audio_track: FFmpeg's stream index of the first one's sound; None lets
            `avsync.media.choose_audio_track` choose.
        min_confidence: what has less is not accepted (but is in the result).
        progress: called with a stage ("reading", "comparing") and the fraction of it that is done.

    Raises:
        ValueError: there are no others, or the confidence is no probability.
        FileNotFoundError, MediaError: a file is missing or has no sound that can be read.
    """
    if not others:
        raise ValueError("there is nothing to lay over it: give at least one more recording")
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"a confidence is 0 to 1; got {min_confidence}")
    heard = [listen(first, track=audio_track, progress=progress)]
    heard += [listen(path, progress=progress) for path in others]
    placed = _place_all(heard, min_confidence, progress)
    recordings = tuple(
        _recording(one, heard, *placed[number], min_confidence)
        for number, one in enumerate(heard[1:], start=1)
    )
    return Recordings(heard[0].path, heard[0].track, heard[0].duration, recordings)


def _place_all(
    heard: Sequence[Heard], least: float, progress: Progress | None
) -> dict[int, tuple[_Match, int]]:
    """Each recording's place on the clock of the first, and the recording that it was laid over.

    Breadth first from the first one: those that found no place are tried over those that did.
    """
    found: dict[int, tuple[_Match, int]] = {}
    placed = {0: _Match(Line(0.0, 0.0), None, 1.0, "")}
    frontier = [0]
    while frontier:
        following = []
        for over in frontier:
            for number in range(1, len(heard)):
                if number in placed:
                    continue
                match = _match(heard[number], heard[over], progress)
                match = _through(match, placed[over])
                if number not in found or match.confidence > found[number][0].confidence:
                    found[number] = match, over
                if match.confidence >= least and match.line is not None:
                    placed[number] = match
                    following.append(number)
        frontier = following
    return found


def _through(match: _Match, base: _Match) -> _Match:
    """A match over a recording that lies on the first one's clock itself."""
    if match.line is None or base.line is None or base.fit is None:
        return match
    drift = (1 + base.line.drift) * (1 + match.line.drift) - 1
    error = float(np.hypot(base.line.drift_error, match.line.drift_error))
    line = Line(float(base.line.at(match.line.offset_s)), drift, drift_error=error)
    return _Match(line, match.fit, match.confidence * base.confidence, match.reason)


def _match(recording: Heard, reference: Heard, progress: Progress | None) -> _Match:
    """Where one recording lies over another, and how sure that is."""
    for one, name in ((recording, "it"), (reference, reference.path.name)):
        if one.silent:
            return _Match(None, None, 0.0, f"{name} is silent")
        if one.duration < LEAST_OVERLAP_S:
            return _Match(None, None, 0.0, f"{name} is only {one.duration:.2f} s long")
    if np.array_equal(recording.samples, reference.samples):
        same = Line(0.0, 0.0, drift_error=0.0)
        whole = Fit(same, 0.0, recording.duration, 1, 1, 1.0, np.inf, np.inf, 0.0)
        return _Match(same, whole, 1.0, "")
    pair = Pair(recording, reference)
    fits = fits_of(pair, progress=progress)
    if not fits:
        return _Match(None, None, 0.0, f"it shares no sound with {reference.path.name}")
    best, alone = _winner(pair, fits)
    closer = fit(pair, _again(best)) or best
    confidence = plausible(closer) * alone
    return _Match(closer.line, closer, confidence, _doubt(closer, alone, reference))


def fits_of(pair: Pair, *, progress: Progress | None = None) -> list[Fit]:
    """The lines on which a recording may lie over another, as far as phases bear them out."""
    lines = find_lines(pair.recording.tokens, pair.reference.tokens, progress=progress)
    fits: list[Fit] = []
    for number, line in enumerate(lines):
        if fits and line.votes < _HOPELESS * lines[0].votes:
            break
        if progress is not None:
            progress("comparing", (number + 1) / (len(lines) + 1))
        surveyed = fit(pair, line, places=_SURVEYED)
        if surveyed is not None and surveyed.weight > 0:  # more than chance agrees
            fits.append(surveyed)
    if progress is not None:
        progress("comparing", 1.0)
    return fits


def _winner(pair: Pair, fits: Sequence[Fit]) -> tuple[Fit, float]:
    """The fit that no other beats, and the probability, 0 to 1, that none is as good."""
    best = max(fits, key=lambda one: one.weight)
    rivals = [one for one in fits if plausible(one) >= _NO_RIVAL]
    margins: dict[int, float] = {}
    for number, rival in enumerate(rivals):
        if differs(rival, best):
            margins[number] = contest(pair, best, rival)
            if margins[number] < 0:
                best, margins = rival, {}
    alone = 1.0
    for number, rival in enumerate(rivals):
        if differs(rival, best):
            margin = margins.get(number)
            margin = contest(pair, best, rival) if margin is None else margin
            alone *= 1 - plausible(rival) * logistic((_EVEN_MARGIN - margin) / _MARGIN_SCALE)
    return best, alone


def _again(found: Fit) -> Line:
    """The line of a fit, to be looked at once more, from places all over the overlap."""
    length = found.end_s - found.start_s
    middles = found.start_s + length * (np.arange(4) + 0.5) / 4
    return Line(found.line.offset_s, found.line.drift, 0.0, 1e-6, tuple(middles.tolist()))


def features(found: Fit) -> tuple[float, ...]:
    """What a fit says of itself, for `plausible`: more than noise? most of it? all that sounds?"""
    return (
        float(np.log(max(found.evidence, 1e-9))),
        found.agreement,
        float(np.log(np.clip(found.clarity, 1.0, _CLEAR))),
    )


def plausible(found: Fit) -> float:
    """The probability that two recordings which agree like this are of one event, 0 to 1."""
    *weights, bias = _PLAUSIBLE
    return logistic(float(np.dot(weights, features(found))) + bias)


def _doubt(found: Fit, alone: float, reference: Heard) -> str:
    """What speaks most against a match; read where the confidence is low."""
    name = reference.path.name
    if alone < 0.9:
        return f"it fits {name} at several places about equally well"
    if found.agreement < _MOST:
        return (
            f"where it would lie over {name}, only {found.agreement:.0%} of it is heard there too"
        )
    return f"it shares hardly any sound with {name} ({found.evidence:.0f} nats)"


def _recording(
    heard: Heard, all_heard: Sequence[Heard], match: _Match, over: int, least: float
) -> Recording:
    line, found = match.line, match.fit
    accepted = line is not None and match.confidence >= least
    return Recording(
        path=heard.path,
        track=heard.track,
        duration_s=heard.duration,
        offset_s=None if line is None else line.offset_s,
        drift_ppm=0.0 if line is None else line.drift * 1e6,
        drift_error_ppm=0.0 if line is None else line.drift_error * 1e6,
        confidence=match.confidence,
        accepted=accepted,
        overlap_s=0.0 if found is None else found.end_s - found.start_s,
        agreement=0.0 if found is None else found.agreement,
        spread_s=0.0 if found is None else found.spread_s,
        through=all_heard[over].path if over else None,
        reason="" if accepted else match.reason,
    )
