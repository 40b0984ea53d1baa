"""``retime`` end to end: on films of tokens, whose truth is exact, and on the film in fixtures/."""

from __future__ import annotations

import random
import re
import time
import wave
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from clips import add_sound, encode
from conftest import Line, dialogue, srt
from memory import peak_memory
from token_films import FOREIGN, TokenFilm, mistimed, token_film

from avsync.aligner.model import RetimeModel, load_model
from avsync.cache import TokenCache
from avsync.encoders.audio import AUDIO_DIM, TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming
from avsync.errors import AlignmentError, LowConfidence, MediaError
from avsync.media import iter_audio, read_audio
from avsync.refine import Refine
from avsync.retime import Retiming, encode_soundtrack, retime
from avsync.subtitles import Subtitles, parse_subtitles, read_subtitles, to_bytes
from avsync.timemap import TimeMap
from avsync.tokens import TokenSequence

MILLISECOND = 0.0011  # SubRip's finest, and a hair
FINE = 0.006  # seconds within which a film of tokens is aligned
FIXTURES = Path(__file__).parents[1] / "fixtures"
FRAME = 1 / 25


# --- films of tokens ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokens_film() -> TokenFilm:
    return token_film(1)


def saying(cues: Sequence[CueTiming]) -> bytes:
    """The cues as SubRip; a cue's letters are what tells it from others."""
    letters = {cue: "x" * cue.characters for cue in cues}
    return srt([Line(cue.start, cue.end, letters[cue]) for cue in cues]).encode()


def given(cues: Sequence[CueTiming], *, early: float = 0.0) -> Subtitles:
    """The cues, of which none may begin before 0, as a file."""
    return parse_subtitles(saying(mistimed(cues, shift=early)), format="srt", path="film.srt")


def fitted(film: TokenFilm, subtitles: Subtitles, *played: tuple[float, float]) -> Retiming:
    return retime(subtitles, to=film.played(*played), model=film.model())


def starts(subtitles: Subtitles) -> list[float]:
    return [cue.start for cue in subtitles.cues]


def check_kept(before: Subtitles, after: Subtitles) -> None:
    """The laws of any retiming: all cues are there, none before 0, none newly over another."""
    assert [cue.text for cue in after.cues] == [cue.text for cue in before.cues]
    for cue in after.cues:
        assert 0 <= cue.start <= cue.end
    for (n, a), (m, b) in combinations(enumerate(before.cues), 2):
        if a.end <= b.start:
            assert after.cues[n].end <= after.cues[m].start + MILLISECOND, f"cues {n} and {m}"


STAMP = re.compile(rb"\d\d:\d\d:\d\d[,.]\d\d\d")


def test_a_shift_is_undone(tokens_film: TokenFilm) -> None:
    subtitles = given(tokens_film.cues, early=-40.0)
    result = fitted(tokens_film, subtitles)
    assert starts(result.subtitles) == pytest.approx(
        [cue.start for cue in tokens_film.cues], abs=FINE
    )
    assert result.accepted and result.reason == "" and not result.unchanged
    assert result.confidence > 0.99 and result.clamped == ()
    (segment,) = result.segments
    assert segment.shift == pytest.approx(-40.0, abs=FINE)
    assert (segment.rate, segment.exact, segment.cues) == (Fraction(1), True, len(subtitles.cues))
    assert segment.span.start == subtitles.cues[0].start
    assert segment.span.end == subtitles.cues[-1].end
    assert result.time_map == TimeMap.linear(Fraction(1), segment.shift)


def test_only_the_time_stamps_change(tokens_film: TokenFilm) -> None:
    plain = saying(mistimed(tokens_film.cues, shift=-40.0))
    before = b"\xef\xbb\xbf" + re.sub(rb"\n(x+)\n", rb"\r\n<i>\1</i>\r\n", plain)
    result = fitted(tokens_film, parse_subtitles(before, format="srt"))
    after = to_bytes(result.subtitles)
    assert after != before
    assert STAMP.sub(b"", after) == STAMP.sub(b"", before)


