"""What the picture adds: breaks of a retiming and edges of cues, with shot changes and without.

    python scripts/make_scenes.py SCENES --count 40 --seed 2 --split held_out
    python scripts/ablate_picture.py --films 40 --scenes SCENES --bank BANK

Tables in Markdown. Films have generated dialogue over generated shots (those of bench_polish.py),
and three breaks each at changes of shot: advertisements put in, or scenes taken out. The shifts are
as uncertain as a retiming by sound leaves them, and the shots as they are found (bench_shots.py);
where the breaks are is decided by the code that retiming uses. A montage is made of the generated
scenes and of songs of the bank's test split (`make_voices.py`), by chance and by picture and sound.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from bench_polish import MADE_UP, MISSED, Film, Tally, as_found, judge, make_film
from make_films import Bank
from montage_peaks import montage_row

from avsync.aligner.alignment import Segment
from avsync.breaks import breaks_of, snap_breaks
from avsync.placement import build_map
from avsync.timemap import Span

RATE = Fraction(25)
SHIFT_ERROR = 0.03  # seconds: standard deviation of a segment's shift, as bench_retime.py measures
LENGTHS = (20.0, 180.0)  # seconds of what is put in or taken out


@dataclass(frozen=True)
class Recut:
    """A film with breaks: its cues, where they are cut, the shots of what is shown."""

    spans: list[Span]
    segments: list[Segment]
    moments: list[float]
    """seconds of the target at which each break begins"""
    shots: list[float]


def put_in(film: Film, rng: np.random.Generator) -> Recut:
    """Three stretches put in, at changes of shot, with shots of their own."""
    spans = [cue.span for cue in film.subtitles.cues]
    places = free_changes(film, spans, rng)
    shots, moments, shift = list(film.shots), [], 0.0
    shifts = [0.0]
    for place in places:
        length = round(float(rng.uniform(*LENGTHS)) * 25) / 25
        at = place + shift
        moments.append(at)
        later = [t + length for t in shots if t >= at - 1e-6]
        inner = np.cumsum(rng.lognormal(0.9, 0.6, 400))
        inner = inner[inner < length - 0.3]
        cut = np.round((at + inner) * 25) / 25
        shots = [t for t in shots if t < at - 1e-6] + [at, *cut.tolist()] + later
        shift += length
        shifts.append(shift)
    return Recut(spans, segments_of(spans, places, shifts, rng), moments, shots)


def taken_out(film: Film, rng: np.random.Generator) -> Recut:
    """Three scenes taken out, from one change of shot to another; their cues are gone, too."""
    spans = [cue.span for cue in film.subtitles.cues]
    places = free_changes(film, spans, rng)
    kept, shots, shifts, moments, starts = [], [], [0.0], [], []
    shift, since = 0.0, 0.0
    for place in places:
        ends = [t for t in free_moments(film, spans) if place + 20 < t < place + 180]
        until = float(rng.choice(ends)) if ends else place
        kept += [span for span in spans if since <= span.start and span.end <= place]
        shots += [t + shift for t in film.shots if since <= t <= place]
        moments.append(place + shift)
        starts.append(until)
        shift -= until - place
        shifts.append(shift)
        since = until
    kept += [span for span in spans if span.start >= since]
    shots += [t + shift for t in film.shots if t > since]
    return Recut(kept, segments_of(kept, starts, shifts, rng), moments, sorted(set(shots)))


def free_moments(film: Film, spans: list[Span]) -> list[float]:
    """Changes of shot under no cue."""
    return [t for t in film.shots if not any(span.start <= t <= span.end for span in spans)]


def free_changes(film: Film, spans: list[Span], rng: np.random.Generator) -> list[float]:
    """Three changes under no cue, a quarter of the film apart."""
    free = free_moments(film, spans)
    length = film.shots[-1]
    wanted = [length * k / 4 + rng.uniform(-30, 30) for k in (1, 2, 3)]
    return [min(free, key=lambda t: abs(t - at)) for at in wanted]


def segments_of(
    spans: list[Span], places: list[float], shifts: list[float], rng: np.random.Generator
) -> list[Segment]:
    firsts = [0, *(sum(span.start < place for span in spans) for place in places), len(spans)]
    return [
        Segment(
            first,
            last,
            shift + float(rng.normal(0, SHIFT_ERROR)),
            np.ones(last - first, np.float32),
        )
        for first, last, shift in zip(firsts, firsts[1:], shifts, strict=False)
    ]


def breaks_right(recut: Recut, shots: list[float], *, picture: bool) -> list[bool]:
    """Of each break, whether it is found within a frame of where it is."""
    kept = [(segment.first, segment.last) for segment in recut.segments]
    found = build_map(recut.segments, kept, Fraction(1), recut.spans)
    if picture:
        found = snap_breaks(found, recut.spans, shots)
    begins = np.array([one.target.start for one in breaks_of(found)])
    return [
        bool(len(begins) and np.abs(begins - moment).min() <= float(1 / RATE) + 1e-3)
        for moment in recut.moments
    ]


def seen(recut: Recut, rng: np.random.Generator) -> list[float]:
    """The shots of a recut film as a detector would tell them."""
    shots = np.array(recut.shots)
    kept = shots[rng.random(len(shots)) >= MISSED]
    extra = rng.uniform(0, shots.max(), round(MADE_UP * len(shots)))
    return sorted([*kept.tolist(), *extra.tolist()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the first film")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--scenes", type=Path, help="of make_scenes.py, for the montage")
    parser.add_argument("--bank", type=Path, help="of make_voices.py, for the montage")
    parser.add_argument("--songs", type=int, default=12)
    args = parser.parse_args()
    print("| right within one frame | picture off | picture on | on, shots known |")
    print("| --- | ---: | ---: | ---: |")
    films = [
        make_film(args.seed + number, RATE, False, args.minutes) for number in range(args.films)
    ]
    for name, recut in (("breaks put in", put_in), ("scenes taken out", taken_out)):
        off, on, known = [], [], []
        for number, film in enumerate(films):
            rng = np.random.default_rng([7, number])
            one = recut(film, rng)
            if any(segment.first >= segment.last for segment in one.segments):
                continue  # too few cues to be found by
            off += breaks_right(one, [], picture=False)
            on += breaks_right(one, seen(one, rng), picture=True)
            known += breaks_right(one, one.shots, picture=True)
        shares = (f"{np.mean(right):.0%}" for right in (off, on, known))
        print(f"| {name} ({len(off)}) | {' | '.join(shares)} |")
    tallies = [Tally(), Tally(), Tally()]
    for number, film in enumerate(films[: max(1, args.films // 10)]):
        for tally, shots in zip(tallies, ([], as_found(film, number), film.shots), strict=True):
            judge(film, shots, tally)
    shares = (f"{tally.on_cut / max(1, tally.eligible):.1%}" for tally in tallies)
    print(f"| edges of cues on their cut ({tallies[0].eligible}) | {' | '.join(shares)} |")
    if args.scenes and args.bank:
        scenes = sorted(args.scenes.glob("*.npz"))
        with tempfile.TemporaryDirectory() as folder:
            print(montage_row(scenes, Bank(args.bank, "test"), Path(folder), args.songs))


if __name__ == "__main__":
    main()
