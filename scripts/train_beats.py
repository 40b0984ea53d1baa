"""Train the beat and downbeat heads of ``avsync beats`` on rendered music.

    python scripts/train_beats.py MUSIC --out avsync/encoders/weights/beats.safetensors

``MUSIC`` holds ``train`` and ``validation``, as ``make_music.py`` wrote them. The loss forgives a
peak that is up to TOLERANCE tokens off (Foscarin, Schlüter & Widmer 2024): the highest logit
around an annotated beat is pushed up, what lies further from every beat is pushed down, and what
lies between is left alone. Each draw stretches the excerpt in time, moves it in pitch and colours
it, on the log-mel frames. Same seed, same weights.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from avsync.beats.decode import decode_beats
from avsync.beats.model import BeatModel, beat_features
from avsync.beats.track import support
from avsync.encoders.audio import TOKEN_RATE_HZ, band_means, normalise
from avsync.encoders.checkpoint import load_weights, save_weights

FRAMES = 1_600  # tokens of one example: 32 s
TOLERANCE = 2  # tokens: ±40 ms
# People's arrangements and performances are harder than our own patterns, and drawn more often.
BAR_BEATS = 64  # beats of one example for the bar head, at most
SHARES = {"pop909": 2.0, "groove": 2.0, "own": 0.8}
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Song:
    """A rendered excerpt."""

    mel: npt.NDArray[np.float16]
    """float16 [frames, bands]"""
    beats: npt.NDArray[np.float64]
    """float64 [beats] in seconds"""
    positions: npt.NDArray[np.int64]
    """int64 [beats]: 1 on the downbeat"""
    kind: str


def load(folder: Path) -> list[Song]:
    """All excerpts in a folder."""
    songs = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as data:
            songs.append(Song(data["mel"], data["beats"], data["positions"], str(data["kind"])))
    return songs


def augment(song: Song, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """One example: frames float32 [FRAMES, bands], targets float32 [FRAMES, 4].

    The targets are beat, downbeat and speech, 0 or 1, and whether the frame counts at all.
    """
    stretch = float(np.exp(rng.uniform(-0.16, 0.16))) if rng.random() < 0.6 else 1.0
    length = len(song.mel)
    needed = int(np.ceil(FRAMES / stretch)) + 1
    start = int(rng.integers(max(1, length - needed + 1)))
    mel = song.mel[start : start + needed].astype(np.float32)
    at = np.arange(FRAMES) / stretch
    inside = at <= len(mel) - 1
    low = np.minimum(at.astype(int), max(0, len(mel) - 2))
    part = np.minimum(at - low, 1.0).astype(np.float32)[:, None]
    frames = mel[low] * (1 - part) + mel[np.minimum(low + 1, len(mel) - 1)] * part
    shift = int(rng.integers(-2, 3))
    frames = np.roll(frames, shift, axis=1)
    if rng.random() < 0.6:  # a noise floor somewhere between the peaks and silence
        floor = frames.max() - rng.uniform(6, 16)
        frames = np.logaddexp(frames, floor + rng.normal(0, 0.3, frames.shape)).astype(np.float32)
    if rng.random() < 0.4:
        frames = ring_on(frames, float(np.exp(rng.uniform(np.log(0.04), np.log(0.6)))))
    mean = frames[inside].mean(axis=0)
    frames = (frames - mean) / 3.0
    frames *= rng.uniform(0.8, 1.25)
    if rng.random() < 0.3:  # a telephone, a phone's loudspeaker, a muffled room
        edge = int(rng.integers(6, 40))
        frames[:, :edge] *= rng.uniform(0, 1) if rng.random() < 0.5 else 1.0
        frames[:, 64 - edge // 2 :] *= rng.uniform(0, 1) if rng.random() < 0.5 else 1.0
    frames[~inside] = 0.0
    targets = np.zeros((FRAMES, 4), np.float32)
    targets[inside, 3] = 1.0
    places = np.round((song.beats * TOKEN_RATE_HZ - start) * stretch).astype(int)
    good = (places >= 0) & (places < FRAMES)
    targets[places[good], 0] = 1.0
    targets[places[good & (song.positions == 1)], 1] = 1.0
    targets[:, 2] = song.kind == "speech"
    return frames.astype(np.float32), targets


def ring_on(frames: FloatArray, decay: float) -> FloatArray:
    """Frames as of instruments that ring on: no band falls by more than ``decay`` in a frame.

    Soundfonts differ most in how their sounds end.
    """
    rung = frames.copy()
    for before, here in pairwise(rung):
        np.maximum(here, before - decay, out=here)
    return rung


def draw(songs: list[Song], rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
    """A batch: frames [size, FRAMES, bands], targets [size, FRAMES, 4]."""
    weights = np.array([SHARES.get(song.kind, 1.0) for song in songs])
    some = rng.choice(len(songs), size=size, p=weights / weights.sum())
    chosen = [augment(songs[i], rng) for i in some]
    return (
        torch.from_numpy(np.stack([frames for frames, _ in chosen])),
        torch.from_numpy(np.stack([targets for _, targets in chosen])),
    )


def tolerant_loss(logits: Tensor, target: Tensor, weight: Tensor, positive: float) -> Tensor:
    """Binary cross-entropy [batch, frames] that forgives ±TOLERANCE frames."""
    size = 2 * TOLERANCE + 1
    near = functional.max_pool1d(target[:, None], 2 * size - 1, 1, size - 1)[:, 0]
    highest = functional.max_pool1d(logits[:, None], size, 1, TOLERANCE)[:, 0]
    up = functional.softplus(-highest) * target * positive
    down = functional.softplus(highest) * (1 - near)
    return ((up + down) * weight).sum() / weight.sum()


def losses(model: BeatModel, frames: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Beat, downbeat, speech."""
    logits = model(frames)
    beat, downbeat, speech, weight = targets.unbind(-1)
    return (
        tolerant_loss(logits[..., 0], beat, weight, 4.0),
        tolerant_loss(logits[..., 1], downbeat, weight, 8.0),
        functional.binary_cross_entropy_with_logits(logits[..., 2], speech, weight),
    )


