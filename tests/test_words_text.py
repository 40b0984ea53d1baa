"""What of a cue is said, and which words that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper.tokenizer import get_tokenizer

from avsync.subtitles import Cue
from avsync.words.spoken import Style, cue_text
from avsync.words.tokens import sounding, split, word_spans


def words(text: str, language: str, format: str = "srt") -> list[str]:
    """The words as they are shown."""
    found = cue_text(Cue(0.0, 1.0, text, format))  # type: ignore[arg-type]
    units = split(found.spoken, get_tokenizer(True, language=language)) if found.spoken else []
    return [found.visible[found.places[u.begin] : found.places[u.finish - 1] + 1] for u in units]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Plain words.", "Plain words."),
        ("<i>Styled</i> {\\an8}words", "Styled words"),
        ("- One.\n- Two.", "One. Two."),
        ("MAN 2: Who's there?", "Who's there?"),
        ("At 10:30: go", "At 10:30: go"),
        ("IT'S 10:30 NOW", "IT'S 10:30 NOW"),
        ("АННА: иди сюда", "иди сюда"),  # noqa: RUF001
        ("он сказал: иди сюда", "он сказал: иди сюда"),
        ("我告诉你:别走", "我告诉你:别走"),
        ("قال: تعال", "قال: تعال"),
        ("[door slams] What?\n(sighs)", "What?"),
        ("♪ La la ♪", "La la"),
        ("he♪llo", "hello"),
        ("[a (nested) sound]", ""),
        ("...", ""),
        ("", ""),
        ("so\u200bft", "soft"),
        ("# A song #", "A song"),
    ],
)
def test_what_is_said(text: str, spoken: str) -> None:
    assert cue_text(Cue(0.0, 1.0, text)).spoken == spoken


def test_styles_keep_their_places() -> None:
    found = cue_text(Cue(0.0, 1.0, "{\\an8}<i>Hello</i> there"))
    assert found.visible == "Hello there"
    assert found.styles == (Style(0, "an8"), Style(0, "i"), Style(5, "/i"))
    found = cue_text(Cue(0.0, 1.0, "{\\i1\\b1}Hallo{\\i0}\\NWelt", "ass"))
    assert found.visible == "Hallo\nWelt"
    assert found.styles == (Style(0, "i"), Style(0, "b"), Style(5, "/i"))
    found = cue_text(Cue(0.0, 1.0, "A &amp; <c.loud>B</c>", "vtt"))
    assert found.visible == "A & B"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("It's \"fine\", isn't it?", "en", ["It's", '"fine",', "isn't", "it?"]),
        ("A - b", "en", ["A", "- b"]),
        ("你好，世界！", "zh", ["你好，", "世界！"]),  # noqa: RUF001
        ("さくらです。", "ja", ["さ", "く", "ら", "です。"]),
        ("らーめん", "ja", ["らー", "め", "ん"]),
        ("สวัสดีครับ", "th", ["ส", "วั", "ส", "ดี", "ครั", "บ"]),
        ("안녕하세요 세계", "ko", ["안녕하세요", "세계"]),
        ("Ich liebe 東京 sehr", "de", ["Ich", "liebe", "東", "京", "sehr"]),
        ("<|endoftext|> hi", "en", ["<|endoftext|>", "hi"]),
    ],
)
def test_words_of_every_script(text: str, language: str, expected: list[str]) -> None:
    assert words(text, language) == expected


def test_thai_marks_stay_with_their_letter() -> None:
    assert [u for u in words("สวัสดี", "th") if u[0] in "ัี"] == []


@given(st.text(max_size=30), st.sampled_from(["en", "ja", "th"]))
def test_no_text_is_lost_and_no_token(text: str, language: str) -> None:
    spoken = cue_text(Cue(0.0, 1.0, text)).spoken
    if not spoken:
        return
    tokenizer = get_tokenizer(True, language=language)
    units = split(spoken, tokenizer)
    covered = "".join(spoken[u.begin : u.finish] for u in units)
    assert covered.replace(" ", "") == "".join(spoken.split())
    read = tokenizer.decode([token for unit in units for token in unit.tokens])
    assert read.strip() == spoken
    spans = word_spans(spoken)
    assert "".join(spoken[a:b] for a, b in spans).replace(" ", "") == covered.replace(" ", "")


def test_punctuation_at_the_edges_of_a_word_has_no_sound() -> None:
    tokenizer = get_tokenizer(True, language="en", task="transcribe")
    for text, letters in (('"One" two.', ["One", " two"]), ("don't... 7%", ["don't", " 7"])):
        units = split(text, tokenizer)
        ranges = [sounding(unit, tokenizer) for unit in units]
        heard = [
            tokenizer.decode(list(unit.tokens[a:b]))
            for unit, (a, b) in zip(units, ranges, strict=True)
        ]
        assert [word.strip() for word in heard] == [word.strip() for word in letters]
    (unit,) = split("桜", get_tokenizer(True, language="ja", task="transcribe"))
    assert sounding(unit, tokenizer) == (0, len(unit.tokens))
