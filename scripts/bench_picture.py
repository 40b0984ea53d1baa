"""Measure the picture model on generated films that were not trained on.

    python scripts/make_scenes.py SCENES --count 24 --seed 1
    python scripts/make_scenes.py SCENES --count 24 --seed 2 --split held_out
    python scripts/bench_picture.py SCENES

Tables in Markdown, for films of trained kinds of scenes and for films of kinds never trained on:
shot changes beside scenedetect's detectors on the same frames, motion beside the plain difference
of frames, and the lag of a sound against a picture beside plain correlation of the two.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scenedetect.common import FrameTimecode
from scenedetect.detector import SceneDetector
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from avsync.aligner.picture import PictureModel, load_picture_model, match_logits
from avsync.clips.shots import change_tokens
from avsync.encoders.visual import MOTION_FLOOR
from avsync.timemap import Span
from avsync.tokens import TokenSequence

TOLERANCE = 2  # tokens by which a shot change may be misplaced
WINDOWS = (4.0, 10.0)  # seconds of sound
EACH = 8  # windows drawn from each film
RATE_HZ = 25

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    frames: npt.NDArray[np.uint8]
    log_mel: npt.NDArray[np.float16]
    changes: list[int]
    gradual: list[bool]
    flashes: list[int]
    motion: Array


def load(path: Path) -> Film:
    with np.load(path) as data:
        return Film(
            data["frames"],
            data["log_mel"],
            data["changes"].tolist(),
            data["gradual"].tolist(),
            data["flashes"].tolist(),
            data["motion"],
        )


@dataclass
class Score:
    """Shot changes found, missed and made up."""

    hits: int = 0
    soft_hits: int = 0
    soft: int = 0
    found: int = 0
    there: int = 0
    flashes: int = 0
    flashed: int = 0

    def add(self, film: Film, found: Sequence[int]) -> None:
        left = list(found)
        for at, soft in zip(film.changes, film.gradual, strict=True):
            near = [f for f in left if abs(f - at) <= (8 if soft else TOLERANCE)]
            if near:
                left.remove(min(near, key=lambda f: abs(f - at)))
                self.hits += 1
                self.soft_hits += soft
        self.there += len(film.changes)
        self.soft += sum(film.gradual)
        self.found += len(found)
        self.flashes += len(film.flashes)
        self.flashed += sum(any(0 <= f - at <= 3 for f in left) for at in film.flashes)

    @property
    def row(self) -> str:
        precision, recall = self.hits / max(1, self.found), self.hits / max(1, self.there)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        return (
            f"{f1:.3f} | {precision:.3f} | {recall:.3f} | {self.soft_hits}/{self.soft} | "
            f"{self.flashed}/{self.flashes}"
        )


def detect(detector: SceneDetector, film: Film) -> list[int]:
    """What a detector of scenedetect makes of a film's frames."""
    cuts = []
    for number, frame in enumerate(film.frames):
        code = FrameTimecode(number, Fraction(RATE_HZ))
        cuts += detector.process_frame(code, np.ascontiguousarray(frame[..., ::-1]))
    cuts += detector.post_process(FrameTimecode(len(film.frames), Fraction(RATE_HZ)))
    return [cut.frame_num for cut in cuts]


def energy(film: Film) -> Array:
    """float32 [tokens]: how much frames differ from the one before."""
    grey = film.frames.mean(axis=3, dtype=np.float32)
    difference = np.abs(np.diff(grey, axis=0, prepend=grey[:1])).mean(axis=(1, 2))
    return np.asarray(np.log1p(difference), np.float32)


