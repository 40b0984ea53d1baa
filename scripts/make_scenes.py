"""Generate films of moving things whose cuts, movements and sounds are known.

    python scripts/make_scenes.py OUT --count 600 --seconds 30
    python scripts/make_scenes.py OUT --count 40 --seed 1 --split held_out

A film is small frames at 25 Hz, its sound, and the truth: where shots change (and which of the
changes are dissolves or fades), where light only flashes, and how far things move. Sounds come from
the movements (``scene_acts.py``), over music and noise that do not. ``train_picture.py`` learns
from them. Everything is drawn from one seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scene_acts import HELD_OUT, TRAINED, Kind
from scene_picture import Image, Look, degrade, draw_look, draw_take, film_take
from scene_sounds import RATE_HZ, Samples, act_sound, hit_sound, mix, place
from scene_things import Act, Array, Rng, instants

from avsync.encoders.audio import LogMel

FRAMES_HZ = 25
SPLITS: Mapping[str, Mapping[str, Kind]] = {"train": TRAINED, "held_out": HELD_OUT}


@dataclass(frozen=True)
class Film:
    """A film and the truth about it."""

    frames: npt.NDArray[np.uint8] = field(repr=False)
    """[tokens, 36, 64, 3]"""
    samples: Samples = field(repr=False)
    """mono at 16 kHz"""
    changes: npt.NDArray[np.int64]
    """tokens at which a new shot begins; of a dissolve or a fade the middle"""
    gradual: npt.NDArray[np.bool_]
    """[changes]: a dissolve or a fade, no cut"""
    flashes: npt.NDArray[np.int64]
    """tokens at which a flash begins that changes no shot"""
    motion: npt.NDArray[np.float32] = field(repr=False)
    """[tokens]: mean pixels in 1/25 s"""
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Join:
    """How one shot follows another."""

    time: float
    length: float = 0.0
    """seconds of a dissolve or a fade; 0 for a cut"""
    fade: float | None = None
    """the brightness that a fade goes through; None for a dissolve"""


class Reel:
    """A film in the making."""

    def __init__(self, rng: Rng, seconds: float) -> None:
        self.tokens = round(seconds * FRAMES_HZ)
        self.frame_seconds = 1 / float(
            rng.choice([25, 25, 24, 24, 23.976, 30, 30, 29.97, 50, 60, 15, 12])
        )
        # What each token shows was taken when the source's last frame before it was.
        held = np.arange(self.tokens) / FRAMES_HZ / self.frame_seconds + rng.uniform(0, 1)
        self.times: Array = np.floor(held + 1e-9) * self.frame_seconds
        self.frames: Image = np.zeros((self.tokens, 36, 64, 3), np.float32)
        self.motion: Image = np.zeros(self.tokens, np.float32)
        self.sound: Samples = np.zeros(int(seconds * RATE_HZ), np.float32)


def draw_joins(rng: Rng, seconds: float) -> list[Join]:
    """Where shots change: films of one take, slow and fast ones."""
    mean, now = rng.choice([0.9, 2.0, 4.0, 8.0, 60.0]), 0.0
    joins: list[Join] = []
    gradual = rng.choice([0.0, 0.25, 0.8], p=[0.4, 0.4, 0.2])
    while True:
        before = joins[-1].time + joins[-1].length / 2 if joins else 0.0
        now = before + max(0.4, float(rng.gamma(2.0, mean / 2)))
        length = float(rng.uniform(0.2, 1.6)) if rng.random() < gradual else 0.0
        now += length / 2
        if now > seconds - 1.0:
            return joins
        fade = float(rng.choice([0.0, 0.0, 0.0, 1.0])) if rng.random() < 0.35 else None
        joins.append(Join(now, length, fade if length else None))


def shoot(rng: Rng, reel: Reel, kind: Kind, look: Look, first: Join, last: Join) -> None:
    """Film one shot and what is heard of it, and join it to the one before."""
    begin, end = first.time - first.length / 2, last.time + last.length / 2
    at = np.flatnonzero((reel.times >= begin) & (reel.times < end))
    if not len(at):
        return
    t = instants(end - begin + 1)
    act = kind(rng, t)
    acts = [act]
    if rng.random() < 0.35:  # something else moves in silence
        acts.append(TRAINED[str(rng.choice(sorted(TRAINED)))](rng, t))
    shown = Act([thing for a in reversed(acts) for thing in a.things], [], camera=act.camera)
    take = draw_take(rng, shown, look, end - begin + 1)
    times = reel.times[at]
    picture, motion = film_take(take, times - begin, reel.frame_seconds)
    share = np.clip((times - begin) / max(first.length, 1e-9), 0, 1).astype(np.float32)
    if first.length == 0:
        share = np.ones_like(share)
    if first.fade is not None:  # dark in the middle, where one picture gives way to the other
        came = np.maximum(2 * share - 1, 0)
        gone = np.maximum(1 - 2 * share, 0)
        dark = np.float32(first.fade) * (1 - came - gone)[:, None, None, None]
        blend = came[:, None, None, None] * picture + dark
        kept = gone[:, None, None, None]
    else:
        blend, kept = share[:, None, None, None] * picture, (1 - share)[:, None, None, None]
    reel.frames[at] = kept * reel.frames[at] + blend
    reel.motion[at] = (1 - share) * reel.motion[at] + share * motion
    if rng.random() < 0.93:
        heard = act_sound(rng, act, last.time - begin, rhythmic=bool(rng.random() < 0.3))
        ramp = min(len(heard) // 2, RATE_HZ // 50)
        heard[len(heard) - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
        loudness = float(10 ** (rng.normal(0, 3) / 20))
        # Hits are timed from where the shot is first seen.
        place(reel.sound, heard, begin, loudness)


def flash(rng: Rng, reel: Reel, joins: list[Join]) -> list[int]:
    """Photographers, lightning and strobes: light that changes no shot, heard now and then."""
    seconds, bang = reel.tokens / FRAMES_HZ, hit_sound(rng)
    starts: list[float] = []
    if rng.random() < 0.5:
        starts += rng.uniform(0, seconds, size=rng.integers(1, 6)).tolist()
    if rng.random() < 0.15:
        first, every = rng.uniform(0, seconds - 2), rng.uniform(0.1, 0.4)
        starts += np.arange(first, first + rng.uniform(1, 4), every).tolist()
    heard, light = rng.random() < 0.5, float(rng.choice([1.0, 1.0, 1.0, 0.0]))
    found = []
    for start in starts:
        if any(abs(start - join.time) < join.length / 2 + 0.4 for join in joins):
            continue
        after = reel.times - start
        glow = rng.uniform(0.3, 1.0) * np.exp(-np.maximum(after, 0) / rng.uniform(0.02, 0.15))
        glow = (glow * ((after >= 0) & (glow > 0.02)))[:, None, None, None].astype(np.float32)
        if glow.any():
            reel.frames += glow * (light - reel.frames)
            found.append(int(np.argmax(glow[:, 0, 0, 0] > 0)))
            if heard:
                place(reel.sound, bang, start, 0.7)
    return sorted(set(found))


def caption(rng: Rng, reel: Reel) -> None:
    """Writing that comes and goes over the picture, and a badge that stays."""
    if rng.random() < 0.25:
        now = rng.uniform(0, 4)
        fade = rng.choice([0.001, 0.001, 0.4, 0.8])  # it comes at once, or slowly
        while now < reel.times[-1]:
            until = now + rng.uniform(0.5, 4)
            shown = (reel.times >= now) & (reel.times < until)
            at = reel.times[shown]
            there = np.minimum(1, np.minimum(at - now + 1e-6, until - at) / fade)[:, None, None]
            left, row = int(rng.integers(4, 20)), int(rng.integers(22, 32))
            letters = rng.random((int(rng.integers(2, 4)), 64 - 2 * left)) * rng.uniform(0.5, 1)
            strip = reel.frames[shown, row : row + len(letters), left : 64 - left]
            strip += (there * letters)[..., None].astype(np.float32) * (1 - strip)
            reel.frames[shown, row : row + len(letters), left : 64 - left] = strip
            now = until + rng.exponential(2.0)
    if rng.random() < 0.1:
        reel.frames[:, 2:5, -8:-3] = rng.uniform(0.4, 1)


def open_and_close(rng: Rng, reel: Reel) -> None:
    """Films fade in and out, which changes no shot."""
    for elapsed in (reel.times, reel.times[-1] - reel.times):
        if rng.random() < 0.2:
            black, length = rng.uniform(0, 1.0), rng.uniform(0.3, 2.5)
            share = np.clip((elapsed - black) / length, 0, 1).astype(np.float32)
            reel.frames *= share[:, None, None, None]


def make_film(seed: list[int], kinds: Mapping[str, Kind], *, seconds: float) -> Film:
    """One film, drawn from ``seed``, with scenes of ``kinds``."""
    rng = np.random.default_rng(seed)
    reel, joins = Reel(rng, seconds), draw_joins(rng, seconds)
    edges = [Join(0.0), *joins, Join(seconds + 1.0)]
    names = [str(name) for name in rng.choice(sorted(kinds), size=len(edges) - 1)]
    look = draw_look(rng)
    for number, (first, last) in enumerate(pairwise(edges)):
        if number and rng.random() < 0.25:  # a jump cut: the same place from elsewhere
            names[number] = names[number - 1]
            places = rng.integers(0, len(look.texture), size=2)
            look = replace(look, texture=np.roll(look.texture, places, axis=(0, 1)))
        else:
            look = draw_look(rng)
        shoot(rng, reel, kinds[names[number]], look, first, last)
    flashes = flash(rng, reel, joins)
    caption(rng, reel)
    open_and_close(rng, reel)
    changes = np.searchsorted(reel.times, [join.time for join in joins]).astype(np.int64)
    return Film(
        degrade(rng, reel.frames),
        mix(rng, reel.sound),
        changes,
        np.array([join.length > 0 for join in joins], bool),
        np.array(flashes, np.int64),
        reel.motion,
        tuple(names),
    )


def save(film: Film, path: Path) -> None:
    """What training reads of a film: the sound as log-mel."""
    np.savez(
        path,
        frames=film.frames,
        log_mel=LogMel()([film.samples]),
        changes=film.changes,
        gradual=film.gradual,
        flashes=film.flashes,
        motion=film.motion,
    )


def make(path: Path, seed: list[int], kinds: Mapping[str, Kind], seconds: float) -> None:
    """Make one film, unless it is there."""
    if not path.exists():
        save(make_film(seed, kinds, seconds=seconds), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--split", default="train", choices=sorted(SPLITS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    name = f"{args.split}-{args.seed}"
    Parallel(n_jobs=args.jobs)(
        delayed(make)(
            args.out / f"{name}-{number:04d}.npz",
            [args.seed, number],
            SPLITS[args.split],
            args.seconds,
        )
        for number in range(args.count)
    )


if __name__ == "__main__":
    main()
