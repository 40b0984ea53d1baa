"""What an alignment of words says: `Word`, `CueWords` and `WordAlignment`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from avsync.words.spoken import CueText

__all__ = ["MARKS", "CueWords", "Mark", "Word", "WordAlignment"]

Mark = Literal["said", "not said", "uncertain", "unspoken"]
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True, slots=True)
class Word:
    """One word, when it is said, and how well the sound agrees."""

    text: str
    """as it is shown, with its punctuation"""
    start: float
    """seconds on the film's clock"""
    end: float
    """seconds; start <= end"""
    score: float
    """0 to 1: how probable the model finds this word there"""
    begin: int
    """where it begins in its cue's `CueText.visible`, in characters"""
    finish: int
    """one past its last character there"""
    placed: bool = True
    """whether it was found; a word that was not stands where its cue leaves room"""


@dataclass(frozen=True, slots=True)
class CueWords:
    """The words of one cue."""

    cue: int
    """its place in the file, from 0"""
    start: float
    """seconds: when the cue is shown"""
    end: float
    text: CueText
    mark: Mark
    """whether somebody says it; "unspoken" is what nobody is to say, as "[door slams]" """
    score: float
    """0 to 1: mean of its words' scores; 0 without words"""
    support: float
    """nats a token by which the sound makes the text likelier than silence does"""
    words: tuple[Word, ...]

    @property
    def voice(self) -> tuple[float, float] | None:
        """Seconds from the first found word's start to the last one's end; None: none was found."""
        found = [word for word in self.words if word.placed]
        return (found[0].start, found[-1].end) if found else None


@dataclass(frozen=True, slots=True, repr=False)
class WordAlignment:
    """Every cue of a file with its words, in file order."""

    cues: tuple[CueWords, ...]
    language: str
    """as a code of ISO 639: "en" """
    engine: str
    """"whisper" or "ctc" """

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, cue by cue."""
        return tuple(word for cue in self.cues for word in cue.words)

    @property
    def marks(self) -> dict[Mark, int]:
        """How many cues bear each mark."""
        found = Counter(cue.mark for cue in self.cues)
        return {mark: found[mark] for mark in MARKS}

    def __repr__(self) -> str:
        marks = ", ".join(f"{count} {mark}" for mark, count in self.marks.items() if count)
        return f"<WordAlignment: {len(self.words)} words in {len(self.cues)} cues: {marks}>"
