"""Draw talking faces: a look that stays, and a mouth that moves.

All lengths are in the units of an upright face of 112 pixels, as in ``avsync.faces``: the eyes lie
at (38, 52) and (74, 52), the mouth at (56, 92). Every part is a soft-edged shape laid over what is
below it, so any part of a face can be drawn at any size, turned and moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Rng = np.random.Generator

CENTRE = 56.0
NOISE = 64  # entries of a texture, each way


@dataclass(frozen=True)
class Gestures:
    """What a mouth does: float32 [frames] each."""

    opening: Array
    """0 shut to 1 wide open"""
    spread: Array
    """−1 rounded to 1 drawn wide"""
    smile: Array
    """how far the corners are up, −1 to 1"""


@dataclass(frozen=True)
class Look:
    """Whose face it is; intensities from 0 to 255, lengths in face units."""

    skin: float
    lip: float
    """relative to the skin, as most that follow"""
    inside: float
    teeth: float
    beard: float
    """how much darker than skin, 0 for none"""
    moustache: float
    nose: float
    shade: float
    """light from one side, −1 to 1"""
    background: float
    grain: float
    width: float
    """half the width of the mouth at rest"""
    upper: float
    lower: float
    """how thick the lips are"""
    gape: float
    """how far the mouth opens"""
    lift: float
    """the upper lip's share of that"""
    rounding: float
    stretch: float
    bow: float
    place: tuple[float, float]
    """where the mouth is"""
    jaw: float
    face: tuple[float, float]
    """half the width and height of the face"""
    texture: Array
    iris: float
    hair: float


