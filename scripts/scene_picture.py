"""Filming the acts of ``make_scenes.py``: shapes and camera to small frames, with their motion.

Rendered straight at 64 by 36 by coverage (a shape's edge is as soft as a pixel is wide), so float
movements stay smooth and an hour of film takes minutes. Frames are float32 in 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scene_things import CONTROL_HZ, HEIGHT, WIDTH, Act, Array, Rng, Thing, instants, wander
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

Image = npt.NDArray[np.float32]
STEP = 0.04  # seconds over which motion is measured
ROWS, COLUMNS = (axis.astype(np.float32) + 0.5 for axis in np.mgrid[:HEIGHT, :WIDTH])


@dataclass(frozen=True)
class Look:
    """What a place looks like."""

    texture: Image
    """[height, width, 3], repeated without a seam where the camera looks beyond it"""
    colours: Image
    """[colours, 3] of the things in it"""
    pattern: float
    """how strongly the things in it are mottled"""


@dataclass(frozen=True)
class Take:
    """One act in one place through one camera."""

    act: Act
    look: Look
    view: Array
    """[3, instants]: x and y in pixels and the logarithm of the zoom"""
    shutter: float
    """how much of a frame's time the shutter is open"""
    samples: int
    """pictures averaged over that time"""


def draw_look(rng: Rng) -> Look:
    """A place: blotches at all sizes, some walls and windows, and a palette that may clash."""
    size = 160
    contrast = rng.uniform(0.04, 0.35)
    texture = np.empty((size, size, 3), np.float32)
    texture[:] = rng.uniform(0.05, 0.9) + rng.normal(0, 0.12, size=3)
    rough = rng.uniform(0.35, 0.9)
    for octave in range(6):
        cells = 5 * 2**octave
        grey = rng.normal(size=(cells, cells, 1)) + 0.5 * rng.normal(size=(cells, cells, 3))
        grown = zoom(
            grey, (size / cells, size / cells, 1), order=1, mode="grid-wrap", grid_mode=True
        )
        texture += contrast * rough**octave * grown
    for _ in range(rng.integers(0, 12)):
        x, y = rng.integers(0, size, size=2)
        width, height = rng.integers(3, 40, size=2)
        texture[y : y + height, x : x + width] += rng.normal(0, 0.5 * contrast + 0.05, size=3)
    colours = np.clip(rng.uniform(-0.1, 1.1, size=(16, 3)), 0, 1)
    if rng.random() < 0.3:  # muted: things hardly stand out
        colours = 0.35 * colours + 0.65 * texture.mean(axis=(0, 1))
    if rng.random() < 0.1:  # black and white
        texture[:] = texture.mean(axis=2, keepdims=True)
        colours[:] = colours.mean(axis=1, keepdims=True)
    pattern = float(rng.uniform(0, 0.5) * (rng.random() < 0.7))
    return Look(np.clip(texture, 0, 1), colours.astype(np.float32), pattern)


def draw_take(rng: Rng, act: Act, look: Look, seconds: float) -> Take:
    """A camera for an act: on a tripod, in a hand, panning or zooming slowly."""
    t = instants(seconds)
    view = np.zeros((3, len(t))) if act.camera is None else act.camera.copy()
    view[2] += rng.uniform(-0.3, 0.6)  # from afar, from near
    style = rng.choice(4, p=[0.4, 0.25, 0.25, 0.1])
    if style == 1:
        shake = 0.1 * 30 ** rng.random()
        view[0] += wander(rng, t, shake, rng.uniform(0.15, 0.8))
        view[1] += wander(rng, t, shake, rng.uniform(0.15, 0.8))
    elif style == 2:
        speed = 1.5 * 40 ** rng.random()  # pixels a second: from a drift to a chase
        way = rng.normal(size=(2, 1))
        view[:2] += speed * way / np.linalg.norm(way) * (t - t[-1] / 2)
    elif style == 3:
        view[2] += rng.uniform(-0.15, 0.15) * (t - t[-1] / 2)
    view[2] = np.clip(view[2], -1.0, 1.2)
    return Take(act, look, view, float(rng.uniform(0.1, 0.9)), int(rng.choice([1, 2, 3])))


