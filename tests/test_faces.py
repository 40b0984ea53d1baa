"""Faces found and followed: drawn ones, in pictures made here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from drawn_faces import HEIGHT, WIDTH, face_picture
from hypothesis import given
from hypothesis import strategies as st

from avsync.faces import (
    LONGEST_TRACK,
    MOUTH_SIZE,
    FaceDetector,
    MouthFinder,
    MouthTrack,
    iter_mouths,
    upright_mouth,
)
from avsync.media import Frame

UPRIGHT = np.array([38.3 + 51.6j, 73.5 + 51.5j, 56.0 + 71.7j, 41.5 + 92.4j, 70.7 + 92.2j])
Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def film(pictures: list[Pixels]) -> Iterator[Frame]:
    return (Frame(k / 25, picture) for k, picture in enumerate(pictures))


def empty() -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


@given(
    scale=st.floats(0.3, 6),
    turn=st.floats(-0.6, 0.6),
    x=st.floats(-100, 300),
    y=st.floats(-100, 300),
)
def test_a_mouth_is_laid_upright_wherever_its_face_is(
    scale: float, turn: float, x: float, y: float
) -> None:
    points = UPRIGHT * scale * np.exp(1j * turn) + x + 1j * y
    transform = upright_mouth(points)
    corners = transform[:, :2] @ np.array([points[3:].real, points[3:].imag]) + transform[:, 2:]
    np.testing.assert_allclose(corners.mean(1), MOUTH_SIZE / 2, atol=1.5)
    assert corners[0, 1] - corners[0, 0] == pytest.approx((70.7 - 41.5) * 48 / 52, abs=0.1)
    np.testing.assert_allclose(corners[1, 0], corners[1, 1], atol=0.5)
    wider = upright_mouth(points, margin=10)
    np.testing.assert_allclose(wider[:, 2] - transform[:, 2], 10, atol=1e-6)


def test_a_drawn_face_is_found_where_it_is(detector: FaceDetector) -> None:
    face = detector(face_picture(opening=0.2))[0]
    assert face.score > 0.35
    left, right = face.points[3:]
    assert abs((left + right) / 2 - (160 + 168j)) < 12


def test_nothing_is_found_where_nothing_is(detector: FaceDetector) -> None:
    assert not [face for face in detector(empty()) if face.score > 0.35]


def test_a_face_is_followed_for_as_long_as_it_is_there() -> None:
    steps = np.abs(np.sin(np.arange(40) / 3))
    pictures = [face_picture(opening=float(step), x=0.3 * k) for k, step in enumerate(steps)]
    (track,) = iter_mouths(film(pictures))
    assert track.start == 0
    assert track.mouths.shape == (40, MOUTH_SIZE, MOUTH_SIZE)
    # A mouth that opens shows more dark: so what is seen follows what was drawn.
    middle = track.mouths[:, 16:36, 14:34].reshape(40, -1).astype(float)
    darkness = -np.sort(middle, axis=1)[:, :60].mean(axis=1)
    assert np.corrcoef(darkness, steps)[0, 1] > 0.7


def test_a_cut_ends_a_face_and_another_begins() -> None:
    pictures = [face_picture()] * 22 + [255 - empty()] * 7 + [face_picture(x=40)] * 20
    first, second = iter_mouths(film(pictures))
    assert (first.start, len(first.mouths)) == (0, 22)
    assert second.start == 29
    assert len(second.mouths) == 20


def test_a_face_that_is_shown_too_briefly_is_left_out() -> None:
    pictures = [face_picture()] * 8 + [255 - empty()] * 20
    assert not list(iter_mouths(film(pictures)))


def test_a_long_face_is_handed_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avsync.faces.LONGEST_TRACK", 30)
    tracks = list(iter_mouths(film([face_picture()] * 80)))
    assert LONGEST_TRACK == 750
    assert sum(len(track.mouths) for track in tracks) == 80
    starts = [track.start for track in tracks]
    assert starts == np.cumsum([0, *(len(track.mouths) for track in tracks[:-1])]).tolist()
    assert len(tracks) > 1


def test_pictures_are_let_go_of() -> None:
    finder = MouthFinder()
    found: list[MouthTrack] = []
    for _ in range(60):
        found += finder.add(face_picture())
    assert len(finder._pictures) <= 12
    assert not found
    assert len(list(finder.finish())) == 1


def test_a_margin_shows_more_around_the_same_mouth() -> None:
    pictures = [face_picture()] * 20
    (narrow,), (wide,) = (list(iter_mouths(film(pictures), margin=m)) for m in (0, 10))
    assert wide.mouths.shape == (20, 68, 68)
    np.testing.assert_allclose(
        wide.mouths[:, 10:-10, 10:-10].astype(int), narrow.mouths.astype(int), atol=2
    )


def test_no_pictures_have_no_mouths() -> None:
    assert not list(iter_mouths(film([])))
