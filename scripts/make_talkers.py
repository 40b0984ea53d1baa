"""Draw talking faces whose mouths follow generated speech, for training and for measuring.

    python scripts/make_talkers.py BANK TALKERS --count 400
    python scripts/make_talkers.py BANK TALKERS --count 40 --seed 1 --split test
    python scripts/make_talkers.py BANK FILMS --count 20 --seed 2 --split test --films

A talker is a drawn mouth at 25 Hz and the log-mel of what it says; with ``--films`` the whole face
as a film with sound, for what looks for faces itself. The mouth opens with the energy where first
formants are, is drawn wide or rounded with where the second one is, shuts for pauses and stops, and
moves a little before it is heard, as mouths do. Voices come from a bank of ``make_voices.py``. No
two look alike (``talker_picture.py``). Everything is drawn from one seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from make_films import Bank
from scipy.ndimage import gaussian_filter1d
from talker_picture import Array, Gestures, Look, Rng, draw_face, draw_look, rows_and_columns

from avsync.encoders.audio import LogMel

FRAMES_HZ = 25
RATE_HZ = 16_000
MARGIN = 10
"""Pixels around a mouth of 48: for training to shift and turn it."""
_CORNER, _SPAN = (30.0, 67.0), 52.0
"""Of the mouth's picture in face units, as ``avsync.faces`` cuts it out."""
_BANDS_HZ = 700 * (10 ** (np.linspace(0.0268, 1.0985, 64)) - 1)
"""About where the bands of a log-mel are."""


@dataclass(frozen=True)
class Talker:
    """Who talks, and what is heard."""

    look: Look
    does: Gestures
    samples: npt.NDArray[np.float32]
    """mono at 16 kHz"""
    log_mel: npt.NDArray[np.float16]


def speak(rng: Rng, bank: Bank, seconds: float) -> npt.NDArray[np.float32]:
    """One voice with pauses."""
    voice = bank.voices[bank.cast(rng, 1)[0]]
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    at = int(rng.uniform(0, 0.6) * RATE_HZ)
    while at < len(out):
        clip = voice[int(rng.integers(len(voice)))] * 0.05
        part = clip[: len(out) - at]
        out[at : at + len(part)] += part
        at += len(part) + int(rng.gamma(1.2, 0.25) * RATE_HZ)
    return out + (10 ** rng.uniform(-4.5, -3) * rng.standard_normal(len(out))).astype(np.float32)


def articulate(rng: Rng, log_mel: npt.NDArray[np.float16], frames: int) -> Gestures:
    """What a mouth does to say it, at 25 Hz."""
    mel = log_mel.astype(np.float32)
    low = _level(mel, 250, 1000) - 0.35 * _level(mel, 3000, 7000)
    loud = np.quantile(low, 0.95)
    depth = rng.uniform(3.0, 6.0)
    opening = np.clip((low - loud + depth) / depth, 0, 1.2) ** rng.uniform(0.7, 1.6)
    front = _level(mel, 1600, 2600) - _level(mel, 600, 1200)
    heard = opening > 0.1
    centre, width = (front[heard].mean(), front[heard].std() + 0.3) if heard.any() else (0.0, 1.0)
    spread = np.clip((front - centre) / width / 1.5, -1, 1) * np.clip(opening * 3, 0, 1)
    stiff = rng.uniform(1.0, 2.2)
    lead = rng.uniform(0.0, 2.0)  # of 20 ms
    idle = gaussian_filter1d(rng.normal(size=len(mel)), 25) * rng.uniform(0, 0.4)
    wander = gaussian_filter1d(rng.normal(size=len(mel)), 50) * rng.uniform(0, 3)
    at = 2 * np.arange(frames) + lead
    smooth = [gaussian_filter1d(each, stiff) for each in (opening * rng.uniform(0.6, 1), spread)]
    moved = [np.interp(at, np.arange(len(mel)), each) for each in (*smooth, idle, wander)]
    shut = np.maximum(moved[0] + moved[2] - rng.uniform(0, 0.08), 0)
    return Gestures(*(each.astype(np.float32) for each in (shut, moved[1], moved[3])))


