"""Recordings of one event laid over each other: where each begins, and how fast its clock runs.

Tokens against tokens give the candidates for a lag (`lags`), phases the lag to the sample and the
drift (`fitting`). A recording that shares nothing with the first may share something with another
that does, and is laid through that.

The confidence is a product of three doubts. Is the evidence more than chance or a sample in common
gives? Does most of the overlap agree, or only a jingle in it? Is one lag better than all others,
or does the music repeat itself?
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsync.offset.fitting import LEAST_OVERLAP_S, Fit, fit
from avsync.offset.lags import Line, find_lines
from avsync.offset.listening import Heard, listen
from avsync.progress import Progress

LEAST_CONFIDENCE = 0.5
_SURVEYED = 24  # places that decide between candidate lines
_EVEN_NATS, _NATS_SCALE = (
    70.0,
    0.25,
)  # evidence at which it is even; scale of its logarithm
_EVEN_AGREEMENT, _AGREEMENT_SCALE = 0.35, 0.03
_EVEN_CLEARLY = 0.7  # agreement at which it is even where what agrees does so clearly
_FAINT, _CLEAR = 8.0, 20.0  # heights of places in noise, and of what both hear clearly
_EVEN_RIVAL, _RIVAL_SCALE = (
    0.8,
    0.03,
)  # weight of the next best line, as a share of the best one's
_HOPELESS = 0.2  # share of the most votes below which no line is looked at once one holds
_RIVAL_S = 0.05  # seconds: a line nearer than this is the same


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
    for one in (recording, reference):
        if one.silent:
            return _Match(None, None, 0.0, f"{one.path.name} is silent")
        if one.duration < LEAST_OVERLAP_S:
            return _Match(None, None, 0.0, f"{one.path.name} is only {one.duration:.2f} s long")
    if np.array_equal(recording.samples, reference.samples):
        same = Line(0.0, 0.0, drift_error=0.0)
        whole = Fit(same, 0.0, recording.duration, 1, 1, 1.0, np.inf, 0.0)
        return _Match(same, whole, 1.0, "")
    lines = find_lines(recording.tokens, reference.tokens, progress=progress)
    fits: list[Fit] = []
    for number, line in enumerate(lines):
        if fits and line.votes < _HOPELESS * lines[0].votes:
            break
        if progress is not None:
            progress("comparing", (number + 1) / (len(lines) + 1))
        surveyed = fit(recording, reference, line, places=_SURVEYED)
        if surveyed is not None and surveyed.weight > 0:  # more than chance agrees
            fits.append(surveyed)
    if progress is not None:
        progress("comparing", 1.0)
    if not fits:
        return _Match(None, None, 0.0, f"it shares no sound with {reference.path.name}")
    best = max(fits, key=lambda one: one.weight)
    rival = max((one.weight for one in fits if _differs(one, best)), default=0.0)
    closer = fit(recording, reference, _again(best)) or best
    confidence = _confidence(closer, rival / best.weight)
    return _Match(closer.line, closer, confidence, _doubt(closer, rival / best.weight, reference))


def _again(found: Fit) -> Line:
    """The line of a fit, to be looked at once more, from places all over the overlap."""
    length = found.end_s - found.start_s
    middles = found.start_s + length * (np.arange(4) + 0.5) / 4
    return Line(found.line.offset_s, found.line.drift, 0.0, 1e-6, tuple(middles.tolist()))


def _differs(one: Fit, other: Fit) -> bool:
    middle = (other.start_s + other.end_s) / 2
    return abs(float(one.line.at(middle) - other.line.at(middle))) > _RIVAL_S


def _confidence(found: Fit, rival: float) -> float:
    doubts = (
        (np.log(max(found.evidence, 1e-9) / _EVEN_NATS)) / _NATS_SCALE,
        (found.agreement - _even_agreement(found)) / _AGREEMENT_SCALE,
        (_EVEN_RIVAL - rival) / _RIVAL_SCALE,
    )
    return float(np.prod(1 / (1 + np.exp(-np.clip(doubts, -60, 60)))))


def _even_agreement(found: Fit) -> float:
    """How much of the overlap has to agree for it to be as likely right as not.

    In noise, places that agree are faint and others are missed. Where they are clear and the rest
    has nothing, the two have a loop or a jingle in common; and a single place among several may be
    one word from one tape.
    """
    if found.agreeing < 2 < found.places:
        return 1.0
    height = np.sqrt(2 * found.evidence / max(1, found.agreeing))
    clear = float(np.clip((height - _FAINT) / (_CLEAR - _FAINT), 0.0, 1.0))
    return _EVEN_AGREEMENT + clear * (_EVEN_CLEARLY - _EVEN_AGREEMENT)


def _doubt(found: Fit, rival: float, reference: Heard) -> str:
    """What speaks most against a match; read where the confidence is low."""
    if rival > _EVEN_RIVAL - 2 * _RIVAL_SCALE:
        return f"it fits {reference.path.name} at several places about equally well"
    if found.agreement < _even_agreement(found) + 2 * _AGREEMENT_SCALE:
        return (
            f"where it would lie over {reference.path.name}, only {found.agreement:.0%} of it "
            "is heard there too"
        )
    return f"it shares hardly any sound with {reference.path.name} ({found.evidence:.0f} nats)"


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
