"""Measure ``align_words`` on words that espeak-ng says, whose times are known to the sample.

    python scripts/bench_words.py [--model fixtures/words/tiny.pt] [--films 6] [--engine whisper]

The films say what a checkpoint of train_tiny_whisper.py knows, in voices that it was not trained
on and in other words than fixtures/words; other models know it too. Each film is measured as it
is; with half a minute of silence and with a minute of music put between two words of a cue; with
cues whose words are replaced by words that are not said in them; and with cues of more such words
where nobody speaks. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from train_tiny_whisper import (
    ENGLISH,
    RATE_HZ,
    TEST_VOICES,
    Said,
    Sounds,
    compose,
    make_bank,
    make_sounds,
    music,
)

from avsync.media import Audio
from avsync.subtitles import Subtitles, parse_subtitles
from avsync.words.align import EngineName, align_words
from avsync.words.engine import Engine
from avsync.words.models import load_speech_model
from avsync.words.result import CueWords, Mark
from avsync.words.whisper_engine import WhisperEngine

SEED = 1906
CUE, WORD = 2, 3  # before which sound is put in
EARLY_S, LATE_S = 0.2, 0.3  # how much longer than its words a cue is shown
FloatArray = npt.NDArray[np.float32]


@dataclass
class Measured:
    """What was found in all films."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    after: dict[str, list[float]] = field(default_factory=dict)
    """by what was put in: the error of the start of the word behind it"""
    beyond: dict[str, list[float]] = field(default_factory=dict)
    """the errors of all words after that one"""
    marks: dict[str, Counter[Mark]] = field(default_factory=dict)
    sound_s: float = 0.0
    cpu_s: float = 0.0


def subtitles_of(cues: Sequence[tuple[float, float, str]]) -> Subtitles:
    def stamp(seconds: float) -> str:
        ms = round(seconds * 1000)
        return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

    entries = [f"{n}\n{stamp(a)} --> {stamp(b)}\n{t}\n" for n, (a, b, t) in enumerate(cues, 1)]
    return parse_subtitles("\n".join(entries).encode(), format="srt")


def fitting(truth: Sequence[Sequence[Said]]) -> list[tuple[float, float, str]]:
    """Cues for what is said."""
    return [
        (cue[0].start - EARLY_S, cue[-1].end + LATE_S, "".join(w.text for w in cue).strip())
        for cue in truth
    ]


def put_in(
    samples: FloatArray, truth: Sequence[Sequence[Said]], stuff: FloatArray
) -> tuple[FloatArray, list[list[Said]]]:
    """Sound between two words of a cue, and where everything is then."""
    at = (truth[CUE][WORD - 1].end + truth[CUE][WORD].start) / 2
    place, by = round(at * RATE_HZ), len(stuff) / RATE_HZ
    longer = np.concatenate([samples[:place], stuff, samples[place:]])
    moved = [
        [w if w.start < at else Said(w.text, w.start + by, w.end + by) for w in cue]
        for cue in truth
    ]
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


def measure(engine: Engine, films: int, sounds: Sounds) -> Measured:
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
            ("60 s of music", music(60.0, rng)),
        ):
            longer, moved = put_in(samples, truth, stuff)
            cues = found(engine, longer, fitting(moved))
            missed = [
                [abs(a.start - b.start) for a, b in zip(cue.words, said, strict=True)]
                for cue, said in zip(cues, moved, strict=True)
            ]
            done.after.setdefault(name, []).append(missed[CUE][WORD])
            rest = [*missed[CUE][WORD + 1 :], *(e for cue in missed[CUE + 1 :] for e in cue)]
            done.beyond.setdefault(name, []).extend(rest)
        swapped = [
            (start, end, wrong_words(said, rng) if n % 2 else text)
            for n, ((start, end, text), said) in enumerate(zip(fitting(truth), truth, strict=True))
        ]
        _count(done, "other words than are said", found(engine, samples, swapped)[1::2])
        signs = list(between(truth, rng))
        cues = found(engine, samples, [*fitting(truth), *signs])
        _count(done, "a sign where nobody speaks", cues[len(truth) :])
    return done


def _count(done: Measured, kind: str, cues: Sequence[CueWords]) -> None:
    done.marks.setdefault(kind, Counter()).update(cue.mark for cue in cues)


def table(done: Measured) -> Iterator[str]:
    """Markdown."""

    def row(name: str, errors: Sequence[float]) -> str:
        ms = np.array(errors) * 1000
        return f"| {name} | {np.median(ms):.0f} | {np.percentile(ms, 90):.0f} | {len(ms)} |"

    yield "| error, ms | median | 90th percentile | words |"
    yield "| --- | --- | --- | --- |"
    yield row("word start", done.starts)
    yield row("word end", done.ends)
    for name, errors in done.after.items():
        yield row(f"start of the word after {name}", errors)
        yield row(f"starts of all words after that ({name})", done.beyond[name])
    yield ""
    yield "| line | said | uncertain | not said |"
    yield "| --- | --- | --- | --- |"
    for kind, marks in done.marks.items():
        yield f"| {kind} | {marks['said']} | {marks['uncertain']} | {marks['not said']} |"
    yield ""
    yield f"{done.cpu_s / done.sound_s * 60:.1f} s of CPU a minute of film, on one thread."


def make_engine(name: EngineName, model: str) -> Engine:
    if name == "ctc":
        from avsync.words.ctc import load_ctc_engine

        return load_ctc_engine(device="cpu", language="en")
    return WhisperEngine(load_speech_model(model, device="cpu"), language="en")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tiny = Path(__file__).parents[1] / "fixtures" / "words" / "tiny.pt"
    parser.add_argument("--model", default=str(tiny), help="as of avsync words")
    parser.add_argument("--engine", choices=("whisper", "ctc"), default="whisper")
    parser.add_argument("--films", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sounds = make_sounds(make_bank(TEST_VOICES, 2, np.random.default_rng([SEED, 9])), SEED)
    print("\n".join(table(measure(make_engine(args.engine, args.model), args.films, sounds))))


if __name__ == "__main__":
    main()
