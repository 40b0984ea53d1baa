"""Films of drawn scenes with cuts, dissolves and flashes at known frames."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def scene(number: int, frames: int, *, size: tuple[int, int] = (128, 72)) -> list[Pixels]:
    """A landscape of soft patches in colours of its own, over which a camera pans slowly."""
    rng = np.random.default_rng(number)
    width, height = size
    x, y = np.meshgrid(np.arange(2 * width), np.arange(height))
    picture = np.full((height, 2 * width, 3), rng.uniform(20, 200, 3), np.float32)
    for _ in range(24):
        radius = rng.uniform(0.1, 0.4) * height
        far = np.hypot(x - rng.uniform(0, 2 * width), y - rng.uniform(0, height)) / radius
        cover = np.clip(2 - 2 * far, 0, 1)[..., None].astype(np.float32)
        picture += cover * (rng.uniform(0, 255, 3).astype(np.float32) - picture)
    left = [round(n * 0.3) % width for n in range(frames)]
    return [picture[:, at : at + width].astype(np.uint8) for at in left]


def write_pictures(
    path: Path,
    pictures: Iterable[Pixels],
    *,
    rate: Fraction = Fraction(25),
    times_ms: list[int] | None = None,
) -> Path:
    """A silent film; of a variable rate where times are given."""
    base = 1 / rate if times_ms is None else Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        for n, picture in enumerate(pictures):
            if n == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = base
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = n if times_ms is None else times_ms[n], base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
