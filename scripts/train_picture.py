"""Train the visual encoder, an audio encoder and the attention between them on generated films.

    python scripts/make_scenes.py SCENES --count 600
    python scripts/make_scenes.py SCENES --count 24 --seed 1
    python scripts/train_picture.py SCENES --out avsync/encoders/weights/picture.safetensors

The lag is learnt as in ``train_retime.py``: a stretch of sound is the query, the picture around it
the keys, and the loss is the cross-entropy over every lag at which the stretch lies within the
picture, against a narrow Gaussian on the true one; once more with the pictures of all other films
of the batch among the choices, so that logits may be compared between clips. Two heads learn, on
the visual tokens, where shots change and how far things move. Same films, same seed, same weights.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from avsync.aligner.attention import lag_logits
from avsync.aligner.picture import PictureModel, half_rate, save_picture_model
from avsync.encoders.audio import band_means, normalise
from avsync.encoders.visual import MOTION_FLOOR, TOKEN_RATE_HZ

CROP = 350  # tokens of picture in an example
MARGIN = 36  # tokens of sound around them, that only give context: no edge is within earshot
QUERIES = 6  # stretches of sound drawn from each example
SHORTEST, LONGEST = 1.2, 10.5  # seconds of them
SPREAD = 0.03  # seconds: width of the target around the true lag
GRADUAL_SPREAD = 1.5  # tokens: how exactly the middle of a dissolve is known
CHANGE_WEIGHT = 4.0  # changes of shot are rare
OUTSIDE = -1e4

Array = npt.NDArray[np.float32]
LOSSES = ("lag", "among", "change", "motion")
WEIGHTS = (1.0, 0.4, 6.0, 0.5)


@dataclass(frozen=True)
class Film:
    """What ``make_scenes.py`` wrote of one film, ready to draw examples from."""

    frames: npt.NDArray[np.uint8]
    mel: Array
    """[2 · tokens, bands], normalised"""
    change: Array
    """[tokens]: 1 where a shot begins, falling off around the middle of a dissolve"""
    motion: Array
    """[tokens]: pixels in 1/25 s"""


def load_film(path: Path) -> Film:
    with np.load(path) as data:
        log_mel, frames = data["log_mel"], data["frames"]
        changes, gradual, motion = data["changes"], data["gradual"], data["motion"]
    token = np.arange(len(frames))
    change = np.zeros(len(frames), np.float32)
    for at, slow in zip(changes.tolist(), gradual.tolist(), strict=True):
        spread = GRADUAL_SPREAD if slow else 0.1
        change = np.maximum(change, np.exp(-0.5 * ((token - at) / spread) ** 2))
    return Film(
        frames,
        normalise(log_mel, band_means(log_mel)),
        change.astype(np.float32),
        motion,
    )


@dataclass(frozen=True)
class Batch:
    """Examples stacked along a first axis."""

    frames: Tensor
    """uint8 [batch, CROP, 36, 64, 3]"""
    mel: Tensor
    """[batch, 2 · (CROP + 2 · MARGIN), bands]"""
    masks: Tensor
    """[batch, QUERIES, CROP]: each query's tokens"""
    lag: Tensor
    """[batch]: what half a token of shift makes of the true lag, in tokens"""
    change: Tensor
    motion: Tensor


def seen_otherwise(
    rng: np.random.Generator, frames: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint8], float]:
    """The same frames by another camera: mirrored, cropped, recoloured, out of focus, grainy.

    Also returns how much larger all is, and so moves.
    """
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    picture = torch.from_numpy(frames[..., rng.permutation(3)].copy()).permute(0, 3, 1, 2).float()
    height, width = picture.shape[2:]
    columns = width
    if rng.random() < 0.4:
        share = rng.uniform(0.6, 1.0)
        rows, columns = int(height * share), int(width * share)
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        cropped = picture[:, :, top : top + rows, left : left + columns]
        picture = functional.interpolate(cropped, (height, width), mode="bilinear")
    if rng.random() < 0.3:
        soft = functional.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
        picture = torch.lerp(picture, soft, float(rng.uniform(0, 1)))
    if rng.random() < 0.3:
        picture = torch.lerp(picture, picture.mean(1, keepdim=True), float(rng.uniform(0, 1)))
    if rng.random() < 0.4:
        grain = torch.from_numpy(rng.standard_normal((40, 3, height, width), dtype=np.float32))
        at = torch.from_numpy(rng.integers(0, len(grain), size=len(picture)))
        picture += float(rng.exponential(2.5)) * grain[at]
    picture = picture * float(rng.uniform(0.5, 1.2)) + float(rng.uniform(-20, 40))
    shown = picture.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return np.asarray(shown.numpy()), width / columns