def train(
    model: BeatModel, songs: list[Song], *, steps: int, size: int, seed: int, peak: float
) -> None:
    """AdamW on a one-cycle schedule (Smith & Topin 2018)."""
    rng = np.random.default_rng([seed, 1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=peak, total_steps=steps, pct_start=0.1
    )
    began, seen = time.monotonic(), np.zeros(3)
    model.train()
    for step in range(1, steps + 1):
        beat, downbeat, speech = losses(model, *draw(songs, rng, size))
        optimiser.zero_grad()
        (beat + 0.7 * downbeat + 0.1 * speech).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen += (beat.item(), downbeat.item(), speech.item())
        if step % 25 == 0:
            shown = " ".join(f"{v:.4f}" for v in seen / 25)
            print(f"{step:5d} {shown} {time.monotonic() - began:.0f} s", flush=True)
            seen[:] = 0
    model.eval()


def bar_examples(
    model: BeatModel, songs: list[Song], rng: np.random.Generator, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Features [size, BAR_BEATS, ...], downbeats and which beats count [size, BAR_BEATS]."""
    frames, targets = draw([song for song in songs if len(song.beats) > 8], rng, size)
    with torch.no_grad():
        tokens = model.audio(frames)
    features = torch.zeros(size, BAR_BEATS, tokens.shape[2] + frames.shape[2])
    downbeats, counts = torch.zeros(size, BAR_BEATS), torch.zeros(size, BAR_BEATS)
    for row in range(size):
        places = torch.nonzero(targets[row, :, 0])[:, 0][:BAR_BEATS]
        if len(places) < 2:
            continue
        jitter = torch.from_numpy(rng.integers(-1, 2, len(places)))
        heard = beat_features(tokens[row], frames[row], (places + jitter).sort().values)
        features[row, : len(places)] = heard
        downbeats[row, : len(places)] = targets[row, places, 1]
        counts[row, : len(places)] = 1.0
    return features, downbeats, counts


def train_bars(model: BeatModel, songs: list[Song], *, steps: int, size: int, seed: int) -> None:
    """Train the bar head on the beats as they are, the encoder as it is."""
    rng = np.random.default_rng([seed, 2])
    optimiser = torch.optim.AdamW(model.bars.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=3e-3, total_steps=steps, pct_start=0.1
    )
    seen = 0.0
    model.eval()
    for step in range(1, steps + 1):
        model.bars.eval()
        features, downbeats, counts = bar_examples(model, songs, rng, size)
        model.bars.train()
        logits = model.bars(functional.dropout(features, 0.1))
        loss = functional.binary_cross_entropy_with_logits(logits, downbeats, counts)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        seen += loss.item()
        if step % 25 == 0:
            print(f"{step:5d} bars {seen / 25:.4f}", flush=True)
            seen = 0.0
    model.eval()


@torch.no_grad()
def validate(model: BeatModel, songs: list[Song]) -> dict[str, float]:
    """The losses on songs as they are."""
    totals = np.zeros(3)
    for song in songs:
        frames = torch.from_numpy(normalise(song.mel, band_means(song.mel)))[None]
        targets = torch.zeros(1, len(song.mel), 4)
        targets[..., 3] = 1.0
        targets[..., 2] = float(song.kind == "speech")
        for column, times in ((0, song.beats), (1, song.beats[song.positions == 1])):
            places = np.minimum(np.round(times * TOKEN_RATE_HZ), len(song.mel) - 1)
            targets[0, places.astype(int), column] = 1.0
        totals += [loss.item() for loss in losses(model, frames, targets)]
    beat, downbeat, speech = (totals / len(songs)).round(4).tolist()
    return {"beat": beat, "downbeat": downbeat, "speech": speech}


def calibrate(model: BeatModel, songs: list[Song]) -> dict[str, float]:
    """Fit, on songs not trained on, how late the head is and how sure its beats are.

    The confidence is a logistic of the mean probability at the beats (Platt 1999) for the event
    that the F-measure at 70 ms is at least 0.8; an excerpt without a pulse is never right.
    """
    late: dict[str, list[float]] = {}
    points: list[tuple[float, float]] = []
    for song in songs:
        found = model.activations(song.mel)
        beats = decode_beats(found.beat, found.rate_hz)
        if len(beats) < 2:
            continue
        good = 0.0
        if len(song.beats):
            off = beats[:, None] - song.beats
            nearest = off[np.arange(len(beats)), np.abs(off).argmin(axis=1)]
            hits = np.abs(nearest) <= 0.07
            late.setdefault(song.kind, []).extend(nearest[hits].tolist())
            good = 2 * hits.sum() / (len(beats) + len(song.beats))
        points.append((support(found, beats), float(good >= 0.8)))
    x, y = torch.tensor(points, dtype=torch.float64).T
    weights = torch.tensor([4.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(weights[0] * x + weights[1], y)
        loss = loss + 1e-3 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    model.calibration.copy_(weights.detach())
    # Each kind of song has a median of its own (how its beats were annotated): none may outvote.
    medians = {kind: float(np.median(values)) for kind, values in late.items()}
    model.latency.fill_(float(np.mean(list(medians.values()))))
    facts = {f"latency_ms_{kind}": round(1000 * value, 1) for kind, value in medians.items()}
    return {**facts, "right": float(y.mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--bar-steps", type=int, default=600, help="for the bar head, afterwards")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--peak", type=float, default=4e-3, help="the highest learning rate")
    parser.add_argument("--resume", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    songs = load(args.music / "train")
    model = BeatModel()
    if args.resume:
        load_weights(model, args.resume, trainer="train_beats.py")
    if args.steps:  # with 0, what was trained is only calibrated anew
        train(model, songs, steps=args.steps, size=args.batch, seed=args.seed, peak=args.peak)
    if args.bar_steps:
        train_bars(model, songs, steps=args.bar_steps, size=args.batch, seed=args.seed)
    held_out = load(args.music / "validation")
    print(json.dumps(validate(model, held_out)))
    without = [song for song in songs if not len(song.beats)]
    print(json.dumps(calibrate(model, held_out + without)))
    save_weights(model, args.out)


if __name__ == "__main__":
    main()
