"""ffsubsync, the retimer to compare with, run as its users run it: by its command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from avsync.errors import SubtitleError
from avsync.subtitles import Subtitles, read_subtitles

LONGEST_RUN = 1800.0  # seconds before a run counts as failed


@dataclass(frozen=True)
class Ffsubsync:
    """The installed ffsubsync; ``ffmpeg`` is a directory that holds a program of that name."""

    ffmpeg: Path

    @staticmethod
    def installed(work: Path) -> Ffsubsync:
        """Find an FFmpeg program for it, and link to that in ``work``."""
        program = shutil.which("ffmpeg")
        if program is None:
            from imageio_ffmpeg import get_ffmpeg_exe

            program = str(get_ffmpeg_exe())
        link = work / "ffmpeg" / "ffmpeg"
        if not link.exists():
            link.parent.mkdir()
            link.symlink_to(program)
        return Ffsubsync(link.parent)

    @property
    def version(self) -> str:
        return version("ffsubsync")

    def command(self, reference: Path, *options: str) -> list[str]:
        """The command line to retime to ``reference``."""
        beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        program = shutil.which("ffsubsync", path=beside)
        if program is None:
            raise FileNotFoundError("ffsubsync is not installed: pip install 'avsync[bench]'")
        return [program, str(reference), "--ffmpeg-path", str(self.ffmpeg), *options]

    def listen(self, soundtrack: Path) -> Path:
        """Store where ``soundtrack`` has speech, to be given to :meth:`retime` many times.

        ffsubsync itself writes and reads that file: its result is the same as from the sound.
        """
        complaint = run_quietly(self.command(soundtrack, "--serialize-speech"))
        speech = soundtrack.with_suffix(".npz")
        if not speech.exists():
            raise RuntimeError(f"ffsubsync could not listen to {soundtrack}:\n{complaint}")
        return speech

    def retime(self, data: bytes, reference: Path, *options: str) -> Subtitles | None:
        """Retime an SRT file; None where ffsubsync wrote nothing that can be read."""
        source = reference.with_suffix(".in.srt")
        target = reference.with_suffix(".out.srt")
        target.unlink(missing_ok=True)
        source.write_bytes(data)
        run_quietly(self.command(reference, "-i", str(source), "-o", str(target), *options))
        try:
            return read_subtitles(target, lenient=True)
        except (SubtitleError, FileNotFoundError):
            return None


def reach_option(largest_shift: float) -> list[str]:
    """The smallest reach that holds the true shift: a wider one only adds wrong places."""
    return ["--max-offset-seconds", str(max(60, int(largest_shift) + 10))]


def run_quietly(command: list[str]) -> str:
    """Run to the end, whatever comes out; returns the end of what it said."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LONGEST_RUN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"still running after {LONGEST_RUN:g} s"
    return done.stderr[-2000:].decode(errors="replace")
