"""Weights on disk: safetensors in, safetensors out, and a clear word when they do not fit."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

from avsync.errors import ModelUnavailable

PACKAGED = Path(__file__).parent / "weights"


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the weights of ``model`` as safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def load_weights(model: nn.Module, path: Path, *, trainer: str) -> str:
    """Fill ``model`` with the weights in ``path``; returns a digest of them, their version.

    ``trainer`` is the script that makes such weights, for the message.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    try:
        data = path.read_bytes()
        model.load_state_dict(load(data))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelUnavailable(
            str(path), f"{reason}; reinstall avsync, or train one with scripts/{trainer}"
        ) from error
    return hashlib.blake2b(data, digest_size=8).hexdigest()