def test_what_fits_is_left_alone(tokens_film: TokenFilm) -> None:
    subtitles = given(tokens_film.cues)
    result = fitted(tokens_film, subtitles)
    assert result.unchanged and result.accepted
    assert result.subtitles == subtitles
    assert to_bytes(result.subtitles) == saying(tokens_film.cues)
    assert result.time_map == TimeMap.identity()
    assert [segment.shift for segment in result.segments] == [0.0]


def test_a_frame_rate_is_exact(tokens_film: TokenFilm) -> None:
    subtitles = parse_subtitles(saying(mistimed(tokens_film.cues, rate=25 / 24)), format="srt")
    result = fitted(tokens_film, subtitles)
    (segment,) = result.segments
    assert (segment.rate, segment.exact) == (Fraction(25, 24), True)
    assert starts(result.subtitles) == pytest.approx(
        [cue.start for cue in tokens_film.cues], abs=FINE
    )


def quiet(film: TokenFilm, near: float) -> float:
    """The middle of the pause of a second or more that is nearest to a time."""
    middles = [
        (a.end + b.start) / 2
        for a, b in zip(film.cues, film.cues[1:], strict=False)
        if b.start - a.end > 1.0
    ]
    return min(middles, key=lambda t: abs(t - near))


def test_a_break_in_the_film(tokens_film: TokenFilm) -> None:
    cut = quiet(tokens_film, 150.0)
    subtitles = given(tokens_film.cues)
    edit = (0.0, cut), (FOREIGN, FOREIGN + 30.0), (cut, 300.0)
    result = fitted(tokens_film, subtitles, *edit)
    truth = [cue.start + 30.0 * (cue.start > cut) for cue in tokens_film.cues]
    assert starts(result.subtitles) == pytest.approx(truth, abs=FINE)
    assert [round(segment.shift, 2) for segment in result.segments] == [0.0, 30.0]
    assert sum(segment.cues for segment in result.segments) == len(subtitles.cues)
    assert result.clamped == ()
    # The map and the cues say the same.
    mapped = [result.time_map.map(cue.start) for cue in subtitles.cues]
    assert mapped == pytest.approx(starts(result.subtitles), abs=1e-6)


def test_cues_of_a_removed_scene_are_kept_and_reported(tokens_film: TokenFilm) -> None:
    first, last = quiet(tokens_film, 120.0), quiet(tokens_film, 170.0)
    subtitles = given(tokens_film.cues)
    result = fitted(tokens_film, subtitles, (0.0, first), (last, 300.0))
    check_kept(subtitles, result.subtitles)
    lost = [n for n, cue in enumerate(tokens_film.cues) if first < cue.start < last]
    assert lost
    assert {c.cue for c in result.clamped if c.reason == "removed scene"} == set(lost)
    for n, (cue, found) in enumerate(zip(tokens_film.cues, result.subtitles.cues, strict=True)):
        if n in lost:
            assert found.start == pytest.approx(first, abs=3.0)
        else:
            truth = cue.start - (last - first) * (cue.start > last)
            assert found.start == pytest.approx(truth, abs=FINE)


def test_cues_before_the_film_begins_are_clamped(tokens_film: TokenFilm) -> None:
    begin = quiet(tokens_film, 60.0)
    subtitles = given(tokens_film.cues)
    result = fitted(tokens_film, subtitles, (begin, 300.0))
    check_kept(subtitles, result.subtitles)
    early = [n for n, cue in enumerate(tokens_film.cues) if cue.start < begin]
    assert [c.cue for c in result.clamped] == early
    assert {c.reason for c in result.clamped} <= {"before zero", "removed scene"}
    truth = [max(0.0, cue.start - begin) for cue in tokens_film.cues]
    assert starts(result.subtitles) == pytest.approx(truth, abs=FINE)


def test_a_film_that_ends_before_its_subtitles_do(tokens_film: TokenFilm) -> None:
    subtitles = given(tokens_film.cues, early=-7.0)
    result = fitted(tokens_film, subtitles, (0.0, 150.0))
    assert starts(result.subtitles) == pytest.approx(
        [cue.start for cue in tokens_film.cues], abs=FINE
    )


