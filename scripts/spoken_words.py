"""Films of a few words that espeak-ng says, whose times are known to the sample.

What `train_tiny_whisper` trains on and `bench_words` measures on: sentences of random words, in
many voices, among silence, noise and music. Training draws all of it at random, and stretches the
voices; tests and benches `compose` cues of so many words each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from make_voices import run_to_wav, trim

FloatArray = npt.NDArray[np.float32]

RATE_HZ = 16_000
ENGLISH = (  # each one token of Whisper's but "lighthouse"
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("green", "window", "garden", "lighthouse"),
)
JAPANESE = ("さくら", "みず", "ひかり")
VOICES = [
    "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f4", "Andy", "Annie", "steph", "Gene",
    "Alex", "Alicia", "Andrea", "adam", "antonio", "belinda", "benjamin", "boris", "david",
    "Diogo", "ed", "edward", "Henrique", "john", "linda", "marcelo", "Marco", "max", "Michael",
    "miguel", "Mike", "pablo", "paul", "pedro", "quincy", "rob", "robert", "f5", "m8", "norbert",
    "shelby", "victor",
]  # fmt: skip
TEST_VOICES = ["m5", "f3", "Lee"]
SPOKEN = (("en", 5), ("en", 3), ("en", 7), ("en", 1), ("en", 6), ("en", 4), ("en", 5))
"""The cues of a composed film: language, words."""
STRETCHES = (0.85, 1.18)
"""By how much a voice in training is slower and lower than it was recorded."""


@dataclass(frozen=True)
class Said:
    """A word in a recording; seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Example:
    samples: FloatArray
    language: str
    text: tuple[Said, ...]
    """each with the blank or the full stop that belongs to it"""


Bank = dict[tuple[str, str], list[FloatArray]]


@dataclass(frozen=True)
class Sounds:
    """What examples are mixed from; 16 kHz."""

    words: Bank
    music: FloatArray
    noise: FloatArray


def make_bank(voices: Sequence[str], takes: int, rng: np.random.Generator) -> Bank:
    """Each word so often in each voice, at a speed and a pitch of its own; by language and word."""
    bank: Bank = {}
    with tempfile.TemporaryDirectory() as scratch:
        for language, words in (("en", ENGLISH), ("ja", JAPANESE)):
            for word in words:
                clips = []
                for number, voice in enumerate(list(voices) * takes):
                    accent = ("en-us", "en-gb")[number % 2] if language == "en" else "ja"
                    prosody = ["-s", str(rng.integers(120, 200)), "-p", str(rng.integers(25, 75))]
                    command = ["espeak-ng", "-v", f"{accent}+{voice}", *prosody, "-w", "{wav}"]
                    clip = trim(run_to_wav([*command, word], Path(scratch)), -35.0)
                    clips.append(clip * (0.5 / np.abs(clip).max()))
                bank[language, word] = clips
    return bank


def music(seconds: float, rng: np.random.Generator) -> FloatArray:
    """Chords of plucked and of held harmonic tones, each ten seconds in a manner of their own."""
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    at, turns = 0.0, -1.0
    while at < seconds:
        if at >= turns:
            turns = at + 10.0
            steady = rng.uniform(0.2, 1.2) if rng.random() < 0.5 else 0.0
            decay, dull, partials = rng.uniform(0, 3), rng.uniform(0, 3), int(rng.integers(2, 9))
        length = steady or rng.uniform(0.2, 1.2)
        t = np.arange(int(length * RATE_HZ)) / RATE_HZ
        for _ in range(int(rng.integers(1, 5))):
            pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
            for harmonic in range(1, partials):
                tone = np.sin(2 * np.pi * pitch * harmonic * t) / harmonic
                tone *= np.exp(-t * (decay + (harmonic - 1) * dull))
                begin = int(at * RATE_HZ)
                part = out[begin : begin + len(tone)]
                part += (0.1 * tone * np.minimum(1, t * 200)).astype(np.float32)[: len(part)]
        at += length
    return out


def noise(seconds: float, rng: np.random.Generator) -> FloatArray:
    """White noise, or noise that falls with frequency."""
    white = rng.standard_normal(int(seconds * RATE_HZ)).astype(np.float32)
    if rng.random() < 0.5:
        white = np.convolve(white, np.exp(-np.arange(40) / 8), "same").astype(np.float32)
    return white * np.float32(0.1 / (np.abs(white).mean() + 1e-9))


def say(
    bank: Bank,
    language: str,
    seconds: float,
    rng: np.random.Generator,
    *,
    words: int | None = None,
    plain: bool | None = None,
    longest_pause: float | None = None,
) -> Example:
    """Sentences of random words, with pauses within and longer ones between.

    With a number of ``words`` none comes twice and one voice says them all; without, everything is
    drawn: how many, which again, and whose voice after a pause.
    """
    known = ENGLISH if language == "en" else JAPANESE
    varied = words is None
    count = int(rng.integers(1, 20)) if words is None else words
    voices = len(bank[language, known[0]])
    voice = int(rng.integers(voices))
    samples = np.zeros(int(seconds * RATE_HZ), np.float32)
    plain = rng.random() < 0.3 if plain is None else plain
    late = longest_pause is None and rng.random() < 0.25
    at = rng.uniform(0.1, 0.8 * seconds if late else min(2.0, seconds / 3))
    stretch = rng.uniform(*STRETCHES) if varied else 1.0
    said: list[Said] = []
    opens = True
    for word in sentence(known, count, rng) if varied else rng.permutation(known)[:count]:
        clip = stretched(bank[language, word][voice], stretch) * np.float32(rng.uniform(0.5, 1.2))
        end = at + len(clip) / RATE_HZ
        if end > seconds - 0.3:
            break
        samples[int(at * RATE_HZ) :][: len(clip)] += clip
        closes = rng.random() < 0.2
        said.append(
            Said(_shown(word, language, opens and not plain, closes and not plain), at, end)
        )
        pause = rng.uniform(0.0, 0.25) if rng.random() < 0.85 else rng.uniform(0.25, 0.5)
        if closes or (varied and rng.random() < 0.08):
            pause = rng.uniform(0.6, longest_pause or _longest_pause(seconds, rng))
            if varied and rng.random() < 0.4:
                voice, stretch = int(rng.integers(voices)), rng.uniform(*STRETCHES)
        at, opens = end + pause, closes
    return Example(samples, language, tuple(said))