def _level(mel: Array, lowest_hz: float, highest_hz: float) -> Array:
    inside = (lowest_hz <= _BANDS_HZ) & (highest_hz >= _BANDS_HZ)
    level: Array = np.log(np.exp(mel[:, inside]).mean(axis=1))
    return level


def draw_talker(seed: list[int], bank: Bank, seconds: float) -> tuple[Rng, Talker]:
    rng = np.random.default_rng(seed)
    samples = speak(rng, bank, seconds)
    log_mel = LogMel()([samples])
    does = articulate(rng, log_mel, int(seconds * FRAMES_HZ))
    return rng, Talker(draw_look(rng), does, samples, log_mel)


def nod(rng: Rng, frames: int, amount: float) -> tuple[Array, Array]:
    """How far a head is off at each frame, in face units: [frames, 1, 1] each way."""
    path = gaussian_filter1d(rng.normal(size=(2, frames)), rng.uniform(4, 15), axis=1)
    scaled = path / (path.std() + 1e-6) * amount
    x, y = scaled.astype(np.float32)[:, :, None, None]
    return x, y


def mouths(rng: Rng, talker: Talker) -> npt.NDArray[np.uint8]:
    """The mouth alone: uint8 [frames, 68, 68]."""
    margin = MARGIN * _SPAN / 48
    size = 48 + 2 * MARGIN
    x, y = rows_and_columns(_CORNER[0] - margin, _CORNER[1] - margin, _SPAN + 2 * margin, size)
    dx, dy = nod(rng, len(talker.does.opening), rng.uniform(0, 0.8))
    drawn = draw_face(talker.look, talker.does, x + dx, y + dy)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def write_film(rng: Rng, talker: Talker, path: Path, size: tuple[int, int] = (320, 240)) -> None:
    """The whole face as H.264, in colour, somewhere in the picture; the sound as it is."""
    width, height = size
    unit = rng.uniform(150, 260) / height  # face units a pixel
    left = 56 - unit * width * rng.uniform(0.4, 0.6)
    top = 62 - unit * height * rng.uniform(0.45, 0.55)
    x, y = np.meshgrid(left + unit * np.arange(width), top + unit * np.arange(height))
    dx, dy = nod(rng, len(talker.does.opening), rng.uniform(0, 3))
    tint = np.array([1.12, 1.0, 0.9]) ** rng.uniform(0, 2)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FRAMES_HZ, options={"crf": "26"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for n in range(len(talker.does.opening)):
            now = Gestures(*(each[n : n + 1] for each in _each(talker.does)))
            grey = draw_face(talker.look, now, (x + dx[n]).astype("f4"), (y + dy[n]).astype("f4"))
            grain = rng.normal(0, 2, size=grey.shape[1:])
            colour = np.clip((grey[0] + grain)[..., None] * tint, 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(colour, "rgb24")))
        pcm = (np.clip(talker.samples, -1, 1) * 32767).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        sound.sample_rate, sound.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))


def _each(does: Gestures) -> tuple[Array, Array, Array]:
    return does.opening, does.spread, does.smile


def make(path: Path, seed: list[int], bank: Bank, seconds: float) -> None:
    """Make one talker, a film or only its mouth by the extension, unless it is there."""
    if path.exists():
        return
    rng, talker = draw_talker(seed, bank, seconds)
    if path.suffix == ".npz":
        np.savez(path, start=0, mouths=mouths(rng, talker), log_mel=talker.log_mel)
    else:
        write_film(rng, talker, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--split", default="train", choices=["train", "test"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bank = Bank(args.bank, args.split)
    for number in range(args.count):
        name = f"{args.split}-{args.seed}-{number:04d}.{'mkv' if args.films else 'npz'}"
        make(args.out / name, [args.seed, number], bank, args.seconds)


if __name__ == "__main__":
    main()
