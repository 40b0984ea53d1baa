"""transcribe: subtitles where there are none, as a first draft.

sound ──► speech head ──► pieces of speech ──► Whisper ──► text ──► words' times ──► cues
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
import whisper

from avsync.aligner.model import RetimeModel, load_model
from avsync.cache import TokenCache
from avsync.errors import MediaError
from avsync.progress import Progress
from avsync.retime import encode_soundtrack
from avsync.subtitles import Subtitles, parse_subtitles
from avsync.subtitles.clocks import SUBRIP
from avsync.timemap import Span
from avsync.words.align import sound_blocks
from avsync.words.breaking import Caption, Limits, TimedWord, break_cues
from avsync.words.engine import SAMPLE_RATE_HZ
from avsync.words.marking import cue_words
from avsync.words.models import Precision, SpeechModel, load_speech_model
from avsync.words.regions import pack, speech_regions
from avsync.words.result import CueWords
from avsync.words.spoken import CueText
from avsync.words.whisper_engine import FloatArray, WhisperEngine, detect_language, language_code
from avsync.words.windows import Line, Reel

__all__ = ["Transcript", "transcribe", "written"]

LANGUAGE_LOOKS = 3
"""Pieces that are listened to, to tell the language."""
MOST_COMPRESSION, LEAST_LOG = 2.4, -1.0
"""Whisper's own bounds: how much shorter its text packs, and how probable a token of it is."""
LEFT_OUT = 1.0
"""Seconds of speech without a word from which on it is heard once more, for itself: Whisper leaves
sentences out of a longer stretch now and then."""
OVER = 0.5
"""Seconds around a piece in which its words are looked for."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a film, as subtitles."""

    subtitles: Subtitles
    """SubRip, in memory"""
    captions: tuple[Caption, ...]
    words: tuple[TimedWord, ...]
    speech: tuple[Span, ...]
    """where somebody speaks, seconds"""
    language: str
    """of what is spoken; translated or not"""


