"""Films and mistimed subtitles for the benchmark, with the times at which the cues belong.

**Clocks.** A film was subtitled at its own times t. A user's subtitles show the same cue at u, and
``t = rate · u + shift``; a user's film, which may have breaks or lack scenes, at ``time_map(t)``.
So ``rate`` and ``shift`` are what a retimer has to find where nothing was cut.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from film_cues import Recipe, srt_text
from make_films import Bank, Film, Samples, load_clips, make_film

from avsync.aligner.model import RetimeModel, load_model
from avsync.encoders.audio import LogMel
from avsync.refine import Refine
from avsync.retime import Retiming, retime
from avsync.subtitles import Cue, Subtitles, parse_subtitles
from avsync.timemap import Piece, TimeMap
from avsync.tokens import TokenSequence

LOUD_DB = 6.0  # the loudest music, over the speech
SOFT_DB = -6.0  # films that are not loud have none above this
LOST = 1e6  # seconds: more than any film has
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What every section needs to know."""

    bank: Path
    """what ``make_voices.py`` wrote"""
    model: Path | None
    """weights; None: those of the package"""
    work: Path
    """an empty directory for films and their subtitles"""
    jobs: int
    minutes: float
    """length of a film"""
    rival: bool
    """whether ffsubsync runs too"""
    seed: int

    def voices(self, *, people: bool = False) -> Bank:
        """The voices and songs that no training has heard."""
        return PeopleBank(self.bank, "test") if people else Bank(self.bank, "test")


class PeopleBank(Bank):
    """Recorded people only: synthetic voices are easier to hear."""

    @property
    def voices(self) -> list[list[Samples]]:
        return load_clips(self.directory, f"{self.split}-human-*.npz")

    def cast(self, rng: np.random.Generator, size: int) -> list[int]:
        return [int(voice) for voice in rng.permutation(len(self.voices))[:size]]


def is_loud(number: int) -> bool:
    """Whether film ``number`` is one of the loud half."""
    return number % 2 == 1


def bench_film(bank: Bank, seed: list[int], *, minutes: float, loud: bool) -> Film:
    """A film with subtitles for all that is said, its music either loud or soft.

    Its subtitler shows cues 60 ± 25 ms before the voice, half of the spread that training films
    have: no retimer can tell a subtitler's habit from a shift, so the habit is part of the error.
    """
    drawn = Recipe.draw(np.random.default_rng(seed))
    recipe = replace(drawn, sparse="", lead_in=0.06 + (drawn.lead_in - 0.06) / 2)
    if loud:
        recipe = replace(recipe, music_db=LOUD_DB, music_share=1.0)
    else:
        recipe = replace(recipe, music_db=min(recipe.music_db, SOFT_DB))
    return make_film(bank, seed, minutes=minutes, recipe=recipe)


@cache
def loaded(path: Path | None) -> RetimeModel:
    """The model, once per process; processes run side by side, so each has one thread."""
    import torch

    torch.set_num_threads(1)
    return load_model(path)


def hear(model: RetimeModel, samples: Samples) -> TokenSequence:
    """The tokens that ``retime`` would make of a file with these samples."""
    return model.audio.encode(LogMel()([samples]))


@dataclass(frozen=True)
class Case:
    """Mistimed subtitles, and where their cues belong."""

    data: bytes
    """an SRT file"""
    truth: FloatArray
    """float64 [cues, 2]: true start and end, seconds; NaN for a cue whose scene was removed"""
    segments: int
    """how many stretches of the subtitles moved differently"""
    largest_shift: float
    """seconds: the reach that a search needs"""

    @property
    def subtitles(self) -> Subtitles:
        return parse_subtitles(self.data, format="srt")

    def errors(self, retimed: Subtitles | None) -> FloatArray:
        """Seconds between each cue's start and its true one; ``LOST`` for a cue that is gone.

        Cues whose scene was removed have no true time and are left out.
        """
        starts = np.full(len(self.truth), -LOST)
        for cue in retimed.cues if retimed else ():
            starts[cue_number(cue.text)] = cue.start
        known = ~np.isnan(self.truth[:, 0])
        found: FloatArray = np.abs(starts - self.truth[:, 0])[known]
        return found


def try_retime(
    settings: Settings,
    case: Case,
    to: TokenSequence | Subtitles,
    *,
    refine: Refine | None = None,
) -> Retiming | None:
    """Retime, also where that is refused; None where it fails, for a long run has to go on."""
    model = loaded(settings.model)
    try:
        return retime(case.subtitles, to=to, model=model, refine=refine, force=True)
    except Exception as error:
        print(f"\navsync failed: {error!r}", file=sys.stderr)
        return None


def share_within(errors: FloatArray, seconds: float = 0.1) -> float:
    """The share of ``errors`` that are at most ``seconds``."""
    return float((errors <= seconds).mean()) if len(errors) else 0.0


def make_case(
    cues: Sequence[Cue],
    *,
    time_map: TimeMap | None = None,
    rate: float = 1.0,
    shift: float = 0.0,
    every: int = 1,
) -> Case:
    """Mistime every ``every``-th of ``cues``.

    A file cannot show anything before 0, so cues that would come to lie there are left out, as in
    the file of a second disc.
    """
    time_map = time_map or TimeMap.identity()
    mistimed: list[Cue] = []
    truth: list[tuple[float, float]] = []
    pieces: set[Piece] = set()
    for cue in cues[::every]:
        start, end = (cue.start - shift) / rate, (cue.end - shift) / rate
        if start < 0:
            continue
        text = numbered(cue.plain, len(mistimed))
        mistimed.append(Cue(start=start, end=end, text=text))
        piece = time_map.pieces[time_map.index_at(cue.start)]
        if piece.source.contains(cue.start):
            truth.append((piece.map(cue.start), piece.map(cue.end)))
            pieces.add(piece)
        else:
            truth.append((np.nan, np.nan))
    return Case(
        data=srt_text(tuple(mistimed)).encode(),
        truth=np.array(truth, np.float64).reshape(-1, 2),
        segments=len(pieces),
        largest_shift=max((abs(float(shift) + piece.offset) for piece in pieces), default=0.0),
    )


def numbered(text: str, number: int) -> str:
    """``text`` with ``number`` written over its beginning, so that tools may drop or sort cues.

    Its length stays (if it is not very short), and its first character, which may make it ♪ or [.
    """
    tag = f"{number} "
    return text[:1] + tag + text[1 + len(tag) :]


def cue_number(text: str) -> int:
    """The number that :func:`numbered` wrote."""
    found = re.match(r".(\d+)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"not a text of this benchmark: {text!r}")
    return int(found[1])