def heard_otherwise(rng: np.random.Generator, mel: Array) -> Array:
    """The same sound in another place: some bands gone, others drowned in noise."""
    mel = mel.copy()
    bands = mel.shape[1]
    if rng.random() < 0.5:
        first = int(rng.integers(bands))
        mel[:, first : first + int(rng.integers(bands // 3))] = 0
    if rng.random() < 0.5:
        slope = np.interp(np.arange(bands), [0, 20, 40, 63], rng.normal(0, 0.5, size=4))
        floor = rng.normal(0, 0.5) + slope + 0.1 * rng.normal(size=mel.shape)
        noisy = np.logaddexp(3 * mel, 3 * floor) / 3
        mel = (noisy - noisy.mean(axis=0)).astype(np.float32)
    return mel


def draw(films: list[Film], rng: np.random.Generator, size: int) -> Batch:
    """``size`` examples, of different films."""
    rows: list[list[npt.NDArray[Any]]] = []
    for n in rng.choice(len(films), size=size, replace=False):
        film = films[n]
        start = int(rng.integers(MARGIN + 1, len(film.frames) - CROP - MARGIN - 1))
        here = slice(start, start + CROP)
        frames, larger = seen_otherwise(rng, film.frames[here])
        late = int(rng.integers(-1, 2))
        first = 2 * (start - MARGIN) + late
        last = first + 2 * (CROP + 2 * MARGIN)
        mel = heard_otherwise(rng, film.mel[first:last])
        masks = np.zeros((QUERIES, CROP), np.float32)
        for mask in masks:
            seconds = SHORTEST * (LONGEST / SHORTEST) ** rng.random()
            length = int(seconds * TOKEN_RATE_HZ)
            at = int(rng.integers(0, CROP - length))
            mask[at : at + length] = 1
        motion = np.log(larger * film.motion[here] + MOTION_FLOOR).astype(np.float32)
        shift = np.array(late / 2, np.float32)
        rows.append([frames, mel, masks, shift, film.change[here], motion])
    return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


def lag_losses(model: PictureModel, batch: Batch, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy over the lags of the right film, and over those of all films of the batch."""
    heard = half_rate(model.audio(batch.mel))[:, MARGIN:-MARGIN]
    queries = model.lag.project_queries(heard)[:, None] * batch.masks[..., None]
    keys = model.lag.project_keys(tokens)
    size = len(keys)
    lags = torch.arange(1 - CROP, CROP)
    first = batch.masks.argmax(-1, keepdim=True)
    last = first + batch.masks.sum(-1, keepdim=True).long() - 1
    inside = (lags + first >= 0) & (lags + last < CROP)
    target = torch.exp(-0.5 * ((lags - batch.lag[:, None, None]) / (SPREAD * TOKEN_RATE_HZ)) ** 2)
    target = target * inside
    target = target / target.sum(-1, keepdim=True)

    own = lag_logits(queries, keys[:, None].expand(-1, QUERIES, -1, -1))
    own = own.masked_fill(~inside, OUTSIDE)
    lag = -(target * functional.log_softmax(own, -1)).sum(-1).mean()

    chosen = 2  # queries of each example that are tried on every picture
    every = lag_logits(
        queries[:, :chosen, None].expand(-1, -1, size, -1, -1),
        keys[None, None].expand(size, chosen, -1, -1, -1),
    ).masked_fill(~inside[:, :chosen, None], OUTSIDE)
    logged = functional.log_softmax(every.flatten(2), -1).reshape(every.shape)
    right = logged[torch.arange(size), :, torch.arange(size)]
    among = -(target[:, :chosen] * right).sum(-1).mean()
    return lag, among


def losses(model: PictureModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """In the order of LOSSES."""
    tokens = model.visual(batch.frames)
    change = functional.binary_cross_entropy_with_logits(
        model.visual.change(tokens)[..., 0],
        batch.change,
        pos_weight=torch.tensor(CHANGE_WEIGHT),
    )
    motion = functional.smooth_l1_loss(model.visual.stir(tokens)[..., 0], batch.motion)
    return *lag_losses(model, batch, tokens), change, motion


def train(
    model: PictureModel, films: list[Film], *, steps: int, size: int, rate: float, seed: int
) -> None:
    """AdamW on a one-cycle schedule (Smith & Topin 2018)."""
    rng = np.random.default_rng([seed, 1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=rate, total_steps=steps, pct_start=0.1
    )
    began, seen = time.monotonic(), np.zeros(len(LOSSES))
    model.train()
    for step in range(1, steps + 1):
        parts = losses(model, draw(films, rng, size))
        total = sum((w * part for w, part in zip(WEIGHTS, parts, strict=True)), torch.zeros(()))
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen += [part.item() for part in parts]
        if step % 25 == 0:
            shown = " ".join(f"{n} {v:.3f}" for n, v in zip(LOSSES, seen / 25, strict=True))
            print(f"{step:5d} {shown} {time.monotonic() - began:.0f} s", flush=True)
            seen[:] = 0
    model.eval()


@torch.no_grad()
def validate(model: PictureModel, films: list[Film], batches: int = 12) -> dict[str, float]:
    rng = np.random.default_rng(7)
    size = min(8, len(films))
    values = [[x.item() for x in losses(model, draw(films, rng, size))] for _ in range(batches)]
    return dict(zip(LOSSES, np.mean(values, 0).round(4).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    paths = sorted(args.scenes.glob("train-0-*.npz"))[: args.films]
    films = [load_film(path) for path in paths]
    held_out = [load_film(path) for path in sorted(args.scenes.glob("train-1-*.npz"))]
    model = PictureModel()
    train(model, films, steps=args.steps, size=args.batch, rate=args.rate, seed=args.seed)
    if held_out:
        print(json.dumps(validate(model, held_out)))
    save_picture_model(model, args.out)


if __name__ == "__main__":
    main()
