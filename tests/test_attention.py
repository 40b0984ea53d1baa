"""Lag logits are the diagonal sums of the attention matrix, made here the slow way."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory import peak_memory
from torch import Tensor

from avsync.aligner.attention import CrossAttention, lag_logits, window_lag_logits

quick = settings(deadline=None, derandomize=True, max_examples=60)
lengths = st.integers(1, 40)
batches = st.lists(st.integers(1, 3), max_size=2).map(tuple)
seeds = st.integers(0, 2**31)


def random_tokens(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def diagonal_sums(matrix: Tensor) -> Tensor:
    """[..., n, m] → [..., n + m − 1]: the sum of every diagonal, lag −(n − 1) first."""
    n, m = matrix.shape[-2:]
    lags = range(-(n - 1), m)
    return torch.stack([matrix.diagonal(lag, -2, -1).sum(-1) for lag in lags], -1)


@quick
@given(n=lengths, m=lengths, dim=st.integers(1, 5), batch=batches, seed=seeds)
@example(n=1, m=1, dim=1, batch=(), seed=0)
@example(n=40, m=1, dim=3, batch=(2,), seed=0)
@example(n=1, m=40, dim=3, batch=(2, 1), seed=0)
def test_lag_logits_are_the_diagonal_sums_of_the_scores(
    n: int, m: int, dim: int, batch: tuple[int, ...], seed: int
) -> None:
    queries, keys = random_tokens(seed, *batch, n, dim), random_tokens(seed + 1, *batch, m, dim)
    expected = diagonal_sums(queries @ keys.transpose(-1, -2))
    found = lag_logits(queries, keys)
    assert found.shape == (*batch, n + m - 1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@quick
@given(n=lengths, m=lengths, heads=st.integers(1, 4), batch=batches, seed=seeds)
def test_lag_logits_of_an_attention_are_the_diagonals_of_all_its_heads(
    n: int, m: int, heads: int, batch: tuple[int, ...], seed: int
) -> None:
    torch.manual_seed(seed)
    attention = CrossAttention(6, 7, heads=heads, head_dim=3).double()
    queries, keys = random_tokens(seed, *batch, n, 6), random_tokens(seed + 1, *batch, m, 7)
    scores = attention.scores(queries, keys)
    assert scores.shape == (*batch, heads, n, m)
    expected = diagonal_sums(scores.sum(-3))
    torch.testing.assert_close(attention.lag_logits(queries, keys), expected, rtol=1e-9, atol=1e-9)


def test_scores_are_scaled_dot_products_by_head() -> None:
    attention = CrossAttention(4, 4, heads=2, head_dim=2)
    for layer in (attention.query, attention.key):
        torch.nn.init.eye_(layer.weight)
    query, key = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[5.0, 6.0, 7.0, 8.0]])
    expected = torch.tensor([1 * 5 + 2 * 6, 3 * 7 + 4 * 8]) / math.sqrt(2)
    torch.testing.assert_close(attention.scores(query, key)[:, 0, 0], expected)


def test_a_positive_lag_says_that_the_keys_are_later() -> None:
    queries, keys = torch.zeros(5, 1), torch.zeros(9, 1)
    queries[1], keys[4] = 1.0, 1.0
    logits = lag_logits(queries, keys)
    assert int(logits.argmax()) - (5 - 1) == 3


@quick
@given(n=st.integers(1, 12), m=st.integers(1, 12), seed=seeds)
def test_gradients_are_those_of_the_explicit_matrix(n: int, m: int, seed: int) -> None:
    weights = random_tokens(seed + 2, n + m - 1)
    gradients = []
    for make in (lag_logits, lambda q, k: diagonal_sums(q @ k.T)):
        queries = random_tokens(seed, n, 3).requires_grad_()
        keys = random_tokens(seed + 1, m, 3).requires_grad_()
        total = (make(queries, keys) * weights).sum()
        gradients.append(torch.autograd.grad(total, (queries, keys)))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_single_precision_holds_over_a_long_film() -> None:
    # Two hours at 12.5 Hz against half a minute: rounding may not reach what a window can say.
    queries, keys = random_tokens(0, 400, 8).float(), random_tokens(1, 90_000, 8).float()
    keys[50_000:50_400] += queries
    logits = lag_logits(queries, keys)
    exact = lag_logits(queries.double(), keys.double())
    assert int(logits.argmax()) - 399 == 50_000
    assert float((logits - exact).abs().max()) < 0.01


@st.composite
def windows_over_keys(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, int, int, int]:
    seed, dim = draw(seeds), draw(st.integers(1, 4))
    count, n, m = draw(st.integers(1, 7)), draw(st.integers(1, 30)), draw(st.integers(0, 80))
    starts = sorted(draw(st.lists(st.integers(-150, 150), min_size=count, max_size=count)))
    lowest = draw(st.integers(-150, 150))
    highest = lowest + draw(st.integers(0, 120))
    queries, keys = random_tokens(seed, count, n, dim), random_tokens(seed + 1, m, dim)
    return queries, torch.tensor(starts), keys, lowest, highest, draw(st.integers(1, 8))


@quick
@given(problem=windows_over_keys())
def test_window_lag_logits_equal_the_plain_sums(
    problem: tuple[Tensor, Tensor, Tensor, int, int, int],
) -> None:
    """Windows before, across, inside and beyond the keys, in batches of any size."""
    queries, starts, keys, lowest, highest, batch = problem
    found = window_lag_logits(queries, starts, keys, lowest=lowest, highest=highest, batch=batch)
    n, m = queries.shape[1], len(keys)
    index = starts[:, None, None] + torch.arange(lowest, highest + 1)[:, None] + torch.arange(n)
    padded = torch.cat([keys, keys.new_zeros(1, keys.shape[1])])
    met = padded[torch.where((index >= 0) & (index < m), index, m)]  # [windows, lags, n, d]
    expected = torch.einsum("wnd,wlnd->wl", queries, met)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@quick
@given(n=st.integers(1, 30), m=st.integers(1, 60), start=st.integers(-50, 100), seed=seeds)
def test_a_window_has_the_lag_logits_of_its_tokens(n: int, m: int, start: int, seed: int) -> None:
    queries, keys = random_tokens(seed, n, 3), random_tokens(seed + 1, m, 3)
    windows = window_lag_logits(
        queries[None], torch.tensor([start]), keys, lowest=-(n - 1) - start, highest=m - 1 - start
    )
    torch.testing.assert_close(windows[0], lag_logits(queries, keys), rtol=1e-9, atol=1e-9)


def test_windows_that_lie_far_apart_take_no_memory_for_what_lies_between() -> None:
    # One stray cue at 99:59:59 must not fill memory with the hundred hours before it.
    queries = torch.ones(2, 100, 32)
    starts, keys = torch.tensor([0, 4_500_000]), torch.ones(1000, 32)
    with peak_memory() as peak:
        logits = window_lag_logits(queries, starts, keys, lowest=-100, highest=100)
    assert peak.mib < 200
    assert float(logits[0].max()) == pytest.approx(3200, rel=1e-4)
    assert float(logits[1].abs().max()) < 1e-3


def test_no_matrix_is_made() -> None:
    # 30,000 x 30,000 scores would take 3.6 GB.
    queries = torch.ones(30_000, 2)
    with peak_memory() as peak:
        logits = lag_logits(queries, queries)
    assert peak.mib < 200
    assert float(logits[29_999]) == pytest.approx(60_000, rel=1e-4)