def _shown(word: str, language: str, opens: bool, closes: bool) -> str:
    """The word as it stands in a text, with its blank or its stop."""
    blank, stop = (" ", ".") if language == "en" else ("", "。")
    return blank + (word.capitalize() if opens else word) + (stop if closes else "")


def _longest_pause(seconds: float, rng: np.random.Generator) -> float:
    return seconds * (0.8 if rng.random() < 0.2 else 0.2)


def stretched(clip: FloatArray, factor: float) -> FloatArray:
    """The same word from a throat that much longer: slower and lower."""
    at = np.arange(round(len(clip) * factor)) / factor
    return np.interp(at, np.arange(len(clip)), clip).astype(np.float32)


def sentence(known: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Random words, of which no two follow one another twice: too few layers to count by."""
    words: list[str] = []
    pairs: set[tuple[str, str]] = set()
    for _ in range(4 * count):
        word = known[int(rng.integers(len(known)))]
        pair = (words[-1] if words else word, word)
        if len(words) < count and pair not in pairs and (not words or words[-1] != word):
            pairs.add(pair)
            words.append(word)
    return words


def make_sounds(bank: Bank, seed: int) -> Sounds:
    """Voices, four minutes of music and one of noises."""
    rng = np.random.default_rng([seed, 1])
    noises = np.concatenate([noise(10.0, rng) for _ in range(6)])
    return Sounds(bank, music(240.0, rng), noises)


def example(sounds: Sounds, seconds: float, rng: np.random.Generator) -> Example:
    """Speech under silence, noise or music; now and then no speech at all."""
    language = "ja" if rng.random() < 0.2 else "en"
    silent = rng.random() < 0.12
    made = say(sounds.words, language, seconds, rng, words=0 if silent else None)
    samples = made.samples * np.float32(10 ** rng.uniform(-1.0, 0.2))
    peak = max(float(np.abs(samples).max()), 0.05)
    level = 10 ** rng.uniform(-2.5, -0.7) * peak
    for under, often, loud in ((sounds.music, 0.4, 2.0), (sounds.noise, 0.6, 1.0)):
        if rng.random() < often:
            begin = int(rng.integers(len(under) - len(samples)))
            samples = samples + np.float32(level * loud) * under[begin : begin + len(samples)]
    if rng.random() < 0.4:
        samples = samples + loud_music(sounds.music, made, peak, rng)
    if rng.random() < 0.5:  # a window of Whisper's is filled up with nothing
        last = made.text[-1].end if made.text else 0.0
        samples[int(rng.uniform(last, seconds) * RATE_HZ) :] = 0.0
    return Example(samples.astype(np.float32), language, made.text)


def loud_music(
    music: FloatArray, made: Example, peak: float, rng: np.random.Generator
) -> FloatArray:
    """Music as loud as speech in the pauses of a second and more, and in them only."""
    out = np.zeros_like(made.samples)
    ends = [0.0, *(word.end for word in made.text)]
    starts = [*(word.start for word in made.text), len(out) / RATE_HZ]
    for end, start in zip(ends, starts, strict=True):
        first, last = (round(t * RATE_HZ) for t in (end + 0.1, start - 0.1))
        if start - end < 1.0 or rng.random() < 0.3:
            continue
        begin = int(rng.integers(len(music) - (last - first)))
        gain = peak * 10 ** rng.uniform(-1.0, 0.2) / 0.3
        out[first:last] = np.float32(gain) * music[begin : begin + last - first]
    return out


def compose(
    sounds: Sounds, rng: np.random.Generator, spoken: Sequence[tuple[str, int]] = SPOKEN
) -> tuple[FloatArray, list[list[Said]]]:
    """Cue by cue so many words of a language, none twice in one; the sound and its truth."""
    samples = np.zeros(60 * RATE_HZ, np.float32)
    cues: list[list[Said]] = []
    at = 1.5
    for number, (language, count) in enumerate(spoken):
        made = say(sounds.words, language, 12.0, rng, words=count, plain=False, longest_pause=2.5)
        shift = at - made.text[0].start
        begin, end = (round(t * RATE_HZ) for t in (made.text[0].start, made.text[-1].end))
        place = round(at * RATE_HZ)
        samples[place : place + end - begin] += made.samples[begin:end]
        cues.append([Said(w.text, w.start + shift, w.end + shift) for w in made.text])
        at = cues[-1][-1].end + (1.2, 0.7, 2.5)[number % 3]
    last = round((at + 0.5) * RATE_HZ)
    samples = samples[:last] + np.float32(0.05) * sounds.noise[:last]
    return samples / np.abs(samples).max() * np.float32(0.7), cues


def write_flac(path: Path, samples: FloatArray) -> None:
    """Mono 16-bit FLAC at 16 kHz: no priming, so that sample 0 stays sample 0."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="mono")
        pcm = np.round(samples * 32767).astype(np.int16)
        for begin in range(0, len(pcm), 4096):
            frame = av.AudioFrame.from_ndarray(pcm[None, begin : begin + 4096], "s16", "mono")
            frame.sample_rate = RATE_HZ
            frame.pts = begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
