"""Words as files: JSON, WebVTT with word time tags, karaoke ASS, SRT a few characters at a time."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest
from pathlib import Path

from avsync.atomic import atomic_path
from avsync.errors import SubtitleError
from avsync.subtitles.clocks import ASS, SUBRIP, WEBVTT, DigitalClock
from avsync.subtitles.markup import TAG_IN_SRT
from avsync.words.result import CueWords, Word, WordAlignment

__all__ = ["WORD_EXTENSIONS", "words_record", "words_text", "write_words"]

SHORTEST = 0.04
"""Seconds: nothing is shown for less, where there is room."""
BRIDGED = 0.3
"""Seconds: a shorter pause between two pieces of SRT is not shown as one."""

_BLANK_LINES = re.compile(r"\n\s*\n")

_ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 0
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,64,&H00FFFFFF,&H0000A5FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,\
60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def write_words(
    alignment: WordAlignment, path: str | os.PathLike[str], *, characters: int = 0
) -> None:
    """Write an alignment, whole or not at all, in the format of the extension: see `words_text`.

    Raises:
        SubtitleError: another extension.
        OSError: the file cannot be written.
    """
    text = words_text(alignment, Path(path).suffix.lower(), characters=characters, path=path)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def words_text(
    alignment: WordAlignment,
    extension: str,
    *,
    characters: int = 0,
    path: str | os.PathLike[str] = "<memory>",
) -> str:
    """An alignment as ".json", ".vtt", ".ass" or ".srt".

    WebVTT and ASS show each cue as it was, each word with its time. SRT shows words one after the
    other, as many as fit into ``characters`` (0: one), and cues without words as they are.

    Raises:
        SubtitleError: another extension.
        ValueError: ``characters`` is negative.
    """
    if characters < 0:
        raise ValueError(f"characters must be 0 or more, got {characters}")
    if extension == ".srt":
        return _srt(alignment, characters)
    writer = _WRITERS.get(extension)
    if writer is None:
        known = ", ".join(WORD_EXTENSIONS)
        raise SubtitleError(path, None, f"words are written as one of {known}; name it so")
    return writer(alignment)


def words_record(alignment: WordAlignment) -> dict[str, object]:
    """An alignment as JSON has it: times in seconds, to the millisecond; cues count from 1."""
    return {
        "language": alignment.language,
        "engine": alignment.engine,
        "marks": alignment.marks,
        "cues": [
            {
                "cue": cue.cue + 1,
                "start": round(cue.start, 3),
                "end": round(cue.end, 3),
                "text": cue.text.visible,
                "mark": cue.mark,
                "score": round(cue.score, 4),
                "support": round(cue.support, 4),
                "words": [
                    {
                        "text": word.text,
                        "start": round(word.start, 3),
                        "end": round(word.end, 3),
                        "score": round(word.score, 4),
                        "placed": word.placed,
                    }
                    for word in cue.words
                ],
            }
            for cue in alignment.cues
        ],
    }


def _json(alignment: WordAlignment) -> str:
    return json.dumps(words_record(alignment), ensure_ascii=False, indent=1) + "\n"


def _shown(alignment: WordAlignment) -> Iterator[CueWords]:
    """The cues that a viewer sees, in order of start, which WebVTT demands."""
    lasting = (_lasting(cue) for cue in alignment.cues if cue.text.visible)
    seen = (cue for cue in lasting if cue.end > max(cue.start, 0.0))
    return iter(sorted(seen, key=lambda cue: cue.start))


def _lasting(cue: CueWords) -> CueWords:
    """A cue that is shown for no time at all is shown while it is said."""
    if cue.end > cue.start:
        return cue
    start, end = cue.voice or (cue.start, cue.start)
    return replace(cue, start=start, end=max(end, start + SHORTEST))


def _vtt(alignment: WordAlignment) -> str:
    out = ["WEBVTT\n"]
    for cue in _shown(alignment):
        start, end = round(max(cue.start, 0.0) * 1000), round(cue.end * 1000)
        at_top = any(s.name in ("an7", "an8", "an9") for s in cue.text.styles)
        tags: dict[int, str] = {}
        last = start
        for word in cue.words:
            now = round(word.start * 1000)
            if last < now < end:  # a stamp is to lie within its cue, and after the one before it
                tags[word.begin] = f"<{_stamp(WEBVTT, now / 1000)}>"
                last = now
        text = _BLANK_LINES.sub("\n", _woven(cue, tags, _vtt_style, _vtt_escaped))
        setting = " line:0" if at_top else ""
        stamps = " --> ".join(_stamp(WEBVTT, at / 1000) for at in (start, end))
        out.append(f"{stamps}{setting}\n{text}\n")
    return "\n".join(out)


def _ass(alignment: WordAlignment) -> str:
    events = []
    for cue in _shown(alignment):
        start, end = round(max(cue.start, 0.0) * 100), round(cue.end * 100)
        tags: dict[int, str] = {}
        now = start
        for number, word in enumerate(cue.words):
            begins = min(max(round(word.start * 100), now), end)
            gap = f"{{\\k{begins - now}}}" if begins > now else ""
            follows = cue.words[number + 1].start if number + 1 < len(cue.words) else word.end
            ends = min(max(round(min(word.end, follows) * 100), begins), end)
            tags[word.begin] = f"{gap}{{\\k{ends - begins}}}"
            now = ends
        text = _woven(cue, tags, _ass_style, _ass_escaped).replace("\n", "\\N")
        stamps = f"{_stamp(ASS, start / 100)},{_stamp(ASS, end / 100)}"
        events.append(f"Dialogue: 0,{stamps},Default,,0,0,0,karaoke,{text}\n")
    return _ASS_HEAD + "".join(events)


def _srt(alignment: WordAlignment, characters: int) -> str:
    pieces: list[tuple[int, int, str]] = []
    said: list[tuple[int, int, str]] = []
    for cue in _shown(alignment):
        if not cue.words:
            text = _BLANK_LINES.sub("\n", cue.text.visible)
            pieces.append((round(max(cue.start, 0.0) * 1000), round(cue.end * 1000), text))
            continue
        for words, text in _pieces(cue, characters):
            said.append((round(words[0].start * 1000), round(words[-1].end * 1000), text))
    said.sort(key=lambda piece: piece[0])
    for (start, end, text), after in zip_longest(said, [at for at, _, _ in said[1:]]):
        end = max(end, start + round(SHORTEST * 1000))
        if after is not None and (after < end or after - end < BRIDGED * 1000):
            end = max(after, start + 1)
        pieces.append((max(start, 0), max(end, 1), text))
    out = []
    for number, piece in enumerate(sorted(pieces, key=lambda piece: piece[0]), start=1):
        stamps = " --> ".join(_stamp(SUBRIP, at / 1000) for at in piece[:2])
        out.append(f"{number}\n{stamps}\n{_srt_escaped(piece[2])}\n")
    return "\n".join(out)


def _pieces(cue: CueWords, characters: int) -> Iterator[tuple[Sequence[Word], str]]:
    """Runs of words of at most ``characters``, as they are shown, with what is unspoken beside."""
    begins = [0, *(word.begin for word in cue.words[1:]), len(cue.text.visible)]
    shown = [cue.text.visible[a:b] for a, b in pairwise(begins)]
    held: list[int] = []
    for number in range(len(cue.words)):
        together = "".join(shown[n] for n in [*held, number])
        if held and len(" ".join(together.split())) > characters:
            yield [cue.words[n] for n in held], " ".join("".join(shown[n] for n in held).split())
            held = []
        held.append(number)
    yield [cue.words[n] for n in held], " ".join("".join(shown[n] for n in held).split())


def _woven(
    cue: CueWords,
    tags: dict[int, str],
    style: Callable[[str], str],
    escaped: Callable[[str], str],
) -> str:
    """The visible text with its styles, and before some characters a tag."""
    styles: dict[int, list[str]] = {}
    for change in cue.text.styles:
        styles.setdefault(change.at, []).append(style(change.name))
    places = sorted({0, len(cue.text.visible), *styles, *tags})
    out = []
    for place, following in pairwise([*places, len(cue.text.visible)]):
        out += [*styles.get(place, []), tags.get(place, "")]
        out.append(escaped(cue.text.visible[place:following]))
    return "".join(out)


def _vtt_style(name: str) -> str:
    return "" if name.startswith("an") else f"<{name}>"


def _ass_style(name: str) -> str:
    if name.startswith("an"):
        return f"{{\\{name}}}"
    return f"{{\\{name[1:]}0}}" if name.startswith("/") else f"{{\\{name}1}}"


def _vtt_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _srt_escaped(text: str) -> str:
    return TAG_IN_SRT.sub(lambda tag: f"{tag[0][0]}\u2060{tag[0][1:]}", text)


def _ass_escaped(text: str) -> str:
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def _stamp(clock: DigitalClock, seconds: float) -> str:
    return clock.write(seconds, like=clock.example)


_WRITERS: dict[str, Callable[[WordAlignment], str]] = {".json": _json, ".vtt": _vtt, ".ass": _ass}
WORD_EXTENSIONS = (*_WRITERS, ".srt")
"""The extensions, in lower case, that words can be written by."""
