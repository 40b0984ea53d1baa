"""Train, or fine-tune, what `avsync tone` judges with.

    python scripts/make_tone.py TONE --count 160 --soundfont FluidR3_GM.sf2
    python scripts/train_tone.py TONE --out avsync/encoders/weights/tone.safetensors
    python scripts/train_tone.py --videos FILMS --labels labels.csv --resume tone.safetensors \\
        --out mine.safetensors

Valence and arousal of each second are learnt by the likelihood of a normal distribution whose
spread is learnt as well (Kendall & Gal 2017); weights are held near the sizes of effect that
theory begins with, and never change their sign. Agreement is learnt from pairs made for each other
against pairs that were not, and against a film's own sound moved by a third of its length.

`--videos` adds films of one's own. Without `--labels` they teach agreement only: their own sound
against another film's, and against itself moved. `--labels` is a CSV file with a head and a line
for each stretch that somebody annotated:

    film      file name within the folder
    start_s   seconds; empty for the whole film
    end_s     seconds; empty for the whole film
    side      sound, picture or both
    valence   -1 to 1; may be empty
    arousal   -1 to 1; may be empty

Same material, same seed, same weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from avsync.errors import AvsyncError
from avsync.media import is_media
from avsync.tone.evidence import Trajectory
from avsync.tone.hearing import Ears, Heard, hear
from avsync.tone.model import (
    Inputs,
    SideModel,
    ToneModel,
    load_tone_model,
    picture_inputs,
    save_tone_model,
    sound_inputs,
)
from avsync.tone.seeing import Seen, see

CROP = 45  # moments of an example
HOLD = 6.0  # how strongly weights are held near theory's
VOICES = 16.0  # times as strongly for voices: people are more unlike each other than teachers are
SMOOTHING = 0.05  # of the labels "matched" and "mismatched"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Film:
    """One film's numbers, and what is known of its mood."""

    heard: Heard
    seen: Seen
    sound_truth: Array
    """[moments, 2]: valence and arousal; NaN where it is not known"""
    picture_truth: Array

    @cached_property
    def inputs(self) -> tuple[Inputs, Inputs]:
        """What the model reads of both sides."""
        return sound_inputs(self.heard), picture_inputs(self.seen)


def load_generated(path: Path) -> Film:
    """A film that `make_tone.py` wrote."""
    with np.load(path) as data:
        duration = float(data["duration"])
        heard = Heard.unpacked(data["heard"], duration)
        seen = Seen.unpacked(data["seen"], duration, (0.0,))
        return Film(heard, seen, data["sound_truth"], data["picture_truth"])


def load_own(folder: Path, labels: Path | None) -> list[Film]:
    """The films of a folder, with their labels; what cannot be judged is left out, and said."""
    known = read_labels(labels) if labels else {}
    ears, films = Ears.load(), []
    paths = sorted(path for path in folder.rglob("*") if is_media(path))
    missing = sorted(set(known) - {path.name for path in paths})
    if missing:
        raise SystemExit(f"{labels}: names films that are not in {folder}: {', '.join(missing)}")
    for path in paths:
        try:
            heard, seen = hear(path, ears), see(path, ears.picture)
        except (AvsyncError, OSError) as error:
            print(json.dumps({"left_out": str(error)}))
            continue
        truths = [np.full((len(there), 2), np.nan) for there in (heard.audible, seen.visible)]
        for row in known.get(path.name, []):
            for truth, side in zip(truths, ("sound", "picture"), strict=True):
                if row.side in (side, "both"):
                    first, last = round(row.start_s), min(row.end_s, len(truth))
                    truth[first : round(last)] = row.valence, row.arousal
        films.append(Film(heard, seen, *truths))
    return films


@dataclass(frozen=True)
class Label:
    """A line of a table of labels."""

    start_s: float
    end_s: float
    side: str
    valence: float
    arousal: float


