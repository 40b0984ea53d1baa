"""Pair films and subtitles by their names.

Names are all that is looked at, because opening every file of a season would take longer than
retiming one of them; a wrong pair is refused later, by its confidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Pair", "Pairing", "Unpaired", "pair_files"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A film and subtitles that belong together by their names."""

    film: Path
    subtitles: Path


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A film or subtitles that were left alone, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """What `pair_files` found: pairs in the order of the films' names, and the rest."""

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]


# What may stand between a film's name and the extension of its subtitles: language codes
# ("en", "eng", "pt-BR", "zh-Hans") and remarks.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-([a-z]{2}|[a-z]{4}|\d{3}))?")
_REMARKS = re.compile(
    "forced|full|sdh|hi|cc|foreign|signs|songs|default|commentary|lyrics|dialogue|"
    "english|french|german|spanish|italian|portuguese|russian|chinese|japanese|korean|arabic|"
    "dutch|polish|turkish|swedish|danish|norwegian|finnish|greek|hebrew|hindi|czech|hungarian|"
    "romanian|ukrainian|vietnamese|thai|indonesian|brazilian|latin|simplified|traditional"
)
_SEASON = re.compile(r"(?<![a-z0-9])s(\d{1,4})((?:[ ._-]?e\d{1,4})+)(?![a-z0-9])", re.IGNORECASE)
_CROSS = re.compile(r"(?<![a-z0-9])(\d{1,2})x(\d{2,3})(?![a-z0-9])", re.IGNORECASE)


def pair_files(directory: str | Path) -> Pairing:
    """Pair the films and the subtitles that lie in a directory (not below it).

    Subtitles go with the film whose name they bear, with or without a language or a remark after
    it (film.mkv: film.srt, film.en.srt, film.eng.forced.srt); else with the only film of the same
    episode (S01E02, s1e2, 1x02). One film may have several. Where two films fit, neither is taken.
    What avsync has written itself (film.retimed.srt) and hidden files are not looked at.

    Raises:
        NotADirectoryError, FileNotFoundError: there is no such directory.
    """
    from avsync.media import MEDIA_EXTENSIONS
    from avsync.subtitles import SUBTITLE_EXTENSIONS

    files = sorted(p for p in Path(directory).iterdir() if p.is_file() and not _is_ours(p))
    films = [p for p in files if p.suffix.lower() in MEDIA_EXTENSIONS - SUBTITLE_EXTENSIONS]
    candidates = {p: _films_of(p, films) for p in files if p.suffix.lower() in SUBTITLE_EXTENSIONS}
    pairs = [Pair(found[0], path) for path, found in candidates.items() if len(found) == 1]
    unpaired = [
        Unpaired(path, f"fits {' and '.join(film.name for film in found)}")
        if found
        else Unpaired(path, "no film has this name or episode number")
        for path, found in candidates.items()
        if len(found) != 1
    ]
    wanted = {film for found in candidates.values() for film in found}
    unpaired += [
        Unpaired(film, "no subtitles have this name or episode number")
        for film in films
        if film not in wanted
    ]
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.film)), tuple(unpaired))


def _is_ours(path: Path) -> bool:
    return path.name.startswith(".") or ".retimed." in path.name.lower()


def _films_of(subtitles: Path, films: Sequence[Path]) -> list[Path]:
    named = [film for film in films if _bears_name(_key(subtitles), _key(film))]
    if named:  # "film.2.en" bears the name of "film.2" more closely than that of "film"
        longest = max(len(_key(film)) for film in named)
        return [film for film in named if len(_key(film)) == longest]
    episode = _episode(subtitles.stem)
    return [film for film in films if episode is not None and _episode(film.stem) == episode]


def _key(path: Path) -> str:
    # File systems differ in case and in how they compose accents; names of one film may, too.
    return unicodedata.normalize("NFC", path.stem).casefold()


def _bears_name(subtitles: str, film: str) -> bool:
    if not subtitles.startswith(film):
        return False
    rest = subtitles[len(film) :]
    return not rest or (rest[0] in " ._-[(" and _are_remarks(re.split(r"[ ._()\[\]]+", rest)))


def _are_remarks(words: Iterable[str]) -> bool:
    stripped = (word.strip("-") for word in words)
    return all(_LANGUAGE.fullmatch(w) or _REMARKS.fullmatch(w) for w in stripped if w)


def _episode(stem: str) -> tuple[int, ...] | None:
    """Season and episodes, such as (1, 2) for S01E02 and (1, 2, 3) for S01E02E03."""
    if match := _SEASON.search(stem):
        return int(match[1]), *map(int, re.findall(r"\d+", match[2]))
    if match := _CROSS.search(stem):
        return int(match[1]), int(match[2])
    return None
