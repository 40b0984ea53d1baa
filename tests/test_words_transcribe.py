"""Subtitles where there are none, with the tiny checkpoint of fixtures/words."""

from __future__ import annotations

import json
import wave
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import ROOT
from whisper.decoding import DecodingOptions, DecodingResult
from whisper.tokenizer import get_tokenizer

from avsync.cli import main
from avsync.errors import MediaError
from avsync.media import read_audio
from avsync.subtitles import read_subtitles
from avsync.words.models import SpeechModel, load_speech_model
from avsync.words.transcribe import Transcript, transcribe, written
from avsync.words.whisper_engine import WhisperEngine

FIXTURES = ROOT / "fixtures" / "words"
QUIET = 20.0
"""Seconds of music and of silence before and after what is said."""


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


def write_film(path: Path, samples: npt.NDArray[np.float32]) -> Path:
    """Those samples under a plain picture that changes its colour every three seconds."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        sound = container.add_stream("flac", rate=16_000, layout="mono")
        for n in range(len(samples) // 640):
            image = np.full((48, 64, 3), (40, 200, 90, 230)[n // 75 % 4], np.uint8)
            image[:, : 10 + 9 * (n // 75 % 5)] = 120
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            container.mux(picture.encode(frame))
            block = np.round(samples[n * 640 : (n + 1) * 640] * 32767).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(block[None], "s16", "mono")
            heard.sample_rate, heard.pts = 16_000, n * 640
            container.mux(sound.encode(heard))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


def chords(seconds: float) -> npt.NDArray[np.float32]:
    t = np.arange(round(seconds * 16_000)) / 16_000
    notes = 220 * 2 ** (np.array([0, 3, 7, 5])[(t // 0.6).astype(int) % 4] / 12)
    tones = sum(np.sin(2 * np.pi * np.cumsum(notes * k) / 16_000) / k for k in (1, 1.5, 2, 3))
    return (0.1 * tones * np.exp(-(t % 0.6) * 3)).astype(np.float32)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Music, then what is said, then silence."""
    said = read_audio(FIXTURES / "speech.flac").samples
    silence = np.zeros(round(QUIET * 16_000), np.float32)
    path = tmp_path_factory.mktemp("film") / "film.wav"
    return write_wav(path, np.concatenate([chords(QUIET), said, silence]))


@pytest.fixture(scope="module")
def transcript(film: Path, tiny_whisper: Path) -> Transcript:
    return transcribe(film, model=tiny_whisper, device="cpu")


def test_it_writes_what_is_said_and_when(transcript: Transcript) -> None:
    truth = json.loads((FIXTURES / "speech.json").read_text())
    said = [(w["text"].strip(".").lower(), w["start"] + QUIET) for cue in truth for w in cue]
    heard = [(word.text.strip(".,").lower(), word.start) for word in transcript.words]
    right = [any(t == word and abs(a - at) <= 0.15 for t, a in heard) for word, at in said]
    assert np.mean(right) >= 0.6  # the checkpoint is tiny
    assert transcript.language == "en"


def test_it_makes_nothing_up_over_music_and_silence(transcript: Transcript) -> None:
    last = max(span.end for span in transcript.speech)
    assert min(word.start for word in transcript.words) >= QUIET - 0.5
    assert max(word.end for word in transcript.words) <= last + 1.0


def test_its_cues_can_be_read(transcript: Transcript) -> None:
    captions = transcript.captions
    for caption in captions:
        assert all(len(line) <= 42 for line in caption.text.split("\n"))
        assert caption.end - caption.start <= 7.0 + 1e-6
    for first, second in pairwise(captions):
        assert first.end <= second.start
    cues = transcript.subtitles.cues
    assert [cue.text for cue in cues] == [caption.text for caption in captions]