def film_take(take: Take, times: Array, frame_seconds: float) -> tuple[Image, Image]:
    """Frames [times, 36, 64, 3], and how many pixels they move in 1/25 s on average [times]."""
    total = np.zeros((len(times), HEIGHT, WIDTH, 3), np.float32)
    motion = np.zeros(len(times), np.float32)
    for number in range(take.samples):
        offset = take.shutter * frame_seconds * (number + 0.5) / take.samples
        picture, moved = _expose(take, times + offset)
        total += picture / take.samples
        motion += moved / take.samples
    return total, motion


def _at(path: Array, times: Array) -> Image:
    if path.shape[-1] == 1:
        return np.full(len(times), path[0], np.float32)
    return np.interp(times, np.arange(len(path)) / CONTROL_HZ, path).astype(np.float32)


def _expose(take: Take, times: Array) -> tuple[Image, Image]:
    before, now, after = (_seen(take.view, times + step) for step in (-STEP / 2, 0.0, STEP / 2))
    picture, moved = _background(take.look.texture, before, now, after)
    for number, thing in enumerate(take.act.things):
        colour = take.look.colours[number % len(take.look.colours)]
        alpha, shade = _cover(thing, now, times, take.look, number)
        light = _at(thing.light, times)[:, None, None]
        alpha = alpha * np.minimum(light, 1.0)
        paint = colour * (np.maximum(light, 0.0) * shade)[..., None]
        picture += alpha[..., None] * (paint - picture)
        speed = _speed(thing, before, after, times)[:, None, None]
        moved += alpha * (speed - moved)
    return picture, moved.mean(axis=(1, 2))


@dataclass(frozen=True)
class _View:
    x: Image
    y: Image
    zoom: Image


def _seen(view: Array, times: Array) -> _View:
    return _View(_at(view[0], times), _at(view[1], times), np.exp(_at(view[2], times)))


def _background(texture: Image, before: _View, now: _View, after: _View) -> tuple[Image, Image]:
    def places(view: _View) -> tuple[Image, Image]:
        zoomed = view.zoom[:, None, None]
        x = (COLUMNS - WIDTH / 2) / zoomed + WIDTH / 2 + view.x[:, None, None]
        y = (ROWS - HEIGHT / 2) / zoomed + HEIGHT / 2 + view.y[:, None, None]
        return x, y

    still = all(np.ptp(path) == 0 for path in (now.x, now.y, now.zoom))
    count = len(now.x)
    if still:
        now = _View(now.x[:1], now.y[:1], now.zoom[:1])
    x, y = places(now)
    picture = np.stack(
        [
            map_coordinates(texture[..., c], (y - 0.5, x - 0.5), order=1, mode="grid-wrap")
            for c in range(3)
        ],
        axis=-1,
    )
    if still:
        return np.repeat(picture, count, axis=0), np.zeros((count, HEIGHT, WIDTH), np.float32)
    (x0, y0), (x1, y1) = places(before), places(after)
    return picture, np.hypot(x1 - x0, y1 - y0) * now.zoom[:, None, None]


