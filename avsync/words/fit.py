"""Retime by rhythm, then ask the words whether it is right, and fit again without what nobody says.

Rhythm alone fits a translation as well as the dialogue itself, and a sign counts for it like any
line. The text tells more: what is said where the rhythm puts it is the right film beyond doubt, a
run of lines that nobody says is another cut, and a file of which nothing is said is either in
another language (its rhythm fits) or of another film (its rhythm does not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from avsync.aligner.model import RetimeModel, load_model
from avsync.cache import TokenCache
from avsync.errors import LowConfidence
from avsync.progress import Progress
from avsync.refine import Refine
from avsync.retime import FEWEST_CUES, Retiming, encode_soundtrack, retime
from avsync.subtitles import Subtitles, read_subtitles
from avsync.timemap import Span
from avsync.words.align import align_words
from avsync.words.models import SpeechModel, load_speech_model
from avsync.words.result import CueWords, WordAlignment

__all__ = ["VERDICTS", "Verdict", "WordFit", "retime_by_words"]

Verdict = Literal["fits", "another cut", "unclear", "another language", "another film"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

SLACK = 2.0
"""Seconds around its cue in which a line is looked for: the first fit may be off by a second."""
SAID = 0.5
"""Share of its lines that are said from which on a file is the film's."""
STRAY = 0.1
"""Share below which what seems to be said is chance: "yes" and "no" are said in every film."""
CUT_S, CUT_CUES = 20.0, 6
"""A run of so many lines over so many seconds of which none is said is a scene, and not signs."""
RHYTHM = 0.5
"""Confidence from which on the rhythm of a file is the film's."""


@dataclass(frozen=True, slots=True)
class WordFit:
    """Subtitles that were retimed, and what their own words say about it."""

    retiming: Retiming
    alignment: WordAlignment
    """of the retimed cues"""
    verdict: Verdict
    reason: str
    """in words; empty if it fits"""
    absent: tuple[Span, ...]
    """stretches of the subtitles as they came, seconds, whose lines nobody says"""

    @property
    def unsaid(self) -> tuple[int, ...]:
        """The cues that nobody says, by their place in the file."""
        return _unsaid(self.alignment)


def retime_by_words(
    subtitles: Subtitles | str | Path,
    film: str | Path,
    *,
    speech_model: SpeechModel | str = "small",
    language: str | None = None,
    device: str = "auto",
    model: RetimeModel | None = None,
    audio_track: int | None = None,
    refine: Refine | None = None,
    min_confidence: float = 0.5,
    force: bool = False,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> WordFit:
    """Retime ``subtitles`` to ``film`` and make sure by what is said in it.

    Lines that nobody says (signs, translated captions, lost scenes) are marked in the result and
    say nothing about where the others go. Confidence is the share of lines that are said, where
    that is more than the rhythm's; the other options are those of `retime` and `align_words`.

    Raises:
        LowConfidence: nobody says it, or too little of it to be sure; ``alignment`` is the
            :class:`WordFit`.
        AlignmentError: too few cues, or no sound, to align at all.
        ModelUnavailable, MediaError, SubtitleError, FileNotFoundError: as `align_words`.
    """
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence must lie in 0 to 1, got {min_confidence}")
    source = subtitles if isinstance(subtitles, Subtitles) else read_subtitles(subtitles)
    model = model or load_model()
    if not isinstance(speech_model, SpeechModel):
        speech_model = load_speech_model(speech_model, device=device, progress=progress)
    tokens = encode_soundtrack(
        Path(film), model, audio_track=audio_track, cache=cache, progress=progress
    )

    def fitted(unsaid: Sequence[int] = (), refine: Refine | None = None) -> Retiming:
        return retime(
            source,
            to=tokens,
            model=model,
            refine=refine,
            force=True,
            unsaid=unsaid,
            progress=progress,
        )

    def heard(retiming: Retiming) -> WordAlignment:
        return align_words(
            retiming.subtitles,
            film,
            model=speech_model,
            language=language,
            device=device,
            slack=SLACK,
            audio_track=audio_track,
            progress=progress,
        )

    draft = fitted()
    final, alignment = draft, heard(draft)
    unsaid = _unsaid(alignment)
    if unsaid and alignment.marks["said"] + alignment.marks["uncertain"] >= FEWEST_CUES:
        again = fitted(unsaid)
        if (better := heard(again)).marks["said"] >= alignment.marks["said"]:
            final, alignment = again, better
    if refine is not None:
        final = fitted(() if final is draft else unsaid, refine)
    fit = _judged(final, alignment, source, rhythm=draft.confidence, min_confidence=min_confidence)
    if not fit.retiming.accepted and not force:
        raise LowConfidence(fit.reason, alignment=fit)
    return fit


def _judged(
    retiming: Retiming,
    alignment: WordAlignment,
    source: Subtitles,
    *,
    rhythm: float,
    min_confidence: float,
) -> WordFit:
    """What the words say about a retiming; ``rhythm`` is the confidence before they were asked."""
    spoken = [cue for cue in alignment.cues if cue.mark != "unspoken"]
    said = sum(cue.mark == "said" for cue in spoken)
    told = sum(cue.mark in ("said", "not said") for cue in spoken)
    if not told:  # the words say nothing, so it rests on the rhythm
        reason = "of none of its lines it is certain whether it is said"
        return WordFit(retiming, alignment, "unclear", reason, ())
    share = said / told
    # A scene that the film lacks has no length in it, so it is measured as it came.
    came = [source.cues[cue.cue] for cue in spoken]
    absent = absent_stretches(
        [replace(cue, start=c.start, end=c.end) for cue, c in zip(spoken, came, strict=True)]
    )
    verdict: Verdict = "fits"
    reason = ""
    counted = f"{said} of {len(spoken)} lines are said"
    if share < STRAY or said < min(FEWEST_CUES, len(spoken)):
        share = 0.0
        if rhythm >= RHYTHM:
            verdict = "another language"
            reason = (
                f"{counted}, though their rhythm fits: they are in another language than what is "
                f"heard ({alignment.language})"
            )
        else:
            verdict = "another film"
            reason = f"{counted} and their rhythm does not fit either: they are of another film"
    elif absent:
        verdict = "another cut"
        scenes = "a scene is" if len(absent) == 1 else f"{len(absent)} scenes are"
        reason = f"{counted}: {scenes} not in this cut"
    elif share < SAID:
        verdict = "unclear"
        reason = f"only {counted}"
    confidence = 0.0
    if verdict in ("fits", "another cut"):
        confidence = max(share, retiming.confidence)
    elif verdict == "unclear":
        confidence = min(share, retiming.confidence)
    accepted = confidence >= min_confidence
    retiming = replace(
        retiming,
        confidence=confidence,
        accepted=accepted,
        reason="" if accepted else reason or retiming.reason,
    )
    return WordFit(retiming, alignment, verdict, reason, absent)


def absent_stretches(spoken: Sequence[CueWords]) -> tuple[Span, ...]:
    """Stretches in which no line is said, long enough to be scenes that the film lacks."""
    runs: list[list[CueWords]] = [[]]
    for cue in sorted(spoken, key=lambda cue: (cue.start, cue.end)):
        if cue.mark == "not said":
            runs[-1].append(cue)
        elif runs[-1]:
            runs.append([])
    spans = [
        Span(run[0].start, max(cue.end for cue in run)) for run in runs if len(run) >= CUT_CUES
    ]
    return tuple(span for span in spans if span.duration >= CUT_S)


def _unsaid(alignment: WordAlignment) -> tuple[int, ...]:
    return tuple(cue.cue for cue in alignment.cues if cue.mark == "not said")
