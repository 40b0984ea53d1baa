"""`avsync words` and `avsync transcribe`: what they refuse before they listen."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import dialogue, srt

from avsync.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["words", "film.mkv", "film.srt", "-o", "nowhere/film.vtt"], "no directory nowhere"),
        (["words", "film.mkv", "film.srt", "-o", "folder.srt"], "is a directory"),
        (["words", "film.mkv", "film.srt", "-o", "film.srt"], "is an input"),
        (["words", "film.mkv", "film.srt", "-o", "film.vtt", "--chars", "0"], "--chars"),
        (["words", "film.mkv", "film.srt", "--json", "--chars", "20"], "--chars"),
        (["transcribe", "film.mkv", "-o", "nowhere/film.srt"], "no directory nowhere"),
        (["transcribe", "film.mkv", "-o", "folder.srt"], "is a directory"),
        (["transcribe", "film.mkv", "-o", "folder.srt", "--force"], "is a directory"),
        (["transcribe", "film.mkv", "-o", "film.srt"], "--force"),
    ],
)
def test_what_cannot_be(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.srt").mkdir()
    Path("film.srt").write_text(srt(dialogue(lines=3)))
    assert main(arguments) == 2  # and not 1: that there is no film is not even seen
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