def draw_look(rng: Rng) -> Look:
    """Somebody."""
    texture: Array = rng.normal(size=(NOISE, NOISE)).astype(np.float32)
    coarse = rng.normal(size=(NOISE // 8, NOISE // 8)).repeat(8, 0).repeat(8, 1)
    texture = 0.4 * texture + soften(coarse.astype(np.float32), 4)
    bearded = rng.random() < 0.3
    return Look(
        skin=rng.uniform(45, 225),
        lip=rng.uniform(0.5, 1.02),
        inside=rng.uniform(0.05, 0.45),
        teeth=rng.uniform(0.9, 1.6) if rng.random() < 0.8 else 0.3,
        beard=rng.uniform(0.2, 0.8) if bearded else 0.0,
        moustache=rng.uniform(0.2, 0.8) if bearded and rng.random() < 0.8 else 0.0,
        nose=rng.uniform(0.0, 0.6),
        shade=rng.normal(0, 0.35),
        background=rng.uniform(10, 245),
        grain=rng.uniform(0, 0.12),
        width=rng.uniform(10.5, 17),
        upper=rng.uniform(1.2, 4.2),
        lower=rng.uniform(1.8, 5.5),
        gape=rng.uniform(4, 15),
        lift=rng.uniform(0.1, 0.45),
        rounding=rng.uniform(0.05, 0.4),
        stretch=rng.uniform(0.02, 0.15),
        bow=rng.uniform(0, 0.35),
        place=(CENTRE + rng.normal(0, 1.5), 92.4 + rng.normal(0, 1.8)),
        jaw=rng.uniform(0.2, 0.8),
        face=(rng.uniform(33, 44), rng.uniform(54, 66)),
        texture=texture,
        iris=rng.uniform(0.1, 0.7),
        hair=rng.uniform(10, 200),
    )


def soften(picture: Array, width: int) -> Array:
    """Box blur that wraps round."""
    for axis in (0, 1):
        rolled = [np.roll(picture, shift, axis) for shift in range(-width, width + 1)]
        picture = np.mean(rolled, axis=0)
    return picture.astype(np.float32)


def rows_and_columns(left: float, top: float, width: float, size: int) -> tuple[Array, Array]:
    """x and y of each pixel of a square part of a face: [size, size] each."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size * width
    x, y = np.meshgrid(left + steps, top + steps)
    return x.astype(np.float32), y.astype(np.float32)


def within(distance: Array, soft: float) -> Array:
    """1 where a distance to an edge is negative, 0 outside, soft in between."""
    share: Array = (1 / (1 + np.exp(np.clip(distance / soft, -30, 30)))).astype(np.float32)
    return share


def over(below: Array, value: float | Array, mask: Array) -> Array:
    """Paint `value` over what is below, as far as `mask` covers it."""
    return below + mask * (value - below)


def draw_face(look: Look, does: Gestures, x: Array, y: Array) -> Array:
    """Grey pictures, float32 [frames, height, width], of the points (x, y) of a face.

    Args:
        x, y: face units, [height, width] or [frames, height, width].
    """
    opening, spread, smile = (
        each[:, None, None] for each in (does.opening, does.spread, does.smile)
    )
    gap = look.gape * opening
    picture = _head(look, x, y, look.jaw * gap)
    picture = _nose(look, picture, x, y)
    half = look.width * (1 + look.stretch * spread - look.rounding * np.maximum(-spread, 0))
    u = (x - look.place[0]) / half
    bulge = np.maximum(1 - u**2, 0) ** 0.7
    corner = look.place[1] - smile * 2.5 * u**2
    return _mouth(look, picture, y, (corner, bulge, gap, spread))


def _head(look: Look, x: Array, y: Array, jaw: Array) -> Array:
    wide, high = look.face
    lowered = jaw * np.clip((y - 80) / 30, 0, 1)
    moved = y - lowered
    edge = np.hypot((x - CENTRE) / wide, (moved - 60) / high) - 1
    light = 1 + look.shade * (x - CENTRE) / 60 - 0.25 * np.clip(edge + 0.6, 0, 1) ** 2
    grain = look.texture[
        moved.astype(int) % NOISE, np.broadcast_to(x, moved.shape).astype(int) % NOISE
    ]
    skin = look.skin * light * (1 + look.grain * grain)
    behind = look.background * (
        1 + 0.3 * look.texture[y.astype(int) // 3 % NOISE, x.astype(int) // 3 % NOISE]
    )
    picture = over(np.broadcast_to(behind, moved.shape), skin, within(edge, 0.03))
    if look.beard:
        cheeks = np.abs(x - CENTRE) / 34 + 0 * moved
        hairy = within(100 - 14 * cheeks**2 - moved, 2.0) * within(edge, 0.03)
        picture = over(picture, look.skin * (1 - look.beard) * (1 + 0.4 * grain), 0.85 * hairy)
    if look.moustache:
        lip = np.abs(moved - 85.5 + 0 * x) - 3.2
        hairy = within(lip, 0.8) * within(np.abs(x - CENTRE) - 15, 1.5)
        picture = over(picture, look.skin * (1 - look.moustache) * (1 + 0.4 * grain), 0.85 * hairy)
    return _eyes(look, picture, x, y)


def _texture(look: Look, x: Array, y: Array) -> Array:
    x, y = np.broadcast_arrays(np.floor(x).astype(int), np.floor(y).astype(int))
    grain: Array = look.texture[y % NOISE, x % NOISE]
    return grain


def _eyes(look: Look, picture: Array, x: Array, y: Array) -> Array:
    if float(np.min(y)) > 60:  # only the lower part is drawn
        return picture
    for middle in (38.3, 73.5):
        white = np.hypot((x - middle) / 7.5, (y - 51.6) / 3.4) - 1
        picture = over(picture, 0.35 * look.skin + 130, within(white, 0.1))
        iris = np.hypot((x - middle) / 3.2, (y - 51.6) / 3.4) - 1
        picture = over(picture, look.iris * 100, within(iris, 0.1))
        brow = np.maximum(np.abs(y - 43 + 0.01 * (x - middle) ** 2) - 1.5, np.abs(x - middle) - 9)
        picture = over(picture, 0.4 * look.skin, 0.8 * within(brow, 0.4))
    fringe = 22 + 0.01 * (x - CENTRE) ** 2
    head = np.hypot((x - CENTRE) / (look.face[0] + 4), (y - 58) / (look.face[1] + 6)) - 1
    return over(picture, look.hair, within(y - fringe, 1.5) * within(head, 0.03))


def _nose(look: Look, picture: Array, x: Array, y: Array) -> Array:
    ridge = within(np.abs(x - CENTRE - 5) - 1.5, 1.0) * within(np.abs(y - 62) - 12, 2.0)
    picture = over(picture, 0.8 * picture, look.nose * ridge)
    for side in (-5, 5):
        nostril = np.hypot((x - CENTRE - side) / 2.4, (y - 75.5) / 1.5) - 1
        picture = over(picture, 0.35 * look.skin, (0.3 + look.nose) * within(nostril, 0.2))
    return picture


def _mouth(look: Look, picture: Array, y: Array, shape: tuple[Array, Array, Array, Array]) -> Array:
    corner, bulge, gap, spread = shape
    up, down = look.lift * gap * bulge, (1 - look.lift) * gap * bulge
    fuller = 1 + 0.3 * np.maximum(-spread, 0)
    upper = look.upper * fuller * bulge * (1 - look.bow * np.exp(-(((1 - bulge) / 0.08) ** 2)))
    lower = look.lower * fuller * bulge
    there = np.clip(bulge * 4, 0, 1)
    lips = np.maximum(corner - up - upper - y, y - corner - down - lower)
    shine = 1 + 0.15 * np.exp(-(((y - corner - down - 0.6 * lower) / 1.2) ** 2))
    picture = over(picture, look.skin * look.lip * shine, there * within(lips, 0.5))
    hole = np.maximum(corner - up - y, y - corner - down)
    seen = there * within(hole, 0.45)
    dark = np.full_like(picture, look.skin * look.inside)
    teeth = look.teeth * (60 + 0.45 * look.skin)
    dark = over(dark, teeth, within(y - (corner - up + 3.2), 0.4) * np.clip((gap - 2) / 3, 0, 1))
    tongue = within(corner + down - 0.35 * gap - y, 1.0) * np.clip((gap - 4) / 4, 0, 1)
    dark = over(dark, look.skin * look.lip * 0.75, 0.7 * tongue)
    line = there * within(np.abs(y - corner) - 0.5, 0.4) * np.clip(1 - gap / 2, 0, 1)
    picture = over(picture, dark, seen)
    return over(picture, 0.45 * look.skin, 0.7 * line)