@pytest.fixture(scope="module")
def wrong(tokens_film: TokenFilm) -> LowConfidence:
    with pytest.raises(LowConfidence) as caught:
        fitted(tokens_film, given(tokens_film.cues), (FOREIGN, FOREIGN + 280.0))
    return caught.value


def test_a_wrong_film_is_refused(wrong: LowConfidence, tokens_film: TokenFilm) -> None:
    found = wrong.alignment
    assert isinstance(found, Retiming)
    assert not found.accepted and found.confidence < 0.5
    assert found.reason == wrong.reason == str(wrong) != ""
    assert "\n" not in found.reason
    check_kept(given(tokens_film.cues), found.subtitles)


def test_force_returns_what_would_be_refused(tokens_film: TokenFilm, wrong: LowConfidence) -> None:
    forced = retime(
        given(tokens_film.cues),
        to=tokens_film.played((FOREIGN, FOREIGN + 280.0)),
        model=tokens_film.model(),
        force=True,
    )
    assert not forced.accepted and forced.reason == wrong.reason
    assert forced.subtitles == wrong.alignment.subtitles


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_on_any_wrong_film(seed: int) -> None:
    film, other = token_film(seed), token_film(100 + seed, minutes=[2, 5, 30][seed % 3])
    subtitles = given(film.cues)
    result = retime(subtitles, to=other.played(), model=film.model(), force=True)
    assert not result.accepted
    check_kept(subtitles, result.subtitles)


def test_a_threshold_is_the_users(tokens_film: TokenFilm) -> None:
    edit = tokens_film.played((FOREIGN, FOREIGN + 280.0))
    lax = retime(given(tokens_film.cues), to=edit, model=tokens_film.model(), min_confidence=0.0)
    assert lax.accepted and lax.reason == ""


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_probability(tokens_film: TokenFilm, threshold: float) -> None:
    with pytest.raises(ValueError, match="min_confidence"):
        retime(given(tokens_film.cues), to=tokens_film.played(), min_confidence=threshold)


def test_unsorted_cues_stay_where_they_are_in_the_file(tokens_film: TokenFilm) -> None:
    cues = list(tokens_film.cues)
    random.Random(0).shuffle(cues)
    begin = quiet(tokens_film, 40.0)
    subtitles = given(cues)
    result = fitted(tokens_film, subtitles, (begin, 300.0))
    assert [c.text for c in result.subtitles.cues] == [c.text for c in subtitles.cues]
    truth = [max(0.0, cue.start - begin) for cue in cues]
    assert starts(result.subtitles) == pytest.approx(truth, abs=FINE)
    assert {c.cue for c in result.clamped} == {n for n, c in enumerate(cues) if c.start < begin}


def test_cues_that_share_their_time_move_together(tokens_film: TokenFilm) -> None:
    # As in a bilingual file: every line twice, the second time as a sign.
    lines = srt(
        [
            Line(cue.start + 9, cue.end + 9, text)
            for cue in tokens_film.cues
            for text in ("x" * cue.characters, f"[{'x' * (cue.characters - 2)}]")
        ][2:]
    )
    subtitles = parse_subtitles(lines.encode(), format="srt")
    result = fitted(tokens_film, subtitles)
    shifts = [a.start - b.start for a, b in zip(result.subtitles.cues, subtitles.cues, strict=True)]
    assert shifts == pytest.approx([-9.0] * len(shifts), abs=FINE)
    assert result.clamped == ()


@pytest.mark.parametrize(
    "content",
    [
        srt(dialogue(lines=2)).encode(),
        srt([Line(n, n + 0.5, "[door slams]") for n in range(0, 60, 2)]).encode(),
        srt([Line(n, n + 0.5, "♪ la la ♪") for n in range(0, 60, 2)]).encode(),
        srt([Line(30 * n, 30 * n + 29, "A sign that stays") for n in range(9)]).encode(),
    ],
    ids=["two", "sounds", "songs", "signs"],
)
def test_too_few_lines_to_go_by_are_refused(content: bytes, tokens_film: TokenFilm) -> None:
    subtitles = parse_subtitles(content, format="srt", path="few.srt")
    with pytest.raises(AlignmentError, match=r"few\.srt") as caught:
        fitted(tokens_film, subtitles)
    assert not isinstance(caught.value, LowConfidence)


