"""Voices whose prosody is known: people and a synthesiser, said over again by a vocoder.

WORLD (Morise, Yokomori & Ozawa 2016) takes a plain recording apart into pitch, spectral envelope
and noise, and puts it together with another pitch, range and rate; a tilt of the spectrum is vocal
effort. Teachers of arousal are pitch level and range, effort and rate, as in Juslin & Laukka (2003)
and Goudbeek & Scherer (2010). What is read or announced plainly counts as a little calm, as raters
of neutral speech have it. Valence is hardly heard in a voice: there is no truth of it.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from make_voices import pseudo_sentence, trim

from avsync.errors import MediaError
from avsync.media import read_audio

RATE_HZ = 16_000
PLAIN = -0.2
"""Arousal, before it is squashed, of what is read or announced plainly."""
SYNTHETIC_DB = -9.0
"""The synthesiser's energy above 1 kHz against that below, as plain human voices have it."""
Rng = np.random.Generator
Samples = npt.NDArray[np.float32]
MEN = [f"m{n}" for n in range(1, 9)] + ["Lee", "Andy", "Alex"]
_PERIOD_MS = 10.0
WOMEN = [f"f{n}" for n in range(1, 6)] + ["Annie", "steph", "linda"]


@dataclass(frozen=True)
class Prosody:
    """How something is said."""

    pitch: float
    """semitones over the speaker's usual"""
    wide: float
    """log2 of the range against the usual"""
    effort: float
    """dB over the usual of what lies above 1 kHz"""
    rate: float
    """log2 of the speed against the usual"""

    @property
    def arousal(self) -> float:
        """What it ought to feel like, -1 to 1."""
        raw = (
            0.4 * self.pitch / 4 + 0.15 * self.wide + 0.4 * self.effort / 5 + 0.25 * self.rate / 0.3
        )
        return float(np.tanh(PLAIN + raw))


def draw_prosody(rng: Rng, arousal: float) -> Prosody:
    """How somebody in a mood might speak."""
    a = arousal - PLAIN
    return Prosody(
        4.0 * a + rng.normal(0, 1.0),
        0.5 * a + rng.normal(0, 0.25),
        5.0 * a + rng.normal(0, 1.5),
        0.25 * a + rng.normal(0, 0.08),
    )


@dataclass(frozen=True)
class Speaker:
    """A person who was recorded, or a voice of the synthesiser."""

    recordings: tuple[Path, ...]
    """what the person said; nothing for the synthesiser"""
    language: str
    variant: str
    tilt: float
    """dB that the recording adds above 1 kHz"""


def draw_speaker(rng: Rng, languages: list[str], people: list[tuple[Path, ...]]) -> Speaker:
    """One of the people, or a man or a woman in one of the synthesiser's languages."""
    voice = str(rng.choice(WOMEN if rng.random() < 0.5 else MEN))
    someone = people and rng.random() < 0.5
    recordings = people[rng.integers(len(people))] if someone else ()
    return Speaker(recordings, str(rng.choice(languages)), voice, float(rng.normal(0, 1.5)))


def say(rng: Rng, speaker: Speaker, how: Prosody, folder: Path) -> Samples:
    """One sentence; empty where nothing came of it."""
    if speaker.recordings:
        path = speaker.recordings[rng.integers(len(speaker.recordings))]
        try:
            plain = read_audio(path, rate_hz=RATE_HZ).samples
        except MediaError:  # banks of prompts hold empty files
            return np.zeros(0, np.float32)
        if len(plain) > 8 * RATE_HZ:
            first = int(rng.integers(len(plain) - 6 * RATE_HZ))
            plain = plain[first : first + 6 * RATE_HZ]
    else:
        wav = folder / "said.wav"
        wav.unlink(missing_ok=True)
        voice = f"{speaker.language}+{speaker.variant}"
        text = pseudo_sentence(rng, speaker.language)
        command = ["espeak-ng", "-v", voice, "-p", "58", "-s", "125", "-w", str(wav), text]
        subprocess.run(command, capture_output=True, check=False)
        if not wav.exists() or wav.stat().st_size < 4_000:
            return np.zeros(0, np.float32)
        plain = read_audio(wav, rate_hz=RATE_HZ).samples
    plain = trim(plain)
    if len(plain) < RATE_HZ // 2:
        return np.zeros(0, np.float32)
    ratio_db = balance(plain) if speaker.recordings else SYNTHETIC_DB
    return tilted(said_again(plain, how), ratio_db + how.effort + speaker.tilt)


