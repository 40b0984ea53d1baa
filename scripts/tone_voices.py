"""Voices whose prosody is known: pitch, its range, vocal effort, rate, from a synthesiser.

Teachers of arousal are pitch level and range, effort (the tilt of the spectrum) and rate, as in
Juslin & Laukka (2003) and Goudbeek & Scherer (2010); valence is hardly heard in a voice, and the
targets say so: only the range has a little of it.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from make_voices import pseudo_sentence, trim

from avsync.media import read_audio

RATE_HZ = 16_000
Rng = np.random.Generator
Samples = npt.NDArray[np.float32]
MEN = [f"m{n}" for n in range(1, 9)] + ["Lee", "Andy", "Alex"]
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
        return float(np.tanh(raw))


def draw_prosody(rng: Rng, valence: float, arousal: float) -> Prosody:
    """How somebody in a mood might speak."""
    a = arousal
    return Prosody(
        4.0 * a + rng.normal(0, 1.5),
        0.6 * a + 0.4 * valence + rng.normal(0, 0.4),
        5.0 * a + rng.normal(0, 2.5),
        0.25 * a + rng.normal(0, 0.12),
    )


@dataclass(frozen=True)
class Speaker:
    """A voice of the synthesiser."""

    language: str
    variant: str
    pitch: float
    """0 to 99, as the synthesiser has it"""
    rate: float
    """words a minute"""
    tilt: float
    """dB that the recording adds above 1 kHz"""


def draw_speaker(rng: Rng, languages: list[str]) -> Speaker:
    """A man or a woman, of one of the languages."""
    woman = rng.random() < 0.5
    return Speaker(
        str(rng.choice(languages)),
        str(rng.choice(WOMEN if woman else MEN)),
        float(rng.uniform(38, 52)),
        float(rng.uniform(145, 180)),
        float(rng.normal(0, 2.5)),
    )


def say(rng: Rng, speaker: Speaker, how: Prosody, folder: Path) -> Samples:
    """One sentence; empty where the synthesiser does not know how."""
    # A hundred steps of its pitch are two octaves, about.
    pitch = int(np.clip(speaker.pitch + how.pitch * 4.2, 0, 99))
    rate = int(np.clip(speaker.rate * 2**how.rate, 85, 320))
    text = pseudo_sentence(rng, speaker.language)
    marked = f'<speak><prosody range="{int(100 * 2 ** (how.wide - 0.1))}%">{text}</prosody></speak>'
    wav = folder / "said.wav"
    wav.unlink(missing_ok=True)
    voice = f"{speaker.language}+{speaker.variant}"
    command = [
        "espeak-ng",
        "-m",
        "-v",
        voice,
        "-p",
        str(pitch),
        "-s",
        str(rate),
        "-w",
        str(wav),
        marked,
    ]
    subprocess.run(command, capture_output=True, check=False)
    if not wav.exists() or wav.stat().st_size < 4_000:
        return np.zeros(0, np.float32)
    return tilted(trim(read_audio(wav, rate_hz=RATE_HZ).samples), -15.0 + how.effort + speaker.tilt)


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
    return (out * (0.1 / (np.sqrt(np.mean(out**2)) + 1e-9))).astype(np.float32)


def speak(
    rng: Rng, speaker: Speaker, sections: list[tuple[float, Prosody]], *, loud: float
) -> Samples:
    """Sections of (seconds, prosody); louder with effort by `loud` dB for each dB of tilt."""
    out = np.zeros(int(sum(seconds for seconds, _ in sections) * RATE_HZ), np.float32)
    start = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seconds, how in sections:
            now = start
            while now < start + seconds - 0.8:
                said = say(rng, speaker, how, Path(folder))[
                    : int((start + seconds - now) * RATE_HZ)
                ]
                if not len(said):
                    break
                at = int(now * RATE_HZ)
                said = said[: len(out) - at] * np.float32(10 ** (loud * how.effort / 20))
                out[at : at + len(said)] += said
                now += len(said) / RATE_HZ + float(rng.gamma(2, 0.12)) * 2 ** (-how.rate)
            start += seconds
    return out
