"""Where one shot gives way to the next.

Two judges look at every clip. The shot change head of VisualEncoder sees 2.6 s to either side, so
it knows dissolves and fades, and tells a flash from a cut; on generated films it errs about half as
often as scenedetect's AdaptiveDetector (Castellano; a frame's difference in hue, saturation and
brightness against that of its neighbours), which sees every frame of the file and no trained
weights. So the head decides, alone where it is certain and with the detector where it is not; and
the frames themselves say at which of them the change is, to the frame at any rate.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

CERTAIN = 0.7
"""From this probability on, the head is believed alone."""
AGREED = 0.5
"""From this probability on, it is believed where scenedetect sees a cut too."""
SHORTEST_SHOT = 0.2
"""Seconds within which only the likeliest change counts."""
_TOKEN = 0.04  # seconds
_REACH = 2.5 * _TOKEN  # seconds by which the head may misplace a change


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
        self._before: Pixels | None = None
        self._cuts: list[int] = []
        self._differences: list[float] = []
        self.times: list[float] = []
        """seconds: of every frame"""

    def add(self, time: float, frame: Pixels) -> None:
        """Take the next frame, uint8 [height, width, 3] in RGB, that is shown from `time` on."""
        blue_first = np.ascontiguousarray(frame[..., ::-1])
        found = self._detector.process_frame(self._count(len(self.times)), blue_first)
        self._cuts += [cut.frame_num for cut in found]
        before = frame if self._before is None else self._before
        self._differences.append(float(np.abs(frame.astype(np.int16) - before).mean()))
        self._before = frame
        self.times.append(time)

    def starts(self, probability: FloatArray) -> list[float]:
        """When each shot begins, in seconds, the first at 0.

        Args:
            probability: float32 [tokens], of `VisualEncoder.change_probability`.
        """
        times, differences = np.array(self.times), np.array(self._differences)
        cuts = times[self._cuts] if self._cuts else np.zeros(0)
        starts = [0.0]
        for token in change_tokens(probability, AGREED):
            at = token * _TOKEN
            seen = cuts[np.abs(cuts - at) <= _REACH]
            if len(seen):
                start = float(seen[np.abs(seen - at).argmin()])
            elif probability[token] >= CERTAIN:
                off = np.abs(times - at)
                near = np.flatnonzero(off <= max(_REACH, float(off.min())))
                start = float(times[near[differences[near].argmax()]])
            else:
                continue
            if start - starts[-1] >= SHORTEST_SHOT / 2:
                starts.append(start)
        return starts


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
