"""Retiming that asks the words, with the tiny checkpoint of fixtures/words."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import ROOT
from test_words import FIXTURES, subtitles
from test_words_transcribe import chords, write_wav

from avsync.aligner.model import RetimeModel, load_model
from avsync.cache import TokenCache
from avsync.cli import main
from avsync.errors import LowConfidence
from avsync.media import read_audio
from avsync.subtitles import Subtitles, read_subtitles, write_subtitles
from avsync.words.fit import absent_stretches, retime_by_words
from avsync.words.models import SpeechModel, load_speech_model
from avsync.words.result import CueWords, Mark, WordAlignment
from avsync.words.spoken import CueText, cue_text

Cues = list[tuple[float, float, str]]
SHIFT = -3.4
"""Seconds by which the subtitles come too early."""


@dataclass(frozen=True)
class Film:
    path: Path
    cues: Cues
    """what is said in it, when"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A minute and a half of the cues of fixtures/words in another order, with music between."""
    chance = random.Random(5)
    said = read_audio(FIXTURES / "speech.flac").samples
    truth = json.loads((FIXTURES / "speech.json").read_text())
    texts = [cue.text for cue in read_subtitles(FIXTURES / "speech.srt").cues]
    parts: list[npt.NDArray[np.float32]] = [chords(8.0)]
    cues: Cues = []
    at = 8.0
    for number in range(24):
        words = truth[number % 7 if number < 7 else chance.randrange(7)]
        start, end = words[0]["start"] - 0.15, words[-1]["end"] + 0.25
        clip = said[round(start * 16_000) : round(end * 16_000)]
        cues.append((at, at + len(clip) / 16_000, texts[truth.index(words)]))
        gap = np.zeros(round(chance.choice((0.3, 0.8, 1.5, 4.0)) * 16_000), np.float32)
        parts += [clip, gap]
        at += (len(clip) + len(gap)) / 16_000
    path = tmp_path_factory.mktemp("fit") / "film.wav"
    return Film(write_wav(path, np.concatenate(parts)), cues)


@pytest.fixture(scope="module")
def speech_model(tiny_whisper: Path) -> SpeechModel:
    return load_speech_model(tiny_whisper, device="cpu")


@pytest.fixture(scope="module")
def model() -> RetimeModel:
    return load_model()


def early(cues: Cues) -> Subtitles:
    return subtitles(*((start + SHIFT, end + SHIFT, text) for start, end, text in cues))


def other_words(cues: Cues) -> Cues:
    """The same rhythm in other words, as a translation has it."""
    return [(start, end, "ひかり みず" if n % 2 else "Lighthouse four") for n, (start, end, _) in
            enumerate(cues)]  # fmt: skip


def other_film(seed: int) -> Cues:
    """Lines that are nobody's, at times that are nobody's."""
    chance = random.Random(seed)
    cues: Cues = []
    at = 6.0
    for _ in range(24):
        end = at + chance.uniform(0.8, 3.0)
        cues.append((at, end, "ひかり さくら みず"))
        at = end + chance.choice((0.2, 0.5, 1.0, 3.0))
    return cues


def test_signs_are_marked_and_bend_nothing(
    film: Film, speech_model: SpeechModel, model: RetimeModel
) -> None:
    gaps = [
        (before[1] + 0.1, after[0] - 0.1, "みず ひかり")
        for before, after in zip(film.cues, film.cues[1:], strict=False)
        if after[0] - before[1] > 1.4
    ][:5]
    fit = retime_by_words(
        early([*film.cues, *gaps]), film.path, speech_model=speech_model, language="en",
        model=model, cache=TokenCache(),
    )  # fmt: skip
    assert fit.verdict == "fits" and fit.retiming.accepted and not fit.absent
    signs = range(len(film.cues), len(film.cues) + len(gaps))
    assert len(gaps) >= 4 and len(set(signs) & set(fit.unsaid)) >= len(gaps) - 1
    assert len(set(fit.unsaid) - set(signs)) <= 2  # the checkpoint is tiny
    found = [cue.start for cue in fit.retiming.subtitles.cues]
    wanted = [start for start, _, _ in [*film.cues, *gaps]]
    assert np.abs(np.array(found) - wanted).max() <= 0.2