def test_a_soundtrack_of_no_length_is_refused(tokens_film: TokenFilm) -> None:
    empty = TokenSequence(np.zeros((0, AUDIO_DIM), np.float32), TOKEN_RATE_HZ)
    with pytest.raises(AlignmentError):
        retime(given(tokens_film.cues), to=empty, model=load_model())


def test_the_evidence_can_be_drawn(tokens_film: TokenFilm) -> None:
    shown = fitted(tokens_film, given(tokens_film.cues, early=-40.0)).evidence
    windows, lags = shown.posterior.shape
    assert shown.times.shape == shown.path.shape == (windows,)
    assert shown.lags.shape == (lags,) and lags <= 1200
    np.testing.assert_allclose(shown.posterior.sum(axis=1), 1.0, rtol=1e-3)
    assert (np.diff(shown.times) > 0).all() and (np.diff(shown.lags) > 0).all()
    np.testing.assert_allclose(shown.path, -40.0, atol=0.1)
    brightest = shown.lags[shown.posterior.argmax(axis=1)]
    assert np.mean(np.abs(brightest - shown.path) < 0.1) > 0.9


def test_subtitles_in_sync_are_a_reference(tokens_film: TokenFilm) -> None:
    result = retime(
        given(tokens_film.cues, early=-30.0),
        to=given(tokens_film.cues),
        model=tokens_film.model(),
    )
    assert starts(result.subtitles) == pytest.approx(
        [cue.start for cue in tokens_film.cues], abs=FINE
    )


def test_refining_needs_sound(tokens_film: TokenFilm) -> None:
    with pytest.raises(ValueError, match="soundtrack"):
        retime(
            given(tokens_film.cues),
            to=given(tokens_film.cues),
            model=tokens_film.model(),
            refine=Refine(),
        )


def test_one_run_is_like_another(tokens_film: TokenFilm) -> None:
    subtitles = given(tokens_film.cues, early=-40.0)
    first, second = (fitted(tokens_film, subtitles) for _ in range(2))
    assert to_bytes(first.subtitles) == to_bytes(second.subtitles)
    assert first.confidence == second.confidence
    np.testing.assert_array_equal(first.evidence.posterior, second.evidence.posterior)


@pytest.mark.parametrize("stray", [359_998.0, 3_599_998.0], ids=["100 h", "1000 h"])
def test_a_stray_cue_costs_no_memory(tokens_film: TokenFilm, stray: float) -> None:
    lines = srt([Line(c.start, c.end, "x" * c.characters) for c in tokens_film.cues])
    hours, rest = divmod(int(stray), 3600)
    lines += f"999\n{hours}:{rest // 60:02}:{rest % 60:02},000 --> {hours}:59:59,000\nwww.example\n"
    subtitles = parse_subtitles(lines.encode(), format="srt")
    with peak_memory() as peak:
        result = fitted(tokens_film, subtitles)
    assert peak.mib < 500
    assert result.unchanged


# --- the packaged model ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> RetimeModel:
    return load_model()


@pytest.fixture(scope="module")
def soundtrack(film: Path, model: RetimeModel) -> TokenSequence:
    return encode_soundtrack(film, model)


@pytest.fixture(scope="module")
def in_sync() -> Subtitles:
    return read_subtitles(FIXTURES / "film.srt")


def shifted(subtitles: Subtitles, by: float, rate: float = 1.0) -> Subtitles:
    return subtitles.retimed(
        [type(c.span)(rate * c.start + by, rate * c.end + by) for c in subtitles.cues]
    )


def errors(found: Subtitles, truth: Subtitles) -> npt.NDArray[np.float64]:
    apart: npt.NDArray[np.float64] = np.abs(np.array(starts(found)) - np.array(starts(truth)))
    return apart


def test_the_fixture_is_retimed(film: Path, film_subtitles: Path, in_sync: Subtitles) -> None:
    stages: list[str] = []
    result = retime(film_subtitles, to=film, progress=lambda stage, _: stages.append(stage))
    assert result.accepted and len(result.segments) == 1
    assert errors(result.subtitles, in_sync).max() < 2 * FRAME
    assert list(dict.fromkeys(stages)) == ["reading", "encoding", "aligning"]


