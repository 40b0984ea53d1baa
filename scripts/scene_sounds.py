"""What the acts of ``make_scenes.py`` sound like, and the music and noise under them.

Mono float32 at 16 kHz. An act gets one voice for its hits and one for its drive; both are drawn
anew for every scene, so nothing can be told from the timbre alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scene_things import CONTROL_HZ, Act, Array, Hit, Rng, rhythm
from scipy.signal import butter, fftconvolve, sosfilt

RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]


def band(rng: Rng, noise: Array, low: float, high: float) -> Array:
    """``noise`` between two frequencies, at unit RMS."""
    edges = [max(30.0, low), min(7800.0, max(high, 1.2 * low))]
    passed = sosfilt(butter(2, edges, "band", fs=RATE_HZ, output="sos"), noise)
    return np.asarray(passed / (np.sqrt(np.mean(passed**2)) + 1e-9))


def hit_sound(rng: Rng) -> Samples:
    """One thud, click, bell, clap, pluck or crash of a kind of its own, with peak 1."""
    kind = rng.integers(6)
    decay = float(rng.uniform(0.03, 0.12) if kind in (1, 3) else rng.uniform(0.06, 0.4))
    t = np.arange(int(min(1.5, 7 * decay) * RATE_HZ)) / RATE_HZ
    if kind == 0:
        pitch = rng.uniform(45, 150) * (1 + rng.uniform(0, 2) * np.exp(-t / 0.02))
        sound = np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) + 0.1 * rng.normal(size=len(t))
    elif kind in (1, 3):
        low = rng.uniform(200, 4000)
        sound = band(rng, rng.normal(size=len(t)), low, low * rng.uniform(1.5, 6))
    elif kind in (2, 4):
        first = rng.uniform(80, 1600)
        stretch = 1.0 if kind == 4 else rng.uniform(1.1, 1.7)
        partials = [np.sin(2 * np.pi * first * n**stretch * t) / n for n in range(1, 6)]
        loud = [p for n, p in enumerate(partials, 1) if first * n**stretch < 7500]
        sound = np.sum(loud, axis=0) if loud else partials[0]
    else:
        sound = band(rng, rng.normal(size=len(t)), rng.uniform(50, 800), rng.uniform(1500, 7500))
    attack = rng.uniform(0.0005, 0.015)
    sound = sound * np.exp(-t / decay) * np.minimum(1, t / attack)
    return np.asarray(sound / (np.abs(sound).max() + 1e-9), np.float32)


def place(track: Samples, sound: Samples, time: float, gain: float) -> None:
    """Mix ``sound`` into ``track`` from ``time`` seconds on, as much of it as fits."""
    start = round(time * RATE_HZ)
    if start < 0:
        sound, start = sound[-start:], 0
    part = sound[: max(0, len(track) - start)]
    track[start : start + len(part)] += part * np.float32(gain)


def strike(rng: Rng, track: Samples, hits: list[Hit]) -> None:
    """Every hit with one sound, or one of two, as loud as it is strong."""
    sounds = [hit_sound(rng) for _ in range(rng.integers(1, 3))]
    for hit in hits:
        place(track, sounds[rng.integers(len(sounds))], hit.time, hit.strength)


def drive_sound(rng: Rng, drive: Array, length: int) -> Samples:
    """A swish or a hum that is as loud (and as high) as something stirs."""
    amount = np.interp(np.arange(length) / RATE_HZ, np.arange(len(drive)) / CONTROL_HZ, drive)
    if rng.random() < 0.6:
        low = rng.uniform(100, 2500)
        tone = band(rng, rng.normal(size=length), low, low * rng.uniform(1.5, 8))
    else:
        pitch = rng.uniform(40, 300) * (1 + rng.uniform(0, 1.5) * amount)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
        tone = np.sum([np.sin(n * phase) / n for n in range(1, 5)], axis=0)
    return np.asarray(0.6 * amount ** rng.uniform(1, 2) * tone, np.float32)


def voice_sound(rng: Rng, opening: Array, length: int) -> Samples:
    """A voice as loud as a mouth is open: pulses and hiss through two wandering formants."""
    at = np.arange(length) / RATE_HZ
    amount = np.interp(at, np.arange(len(opening)) / CONTROL_HZ, opening)
    pitch = rng.uniform(85, 260) * (1 + 0.15 * np.sin(at * rng.uniform(2, 6)))
    cycle = np.cumsum(pitch) / RATE_HZ % 1
    source = np.exp(-cycle * 12) + 0.15 * rng.normal(size=length)
    voiced = np.zeros(length)
    for _ in range(4):  # vowels that follow each other
        first = band(rng, source, *np.array([0.8, 1.2]) * rng.uniform(280, 850))
        second = band(rng, source, *np.array([0.85, 1.15]) * rng.uniform(900, 2600))
        knots = rng.random(int(length / RATE_HZ * 5) + 2) ** 3
        share = np.interp(at * 5, np.arange(len(knots)), knots)
        voiced += share * (first + rng.uniform(0.3, 0.9) * second)
    # The hiss of consonants fills the gaps before a mouth opens.
    hiss = band(rng, rng.normal(size=length), rng.uniform(2000, 4000), 7500) * np.roll(amount, -800)
    return np.asarray(0.5 * amount * voiced + rng.uniform(0, 0.3) * hiss, np.float32)


def act_sound(rng: Rng, act: Act, seconds: float, *, rhythmic: bool) -> Samples:
    """What is heard of an act. ``rhythmic``: its hits are the accents of a drummer's pattern."""
    track = np.zeros(int(seconds * RATE_HZ), np.float32)
    strike(rng, track, act.hits)
    if act.drive is not None and act.speaks:
        track += voice_sound(rng, act.drive, len(track))
    elif act.drive is not None and (not act.hits or rng.random() < 0.6):
        track += drive_sound(rng, act.drive, len(track))
    if rhythmic and len(act.hits) > 2:
        gap = float(np.median(np.diff([hit.time for hit in act.hits]))) / rng.choice([2, 4])
        ticks = np.arange(act.hits[0].time, seconds, max(0.1, gap))
        quiet = float(rng.uniform(0.1, 0.5))
        strike(rng, track, [Hit(float(time), quiet) for time in ticks])
    return track