def test_it_translates_by_the_models_own_task(film: Path, tiny_whisper: Path) -> None:
    model = load_speech_model(tiny_whisper, device="cpu")
    read: set[int] = set()
    model.whisper.decoder.register_forward_pre_hook(
        lambda _, inputs: read.update(inputs[0].flatten().tolist())
    )
    tokens = get_tokenizer(True, language="ja", task="translate")
    with suppress(MediaError):  # the checkpoint has not learnt to translate
        transcribe(film, model=model, translate=True, language="ja")
    assert {tokens.translate, tokens.to_language_token("ja")} < read
    assert tokens.transcribe not in read


def test_cues_in_step_with_the_shots(
    tiny_whisper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = read_audio(FIXTURES / "speech.flac").samples[: 18 * 16_000]
    path = write_film(tmp_path / "film.mkv", said)
    out = tmp_path / "film.srt"
    command = ["transcribe", str(path), "-o", str(out), "--shots", "--language", "en"]
    assert main([*command, "--model", str(tiny_whisper), "--device", "cpu"]) == 0
    cues = read_subtitles(out).cues
    edges = [edge for cue in cues for edge in (cue.start, cue.end)]
    assert cues and all(abs(edge * 25 - round(edge * 25)) <= 0.03 for edge in edges)
    sound = write_wav(tmp_path / "sound.wav", said)
    command[1] = str(sound)
    assert main([*command, "--force", "--model", str(tiny_whisper)]) == 1
    assert "has no picture" in capsys.readouterr().err


def test_what_is_left_out_of_a_piece_is_heard_for_itself(
    tiny_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def forgetful(
        samples: npt.NDArray[np.float32], engine: WhisperEngine, model: SpeechModel, **more: bool
    ) -> str | None:
        calls.append(len(samples) / 16_000)
        if len(calls) == 1:
            return "Nine five."
        return written(samples, engine, model, **more)

    monkeypatch.setattr("avsync.words.transcribe.written", forgetful)
    said = read_audio(FIXTURES / "speech.flac").samples
    film = write_wav(tmp_path / "film.wav", said[: 20 * 16_000])
    made = transcribe(film, model=tiny_whisper, language="en", device="cpu")
    assert calls[0] > 10 and len(calls) > 1 and max(calls[1:]) < calls[0]
    heard = [(word.text.strip(".").lower(), word.start) for word in made.words]
    assert [text for text, _ in heard[:2]] == ["nine", "five"]
    seven = json.loads((FIXTURES / "speech.json").read_text())[0][-1]
    assert any(text == "seven" and abs(at - seven["start"]) <= 0.15 for text, at in heard)


def test_probable_text_is_kept_and_no_length_cuts_it(
    tiny_whisper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_speech_model(tiny_whisper, device="cpu")
    asked: list[DecodingOptions] = []

    def decode(_: object, mel: torch.Tensor, options: DecodingOptions) -> DecodingResult:
        asked.append(options)
        return DecodingResult(
            mel, "en", text=" Hello", tokens=[2425], avg_logprob=-0.2, no_speech_prob=0.7
        )

    monkeypatch.setattr(type(model.whisper), "decode", decode)
    engine = WhisperEngine(model)
    assert written(np.zeros(16_000, np.float32), engine, model, translate=False) == "Hello"
    assert asked[0].sample_len == engine.most_units > 400


def test_nobody_speaks(tmp_path: Path) -> None:
    silent = write_wav(tmp_path / "silent.wav", np.zeros(5 * 16_000, np.float32))
    with pytest.raises(MediaError, match="nobody is heard speaking"):
        transcribe(silent, model="tiny", device="cpu")


def test_the_command(
    film: Path, tiny_whisper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "film.srt"
    command = ["transcribe", str(film), "-o", str(out), "--model", str(tiny_whisper)]
    command += ["--device", "cpu", "--language", "en"]
    assert main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["cues"] == len(read_subtitles(out).cues) > 0
    assert main(command) == 2
    assert "--force writes over it" in capsys.readouterr().err
    assert main([*command, "--force", "-q"]) == 0
    assert main(["transcribe", str(film), "-o", str(tmp_path / "film.doc")]) == 2
