"""Why a montage cannot be made of the footage given, in numbers, and what would help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

from avsync.errors import AlignmentError, MediaError
from avsync.montage.demand import Demand
from avsync.montage.moments import Moments, Rejection
from avsync.montage.result import Skipped
from avsync.montage.slots import Slot


@contextmanager
def noting(notes: Sequence[str]) -> Iterator[None]:
    """What fails within, fails with `notes`: they would have been in the plan's report."""
    try:
        yield
    except Exception as error:
        for note in notes:
            error.add_note(note)
        raise


def no_usable_clip(skipped: Sequence[Skipped]) -> MediaError:
    """For when every clip was skipped; the first is in the message, the others are in notes."""
    first, others = skipped[0], skipped[1:]
    more = "" if not others else f"; nor can the other {len(others)} be used"
    error = MediaError(first.path, f"{first.reason}{more}")
    for other in others:
        error.add_note(str(other))
    return error


def no_room(
    slots: Sequence[Slot],
    demands: Sequence[Demand],
    moments: Moments,
    packed: int,
    frame_rate: Fraction,
    *,
    repeat: bool,
) -> AlignmentError:
    """For when the slots do not fit into the footage."""

    def seconds(frames: int) -> str:
        return f"{float(frames / frame_rate):.2f} s"

    judged = f"{_things(moments.count, 'moment')} of about half a second in the clips"
    if moments.rejections:
        judged += f" ({rejections_text(moments.rejections)})"
    relax = "".join(f", relax {r.option}" for r in moments.rejections if r.option)
    longest = max(demands, key=lambda demand: demand.need)
    if longest.need > moments.longest:
        slot = slots[demands.index(longest)]
        count = sum(demand.need > moments.longest for demand in demands)
        return AlignmentError(
            f"{_things(count, 'slot')} of {len(slots)} are longer than every shot: the longest, "
            f"at {slot.span.start:.2f} s of the song, takes {seconds(longest.need)}, and the "
            f"longest usable stretch of a clip has {seconds(moments.longest)}; there are {judged}. "
            f"Cut more often (every, max_shot), give longer clips, allow shots across changes of "
            f"shot (across_shots){relax}"
        )
    room = sum(stretch.frames for stretch in moments.stretches)
    total = sum(demand.need for demand in demands)
    again = "" if repeat else ", show moments again (repeat)"
    return AlignmentError(
        f"more slots than moments: there is room for {packed} of {_things(len(slots), 'slot')} "
        f"({seconds(total)} in all), in {_things(len(moments.stretches), 'stretch', 'es')} of "
        f"clips ({seconds(room)} in all); there are {judged}. "
        f"Give more clips, cut less often (every, min_shot), use less of the song (length)"
        f"{again}{relax}"
    )


def rejections_text(rejections: Sequence[Rejection]) -> str:
    """Such as "12 too dark, 3 blurred"."""
    return ", ".join(f"{each.moments} {each.reason}" for each in rejections)


def _things(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else plural}"