def _cover(thing: Thing, view: _View, times: Array, look: Look, number: int) -> tuple[Image, Image]:
    """How much of each pixel a thing covers, and its shading: [times, 36, 64] each."""
    x = (_at(thing.x, times) - WIDTH / 2 - view.x) * view.zoom + WIDTH / 2
    y = (_at(thing.y, times) - HEIGHT / 2 - view.y) * view.zoom + HEIGHT / 2
    width = np.maximum(_at(thing.half_width, times) * view.zoom, 0.05)[:, None, None]
    height = np.maximum(_at(thing.half_height, times) * view.zoom, 0.05)[:, None, None]
    angle = _at(thing.angle, times)[:, None, None]
    across, down = COLUMNS - x[:, None, None], ROWS - y[:, None, None]
    u = across * np.cos(angle) + down * np.sin(angle)
    v = down * np.cos(angle) - across * np.sin(angle)
    if thing.round:
        distance = (np.hypot(u / width, v / height) - 1) * np.minimum(width, height)
    else:
        distance = np.maximum(np.abs(u) - width, np.abs(v) - height)
    shade = 1 - 0.25 * np.clip(v / height, -1, 1)
    if look.pattern:  # what the thing is made of moves with it
        grey = look.texture[..., 1]
        across_it, down_it = (2 * axis.astype(np.int32) + 31 * number for axis in (u + 64, v + 64))
        mottled = grey[down_it % len(grey), across_it % len(grey)] - grey.mean()
        shade = np.maximum(shade * (1 + look.pattern * mottled / (grey.std() + 0.02)), 0)
    return np.clip(0.5 - distance, 0, 1), shade


def _speed(thing: Thing, before: _View, after: _View, times: Array) -> Image:
    """Pixels that a thing moves, turns and grows on the picture in STEP."""
    parts = []
    for path, along in ((thing.x, "x"), (thing.y, "y")):
        shown = [
            (_at(path, times + step) - getattr(view, along)) * view.zoom
            for view, step in ((before, -STEP / 2), (after, STEP / 2))
        ]
        parts.append(shown[1] - shown[0])
    grown = _at(thing.half_height, times + STEP / 2) - _at(thing.half_height, times - STEP / 2)
    turned = _at(thing.angle, times + STEP / 2) - _at(thing.angle, times - STEP / 2)
    size = np.maximum(_at(thing.half_height, times), _at(thing.half_width, times))
    own = np.abs(grown) + 0.5 * np.abs(turned) * size
    return np.asarray(np.hypot(parts[0], parts[1]) + own, np.float32)


def degrade(rng: Rng, frames: Image) -> npt.NDArray[np.uint8]:
    """What cameras, codecs and editors do to a film, quantised at the end."""
    frames = frames * rng.uniform(0.5, 1.3) * rng.uniform(0.85, 1.15, size=3).astype(np.float32)
    frames = np.clip(frames, 0, 1) ** np.float32(rng.uniform(0.7, 1.5))
    if rng.random() < 0.2:
        frames = frames + rng.uniform(-0.1, 0.3) * (frames.mean(axis=3, keepdims=True) - frames)
    if rng.random() < 0.4:
        blur = rng.uniform(0.3, 0.9)
        frames = gaussian_filter(frames, (0, blur, blur, 0))
    if rng.random() < 0.6:
        grain = np.float32(rng.exponential(0.012))
        frames = frames + grain * rng.standard_normal(frames.shape, dtype=np.float32)
    if rng.random() < 0.4:
        frames = compress(rng, frames)
    if rng.random() < 0.2:
        rows = int(rng.integers(2, 7))
        frames[:, :rows] = frames[:, -rows:] = 0.0
    elif rng.random() < 0.1:
        columns = int(rng.integers(3, 20))
        frames[:, :, :columns] = frames[:, :, -columns:] = rng.uniform(0, 0.3)
    return np.asarray(np.clip(frames * 255 + 0.5, 0, 255), np.uint8)


def compress(rng: Rng, frames: Image) -> Image:
    """Blocks that change little stay as they were until the next key frame."""
    block, threshold = int(rng.choice([2, 4])), rng.uniform(0.005, 0.03)
    every, out = int(rng.integers(30, 250)), frames.copy()
    shape = (HEIGHT // block, block, WIDTH // block, block, 3)
    for n in range(1, len(frames)):
        if n % every == 0:
            continue
        change = np.abs(frames[n] - out[n - 1]).reshape(shape).mean(axis=(1, 3, 4))
        kept = np.kron(change < threshold, np.ones((block, block), bool))
        out[n][kept] = out[n - 1][kept]
    return out
