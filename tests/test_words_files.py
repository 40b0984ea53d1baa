"""Words as files: what stands in them, and that our own reader takes them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from avsync.errors import SubtitleError
from avsync.subtitles import Cue, read_subtitles
from avsync.words.breaking import Limits, TimedWord, break_cues, break_lines
from avsync.words.engine import Found, LineWords
from avsync.words.files import words_record, words_text, write_words
from avsync.words.marking import cue_words, mark_of
from avsync.words.result import WordAlignment
from avsync.words.spoken import cue_text


def made(text: str, start: float, end: float, times: list[tuple[float, float]]) -> WordAlignment:
    """An alignment of one cue whose words are at those times."""
    shown = cue_text(Cue(start, end, text))
    begin, found = 0, []
    for word, (a, b) in zip(shown.spoken.split(), times, strict=True):
        found.append(Found(begin, begin + len(word), a, b, 0.9, 3.0))
        begin += len(word) + 1
    cue = cue_words(0, start, end, shown, LineWords(tuple(found)))
    return WordAlignment((cue,), "en", "whisper")


@pytest.fixture
def hello() -> WordAlignment:
    text = "{\\an8}<i>Hello</i> & [sigh]\ndear World."
    return made(text, 1.0, 4.0, [(1.2, 1.5), (1.5, 1.6), (2.0, 2.4), (2.5, 3.0)])


def test_vtt_has_word_times_styles_and_place(hello: WordAlignment) -> None:
    assert words_text(hello, ".vtt") == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:04.000 line:0\n"
        "<i><00:00:01.200>Hello</i> <00:00:01.500>&amp; [sigh]\n"
        "<00:00:02.000>dear <00:00:02.500>World.\n"
    )


def test_a_cue_that_lasts_no_time_is_shown_while_it_is_said() -> None:
    flash = made("Hello there", 2.0, 2.0, [(1.8, 2.1), (2.1, 2.6)])
    assert "0:00:01.80,0:00:02.60,Default" in words_text(flash, ".ass")
    assert "00:00:01.800 --> 00:00:02.600\nHello <00:00:02.100>there" in words_text(flash, ".vtt")
    lost = made("Hello", 2.0, 2.0, [(float("nan"), float("nan"))])
    assert "00:00:02.000 --> 00:00:02.040" in words_text(lost, ".vtt")


def test_karaoke_adds_up(hello: WordAlignment) -> None:
    event = words_text(hello, ".ass").splitlines()[-1]
    assert event.endswith(
        "0:00:01.00,0:00:04.00,Default,,0,0,0,karaoke,{\\an8}{\\i1}{\\k20}{\\k30}Hello{\\i0} "
        "{\\k10}& [sigh]\\N{\\k40}{\\k40}dear {\\k10}{\\k50}World."
    )


def test_srt_a_word_or_some_characters_at_a_time(hello: WordAlignment) -> None:
    blocks = words_text(hello, ".srt").split("\n\n")
    assert [block.split("\n", 2)[2].strip() for block in blocks] == [
        "Hello", "& [sigh]", "dear", "World.",
    ]  # fmt: skip
    assert blocks[0].split("\n")[1] == "00:00:01,200 --> 00:00:01,500"
    blocks = words_text(hello, ".srt", characters=14).split("\n\n")
    assert [block.split("\n", 2)[2].strip() for block in blocks] == [
        "Hello & [sigh]", "dear World.",
    ]  # fmt: skip


def test_json_says_all(hello: WordAlignment) -> None:
    record = json.loads(words_text(hello, ".json"))
    assert record == words_record(hello)
    assert [word["text"] for word in record["cues"][0]["words"]] == [
        "Hello", "&", "dear", "World.",
    ]  # fmt: skip
    assert record["cues"][0]["mark"] == "said" and record["marks"]["said"] == 1
    assert record["cues"][0]["cue"] == 1  # as players and every other record count


@pytest.mark.parametrize("extension", [".vtt", ".ass", ".srt"])
def test_our_reader_takes_what_is_written(
    hello: WordAlignment, tmp_path: Path, extension: str
) -> None:
    path = tmp_path / f"words{extension}"
    write_words(hello, path)
    read = read_subtitles(path)
    shown = " ".join(cue.plain.replace("\n", " ") for cue in read.cues)
    assert shown == "Hello & [sigh] dear World."
    assert read.repairs == ()


def test_an_unknown_format_is_refused(hello: WordAlignment, tmp_path: Path) -> None:
    with pytest.raises(SubtitleError, match=r"\.json, \.vtt, \.ass, \.srt"):
        write_words(hello, tmp_path / "words.txt")
    assert list(tmp_path.iterdir()) == []


def test_cues_without_words_are_not_lost() -> None:
    shown = cue_text(Cue(5.0, 6.0, "[door slams]"))
    alignment = WordAlignment((cue_words(0, 5.0, 6.0, shown, None),), "en", "whisper")
    assert alignment.cues[0].mark == "unspoken"
    for extension in (".vtt", ".ass", ".srt"):
        assert "[door slams]" in words_text(alignment, extension)


def both(*cues: WordAlignment) -> WordAlignment:
    return WordAlignment(tuple(cue for one in cues for cue in one.cues), "en", "whisper")


def test_a_sign_over_words_stays_as_it_is() -> None:
    times = [(1.1, 1.5), (1.5, 2.0), (2.2, 2.8)]
    text = words_text(both(made("one two three", 1, 3, times), made("[sign]", 1, 3, [])), ".srt")
    assert "00:00:01,000 --> 00:00:03,000\n[sign]\n" in text
    assert "00:00:01,100 --> 00:00:01,500\none\n" in text


def test_no_blank_line_ends_a_cue_and_no_text_is_taken_for_a_tag(tmp_path: Path) -> None:
    shown = cue_text(Cue(1.0, 3.0, "don't go\\N\\Nover <b>there\\N \\N[far]", "ass"))
    spoken = shown.spoken.split(" ")
    starts = [(shown.spoken.index(word), word) for word in spoken]
    found = [Found(b, b + len(w), 1.0 + n / 4, 1.2 + n / 4, 0.9, 3.0)
             for n, (b, w) in enumerate(starts)]  # fmt: skip
    cue = cue_words(0, 1.0, 3.0, shown, LineWords(tuple(found)))
    sign = cue_words(1, 4.0, 5.0, cue_text(Cue(4.0, 5.0, "[one]\\N\\N[<i>two]", "ass")), None)
    alignment = WordAlignment((cue, sign), "en", "whisper")
    for extension in (".vtt", ".srt", ".ass"):
        path = tmp_path / f"film{extension}"
        write_words(alignment, path, characters=99)
        read = " ".join(" ".join(c.plain for c in read_subtitles(path).cues).split())
        assert read.replace("\u2060", "") == "don't go over <b>there [far] [one] [<i>two]", (
            extension
        )
    assert "don't" in words_text(alignment, ".vtt")


def test_a_line_that_cannot_be_read_is_uncertain() -> None:
    nan = float("nan")
    shown = cue_text(Cue(1.0, 2.0, "1984"))
    cue = cue_words(0, 1.0, 2.0, shown, LineWords((Found(0, 4, nan, nan, nan, nan),)))
    assert cue.mark == "uncertain" and cue.words[0].score == 0.0 and not cue.words[0].placed
    shown = cue_text(Cue(1.0, 2.0, "in 1984"))
    heard = (Found(0, 2, 1.0, 1.2, 0.9, 3.0), Found(3, 7, nan, nan, nan, nan))
    assert cue_words(0, 1.0, 2.0, shown, LineWords(heard)).mark == "said"


def test_words_that_were_not_found_share_the_room() -> None:
    nan = float("nan")
    alignment = made("one two three four", 1.0, 5.0, [(1.5, 2.0), (nan, nan), (nan, nan), (4, 5)])
    words = alignment.words
    assert [word.placed for word in words] == [True, False, False, True]
    assert words[1].start == 2.0 and words[2].end == 4.0
    assert words[1].end == words[2].start == pytest.approx(2.8)
    assert alignment.cues[0].voice == (1.5, 5.0)
    lost = made("one two", 1.0, 3.0, [(nan, nan), (nan, nan)])
    assert (lost.words[0].start, lost.words[1].end) == (1.0, 3.0)
    assert lost.cues[0].voice is None


@pytest.mark.parametrize(
    ("placed", "score", "support", "mark"),
    [
        (1.0, 0.8, 3.0, "said"),
        (1.0, 0.05, 2.0, "said"),
        (1.0, 0.8, 0.1, "uncertain"),
        (1.0, 0.2, 1.0, "uncertain"),
        (1.0, 0.05, 0.0, "not said"),
        (0.0, 0.2, 0.0, "not said"),
        (0.0, 0.2, 3.0, "uncertain"),
    ],
)
def test_marks(placed: float, score: float, support: float, mark: str) -> None:
    assert mark_of(placed, score, support) == mark


def spoken(text: str, *, rate: float = 3.0, start: float = 1.0) -> list[TimedWord]:
    """Words at so many a second, with half a second after each sentence."""
    words, at = [], start
    for word in text.split():
        words.append(TimedWord(word, at, at + 0.9 / rate))
        at += 1 / rate + (0.5 if word[-1] in ".?!" else 0.0)
    return words


def test_cues_end_with_sentences_and_keep_the_limits() -> None:
    text = (
        "I came about the clock, the one in the tower. It has stopped again. When the tide is low "
        "you can hear it from the harbour, if the wind comes from the land and nobody speaks."
    )
    words = spoken(text)
    captions = break_cues(words, Limits())
    assert " ".join(caption.text.replace("\n", " ") for caption in captions) == text
    for caption in captions:
        lines = caption.text.split("\n")
        assert len(lines) <= 2 and all(len(line) <= 42 for line in lines)
        seconds = caption.end - caption.start
        assert 5 / 6 - 1e-9 <= seconds <= 7.0 + 1e-9
        assert len(caption.text) / seconds <= 17.0 + 1e-6
        assert caption.text[-1] in ".,"
    for first, second in pairwise(captions):
        assert second.start - first.end >= 2 / 24 - 1e-9


def test_a_long_pause_ends_a_cue() -> None:
    words = [TimedWord("well", 1.0, 1.3), TimedWord("then", 9.0, 9.4)]
    assert [caption.text for caption in break_cues(words)] == ["well", "then"]
    assert break_cues([]) == []


def test_chinese_has_no_blanks_and_shorter_lines() -> None:
    words = [TimedWord(c, 1 + n / 5, 1.2 + n / 5, glued=n > 0) for n, c in enumerate("你好" * 10)]
    limits = Limits.of("zh")
    text = break_lines(words, limits)
    assert text.replace("\n", "") == "你好" * 10
    assert all(len(line) <= 16 for line in text.split("\n"))
