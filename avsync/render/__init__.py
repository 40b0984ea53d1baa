"""From a cut list to a film: one pass through decoders, FFmpeg's filters, x264 and AAC.

film.py      render: checks, and the loop
footage.py   the picture, frame by frame: which source is on screen, dissolves
fitting.py   any picture into the film's size and colours
sound.py     the music and the shots' own sound, sample by sample
mixing.py    both into one: mixed, or the music ducked under the shots
preview.py   flashes and beeps on the beat
writing.py   the file
"""

from __future__ import annotations

from avsync.render.film import PRESETS, common_size, render
from avsync.render.writing import FORMATS

__all__ = ["FORMATS", "PRESETS", "common_size", "render"]
