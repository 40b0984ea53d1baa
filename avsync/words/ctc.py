"""The words of a text by CTC forced alignment: sharper edges, and no window of 30 s.

An acoustic model says for every frame how likely each letter is; `torchaudio.functional.
forced_align` finds the best path of the text's letters through that (Graves et al. 2006; Kürzinger
et al. 2020). The model is torchaudio's `MMS_FA`, trained on over 1,100 languages that were written
in Latin letters by uroman (Pratap et al. 2023), so texts are romanised before. Between the lines a
star stands for anything else that is said.
"""

from __future__ import annotations

import pickle
import unicodedata
import urllib.error
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from avsync.errors import ModelUnavailable
from avsync.progress import Progress
from avsync.words.engine import SAMPLE_RATE_HZ, Found, LineWords
from avsync.words.tokens import word_spans
from avsync.words.windows import Line

FloatArray = npt.NDArray[np.float32]

__all__ = ["Acoustics", "CtcEngine", "aligned", "latin", "load_ctc_engine", "prefix"]

MODEL_NAME = "MMS_FA"
LEAST_SAMPLES = 400
"""Of sound: the first window of the model's convolutions."""
STAR_COST = 0.1
"""Nats a frame by which anything else is less likely than what is heard."""


class Acoustics(Protocol):
    """How likely each letter is at each moment."""

    letters: dict[str, int]
    """the column of each letter; column 0 is CTC's blank"""

    def emission(self, samples: FloatArray) -> FloatArray:
        """Mono sound at 16 kHz → log probabilities, float32 [frames, letters], evenly spaced."""


class CtcEngine:
    """Finds words by the letters that an acoustic model hears."""

    name = "ctc"
    longest = 30.0
    most_units = 1000

    def __init__(
        self,
        acoustics: Acoustics,
        *,
        language: str = "und",
        romanise: Callable[[str], str] | None = None,
    ) -> None:
        self.language = language
        self._acoustics = acoustics
        self._romanise = romanise or latin

    def size(self, text: str) -> int:
        """How many letters."""
        return sum(len(self._letters(text[a:b])) for a, b in self.words(text))

    def words(self, text: str) -> list[tuple[int, int]]:
        """The words of a text: characters [begin, finish)."""
        return word_spans(text)

    def find(
        self,
        samples: FloatArray,
        lines: Sequence[Line],
        *,
        start: float,
        slack: float,
        open_end: bool = False,
    ) -> list[LineWords]:
        """See `Engine.find`: each line in its own stretch of one common emission."""
        if len(samples) < LEAST_SAMPLES:
            return [LineWords(tuple(_missed(s) for s in self.words(x.text))) for x in lines]
        emission = self._acoustics.emission(samples)
        rate_hz = len(emission) * SAMPLE_RATE_HZ / len(samples)
        if open_end:
            reached = self._reached(lines[0].text, emission)
            held = self._line(lines[0].text[:reached], emission, 0, rate_hz).words
            rest = self.words(lines[0].text)[len(held) :]
            return [LineWords((*held, *map(_missed, rest)))]
        found = []
        for line in lines:
            first = max(0, int((line.start - start - slack) * rate_hz))
            last = min(len(emission), int(np.ceil((line.end - start + slack) * rate_hz)))
            found.append(self._line(line.text, emission[first:last], first, rate_hz))
        return found

    def _reached(self, text: str, emission: FloatArray) -> int:
        """How many characters of a text this sound holds: whole words."""
        spans = self.words(text)
        letters: list[int] = []
        ends: list[int] = []
        for begin, finish in spans:
            letters += self._letters(text[begin:finish])
            if len(letters) > len(emission):
                break
            ends.append(len(letters))
        count = prefix(emission, letters[: max(ends, default=0)], ends)
        return spans[count - 1][1] if count else 0

    def _line(self, text: str, emission: FloatArray, first: int, rate_hz: float) -> LineWords:
        spans = self.words(text)
        groups = [self._letters(text[a:b]) for a, b in spans]
        star = emission.shape[1]
        targets = [star, *(letter for group in groups for letter in group), star]
        # A letter that follows itself needs a blank between.
        needed = len(targets) + sum(a == b for a, b in pairwise(targets))
        if len(targets) == 2 or needed > len(emission):
            pairs = zip(spans, groups, strict=True)
            return LineWords(tuple(_missed(s) if group else _unread(s) for s, group in pairs))
        places, scores = aligned(emission, targets)
        words, at = [], 1
        for span, group in zip(spans, groups, strict=True):
            if not group:
                words.append(_unread(span))
                continue
            here = slice(at, at + len(group))
            at += len(group)
            begin, end = places[here][0][0], places[here][-1][1]
            mean = float(np.mean(scores[here]))
            best = float(emission[begin:end, 1:].max(axis=1).mean())
            words.append(
                Found(
                    *span,
                    (first + begin) / rate_hz,
                    (first + end) / rate_hz,
                    float(np.exp(mean)),
                    mean + float(np.log(emission.shape[1])) + min(0.0, mean - best),
                )
            )
        return LineWords(tuple(words))

    def _letters(self, word: str) -> list[int]:
        known = self._acoustics.letters
        return [known[c] for c in self._romanise(word) if c in known]


