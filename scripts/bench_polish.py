"""Measure polishing on generated dialogue over generated shots, at every frame rate.

    python scripts/bench_polish.py --films 4 --minutes 30

Tables in Markdown. Utterances, cues and habits are those of the films that retiming is trained on;
shots have lognormal lengths and are often cut to who speaks. Each film is polished twice: by its
true shots, and by shots as they are found (some missed, some made up, some a frame off, as
bench_shots.py measures). What is judged is the written file, by rules that are told here anew and
in frames, and always against the true shots.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from film_cues import Recipe, Utterance, human_cues, srt_text

from avsync.framegrid import FrameGrid
from avsync.polishing.polish import polish
from avsync.subtitles import Subtitles, parse_subtitles, to_bytes
from avsync.timemap import Span

MISSED, MADE_UP, A_FRAME_OFF = 0.02, 0.03, 0.005  # of cuts, as bench_shots.py finds them
RATES = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "59.94": Fraction(60000, 1001),
    "variable": Fraction(30),
}
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Film:
    """Dialogue, its subtitles, and the shots that it is shown in."""

    speech: list[Span]
    subtitles: Subtitles
    shots: list[float]
    grid: FrameGrid


def parsed(data: bytes) -> Subtitles:
    return parse_subtitles(data, format="srt", path="film.srt")


def make_film(seed: int, rate: Fraction, variable: bool, minutes: float) -> Film:
    rng = np.random.default_rng(seed)
    utterances, now = [], 3.0
    while now < minutes * 60 - 10:
        length = float(np.clip(rng.lognormal(0.6, 0.6), 0.4, 12))
        utterances.append(Utterance(Span(now, now + length), int(rng.integers(3)), True))
        now += length + float(rng.choice([0.1, 0.3, 0.8, 2.0, 8.0])) * rng.uniform(0.5, 1.5)
    cues = human_cues(rng, Recipe.draw(rng), utterances, [])
    steps = np.full(round(minutes * 60 * 30), 1 / 30)
    if variable:
        steps = rng.choice([0.016, 0.033, 0.034, 0.05], len(steps))
    times = np.round(np.cumsum(steps), 3)
    grid = FrameGrid(rate, times=times) if variable else FrameGrid(rate)
    edges = [u.span.start for u in utterances] + [u.span.end for u in utterances]
    shots: list[float] = []
    at = 0.0
    while at < minutes * 60:
        at += max(0.4, float(rng.lognormal(1.1, 0.7)))  # 3 s in the middle, 4 s on average
        if rng.random() < 0.5:  # cut to who speaks, a little early or late
            at = max(at - 0.5, min(edges, key=lambda t: abs(t - at)) + float(rng.normal(0, 0.2)))
        if not shots or at - shots[-1] > 0.3:
            shots.append(at)
    on = grid.seconds(grid.frames(np.array(shots)))
    return Film([u.span for u in utterances], parsed(srt_text(cues).encode()), on.tolist(), grid)


def as_found(film: Film, seed: int) -> list[float]:
    """The shots of a film as a detector would tell them."""
    rng = np.random.default_rng(seed)
    frames = film.grid.frames(np.array(film.shots))
    frames = frames[rng.random(len(frames)) >= MISSED]
    frames = frames + np.where(rng.random(len(frames)) < A_FRAME_OFF, rng.choice([-1, 1]), 0)
    extra = rng.integers(1, int(frames.max()), round(MADE_UP * len(frames)))
    found: list[float] = film.grid.seconds(np.unique(np.concatenate([frames, extra]))).tolist()
    return found


@dataclass
class Tally:
    """What is counted over films."""

    broken: Counter[str] = field(default_factory=Counter)
    fresh: int = 0
    near: int = 0
    eligible: int = 0
    on_cut: int = 0
    words_lost: int = 0
    off_frame: int = 0
    repeated: int = 0
    cues: int = 0

    def add(self, other: Tally) -> None:
        self.broken.update(other.broken)
        for name in ("fresh", "near", "eligible", "on_cut", "words_lost", "off_frame"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.repeated += other.repeated
        self.cues += other.cues


def edges_of(subtitles: Subtitles, grid: FrameGrid) -> tuple[Numbers, Numbers]:
    """The first frame of each cue, and one past its last."""
    starts, ends = np.array([(cue.start, cue.end) for cue in subtitles.cues]).T
    return grid.frames(starts), grid.frames(ends)


def violations(subtitles: Subtitles, film: Film) -> set[tuple[int, str]]:
    """The rules of the Netflix guidelines that each cue breaks, told again."""
    first, last = edges_of(subtitles, film.grid)
    seconds = film.grid.seconds(last) - film.grid.seconds(first)
    cuts = film.grid.frames(np.array(film.shots))
    found: set[tuple[int, str]] = set()
    for n in range(len(first)):
        gap = int(first[n + 1] - last[n]) if n + 1 < len(first) else 99
        in_off, out_off = first[n] - cuts, last[n] - cuts
        rules = {
            "too short": seconds[n] < 5 / 6 - 0.002,
            "too long": seconds[n] > 7.002,
            "overlap": gap < 0,
            "gap too small": 0 <= gap < 2,
            "gap not closed": 2 < gap < 12,
            "in-time near cut": bool(
                ((np.abs(in_off) <= 12) & (in_off != -12)).any() and not (in_off == 0).any()
            ),
            "out-time near cut": bool(
                ((np.abs(out_off) <= 12) & (out_off != -2) & (out_off != 12)).any()
                and not (out_off == -2).any()
            ),
        }
        found |= {(n, rule) for rule, broken in rules.items() if broken}
    return found


def near_edges(before: Subtitles, after: Subtitles, film: Film) -> tuple[int, int, int]:
    """Edges within 12 frames of a cut; those that can be put right; and those that are.

    An edge can be put right if one of its two places loses no words of this cue, leaves those of
    its neighbour 2 frames away, and makes the cue neither too short nor too long.
    """
    cuts = film.grid.frames(np.array(film.shots))
    first, last = edges_of(before, film.grid)
    firsts, lasts = edges_of(after, film.grid)
    says = [words(cue.span, film) for cue in before.cues]
    near = eligible = right = 0
    for n in range(len(first)):
        spoken = says[n] or (first[n] + 12, last[n] - 12)
        behind = (says[n - 1] or (0, last[n - 1] - 12))[1] if n else -99
        ahead = (says[n + 1] or (first[n + 1] + 12, 0))[0] if n + 1 < len(first) else 1 << 40
        for was, now, other, places, lowest, highest in (
            (first[n], firsts[n], lasts[n], (0, -12), behind + 2, spoken[0]),
            (last[n], lasts[n], firsts[n], (-2, 12), spoken[1], ahead - 2),
        ):
            close = cuts[np.abs(cuts - was) <= 12]
            near += len(close) > 0
            can = any(
                lowest <= cut + place <= highest and fits(film, cut + place, other)
                for cut in close
                for place in places
            )
            eligible += can
            right += can and bool(np.isin(now - np.array(places), cuts).any())
    return near, eligible, right


def fits(film: Film, one: int, other: int) -> bool:
    """Whether a cue between two frames is neither too short nor too long."""
    first, last = film.grid.seconds(np.array(sorted((one, other)))).tolist()
    return bool(5 / 6 - 0.002 <= last - first <= 7.002)


def words(span: Span, film: Film) -> tuple[int, int] | None:
    """The last frame by which the words under a cue begin, and the first once they are over."""
    inside = [shared for one in film.speech if (shared := span.intersect(one)) is not None]
    inside = [shared for shared in inside if shared.duration >= 0.12]
    if not inside:
        return None
    said = np.array([inside[0].start, inside[-1].end])
    frames = film.grid.frames(said)
    shown = film.grid.seconds(frames)
    first = int(frames[0]) - int(shown[0] > said[0] + 1e-3)
    return first, int(frames[1]) + int(shown[1] < said[1] - 1e-3)


def judge(film: Film, shots: Sequence[float], tally: Tally) -> None:
    done = polish(film.subtitles, shots, film.grid, speech=film.speech, language="de")
    written = to_bytes(done.subtitles)
    after = parsed(written)
    again = polish(after, shots, film.grid, speech=film.speech, language="de")
    was, now = violations(film.subtitles, film), violations(after, film)
    tally.broken.update(f"{rule}, before" for _, rule in was)
    tally.broken.update(f"{rule}, after" for _, rule in now)
    tally.fresh += len(now - was)
    near, eligible, right = near_edges(film.subtitles, after, film)
    tally.near, tally.eligible = tally.near + near, tally.eligible + eligible
    tally.on_cut += right
    tally.repeated += to_bytes(again.subtitles) != written
    tally.cues += len(after.cues)
    for old, new in zip(film.subtitles.cues, after.cues, strict=True):
        spoken = None if old.is_sound else words(old.span, film)
        at = film.grid.frames(np.array([new.start, new.end]))
        tally.words_lost += spoken is not None and (at[0] > spoken[0] + 1 or at[1] < spoken[1] - 1)
        exact = film.grid.seconds(at)
        tally.off_frame += bool(np.abs(exact - (new.start, new.end)).max() > 0.00101)


RULES = (
    "too short",
    "too long",
    "overlap",
    "gap too small",
    "gap not closed",
    "in-time near cut",
    "out-time near cut",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the first film")
    parser.add_argument("--minutes", type=float, default=30.0)
    args = parser.parse_args()
    total: dict[str, Tally] = {"none": Tally(), "true": Tally(), "as found": Tally()}
    print("| rate | shots | cues | new violations | off frame | changed again | words lost |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, rate in RATES.items():
        films = [
            make_film(args.seed + number, rate, name == "variable", args.minutes)
            for number in range(args.films)
        ]
        for kind, whole in total.items():
            tally = Tally()
            for number, film in enumerate(films):
                shots = {"none": [], "true": film.shots, "as found": as_found(film, number)}[kind]
                judge(film, shots, tally)
            whole.add(tally)
            print(
                f"| {name} | {kind} | {tally.cues} | {tally.fresh} | {tally.off_frame} | "
                f"{tally.repeated} | {tally.words_lost} |",
                flush=True,
            )
    print("\n| all rates | before | " + " | ".join(f"shots {kind}" for kind in total) + " |")
    print("| --- | ---: |" + " ---: |" * len(total))
    for rule in RULES:
        before = next(iter(total.values())).broken[f"{rule}, before"]
        after = (str(tally.broken[f"{rule}, after"]) for tally in total.values())
        print(f"| {rule} | {before} | {' | '.join(after)} |")
    first = next(iter(total.values()))
    shares = (f"{tally.on_cut / max(1, tally.eligible):.1%}" for tally in total.values())
    print(f"| edges within 12 frames of a cut | {first.near} | | | |")
    print(f"| eligible edges on their cut, of {first.eligible} | | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
