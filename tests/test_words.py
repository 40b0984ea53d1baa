"""Word times against the truth, with a tiny checkpoint in Whisper's own format.

`fixtures/words` is made by scripts/train_tiny_whisper.py: the checkpoint knows 17 words, and
the sound says them in voices that it was not trained on.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import whisper
from conftest import ROOT, Line, srt
from whisper.model import Whisper
from whisper.tokenizer import get_tokenizer

from avsync.cli import main
from avsync.errors import ModelUnavailable
from avsync.media import Audio, read_audio
from avsync.subtitles import Subtitles, parse_subtitles, read_subtitles
from avsync.words.align import align_words
from avsync.words.attention import Look, choose_heads, embed, look, token_scores
from avsync.words.models import SpeechModel, load_speech_model
from avsync.words.result import Word, WordAlignment
from avsync.words.tokens import Unit, split
from avsync.words.whisper_engine import WhisperEngine, reached

FIXTURES = ROOT / "fixtures" / "words"
SPEECH, TEXT = FIXTURES / "speech.flac", FIXTURES / "speech.srt"


@pytest.fixture(scope="module")
def model(tiny_whisper: Path) -> SpeechModel:
    return load_speech_model(tiny_whisper, device="cpu")


@pytest.fixture(scope="module")
def sound() -> Audio:
    return read_audio(SPEECH)


@pytest.fixture(scope="module")
def text() -> Subtitles:
    return read_subtitles(TEXT)


@pytest.fixture(scope="module")
def truth() -> list[list[dict[str, float]]]:
    """The true start and end of every word, cue by cue."""
    loaded: list[list[dict[str, float]]] = json.loads((FIXTURES / "speech.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def alignment(model: SpeechModel, text: Subtitles) -> WordAlignment:
    return align_words(text, SPEECH, model=model)


def errors(words: Sequence[Word], truth: Sequence[dict[str, float]]) -> npt.NDArray[np.float64]:
    """Seconds by which starts and ends miss the truth: [words, 2]."""
    assert [word.text for word in words] == [word["text"] for word in truth]
    found = np.array([(word.start, word.end) for word in words])
    return np.abs(found - np.array([(word["start"], word["end"]) for word in truth]))


def subtitles(*cues: tuple[float, float, str]) -> Subtitles:
    return parse_subtitles(srt([Line(*cue) for cue in cues]).encode(), format="srt")


def test_the_checkpoint_is_whispers_and_small(tiny_whisper: Path) -> None:
    assert tiny_whisper.stat().st_size < 2_000_000
    loaded = whisper.load_model(str(tiny_whisper), device="cpu")
    assert loaded.is_multilingual and loaded.dims.n_audio_ctx == 1500


def test_words_are_where_they_are_said(
    alignment: WordAlignment, truth: list[list[dict[str, float]]]
) -> None:
    missed = np.concatenate(
        [errors(cue.words, said) for cue, said in zip(alignment.cues, truth, strict=True)]
    )
    assert np.median(missed) <= 0.06
    assert np.percentile(missed, 90) <= 0.2
    assert all(word.placed for word in alignment.words)
    assert alignment.language == "en" and alignment.engine == "whisper"


def test_what_is_said_is_marked_so(alignment: WordAlignment) -> None:
    assert alignment.marks["said"] == len(alignment.cues)


def stretched(
    text: Subtitles, truth: list[list[dict[str, float]]], cue: int, word: int, seconds: float
) -> tuple[Subtitles, float, list[list[dict[str, float]]]]:
    """The subtitles and their truth when so much is inserted before a word, and where."""
    at = (truth[cue][word - 1]["end"] + truth[cue][word]["start"]) / 2
    spans = [
        replace(
            c.span, start=c.start + seconds * (n > cue), end=c.end + seconds * (n >= cue)
        ) for n, c in enumerate(text.cues)
    ]  # fmt: skip
    moved = [
        [
            w | {key: w[key] + seconds * ((n, place) >= (cue, word)) for key in ("start", "end")}
            for place, w in enumerate(words)
        ]
        for n, words in enumerate(truth)
    ]
    return text.retimed(spans), at, moved


def inserted(sound: Audio, at: float, stuff: npt.NDArray[np.float32]) -> Audio:
    """The sound with ``stuff`` put in at that many seconds."""
    place = round(at * sound.rate_hz)
    samples = np.concatenate([sound.samples[:place], stuff, sound.samples[place:]])
    return Audio(samples, sound.rate_hz)


def chords(seconds: float) -> npt.NDArray[np.float32]:
    """Music: a new chord every 0.6 s."""
    t = np.arange(round(seconds * 16_000)) / 16_000
    notes = 220 * 2 ** (np.array([0, 3, 7, 5])[(t // 0.6).astype(int) % 4] / 12)
    tones = sum(np.sin(2 * np.pi * np.cumsum(notes * k) / 16_000) / k for k in (1, 1.5, 2, 3))
    return (0.1 * tones * np.exp(-(t % 0.6) * 3)).astype(np.float32)


def stuff(what: str, seconds: float) -> npt.NDArray[np.float32]:
    """What is put into the sound: nothing at all, noise as loud as the sound's own, or music."""
    count = round(seconds * 16_000)
    if what == "noise":
        return (0.005 * np.random.default_rng(4).standard_normal(count)).astype(np.float32)
    return chords(seconds) if what == "music" else np.zeros(count, np.float32)


