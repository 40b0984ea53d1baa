"""Films and subtitles are paired by their names, and only where the names leave no doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from avsync.pairing import pair_files


def touch(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).touch()
    return directory


def pairs(directory: Path) -> list[tuple[str, str]]:
    return [(pair.film.name, pair.subtitles.name) for pair in pair_files(directory).pairs]


@pytest.mark.parametrize(
    ("film", "subtitles"),
    [
        ("film.mkv", "film.srt"),
        ("film.mkv", "film.en.srt"),
        ("film.mkv", "film.eng.forced.srt"),
        ("film.mkv", "film.pt-BR.ass"),
        ("film.mkv", "film.zh-Hans.vtt"),
        ("film.mkv", "film_en.srt"),
        ("film.mkv", "film [English] (SDH).srt"),
        ("Film.MKV", "film.SRT"),
        ("film.flac", "film.srt"),
        ("Caf\u00e9.mkv", "Cafe\u0301.srt"),  # composed, and decomposed
        ("Show.S01E02.1080p.x264.mkv", "show - 1x02 - The Title.srt"),
        ("Show s1e2.mp4", "Show.S01E02.en.srt"),
        ("Show.S01E02E03.mkv", "show_s01e02-e03.srt"),
        ("100% $(rm -rf).mkv", "100% $(rm -rf).srt"),
    ],
)
def test_names_that_belong_together(tmp_path: Path, film: str, subtitles: str) -> None:
    assert pairs(touch(tmp_path, film, subtitles)) == [(film, subtitles)]


@pytest.mark.parametrize(
    ("film", "subtitles"),
    [
        ("film.mkv", "another.srt"),
        ("film.mkv", "filmography.srt"),
        ("film.mkv", "film.part2.srt"),
        ("film.mkv", "film.retimed.srt"),
        ("film.mkv", "film.en.Retimed.srt"),
        ("film.mkv", ".film.srt"),
        ("film.mkv", "film.txt"),
        ("film.srt", "film.ass"),
        ("Show.S01E02.mkv", "Show.S01E03.srt"),
        ("Show.S01E02.mkv", "Show.S02E02.srt"),
        ("Show.S01E02E03.mkv", "Show.S01E02.srt"),
        ("Trip 1920x1080.mkv", "Fall 1920x1080.srt"),
    ],
)
def test_names_that_do_not(tmp_path: Path, film: str, subtitles: str) -> None:
    assert pairs(touch(tmp_path, film, subtitles)) == []


def test_one_film_may_have_many_subtitles(tmp_path: Path) -> None:
    touch(tmp_path, "b.mkv", "a.mkv", "b.de.srt", "b.srt", "a.srt")
    assert pairs(tmp_path) == [("a.mkv", "a.srt"), ("b.mkv", "b.de.srt"), ("b.mkv", "b.srt")]


def test_the_closest_name_wins(tmp_path: Path) -> None:
    touch(tmp_path, "film.mkv", "film.de.mkv", "film.de.forced.srt")
    assert pairs(tmp_path) == [("film.de.mkv", "film.de.forced.srt")]


def test_a_name_comes_before_an_episode_number(tmp_path: Path) -> None:
    touch(tmp_path, "Show.S01E02.mkv", "Show.S01E02.extended.mkv", "Show.S01E02.extended.srt")
    assert pairs(tmp_path) == [("Show.S01E02.extended.mkv", "Show.S01E02.extended.srt")]


def test_what_fits_two_films_is_taken_by_neither_and_reported(tmp_path: Path) -> None:
    touch(tmp_path, "film.mkv", "film.mp4", "film.srt", "lonely.avi", "orphan.srt")
    pairing = pair_files(tmp_path)
    assert pairing.pairs == ()
    reasons = {item.path.name: item.reason for item in pairing.unpaired}
    assert set(reasons) == {"film.srt", "lonely.avi", "orphan.srt"}
    assert "film.mkv" in reasons["film.srt"] and "film.mp4" in reasons["film.srt"]
    assert "no film" in reasons["orphan.srt"] and "no subtitles" in reasons["lonely.avi"]


def test_only_files_of_the_directory_itself_count(tmp_path: Path) -> None:
    touch(tmp_path, "film.mkv")
    (tmp_path / "film.srt").mkdir()
    touch(tmp_path / "film.srt", "film.en.srt")
    assert pairs(tmp_path) == []


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pair_files(tmp_path / "nowhere")
