"""Generated films: the truth that they come with is what is to be seen and heard in them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
pytest.importorskip("scipy", reason="needs the extra: pip install 'avsync[bench]'")

from make_scenes import SPLITS, Film, make_film
from scene_acts import HELD_OUT, TRAINED, Kind
from scene_picture import draw_look, draw_take, film_take
from scene_things import CONTROL_HZ, HEIGHT, WIDTH, Act, disc, glide, instants, rhythm


@pytest.fixture(scope="module")
def film() -> Film:
    return make_film([0, 7], TRAINED, seconds=12)


def test_the_same_seed_makes_the_same_film(film: Film) -> None:
    again = make_film([0, 7], TRAINED, seconds=12)
    np.testing.assert_array_equal(film.frames, again.frames)
    np.testing.assert_array_equal(film.samples, again.samples)
    assert film.kinds == again.kinds
    assert (make_film([0, 8], TRAINED, seconds=12).frames != film.frames).any()


def test_a_film_is_frames_sound_and_truth_of_one_length(film: Film) -> None:
    assert film.frames.shape == (300, HEIGHT, WIDTH, 3)
    assert film.motion.shape == (300,)
    assert len(film.samples) == 12 * 16_000
    assert np.isfinite(film.motion).all()
    assert (film.motion >= 0).all()
    assert np.abs(film.samples).max() <= 1
    assert ((film.changes > 0) & (film.changes < 300)).all()


@pytest.mark.parametrize("kind", [*TRAINED.values(), *HELD_OUT.values()], ids=lambda k: k.__name__)
def test_every_kind_of_scene_is_sound(kind: Kind) -> None:
    t = instants(6.0)
    for seed in range(3):
        act = kind(np.random.default_rng(seed), t)
        assert act.hits or act.drive is not None
        for hit in act.hits:
            assert -0.1 <= hit.time <= 6.1
            assert 0 < hit.strength <= 1.01
        if act.drive is not None:
            assert act.drive.shape == t.shape
            assert act.drive.min() >= 0 and act.drive.max() <= 1.01
        for thing in act.things:
            for path in (thing.x, thing.y, thing.half_width, thing.half_height):
                assert np.isfinite(path).all()
                assert len(path) in (1, len(t))


def test_held_out_kinds_are_not_trained_on() -> None:
    assert not set(SPLITS["train"]) & set(SPLITS["held_out"])


def test_motion_is_the_displacement_that_is_filmed() -> None:
    t = instants(3.0)
    across = disc(5 + 20 * t, np.full(len(t), 18.0), 4.0)
    rng = np.random.default_rng(0)
    take = draw_take(rng, Act([across], []), draw_look(rng), 3.0)
    take.view[:] = 0  # a camera that stands still
    times = np.arange(25) / 25
    _, motion = film_take(take, times, 0.04)
    # 0.8 pixels a frame, over the share of the picture that the disc covers.
    share = np.pi * 16 / (WIDTH * HEIGHT)
    np.testing.assert_allclose(motion[5:], 0.8 * share, rtol=0.1)


def test_a_move_arrives_on_its_hit() -> None:
    rng, t = np.random.default_rng(1), instants(8.0)
    hits = rhythm(rng, 8.0)
    gaps = np.diff([hit.time for hit in hits])
    path = glide(t, hits, np.array([0.0, 10.0]), min(0.1, float(gaps.min()) / 2), arrive=True)
    speed = np.abs(np.gradient(path)) * CONTROL_HZ
    for hit in hits[1:]:
        at = round(hit.time * CONTROL_HZ)
        if 10 < at < len(t) - 10:
            assert speed[at - 3 : at + 2].max() > 20
            assert speed[at + 3] < 1e-6