def word_after(
    model: SpeechModel,
    sound: Audio,
    text: Subtitles,
    truth: list[list[dict[str, float]]],
    place: tuple[int, int],
    put: npt.NDArray[np.float32],
    *,
    cues: int = 1,
) -> tuple[float, npt.NDArray[np.float64]]:
    """By how much the word after ``put`` is missed, and the starts in the cues after its own."""
    cue, word = place
    longer, at, moved = stretched(text, truth, cue, word, len(put) / 16_000)
    these = slice(cue, cue + cues)
    few = subtitles(*((c.start, c.end, c.text) for c in longer.cues[these]))
    found = align_words(few, inserted(sound, at, put), model=model, language="en")
    missed = [errors(c.words, w)[:, 0] for c, w in zip(found.cues, moved[these], strict=True)]
    return float(missed[0][word]), np.concatenate([*missed[1:], np.zeros(0)])


@pytest.mark.parametrize("what", ["silence", "noise"])
def test_the_word_after_half_a_minute_of_silence_is_found(
    model: SpeechModel,
    sound: Audio,
    text: Subtitles,
    truth: list[list[dict[str, float]]],
    what: str,
) -> None:
    for cue, words in enumerate(truth):
        for word in range(1, len(words), 2 if what == "noise" else 1):
            place = (cue, word)
            after, _ = word_after(model, sound, text, truth, place, stuff(what, 30.0))
            assert after <= 0.2, place


