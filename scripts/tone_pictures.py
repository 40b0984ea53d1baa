"""Pictures whose mood is known: motion, cutting, light and colour are given.

Teachers of level: Valdez & Mehrabian (1994) for light and colour (pleasure .69 brightness + .22
saturation, arousal -.31 brightness + .60 saturation), Detenber, Simons & Bennett (1998) for motion,
Hanjalic & Xu (2005) for the rate of shots.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH, RATE_HZ = 36, 64, 25
Rng = np.random.Generator
Image = npt.NDArray[np.float32]
TRAINED = ("blobs", "stripes", "crowd", "land")
HELD_OUT = ("rain", "rings")


@dataclass(frozen=True)
class Sight:
    """A stretch of film in its makers' terms."""

    brightness: float
    saturation: float
    hue: float
    """turns: 0 red, 1/3 green"""
    contrast: float
    speed: float
    """pixels of 64 in a frame"""
    shot: float
    """seconds of a shot"""

    @property
    def arousal(self) -> float:
        """What it ought to feel like, -1 to 1."""
        motion = np.log2(self.speed / 0.35) / 1.6
        cutting = -np.log2(self.shot / 4.5) / 1.2
        light = -0.31 * (self.brightness - 0.45) / 0.2 + 0.6 * (self.saturation - 0.45) / 0.22
        return float(np.tanh(0.45 * motion + 0.4 * cutting + 0.25 * light))

    @property
    def valence(self) -> float:
        """-1 to 1."""
        light = 0.69 * (self.brightness - 0.45) / 0.2 + 0.22 * (self.saturation - 0.45) / 0.22
        pleasant = np.cos(2 * np.pi * (self.hue - 200 / 360))
        return float(np.tanh(0.7 * light + 0.25 * pleasant * min(1.0, 2 * self.saturation)))


def draw_sight(rng: Rng, valence: float, arousal: float) -> Sight:
    """How a film in a mood might look."""
    a, v = arousal, valence
    blue = v + rng.normal(0, 0.3) > 0
    return Sight(
        float(np.clip(0.45 + 0.2 * v - 0.03 * a + rng.normal(0, 0.05), 0.08, 0.9)),
        float(np.clip(0.45 + 0.17 * a + 0.06 * v + rng.normal(0, 0.07), 0.02, 0.95)),
        float((200 / 360 if blue else 50 / 360) + rng.normal(0, 0.09)) % 1.0,
        float(np.clip(0.5 + 0.2 * a + rng.normal(0, 0.15), 0.15, 1.0)),
        float(np.clip(0.35 * 2 ** (1.7 * a + rng.normal(0, 0.35)), 0.02, 4.0)),
        float(np.clip(4.5 * 2 ** (-1.3 * a + rng.normal(0, 0.25)), 0.7, 15)),
    )


def draw_film(
    rng: Rng, sections: list[tuple[float, Sight]], kinds: tuple[str, ...]
) -> tuple[npt.NDArray[np.uint8], list[float]]:
    """Frames at 25 Hz, uint8 [time, 36, 64, 3], and the seconds at which shots begin."""
    parts, starts, now = [], [], 0.0
    for seconds, sight in sections:
        left = round(seconds * RATE_HZ)
        while left > 0:
            frames = round(sight.shot * float(rng.uniform(0.7, 1.4)) * RATE_HZ)
            frames = left if left - frames < 10 else frames
            starts.append(now)
            parts.append(_shot(rng, sight, frames, str(rng.choice(kinds))))
            now += frames / RATE_HZ
            left -= frames
    film = np.concatenate(parts)
    film += rng.normal(0, rng.uniform(0.002, 0.012), size=film.shape).astype(np.float32)
    return np.round(np.clip(film, 0, 1) * 255).astype(np.uint8), starts


def _colour(rng: Rng, sight: Sight, brightness: float) -> npt.NDArray[np.float32]:
    hue = (sight.hue + rng.normal(0, 0.05)) % 1.0
    saturation = float(np.clip(sight.saturation + rng.normal(0, 0.08), 0, 1))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1.0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.array([red, green, blue], np.float32) * np.float32(min(1.3, brightness / luma))


def _shot(rng: Rng, sight: Sight, count: int, kind: str) -> Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    coarse = rng.normal(size=(6, 20)).astype(np.float32)
    t = np.arange(count, dtype=np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    speed = sight.speed * float(rng.uniform(0.8, 1.25))
    masks: Image = np.zeros((count, HEIGHT, WIDTH), np.float32)
    if kind in ("blobs", "crowd"):
        for _ in range(3 if kind == "blobs" else 9):
            size = rng.uniform(4, 8) if kind == "blobs" else rng.uniform(1.5, 3)
            way = rng.uniform(0, 2 * np.pi)
            cx = _bounce(rng.uniform(0, WIDTH) + 1.6 * speed * np.cos(way) * t, WIDTH)
            cy = _bounce(rng.uniform(0, HEIGHT) + 1.6 * speed * np.sin(way) * t, HEIGHT)
            far = (x - cx[:, None, None]) ** 2 + (y - cy[:, None, None]) ** 2
            masks = np.maximum(masks, np.clip(size - np.sqrt(far), 0, 1))
    elif kind == "stripes":
        along = x * np.cos(turn) + y * np.sin(turn)
        wave = rng.uniform(10, 24)
        masks = (np.sin((along - speed * t[:, None, None]) * 2 * np.pi / wave) > 0).astype(
            np.float32
        )
    elif kind == "rain":
        for _ in range(40):
            drop, cy = rng.uniform(0, WIDTH), (rng.uniform(0, HEIGHT) + 1.8 * speed * t) % HEIGHT
            near = (np.abs(x - drop) < 1) & (np.abs(y - cy[:, None, None]) < 2.5)
            masks = np.maximum(masks, near.astype(np.float32))
    elif kind == "rings":
        radius = np.hypot(x - rng.uniform(15, 49), y - rng.uniform(8, 28))
        masks = (np.sin((radius - speed * t[:, None, None]) * 2 * np.pi / 14) > 0.2).astype(
            np.float32
        )
    pan: npt.NDArray[np.float32] = speed * 0.7 * t if kind in ("land", "crowd") else 0.1 * speed * t
    ground = np.stack([_texture(coarse, float(p)) for p in pan])
    spread = 0.35 * sight.contrast
    back = _colour(rng, sight, sight.brightness) * (1 + spread * ground[..., None])
    other = _colour(rng, sight, sight.brightness * (1 + rng.choice([-1, 1]) * 0.9 * sight.contrast))
    shown: Image = (back + masks[..., None] * (other - back)).astype(np.float32)
    return shown


def _texture(coarse: Image, shift: float) -> Image:
    rows = np.linspace(0, coarse.shape[0] - 1.001, HEIGHT)
    columns = (np.arange(WIDTH) / 8 + shift / 8) % (coarse.shape[1] - 1)
    r, c = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r)[:, None], (columns - c)[None]
    top = coarse[r][:, c] * (1 - fc) + coarse[r][:, c + 1] * fc
    low = coarse[r + 1][:, c] * (1 - fc) + coarse[r + 1][:, c + 1] * fc
    mixed: Image = (top * (1 - fr) + low * fr).astype(np.float32)
    return mixed


def _bounce(at: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    return np.abs((at + size) % (2 * size) - size).astype(np.float32)
