"""Cross-attention between two token sequences, and its diagonals.

The score of query token *i* against key token *j* is ``A[i, j] = q_i · k_j / √d``, per head
(Vaswani et al. 2017). A constant lag between two clocks is a diagonal of ``A``; the sum along a
diagonal is how well the sequences agree at that lag. Sums of diagonals are correlations, so they
are taken by FFT and ``A`` itself is never made: O(n log n) where the matrix would be O(n²).

**Sign.** At lag λ query token *i* meets key token *i + λ*: a positive lag says that things happen
later on the keys' clock than on the queries'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def lag_logits(queries: Tensor, keys: Tensor) -> Tensor:
    """Sum every diagonal of ``queries @ keys.T`` without making the matrix.

    Args:
        queries: [..., n, d]
        keys: [..., m, d], same leading shape.

    Returns:
        [..., n + m − 1]; entry ``l`` is lag ``l − (n − 1)``, from −(n − 1) to m − 1 tokens.
    """
    n, m = queries.shape[-2], keys.shape[-2]
    size = _fast_length(n + m - 1)
    spectrum = torch.fft.rfft(queries, size, dim=-2).conj() * torch.fft.rfft(keys, size, dim=-2)
    correlation = torch.fft.irfft(spectrum.sum(-1), size, dim=-1)
    return torch.cat([correlation[..., size - (n - 1) :], correlation[..., :m]], dim=-1)


def window_lag_logits(
    queries: Tensor, starts: Tensor, keys: Tensor, *, lowest: int, highest: int, batch: int = 32
) -> Tensor:
    """The lag logits of many short windows against one long sequence of keys.

    The keys are cut into overlapping blocks whose spectra meet all windows in one matrix product
    per frequency (partitioned overlap-save convolution), so the keys are transformed once and not
    once per window. Keys outside the sequence count as zero.

    Args:
        queries: [windows, n, d], zero padded to a common n.
        starts: int64 [windows], the token at which each window begins on the queries' clock, in
            ascending order (windows that lie close share their blocks of keys).
        keys: [m, d]
        lowest, highest: the lags wanted, both inclusive, in tokens.

    Returns:
        [windows, highest − lowest + 1]
    """
    n, lags = queries.shape[1], highest - lowest + 1
    size = max(256, _fast_length(4 * n))
    hop = size - n + 1
    out = queries.new_empty(len(queries), lags)
    for first, last in _neighbours(starts, batch=batch, farthest=max(lags, 8 * size)):
        some, at = queries[first:last], starts[first:last]
        begin, end = int(at[0]) + lowest, int(at[-1]) + highest + 1
        blocks = -(-(end - begin) // hop)
        part = _slice_with_zeros(keys, begin, begin + (blocks - 1) * hop + size)
        spectra = torch.fft.rfft(part.unfold(0, size, hop), dim=-1).permute(2, 1, 0).contiguous()
        wanted = torch.fft.rfft(some, size, dim=1).conj().transpose(0, 1).contiguous()
        sums = torch.fft.irfft(torch.bmm(wanted, spectra), size, dim=0)[:hop]  # [hop, w, blocks]
        by_offset = sums.permute(1, 2, 0).reshape(len(some), blocks * hop)
        for row, start in enumerate((at - at[0]).tolist()):
            out[first + row] = by_offset[row, start : start + lags]
    return out


def _neighbours(starts: Tensor, *, batch: int, farthest: int) -> Iterator[tuple[int, int]]:
    """Runs of at most ``batch`` windows that start within ``farthest`` tokens of the first."""
    first, at = 0, starts.tolist()
    while first < len(at):
        last = first + 1
        while last < len(at) and last - first < batch and at[last] - at[first] <= farthest:
            last += 1
        yield first, last
        first = last


def _slice_with_zeros(keys: Tensor, begin: int, end: int) -> Tensor:
    inside = keys[max(0, begin) : max(0, end)]
    before = max(0, min(-begin, end - begin))
    return nn.functional.pad(inside, (0, 0, before, end - begin - before - len(inside)))


def _fast_length(length: int) -> int:
    """The smallest length ≥ ``length`` of the form 2ᵃ·{1, 3, 5}, which FFTs like."""
    return min(k << max(0, math.ceil(math.log2(length / k))) for k in (1, 3, 5))


class CrossAttention(nn.Module):
    """Multi-head scores of query tokens against key tokens.

    Only the scores are made here: what a task does with them (sum their diagonals, soften a band
    of them over ``j``) belongs to the task.
    """

    def __init__(self, query_dim: int, key_dim: int, *, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.query = nn.Linear(query_dim, heads * head_dim, bias=False)
        self.key = nn.Linear(key_dim, heads * head_dim, bias=False)

    def project_queries(self, tokens: Tensor) -> Tensor:
        """[..., n, query_dim] → [..., n, heads · head_dim], scaled by 1/√head_dim."""
        projected: Tensor = self.query(tokens) / math.sqrt(self.head_dim)
        return projected

    def project_keys(self, tokens: Tensor) -> Tensor:
        """[..., m, key_dim] → [..., m, heads · head_dim]."""
        projected: Tensor = self.key(tokens)
        return projected

    def scores(self, query_tokens: Tensor, key_tokens: Tensor) -> Tensor:
        """Attention matrix ``A``: [..., n, query_dim], [..., m, key_dim] → [..., heads, n, m]."""
        q = self._by_head(self.project_queries(query_tokens))
        k = self._by_head(self.project_keys(key_tokens))
        return torch.einsum("...ihd,...jhd->...hij", q, k)

    def _by_head(self, projected: Tensor) -> Tensor:
        return projected.reshape(*projected.shape[:-1], self.heads, self.head_dim)

    def lag_logits(self, query_tokens: Tensor, key_tokens: Tensor) -> Tensor:
        """Diagonal sums of :meth:`scores` over all heads, [..., n + m − 1]: :func:`lag_logits`."""
        return lag_logits(self.project_queries(query_tokens), self.project_keys(key_tokens))


class ContextAttention(nn.Module):
    """Each token gathers what it attends to in the other sequence: softmax over a band of time.

    Multi-head attention (Vaswani et al. 2017) whose scores fall off with the distance in time by a
    slope that each head learns (ALiBi, Press et al. 2022), so that clips of any length look alike
    to it. The weights are handed out with the context, for who wants to know where it looked.
    """

    def __init__(
        self, query_dim: int, key_dim: int, *, heads: int, head_dim: int, reach: int
    ) -> None:
        super().__init__()
        self.scored = CrossAttention(query_dim, key_dim, heads=heads, head_dim=head_dim)
        self.value = nn.Linear(key_dim, heads * head_dim)
        self.slope = nn.Parameter(torch.linspace(-3.0, 0.0, heads))
        self.reach = reach

    def forward(
        self, queries: Tensor, keys: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What each query token gathers, and how it looked at each key token.

        Args:
            queries: [..., n, query_dim], token `i` at the same instant as key `i`.
            keys: [..., m, key_dim]
            present: bool [..., m], keys that may be looked at; None for all.

        Returns:
            context [..., n, heads · head_dim] and weights [..., heads, n, m], whose rows sum to 1,
            or to 0 where no key within `reach` is present.
        """
        scores = self.scored.scores(queries, keys)
        n, m = scores.shape[-2:]
        apart = (torch.arange(n)[:, None] - torch.arange(m)).abs().to(scores.device)
        scores = scores - nn.functional.softplus(self.slope)[:, None, None] * apart
        open_ = (apart <= self.reach).expand(scores.shape)
        if present is not None:
            open_ = open_ & present[..., None, None, :]
        weights = scores.masked_fill(~open_, -1e4).softmax(-1) * open_
        values = self.value(keys)
        values = values.reshape(*values.shape[:-1], self.scored.heads, self.scored.head_dim)
        context = torch.einsum("...hnm,...mhd->...nhd", weights, values)
        return context.flatten(-2), weights
