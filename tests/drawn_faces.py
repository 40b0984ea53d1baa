"""Drawn faces, and films of them that talk: the mouth opens with what is heard."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from talker_picture import Gestures, Look, draw_face, draw_look

WIDTH, HEIGHT = 320, 240
RATE_HZ = 16_000
UNIT = 0.72  # face units a pixel

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


def look(seed: int = 20) -> Look:
    """Somebody whose face is plain enough to be found."""
    return draw_look(np.random.default_rng(seed))


def face_picture(
    *, opening: float = 0.0, spread: float = 0.0, x: float = 0.0, seed: int = 20
) -> Pixels:
    """One face, `x` pixels to the right: uint8 [240, 320, 3]."""
    does = Gestures(*(np.array([value], np.float32) for value in (opening, spread, 0.0)))
    across, down = np.meshgrid(
        56 + UNIT * (np.arange(WIDTH) - WIDTH / 2 - x), 57 + UNIT * (np.arange(HEIGHT) - HEIGHT / 2)
    )
    grey = draw_face(look(seed), does, across.astype(np.float32), down.astype(np.float32))[0]
    pixels: Pixels = np.clip(grey[..., None] * [1.1, 1.0, 0.9], 0, 255).astype(np.uint8)
    return pixels


def babble(seconds: float, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Syllables of a buzz with two formants: samples, and opening and spread at 100 Hz."""
    rng = np.random.default_rng(seed)
    steps = int(seconds * 100)
    opening, spread = np.zeros(steps), np.zeros(steps)
    now = 0.2
    while now < seconds - 0.3:
        length = rng.uniform(0.09, 0.28)
        at = np.arange(steps) / 100 - now
        bump = np.sin(np.pi * np.clip(at / length, 0, 1))
        opening += rng.uniform(0.4, 1.0) * bump
        spread += rng.uniform(-1, 1) * bump
        now += length + float(rng.choice([0.03, 0.08, 0.4], p=[0.5, 0.3, 0.2]))
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wide = np.interp(time, np.arange(steps) / 100, opening)
    front = np.interp(time, np.arange(steps) / 100, spread)
    first, second = 300 + 500 * wide, 1400 + 700 * front
    voice = np.zeros(len(time))
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    for harmonic in range(1, 28):
        hz = harmonic * pitch
        gain = 1 / (1 + ((hz - first) / 120) ** 2) + 0.5 / (1 + ((hz - second) / 180) ** 2)
        voice += gain * np.sin(harmonic * phase)
    samples = 0.15 * voice * wide + rng.normal(0, 2e-4, len(time))
    return samples.astype(np.float32), opening.astype(np.float32), spread.astype(np.float32)


def write_talker(
    path: Path,
    *,
    seconds: float = 6.0,
    late_s: float = 0.0,
    seed: int = 0,
    shown: int = 20,
    other: int | None = None,
) -> None:
    """A talking face as a film whose sound is `late_s` late.

    `other` gives it the voice of another film, which fits nowhere.
    """
    samples, opening, spread = babble(seconds, seed)
    if other is not None:
        samples = babble(seconds, other)[0]
    samples = np.roll(samples, round(late_s * RATE_HZ))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "23"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for k in range(int(seconds * 25)):
            at = min(4 * k, len(opening) - 1)
            picture = face_picture(opening=opening[at], spread=spread[at], seed=shown)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        sound.sample_rate, sound.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))
