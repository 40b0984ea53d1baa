"""Scenes by name: what a CSV file may say, and where a wrong one is said to be wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from avsync.timemap import Span
from avsync.tone.scenes import read_scenes

HEAD = "name,start_s,end_s\n"


def test_scenes_keep_their_order_and_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "scenes.csv"
    path.write_bytes(
        b"\xef\xbb\xbfnote, start_s, end_s, name\r\n"
        b'x, 9, 30.5, the sea\r\n\r\n"two\r\nlines", 0, 9, "the attic, by night"\r\n'
    )
    scenes = read_scenes(path)
    assert list(scenes.spans.items()) == [
        ("the sea", Span(9, 30.5)),
        ("the attic, by night", Span(0, 9)),
    ]
    assert scenes.place("the sea") == f"{path}:2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "s.csv: there is no scene in it"),
        (HEAD.encode(), "s.csv: there is no scene in it; under name,start_s,end_s, each line is"),
        (b"name;start_s;end_s\na;0;5\n", "s.csv:1: the head is name;start_s;end_s; write name,"),
        (b"attic,0,5\nsea,5,9\n", "s.csv:1: the head is attic,0,5; write name,start_s,end_s"),
        (f"{HEAD}a,0,5\nb,5\n".encode(), "s.csv:3: b,5, is no scene; each line is name,"),
        (f"{HEAD}a,1,5,9,0\n".encode(), "s.csv:2: a,1,5 is no scene; each line is name,"),
        (f"{HEAD}a,zero,5\n".encode(), "s.csv:2: a,zero,5 is no scene"),
        (f"{HEAD}a,-1,5\n".encode(), "s.csv:2: a,-1,5 is no scene"),
        (f"{HEAD}a,5,5\n".encode(), "the start before the end"),
        (f"{HEAD}a,0,nan\n".encode(), "s.csv:2: a,0,nan is no scene"),
        (f"{HEAD}a,0,inf\n".encode(), "s.csv:2: a,0,inf is no scene"),
        (f"{HEAD}a,0,5\na,5,9\n".encode(), "s.csv:3: the scene 'a' comes twice; name it anew"),
        (f'{HEAD}"a,0,5\nb,5,9\n'.encode(), "it is no CSV"),
        (f"{HEAD}{'a' * (csv.field_size_limit() + 1)},0,5\n".encode(), "s.csv:2: it is no CSV"),
        (f"{HEAD}a,0,5\ncafé,5,9\n".encode("latin-1"), "s.csv:3: it is not UTF-8; save it as"),
        (f"{HEAD}a,0,5\n".encode("utf-16"), "s.csv:1: it is not UTF-8; save it as text in UTF-8"),
        (f"{HEAD}a,0,5\n".encode("utf-16-le"), "s.csv:1: it is not UTF-8"),
        (b"\0" * (1 << 24) + b"\0", "s.csv: over 16 MiB"),
    ],
)
def test_a_wrong_file_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"s\.csv") as refused:
        read_scenes(path)
    assert message in str(refused.value) and len(str(refused.value)) < 400


def test_no_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_scenes(tmp_path / "s.csv")
