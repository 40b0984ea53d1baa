"""Measure ``align_words`` on words that espeak-ng says, whose times are known to the sample.

    python scripts/bench_words.py [--model fixtures/words/tiny.pt] [--films 6] [--engine whisper]

The films say what a checkpoint of train_tiny_whisper.py knows, in voices that it was not trained
on and in other words than fixtures/words; other models know it too. Each film is measured as it
is; with half a minute of silence, of the film's own noise and with a minute of music put between
two words of each cue in turn; with cues whose words are replaced by words that are not said in
them; and with cues of more such words where nobody speaks. Each is also transcribed, between 20 s
of music and 20 s of silence. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from film_cues import srt_text
from spoken_words import (
    ENGLISH,
    RATE_HZ,
    TEST_VOICES,
    Said,
    Sounds,
    compose,
    make_bank,
    make_sounds,
    music,
    write_flac,
)

from avsync.media import Audio
from avsync.subtitles import Cue, Subtitles, parse_subtitles
from avsync.words.align import align_words
from avsync.words.ctc import load_ctc_engine
from avsync.words.engine import Engine
from avsync.words.models import SpeechModel, load_speech_model
from avsync.words.result import CueWords, Mark
from avsync.words.transcribe import transcribe
from avsync.words.whisper_engine import WhisperEngine

SEED = 1906
FEWEST = 3  # words of a cue that sound is put into
QUIET_S = 20.0
EARLY_S, LATE_S = 0.2, 0.3  # how much longer than its words a cue is shown
FloatArray = npt.NDArray[np.float32]


@dataclass
class Measured:
    """What was found in all films."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    after: dict[str, list[float]] = field(default_factory=dict)
    """by what was put in: the errors of the start of the word behind it"""
    beyond: dict[str, list[float]] = field(default_factory=dict)
    """the errors of the words of the next cue"""
    written: list[float] = field(default_factory=list)
    """the errors of the starts of the words that were transcribed rightly"""
    spoken: int = 0
    wrong: int = 0
    """words that were left out, put in or taken for others in transcribing"""
    marks: dict[str, Counter[Mark]] = field(default_factory=dict)
    sound_s: float = 0.0
    cpu_s: float = 0.0


def subtitles_of(cues: Sequence[tuple[float, float, str]]) -> Subtitles:
    made = srt_text(tuple(Cue(*cue) for cue in cues))
    return parse_subtitles(made.encode(), format="srt")


def fitting(truth: Sequence[Sequence[Said]]) -> list[tuple[float, float, str]]:
    """Cues for what is said."""
    return [
        (cue[0].start - EARLY_S, cue[-1].end + LATE_S, "".join(w.text for w in cue).strip())
        for cue in truth
    ]


def put_in(
    samples: FloatArray, truth: Sequence[Sequence[Said]], stuff: FloatArray, cue: int, word: int
) -> tuple[FloatArray, list[list[Said]]]:
    """Sound before a word of a cue, and where everything is then."""
    at = (truth[cue][word - 1].end + truth[cue][word].start) / 2
    place, by = round(at * RATE_HZ), len(stuff) / RATE_HZ
    longer = np.concatenate([samples[:place], stuff, samples[place:]])
    moved = [
        [w if (m, n) < (cue, word) else Said(w.text, w.start + by, w.end + by)
         for n, w in enumerate(words)]
        for m, words in enumerate(truth)
    ]  # fmt: skip
    return longer, moved


def wrong_words(cue: Sequence[Said], rng: np.random.Generator) -> str:
    """As many words as a cue has, none of which is said in it."""
    said = {word.text.strip(" .").lower() for word in cue}
    others = [word for word in ENGLISH if word not in said]
    return " ".join(rng.permutation(others)[: len(cue)]).capitalize()


def between(truth: Sequence[Sequence[Said]], rng: np.random.Generator) -> Iterator[
    tuple[float, float, str]
]:  # fmt: skip
    """Signs in the pauses that are long enough for one."""
    for before, after in pairwise(truth):
        start, end = before[-1].end + LATE_S, after[0].start - EARLY_S
        if end - start >= 0.6:
            yield start, end, " ".join(rng.choice(ENGLISH, 2, replace=False)).capitalize()


def found(engine: Engine, samples: FloatArray, cues: Sequence[tuple[float, float, str]]
) -> Sequence[CueWords]:  # fmt: skip
    sound = Audio(samples.astype(np.float32), RATE_HZ)
    return align_words(subtitles_of(cues), sound, engine=engine).cues


def measure(engine: Engine, model: SpeechModel | None, films: int, sounds: Sounds) -> Measured:
    """Every film in every way."""
    done = Measured()
    for film in range(films):
        rng = np.random.default_rng([SEED, film])
        samples, truth = compose(sounds, rng)
        began = time.process_time()
        cues = found(engine, samples, fitting(truth))
        done.cpu_s += time.process_time() - began
        done.sound_s += len(samples) / RATE_HZ
        for cue, said in zip(cues, truth, strict=True):
            done.starts += [abs(a.start - b.start) for a, b in zip(cue.words, said, strict=True)]
            done.ends += [abs(a.end - b.end) for a, b in zip(cue.words, said, strict=True)]
        _count(done, "what is said", cues)
        for name, stuff in (
            ("30 s of silence", np.zeros(30 * RATE_HZ, np.float32)),
            ("30 s of noise", floor(samples, truth, 30.0, rng)),
            ("60 s of music", 0.5 * music(60.0, rng)),
        ):
            interrupt(done, engine, samples, truth, name, stuff)
        if model is not None:
            transcription(done, model, samples, truth, rng)
        swapped = [
            (start, end, wrong_words(said, rng) if n % 2 else text)
            for n, ((start, end, text), said) in enumerate(zip(fitting(truth), truth, strict=True))
        ]
        _count(done, "other words than are said", found(engine, samples, swapped)[1::2])
        signs = list(between(truth, rng))
        cues = found(engine, samples, [*fitting(truth), *signs])
        _count(done, "a sign where nobody speaks", cues[len(truth) :])
    return done