def music(rng: Rng, seconds: float) -> Samples:
    """Drums, a bass and held chords that have nothing to do with the picture, at unit RMS."""
    track = np.zeros(int(seconds * RATE_HZ), np.float32)
    for _ in range(rng.integers(0, 4)):
        strike(rng, track, rhythm(rng, seconds))
    t = np.arange(len(track)) / RATE_HZ
    if rng.random() < 0.7:
        chord_length, root = rng.uniform(0.8, 4), rng.uniform(60, 220)
        for start in np.arange(0, seconds, chord_length):
            inside = (t >= start) & (t < start + chord_length)
            base = root * 2 ** (rng.integers(0, 12) / 12)
            for ratio in (1.0, rng.choice([1.2, 1.25]), 1.5, 2.0):
                wave = np.sin(2 * np.pi * base * ratio * t[inside] + rng.uniform(0, 6))
                fade = np.minimum(1, (t[inside] - start) / rng.uniform(0.01, 0.3))
                track[inside] += (0.15 * wave * fade).astype(np.float32)
    return track / np.float32(np.sqrt(np.mean(track**2)) + 1e-3)


def noise(rng: Rng, seconds: float) -> Samples:
    """A steady or slowly swelling hiss, rumble or hubbub at unit RMS."""
    length = int(seconds * RATE_HZ)
    hiss = band(rng, rng.normal(size=length), rng.uniform(40, 600), rng.uniform(800, 7500))
    knots = np.interp(
        np.arange(length) / length * 8, np.arange(9), 1 + rng.uniform(0, 0.5) * rng.normal(size=9)
    )
    return np.asarray(hiss * knots, np.float32)


def mix(rng: Rng, acts: Samples) -> Samples:
    """The soundtrack: the acts in a room, over music, noise and noises from elsewhere."""
    seconds = len(acts) / RATE_HZ
    if rng.random() < 0.5:
        length = int(rng.uniform(0.1, 0.8) * RATE_HZ)
        tail = rng.normal(size=length) * 10 ** (-3 * np.arange(length) / length)
        tail *= 10 ** (rng.uniform(-20, -4) / 20) / np.linalg.norm(tail)
        acts = acts + fftconvolve(acts, tail)[: len(acts)].astype(np.float32)
    late = int(rng.uniform(0, 0.02) * RATE_HZ)  # sound takes its time
    acts = np.concatenate([np.zeros(late, np.float32), acts])[: len(acts)]
    track = acts / np.float32(np.sqrt(np.mean(acts**2)) + 1e-3)
    if rng.random() < 0.5:
        track += music(rng, seconds)[: len(track)] * np.float32(10 ** (rng.uniform(-24, 0) / 20))
    if rng.random() < 0.3:
        elsewhere = np.zeros(len(track), np.float32)
        strike(rng, elsewhere, rhythm(rng, seconds))
        track += elsewhere * np.float32(rng.uniform(0.3, 3))
    track += noise(rng, seconds)[: len(track)] * np.float32(10 ** (rng.uniform(-50, -6) / 20))
    if rng.random() < 0.2:
        cut = butter(4, rng.uniform(2500, 5000), fs=RATE_HZ, output="sos")
        track = np.asarray(sosfilt(cut, track), np.float32)
    track *= np.float32(10 ** (rng.uniform(-34, -14) / 20))
    return np.asarray(np.clip(track, -1, 1), np.float32)
