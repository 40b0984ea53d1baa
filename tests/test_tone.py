"""Tone: measures with known answers, laws that hold by construction, and reports end to end."""

from __future__ import annotations

import json
import math
import re
import wave
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync.aligner.attention import ContextAttention
from avsync.cache import TokenCache
from avsync.cli import main
from avsync.errors import MediaError
from avsync.media import Audio
from avsync.timemap import Span
from avsync.tone.evidence import Trajectory
from avsync.tone.export import report_record, to_csv
from avsync.tone.harmony import Notes, mode_of
from avsync.tone.hearing import Ears, Heard, hear
from avsync.tone.loudness import KMeter, integrated
from avsync.tone.measures import MUSIC, PICTURE, SPEECH
from avsync.tone.model import ToneModel, load_tone_model
from avsync.tone.page import write_page
from avsync.tone.pitch import PitchTracker
from avsync.tone.report import ToneReport
from avsync.tone.score import report_of, score_tone, try_sounds
from avsync.tone.seeing import PICTURE_TOKENS, Seen, seen_of
from avsync.tone.sentences import mood
from avsync.tone.windows import clock, pooled, weights_of, windows_of

RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]


@cache
def model() -> ToneModel:
    return load_tone_model()


@cache
def ears() -> Ears:
    return Ears.load()


def tones(notes: list[float], every: float, seconds: float, *, amplitude: float = 0.1) -> Samples:
    """Struck notes (MIDI numbers, in turn), one each `every` seconds."""
    out = np.zeros(int(seconds * RATE_HZ))
    t = np.arange(int(min(1.0, 2 * every) * RATE_HZ)) / RATE_HZ
    for n in range(int(seconds / every)):
        hz = 440 * 2 ** ((notes[n % len(notes)] - 69) / 12)
        rich = sum(np.sin(2 * np.pi * k * hz * t) / k**1.5 for k in range(1, 6) if k * hz < 7000)
        at = int(n * every * RATE_HZ)
        note = (rich * np.exp(-4 * t))[: len(out) - at]
        out[at : at + len(note)] += amplitude * note
    return out.astype(np.float32)


def chords(minor: bool, seconds: float) -> Samples:
    third = 63 if minor else 64
    sixth = 68 if minor else 69
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    for n, chord in enumerate(
        [(60, third, 67), (65, sixth, 72), (55, 59, 62), (60, third, 67)] * 9
    ):
        at = n * RATE_HZ
        part = sum(tones([note], 1.0, 1.0) for note in chord)
        out[at : at + RATE_HZ] += part[: max(0, len(out) - at)][:RATE_HZ]
    return out


def heard_of(samples: Samples) -> Heard:
    return hear(Audio(samples, RATE_HZ), ears())


def flat_heard(moments: int = 12, **music: float) -> Heard:
    """Neutral music, with some of its measures set."""
    table = np.tile([music.get(m.name, m.usual) for m in MUSIC], (moments, 1))
    speech = np.tile([m.usual for m in SPEECH], (moments, 1))
    there = np.ones(moments, bool)
    return Heard(float(moments), speech, table, np.zeros(moments), there, np.zeros((moments, 96)))


def flat_seen(moments: int = 12, **picture: float) -> Seen:
    table = np.tile([picture.get(m.name, m.usual) for m in PICTURE], (moments, 1))
    tokens = np.zeros((moments, PICTURE_TOKENS))
    return Seen(float(moments), table, np.ones(moments, bool), tokens, (0.0,))


