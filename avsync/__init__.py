"""avsync lines things up in time: subtitles with speech, cuts with music, sound with picture.

    media ──► encoders ──► token sequences ──► cross-attention aligner ──► retime · montage · offset

The public names below stand in the order in which they depend on one another. Each is imported
when it is first asked for, so `import avsync` itself loads neither torch nor any other library.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # _HOMES, said again for type checkers; `as` marks what is public
    from avsync.aligner.model import RetimeModel as RetimeModel
    from avsync.aligner.model import load_model as load_model
    from avsync.aligner.picture import PictureModel as PictureModel
    from avsync.aligner.picture import load_picture_model as load_picture_model
    from avsync.aligner.sync import SyncModel as SyncModel
    from avsync.aligner.sync import load_sync_model as load_sync_model
    from avsync.batch import retime_many as retime_many
    from avsync.beats.files import read_beats as read_beats
    from avsync.beats.grid import BeatGrid as BeatGrid
    from avsync.beats.model import BeatModel as BeatModel
    from avsync.beats.model import load_beat_model as load_beat_model
    from avsync.beats.track import track_beats as track_beats
    from avsync.cache import TokenCache as TokenCache
    from avsync.clips.analyse import analyse_clip as analyse_clip
    from avsync.clips.clip import Clip as Clip
    from avsync.clips.film import Shots as Shots
    from avsync.clips.film import find_shots as find_shots
    from avsync.cutlist import CutList as CutList
    from avsync.cutlist import Marker as Marker
    from avsync.cutlist import Shot as Shot
    from avsync.cutlist import Soundtrack as Soundtrack
    from avsync.edits import Move as Move
    from avsync.errors import AlignmentError as AlignmentError
    from avsync.errors import AvsyncError as AvsyncError
    from avsync.errors import LowConfidence as LowConfidence
    from avsync.errors import MediaError as MediaError
    from avsync.errors import ModelUnavailable as ModelUnavailable
    from avsync.errors import RenderError as RenderError
    from avsync.errors import SubtitleError as SubtitleError
    from avsync.framegrid import FrameGrid as FrameGrid
    from avsync.jobs import Failure as Failure
    from avsync.jobs import Job as Job
    from avsync.jobs import Outcome as Outcome
    from avsync.jobs import Settings as Settings
    from avsync.jobs import retime_file as retime_file
    from avsync.media import Audio as Audio
    from avsync.media import Frame as Frame
    from avsync.media import MediaInfo as MediaInfo
    from avsync.media import Track as Track
    from avsync.media import VideoFormat as VideoFormat
    from avsync.media import iter_frames as iter_frames
    from avsync.media import probe as probe
    from avsync.media import probe_video as probe_video
    from avsync.media import read_audio as read_audio
    from avsync.montage import Filters as Filters
    from avsync.montage import MontagePlan as MontagePlan
    from avsync.montage import Weights as Weights
    from avsync.montage import plan_montage as plan_montage
    from avsync.offset.picture import find_offset as find_offset
    from avsync.offset.recordings import Recording as Recording
    from avsync.offset.recordings import Recordings as Recordings
    from avsync.offset.recordings import align_recordings as align_recordings
    from avsync.offset.result import MinuteOffset as MinuteOffset
    from avsync.offset.result import Offset as Offset
    from avsync.pairing import Pair as Pair
    from avsync.pairing import Pairing as Pairing
    from avsync.pairing import Unpaired as Unpaired
    from avsync.pairing import pair_files as pair_files
    from avsync.placement import Clamp as Clamp
    from avsync.plots import plot_alignment as plot_alignment
    from avsync.plots import plot_beats as plot_beats
    from avsync.plots import plot_explanation as plot_explanation
    from avsync.plots import plot_montage as plot_montage
    from avsync.plots import plot_tone as plot_tone
    from avsync.polishing.polish import Polishing as Polishing
    from avsync.polishing.polish import polish as polish
    from avsync.polishing.profiles import Profile as Profile
    from avsync.polishing.rules import Violation as Violation
    from avsync.progress import Progress as Progress
    from avsync.refine import Refine as Refine
    from avsync.retime import Evidence as Evidence
    from avsync.retime import RetimedSegment as RetimedSegment
    from avsync.retime import Retiming as Retiming
    from avsync.retime import retime as retime
    from avsync.snap import Snapping as Snapping
    from avsync.snap import snap_cuts as snap_cuts
    from avsync.snap import snap_timeline as snap_timeline
    from avsync.subtitles import Cue as Cue
    from avsync.subtitles import Repair as Repair
    from avsync.subtitles import Subtitles as Subtitles
    from avsync.subtitles import parse_subtitles as parse_subtitles
    from avsync.subtitles import read_subtitles as read_subtitles
    from avsync.subtitles import to_bytes as to_bytes
    from avsync.subtitles import write_subtitles as write_subtitles
    from avsync.timeline import read_timeline as read_timeline
    from avsync.timeline import write_timeline as write_timeline
    from avsync.timemap import Piece as Piece
    from avsync.timemap import Span as Span
    from avsync.timemap import TimeMap as TimeMap
    from avsync.tokens import TokenSequence as TokenSequence
    from avsync.tone.model import ToneModel as ToneModel
    from avsync.tone.model import load_tone_model as load_tone_model
    from avsync.tone.page import write_page as write_page
    from avsync.tone.report import ToneReport as ToneReport
    from avsync.tone.score import score_tone as score_tone
    from avsync.tone.score import try_pictures as try_pictures
    from avsync.tone.score import try_sounds as try_sounds
    from avsync.words.align import align_words as align_words
    from avsync.words.files import write_words as write_words
    from avsync.words.fit import WordFit as WordFit
    from avsync.words.fit import retime_by_words as retime_by_words
    from avsync.words.models import SpeechModel as SpeechModel
    from avsync.words.models import load_speech_model as load_speech_model
    from avsync.words.result import CueWords as CueWords
    from avsync.words.result import Word as Word
    from avsync.words.result import WordAlignment as WordAlignment
    from avsync.words.transcribe import Transcript as Transcript
    from avsync.words.transcribe import transcribe as transcribe


__version__ = "0.1.0"

_HOMES = {
    "AvsyncError": "errors",
    "MediaError": "errors",
    "SubtitleError": "errors",
    "ModelUnavailable": "errors",
    "AlignmentError": "errors",
    "LowConfidence": "errors",
    "RenderError": "errors",
    "Progress": "progress",
    "Span": "timemap",
    "Piece": "timemap",
    "TimeMap": "timemap",
    "Cue": "subtitles",
    "Repair": "subtitles",
    "Subtitles": "subtitles",
    "read_subtitles": "subtitles",
    "parse_subtitles": "subtitles",
    "write_subtitles": "subtitles",
    "to_bytes": "subtitles",
    "Track": "media",
    "MediaInfo": "media",
    "probe": "media",
    "Audio": "media",
    "read_audio": "media",
    "iter_frames": "media",
    "probe_video": "media",
    "Frame": "media",
    "VideoFormat": "media",
    "TokenSequence": "tokens",
    "TokenCache": "cache",
    "RetimeModel": "aligner.model",
    "load_model": "aligner.model",
    "BeatModel": "beats.model",
    "load_beat_model": "beats.model",
    "BeatGrid": "beats.grid",
    "track_beats": "beats.track",
    "read_beats": "beats.files",
    "plot_beats": "plots",
    "Shot": "cutlist",
    "Soundtrack": "cutlist",
    "Marker": "cutlist",
    "CutList": "cutlist",
    "PictureModel": "aligner.picture",
    "load_picture_model": "aligner.picture",
    "SyncModel": "aligner.sync",
    "load_sync_model": "aligner.sync",
    "Clip": "clips.clip",
    "analyse_clip": "clips.analyse",
    "FrameGrid": "framegrid",
    "Shots": "clips.film",
    "find_shots": "clips.film",
    "Profile": "polishing.profiles",
    "Violation": "polishing.rules",
    "Polishing": "polishing.polish",
    "polish": "polishing.polish",
    "write_timeline": "timeline",
    "read_timeline": "timeline",
    "Filters": "montage",
    "Weights": "montage",
    "MontagePlan": "montage",
    "plan_montage": "montage",
    "Move": "edits",
    "Snapping": "snap",
    "snap_cuts": "snap",
    "snap_timeline": "snap",
    "plot_montage": "plots",
    "MinuteOffset": "offset.result",
    "Offset": "offset.result",
    "find_offset": "offset.picture",
    "Recording": "offset.recordings",
    "Recordings": "offset.recordings",
    "align_recordings": "offset.recordings",
    "ToneModel": "tone.model",
    "load_tone_model": "tone.model",
    "ToneReport": "tone.report",
    "score_tone": "tone.score",
    "try_sounds": "tone.score",
    "try_pictures": "tone.score",
    "write_page": "tone.page",
    "plot_tone": "plots",
    "plot_explanation": "plots",
    "Refine": "refine",
    "RetimedSegment": "retime",
    "Clamp": "placement",
    "Evidence": "retime",
    "Retiming": "retime",
    "retime": "retime",
    "SpeechModel": "words.models",
    "load_speech_model": "words.models",
    "Word": "words.result",
    "CueWords": "words.result",
    "WordAlignment": "words.result",
    "align_words": "words.align",
    "WordFit": "words.fit",
    "retime_by_words": "words.fit",
    "write_words": "words.files",
    "Transcript": "words.transcribe",
    "transcribe": "words.transcribe",
    "plot_alignment": "plots",
    "Pair": "pairing",
    "Unpaired": "pairing",
    "Pairing": "pairing",
    "pair_files": "pairing",
    "Settings": "jobs",
    "Job": "jobs",
    "Failure": "jobs",
    "Outcome": "jobs",
    "retime_file": "jobs",
    "retime_many": "batch",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package, on which `retime` is the function, whoever imports its module first.

    The import system sets a submodule as an attribute of its package, and `avsync.retime` would
    then be the module or the function, by what happened to be imported before.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "retime" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
