"""The words of a text and the tokens that Whisper reads each as.

Whisper's tokens are bytes of words, in some scripts bytes of characters. `split` gives them back to
words: at blanks, or character by character where a script has no blanks between words, which holds
word by word, since a line may mix scripts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisper.tokenizer import Tokenizer

__all__ = ["SPACELESS", "Unit", "sounding", "split", "word_spans"]

SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""The languages of Whisper that put no blanks between words."""
_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "MYANMAR", "KHMER", "TIBETAN")
_OPENING = "\"'“¿([{-「『（《〈【‘„«"  # noqa: RUF001
_JOINS = frozenset("ー々〻ゝゞヽヾ")


@dataclass(frozen=True, slots=True)
class Unit:
    """One word: the characters [begin, finish) of the text, and its tokens."""

    begin: int
    finish: int
    tokens: tuple[int, ...]


def split(text: str, tokenizer: Tokenizer) -> list[Unit]:
    """The words of ``text`` (words separated by single blanks), in order, with their tokens.

    A word without a letter or digit goes with the one before it, or after it if it opens: so does
    whisper's `merge_punctuations`. All tokens together are those of the text.
    """
    lead = "" if tokenizer.language in SPACELESS or _spaceless(text[:1]) else " "
    tokens = tokenizer.encode(lead + text, disallowed_special=())  # "<|en|>" is text here
    pieces, groups = tokenizer.split_tokens_on_unicode(tokens)
    units: list[Unit] = []
    at = -len(lead)
    for piece, group in zip(pieces, groups, strict=True):
        begin, at = at, at + len(piece)
        unit = Unit(max(begin, 0), at, tuple(group))
        if units and not _begins_word(piece, text, unit.begin):
            units[-1] = _joined(units[-1], unit)
        else:
            units.append(unit)
    return [_trimmed(unit, text) for unit in _with_punctuation(units, text)]


def sounding(unit: Unit, tokenizer: Tokenizer) -> tuple[int, int]:
    """Its tokens [first, last) without punctuation at its edges, which is looked for in pauses."""
    heard = [
        n
        for n, token in enumerate(unit.tokens)  # a part of a character decodes to U+FFFD
        if any(c.isalnum() or c == "\N{REPLACEMENT CHARACTER}" for c in tokenizer.decode([token]))
    ]
    return (heard[0], heard[-1] + 1) if heard else (0, len(unit.tokens))


def word_spans(text: str) -> list[tuple[int, int]]:
    """The words of ``text`` as ``split`` has them, but for engines that read no tokens."""
    units: list[Unit] = []
    for at, character in enumerate(text):
        unit = Unit(at, at + 1, ())
        blank = at > 0 and text[at - 1] == " "
        if units and not blank and not _begins_word(character, text, at):
            units[-1] = _joined(units[-1], unit)
        elif character != " ":
            units.append(unit)
    trimmed = (_trimmed(unit, text) for unit in _with_punctuation(units, text))
    return [(unit.begin, unit.finish) for unit in trimmed]


def _begins_word(piece: str, text: str, begin: int) -> bool:
    if piece.startswith(" "):
        return True
    if not piece or unicodedata.category(piece[0])[0] == "M" or piece[0] in _JOINS:
        return False
    before = text[begin - 1] if begin else " "
    if before == " ":
        return True
    return _spaceless(piece[0]) or (_spaceless(before) and piece[0].isalnum())


def _spaceless(character: str) -> bool:
    name = unicodedata.name(character, "") if character else ""
    return name.startswith(_SCRIPTS) and (
        character.isalnum() or unicodedata.category(character) == "Mc"
    )


def _joined(first: Unit, second: Unit) -> Unit:
    return Unit(first.begin, second.finish, first.tokens + second.tokens)


def _with_punctuation(units: Sequence[Unit], text: str) -> list[Unit]:
    merged: list[Unit] = []
    opening: Unit | None = None
    for unit in units:
        said = text[unit.begin : unit.finish].strip()
        if opening is not None:
            unit, opening = _joined(opening, unit), None
            said = text[unit.begin : unit.finish].strip()
        if any(map(str.isalnum, said)):
            merged.append(unit)
        elif (said and not merged) or (said and all(c in _OPENING for c in said)):
            opening = unit
        elif merged:
            merged[-1] = _joined(merged[-1], unit)
        else:
            opening = unit
    if opening is not None and merged:
        merged[-1] = _joined(merged[-1], opening)
    return merged


def _trimmed(unit: Unit, text: str) -> Unit:
    said = text[unit.begin : unit.finish]
    begin = unit.begin + len(said) - len(said.lstrip())
    return Unit(begin, max(begin, unit.begin + len(said.rstrip())), unit.tokens)
