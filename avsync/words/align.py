"""align_words: when each word of a subtitle file is said."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from avsync.media import Audio, choose_audio_track, iter_audio, probe
from avsync.progress import Progress
from avsync.subtitles import Subtitles, read_subtitles
from avsync.words.engine import SAMPLE_RATE_HZ, Engine, Found, LineWords
from avsync.words.marking import cue_words
from avsync.words.models import Precision, SpeechModel
from avsync.words.result import WordAlignment
from avsync.words.silence import listen
from avsync.words.spoken import cue_text
from avsync.words.windows import Line, Reel, Window, plan_windows

__all__ = ["ENGINES", "EngineName", "align_lines", "align_words", "sound_blocks"]

FloatArray = npt.NDArray[np.float32]

EngineName = Literal["whisper", "ctc"]
ENGINES: tuple[EngineName, ...] = ("whisper", "ctc")

TAIL = 1.0
"""Seconds at the end of a look in which a word may be cut in two: the next look finds it again."""
LEAST_SUPPORT = 0.5
"""Nats a token that the last words of a look must have: those beyond the sound have none."""
LANGUAGE_LOOKS = 3
"""Windows that are listened to, to tell the language."""


def align_words(
    subtitles: Subtitles | str | os.PathLike[str],
    audio: Audio | str | os.PathLike[str],
    *,
    model: SpeechModel | str | os.PathLike[str] | None = None,
    engine: EngineName | Engine = "whisper",
    language: str | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    slack: float = 1.0,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> WordAlignment:
    """Find when each word of ``subtitles`` is said; they have to fit the film (`retime` does that).

    Long films are read as a stream, in windows that follow the cues.

    Args:
        subtitles: a file, or what :func:`~avsync.subtitles.read_subtitles` made of one.
        audio: a media file, or 16 kHz sound from :func:`~avsync.media.read_audio`.
        model: for "whisper": a name ("small", the default), the path of a checkpoint, or what
            :func:`~avsync.words.models.load_speech_model` made. "ctc" has one model only.
        engine: "whisper" (cross-attention), "ctc" (forced alignment by `MMS_FA`), or your own.
        language: of the text, by code or name; None: what is heard.
        device, precision: see :func:`~avsync.words.models.load_speech_model`.
        slack: seconds before and after its cue in which a line may be said.
        audio_track: stream index, if not the film's default track.

    Raises:
        ModelUnavailable: the model cannot be loaded or fetched.
        MediaError, SubtitleError, FileNotFoundError: the input cannot be read.
        ValueError: an argument makes no sense.
    """
    if not 0 <= slack <= 10:
        raise ValueError(f"slack must lie in 0 to 10 s, got {slack}")
    source = subtitles if isinstance(subtitles, Subtitles) else read_subtitles(subtitles)
    if isinstance(audio, Audio):
        if audio.rate_hz != SAMPLE_RATE_HZ:
            raise ValueError(f"the sound must come at {SAMPLE_RATE_HZ} Hz, not {audio.rate_hz}")
    else:
        choose_audio_track(probe(audio), audio_track)  # says early what cannot be read
    texts = [cue_text(cue) for cue in source.cues]
    lines = [
        Line(n, cue.start, cue.end, text.spoken)
        for n, (cue, text) in enumerate(zip(source.cues, texts, strict=True))
        if text.spoken
    ]
    chosen = _engine(
        engine,
        model,
        lines,
        audio,
        language=language,
        device=device,
        precision=precision,
        audio_track=audio_track,
        progress=progress,
    )
    lines = [replace(line, size=chosen.size(line.text)) for line in lines]
    found = align_lines(
        lines, audio, chosen, slack=slack, audio_track=audio_track, progress=progress
    )
    cues = tuple(
        cue_words(n, cue.start, cue.end, text, found.get(n))
        for n, (cue, text) in enumerate(zip(source.cues, texts, strict=True))
    )
    return WordAlignment(cues, chosen.language, chosen.name)


def align_lines(
    lines: Sequence[Line],
    audio: Audio | str | os.PathLike[str],
    engine: Engine,
    *,
    slack: float = 1.0,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> dict[int, LineWords]:
    """The words of each line on the film's clock, by `Line.cue`; the film is read once.

    A text that is there twice at one time, as layers of ASS are, is said once.
    """
    layers: dict[tuple[float, float, str], list[Line]] = {}
    for line in lines:
        layers.setdefault((line.start, line.end, line.text), []).append(line)
    once = [same[0] for same in layers.values()]
    windows = plan_windows(once, longest=engine.longest, slack=slack, most_units=engine.most_units)
    found: dict[int, LineWords] = {}
    if not windows:
        return found
    with closing(sound_blocks(audio, audio_track)) as blocks:
        reel = Reel(blocks, SAMPLE_RATE_HZ)
        before: Line | None = None
        for number, window in enumerate(windows):
            if progress is not None:
                progress("aligning words", number / len(windows))
            reel.forget(window.start)
            first = window.lines[0]
            if before is not None and before.end <= first.start:
                spoken = min(_until(found[before.cue]), first.start)
                window = replace(window, start=max(window.start, spoken))
            if window.long:
                later = windows[number + 1].start if number + 1 < len(windows) else np.inf
                found[first.cue] = _find_long(window, reel, engine, later)
            else:
                samples = reel.read(window.start, window.end)
                looked = engine.find(samples, window.lines, start=window.start, slack=slack)
                for line, words in zip(window.lines, looked, strict=True):
                    found[line.cue] = words.moved(window.start)
            before = window.lines[-1]
    if progress is not None:
        progress("aligning words", 1.0)
    return {line.cue: found[same[0].cue] for same in layers.values() for line in same}


def sound_blocks(
    audio: Audio | str | os.PathLike[str], track: int | None
) -> Generator[FloatArray, None, None]:
    """Mono blocks at `SAMPLE_RATE_HZ`, from memory or from a file; closing ends the reading."""
    if isinstance(audio, Audio):
        yield audio.samples
    else:
        yield from iter_audio(audio, track=track, rate_hz=SAMPLE_RATE_HZ)


def _find_long(window: Window, reel: Reel, engine: Engine, later: float) -> LineWords:
    """One line that does not fit into one look: look, keep what was found, go on behind it.

    The sound from ``later`` seconds on is kept for the windows that follow.
    """
    (line,) = window.lines
    at, done = window.start, 0  # seconds; characters of the text
    words: list[Found] = []
    while at < window.end and done < len(line.text):
        heard = listen(reel, at, window.end, engine.longest)
        rest = replace(line, start=0.0, end=heard.length, text=line.text[done:])
        last = heard.end >= window.end
        # What is left has to be in the last look, unless it is more than can be read.
        more = not last or engine.size(rest.text) > engine.most_units
        (looked,) = engine.find(heard.samples, [rest], start=0.0, slack=0.0, open_end=more)
        kept: Sequence[Found] = looked.words
        if more:
            kept = _reached(looked.words, heard.length if last else heard.length - TAIL)
        words += [heard.moved(word).moved(done, 0.0) for word in kept]
        if kept:
            done += kept[-1].finish
            done += len(line.text[done:]) - len(line.text[done:].lstrip())
            at = max(at, words[-1].end - 0.1)
        else:
            at = heard.film(max(heard.length - 2 * TAIL, TAIL))
        reel.forget(min(at, later))
    left = (span for span in engine.words(line.text) if span[0] >= done)
    words += [Found(begin, finish, np.nan, np.nan, 0.0, 0.0) for begin, finish in left]
    return LineWords(tuple(words))


def _until(line: LineWords) -> float:
    """Seconds until which a line is said, so far as the sound supports it."""
    kept = _reached(line.words, np.inf)
    return kept[-1].end if kept else 0.0


def _reached(words: Sequence[Found], until: float) -> Sequence[Found]:
    """The words up to the last one that the sound supports and that ends before ``until``."""
    count = 0
    for number, word in enumerate(words, start=1):
        if word.placed and word.end <= until and word.support >= LEAST_SUPPORT:
            count = number
    return words[:count]


def _engine(
    engine: EngineName | Engine,
    model: SpeechModel | str | os.PathLike[str] | None,
    lines: Sequence[Line],
    audio: Audio | str | os.PathLike[str],
    *,
    language: str | None,
    device: str,
    precision: Precision,
    audio_track: int | None,
    progress: Progress | None,
) -> Engine:
    if not isinstance(engine, str):
        return engine
    if engine == "ctc":
        from avsync.words.ctc import load_ctc_engine

        if model is not None:
            raise ValueError("the engine ctc has one model only; leave model out")
        return load_ctc_engine(device=device, language=language or "und", progress=progress)
    if engine != "whisper":
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}; got {engine!r}")
    from avsync.words.models import load_speech_model
    from avsync.words.whisper_engine import WhisperEngine, detect_language, language_code

    if language is not None:
        language = language_code(language)
    if not isinstance(model, SpeechModel):
        model = load_speech_model(
            model or "small", device=device, precision=precision, progress=progress
        )
    if language is None:
        totals: Counter[str] = Counter()
        for samples in _first_looks(lines, audio, audio_track):
            totals.update(detect_language(model, samples))
        language = max(totals, key=totals.__getitem__, default="en")
    return WhisperEngine(model, language=language)


def _first_looks(
    lines: Sequence[Line], audio: Audio | str | os.PathLike[str], track: int | None
) -> Iterator[FloatArray]:
    """The sound of the first windows with lines."""
    windows = plan_windows(lines, longest=30.0, slack=0.5, most_units=1 << 30)[:LANGUAGE_LOOKS]
    if not windows:
        return
    with closing(sound_blocks(audio, track)) as blocks:
        reel = Reel(blocks, SAMPLE_RATE_HZ)
        for window in windows:
            reel.forget(window.start)
            yield reel.read(window.start, min(window.end, window.start + 30.0))
