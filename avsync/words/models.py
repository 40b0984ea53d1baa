"""Whisper's models: by name from where Whisper keeps them, or from a file."""

from __future__ import annotations

import os
import pickle
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import whisper
from whisper.model import Whisper

from avsync.errors import ModelUnavailable
from avsync.progress import Progress

__all__ = ["PRECISIONS", "Precision", "SpeechModel", "load_speech_model"]

_REMEDY = "give a checkpoint in Whisper's format"

Precision = Literal["auto", "float32", "float16", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True, eq=False)
class SpeechModel:
    """A Whisper model that is ready to run."""

    whisper: Whisper = field(repr=False)
    name: str
    """a name of Whisper's ("small") or the path of a checkpoint"""
    device: torch.device
    dtype: torch.dtype
    heads: tuple[tuple[int, int], ...]
    """(layer, head) of each cross-attention head that follows the sound; empty: not known"""

    @property
    def multilingual(self) -> bool:
        return bool(self.whisper.is_multilingual)


def load_speech_model(
    name: str | os.PathLike[str] = "small",
    *,
    device: str = "auto",
    precision: Precision = "auto",
    progress: Progress | None = None,
) -> SpeechModel:
    """Load a Whisper model: "tiny" ... "large-v3", "turbo", or a checkpoint by its path.

    A named model is downloaded once to where Whisper keeps its models (~/.cache/whisper), by
    Whisper's own loader, which checks its digest.

    Args:
        device: "auto" (CUDA where there is one), or as PyTorch names it: "cpu", "cuda:1", "mps".
        precision: "auto" is float16 on CUDA and float32 elsewhere.
        progress: called with "downloading" and how much of the model is here.

    Raises:
        ModelUnavailable: no such model or device, not a checkpoint, or it is not here and cannot be
            fetched.
        ValueError: an unknown precision.
    """
    wanted = os.fspath(name)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    place = _device(device, wanted)
    known = whisper.available_models()
    if wanted not in known and not os.path.isfile(wanted):
        what = "there is no such file" if _like_path(wanted) else "is no name of a Whisper model"
        raise ModelUnavailable(wanted, f"{what}; give a path or one of {', '.join(known)}")
    try:
        with _told(progress):
            model = whisper.load_model(wanted, device="cpu")
        heads = _heads(model, wanted)
        # A sparse buffer, which not every device can hold; the heads are kept here.
        model.register_buffer("alignment_heads", model.alignment_heads.to_dense(), persistent=False)
        model = model.to(place).eval()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ModelUnavailable(wanted, _unreachable(wanted, error)) from error
    except (pickle.UnpicklingError, EOFError) as error:
        raise ModelUnavailable(wanted, f"cannot be loaded (no PyTorch file); {_REMEDY}") from error
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise ModelUnavailable(wanted, f"holds no model of Whisper's; {_REMEDY}") from error
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelUnavailable(wanted, f"cannot be loaded ({reason}); {_REMEDY}") from error
    half = torch.float16 if place.type == "cuda" else torch.float32
    dtype = half if precision == "auto" else getattr(torch, precision)
    return SpeechModel(model, wanted, place, dtype, heads)


def _device(device: str, name: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:120]
        raise ModelUnavailable(
            name, f"cannot run on {device!r} ({reason}); try --device cpu"
        ) from error
    return place


def _like_path(name: str) -> bool:
    return name.endswith(".pt") or os.sep in name


def _heads(model: Whisper, name: str) -> tuple[tuple[int, int], ...]:
    """The heads that Whisper's authors list for a model, also for its file under its own name."""
    stem = name if name in whisper._ALIGNMENT_HEADS else Path(name).stem
    listed = whisper._ALIGNMENT_HEADS.get(stem)
    if listed is None:
        return ()
    if stem != name:  # a file that is called like a model need not be that model
        try:
            model.set_alignment_heads(listed)
        except (RuntimeError, ValueError):
            return ()
    return tuple((int(layer), int(head)) for layer, head in model.alignment_heads.indices().T)


def _unreachable(name: str, error: Exception) -> str:
    root = Path(os.getenv("XDG_CACHE_HOME", Path.home() / ".cache")) / "whisper"
    url = whisper._MODELS[name]
    return (
        f"is not in {root} and cannot be downloaded ({getattr(error, 'reason', error)}); "
        f"connect to the network once, put {url} there, or give a checkpoint by its path"
    )


@contextmanager
def _told(progress: Progress | None) -> Iterator[None]:
    """Whisper draws its own bar while it downloads; here the caller is told instead."""

    class Told:
        def __init__(self, total: int = 0, **_: Any) -> None:
            self.total, self.done = max(total, 1), 0

        def __enter__(self) -> Told:
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, count: int) -> None:
            self.done += count
            if progress is not None:
                progress("downloading", min(1.0, self.done / self.total))

    drawn, whisper.tqdm = whisper.tqdm, Told
    try:
        yield
    finally:
        whisper.tqdm = drawn