def read_labels(path: Path) -> dict[str, list[Label]]:
    """Labels by film."""
    out: dict[str, list[Label]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                label = Label(
                    float(row["start_s"] or 0),
                    float(row["end_s"] or math.inf),
                    row["side"].strip(),
                    float(row["valence"] or "nan"),
                    float(row["arousal"] or "nan"),
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SystemExit(f"{path}:{line}: {error!r}; see the columns in --help") from error
            outside = [v for v in (label.valence, label.arousal) if abs(v) > 1]
            if label.side not in ("sound", "picture", "both") or outside:
                raise SystemExit(f"{path}:{line}: side is sound, picture or both; values -1 to 1")
            out.setdefault(row["film"], []).append(label)
    return out


@dataclass(frozen=True)
class Batch:
    """Examples stacked along a first axis."""

    sound: Inputs
    picture: Inputs
    sound_truth: Tensor
    """[batch, CROP, 2]: arousal and valence"""
    picture_truth: Tensor
    present: Tensor


def draw(films: list[Film], rng: np.random.Generator, size: int) -> Batch:
    """Stretches of `size` films, padded with absence where they are short."""
    sounds, pictures, truths, there = [], [], [], []
    for n in rng.choice(len(films), size=size, replace=len(films) < size):
        film = films[n]
        count = min(len(film.heard.audible), len(film.seen.visible))
        start = int(rng.integers(0, max(1, count - CROP + 1)))
        at = np.clip(np.arange(start, start + CROP), 0, count - 1)
        inside = np.arange(start, start + CROP) < count
        sounds.append(film.inputs[0].part(at))
        pictures.append(film.inputs[1].part(at))
        sides = (film.sound_truth, film.heard.audible), (film.picture_truth, film.seen.visible)
        truths.append([np.where((inside & ok[at])[:, None], t[at], np.nan) for t, ok in sides])
        there.append(inside & film.heard.audible[at] & film.seen.visible[at])
    both = torch.from_numpy(np.array(truths)[..., ::-1].copy()).float()
    present = torch.from_numpy(np.array(there))
    return Batch(stacked(sounds), stacked(pictures), both[:, 0], both[:, 1], present)


def stacked(parts: list[Inputs]) -> Inputs:
    scaled = [torch.stack(one) for one in zip(*(part.scaled for part in parts), strict=True)]
    tokens = torch.stack([part.tokens for part in parts])
    return Inputs(tuple(scaled), tokens, torch.stack([part.share for part in parts]))


def likelihood(value: Tensor, error: Tensor, truth: Tensor) -> Tensor:
    """Mean negative log likelihood where the truth is known; errors held back as beta-NLL does.

    Seitzer et al. (2022): weighing by the spread keeps what is hard from being given up.
    """
    known = truth.isfinite()
    if not known.any():
        return value.sum() * 0
    far = torch.where(known, truth - value, torch.zeros_like(value))
    nll = 0.5 * (far / error) ** 2 + error.log()
    return (nll * error.detach())[known].mean() / 0.3


def others(rng: np.random.Generator, batch: Batch) -> tuple[Inputs, Tensor]:
    """Strangers: every sound with another film's picture, or with its own, moved."""
    size = len(batch.present)
    away = int(rng.integers(1, size))
    moved = rng.random() < 0.25
    order = torch.arange(size) if moved else torch.roll(torch.arange(size), away)
    by = CROP // 3 if moved else 0
    turned = [torch.roll(scaled[order], by, 1) for scaled in batch.picture.scaled]
    picture = Inputs(
        tuple(turned),
        torch.roll(batch.picture.tokens[order], by, 1),
        torch.roll(batch.picture.share[order], by, 1),
    )
    present = batch.present & torch.roll(batch.present[order], by, 1)
    return picture, present


def agreement_loss(model: ToneModel, batch: Batch, rng: np.random.Generator) -> Tensor:
    """Cross-entropy of matched against mismatched, by each moment and by the whole example."""
    stranger, strange = others(rng, batch)
    with torch.no_grad():
        heard, seen, strange_seen = (
            model.sound(batch.sound), model.seen(batch.picture), model.seen(stranger)
        )  # fmt: skip
    loss = heard[0].new_zeros(())
    for picture, found, present, target in (
        (batch.picture, seen, batch.present, 1 - SMOOTHING),
        (stranger, strange_seen, strange, SMOOTHING),
    ):
        sound, sight = Trajectory.of(*heard, present), Trajectory.of(*found, present)
        logits = model.agree(batch.sound, picture, sound, sight, present)[0]
        weight = present.float()
        aim = torch.full_like(logits, target)
        each = functional.binary_cross_entropy_with_logits(logits, aim, reduction="none")
        loss = loss + (each * weight).sum() / weight.sum().clamp_min(1)
        mean = (logits * weight).sum(1) / weight.sum(1).clamp_min(1)
        loss = loss + functional.binary_cross_entropy_with_logits(mean, aim[:, 0])
    return loss / 2


def held(side: SideModel) -> Tensor:
    """How far weights and levels have gone from theory's."""
    sizes = side.weights * side.directions
    far = (sizes - side.first * side.directions.abs()).square().sum()
    return far + (side.bias - side.plain).square().sum()


def train(model: ToneModel, films: list[Film], *, steps: int, seed: int, peak: float) -> None:
    """Learn, in place."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps)
    size = min(16, max(2, len(films)))
    model.train()
    seen_losses = []
    for step in range(1, steps + 1):
        batch = draw(films, rng, size)
        heard, heard_error = model.sound(batch.sound)
        seen, seen_error = model.seen(batch.picture)
        level = likelihood(heard, heard_error, batch.sound_truth)
        level = level + likelihood(seen, seen_error, batch.picture_truth)
        agreed = agreement_loss(model, batch, rng)
        near = HOLD / 100 * (held(model.speech) * VOICES + held(model.music) + held(model.picture))
        loss = level + agreed + near
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen_losses.append([level.item(), agreed.item(), near.item()])
        if step % 100 == 0 or step == steps:
            mean = np.mean(seen_losses[-100:], axis=0).round(3).tolist()
            print(json.dumps({"step": step, "level, agreement, theory": mean}), flush=True)
    model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("generated", type=Path, nargs="?", help="what make_tone.py wrote")
    parser.add_argument("--videos", type=Path, help="a folder of films of one's own")
    parser.add_argument("--labels", type=Path, help="their labels (columns above)")
    parser.add_argument("--resume", type=Path, help="weights to begin with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--peak", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.labels and not args.videos:
        parser.error("--labels are of --videos")
    films: list[Film] = []
    if args.generated:
        films += [load_generated(path) for path in sorted(args.generated.glob("train-*.npz"))]
    if args.videos:
        films += load_own(args.videos, args.labels)
    if len(films) < 2:
        parser.error("there are fewer than two films to learn from")
    torch.manual_seed(args.seed)
    model = load_tone_model(args.resume) if args.resume else ToneModel()
    train(model, films, steps=args.steps, seed=args.seed, peak=args.peak)
    save_tone_model(model, args.out)


if __name__ == "__main__":
    main()
