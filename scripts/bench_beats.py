"""Measure ``track_beats`` on songs and soundfonts that it was not trained on; librosa beside it.

    python scripts/bench_beats.py --pop909 DIR --groove DIR --voices BANK --soundfont TimGM6mb.sf2

Scores are mir_eval's with its defaults (the first 5 s are left out, F at ±70 ms; CMLt: the share
of beats in stretches at the right tempo and phase). Groove's test split and POP909's test songs as
they are, and POP909 with drums; patterns at 62 to 88 BPM for the octave; speech, noise and silence.
Time is that of the whole call, sound in memory, in turns with librosa.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import librosa
import mir_eval
import numpy as np
import numpy.typing as npt
import torch
from joblib import Parallel, delayed
from make_films import Bank, coloured_noise
from make_music import Sources, Take, groove_take, play, pop909_take, voice_over
from music_patterns import Bars, Player, bass, chords, harmony

from avsync.beats.model import load_beat_model
from avsync.beats.track import track_beats
from avsync.media import Audio

RATE_HZ = 22_050
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One tracker on one song."""

    f: float
    cml: float
    aml: float
    downbeat: float
    bias_ms: float
    octave: bool
    seconds: float
    length: float
    confidence: float = 1.0


@dataclass(frozen=True)
class Result:
    """Both trackers on one song."""

    name: str
    ours: Score
    librosa: Score


def bias_ms(truth: FloatArray, found: FloatArray) -> float:
    """The median of found − true over the beats that were found within ±70 ms."""
    if not len(truth) or not len(found):
        return float("nan")
    nearest = found[np.abs(truth[:, None] - found[None]).argmin(axis=1)]
    off = nearest - truth
    close = np.abs(off) <= 0.07
    return float(np.median(off[close]) * 1000) if close.any() else float("nan")


def score(
    take: Take, found: FloatArray, downbeats: FloatArray, seconds: float, length: float
) -> Score:
    """mir_eval's numbers for one answer."""
    truth = mir_eval.beat.trim_beats(take.beats)
    beats = mir_eval.beat.trim_beats(found)
    _, cml, _, aml = mir_eval.beat.continuity(truth, beats)
    down_truth = mir_eval.beat.trim_beats(take.beats[take.positions == 1])
    down = mir_eval.beat.f_measure(down_truth, mir_eval.beat.trim_beats(downbeats))
    period = np.median(np.diff(found)) if len(found) > 1 else 0.0
    octave = abs(np.log(max(period, 1e-6) / np.median(np.diff(take.beats)))) < 0.08
    return Score(
        mir_eval.beat.f_measure(truth, beats), cml, aml, down, bias_ms(truth, beats), bool(octave),
        seconds, length,
    )  # fmt: skip


def measure(name: str, take: Take, soundfont: Path, out: Path | None) -> Result:
    """Play one song, and let both track it."""
    torch.set_num_threads(1)
    sound = play(take.instruments, soundfont, wet=True, rate_hz=RATE_HZ)
    sound = sound / (np.abs(sound).max() + 1e-9) * np.float32(0.7)
    length = len(sound) / RATE_HZ
    model = load_beat_model(out)
    began = time.perf_counter()
    grid = track_beats(Audio(sound, RATE_HZ), min_confidence=0.0, model=model)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    _, theirs = librosa.beat.beat_track(y=sound, sr=RATE_HZ, units="time")
    peer = time.perf_counter() - began
    mine = score(take, grid.beats, grid.downbeats, ours, length)
    mine = Score(**{**vars(mine), "confidence": grid.confidence})
    return Result(name, mine, score(take, theirs, theirs[::4], peer, length))


