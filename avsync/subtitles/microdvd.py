"""MicroDVD: the places of the frame numbers."""

from __future__ import annotations

import re
from fractions import Fraction

from avsync.subtitles.clocks import FrameClock, frame_rate
from avsync.subtitles.document import Edit, Role
from avsync.subtitles.model import Cue
from avsync.subtitles.scan import Report, Scan, Source, shown

__all__ = ["scan"]

_CUE = re.compile(r"\s*\{\s*(-?[0-9]{1,9})\s*\}\s*\{\s*(-?[0-9]{0,9})\s*\}(.*)")
_DEFAULTS = re.compile(r"\s*\{default\}", re.IGNORECASE)


def scan(source: Source, report: Report, fps: float | Fraction | None) -> Scan:
    """Find the cues of a MicroDVD text.

    Its frames mean nothing without their rate. Files say it in a first cue "{1}{1}23.976", which
    players read and do not show; `fps` is for a file that does not.
    """
    first, stated = _stated_rate(source, report)
    rate = stated if stated is not None else None if fps is None else frame_rate(fps)
    if rate is None:
        reason = (
            "does not say its frame rate; give fps= (--fps), the one of the film it was made for"
        )
        raise report.fail(None, reason)
    found = Scan(FrameClock(rate))
    open_ends: list[tuple[int, int]] = []
    for number, line in enumerate(source.lines):
        if number == first or not line.strip() or _DEFAULTS.match(line):
            continue
        match = _CUE.fullmatch(line)
        if match is None:
            what = f"{shown(line)} is no cue such as '{{100}}{{150}}text'"
            report.malformed(number + 1, what, "leaves it there, at its old time")
            continue
        start = found.clock.read(match[1])
        end = found.clock.read(match[2]) if match[2] else start
        if not match[2]:
            open_ends.append((len(found.cues), source.starts[number] + match.start(2)))
        place = source.starts[number]
        found.add(
            Cue(start, end, match[3], "microdvd", line=number + 1),
            (place + match.start(1), place + match.end(1), start, Role.START),
            (place + match.start(2), place + match.end(2), end, Role.END),
        )
    for index, place in open_ends:
        stamp = found.clock.write(max(0.0, found.usable_end(index)), "0")
        what = "the cue has no end"
        edit = Edit(place, place, stamp)
        report.malformed(found.cues[index].line, what, f"lets it end at frame {stamp}", edit)
    return found


def _stated_rate(source: Source, report: Report) -> tuple[int | None, Fraction | None]:
    """The line that states the frame rate, if there is one, and the rate."""
    for number, line in enumerate(source.lines):
        if not line.strip() or _DEFAULTS.match(line):
            continue
        match = _CUE.fullmatch(line)
        # VLC's rule: a cue over frames 0 or 1 that is a number and nothing else.
        if match is None or match[1] not in "01" or match[2] not in ("0", "1"):
            return None, None
        try:
            return number, frame_rate(match[3].strip().replace(",", "."))
        except ValueError:
            return None, None
    return None, None
