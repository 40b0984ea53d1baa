from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from avsync.tokens import TokenSequence


def test_times_stand_on_the_clock() -> None:
    tokens = TokenSequence(np.zeros((4, 3), np.float32), rate_hz=25, start=2.0)
    assert tokens.times.dtype == np.float64
    np.testing.assert_array_equal(tokens.times, [2.0, 2.04, 2.08, 2.12])
    assert (len(tokens), tokens.dim, tokens.duration) == (4, 3, 0.16)


def test_times_do_not_drift_over_a_long_film() -> None:
    tokens = TokenSequence(np.zeros((6 * 3600 * 50, 1), np.float32), rate_hz=50.0)
    assert tokens.times[-1] == pytest.approx(6 * 3600 - 0.02, abs=1e-9)


def test_values_are_float32_and_the_fields_frozen() -> None:
    tokens = TokenSequence(np.arange(6, dtype=np.float64).reshape(2, 3), rate_hz=1)
    assert tokens.values.dtype == np.float32
    assert isinstance(tokens.rate_hz, float)
    with pytest.raises(dataclasses.FrozenInstanceError):
        tokens.start = 1.0  # type: ignore[misc]


def test_repr_tells_the_shape() -> None:
    tokens = TokenSequence(np.zeros((180, 32), np.float32), rate_hz=50.0, start=0.01)
    assert repr(tokens) == "TokenSequence([180, 32], 50 Hz, start=0.01 s)"


def test_an_empty_sequence_is_one() -> None:
    tokens = TokenSequence(np.zeros((0, 8), np.float32), rate_hz=50.0)
    assert (len(tokens), tokens.duration, tokens.times.shape) == (0, 0.0, (0,))


@pytest.mark.parametrize(
    ("shape", "rate_hz", "start"),
    [
        ((3,), 50.0, 0.0),
        ((1, 2, 3), 50.0, 0.0),
        ((3, 2), 0.0, 0.0),
        ((3, 2), -1.0, 0.0),
        ((3, 2), float("nan"), 0.0),
        ((3, 2), float("inf"), 0.0),
        ((3, 2), 50.0, float("nan")),
    ],
)
def test_nonsense_is_refused(shape: tuple[int, ...], rate_hz: float, start: float) -> None:
    with pytest.raises(ValueError, match=r"shape|rate_hz|start"):
        TokenSequence(np.zeros(shape, np.float32), rate_hz, start)