def test_a_minute_of_music_within_a_cue_throws_off_nothing_behind_it(
    model: SpeechModel, sound: Audio, text: Subtitles, truth: list[list[dict[str, float]]]
) -> None:
    missed = []
    for cue, words in enumerate(truth):
        if len(words) > 1:
            place = (cue, len(words) // 2)
            music = stuff("music", 60.0)
            after, rest = word_after(model, sound, text, truth, place, music, cues=2)
            missed.append(after)
            assert cue == 6 or np.median(rest) <= 0.06, place
    assert np.mean(np.array(missed) <= 0.2) >= 0.6  # some words it takes the music for


@pytest.mark.parametrize("what", ["silence", "music"])
def test_a_minute_between_cues_throws_nothing_off(
    model: SpeechModel,
    sound: Audio,
    text: Subtitles,
    truth: list[list[dict[str, float]]],
    what: str,
) -> None:
    at = (truth[2][-1]["end"] + truth[3][0]["start"]) / 2
    later = [
        replace(c.span, start=c.start + 60 * (n > 2), end=c.end + 60 * (n > 2))
        for n, c in enumerate(text.cues)
    ]
    longer = inserted(sound, at, stuff(what, 60.0))
    found = align_words(text.retimed(later), longer, model=model, language="en")
    for n in range(3, 7):
        moved = [w | {"start": w["start"] + 60, "end": w["end"] + 60} for w in truth[n]]
        assert np.median(errors(found.cues[n].words, moved)) <= 0.1


def test_a_line_that_nobody_says_is_marked_and_moves_no_other(
    model: SpeechModel, sound: Audio, text: Subtitles, truth: list[list[dict[str, float]]]
) -> None:
    first, second = text.cues[0], text.cues[1]
    mixed = subtitles(
        (first.start, first.end, first.text),
        (first.end + 0.05, second.start - 0.05, "Lighthouse four"),
        (second.start, second.end, f"[door slams] <i>{second.text}</i> ♪"),
        (second.end + 0.1, second.end + 0.2, "♪ ♪"),
    )
    found = align_words(mixed, sound, model=model, language="en")
    assert found.cues[1].mark == "not said"
    assert found.cues[3].mark == "unspoken"
    for cue, n in ((0, 0), (2, 1)):
        assert found.cues[cue].mark == "said"
        assert np.median(np.abs(errors(found.cues[cue].words, truth[n]))) <= 0.1


def test_layers_of_one_line_are_said_once(
    model: SpeechModel, sound: Audio, text: Subtitles
) -> None:
    once = subtitles(*((c.start, c.end, c.text) for c in text.cues))
    twice = subtitles(*((c.start, c.end, c.text) for c in text.cues for _ in range(2)))
    single = align_words(once, sound, model=model, language="en").cues
    double = align_words(twice, sound, model=model, language="en").cues
    assert [cue.mark for cue in double] == [cue.mark for cue in single for _ in range(2)]
    assert [cue.words for cue in double[1::2]] == [cue.words for cue in single]


def test_a_language_that_a_model_does_not_know(model: SpeechModel) -> None:
    with pytest.raises(ValueError, match=r"does not know cantonese \(yue\); use large-v3 or turbo"):
        WhisperEngine(model, language="yue")
    english = Whisper(replace(model.whisper.dims, n_vocab=51_864, n_text_ctx=16, n_audio_ctx=8))
    only = replace(model, name="small.en", whisper=english)
    with pytest.raises(ValueError, match=r"small.en does not know german \(de\); use one without"):
        WhisperEngine(only, language="German")


def test_silence_has_no_words(model: SpeechModel, text: Subtitles) -> None:
    silence = Audio(np.zeros(40 * 16_000, np.float32), 16_000)
    found = align_words(text, silence, model=model, language="en")
    assert found.marks["said"] == 0
    assert len(found.words) == sum(len(cue.text.split()) for cue in text.cues)
    nothing = align_words(text, Audio(np.zeros(0, np.float32), 16_000), model=model)
    assert nothing.marks["said"] == 0 and len(nothing.cues) == len(text.cues)


def test_more_text_than_can_be_read_at_once(model: SpeechModel, sound: Audio) -> None:
    many = subtitles((0.0, 3.0, "one two " * 400), (4.0, 5.0, "x" * 3000))
    found = align_words(many, sound, model=model, language="en")
    assert len(found.cues[0].words) == 800
    assert "".join(word.text for word in found.cues[1].words) == "x" * 3000


def test_a_cue_longer_than_a_window_lies_over_others(model: SpeechModel, sound: Audio) -> None:
    few = subtitles((1.0, 70.0, "Zero one two three"), (12.0, 14.0, "Seven"), (33.0, 35.0, "One"))
    found = align_words(few, sound, model=model, language="en")
    assert [len(cue.words) for cue in found.cues] == [4, 1, 1]


def test_mixed_languages_keep_every_word(model: SpeechModel, sound: Audio) -> None:
    found = align_words(
        subtitles((1.0, 4.0, "One さくら 東京 ünïcode สวัสดี")), sound, model=model, language="de"
    )
    assert "".join(w.text for w in found.words) == "Oneさくら東京ünïcodeสวัสดี"
    assert all(0 <= w.score <= 1 and w.start <= w.end for w in found.words)


def test_attention_rows_are_weights_and_heads_are_chosen(
    model: SpeechModel, sound: Audio, truth: list[list[dict[str, float]]]
) -> None:
    tokenizer = get_tokenizer(True, language="en", task="transcribe")
    tokens = tokenizer.encode("".join(f" {word['text']}" for word in truth[0]))
    start = truth[0][0]["start"] - 0.5
    samples = sound.samples[round(start * 16_000) :][: 6 * 16_000]
    heads = [(layer, head) for layer in range(2) for head in range(4)]
    seen = look(model, tokenizer, tokens, embed(model, samples), frames=300, heads=heads)
    assert seen.weights.shape == seen.normalised.shape == (8, len(tokens) + 1, 300)
    np.testing.assert_allclose(seen.weights.sum(axis=-1), 1.0, atol=1e-4)
    assert token_scores(seen).shape == (len(tokens), 300)
    assert {heads[n][0] for n in choose_heads(seen.weights[:, :-1], most=3)} == {1}


def test_the_decoder_says_how_much_of_a_text_is_in_the_sound(
    model: SpeechModel, sound: Audio, truth: list[list[dict[str, float]]]
) -> None:
    tokenizer = get_tokenizer(True, language="en", task="transcribe")
    silence = embed(model, np.zeros(1, np.float32))
    for cue, words in enumerate(truth):
        units = split(" ".join(str(word["text"]) for word in words), tokenizer)
        text = [token for unit in units for token in unit.tokens]
        for count in range(1, len(words)):
            until = (words[count - 1]["end"] + words[count]["start"]) / 2
            begin = round((words[0]["start"] - 0.3) * 16_000)
            samples = sound.samples[begin : round(until * 16_000)]
            seen = look(
                model, tokenizer, text, embed(model, samples),
                frames=len(samples) // 320, heads=[(1, 0)], silence=silence,
            )  # fmt: skip
            assert seen.end_log_probs.shape == (len(text) + 1,)
            tokens = sum(len(unit.tokens) for unit in units[:count])
            assert reached(units, seen) == tokens, (cue, count)


def test_a_word_that_is_misheard_does_not_hide_the_ones_after_it() -> None:
    units = [Unit(n, n + 1, (n,)) for n in range(5)]
    nothing = np.zeros((1, 6, 1), np.float32)

    def seen(log_probs: Sequence[float], ends: Sequence[float]) -> Look:
        silent = np.full(5, -9.0, np.float32)
        return Look(nothing, nothing, np.array(log_probs, np.float32), silent,
                    np.array(ends, np.float32))  # fmt: skip

    assert reached(units, seen([-30, -1, -1, -12, -12], [-20, -20, -20, -0.1, -2, -0.1])) == 3
    assert reached(units, seen([-1, -1, -1, -1, -1], [-9, -9, -9, -9, -9, -0.1])) == 5
    assert reached(units, seen([-9, -9, -9, -9, -9], [-0.1, -0.1, -0.1, -0.1, -0.1, -0.1])) == 0


def test_heads_that_follow_are_chosen() -> None:
    weights = np.full((3, 4, 100), 0.01, np.float32)
    for token in range(4):
        weights[1, token] = 0.001
        weights[1, token, 20 * token + 10 : 20 * token + 20] = 0.091
    weights[2, :, :] = 0.0
    weights[2, :, 99] = 1.0  # all tokens look at one frame: no path leads there four times
    assert choose_heads(weights) == [1]
    assert choose_heads(np.full((2, 50, 20), 0.05, np.float32), most=1) == [0]


def test_the_same_input_gives_the_same_words(model: SpeechModel, text: Subtitles) -> None:
    few = subtitles(*((c.start, c.end, c.text) for c in text.cues[:2]))
    assert align_words(few, SPEECH, model=model) == align_words(few, SPEECH, model=model)


def test_the_command(
    tiny_whisper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "film.words.vtt"
    command = ["words", str(SPEECH), str(TEXT), "--model", str(tiny_whisper), "--device", "cpu"]
    assert main([*command, "-o", str(out), "--language", "en"]) == 0
    assert out.read_text().startswith("WEBVTT\n\n") and "<00:00:" in out.read_text()
    assert "words in 7 cues" in capsys.readouterr().out
    assert main([*command, "-o", str(TEXT)]) == 2
    assert "is an input" in capsys.readouterr().err
    assert main([*command, "-o", str(tmp_path / "a.txt")]) == 2
    assert main(command) == 2
    assert main([*command, "-o", str(out), "--language", "klingon"]) == 2
    assert main(["words", "none.mkv", str(TEXT), "-o", str(out)]) == 1


def test_no_model_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"cannot be downloaded.*give a checkpoint"):
        load_speech_model("tiny")
    with pytest.raises(ModelUnavailable, match="no name of a Whisper model"):
        load_speech_model("huge")
    with pytest.raises(ModelUnavailable, match="no such file"):
        load_speech_model(tmp_path / "none.pt")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        load_speech_model(broken)
    for other in ({"weights": 1}, [1, 2], {"dims": {"n_mels": 80}, "model_state_dict": {}}):
        torch.save(other, broken)
        with pytest.raises(ModelUnavailable, match=r"holds no model of Whisper's; give a check"):
            load_speech_model(broken)
    with pytest.raises(ModelUnavailable, match="cannot run on 'toaster'"):
        load_speech_model(SPEECH, device="toaster")


@pytest.fixture(scope="module")
def real_model() -> SpeechModel:
    """A model of Whisper's, where it has been downloaded (`whisper.load_model("tiny")`)."""
    home = Path(os.environ.get("AVSYNC_WHISPER", Path.home() / ".cache" / "whisper"))
    path = next((home / f"{name}.pt" for name in ("tiny", "base", "small")
                 if (home / f"{name}.pt").is_file()), None)  # fmt: skip
    if path is None:
        reason = f"needs Whisper's weights (tiny.pt, base.pt or small.pt) in {home}"
        if "weights" in os.environ.get("AVSYNC_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return load_speech_model(path)


@pytest.mark.weights
def test_real_weights_find_the_words(
    real_model: SpeechModel, text: Subtitles, truth: list[list[dict[str, float]]]
) -> None:
    found = align_words(text, SPEECH, model=real_model, language="en")
    missed = np.concatenate(
        [errors(cue.words, said) for cue, said in zip(found.cues, truth, strict=True)]
    )
    assert np.median(missed) <= 0.12
    assert real_model.heads
