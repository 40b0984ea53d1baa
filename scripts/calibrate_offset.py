"""Fit what turns the evidence of ``find_offset`` into probabilities, on films not trained on.

    python scripts/make_talkers.py BANK TESTED --count 40 --seed 1 --split test --seconds 6
    python scripts/calibrate_offset.py WEIGHTS --mouths MOUTHS TESTED --scenes SCENES

First one temperature for each judge, so that the posterior over the lags is as likely as can be at
the true one; then a logistic curve (Platt 1999) over the odds of the best lag and how well sound
and picture match there, on films of several lengths with their own sound, moved by up to a second,
and with that of others. ``--caution`` widens both temperatures, since films are further from these
than these are from the trained ones. Every tenth file of a directory that was trained on is used,
every file of the others (``test-*``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from offset_examples import Clip, load_clip
from safetensors.torch import load_file
from train_offset import HELD_OUT, MARGIN

from avsync.aligner.picture import load_picture_model
from avsync.aligner.sync import (
    SyncModel,
    picture_keys,
    save_sync_model,
    sound_queries,
)
from avsync.encoders.audio import FLOOR
from avsync.offset.evidence import NEAR, SUREST, Window, pool, weigh
from avsync.offset.picture import evidence_windows
from avsync.offset.watching import Hearing, Mouth, Sight

REACH = 100  # steps of 20 ms
FARTHEST = 50  # steps by which sound is moved
SIZES = (1, 1, 2, 4)  # clips in a film
TEMPERATURES = np.geomspace(0.4, 12, 25)

Mel = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Case:
    """The windows of one film, and the lag that is right; None where none is."""

    windows: list[Window]
    lag: int | None


def moved(log_mel: Mel, steps: int) -> Mel:
    """The sound that many frames later; silence comes in."""
    out = np.full_like(log_mel, np.log(FLOOR))
    if steps >= 0:
        out[steps:] = log_mel[: len(log_mel) - steps]
    else:
        out[:steps] = log_mel[-steps:]
    return out


def face_cases(model: SyncModel, clips: list[Clip], rng: np.random.Generator) -> Iterator[Case]:
    """Films of one to four clips, with their own sound and with that of others."""
    empty = np.zeros((0, 32), np.float32)
    mouths = [
        model.seen(np.ascontiguousarray(clip.mouths[:, MARGIN:-MARGIN, MARGIN:-MARGIN]))
        for clip in clips
    ]
    for number in range(3 * len(clips)):
        chosen = rng.choice(len(clips), size=int(rng.choice(SIZES)), replace=False)
        lag = int(rng.integers(-FARTHEST, FARTHEST + 1))
        own = number % 2 == 0
        windows: list[Window] = []
        for n in chosen.tolist():
            other = n if own else (n + int(rng.integers(1, len(clips)))) % len(clips)
            sound = np.resize(clips[other].log_mel, clips[n].log_mel.shape)
            heard = Hearing(model.heard(moved(sound, lag)), np.zeros((0, 32), np.float32))
            windows += evidence_windows(Sight((Mouth(0, mouths[n]),), empty), heard, reach=REACH)
        yield Case(windows, lag if own else None)


def motion_cases(model: SyncModel, scenes: list[Path], rng: np.random.Generator) -> Iterator[Case]:
    """Generated scenes, whole and in parts, with their own sound and with that of others."""
    picture = load_picture_model()
    seen, heard = [], []
    for path in scenes:
        with np.load(path) as data:
            frames, log_mel = data["frames"], data["log_mel"]
        seen.append(picture_keys(picture, picture.visual.encode(frames).values))
        heard.append(log_mel)
    for number in range(8 * len(scenes)):
        n, lag = number % len(scenes), int(rng.integers(-FARTHEST, FARTHEST + 1))
        own = number // len(scenes) % 2 == 0
        other = n if own else (n + int(rng.integers(1, len(scenes)))) % len(scenes)
        sound = sound_queries(picture, moved(heard[other], lag))
        windows = evidence_windows(
            Sight((), seen[n]), Hearing(np.zeros((0, 48), np.float32), sound), reach=REACH
        )
        yield Case(windows[: int(rng.choice([1, 2, len(windows)]))], lag if own else None)


def fit_temperature(cases: list[Case], kind: int) -> float:
    """That under which the right lags are likeliest."""
    best, at = -np.inf, 1.0
    for temperature in TEMPERATURES.tolist():
        both = np.ones(2, np.float32)
        both[kind] = temperature
        likely = []
        for case in cases:
            nats = pool(case.windows, both)
            if case.lag is None or nats is None:
                continue
            share = np.exp(nats - nats.max())
            near = np.abs(np.arange(len(share)) - REACH - case.lag) <= 1
            likely.append(np.log(share[near].sum() / share.sum() + 1e-9))
        if np.mean(likely) > best:
            best, at = float(np.mean(likely)), temperature
    print(f"temperature {at:.2f}: {best:.3f} nats at the right lag", flush=True)
    return at


def fit_confidence(cases: list[Case], temperatures: npt.NDArray[np.float32]) -> torch.Tensor:
    """What log odds and match weigh, and what they have to outweigh: see `confidence`."""
    features, right = [], []
    for case in cases:
        found = weigh(case.windows, temperatures)
        if found is not None:
            features.append([min(found.log_odds, SUREST), found.match, -1.0])
            near = case.lag is not None and abs(found.offset_s / 0.02 - case.lag) <= NEAR
            right.append(float(near))
    x, y = torch.tensor(features, dtype=torch.float64), torch.tensor(right, dtype=torch.float64)
    weight = torch.tensor([0.3, 1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(x @ weight, y)
        value = value + 1e-4 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    print(f"{len(right)} films, {np.mean(right):.0%} right: weights {weight.tolist()}", flush=True)
    return weight.detach().float()


def uncalibrated(path: Path) -> SyncModel:
    """A trained model, whatever its calibration was."""
    model = SyncModel()
    state = load_file(path)
    for name in ("temperatures", "calibration"):
        state[name] = getattr(model, name)
    model.load_state_dict(state)
    return model.eval()


def clips_of(directories: list[Path]) -> list[Clip]:
    clips = []
    for directory in directories:
        files = sorted(directory.glob("*.npz"))
        tested = [path for path in files if path.name.startswith("test-")]
        for path in tested or files[::HELD_OUT]:
            clip = load_clip(path)
            if clip is not None:
                clips.append(clip)
    return clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--mouths", type=Path, nargs="+", required=True)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--caution", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(args.seed)
    model = uncalibrated(args.weights)
    faces = list(face_cases(model, clips_of(args.mouths), rng))
    scenes = sorted(args.scenes.glob("held_out-*.npz"))[:16]
    motion = list(motion_cases(model, scenes, rng))
    fitted = [fit_temperature(faces, 0), fit_temperature(motion, 1)]
    temperatures = np.array(fitted, np.float32) * args.caution
    model.temperatures.copy_(torch.from_numpy(temperatures))
    curves = [fit_confidence(cases, temperatures) for cases in (faces, motion)]
    model.calibration.copy_(torch.stack(curves))
    save_sync_model(model, args.weights)
    print(f"temperatures {temperatures.tolist()}, calibration {model.calibration.tolist()}")


if __name__ == "__main__":
    main()