def slow_takes(seed: int, count: int) -> Iterator[Take]:
    """Plain patterns at 62 to 88 BPM: kick on 1 and 3, snare on 2 and 4, hats in 8ths or 16ths."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        bpm, beats = 62 + 26 * number / max(1, count - 1), 40
        bars = Bars(np.arange(beats + 1) * 60 / bpm + 0.2, np.arange(beats) % 4 + 1, 4)
        player = Player(rng, bars, 0, drums=True)
        steps = 2 if number % 2 else 4
        for beat in range(beats):
            if beat % 4 in (0, 2):
                player.play(36, beat, 0.3, 105)
            if beat % 4 == 2 and number % 3 == 0:
                player.play(36, beat + 0.5, 0.3, 95)
            if beat % 4 in (1, 3):
                player.play(38, beat, 0.3, 105)
            for k in range(steps):
                player.play(42, beat + k / steps, 0.2, 70 if k else 82)
        players = [player.instrument]
        if number % 4 < 2:
            song = harmony(rng, bars)
            players += [bass(rng, bars, song), chords(rng, bars, song, [0, 4, 25])]
        yield Take(players, bars.beats[:-1], bars.positions)


def takes(args: argparse.Namespace) -> dict[str, list[tuple[str, Take]]]:
    """The sets of songs, by name."""
    sources = Sources(args.pop909, args.groove, args.voices, (), "test")
    rng = np.random.default_rng(args.seed)
    songs = sources.songs[:: max(1, len(sources.songs) // args.songs)][: args.songs]
    performances = sources.performances[: args.songs]

    def pop(song: Path, drums_too: bool) -> Take:
        return pop909_take(rng, song, drums_too=drums_too, plain=True)

    return {
        "Groove": [
            (path.stem, groove_take(rng, path, bpm, band=False)) for path, bpm in performances
        ],
        "POP909": [(song.name, pop(song, False)) for song in songs],
        "POP909 with drums": [(song.name, pop(song, True)) for song in songs],
        "62 to 88 BPM": [
            (str(n), take) for n, take in enumerate(slow_takes(args.seed, args.songs))
        ],
    }


def table(name: str, results: list[Result]) -> None:
    """A line for each tracker: means over the songs, the median bias, and times real time."""
    for who in ("ours", "librosa"):
        scores = [getattr(result, who) for result in results]
        mean = [float(np.mean([getattr(s, key) for s in scores])) for key in ("f", "cml", "aml")]
        down = f"{np.mean([s.downbeat for s in scores]):.3f}" if who == "ours" else ""
        bias = float(np.nanmedian([s.bias_ms for s in scores]))
        octave = float(np.mean([s.octave for s in scores]))
        speed = sum(s.length for s in scores) / sum(s.seconds for s in scores)
        print(
            f"| {name} | {'avsync' if who == 'ours' else who} | "
            + " | ".join(f"{value:.3f}" for value in mean)
            + f" | {down} | {bias:+.0f} | {octave:.0%} | {speed:.0f} |",
            flush=True,
        )


def quiet(args: argparse.Namespace) -> None:
    """What has no beat: how often one is found all the same."""
    bank, model = Bank(args.voices, "test"), load_beat_model(args.model)
    length = 30 * 16_000
    for name in ("speech", "noise", "silence"):
        found = 0
        for seed in range(12):
            rng = np.random.default_rng([args.seed, seed])
            sound = np.zeros(length, np.float32)
            if name == "speech":
                sound = voice_over(rng, bank, length) * np.float32(0.1)
            elif name == "noise":
                sound = coloured_noise(rng, length) * np.float32(0.1)
            found += len(track_beats(Audio(sound, 16_000), model=model)) > 0
        print(f"{name}: beats in {found} of 12")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pop909", type=Path, required=True)
    parser.add_argument("--groove", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True, help="what make_voices.py wrote")
    parser.add_argument("--soundfont", type=Path, required=True)
    parser.add_argument("--songs", type=int, default=40, help="of each set, at most")
    parser.add_argument("--model", type=Path, help="other weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--detail", type=Path, help="write each song's scores as JSON")
    args = parser.parse_args()
    print("| songs | tracker | F | CMLt | AMLt | downbeat F | bias ms | octave | × real time |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    detail = {}
    for name, songs in takes(args).items():
        results = Parallel(n_jobs=args.jobs)(
            delayed(measure)(label, take, args.soundfont, args.model) for label, take in songs
        )
        table(name, results)
        detail[name] = [{"name": r.name, **vars(r.ours)} for r in results]
    quiet(args)
    if args.detail:
        args.detail.write_text(json.dumps(detail, indent=1))


if __name__ == "__main__":
    main()
