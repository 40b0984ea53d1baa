"""Bond: how much likelier two trajectories are if they follow one mood than if they are strangers.

Values of sound and picture at a moment are taken for a draw from a normal distribution: of
strangers without correlation, of a film with one, which is a likelihood ratio in nats. What is
known with an error is less correlated by as much (attenuation, Spearman 1904), so an estimate that
may be anything says nothing. It is asked twice: of the values as they are, which counts level, and
of how far each is from its own mean over the film, which counts rise and fall and knows no level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Bond", "Trajectory", "nearby"]

REACH = 8
"""Moments to either side over which a moment's surroundings reach."""
_NEAR = 1.5  # moments: their deviation
_ALIKE = 0.5  # of an error's variance that a film has throughout, which movement does not notice
_STRONGEST = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """(arousal, valence) of one side over moments."""

    values: Tensor
    """[..., moments, 2]"""
    errors: Tensor
    """[..., moments, 2]: standard errors"""
    centre: Tensor
    """[..., 1, 2]: the mean over the whole film"""

    @classmethod
    def of(cls, values: Tensor, errors: Tensor, present: Tensor) -> Trajectory:
        """One that is a whole film, with a mean over the moments at which it is there."""
        weight = present[..., None] / present.sum(-1)[..., None, None].clamp_min(1)
        return cls(values, errors, (weight * values).sum(-2, keepdim=True))

    def part(self, moments: slice) -> Trajectory:
        """Some of the moments, about the same mean."""
        return Trajectory(self.values[moments], self.errors[moments], self.centre)


def nearby(present: Tensor) -> Tensor:
    """Weights [..., n, n] with which moments around a moment count, where both sides are there."""
    n = present.shape[-1]
    apart = (torch.arange(n)[:, None] - torch.arange(n)).abs()
    weight = torch.exp(-0.5 * (apart / _NEAR) ** 2) * (apart <= REACH)
    weight = weight * present[..., None, :]
    return weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)


class Bond(nn.Module):
    """The log likelihood ratio, with correlations and spreads that are learnt."""

    def __init__(self) -> None:
        super().__init__()
        # [level and movement, arousal and valence]
        self.correlation = nn.Parameter(torch.tensor([[1.4, 1.4], [1.4, 1.4]]))
        # [level and movement, sound and picture, arousal and valence], and where levels lie.
        self.spread = nn.Parameter(torch.full((2, 2, 2), -0.4))
        self.middle = nn.Parameter(torch.zeros(2, 2))
        self.gain = nn.Parameter(torch.tensor([1.0, 1.0]))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, sound: Trajectory, picture: Trajectory, present: Tensor) -> Tensor:
        """Nats [..., moments] for one mood, against strangers."""
        near = nearby(present)
        sides = [(near @ side.values, near @ side.errors, side.centre) for side in (sound, picture)]
        (heard, heard_error, heard_mean), (seen, seen_error, seen_mean) = sides
        level = self._ratio(
            0, heard - self.middle[0], seen - self.middle[1], heard_error, seen_error
        )
        less = _ALIKE**0.5
        movement = self._ratio(
            1, heard - heard_mean, seen - seen_mean, less * heard_error, less * seen_error
        )
        gains = nn.functional.softplus(self.gain)
        return self.bias + gains[0] * level + gains[1] * movement

    def _ratio(self, of: int, s: Tensor, p: Tensor, s_error: Tensor, p_error: Tensor) -> Tensor:
        spread = nn.functional.softplus(self.spread[of])
        s_variance, p_variance = spread[0] ** 2 + s_error**2, spread[1] ** 2 + p_error**2
        known = spread[0] * spread[1] / (s_variance * p_variance).sqrt()
        r = _STRONGEST * torch.sigmoid(self.correlation[of]) * known
        s, p = s / s_variance.sqrt(), p / p_variance.sqrt()
        left = 1 - r**2
        nats = -0.5 * left.log() - (r**2 * (s**2 + p**2) - 2 * r * s * p) / (2 * left)
        return nats.sum(-1)
