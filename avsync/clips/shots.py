"""Where one shot gives way to the next.

Two judges look at every clip. The shot change head of VisualEncoder sees 2.6 s to either side, so
it knows dissolves and fades, and tells a flash from a cut; on generated films it errs about half
as often as scenedetect's AdaptiveDetector (Castellano; a frame's difference in hue, saturation and
brightness against that of its neighbours), which sees every frame of the file and no trained
weights. So the head decides, alone where it is certain and with a second witness where it is not:
the detector, or one frame that stands out among its neighbours and changes the picture for good.
Where the picture of before comes back a few frames later it was a flash, whoever takes it for a
cut; and where its outlines are still there in the frame after, perhaps a little moved by the
camera, only the light has changed. And the frames themselves say at which of them the change is,
to the frame at any rate.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]

CERTAIN = 0.7
"""From this probability on, the head is believed alone."""
AGREED = 0.5
"""From this probability on, it is believed where scenedetect sees a cut too."""
POSSIBLE = 0.2
"""From this probability on, it is believed where the frames themselves show a plain cut."""
SHORTEST_SHOT = 0.2
"""Seconds within which only the likeliest change counts."""
_TOKEN = 0.04  # seconds
_REACH = 2.5 * _TOKEN  # seconds by which the head may misplace a change
_STANDS_OUT = 3.0  # times the difference of a frame's neighbours
_LEAST = 3.0  # of 255: a difference of frames that is worth a closer look
_NEIGHBOURS = 0.4  # seconds to either side
_FLASH = 0.3  # seconds by which most of the light of a flash is gone
_SOFT = 0.5  # seconds within which there is one dissolve at most
_SPREAD = 3  # tokens to either side over which a dissolve spreads its probability
_LIKELY = 0.35  # on average over those
_LIT_S = 0.1  # seconds within which the glare is gone that hides outlines
_SHIFT = 3  # pixels of 64 by 36 by which the camera may move meanwhile
_PATCH = 9  # pixels to either side of which the light is taken to be even
_FAINT = 4.0  # of 255: outlines fainter than this are grain
_SUDDEN = 1.5  # times what changed lately
_RETURNED = 0.6
"""Share of the difference that is left, at least, where the picture was changed for good; more
where the head doubts it."""
_SURE = 0.95  # from this probability on, shots may be framed as alike as they like
_ALIKE, _TRUST_ALIKE = 0.3, 0.55
"""Likeness of outlines from which on it is the same shot, and by how much more that takes against a
head that is rather certain: two shots in a hundred are framed alike."""


class ShotFinder:
    """Looks at every frame of a clip for what stands out, before the head has its say.

    Args:
        frame_rate: frames a second, on average.
    """

    def __init__(self, frame_rate: Fraction) -> None:
        from scenedetect import AdaptiveDetector, FrameTimecode

        # Frames are counted: a detector's own times would only have to be turned back.
        self._count = partial(FrameTimecode, fps=frame_rate)
        self._detector = AdaptiveDetector(min_scene_len=max(1, round(SHORTEST_SHOT * frame_rate)))
        self._last: list[Pixels] = []  # the last two frames
        self._open: list[_Change] = []  # not yet older than a flash
        self._left: dict[int, float] = {}
        self._alike: dict[int, float] = {}
        self._cuts: list[int] = []
        self._differences: list[float] = []
        self.times: list[float] = []
        """seconds: of every frame"""

    def add(self, time: float, frame: Pixels) -> None:
        """Take the next frame, uint8 [height, width, 3] in RGB, that is shown from `time` on."""
        blue_first = np.ascontiguousarray(frame[..., ::-1])
        found = self._detector.process_frame(self._count(len(self.times)), blue_first)
        self._cuts += [cut.frame_num for cut in found]
        before = self._last[-1] if self._last else frame
        difference = _difference(frame, before)
        self._open = [change for change in self._open if time - change.time <= _FLASH]
        for change in self._open:
            left = _difference(frame, change.before)
            self._left[change.frame] = min(self._left[change.frame], left)
            if change.frame in self._alike and time - change.time <= _LIT_S:
                self._compare(change, frame)
        if difference >= _LEAST:
            number = len(self.times)
            self._open.append(_Change(number, time, self._last[0]))
            self._left[number] = _difference(frame, self._last[0])
            if difference >= _SUDDEN * sorted([0.0, 0.0, *self._differences[-5:]])[-2]:
                self._compare(self._open[-1], frame)
        self._differences.append(difference)
        self._last = [*self._last[-1:], frame]
        self.times.append(time)

    def _compare(self, change: _Change, frame: Pixels) -> None:
        """Keep how like a frame is to what was there before a change."""
        likeness = _likeness(change.before, frame)
        self._alike[change.frame] = max(likeness, self._alike.get(change.frame, 0.0))

    def starts(self, probability: FloatArray) -> list[float]:
        """When each shot begins, in seconds, the first at 0.

        Args:
            probability: float32 [tokens], of `VisualEncoder.change_probability`.
        """
        times = np.array(self.times)
        cuts = times[self._cuts] if self._cuts else np.zeros(0)
        found: list[_Found] = []
        for token in change_tokens(probability, POSSIBLE):
            at = token * _TOKEN
            seen = cuts[np.abs(cuts - at) <= _REACH]
            if len(seen):
                frame = int(np.searchsorted(times, seen[np.abs(seen - at).argmin()]))
            else:
                frame = self._largest(at)
            plain = self._stands_out(frame)
            if not self._lasts(frame, plain, float(probability[token])):
                continue
            around = probability[max(0, token - _SPREAD) : token + _SPREAD + 1]
            soft = not plain and float(around.mean()) >= _LIKELY
            needed = POSSIBLE if plain else AGREED if soft or len(seen) else CERTAIN
            if probability[token] >= needed:
                found.append(_Found(float(times[frame]), float(probability[token]), soft))
        return _apart(sorted(found, key=lambda one: one.time))

    def _largest(self, at: float) -> int:
        """The frame that differs most, of those near an instant or else the nearest one."""
        first = bisect_left(self.times, at - _REACH)
        last = bisect_right(self.times, at + _REACH)
        if first == last:
            near = range(max(0, first - 1), min(first + 1, len(self.times)))
            return min(near, key=lambda n: abs(self.times[n] - at))
        return max(range(first, last), key=lambda n: self._differences[n])

    def _stands_out(self, frame: int) -> bool:
        """Whether the picture changes more at a frame than at any other near it but one."""
        at, here = self.times[frame], self._differences[frame]
        first = bisect_left(self.times, at - _NEIGHBOURS)
        last = bisect_right(self.times, at + _NEIGHBOURS)
        others = sorted(self._differences[first:frame] + self._differences[frame + 1 : last])
        usual = others[-2] if len(others) > 1 else 0.0
        return here >= max(_LEAST, _STANDS_OUT * (usual + 0.5))

    def _lasts(self, frame: int, plain: bool, probability: float) -> bool:
        """Whether the picture from before does not come back, nor is there still in other light.

        The less sure the head is of a plain cut, the surer this has to be. (Within a dissolve, each
        frame is like the one before.)
        """
        left = self._left.get(frame, np.inf) / max(self._differences[frame], _LEAST)
        if not plain:
            return left > _RETURNED
        if left <= max(_RETURNED, 1.0 - _RETURNED * probability):
            return False
        alike = self._alike.get(frame, 0.0)
        return probability >= _SURE or alike < _ALIKE + _TRUST_ALIKE * probability


@dataclass(frozen=True, slots=True)
class _Found:
    """A change of shot that may be."""

    time: float
    probability: float
    soft: bool
    """whether it takes its time, as a dissolve does"""


def _apart(found: list[_Found]) -> list[float]:
    """When shots begin: a dissolve counts once, and not where something more likely is near."""
    starts = [0.0]
    times = [one.time for one in found]
    for one in found:
        near = found[bisect_right(times, one.time - _SOFT) : bisect_left(times, one.time + _SOFT)]
        rank = (not one.soft, one.probability, -one.time)
        if one.soft and any((not o.soft, o.probability, -o.time) > rank for o in near):
            continue
        if one.time - starts[-1] >= SHORTEST_SHOT / 2:
            starts.append(one.time)
    return starts


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """A frame that differs, and the picture from before it."""

    frame: int
    time: float
    before: Pixels


def _difference(one: Pixels, other: Pixels) -> float:
    import cv2

    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def _likeness(one: Pixels, other: Pixels) -> float:
    """How well the outlines of two pictures fit at the best of small shifts, at most 1.

    Normalised correlation of what is left when brightness and contrast around each pixel are taken
    off, so that light does not count, however strong and from wherever it is.
    """
    import cv2

    outlines, others = _outlines(one), _outlines(other)
    inside = np.ascontiguousarray(others[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT])
    return float(cv2.matchTemplate(outlines, inside, cv2.TM_CCORR_NORMED).max())


def _outlines(picture: Pixels) -> npt.NDArray[np.float32]:
    import cv2

    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    mean = cv2.blur(grey, (_PATCH, _PATCH))
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (_PATCH, _PATCH)) - mean * mean, 0))
    outlines: npt.NDArray[np.float32] = ((grey - mean) / (spread + _FAINT)).astype(np.float32)
    return outlines


def change_tokens(probability: FloatArray, certain: float = CERTAIN) -> list[int]:
    """The tokens at which a new shot begins, by the shot change head: its peaks, in order.

    Args:
        probability: float32 [tokens], of `VisualEncoder.change_probability`.
    """
    left = np.array(probability, np.float32)
    apart = round(SHORTEST_SHOT / _TOKEN)
    found: list[int] = []
    while len(left) and left[best := int(left.argmax())] >= certain:
        found.append(best)
        left[max(0, best - apart + 1) : best + apart] = 0
    return sorted(found)
