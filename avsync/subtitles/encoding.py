"""From bytes to text: byte order marks, UTF-8, UTF-16 without a mark, and a guess for the rest.

The guess is charset-normalizer's. Where it sees no difference between encodings of the same
script, the commonest is taken, Windows-1252 before all others. A wrong guess spoils what a cue
*says* to us, never the file: retiming works on the bytes.
"""

from __future__ import annotations

import codecs
import io
import re
from contextlib import suppress
from dataclasses import dataclass

from avsync.errors import SubtitleError

__all__ = ["BOMS", "Decoded", "codec_name", "decode", "line_of"]

BOMS: dict[str, bytes] = {
    # The longer ones first: UTF-32's little-endian mark begins with UTF-16's.
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}

# In the order of preference where nothing else decides.
_LATIN = ["cp1252", "cp1250", "cp1254", "iso8859_2", "cp1257", "cp1258"]
_OTHERS = ["cp1251", "gb18030", "cp932", "big5", "cp949", "cp1253", "cp1256", "cp1255"]
_OTHERS += ["koi8_r", "cp874", "euc_jp"]

# Languages that are recognised also when read in a wrong encoding, and the one that is right.
_HOMES = dict.fromkeys(["Croatian", "Czech", "Hungarian", "Polish", "Romanian"], "cp1250")
_HOMES |= dict.fromkeys(["Slovak", "Slovene"], "cp1250")
_HOMES |= {"Lithuanian": "cp1257", "Turkish": "cp1254", "Vietnamese": "cp1258"}

# Python counts them among its text encodings, and no file is written in them.
_NOT_FOR_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}

_SAMPLE_BYTES = 1 << 16
_MARKUP = re.compile(rb"<[^<>]{0,200}>|\{\\[\w\\().,&]{0,200}\}", re.ASCII)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
_NEWLINE = re.compile(r"\r{0,2}\n|\r")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, and how it was encoded.

    `damaged` says that the text holds surrogates for bytes that could not be decoded (lenient
    reading only), so that it still encodes to the same bytes.
    """

    text: str
    encoding: str
    bom: bool
    damaged: bool = False


def codec_name(encoding: str) -> str:
    """The name of a text encoding as Python knows it; ValueError if it is none."""
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):  # ValueError: a name with a NUL in it
        info = None
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name in _NOT_FOR_FILES:
        raise ValueError(f"unknown encoding {encoding!r}; use for example 'utf-8' or 'cp1252'")
    return {"utf-8-sig": "utf-8"}.get(info.name, info.name)


def line_of(text: str, position: int) -> int:
    """The number, from 1, of the line in which text[position] stands."""
    return 1 + len(_NEWLINE.findall(text, 0, position))


def decode(data: bytes, *, path: str, encoding: str | None, lenient: bool) -> Decoded:
    """Decode a whole file.

    Args:
        encoding: overrides the guess; None: find out.
        lenient: keep bytes that the encoding does not know (see `Decoded.damaged`).

    Raises:
        SubtitleError: empty, not text, or not decodable.
        ValueError: `encoding` is not the name of an encoding.
    """
    if not data:
        raise SubtitleError(path, None, "is empty; give a file with subtitles in it")
    wanted = None if encoding is None else codec_name(encoding)
    for marked, bom in BOMS.items():
        if data.startswith(bom):
            if wanted is not None and not marked.startswith(wanted):
                reason = f"begins with the byte order mark of {marked}, so it is not {wanted}"
                raise SubtitleError(path, 1, f"{reason}; leave out encoding= (--encoding)")
            return _decode_as(marked, data[len(bom) :], path, lenient, bom=True)
    if wanted in ("utf-16", "utf-32") or (wanted is None and b"\0" in data):
        unmarked = _unmarked_unicode(data)
        if unmarked is not None and unmarked.startswith(wanted or ""):
            return _decode_as(unmarked, data, path, lenient)
    if wanted is None and _is_binary(data):
        raise SubtitleError(path, None, "is not a text file; give a text subtitle file")
    # Without a mark, the bare names mean the byte order of Windows.
    wanted = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(wanted or "", wanted)
    return _decode_as(wanted or _guess(data, path), data, path, lenient)


def _decode_as(
    encoding: str, data: bytes, path: str, lenient: bool, *, bom: bool = False
) -> Decoded:
    try:
        return Decoded(data.decode(encoding), encoding, bom)
    except UnicodeError as error:
        if lenient:
            with suppress(UnicodeError):
                text = data.decode(encoding, "surrogateescape")
                if text.encode(encoding, "surrogateescape") == data:
                    return Decoded(text, encoding, bom, damaged=True)
        line, seen = None, "its bytes"
        if isinstance(error, UnicodeDecodeError):
            before = data[: error.start].decode(encoding, "replace")
            line, seen = line_of(before, len(before)), f"the byte 0x{data[error.start]:02x}"
        reason = f"{seen} cannot be read as {encoding}; name the right one by encoding= "
        raise SubtitleError(path, line, reason + "(--encoding)") from error


def _unmarked_unicode(data: bytes) -> str | None:
    # Digits, blanks and line ends are a good part of any subtitle file. In the wrong byte order
    # they become ideographic blanks and Gurmukhi, so their share tells the right one.
    if data.count(0) < 0.1 * len(data):
        return None
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and sum(map(str.isascii, text[:4096])) > 0.05 * len(text[:4096]):
            return encoding
    return None


def _is_binary(data: bytes) -> bool:
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return controls > max(4, 0.01 * len(data))


def _guess(data: bytes, path: str) -> str:
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        sample = _MARKUP.sub(b"", _sample(data))
    text = sample.decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= c <= "\udcff" for c in text)
    good = len(text) - bad - sum(map(str.isascii, text))
    if good >= 4 * bad:
        # No other encoding looks so much like UTF-8 by chance: this is UTF-8, and damaged.
        return "utf-8"
    high = sum(byte > 127 for byte in sample)
    letters = len(re.findall(rb"[A-Za-z]", sample))
    latin_first = [_LATIN, _OTHERS] if high < 0.55 * (high + letters) else [_OTHERS, _LATIN]
    for candidates in latin_first:
        for encoding in _ranked(sample, candidates):
            try:
                data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return encoding
    reason = "is in no encoding that can be guessed; name it by encoding= (--encoding)"
    raise SubtitleError(path, None, reason)


def _sample(data: bytes) -> bytes:
    # The lines with bytes above ASCII only: stamps, numbers and English would drown the rest.
    lines: list[bytes] = []
    size = 0
    for line in io.BytesIO(data.replace(b"\r", b"\n")):
        if not line.isascii():
            lines.append(line[:_SAMPLE_BYTES])
            size += len(lines[-1])
            if size >= _SAMPLE_BYTES:
                break
    return b"".join(lines)[:_SAMPLE_BYTES]


def _ranked(sample: bytes, candidates: list[str]) -> list[str]:
    from charset_normalizer import from_bytes

    def order(encoding: str) -> int:
        return candidates.index(encoding) if encoding in candidates else len(candidates)

    ranked = []
    for match in from_bytes(sample, cp_isolation=candidates):
        # Encodings that read the sample alike come as one match under the name of any of them.
        encoding = min(match.could_be_from_charset, key=order)
        stray = _HOMES.get(match.language, "cp1252") not in match.could_be_from_charset
        fit = (round(match.chaos, 2), -round(match.coherence, 2))
        ranked.append((*fit, stray, order(encoding), encoding))
    return [encoding for *_, encoding in sorted(ranked)]
