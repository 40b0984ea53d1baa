"""Examples for ``train_offset.py``: stretches of mouths and sound, seen and heard otherwise.

The mouth of one recorded talker is all that there is of life, so everything that tells one mouth
from another is drawn anew for every example: shape (a smooth warp, turn and size that stay), skin
and light, beard and shadow (a texture laid over), focus, grain, frame rate; and so is what tells
voices apart: formants (bands moved along the mel axis), pace, other sounds over it. Mouth and sound
are cut out at different places, each by itself, so that no beginning and no end gives the lag away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from avsync.aligner.sync import loudness, sound_frames
from avsync.encoders.mouth import MOUTH_SIZE

Array = npt.NDArray[np.float32]
Rng = np.random.Generator

REACH = 50  # tokens of lag that is learnt, each way
SHORTEST, LONGEST = 34, 64  # tokens of mouth in an example


@dataclass(frozen=True)
class Clip:
    """A mouth and its sound, on one clock."""

    mouths: npt.NDArray[np.uint8]
    """[tokens, 68, 68]"""
    log_mel: npt.NDArray[np.float16]
    """[2 · tokens, bands], cut or held to fit"""
    name: str


@dataclass(frozen=True)
class Batch:
    """Examples of one length, stacked along a first axis."""

    mouths: Tensor
    """float32 [batch, tokens, 48, 48]"""
    frames: Tensor
    """float32 [batch, 2 · sound tokens, bands], as `sound_frames` makes them"""
    lag: Tensor
    """[batch]: of the mouth's first token in the sound, in tokens; in halves"""


def load_clip(path: Path) -> Clip | None:
    """What was seen and heard of a talker; None if it is too short to learn from."""
    with np.load(path) as data:
        start, mouths, log_mel = int(data["start"]), data["mouths"], data["log_mel"]
    log_mel = log_mel[2 * start : 2 * (start + len(mouths))]
    tokens = len(log_mel) // 2
    if tokens < SHORTEST + 4:
        return None
    return Clip(mouths[:tokens], log_mel[: 2 * tokens], path.stem)


def draw(
    clips: list[Clip], noises: list[Array], rng: Rng, size: int, *, gentle: bool = False
) -> Batch:
    """``size`` examples of different clips; gentle ones are hardly changed."""
    tokens = int(rng.integers(SHORTEST, LONGEST + 1))
    heard = int(rng.integers(max(SHORTEST, tokens - 10), LONGEST + 10))
    mouths, frames, lags = [], [], []
    for n in rng.choice(len(clips), size=size, replace=len(clips) < size):
        seen, mel = paced(rng, clips[int(n)])
        length = len(seen)
        first = int(rng.integers(max(1, length - tokens + 1)))
        late = int(rng.integers(0, 2))
        lowest = max(0, first - REACH + 5)
        highest = max(lowest, min(length - heard - 1, first + REACH - 5))
        begin = int(rng.integers(lowest, highest + 1))
        mouths.append(_fit(seen[first : first + tokens], tokens))
        mel = mel if gentle else overheard(rng, mel, noises)
        sound = _fit(mel[2 * begin + late :][: 2 * heard], 2 * heard)
        sound = sound if gentle else revoiced(rng, sound)
        sound = sound.astype(np.float16)
        frames.append(sound_frames(sound, loudness(sound)))
        lags.append(first - begin - late / 2)
    pictures = torch.from_numpy(np.stack(mouths))
    shown = mirrored(rng, pictures) if gentle else seen_otherwise(rng, pictures)
    return Batch(shown, torch.from_numpy(np.stack(frames)), torch.tensor(lags, dtype=torch.float32))