def test_the_fixture_at_another_frame_rate(soundtrack: TokenSequence, in_sync: Subtitles) -> None:
    result = retime(FIXTURES / "film.framerate.srt", to=soundtrack)
    assert len(result.segments) == 1 and result.segments[0].exact
    assert errors(result.subtitles, in_sync).max() < 0.1


def test_the_fixture_in_sync_stays_byte_for_byte(
    soundtrack: TokenSequence, in_sync: Subtitles
) -> None:
    result = retime(FIXTURES / "film.srt", to=soundtrack)
    assert result.unchanged and result.accepted
    assert to_bytes(result.subtitles) == (FIXTURES / "film.srt").read_bytes()


@pytest.mark.parametrize("shift", [-2.0, 0.4, 61.3, 700.0])
def test_other_shifts_of_the_fixture(
    soundtrack: TokenSequence, model: RetimeModel, in_sync: Subtitles, shift: float
) -> None:
    result = retime(shifted(in_sync, shift), to=soundtrack, model=model)
    assert errors(result.subtitles, in_sync).max() < 0.1


def test_ass_is_retimed_as_it_is(soundtrack: TokenSequence, model: RetimeModel) -> None:
    original = read_subtitles(FIXTURES / "film.ass")
    result = retime(shifted(original, 20.0), to=soundtrack, model=model)
    assert errors(result.subtitles, original).max() < 0.1


def test_refining_moves_edges_by_half_a_second_at_most(
    soundtrack: TokenSequence, model: RetimeModel, in_sync: Subtitles
) -> None:
    late = shifted(in_sync, 7.4)
    plain = retime(late, to=soundtrack, model=model)
    refined = retime(late, to=soundtrack, model=model, refine=Refine(lead_in=0.05, linger=0.2))
    assert errors(refined.subtitles, plain.subtitles).max() <= 0.5 + 1e-6
    assert errors(refined.subtitles, plain.subtitles).max() > 0
    check_kept(late, refined.subtitles)


def test_other_words_and_breaks_are_a_reference(model: RetimeModel, in_sync: Subtitles) -> None:
    # Another subtitler's file: some lines are joined, some split, all say something else.
    lines: list[Line] = []
    cues = [cue for cue in in_sync.cues if not cue.is_sound]
    for n, cue in enumerate(cues):
        if n % 4 == 3 and cue.start - lines[-1].end < 1.0:
            lines[-1] = Line(lines[-1].start, cue.end - 0.1, lines[-1].text + " och mera")
        elif n % 5 == 2 and cue.end - cue.start > 2:
            half = (cue.start + cue.end) / 2
            lines += [Line(cue.start + 0.1, half, "Ett halvt"), Line(half, cue.end, "och ett")]
        else:
            lines.append(Line(cue.start - 0.08, cue.end + 0.2, "Något helt annat här"))
    reference = parse_subtitles(srt(lines).encode(), format="srt")
    result = retime(shifted(in_sync, 33.0), to=reference, model=model, force=True)
    assert np.mean(errors(result.subtitles, in_sync) < 0.3) >= 0.95


