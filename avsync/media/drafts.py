"""A film's pictures as fast as they can be had: small, and decoded without polish."""

from __future__ import annotations

import os
from collections.abc import Iterator

import av

from avsync.errors import MediaError
from avsync.media.container import film_length
from avsync.media.frames import Converter, Frame
from avsync.media.pictures import Pictures
from avsync.progress import Progress

__all__ = ["iter_drafts"]


def iter_drafts(
    path: str | os.PathLike[str], *, width: int, height: int, progress: Progress | None = None
) -> Iterator[Frame]:
    """Every picture of a film at its own time, scaled and turned upright, in constant memory.

    The decoder leaves out the filter that smoothes the edges of coded blocks, a sixth of its work
    (H.264, 8.7): averaged over thousands of pixels, nobody sees them. For pictures that somebody
    looks at there is ``iter_frames``.

    Args:
        path: a film.
        width, height: pixels of what is returned, few.
        progress: called with "watching" and the fraction of the film that is done.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: no picture can be decoded. Damaged ones are skipped.
        (Both come with the first frame that is asked for.)
    """
    with Pictures(path) as pictures:
        pictures.stream.codec_context.options = {"skip_loop_filter": "all"}
        length = film_length(pictures.container)
        small = Converter(width, height)
        try:
            for picture in pictures.read():
                yield Frame(picture.time, small(picture))
                if progress is not None and length:
                    progress("watching", min(1.0, max(0.0, picture.time / length)))
        except av.FFmpegError as error:
            raise MediaError(path, f"its picture cannot be scaled ({error.strerror})") from error
    if progress is not None:
        progress("watching", 1.0)