def moving(speed: float, *, shot: int = 10_000, frames: int = 250) -> npt.NDArray[np.uint8]:
    """A bar that moves over a ground whose colour changes with the shot."""
    out = np.zeros((frames, 36, 64, 3), np.uint8)
    for n in range(frames):
        out[n] = (90, 60 + 70 * (n // shot % 2), 160 - 90 * (n // shot % 2))
        at = int(speed * n + 17 * (n // shot)) % 52
        out[n, 6:30, at : at + 12] = (230, 200, 40)
    return out


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def write_film(path: Path, frames: npt.NDArray[np.uint8], *, crf: str = "18") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": crf})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


# --- measures -------------------------------------------------------------------------------


def test_loudness_of_a_sine_is_as_in_the_recommendation() -> None:
    # BS.1770: a full-scale 997 Hz sine in one channel reads -3.01 LUFS.
    t = np.arange(5 * RATE_HZ) / RATE_HZ
    power = KMeter().add(np.sin(2 * np.pi * 997 * t).astype(np.float32))
    assert integrated(power) == pytest.approx(-3.01, abs=0.1)
    assert integrated(KMeter().add(np.zeros(RATE_HZ, np.float32))) == -math.inf


@pytest.mark.parametrize("hz", [85.0, 140.0, 233.0, 410.0])
def test_pitch_of_a_rich_tone_is_found_in_any_blocks(hz: float) -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    rich = sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 12)).astype(np.float32)
    tracker = PitchTracker()
    for part in np.array_split(rich, 7):
        tracker.add(part)
    found = tracker.finish()
    inner = found.hz[5:-5]
    assert np.abs(np.log2(inner / hz)).max() < 0.01
    assert found.strength[5:-5].min() > 0.9


def test_noise_has_no_pitch() -> None:
    tracker = PitchTracker()
    tracker.add(np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32))
    assert tracker.finish().voiced.mean() < 0.1


@pytest.mark.parametrize("key", [0, 3, 7, 10])
def test_major_and_minor_are_told_apart_in_every_key(key: int) -> None:
    modes = []
    for scale in ((0, 4, 7, 5, 9, 0, 7, 11, 2, 0), (0, 3, 7, 5, 8, 0, 7, 10, 2, 0)):
        notes = Notes()
        notes.add(tones([60 + key + s for s in scale], 0.25, 5.0))
        modes.append(mode_of(notes.finish())[0])
    assert modes[0] > 0.05 > -0.05 > modes[1]


def test_more_notes_are_denser_and_brighter_is_brighter() -> None:
    slow, fast = (heard_of(tones([60, 64, 67], every, 6.0)) for every in (1.0, 0.25))
    names = [measure.name for measure in MUSIC]
    density = names.index("onset_density")
    assert slow.music[1:-1, density].mean() == pytest.approx(1.0, abs=0.35)
    assert fast.music[1:-1, density].mean() == pytest.approx(4.0, abs=0.6)


def test_volume_changes_no_measure() -> None:
    sound = tones([60, 64, 67, 72], 0.4, 6.0)
    loud, soft = heard_of(sound), heard_of(sound * np.float32(10 ** (-26 / 20)))
    at, other = (report_of(h, None, model()).sound for h in (loud, soft))
    assert at is not None and other is not None
    assert abs(at.arousal_mean - other.arousal_mean) < 0.02
    assert abs(at.valence_mean - other.valence_mean) < 0.02


def test_measures_are_packed_and_unpacked() -> None:
    heard = heard_of(tones([60, 67], 0.5, 3.0))
    again = Heard.unpacked(heard.packed(), heard.duration)
    assert np.allclose(again.music, heard.music, atol=1e-4)
    assert (again.audible == heard.audible).all()


# --- the model ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, len(MUSIC) - 1), st.floats(-2.5, 2.4), st.floats(0.1, 2.0))
def test_more_of_what_excites_is_never_less_arousal(index: int, at: float, by: float) -> None:
    measure = MUSIC[index]
    values = []
    for place in (at, at + by):
        given_ = {measure.name: measure.usual + place * measure.spread}
        found = model().judge_sound(flat_heard(1, **given_))
        values.append((found.arousal[0], found.valence[0]))
    (arousal, valence), (more_arousal, more_valence) = values
    assert (more_arousal - arousal) * measure.arousal >= 0
    assert (more_valence - valence) * measure.valence >= 0
    if measure.arousal == 0:
        assert more_arousal == arousal


@pytest.mark.parametrize("name", ["motion", "shot_rate", "saturation"])
def test_motion_cutting_and_colour_excite(name: str) -> None:
    measure = next(m for m in PICTURE if m.name == name)
    low, high = (
        model().judge_picture(flat_seen(1, **{name: measure.usual + k * measure.spread})).arousal[0]
        for k in (-1, 1)
    )
    assert high > low + 0.05


def test_a_louder_brighter_busier_voice_is_more_aroused() -> None:
    names = ("pitch", "pitch_range", "effort", "speech_rate")
    table = {m.name: m for m in SPEECH}
    for name in names:
        values = []
        for k in (-1.0, 1.0):
            heard = flat_heard(1)
            speech = heard.speech.copy()
            speech[:, [m.name for m in SPEECH].index(name)] += k * table[name].spread
            voice = replace(heard, speech=speech, speech_share=np.ones(1))
            values.append(model().judge_sound(voice).arousal[0])
        assert values[1] > values[0] + 0.05, name


def test_context_attention_looks_only_where_it_may() -> None:
    torch.manual_seed(0)
    attention = ContextAttention(4, 5, heads=2, head_dim=3, reach=2)
    queries, keys = torch.randn(1, 9, 4), torch.randn(1, 9, 5)
    present = torch.ones(1, 9, dtype=torch.bool)
    present[0, 4] = False
    context, weights = attention(queries, keys, present)
    assert context.shape == (1, 9, 6) and weights.shape == (1, 2, 9, 9)
    assert torch.allclose(weights.sum(-1), torch.ones(1, 2, 9), atol=1e-5)
    assert weights[..., 4].max() == 0
    assert weights[0, :, 0, 3:].max() == 0
    nobody = attention(queries, keys, torch.zeros(1, 9, dtype=torch.bool))[1]
    assert nobody.abs().max() == 0


def test_a_long_film_is_judged_in_parts_as_in_one() -> None:
    rng = np.random.default_rng(0)
    heard, seen = flat_heard(300), flat_seen(300)
    heard = replace(heard, music=heard.music + rng.normal(size=heard.music.shape) * 0.3)
    seen = replace(seen, picture=seen.picture + rng.normal(size=seen.picture.shape) * 0.1)
    whole = model().judge(heard, seen)
    import avsync.tone.model as module

    chunk, module._CHUNK = module._CHUNK, 1000
    try:
        at_once = model().judge(heard, seen)
    finally:
        module._CHUNK = chunk
    assert np.allclose(whole.logits, at_once.logits, atol=1e-4)
    assert np.allclose(whole.sound_to_picture, at_once.sound_to_picture, atol=1e-5)


def test_agreement_falls_with_distance_and_stays_in_bounds() -> None:
    excited = flat_heard(20, tempo=0.6, onset_density=6.0, flux=0.6)
    lively, calm = (
        flat_seen(20, motion=0.2, shot_rate=5.0),
        flat_seen(20, motion=-1.2, shot_rate=0.0),
    )
    with_lively, with_calm = (report_of(excited, s, model()) for s in (lively, calm))
    assert with_lively.agreement is not None and with_calm.agreement is not None
    assert -1 <= with_calm.agreement.overall < with_lively.agreement.overall <= 1
    for found in (with_lively.agreement, with_calm.agreement):
        assert found.low <= found.overall <= found.high
    assert any("disagree" in sentence for sentence in with_calm.sentences)
    assert not any("wrong" in sentence for sentence in with_calm.sentences)


def test_what_is_hardly_known_says_hardly_anything() -> None:
    bond = model().bond
    along = torch.sin(torch.arange(40) / 4)[:, None].repeat(1, 2) * 0.6
    present = torch.ones(40, dtype=torch.bool)

    @torch.inference_mode()
    def nats(turned: float, error: float) -> float:
        sides = [
            Trajectory.of(values, torch.full((40, 2), error), present)
            for values in (along, turned * along)
        ]
        return (bond(*sides, present) - bond.bias).mean().item()

    assert nats(1.0, 0.1) > 0.5 > -0.5 > nats(-1.0, 0.1)
    assert abs(nats(-1.0, 50.0)) < 0.01 > abs(nats(1.0, 50.0))


# --- pictures -------------------------------------------------------------------------------


def test_faster_cutting_and_more_motion_excite_a_picture() -> None:
    eyes = ears().picture
    still, cut, fast = (
        report_of(None, seen_of(frames, eyes), model(), missing=("no sound",)).picture
        for frames in (moving(0.05), moving(0.05, shot=30), moving(1.5))
    )
    assert still is not None and cut is not None and fast is not None
    assert cut.arousal_mean > still.arousal_mean
    assert fast.arousal_mean > still.arousal_mean


def test_black_bars_say_nothing_of_light() -> None:
    from avsync.tone.light import colours

    frames = moving(0.5, frames=30)
    boxed = frames.copy()
    boxed[:, :5] = boxed[:, -5:] = 0
    inner, with_bars = colours(frames[:, 5:-5], None), colours(boxed, None)
    assert np.allclose(inner["brightness"], with_bars["brightness"], atol=1e-5)


# --- windows and words ----------------------------------------------------------------------


@given(st.floats(1.0, 5000.0), st.floats(1.0, 100.0))
def test_windows_cover_the_film(duration: float, seconds: float) -> None:
    spans = windows_of(duration, seconds)
    assert spans[0].start == 0 and spans[-1].end == pytest.approx(duration)
    assert all(a.end == b.start for a, b in pairwise(spans))


def test_a_window_weighs_what_lies_in_it() -> None:
    there = np.array([True, True, False, True])
    weights = weights_of(Span(0.5, 3.5), there)
    assert weights.tolist() == [0.5, 1.0, 0.0, 0.5]
    assert pooled(np.array([2.0, 4.0, 99.0, 6.0]), weights) == pytest.approx(4.0)
    assert math.isnan(pooled(np.ones(4), weights_of(Span(2.0, 3.0), there)))
    assert clock(72) == "1:12" and clock(3671) == "1:01:11"


def test_words_for_places_on_the_circumplex() -> None:
    assert mood(0.6, 0.6) == "cheerful and lively"
    assert mood(-0.6, -0.6) == "gloomy"
    assert mood(0.0, 0.0) == "neutral"
    assert mood(math.nan, 0.2) == "silent"


# --- reports, end to end --------------------------------------------------------------------


def test_minor_after_major_within_one_recording() -> None:
    sound = np.concatenate([chords(False, 12.0), chords(True, 12.0)])
    found = score_tone(Audio(sound, RATE_HZ), windows=12.0, model=model())
    assert found.picture is None and found.agreement is None and found.missing
    assert found.sound is not None
    assert found.sound.valence[0] > found.sound.valence[1]


STRIKES = np.random.default_rng(0).normal(0, 1, 1200).astype(np.float32)


def struck(every: float, *, hard: float = 1.0) -> Samples:
    """Ten seconds of a chord that is struck, with a harder touch louder and brighter."""
    out = sum(tones([note], every, 10.0, amplitude=0.04 * hard) for note in (57, 60, 64, 69))
    assert isinstance(out, np.ndarray)
    for at in np.arange(0, 10, every):
        place = int(at * RATE_HZ)
        fall = STRIKES * np.exp(-np.arange(1200) / 300).astype(np.float32)
        out[place : place + 1200] += 0.01 * hard**1.8 * fall[: len(out) - place]
    return out


@pytest.mark.parametrize(
    ("calm", "lively"),
    [
        (struck(0.8), struck(0.45)),
        (struck(1.2), struck(0.3)),
        (struck(0.6, hard=0.4), struck(0.6, hard=1.6)),
    ],
    ids=["faster", "denser", "harder"],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_livelier_passage_of_one_recording_excites(
    calm: Samples, lively: Samples, first: bool
) -> None:
    passages = (lively, calm) if first else (calm, lively)
    found = score_tone(Audio(np.concatenate(passages), RATE_HZ), windows=10.0, model=model()).sound
    assert found is not None
    assert (found.arousal[0] > found.arousal[1]) == first


def test_silence_in_between_has_no_number() -> None:
    gap = np.zeros(10 * RATE_HZ, np.float32)
    sound = np.concatenate([tones([60], 0.5, 5.0), gap, tones([60], 0.5, 5.0)])
    found = score_tone(Audio(sound, RATE_HZ), windows=5.0, model=model()).sound
    assert found is not None
    assert np.isfinite(found.arousal[[0, 3]]).all()
    assert np.isnan(found.arousal[2])


def test_nothing_to_judge_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="silent"):
        score_tone(Audio(np.zeros(3 * RATE_HZ, np.float32), RATE_HZ), model=model())
    with pytest.raises(MediaError, match="give 1 s or more"):
        score_tone(Audio(tones([60], 0.1, 0.4), RATE_HZ), model=model())
    with pytest.raises(FileNotFoundError):
        score_tone(tmp_path / "nothing.mp4", model=model())


def film_report() -> ToneReport:
    heard = flat_heard(20, tempo=0.6, onset_density=6.0)
    heard = replace(heard, audible=np.arange(20) >= 5)
    return report_of(heard, flat_seen(20), model(), path="films/a </script> \x1b[31m film.mp4")


def test_json_and_csv_say_the_same_and_null_where_nothing_is() -> None:
    report = film_report()
    record = json.loads(json.dumps(report_record(report), allow_nan=False))
    assert [w["start_s"] for w in record["windows"]] == [0.0, 5.0, 10.0, 15.0]
    assert record["windows"][0]["sound"] is None and record["windows"][0]["agreement"] is None
    assert record["windows"][1]["sound"]["arousal"] > 0
    assert -1 <= record["overall"]["low"] <= record["overall"]["agreement"] <= 1
    lines = to_csv(report).splitlines()
    assert len(lines) == 5 and lines[0].startswith("name,start_s,end_s,sound_valence")
    assert lines[1].endswith(",")


def test_an_explanation_adds_up_and_names_moments() -> None:
    report = film_report()
    found = report.explain(1)
    sizes = [abs(part.by) for part in found.contributions]
    assert sizes == sorted(sizes, reverse=True)
    tempo = next(p for p in found.contributions if p.measure == "music.tempo" and p.of == "arousal")
    assert tempo.by > 0 and tempo.words == "a fast tempo"
    assert found.sound_to_picture.sum() == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(IndexError, match="4 windows"):
        report.explain(4)


def test_named_scenes_and_wrong_ones() -> None:
    heard = flat_heard(20)
    report = report_of(
        heard, None, model(), windows={"attic": Span(2, 9), "sea": Span(9, 30)}, missing=("x",)
    )
    assert report.names == ("attic", "sea") and report.windows[1] == Span(9, 20)
    with pytest.raises(ValueError, match=r"25 to 30 s, does not lie in what.* 20\.00 s"):
        report_of(heard, None, model(), windows=[Span(25, 30)], missing=("x",))
    with pytest.raises(ValueError, match="need a picture"):
        report_of(heard, None, model(), windows="shots", missing=("x",))


def test_black_and_still_pictures_are_no_film(tmp_path: Path) -> None:
    for name, frames, reason in (
        ("black", np.zeros((50, 72, 128, 3), np.uint8), "nothing but black"),
        ("still", np.full((50, 72, 128, 3), 120, np.uint8), "one still picture"),
    ):
        path = tmp_path / f"{name}.mp4"
        write_film(path, frames)
        with pytest.raises(MediaError, match=f"no sound.*; no picture.*{reason}"):
            score_tone(path, model=model())


class Page(HTMLParser):
    """What a browser would load, and what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_page(film_report(), target)
    text = target.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 2 and names.count("svg") == 3 and "link" not in names
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]
    assert not re.findall(r"https?://", text)
    media = dict(page.tags)["video"]
    assert media["src"] is not None and "%3C/script%3E" in media["src"]
    slider = next(attrs for _, attrs in page.tags if attrs.get("id") == "curves")
    assert slider["role"] == "slider" and slider["tabindex"] == "0"
    data = text.split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["windows"][1]["name"] == "0:05-0:10"


def test_the_command_judges_ranks_and_refuses(
    tmp_path: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song, mute = tmp_path / "song.wav", tmp_path / "mute.wav"
    write_wav(song, tones([60, 64, 67], 0.3, 6.0))
    write_wav(mute, np.zeros(2 * RATE_HZ, np.float32))
    assert main(["tone", str(song), "--json", "--csv", str(tmp_path / "a.csv"), "-q"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["windows"][0]["picture"] is None and "no picture" in out.err
    assert (tmp_path / "a.csv").exists()
    assert main(["tone", str(mute)]) == 1
    assert "silent" in capsys.readouterr().err
    assert main(["tone", str(song), "--csv", str(song)]) == 2
    assert main(["tone", str(song), "--explain", "9"]) == 2
    assert main(["tone", str(song), "--try", str(song), "--html", "x.html"]) == 2
    assert "is read" in capsys.readouterr().err


def test_another_size_and_another_coding_change_next_to_nothing(tmp_path: Path) -> None:
    frames = moving(1.0, shot=40, frames=150).repeat(5, axis=1).repeat(5, axis=2)
    found = []
    for size, crf in (((180, 320), "18"), ((180, 320), "36"), ((90, 160), "18")):
        path = tmp_path / "film.mp4"
        write_film(path, frames[:, :: 180 // size[0], :: 320 // size[1]], crf=crf)
        seen = score_tone(path, model=model()).picture
        assert seen is not None
        found.append((seen.arousal_mean, seen.valence_mean))
    assert np.ptp(np.array(found), axis=0).max() < 0.05


def test_a_picture_is_looked_at_once_for_any_number_of_songs(tmp_path: Path) -> None:
    cut, cache = tmp_path / "cut.mp4", TokenCache(tmp_path / "cache")
    write_film(cut, moving(1.0, shot=50, frames=100).repeat(2, axis=1).repeat(2, axis=2))
    songs = [tmp_path / "slow.wav", tmp_path / "fast.wav"]
    for song, every in zip(songs, (0.8, 0.2), strict=True):
        write_wav(song, tones([60, 64, 67], every, 5.0))
    stages: list[str] = []

    def ranked(kept: TokenCache | None) -> list[tuple[str, float]]:
        stages.clear()
        note = lambda stage, fraction: stages.append(stage)  # noqa: E731
        found = try_sounds(cut, songs, model=model(), cache=kept, progress=note)
        return [(one.path, one.agreement) for one in found]

    first = ranked(cache)
    assert "watching" in stages and "reading" in stages
    assert ranked(cache) == first and not stages
    assert ranked(None) == first and stages


def test_candidates_are_ranked_and_failures_come_last(tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    write_film(cut, moving(1.0, shot=50, frames=100).repeat(4, axis=1).repeat(4, axis=2))
    song = tmp_path / "song.wav"
    write_wav(song, tones([60, 64, 67], 0.3, 5.0))
    (tmp_path / "broken.wav").write_bytes(b"RIFF no")
    ranked = try_sounds(cut, [tmp_path / "broken.wav", song], model=model())
    assert ranked[0].path == str(song) and ranked[0].report is not None
    assert ranked[1].report is None and "not media" in ranked[1].reason