def flux(film: Film) -> Array:
    """float32 [tokens]: by how much sound grows in all bands."""
    frames = film.log_mel.astype(np.float32)
    rise = np.maximum(np.diff(frames, axis=0, prepend=frames[:1]), 0).mean(axis=1)
    return np.asarray(rise[: len(rise) // 2 * 2].reshape(-1, 2).max(axis=1), np.float32)


def correlate(query: Array, keys: Array) -> Array:
    """Pearson's correlation of ``query`` with every stretch of ``keys`` of its length."""
    n = len(query)
    stretches = np.lib.stride_tricks.sliding_window_view(keys, n)
    zero = query - query.mean()
    spread = stretches.std(axis=1) * np.linalg.norm(zero) * np.sqrt(n) + 1e-9
    return np.asarray(stretches @ zero / spread, np.float32)


def encoded(model: PictureModel, film: Film) -> tuple[TokenSequence, TokenSequence]:
    return model.song_tokens(film.log_mel), model.visual.encode(film.frames)


def lag_errors(model: PictureModel, film: Film, seconds: float, seed: int) -> dict[str, list[int]]:
    """Per method the tokens between the best and the true lag of some windows."""
    song, seen = encoded(model, film)
    rng, n = np.random.default_rng(seed), round(seconds * RATE_HZ)
    loud, moving = flux(film), energy(film)
    learnt = model.visual.motion(seen)
    errors: dict[str, list[int]] = {}
    for start in rng.integers(0, len(seen) - n, size=EACH).tolist():
        slot = Span(start / RATE_HZ, (start + n) / RATE_HZ)
        tries = {
            "cross-attention": match_logits(model, song, [slot], seen)[0, : len(seen) - n + 1],
            "frame difference × spectral flux": correlate(loud[start : start + n], moving),
            "its change × spectral flux": correlate(
                loud[start : start + n], np.abs(np.diff(moving, prepend=moving[:1]))
            ),
            "motion head × spectral flux": correlate(loud[start : start + n], learnt),
        }
        for name, scores in tries.items():
            errors.setdefault(name, []).append(abs(int(scores.argmax()) - start))
    return errors


def report(model: PictureModel, films: list[Film], title: str) -> None:
    print(f"\n### {title}: {len(films)} films\n")
    print("| shot changes | F1 | precision | recall | dissolves and fades | flashes taken |")
    print("| --- | --- | --- | --- | --- | --- |")
    head, adaptive, content = Score(), Score(), Score()
    for film in films:
        seen = model.visual.encode(film.frames)
        head.add(film, change_tokens(model.visual.change_probability(seen)))
        adaptive.add(film, detect(AdaptiveDetector(min_scene_len=5), film))
        content.add(film, detect(ContentDetector(min_scene_len=5), film))
    print(f"| shot change head | {head.row} |")
    print(f"| scenedetect AdaptiveDetector | {adaptive.row} |")
    print(f"| scenedetect ContentDetector | {content.row} |")
    true = np.concatenate([film.motion for film in films])
    said = np.concatenate([model.visual.motion(model.visual.encode(f.frames)) for f in films])
    plain = np.concatenate([energy(film) for film in films])
    print("\n| motion | correlation of logarithms |\n| --- | --- |")
    for name, values in (("motion head", np.log(said + MOTION_FLOOR)), ("frame difference", plain)):
        print(f"| {name} | {np.corrcoef(values, np.log(true + MOTION_FLOOR))[0, 1]:.3f} |")
    print("\n| lag | window | within 1 token | within 2 tokens | median error |")
    print("| --- | --- | --- | --- | --- |")
    for seconds in WINDOWS:
        total: dict[str, list[int]] = {}
        for number, film in enumerate(films):
            for name, errors in lag_errors(model, film, seconds, number).items():
                total.setdefault(name, []).extend(errors)
        for name, errors in total.items():
            off = np.array(errors)
            middle = np.median(off) / RATE_HZ
            print(
                f"| {name} | {seconds:g} s | {(off <= 1).mean():.0%} | {(off <= 2).mean():.0%} | "
                f"{middle:.2f} s |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = load_picture_model(args.model)
    for title, pattern in (
        ("trained kinds of scenes, held-out seeds", "train-1-*.npz"),
        ("held-out kinds of scenes", "held_out-*.npz"),
    ):
        report(model, [load(path) for path in sorted(args.scenes.glob(pattern))], title)


if __name__ == "__main__":
    main()