def _fit(values: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """Held at the end where it is too short, which one in a hundred is."""
    short = length - len(values)
    return values if short <= 0 else np.concatenate([values, values[-1:].repeat(short, axis=0)])


def paced(rng: Rng, clip: Clip) -> tuple[npt.NDArray[np.uint8], Array]:
    """Spoken faster or slower by up to a tenth, filmed at another frame rate."""
    pace = float(rng.uniform(0.9, 1.1)) if rng.random() < 0.7 else 1.0
    tokens = int(len(clip.mouths) / pace)
    at = np.arange(tokens) * pace
    if rng.random() < 0.3:  # frames a second of the camera, relative to tokens
        rate = float(rng.choice([24 / 25, 30 / 25, 15 / 25, 12.5 / 25]))
        at = np.floor(at * rate + rng.uniform(0, 1)) / rate
    seen = clip.mouths[np.clip(np.round(at).astype(int), 0, len(clip.mouths) - 1)]
    where = np.minimum(np.arange(2 * tokens) * pace, len(clip.log_mel) - 1.001)
    low, share = where.astype(int), (where % 1).astype(np.float32)[:, None]
    mel = clip.log_mel.astype(np.float32)
    return seen, mel[low] * (1 - share) + mel[low + 1] * share


def revoiced(rng: Rng, mel: Array) -> Array:
    """The formants of a smaller or larger head; bands that a line does not carry; some gain."""
    bands = mel.shape[1]
    warp = float(np.exp(rng.normal(0, 0.1)))
    bend = rng.normal(0, 0.5)
    at = np.arange(bands) * warp + bend
    low = np.clip(at.astype(int), 0, bands - 2)
    share: Array = np.clip(at - low, 0, 1).astype(np.float32)
    mel = mel[:, low] * (1 - share) + mel[:, low + 1] * share
    if rng.random() < 0.3:
        held = np.pad(mel, ((0, 0), (1, 1)), mode="edge")
        mel = ((held[:, :-2] + held[:, 1:-1] + held[:, 2:]) / 3).astype(np.float32)
    tilt = np.interp(np.arange(bands), [0, 20, 40, bands - 1], rng.normal(0, 0.8, 4))
    mel = mel + tilt.astype(np.float32)
    if rng.random() < 0.25:
        mel[:, int(rng.integers(40, bands)) :] = mel.min()
    return mel


def overheard(rng: Rng, mel: Array, noises: list[Array]) -> Array:
    """With music, other people or hiss over it."""
    if rng.random() < 0.5:
        return mel
    level = float(np.quantile(mel.max(axis=1), 0.9))
    floor = level - float(rng.uniform(1.5, 9.0))
    if rng.random() < 0.5:
        noise = noises[int(rng.integers(len(noises)))]
        begin = int(rng.integers(max(1, len(noise) - len(mel))))
        part = np.resize(noise[begin : begin + len(mel)], mel.shape).astype(np.float32)
        part = part - np.quantile(part.max(axis=1), 0.9)
    else:
        slope = np.interp(np.arange(mel.shape[1]), [0, 20, 40, 63], rng.normal(0, 1, 4))
        part = (slope + 0.3 * rng.normal(size=mel.shape) - 0.5).astype(np.float32)
    heard: Array = np.logaddexp(mel, part + floor)
    return heard


def mirrored(rng: Rng, mouths: Tensor) -> Tensor:
    """Cut out a little off the middle, and mirrored half of the time; as `seen_otherwise`."""
    room = mouths.shape[2] - MOUTH_SIZE
    x, y = (int(at) for at in rng.integers(room // 4, room - room // 4 + 1, size=2))
    shown = mouths[:, :, y : y + MOUTH_SIZE, x : x + MOUTH_SIZE].float()
    turned = torch.from_numpy(rng.random(len(mouths)) < 0.5)[:, None, None, None]
    return torch.where(turned, shown.flip(3), shown)


def seen_otherwise(rng: Rng, mouths: Tensor) -> Tensor:
    """Other mouths that do the same: uint8 [batch, time, 68, 68] → float [batch, time, 48, 48]."""
    batch, time, size = mouths.shape[:3]
    grid = _warp(rng, batch, time, MOUTH_SIZE / size)
    pictures = mouths.flatten(0, 1)[:, None].float()
    shown = functional.grid_sample(
        pictures, grid.flatten(0, 1), mode="bilinear", padding_mode="border", align_corners=False
    ).reshape(batch, time, MOUTH_SIZE, MOUTH_SIZE)
    shown = _relit(rng, shown)
    if rng.random() < 0.4:  # out of focus, or far away
        width = int(rng.choice([3, 5]))
        soft = functional.avg_pool2d(shown, width, 1, width // 2, count_include_pad=False)
        share = torch.from_numpy(rng.uniform(0, 1, size=(batch, 1, 1, 1)).astype(np.float32))
        shown = torch.lerp(shown, soft, share)
    if rng.random() < 0.2:
        small = functional.avg_pool2d(shown, 2)
        shown = functional.interpolate(small, scale_factor=2, mode="bilinear")
    if rng.random() < 0.6:
        grain = torch.from_numpy(rng.standard_normal((64, *shown.shape[2:]), dtype=np.float32))
        pick = torch.from_numpy(rng.integers(0, 64, size=(batch, time)))
        amount = rng.exponential(2.5, size=(batch, 1, 1, 1)).astype(np.float32)
        shown = shown + torch.from_numpy(amount) * grain[pick]
    return shown.clamp(0, 255)


def _warp(rng: Rng, batch: int, time: int, zoom: float) -> Tensor:
    """Where each pixel is taken from: [batch, time, 48, 48, 2], in [−1, 1]."""
    lines = torch.linspace(-1, 1, MOUTH_SIZE) * (1 - 1 / MOUTH_SIZE)
    y, x = torch.meshgrid(lines, lines, indexing="ij")
    angle = torch.from_numpy(rng.normal(0, 0.12, batch)).float()
    larger, slimmer = np.exp(rng.normal(0, [[0.13], [0.08]], (2, batch)))
    mirror = torch.from_numpy(rng.choice([-1.0, 1.0], batch)).float()
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    wide, high = (
        torch.from_numpy(each).float()[:, None, None]
        for each in (zoom * larger, zoom * larger * slimmer)
    )
    place = torch.stack(
        [mirror[:, None, None] * wide * (cos * x - sin * y), high * (sin * x + cos * y)], 1
    )
    bends = torch.from_numpy(rng.normal(0, 0.05, (batch, 2, 4, 4))).float()
    place = place + functional.interpolate(
        bends, (MOUTH_SIZE, MOUTH_SIZE), mode="bicubic", align_corners=True
    )
    # Where it lies, for good, and how it trembles as detections do.
    steps = rng.normal(0, 1, (2, batch, time // 5 + 2)).astype(np.float32)
    tremble = functional.interpolate(torch.from_numpy(steps), time, mode="linear")
    amount = torch.from_numpy(rng.exponential(0.012, batch)).float()[:, None]
    shift = torch.from_numpy(rng.normal(0, 0.05, (2, batch, 1))).float() + tremble * amount
    moved = place[:, None] + shift.permute(1, 2, 0)[..., None, None]
    return moved.permute(0, 1, 3, 4, 2)


def _relit(rng: Rng, shown: Tensor) -> Tensor:
    """Other skin, beards and lights: [batch, time, 48, 48]."""
    batch = len(shown)

    def drawn(values: npt.NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32))[:, None, None, None]

    level = (shown / 255).clamp(0.004, 1)
    level = level ** drawn(np.exp(rng.normal(0, 0.35, batch)))
    level = torch.where(drawn(rng.random(batch)) < 0.07, 1 - level, level)
    coarse = torch.from_numpy(rng.normal(0, 0.25, (batch, 1, 3, 3))).float()
    fine = torch.from_numpy(rng.normal(0, 1, (batch, 1, 16, 16))).float()
    fine = fine * drawn(rng.exponential(0.06, batch))
    side = (MOUTH_SIZE, MOUTH_SIZE)
    light = functional.interpolate(coarse, side, mode="bicubic", align_corners=True)
    light = light + functional.interpolate(fine, side, mode="bilinear")
    flicker = torch.from_numpy(rng.normal(0, 1, (batch, shown.shape[1], 1, 1))).float()
    light = light + flicker * drawn(rng.exponential(0.01, batch))
    contrast, brightness = drawn(rng.uniform(0.35, 1.2, batch)), drawn(rng.uniform(0, 80, batch))
    return level * torch.exp(light) * 200 * contrast + brightness
