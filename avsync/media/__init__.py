"""Films and recordings: what tracks a file holds, its picture, sound and text on the film's clock.

This package is the only one that opens media (through PyAV, that is FFmpeg's libraries).

The film's clock starts where players start it: at the earliest start of any track in the
container. Picture, sound, subtitles and tracks are all timed from there, in seconds, so that a
subtitle at `t` belongs to the sound and the picture at `t`. What an encoder put before the sound to
prime its decoder (AAC, MP3, Opus) is cut off as the container says.
"""

from __future__ import annotations

from avsync.media.drafts import iter_drafts
from avsync.media.frames import Frame, PixelArray, VideoFormat, iter_frames, probe_video
from avsync.media.line import FloatArray
from avsync.media.rates import standard_rate
from avsync.media.sound import Audio, iter_audio, read_audio
from avsync.media.stereo import iter_stereo
from avsync.media.texts import read_subtitle_track
from avsync.media.tracks import (
    MEDIA_EXTENSIONS,
    MediaInfo,
    Track,
    choose_audio_track,
    is_media,
    probe,
)

__all__ = [
    "MEDIA_EXTENSIONS",
    "Audio",
    "FloatArray",
    "Frame",
    "MediaInfo",
    "PixelArray",
    "Track",
    "VideoFormat",
    "choose_audio_track",
    "is_media",
    "iter_audio",
    "iter_drafts",
    "iter_frames",
    "iter_stereo",
    "probe",
    "probe_video",
    "read_audio",
    "read_subtitle_track",
    "standard_rate",
]
