"""Build a plan once everything is known: slots, moments, an assignment, shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from avsync.beats.grid import BeatGrid
from avsync.clips.clip import TOKEN_RATE_HZ, Clip
from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.montage.demand import Demand
from avsync.montage.filling import Filled, Filling, Order, fill
from avsync.montage.moments import Filters, Moments, find_moments, without_short
from avsync.montage.pacing import Pacing
from avsync.montage.refusal import no_room, noting
from avsync.montage.result import Choice, MontagePlan, PlanReport
from avsync.montage.scores import Logits, Scorer, Weights
from avsync.montage.slots import Slot, beat_markers, make_slots
from avsync.montage.sources import Sources, timeline_rate
from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tokens import TokenSequence

if TYPE_CHECKING:
    from avsync.aligner.picture import PictureModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, checked; as the arguments of `plan` say."""

    pacing: Pacing
    music: Span
    soundtrack: Soundtrack | None
    frame_rate: Fraction | None
    order: Order
    seed: int
    repeat: bool
    across_shots: bool
    filters: Filters
    weights: Weights
    dissolve: float
    """seconds"""
    name: str


def build(
    request: Request,
    grid: BeatGrid,
    sources: Sources,
    *,
    model: PictureModel | None,
    song: TokenSequence | None,
    progress: Progress | None,
) -> MontagePlan:
    """Fill the slots of the song with moments of the clips."""
    clips = sources.clips
    rate = request.frame_rate or timeline_rate(clips)
    made = make_slots(grid, request.pacing, request.music, rate)
    slots, notes = made.slots, list(made.notes)
    shortest = min(slot.frames for slot in slots)
    moments = find_moments(clips, rate, filters=request.filters, across_shots=request.across_shots)
    moments = without_short(moments, shortest, rate)
    if moments.unseen:
        notes.append(f"in {moments.unseen} clips no faces were looked for, so none were missed")
    logits = None
    if request.order == "match" and request.weights.match and moments.stretches:
        logits = _hear(grid, slots, clips, model, song, progress)
        if logits is None:
            notes.append("sound and picture are not matched by attention: no song is known")
    scorer = Scorer(clips, slots, frame_rate=rate, weights=request.weights, logits=logits)
    for done in scorer.measure():
        if progress is not None:
            progress("matching", done / 2)
    wanted = round(request.dissolve * rate)
    with noting(notes):
        fillings = _fill(request, slots, moments, scorer, rate, wanted, progress)
    shots = _shots(slots, fillings, clips, wanted)
    shorter = sum(shot.dissolve_frames < wanted for shot in shots[1:])
    if shorter:
        notes.append(
            f"{shorter} dissolves are shorter than {wanted} frames, where shots leave no room"
        )
    cuts = CutList(shots, rate, request.soundtrack, beat_markers(grid, request.music), request.name)
    report = PlanReport(
        clips=len(clips),
        clips_shown=len({filling.clip for filling in fillings}),
        moments=moments.count,
        rejections=moments.rejections,
        skipped=sources.skipped,
        notes=tuple(notes),
    )
    choices = _choices(slots, fillings, clips, scorer, rate)
    return MontagePlan(cuts, slots, choices, report, grid, clips, request.music)


def _hear(
    grid: BeatGrid,
    slots: Sequence[Slot],
    clips: Sequence[Clip],
    model: PictureModel | None,
    song: TokenSequence | None,
    progress: Progress | None,
) -> Logits | None:
    """What compares the slots with a clip by attention, if there is a song."""
    if song is None and grid.path is None:
        return None
    from avsync.aligner.picture import load_picture_model
    from avsync.montage.hearing import Hearing

    hearing = model or load_picture_model()
    if song is None:
        assert grid.path is not None
        song = hearing.song_tokens(grid.path, progress=progress)
    return Hearing(hearing, song, [slot.span for slot in slots], clips).logits


def _fill(
    request: Request,
    slots: Sequence[Slot],
    moments: Moments,
    scorer: Scorer,
    rate: Fraction,
    dissolve: int,
    progress: Progress | None,
) -> tuple[Filling, ...]:
    """Fillings with room for the dissolves; where footage is too short for that, without."""
    plain = [Demand(slot.frames) for slot in slots]
    attempts = [plain]
    if dissolve:
        lengths = [slot.frames for slot in slots]
        limits = [min(dissolve, a, b) for a, b in pairwise(lengths)]
        ends = zip(lengths, [0, *limits], [*limits, 0], strict=True)
        attempts.insert(0, [Demand(*each) for each in ends])
    found = Filled(None, 0)
    for demands in attempts:
        found = fill(
            demands,
            moments.stretches,
            scorer,
            frame_rate=rate,
            order=request.order,
            seed=request.seed,
            repeat=request.repeat,
            spread=request.weights.spread,
            progress=progress,
        )
        if found.fillings is not None:
            return found.fillings
    raise no_room(slots, plain, moments, found.packed, rate, repeat=request.repeat)


def _shots(
    slots: Sequence[Slot], fillings: Sequence[Filling], clips: Sequence[Clip], dissolve: int
) -> tuple[Shot, ...]:
    """The shots, with dissolves as long as the frames around each cut allow."""
    shots = [
        Shot(clips[filling.clip].path, filling.source_frame, slot.frames)
        for slot, filling in zip(slots, fillings, strict=True)
    ]
    for number in range(1, len(shots)):
        frames = min(
            dissolve,
            shots[number - 1].frames,
            shots[number].frames,
            2 * fillings[number].before + 1,
            2 * fillings[number - 1].after,
        )
        shots[number] = replace(shots[number], dissolve_frames=max(0, frames))
    return tuple(shots)


def _choices(
    slots: Sequence[Slot],
    fillings: Sequence[Filling],
    clips: Sequence[Clip],
    scorer: Scorer,
    rate: Fraction,
) -> tuple[Choice, ...]:
    choices: dict[int, Choice] = {}
    for clip in sorted({filling.clip for filling in fillings}):
        mine = [number for number, filling in enumerate(fillings) if filling.clip == clip]
        last = len(clips[clip].tokens) - 1
        tokens = [
            min(last, round(fillings[number].source_frame * TOKEN_RATE_HZ / rate))
            for number in mine
        ]
        reasons = scorer.reasons(clip, mine, tokens)
        for number, each in zip(mine, reasons, strict=True):
            first = fillings[number].source_frame
            moment = Span(float(first / rate), float((first + slots[number].frames) / rate))
            choices[number] = Choice(clips[clip].path, moment, scorer.total(each), each)
    return tuple(choices[number] for number in range(len(slots)))