def test_another_language_and_another_film(
    film: Film, speech_model: SpeechModel, model: RetimeModel
) -> None:
    for cues, verdict in (
        (other_words(film.cues), "another language"),
        (other_film(3), "another film"),
    ):
        with pytest.raises(LowConfidence) as caught:
            retime_by_words(
                early(cues), film.path, speech_model=speech_model, language="en", model=model,
                cache=TokenCache(),
            )  # fmt: skip
        assert caught.value.alignment.verdict == verdict
        assert verdict in str(caught.value)


def test_another_cut(
    film: Film, tiny_whisper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    middle = film.cues[12][0]
    scene = [(middle + 3.0 * n, middle + 3.0 * n + 2.0, "みず さくら ひかり") for n in range(10)]
    later = [(start + 30.0, end + 30.0, text) for start, end, text in film.cues[12:]]
    wrong = tmp_path / "cut.srt"
    write_subtitles(early([*film.cues[:12], *scene, *later]), wrong)
    command = ["retime", str(film.path), str(wrong), "--words", "--words-model", str(tiny_whisper)]
    assert main([*command, "--device", "cpu", "--language", "en", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["words"]["verdict"] == "another cut" and record["accepted"]
    assert len(set(record["words"]["not_said"]) & set(range(13, 23))) >= 8


def test_the_command(
    film: Film, tiny_whisper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "film.srt"
    write_subtitles(early(other_words(film.cues)), text)
    out = tmp_path / "out.srt"
    command = ["retime", str(film.path), str(text), "-o", str(out)]
    listen = ["--words", "--words-model", str(tiny_whisper), "--device", "cpu", "--language", "en"]
    assert main([*command, *listen]) == 3
    assert "another language" in capsys.readouterr().err and not out.exists()
    write_subtitles(early(film.cues), text)
    assert main([*command, *listen]) == 0
    assert "words (en): " in capsys.readouterr().out and out.exists()
    assert main([*command, "--device", "cpu"]) == 2
    assert "add --words" in capsys.readouterr().err
    assert main(["retime", str(text), str(text), "-o", str(out), *listen]) == 2
    assert main([*command, "--words", "--words-model", str(ROOT / "none.pt")]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_no_word_tells_anything(
    film: Film, speech_model: SpeechModel, model: RetimeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = WordAlignment(
        tuple(
            CueWords(n, c.start, c.end, cue_text(c), "uncertain", 0.2, 1.0, ())
            for n, c in enumerate(early(film.cues).cues)
        ), "en", "whisper",
    )  # fmt: skip
    monkeypatch.setattr("avsync.words.fit.align_words", lambda *_, **__: heard)
    fit = retime_by_words(
        early(film.cues), film.path, speech_model=speech_model, language="en", model=model
    )
    assert fit.verdict == "unclear" and "certain" in fit.reason
    assert fit.retiming.accepted  # the rhythm fits


def test_a_run_of_lines_that_nobody_says_is_a_scene() -> None:
    def cue(number: int, mark: Mark) -> CueWords:
        start = 4.0 * number
        return CueWords(number, start, start + 2.0, CueText("", (), "", ()), mark, 0, 0, ())

    marks: Sequence[Mark] = ["said"] * 4 + ["not said"] * 7 + ["said"] * 2 + ["not said"] * 3
    cues = [cue(n, mark) for n, mark in enumerate(marks)]
    (span,) = absent_stretches(cues)
    assert (span.start, span.end) == (16.0, 42.0)
    quick = [replace(cue, start=cue.start / 10, end=cue.end / 10) for cue in cues]
    assert absent_stretches(quick) == ()
