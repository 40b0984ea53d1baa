"""Where media lies: between the URLs that timelines hold and the paths of files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_DRIVE = re.compile(r"^/?([A-Za-z]:)([\\/]|$)")


def to_url(path: Path) -> str:
    """A file's URL: absolute, with everything percent-encoded that a URL cannot hold."""
    return Path(os.path.abspath(path)).as_uri()


def to_path(url: str, folder: Path) -> Path | None:
    """The file that a URL or a path in a timeline means; relative ones lie beside the timeline.

    Programs write ``file:///a%20b.mov``, ``file://localhost/a%20b.mov`` and plain paths, relative
    ones also with escapes. None where it is no file (``https:``).
    """
    if not url:
        return None
    scheme = "" if _DRIVE.match(url) else urlsplit(url).scheme.lower()
    if scheme == "file":
        return _from_url(url, folder)
    if scheme and re.match(r"^[a-z][a-z0-9+.-]*://", url, re.IGNORECASE):
        return None
    plain = folder / url
    if "%" in url and not plain.exists():
        decoded = folder / _decoded(url)
        return decoded if decoded.exists() else plain
    return plain


def name_of(url: str) -> str:
    """The file name in a URL or a path of any system."""
    path = to_path(url, Path())
    name = _decoded(url) if path is None else os.fspath(path)
    return re.split(r"[\\/]", name.rstrip("\\/"))[-1]


def printable(text: str) -> str:
    """A name that every format can hold: on one line, of characters that XML and UTF-8 have."""
    kept = (
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return "".join(kept).strip()


def _from_url(url: str, folder: Path) -> Path:
    rest = url[len("file:") :]
    host = ""
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        rest = slash + rest
    path = _decoded(rest)
    drive = _DRIVE.match(path)
    if drive:
        path = path.lstrip("/")
    elif host not in ("", "localhost"):
        path = f"//{host}{path}"
    return folder / path


def _decoded(text: str) -> str:
    # As bytes first: a file name need not be UTF-8, and Path.as_uri escapes its bytes.
    return os.fsdecode(unquote_to_bytes(text.encode("utf-8", "surrogateescape")))
