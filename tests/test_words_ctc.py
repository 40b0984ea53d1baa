"""CTC forced alignment, with an acoustic model whose letters are tones."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import Line, srt

from avsync.errors import ModelUnavailable
from avsync.media import Audio
from avsync.subtitles import parse_subtitles
from avsync.words.align import align_words
from avsync.words.ctc import CtcEngine, aligned, latin, load_ctc_engine, prefix

FloatArray = npt.NDArray[np.float32]
LETTERS = {letter: n for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz'", start=1)}
HOP = 320  # samples: 20 ms


class Tones:
    """Letter n is a tone of 300 + 100 n Hz; what is quiet is CTC's blank."""

    letters = LETTERS

    def emission(self, samples: FloatArray) -> FloatArray:
        frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(HOP), axis=1))  # 50 Hz a bin
        power = spectrum[:, 6 : 6 + 2 * (len(LETTERS) + 1) : 2]
        power = np.concatenate([np.full((len(frames), 1), 2.0), power[:, 1:] + 1e-3], axis=1)
        return np.log(power / power.sum(axis=1, keepdims=True)).astype(np.float32)


def sing(word: str, samples: FloatArray, at: float) -> float:
    """Put a word at a time, 60 ms of tone a letter with 20 ms between; seconds of its end."""
    for letter in word:
        t = np.arange(3 * HOP) / 16_000
        tone = np.sin(2 * np.pi * (300 + 100 * LETTERS[letter]) * t)
        begin = round(at * 16_000)
        samples[begin : begin + len(tone)] = tone
        at += 0.08
    return at - 0.02


def test_letters_are_found_to_the_frame() -> None:
    samples = np.zeros(3 * 16_000, np.float32)
    sing("cab", samples, 1.0)
    emission = Tones().emission(samples)
    star = emission.shape[1]
    places, scores = aligned(emission, [star, LETTERS["c"], LETTERS["a"], LETTERS["b"], star])
    assert places[1:4] == [(50, 53), (54, 57), (58, 61)]
    assert np.exp(scores[1:4]).min() > 0.5


def test_words_are_found_among_others() -> None:
    samples = np.zeros(8 * 16_000, np.float32)
    sing("zzz", samples, 1.2)  # somebody else
    ends = [sing("hello", samples, 2.0), sing("world", samples, 3.0)]
    srt = (
        "1\n00:00:01,500 --> 00:00:04,000\nHéllo, <i>world</i>!\n\n"
        "2\n00:00:05,000 --> 00:00:06,000\n[music]\n\n"
        "3\n00:00:06,000 --> 00:00:07,000\n123\n\n"
    )
    subtitles = parse_subtitles(srt.encode(), format="srt")
    alignment = align_words(subtitles, Audio(samples, 16_000), engine=CtcEngine(Tones()))
    assert alignment.engine == "ctc"
    first = alignment.cues[0]
    assert [word.text for word in first.words] == ["Héllo,", "world!"]
    assert [word.start for word in first.words] == pytest.approx([2.0, 3.0], abs=0.021)
    assert [word.end for word in first.words] == pytest.approx(ends, abs=0.021)
    assert first.mark == "said" and first.score > 0.5
    assert alignment.cues[1].mark == "unspoken"
    assert alignment.cues[2].mark == "uncertain" and len(alignment.cues[2].words) == 1


def test_a_text_that_nobody_says_is_marked() -> None:
    samples = np.zeros(6 * 16_000, np.float32)
    sing("hello", samples, 2.0)
    subtitles = parse_subtitles(b"1\n00:00:01,500 --> 00:00:04,000\nquick fox\n\n", format="srt")
    alignment = align_words(subtitles, Audio(samples, 16_000), engine=CtcEngine(Tones()))
    assert alignment.cues[0].mark == "not said"


@pytest.mark.parametrize(("seconds", "pause"), [(39, 0.15), (100, 0.05), (180, 0.4)])
def test_a_line_that_is_longer_than_a_window(seconds: int, pause: float) -> None:
    chance = np.random.default_rng(seconds)
    samples = np.zeros((seconds + 4) * 16_000, np.float32)
    words, truth = [], []
    at = 2.0
    while at < seconds:
        word = "".join(chance.choice(list("abcdefghijklmnopqrstuvwxyz"), chance.integers(2, 9)))
        words.append(word)
        end = sing(word, samples, at)
        truth.append((at, end))
        at = end + pause
    line = srt([Line(1.5, at + 0.5, " ".join(words))])
    found = align_words(
        parse_subtitles(line.encode(), format="srt"), Audio(samples, 16_000),
        engine=CtcEngine(Tones()),
    ).words  # fmt: skip
    assert [word.text for word in found] == words and all(word.placed for word in found)
    missed = np.abs(np.array([(word.start, word.end) for word in found]) - truth)
    assert missed.max() <= 0.03


def test_so_much_of_a_text_as_the_sound_holds() -> None:
    samples = np.zeros(6 * 16_000, np.float32)
    letters = [LETTERS[c] for c in "helloworldagain"]
    assert prefix(Tones().emission(samples), letters, [5, 10, 15]) == 0
    sing("hello", samples, 1.0)
    sing("world", samples, 2.0)
    sing("zzzz", samples, 4.0)  # somebody else
    emission = Tones().emission(samples)
    assert prefix(emission, letters, [5, 10, 15]) == 2
    assert prefix(emission[: 2 * 50], letters, [5, 10, 15]) == 1
    assert prefix(emission, [], []) == 0


def test_hardly_any_sound() -> None:
    subtitles = parse_subtitles(b"1\n00:00:01,000 --> 00:00:01,010\nhi\n\n", format="srt")
    sound = Audio(np.ones(40_000, np.float32), 16_000)
    found = align_words(subtitles, sound, engine=CtcEngine(Tones()), slack=0.0)
    assert not found.words[0].placed


def test_latin_letters() -> None:
    assert latin("Äpfel’s") == "apfel's"


def test_no_model_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(torch.hub, "urlopen", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"cannot be downloaded.*--engine whisper"):
        load_ctc_engine(device="cpu")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pt").write_text("<html>sign in</html>")
    with pytest.raises(ModelUnavailable, match=r"cannot be loaded.*model.pt is damaged, remove it"):
        load_ctc_engine(device="cpu")