def latin(text: str) -> str:
    """Lower-case letters without their accents, for text that is in Latin script already."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return "".join(c for c in apart if not unicodedata.combining(c))


def load_ctc_engine(
    *, device: str = "auto", language: str = "und", progress: Progress | None = None
) -> CtcEngine:
    """The engine with torchaudio's `MMS_FA` (1.2 GB, downloaded once to where torch.hub keeps it).

    Raises:
        ModelUnavailable: it is not here and cannot be fetched, or cannot run on ``device``.
    """
    from torchaudio.pipelines import MMS_FA
    from uroman import Uroman

    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if progress is not None:
        progress("loading", 0.0)
    try:
        model = MMS_FA.get_model(with_star=False, dl_kwargs={"progress": False}).eval().to(place)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise ModelUnavailable(
            MODEL_NAME,
            f"is not in {torch.hub.get_dir()}/checkpoints and cannot be downloaded ({reason}); "
            f"connect to the network once, put {MMS_FA._path} there, or use --engine whisper",
        ) from error
    except (RuntimeError, AssertionError, OSError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        where = f"{torch.hub.get_dir()}/checkpoints/{Path(MMS_FA._path).name}"
        raise ModelUnavailable(
            MODEL_NAME, f"cannot be loaded ({reason}); if {where} is damaged, remove it"
        ) from error
    letters = MMS_FA.get_dict(star=None)
    roman = Uroman()
    return CtcEngine(
        _Bundle(model, place, {letter: n for letter, n in letters.items() if n > 0}),
        language=language,
        romanise=lambda text: latin(str(roman.romanize_string(text))),
    )


class _Bundle:
    """A model of torchaudio that makes emissions."""

    def __init__(self, model: torch.nn.Module, device: str, letters: dict[str, int]) -> None:
        self.letters = letters
        self._model, self._device = model, device

    @torch.inference_mode()
    def emission(self, samples: FloatArray) -> FloatArray:
        heard, _ = self._model(torch.from_numpy(samples)[None].to(self._device))
        out: FloatArray = heard[0].float().cpu().numpy()
        return out


def aligned(
    emission: FloatArray, targets: Sequence[int]
) -> tuple[list[tuple[int, int]], FloatArray]:
    """The frames [first, last) of each target, stars among them, and its log probability.

    A star is a column of its own that stands for whatever is heard, a little dearer: at no
    cost (as in torchaudio's tutorial) it would eat the outer edges of the first and last word.
    """
    from torchaudio.functional import forced_align, merge_tokens

    star = emission.max(axis=1, keepdims=True) - np.float32(STAR_COST)
    with_star = np.concatenate([emission, star], axis=1)
    path, scores = forced_align(
        torch.from_numpy(with_star)[None], torch.tensor([list(targets)], dtype=torch.int32), blank=0
    )
    spans = merge_tokens(path[0], scores[0].exp())
    places = [(int(span.start), int(span.end)) for span in spans]
    probabilities = np.array([span.score for span in spans], np.float32)
    return places, np.log(probabilities.clip(1e-9))


def prefix(emission: FloatArray, letters: Sequence[int], ends: Sequence[int]) -> int:
    """How many words the sound holds, when the text may go on after it.

    ``ends`` are the letters up to the end of each word. The Viterbi path of CTC through stars and
    letters may leave the text after any word, for a star that stands for the rest of the sound.
    """
    star = emission.max(axis=1, keepdims=True) - np.float32(STAR_COST)
    # Even states are blanks, odd ones letters; the first of those is what comes before the text.
    columns = np.concatenate([star, emission[:, list(letters)]], axis=1)
    heard = np.empty((len(emission), 2 * columns.shape[1] + 1), np.float32)
    heard[:, 0::2], heard[:, 1::2] = emission[:, :1], columns
    skips = np.zeros(heard.shape[1], bool)
    skips[3::2] = np.diff([-1, *letters]) != 0
    exits = 2 * np.array([0, *ends]) + 1
    reached = np.full(heard.shape[1], -np.inf)
    reached[0] = 0.0
    left = np.full(len(exits), -np.inf)
    for now, rest in zip(heard, star[:, 0], strict=True):
        left = np.maximum(left, np.maximum(reached[exits], reached[exits + 1])) + rest
        before = np.maximum(reached, np.concatenate([[-np.inf], reached[:-1]]))
        skipped = np.concatenate([[-np.inf, -np.inf], reached[:-2]])
        reached = np.where(skips, np.maximum(before, skipped), before) + now
    ended = np.maximum(left, np.maximum(reached[exits], reached[exits + 1]))
    return int(ended.argmax())


def _missed(span: tuple[int, int]) -> Found:
    return Found(*span, np.nan, np.nan, 0.0, 0.0)


def _unread(span: tuple[int, int]) -> Found:
    """Digits and signs that no letter is known for."""
    return Found(*span, np.nan, np.nan, np.nan, np.nan)
