"""The words of a text by CTC forced alignment: sharper edges, and no window of 30 s.

An acoustic model says for every frame how likely each letter is; `torchaudio.functional.
forced_align` finds the best path of the text's letters through that (Graves et al. 2006; Kürzinger
et al. 2020). The model is torchaudio's `MMS_FA`, trained on over 1,100 languages that were written
in Latin letters by uroman (Pratap et al. 2023), so texts are romanised before. Between the lines a
star stands for anything else that is said.
"""

from __future__ import annotations

import unicodedata
import urllib.error
from collections.abc import Callable, Sequence
from itertools import pairwise
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

__all__ = ["Acoustics", "CtcEngine", "aligned", "latin", "load_ctc_engine"]

MODEL_NAME = "MMS_FA"
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
        if not len(samples):
            return [LineWords(tuple(_missed(s) for s in self.words(x.text))) for x in lines]
        emission = self._acoustics.emission(samples)
        rate_hz = len(emission) * SAMPLE_RATE_HZ / len(samples)
        found = []
        for line in lines:
            first = 0 if open_end else max(0, int((line.start - start - slack) * rate_hz))
            last = len(emission)
            if not open_end:
                last = min(last, int(np.ceil((line.end - start + slack) * rate_hz)))
            found.append(self._line(line.text, emission[first:last], first, rate_hz))
        return found

    def _line(self, text: str, emission: FloatArray, first: int, rate_hz: float) -> LineWords:
        spans = self.words(text)
        groups = [self._letters(text[a:b]) for a, b in spans]
        star = emission.shape[1]
        targets = [star, *(letter for group in groups for letter in group), star]
        # A letter that follows itself needs a blank between.
        needed = len(targets) + sum(a == b for a, b in pairwise(targets))
        if len(targets) == 2 or needed > len(emission):
            return LineWords(tuple(_missed(span) for span in spans))
        places, scores = aligned(emission, targets)
        words, at = [], 1
        for span, group in zip(spans, groups, strict=True):
            if not group:  # digits and signs that no letter is known for
                words.append(_missed(span))
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
    except (RuntimeError, AssertionError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelUnavailable(MODEL_NAME, f"cannot be loaded ({reason})") from error
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


def _missed(span: tuple[int, int]) -> Found:
    return Found(*span, np.nan, np.nan, 0.0, 0.0)
