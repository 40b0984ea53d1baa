"""Plan a montage: cut a song on its beats, and choose what each shot shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, get_args

from avsync.beats.grid import LEAST_CONFIDENCE, BeatGrid
from avsync.clips.clip import Clip
from avsync.cutlist import CutList, Soundtrack
from avsync.errors import LowConfidence
from avsync.montage.building import Request, build
from avsync.montage.filling import Order
from avsync.montage.moments import Filters
from avsync.montage.pacing import Every, Pacing
from avsync.montage.refusal import no_usable_clip, noting
from avsync.montage.result import MontagePlan
from avsync.montage.scores import Weights
from avsync.montage.slots import check_times, music_range
from avsync.montage.sources import ClipSource, read_clips
from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tokens import TokenSequence

if TYPE_CHECKING:
    from avsync.aligner.picture import PictureModel
    from avsync.cache import TokenCache

P = ParamSpec("P")


def plan(
    clips: Sequence[ClipSource],
    grid: BeatGrid,
    *,
    every: int | str = "bar",
    pattern: Sequence[int] | None = None,
    times: Sequence[float] | None = None,
    energy_beats: Sequence[int] | None = None,
    min_shot: float | None = None,
    max_shot: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    length: float | None = None,
    fade_in: float = 0.0,
    fade_out: float = 0.0,
    frame_rate: Fraction | None = None,
    order: Order = "match",
    seed: int = 0,
    repeat: bool = False,
    across_shots: bool = False,
    filters: Filters | None = None,
    weights: Weights | None = None,
    dissolve: float = 0.0,
    dissolve_beats: float = 0.0,
    model: PictureModel | None = None,
    song: TokenSequence | None = None,
    cache: TokenCache | None = None,
    strict: bool = False,
    force: bool = False,
    name: str = "montage",
    progress: Progress | None = None,
) -> MontagePlan:
    """A cut list whose cuts are on the beat, with the reasons for every choice.

    All slots are filled at once by one assignment, not one after the other, so that a moment goes
    where it suits best and not where it was first thought of. The same arguments give the same
    plan.

    Args:
        clips: paths, which are analysed first, or the `Clip` values of `analyse_clip`.
        grid: of `track_beats`; its `path` is the music under the montage.
        every: cut "beat", 2 or "2 beats", "bar", "4 bars", "phrase" (8 bars, anew from each drop),
            by "energy" (the louder the faster), at "drops" or at "onsets".
        pattern: beats of one shot after the other, such as (4, 4, 2, 1, 1), repeated.
        times: cut at the beats nearest to these seconds of the song; they ascend.
        energy_beats: beats of a shot in the quietest part of the music, ..., in the loudest; by
            default (4, 2, 1), and (6, 3, 1) where three beats make a bar.
        min_shot, max_shot: seconds; cuts are left out, or added on beats, until shots are such.
        start, end, length: the part of the song, in seconds.
        fade_in, fade_out: of the music, in seconds.
        frame_rate: of the timeline; by default that of most clips.
        order: "match" by picture and sound, "sequential" (clips as given, each in its order of
            time) or "shuffled" (by `seed`).
        repeat: let moments be shown again when footage runs out.
        across_shots: let a shot of the montage run over a change of shot in its clip.
        filters: which moments are fit to be shown. Faces are looked for in clips given as paths
            where `min_faces` asks for them; `analyse_clip(path, faces=True)` does so by itself.
        weights: what counts how much in matching. With `match=0` no trained model is needed.
        dissolve, dissolve_beats: length of the dissolves, in seconds or in beats.
        model: as `load_picture_model` gives it; None loads the one in the package.
        song: of `model.song_tokens`; None makes it from `grid.path`. Where neither is there, sound
            and picture are not matched by attention.
        strict: an unusable clip is an error instead of being left out.
        force: take beats that are not to be trusted.
        progress: called with "watching clips", "listening" and "matching".

    An error that is raised once the clips are read has notes (`__notes__`) that say which of them
    were left out, and why.

    Raises:
        ValueError: no clips, or arguments that contradict each other or the song.
        LowConfidence: the song has no beats, or none to be trusted.
        AlignmentError: there is not enough footage for the slots; it says of what.
        FileNotFoundError: a clip or the song is not there.
        MediaError, OSError: `strict`, and a clip cannot be used; or no clip can be.
        ModelUnavailable: the package's weights are missing.
    """
    if not len(clips):
        raise ValueError("there are no clips to make a montage of")
    if order not in get_args(Order):
        raise ValueError(f"order is one of {', '.join(get_args(Order))}; got {order!r}")
    _check_beats(grid, force=force)
    music = music_range(grid, start=start, end=end, length=length)
    pacing = Pacing(
        every=Every.parse(every),
        pattern=tuple(pattern or ()),
        times=tuple(times or ()),
        energy_beats=tuple(energy_beats or ()),
        min_shot=min_shot,
        max_shot=max_shot,
    )
    check_times(grid, pacing.times)
    request = Request(
        pacing=pacing,
        music=music,
        soundtrack=_soundtrack(grid, music, fade_in, fade_out),
        frame_rate=_checked_rate(frame_rate),
        order=order,
        seed=seed,
        repeat=repeat,
        across_shots=across_shots,
        filters=filters or Filters(),
        weights=weights or Weights(),
        dissolve=_dissolve_seconds(grid, dissolve, dissolve_beats),
        name=name,
    )
    if model is None and not all(isinstance(clip, Clip) for clip in clips):
        from avsync.aligner.picture import load_picture_model

        model = load_picture_model()
    sources = read_clips(
        clips,
        faces=request.filters.min_faces > 0,
        model=model,
        cache=cache,
        strict=strict,
        progress=progress,
    )
    if not sources.clips:
        raise no_usable_clip(sources.skipped)
    with noting([str(skipped) for skipped in sources.skipped]):
        return build(request, grid, sources, model=model, song=song, progress=progress)


def _only_the_cuts(planner: Callable[P, MontagePlan]) -> Callable[P, CutList]:
    """The same function, with the same options, for who wants no reasons."""

    @wraps(planner)
    def cuts(*args: P.args, **options: P.kwargs) -> CutList:
        return planner(*args, **options).cuts

    cuts.__name__ = cuts.__qualname__ = "plan_montage"
    cuts.__annotations__ = planner.__annotations__ | {"return": "CutList"}
    return cuts


plan_montage = _only_the_cuts(plan)
"""`plan(...).cuts`: the cut list alone."""


def _check_beats(grid: BeatGrid, *, force: bool) -> None:
    song = "the song" if grid.path is None else grid.path.name
    if not len(grid):
        raise LowConfidence(
            f"{song}: no beats to cut on: {grid.reason or 'the grid is empty'}", alignment=grid
        )
    if grid.confidence < LEAST_CONFIDENCE and not force:
        why = f" ({grid.reason})" if grid.reason else ""
        raise LowConfidence(
            f"{song}: its beats are not to be trusted{why}: confidence {grid.confidence:.2f}, "
            f"under {LEAST_CONFIDENCE:g}",
            alignment=grid,
        )


def _soundtrack(grid: BeatGrid, music: Span, fade_in: float, fade_out: float) -> Soundtrack | None:
    if not (min(fade_in, fade_out) >= 0 and fade_in + fade_out <= music.duration):
        raise ValueError(
            f"fades of {fade_in:g} and {fade_out:g} s do not fit into {music.duration:g} s of music"
        )
    if grid.path is None:
        return None
    return Soundtrack(grid.path, start=music.start, fade_in=fade_in, fade_out=fade_out)


def _dissolve_seconds(grid: BeatGrid, seconds: float, beats: float) -> float:
    if seconds and beats:
        raise ValueError("give the length of dissolves in seconds or in beats, not both")
    if not (math.isfinite(seconds) and math.isfinite(beats) and min(seconds, beats) >= 0):
        raise ValueError(f"a dissolve cannot take {seconds or beats:g}")
    return seconds + beats * 60 / (grid.tempo_bpm or 120.0)


def _checked_rate(frame_rate: Fraction | None) -> Fraction | None:
    if frame_rate is not None and not 1 <= frame_rate <= 1000:
        raise ValueError(f"a timeline has 1 to 1000 frames per second; got {frame_rate}")
    return None if frame_rate is None else Fraction(frame_rate)