def said_again(samples: Samples, how: Prosody) -> Samples:
    """The same words with another pitch, range and rate."""
    import pyworld

    world: Any = pyworld
    pitch, envelope, noise = world.wav2world(
        samples.astype(np.float64), RATE_HZ, frame_period=_PERIOD_MS
    )
    voiced = pitch > 0
    if voiced.any():
        log = np.log2(pitch[voiced])
        middle = np.median(log)
        log = middle + (log - middle) * 2**how.wide + how.pitch / 12
        pitch[voiced] = np.clip(2**log, 60, 560)
    at = np.arange(0, len(pitch) - 1, 2**how.rate)
    near = np.round(at).astype(int)
    # Not interpolated: between a voiced and an unvoiced frame there is no pitch.
    out = world.synthesize(
        np.ascontiguousarray(pitch[near]),
        np.ascontiguousarray(envelope[near]),
        np.ascontiguousarray(noise[near]),
        RATE_HZ,
        frame_period=_PERIOD_MS,
    )
    said: Samples = out.astype(np.float32)
    return said


def balance(samples: Samples) -> float:
    """Energy above 1 kHz against that below, in dB."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    low, high = power[hz <= 1000].sum(), power[(hz > 1000) & (hz < 5000)].sum()
    return float(10 * np.log10((high + 1e-9) / (low + 1e-9)))


def tilted(samples: Samples, ratio_db: float) -> Samples:
    """The same with its energy above 1 kHz at `ratio_db` against that below, by a smooth tilt."""
    if len(samples) < RATE_HZ // 4:
        return samples
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    power = np.square(np.abs(spectrum))
    octaves = np.log2(np.clip(hz, 250, 4000) / 1000)
    slope = 0.0
    for _ in range(8):  # dB per octave, by which the ratio comes right
        shaped = power * 10 ** (slope * octaves / 10)
        now = 10 * np.log10(shaped[(hz > 1000) & (hz < 5000)].sum() / shaped[hz <= 1000].sum())
        slope += 0.4 * (ratio_db - now)
    out = np.fft.irfft(spectrum * 10 ** (slope * octaves / 20), len(samples))
    level: Samples = (out * (0.1 / (np.sqrt(np.mean(out**2)) + 1e-9))).astype(np.float32)
    return level


def speak(
    rng: Rng, speaker: Speaker, sections: list[tuple[float, Prosody]], *, loud: float
) -> Samples:
    """Sections of (seconds, prosody); louder with effort by `loud` dB for each dB of tilt."""
    out = np.zeros(int(sum(seconds for seconds, _ in sections) * RATE_HZ), np.float32)
    start = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seconds, how in sections:
            now, failed = start, 0
            while now < start + seconds - 0.8:
                said = say(rng, speaker, how, Path(folder))[
                    : int((start + seconds - now) * RATE_HZ)
                ]
                if not len(said):
                    failed += 1
                    if failed > 30:
                        break
                    continue
                at = int(now * RATE_HZ)
                said = said[: len(out) - at] * np.float32(10 ** (loud * how.effort / 20))
                out[at : at + len(said)] += said
                now += len(said) / RATE_HZ + float(rng.gamma(2, 0.12)) * 2 ** (-how.rate)
            start += seconds
    return out
