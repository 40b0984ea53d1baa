"""Opening a media file, and nothing but that file.

FFmpeg takes a name for more than a file: `concat:a|b`, `http://...`, a playlist that names further
files. A film's name and content come from strangers, so here a name is only ever a path, and only
formats that keep all of their content in one file are let in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Stream

from avsync.errors import MediaError

# Demuxers by FFmpeg's names. Left out on purpose: playlists and scripts that name other files or
# hosts (hls, dash, concat, imf, sdp, vobsub ...), image sequences, devices, and text.
_FORMATS = (
    "3g2,3gp,aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,avi,caf,dhav,dsf,dts,dtshd,dv,eac3,f4v,"
    "flac,flv,gxf,h264,hevc,iff,ivf,ivr,kux,live_flv,loas,m4a,m4v,matroska,mj2,mlp,mov,mp3,mp4,mpc,"
    "mpc8,mpeg,mpegts,mpegvideo,mpegtsraw,mxf,mxf_opatom,nsv,nut,nuv,obu,ogg,pva,qcp,rm,shn,spdif,"
    "swf,tak,truehd,tta,ty,voc,w64,wav,webm,wsaud,wtv,wv,xmv,xwma"
)

_SIGNATURES = {
    b"Rar!": "a RAR archive: unpack it first",
    b"PK\x03\x04": "a ZIP archive: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive: unpack it first",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"#EXTM3U": "a playlist, not a film: give the film that it names",
    b"ffconcat": "a playlist, not a film: give the film that it names",
}


@contextmanager
def open_container(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """An open container, closed again when the block ends.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not a file, may not be read, is empty or holds no media.
    """
    _check_file(path)
    try:
        # "file:" and the whitelists keep FFmpeg to this one file, whatever it is called or holds.
        container = av.open(
            "file:" + os.path.abspath(path),
            options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(path, f"{_what_it_is(path)} ({_reason(error)})") from error
    with container:
        yield container


def film_start(container: InputContainer) -> float:
    """Where the film's clock starts, in seconds on the container's own clock."""
    start = container.start_time
    return 0.0 if start is None else start / av.time_base


def film_length(container: InputContainer) -> float | None:
    """How long the film is by its container, in seconds, if that says; it may be an estimate."""
    length = container.duration
    return None if length is None else length / av.time_base


def keep_only(container: InputContainer, stream: Stream) -> None:
    """Have the demuxer drop all other streams: video is most of a film, and none of it is read."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _check_file(path: str | os.PathLike[str]) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError(path, f"cannot be reached ({error.strerror}): check its path") from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(path, "is a folder: name a film in it")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(path, "is not a regular file: save the film to a file first")
    if status.st_size == 0:
        raise MediaError(path, "is empty (0 bytes): get the file again")
    if not os.access(path, os.R_OK):
        raise MediaError(path, "may not be read: change its permissions")


def _what_it_is(path: str | os.PathLike[str]) -> str:
    with Path(path).open("rb") as file:
        head = file.read(4096)
    for signature, meaning in _SIGNATURES.items():
        if head.startswith(signature):
            return f"is {meaning}"
    if head[4:8] in (b"ftyp", b"mdat", b"moov", b"free", b"wide"):
        return (
            "is an MP4 or MOV whose index is missing, as after a recording or download that "
            "was cut off: get the whole file"
        )
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "is a Matroska file that breaks off before its tracks: get the whole file"
    if b"\0" not in head and not head.translate(None, _TEXT_BYTES):
        return "is text, not media: give a film or a sound file"
    return "is not media that can be read: give a film or a sound file"


_TEXT_BYTES = bytes({*b"\t\n\r\f\x1b", *range(0x20, 0x7F), *range(0x80, 0x100)})