def floor(
    samples: FloatArray, truth: Sequence[Sequence[Said]], seconds: float, rng: np.random.Generator
) -> FloatArray:
    """Noise as loud as what is heard before the first word."""
    quiet = samples[: round((truth[0][0].start - 0.2) * RATE_HZ)]
    white = rng.standard_normal(round(seconds * RATE_HZ)) * float(np.sqrt(np.mean(quiet**2)))
    return np.asarray(white, np.float32)


def interrupt(
    done: Measured,
    engine: Engine,
    samples: FloatArray,
    truth: Sequence[Sequence[Said]],
    name: str,
    stuff: FloatArray,
) -> None:
    """What it does to the word behind it and to the next cue, in each cue in turn."""
    for cue, words in enumerate(truth):
        if len(words) < FEWEST:
            continue
        word = len(words) // 2
        longer, moved = put_in(samples, truth, stuff, cue, word)
        two = slice(cue, cue + 2)
        looked = found(engine, longer, fitting(moved)[two])
        missed = [
            [abs(a.start - b.start) for a, b in zip(one.words, said, strict=True)]
            for one, said in zip(looked, moved[two], strict=True)
        ]
        done.after.setdefault(name, []).append(missed[0][word])
        done.beyond.setdefault(name, []).extend(e for errors in missed[1:] for e in errors)


def transcription(
    done: Measured,
    model: SpeechModel,
    samples: FloatArray,
    truth: Sequence[Sequence[Said]],
    rng: np.random.Generator,
) -> None:
    """Which words it gets wrong, and how well the others are timed."""
    rest = round(QUIET_S * RATE_HZ)
    film = np.concatenate([0.5 * music(QUIET_S, rng), samples, np.zeros(rest, np.float32)])
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "film.flac"
        write_flac(path, film)
        heard = transcribe(path, model=model, language="en").words
    said = [(plain(w.text), w.start + QUIET_S) for cue in truth for w in cue]
    wrong, pairs = compare([text for text, _ in said], [plain(w.text) for w in heard])
    done.spoken += len(said)
    done.wrong += wrong
    done.written += [abs(said[n][1] - heard[m].start) for n, m in pairs]


def plain(text: str) -> str:
    return text.strip(" .,").lower()


def compare(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """The fewest words to change (Levenshtein 1966), and which are the same by that."""
    cost = np.zeros((len(said) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = range(len(said) + 1), range(len(heard) + 1)
    for n, word in enumerate(said, 1):
        for m, other in enumerate(heard, 1):
            changed = cost[n - 1, m - 1] + (word != other)
            cost[n, m] = min(changed, cost[n - 1, m] + 1, cost[n, m - 1] + 1)
    n, m = len(said), len(heard)
    pairs = []
    while n and m:
        if cost[n, m] == cost[n - 1, m - 1] + (said[n - 1] != heard[m - 1]):
            n, m = n - 1, m - 1
            if said[n] == heard[m]:
                pairs.append((n, m))
        elif cost[n, m] == cost[n - 1, m] + 1:
            n -= 1
        else:
            m -= 1
    return int(cost[-1, -1]), pairs


def _count(done: Measured, kind: str, cues: Sequence[CueWords]) -> None:
    done.marks.setdefault(kind, Counter()).update(cue.mark for cue in cues)


def table(done: Measured) -> Iterator[str]:
    """Markdown."""

    def row(name: str, errors: Sequence[float]) -> str:
        ms = np.array(errors) * 1000
        middle, most = np.percentile(ms, (50, 90))
        near = 100 * np.mean(ms <= 200)
        return f"| {name} | {middle:.0f} | {most:.0f} | {near:.0f}% | {len(ms)} |"

    yield "| error, ms | median | 90th percentile | within 200 ms | words |"
    yield "| --- | --- | --- | --- | --- |"
    yield row("word start", done.starts)
    yield row("word end", done.ends)
    for name, errors in done.after.items():
        yield row(f"start of the word after {name}", errors)
        yield row(f"starts of the words of the next cue ({name})", done.beyond[name])
    if done.spoken:
        yield row("start of a word that was transcribed rightly", done.written)
    yield ""
    yield "| line | said | uncertain | not said |"
    yield "| --- | --- | --- | --- |"
    for kind, marks in done.marks.items():
        yield f"| {kind} | {marks['said']} | {marks['uncertain']} | {marks['not said']} |"
    yield ""
    if done.spoken:
        yield f"Transcribed: {done.wrong} of {done.spoken} words wrong."
        yield ""
    yield f"{done.cpu_s / done.sound_s * 60:.1f} s of CPU a minute of film, on one thread."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tiny = Path(__file__).parents[1] / "fixtures" / "words" / "tiny.pt"
    parser.add_argument("--model", default=str(tiny), help="as of avsync words")
    parser.add_argument("--engine", choices=("whisper", "ctc"), default="whisper")
    parser.add_argument("--films", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sounds = make_sounds(make_bank(TEST_VOICES, 2, np.random.default_rng([SEED, 9])), SEED)
    model = None if args.engine == "ctc" else load_speech_model(args.model, device="cpu")
    engine: Engine = (
        load_ctc_engine(device="cpu", language="en") if model is None else WhisperEngine(model)
    )
    print("\n".join(table(measure(engine, model, args.films, sounds))))


if __name__ == "__main__":
    main()