def transcribe(
    film: str | os.PathLike[str],
    *,
    model: SpeechModel | str | os.PathLike[str] = "small",
    translate: bool = False,
    language: str | None = None,
    limits: Limits | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    audio_track: int | None = None,
    retime_model: RetimeModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Transcript:
    """Write subtitles for a film: what is said, when, in cues that can be read.

    Whisper hears only where our speech head finds speech, so it makes nothing up over music and
    silence; each piece is written down for itself, so that no error goes on to the next.

    Args:
        model: a name, a checkpoint's path, or what ``load_speech_model`` made.
        translate: into English. Times are then those of the sentence rather than of each word.
        language: what is spoken, by code or name; None: what is heard.
        limits: of the cues; None: the Netflix guideline's for the language.
        retime_model: whose speech head is used; None: the one in the package.
        cache: of the soundtrack's tokens, which `retime` shares.

    Raises:
        ModelUnavailable: the model cannot be loaded or fetched.
        MediaError, FileNotFoundError: the film cannot be read, or nobody speaks in it.
        ValueError: an unknown language; a model for English only is to translate.
    """
    path = Path(film)
    if language is not None:
        language = language_code(language)
    hearing = retime_model or load_model()
    tokens = encode_soundtrack(
        path, hearing, audio_track=audio_track, cache=cache, progress=progress
    )
    speaking = hearing.audio.speech_probability(tokens)
    regions = speech_regions(speaking, tokens.rate_hz)
    if not regions:
        raise MediaError(path, "nobody is heard speaking in it; is this the right audio track?")
    pieces = pack(regions, speaking, tokens.rate_hz)
    if not isinstance(model, SpeechModel):
        model = load_speech_model(model, device=device, precision=precision, progress=progress)
    if translate and not model.multilingual:
        raise ValueError(f"{model.name} knows English only and cannot translate; use another model")
    spoken = language or _language(path, pieces, model, audio_track)
    engine = WhisperEngine(model, language=spoken, task="translate" if translate else "transcribe")
    words: list[TimedWord] = []
    with closing(sound_blocks(path, audio_track)) as blocks:
        reel = Reel(blocks, SAMPLE_RATE_HZ)
        for number, piece in enumerate(pieces):
            if progress is not None:
                progress("transcribing", number / len(pieces))
            reel.forget(piece.start - OVER)
            inner = [r for region in regions if (r := region.intersect(piece)) is not None]
            words += _piece(piece, inner, reel, engine, model, translate=translate)
    captions = break_cues(words, limits or Limits.of("en" if translate else spoken))
    if progress is not None:
        progress("transcribing", 1.0)
    if not captions:
        raise MediaError(path, "no word is understood in it; is this the right language?")
    return Transcript(
        _subtitles(captions, path), tuple(captions), tuple(words), tuple(regions), spoken
    )


def _language(path: Path, pieces: Sequence[Span], model: SpeechModel, track: int | None) -> str:
    totals: Counter[str] = Counter()
    with closing(sound_blocks(path, track)) as blocks:
        reel = Reel(blocks, SAMPLE_RATE_HZ)
        for piece in pieces[:LANGUAGE_LOOKS]:
            reel.forget(piece.start)
            totals.update(detect_language(model, reel.read(piece.start, piece.end)))
    return max(totals, key=totals.__getitem__)


def _piece(
    piece: Span,
    regions: Sequence[Span],
    reel: Reel,
    engine: WhisperEngine,
    model: SpeechModel,
    *,
    translate: bool,
) -> list[TimedWord]:
    """The words of one piece of speech; none where Whisper understands none.

    Where Whisper fails, music may be among the ``regions`` of the piece; it hears each for itself.
    """
    start = max(0.0, piece.start - OVER)
    samples = reel.read(start, piece.end + OVER)
    inner = samples[round((piece.start - start) * SAMPLE_RATE_HZ) :]
    inner = inner[: round((piece.end - piece.start) * SAMPLE_RATE_HZ)]
    text = written(inner, engine, model, translate=translate)
    if text is None and len(regions) > 1:
        return [
            word
            for region in regions
            for word in _piece(region, [region], reel, engine, model, translate=translate)
        ]
    if not text:
        return []
    line = Line(0, piece.start, piece.end, text, engine.size(text))
    (found,) = engine.find(samples, [line], start=start, slack=OVER)
    shown = CueText(text, (), text, tuple(range(len(text))))
    cue = cue_words(0, piece.start, piece.end, shown, found.moved(start))
    if cue.mark == "not said" and not translate:
        return []
    words = _timed(cue)
    for region in () if translate else regions:
        left_out = not any(w.start < region.end and w.end > region.start for w in words)
        if left_out and region.duration >= LEFT_OUT and len(regions) > 1:
            words += _piece(region, [region], reel, engine, model, translate=translate)
    return sorted(words, key=lambda word: word.start)


def written(
    samples: FloatArray, engine: WhisperEngine, model: SpeechModel, *, translate: bool
) -> str | None:
    """What Whisper writes for up to 30 s of speech; empty where it takes it for none.

    None where it fails by its own measures: words in a loop, or improbable ones. Whisper itself
    then draws lots for other words, and keeps the last that it drew.
    """
    written = whisper.transcribe(
        model.whisper,
        samples,
        language=engine.language,
        task="translate" if translate else "transcribe",
        temperature=0.0,
        compression_ratio_threshold=None,
        logprob_threshold=LEAST_LOG,  # text as probable as that is kept, speech or none
        fp16=model.dtype == torch.float16,
        condition_on_previous_text=False,
        without_timestamps=True,
        verbose=None,
        sample_len=engine.most_units,  # half of that if not said, and the rest of a piece is lost
    )
    for segment in written["segments"]:
        if segment["compression_ratio"] > MOST_COMPRESSION or segment["avg_logprob"] < LEAST_LOG:
            return None
    return " ".join(str(written["text"]).split())


def _timed(cue: CueWords) -> list[TimedWord]:
    """The words of a piece on the film's clock, none before the one that stands before it."""
    words: list[TimedWord] = []
    for word in cue.words:
        start = max(word.start, words[-1].start if words else 0.0)
        glued = word.begin > 0 and cue.text.visible[word.begin - 1] != " "
        words.append(TimedWord(word.text, start, max(word.end, start), glued))
    return words


def _subtitles(captions: Sequence[Caption], path: Path) -> Subtitles:
    entries = []
    for number, caption in enumerate(captions, start=1):
        times = (SUBRIP.write(t, like=SUBRIP.example) for t in (caption.start, caption.end))
        entries.append(f"{number}\n{' --> '.join(times)}\n{caption.text}\n")
    name = path.with_suffix(".srt")
    return parse_subtitles("\n".join(entries).encode(), format="srt", path=name, encoding="utf-8")
