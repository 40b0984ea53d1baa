"""Generate films whose mood is known, of sound and of picture: what `train_tone.py` learns from.

    python scripts/make_tone.py TONE --count 240 --recordings VOICES --soundfont FluidR3_GM.sf2
    python scripts/make_tone.py TONE --count 60 --split test --recordings VOICES \\
        --soundfont TimGM6mb.sf2

A film's mood wanders from section to section; a composer, speakers and a camera follow it, each
with a will of their own (`tone_music.py`, `tone_voices.py`, `tone_pictures.py`). Kept are the
measures and tokens of each second, as `avsync.tone` takes them, and the truth: valence and arousal
of each side by what was really played, said and shown; a voice alone has no truth of valence.
`--recordings` is a folder with one folder of plain speech for each person. Languages, people and
kinds of scenes of `test` are not in `train`; give other soundfonts, too. Everything is drawn from
one seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from make_films import coloured_noise, room
from make_music import equalise, play
from make_voices import TEST_EVERY, TEST_RECORDINGS, espeak_languages
from scipy.signal import fftconvolve
from tone_music import Mood, compose, draw_band, draw_mood
from tone_pictures import HELD_OUT, TRAINED, Sight, draw_film, draw_sight
from tone_voices import Prosody, draw_prosody, draw_speaker, speak

from avsync.aligner.picture import load_picture_model
from avsync.media import Audio
from avsync.tone.hearing import Ears, hear
from avsync.tone.seeing import seen_of

RATE_HZ = 16_000
SOUND = (".wav", ".flac", ".ogg", ".mp3", ".mkv")
Rng = np.random.Generator
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """Where a split draws from."""

    split: str
    soundfonts: tuple[Path, ...]
    recordings: Path | None
    seconds: float
    seed: int

    @property
    def languages(self) -> list[str]:
        test = [n % TEST_EVERY == 0 for n in range(len(espeak_languages()))]
        wanted = self.split == "test"
        return [name for name, held in zip(espeak_languages(), test, strict=True) if held == wanted]

    @property
    def people(self) -> list[tuple[Path, ...]]:
        """What each person of this split said."""
        if self.recordings is None:
            return []
        folders = sorted(path for path in self.recordings.iterdir() if path.is_dir())
        wanted = self.split == "test"
        kept = [path for path in folders if path.name.startswith(TEST_RECORDINGS) == wanted]
        return [tuple(sorted(p for p in path.iterdir() if p.suffix in SOUND)) for path in kept]

    @property
    def kinds(self) -> tuple[str, ...]:
        return HELD_OUT if self.split == "test" else TRAINED


def draw_moods(rng: Rng, seconds: float) -> list[tuple[float, float, float]]:
    """Sections of (seconds, valence, arousal): a walk that turns now and then."""
    left, out = seconds, []
    valence, arousal = rng.uniform(-0.95, 0.95, size=2)
    while left > 0:
        length = float(rng.uniform(6, 14))
        length = left if left - length < 6 else length
        out.append((length, float(valence), float(arousal)))
        left -= length
        if rng.random() < 0.8:
            valence, arousal = np.clip(
                0.3 * np.array([valence, arousal]) + rng.normal(0, 0.65, size=2), -1, 1
            )
    return out


def spread(sections: list[tuple[float, float, float]], count: int) -> npt.NDArray[np.float64]:
    """(seconds, valence, arousal) as the mean over each second: float64 [count, 2]."""
    fine = np.concatenate([np.tile((v, a), (round(s * 20), 1)) for s, v, a in sections])
    fine = np.concatenate([fine, np.tile(fine[-1], (20 * count, 1))])
    return np.array([fine[20 * k : 20 * k + 20].mean(axis=0) for k in range(count)])


def recorded(rng: Rng, sound: Samples) -> Samples:
    """What a room, a microphone and a mixing desk do to it."""
    sound = sound / (np.sqrt(np.mean(sound**2)) + 1e-6)
    if rng.random() < 0.3:
        sound = fftconvolve(sound, room(rng, float(rng.uniform(0.1, 0.5))))[: len(sound)]
    if rng.random() < 0.4:
        sound = 0.6 * sound + 0.4 * equalise(rng, sound.astype(np.float32))
    if rng.random() < 0.5:
        sound = sound + coloured_noise(rng, len(sound)) * 10 ** (rng.uniform(-50, -22) / 20)
    scaled: Samples = (sound * (0.5 / np.abs(sound).max())).astype(np.float32)
    return scaled


def music_of(
    rng: Rng, recipe: Recipe, moods: list[tuple[float, float, float]]
) -> tuple[Samples, list[tuple[float, float, float]]]:
    """A piece for the moods, and what it really says."""
    plan: list[tuple[float, Mood]] = [(s, draw_mood(rng, v, a)) for s, v, a in moods]
    font = recipe.soundfonts[rng.integers(len(recipe.soundfonts))]
    sound = play(compose(rng, draw_band(rng), plan), font, wet=bool(rng.random() < 0.5))
    return sound, [(s, mood.valence, mood.arousal) for s, mood in plan]


def voice_of(
    rng: Rng, recipe: Recipe, moods: list[tuple[float, float, float]]
) -> tuple[Samples, list[tuple[float, float, float]]]:
    """Somebody who speaks in the moods; what they feel about it is not heard."""
    plan: list[tuple[float, Prosody]] = [(s, draw_prosody(rng, a)) for s, _, a in moods]
    speaker = draw_speaker(rng, recipe.languages, recipe.people)
    sound = speak(rng, speaker, plan, loud=float(rng.choice([0.0, 0.5, 1.0])))
    return sound, [(s, float("nan"), how.arousal) for s, how in plan]


def make(recipe: Recipe, number: int, out: Path) -> None:
    """One film, unless it is there."""
    if out.exists():
        return
    rng = np.random.default_rng([recipe.seed, recipe.split == "test", number])
    moods = draw_moods(rng, recipe.seconds)
    length = round(recipe.seconds * RATE_HZ)
    kind = str(rng.choice(["music", "voice", "both"], p=[0.45, 0.4, 0.15]))
    sound = np.zeros(length, np.float32)
    said: list[list[tuple[float, float, float]]] = []
    for part, maker in (("music", music_of), ("voice", voice_of)):
        if kind in (part, "both"):
            made, meant = maker(rng, recipe, moods)
            made = np.pad(made[:length], (0, max(0, length - len(made))))
            made = made / (np.sqrt(np.mean(made**2)) + 1e-6)
            sound += made * (0.3 if said == [] and kind == "both" else 1.0)
            said.append(meant)
    plan: list[tuple[float, Sight]] = [(s, draw_sight(rng, v, a)) for s, v, a in moods]
    frames, _ = draw_film(rng, plan, recipe.kinds)
    ears = _ears()
    heard = hear(Audio(recorded(rng, sound), RATE_HZ), ears)
    seen = seen_of(frames, ears.picture)
    count = len(heard.audible)
    np.savez(
        out,
        kind=kind,
        duration=heard.duration,
        heard=heard.packed(),
        seen=seen.packed(),
        sound_truth=joined([spread(meant, count) for meant in said]),
        picture_truth=spread([(s, x.valence, x.arousal) for s, x in plan], len(seen.visible)),
    )


def joined(truths: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """The mean of what is known, [moments, 2]."""
    known = np.isfinite(truths)
    total: npt.NDArray[np.float64] = np.where(known, truths, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


_LOADED: list[Ears] = []


def _ears() -> Ears:
    if not _LOADED:
        import torch

        torch.set_num_threads(1)
        _LOADED.append(Ears.load(load_picture_model()))
    return _LOADED[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--split", choices=["train", "test"], default="train")
    parser.add_argument("--soundfont", type=Path, action="append", required=True)
    parser.add_argument("--recordings", type=Path, help="plain speech, a folder for each person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(args.split, tuple(args.soundfont), args.recordings, args.seconds, args.seed)
    Parallel(n_jobs=args.jobs)(
        delayed(make)(recipe, n, args.out / f"{args.split}-{args.seed}-{n:04}.npz")
        for n in range(args.count)
    )


if __name__ == "__main__":
    main()