def write_wave(path: Path, sound: npt.NDArray[np.float32], rate_hz: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((sound * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path


def music(seconds: float, *, seed: int = 0, rate_hz: int = 16_000) -> npt.NDArray[np.float32]:
    """Chords with a beat, and nobody who sings."""
    chance = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    beat = np.exp(-6 * (t % 0.5))
    roots = 110 * 2 ** (chance.integers(0, 12, int(seconds) + 1) / 12)
    phase = 2 * np.pi * np.cumsum(roots[t.astype(int)]) / rate_hz
    chord = sum(np.sin(k * phase) / k for k in (1, 1.25, 1.5, 2, 3, 4))
    sound: npt.NDArray[np.float32] = (0.1 * chord * (0.3 + beat)).astype(np.float32)
    return sound


@pytest.mark.parametrize("kind", ["silence", "music", "noise"])
def test_what_has_no_speech_is_refused(tmp_path: Path, model: RetimeModel, kind: str) -> None:
    sound = music(120.0)
    if kind != "music":
        level = 0.1 if kind == "noise" else 0.0
        sound = np.random.default_rng(0).normal(0, level, len(sound)).astype(np.float32)
    path = write_wave(tmp_path / "sound.wav", sound)
    subtitles = parse_subtitles(srt(dialogue(lines=30)).encode(), format="srt")
    with pytest.raises(LowConfidence) as caught:
        retime(subtitles, to=path, model=model)
    assert caught.value.alignment.confidence < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_subtitles_of_another_film_are_refused(
    soundtrack: TokenSequence, model: RetimeModel, seed: int
) -> None:
    subtitles = parse_subtitles(srt(dialogue(seed, lines=25)).encode(), format="srt")
    with pytest.raises(LowConfidence):
        retime(subtitles, to=soundtrack, model=model)


def test_the_film_backwards_is_another_film(
    film: Path, tmp_path: Path, model: RetimeModel, in_sync: Subtitles
) -> None:
    backwards = write_wave(tmp_path / "back.wav", read_audio(film).samples[::-1])
    with pytest.raises(LowConfidence):
        retime(in_sync, to=backwards, model=model)


def test_the_audio_track_is_chosen(
    film: Path, tmp_path: Path, model: RetimeModel, in_sync: Subtitles
) -> None:
    import av

    sound = np.concatenate(list(iter_audio(film)))
    path = tmp_path / "tracks.mkv"
    with av.open(str(path), "w") as container:
        streams = [add_sound(container, "aac", 16_000, layout="mono") for _ in range(2)]
        packets = [
            *encode(streams[0], music(len(sound) / 16_000)),
            *encode(streams[1], sound.astype(np.float32)),
        ]
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            container.mux(packet)
    late = shifted(in_sync, 5.0)
    with pytest.raises(LowConfidence):
        retime(late, to=path, model=model)
    result = retime(late, to=path, model=model, audio_track=1)
    assert errors(result.subtitles, in_sync).max() < 0.1
    with pytest.raises(MediaError):
        retime(late, to=path, model=model, audio_track=7)


def test_a_cached_run_is_the_same_and_reads_nothing(
    film: Path, film_subtitles: Path, model: RetimeModel, tmp_path: Path
) -> None:
    cache = TokenCache(tmp_path)
    plain = retime(film_subtitles, to=film, model=model)
    stages: list[list[str]] = [[], []]
    cold, warm = (
        retime(
            film_subtitles,
            to=film,
            model=model,
            cache=cache,
            progress=lambda stage, _, seen=seen: seen.append(stage),
        )
        for seen in stages
    )
    assert "reading" in stages[0] and "encoding" in stages[0]
    assert set(stages[1]) == {"aligning"}
    for other in (cold, warm):
        assert to_bytes(other.subtitles) == to_bytes(plain.subtitles)
        assert other.segments == plain.segments
        assert other.confidence == plain.confidence


def test_a_missing_film_is_missing(tmp_path: Path, in_sync: Subtitles, model: RetimeModel) -> None:
    with pytest.raises(FileNotFoundError):
        retime(in_sync, to=tmp_path / "none.mkv", model=model)
    with pytest.raises(FileNotFoundError):
        retime(tmp_path / "none.srt", to=FIXTURES / "film.mp4", model=model)


def test_twenty_thousand_cues(model: RetimeModel) -> None:
    # A typeset file: seven cues a second over 45 minutes, of which most are letters that move.
    chance = np.random.default_rng(0)
    begins = np.sort(chance.uniform(0, 2700, 20_000))
    cues = [Line(float(a), float(a) + 1.5, "typeset letters") for a in begins]
    subtitles = parse_subtitles(srt(cues).encode(), format="srt")
    sound = chance.normal(size=(135_000, AUDIO_DIM)).astype(np.float32)
    began = time.process_time()
    with peak_memory() as peak:
        result = retime(subtitles, to=TokenSequence(sound, TOKEN_RATE_HZ), model=model, force=True)
    assert len(result.subtitles.cues) == 20_000
    assert time.process_time() - began < 30
    assert peak.mib < 1024
