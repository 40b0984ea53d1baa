"""SubRip: every malformation is an error with its line, or a repair that says what it did."""

from __future__ import annotations

import pytest

from avsync.errors import SubtitleError
from avsync.subtitles import Subtitles, parse_subtitles, to_bytes

GOOD = "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\n"
LAST = "\n9\n00:01:00,000 --> 00:01:02,000\nlast\n"


def parse(text: str, **options: bool) -> Subtitles:
    return parse_subtitles(text.encode(), format="srt", path="film.srt", **options)


# What is put between two good cues; the line of the error; a part of it; the repaired text (None:
# it stays as it was); the texts of the cues between.
MALFORMED = {
    "short arrow": (
        "2\n00:00:05,000 -> 00:00:06,000\nx\n",
        6,
        "'00:00:05,000 -> 00:00:06,000' is not a time line",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "spaces in stamps, dash": (
        "2\n00 : 00 : 05,000 - 00:00:06, 000 X1:1\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,000 --> 00:00:06,000 X1:1\nx\n",
        ["x"],
    ),
    "no milliseconds": (
        "2\n00:00:05 --> 00:00:06\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "too few digits are milliseconds, as in pysrt and the players": (
        "2\n00:00:05,5 --> 00:00:06,50\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,005 --> 00:00:06,050\nx\n",
        ["x"],
    ),
    "too many digits": (
        "2\n00:00:05,1239 --> 00:00:06,000000\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,123 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "no hours": (
        "2\n00:05,000 --> :00:06,000\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "61 seconds": (
        "2\n00:00:05,000 --> 00:00:61,000\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,000 --> 00:01:01,000\nx\n",
        ["x"],
    ),
    "colon before the milliseconds": (
        "2\n00:00:05:000 --> 00:00:06;000\nx\n",
        6,
        "is not a time line",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "no times at all": ("2\nx\n", 5, "cue number '2' has no time line", None, []),
    "a number and nothing else": ("2\n", 5, "cue number '2' has no time line", None, []),
    "unreadable times": (
        "2\n00:xx:05,000 --> 00:00:06,000\nx\n",
        6,
        "'00:xx:05,000 --> 00:00:06,000' is not a time line",
        None,
        [],
    ),
    "two arrows": (
        "2\n00:00:05,000 --> 00:00:06,000 --> 00:00:07,000\nx\n",
        6,
        "is not a time line",
        None,
        [],
    ),
    "a name for a number": (
        "two\n00:00:05,000 --> 00:00:06,000\nx\n",
        5,
        "'two' stands where the number of a cue should",
        None,
        ["x"],
    ),
    "a blank line behind the number": (
        "2\n\n00:00:05,000 --> 00:00:06,000\nx\n",
        6,
        "a blank line stands between the number of a cue and its times",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n",
        ["x"],
    ),
    "no blank line": (
        "2\n00:00:05,000 --> 00:00:06,000\nx\n3\n00:00:07,000 --> 00:00:08,000\ny\n",
        8,
        "no blank line parts this cue",
        "2\n00:00:05,000 --> 00:00:06,000\nx\n\n3\n00:00:07,000 --> 00:00:08,000\ny\n",
        ["x", "y"],
    ),
    "no blank line, no number, no text": (
        "2\n00:00:05,000 --> 00:00:06,000\n00:00:07,000 --> 00:00:08,000\ny\n",
        7,
        "no blank line parts this cue",
        "2\n00:00:05,000 --> 00:00:06,000\n\n00:00:07,000 --> 00:00:08,000\ny\n",
        ["", "y"],
    ),
    "end before start": (
        "2\n00:00:50,000 --> 00:00:06,000\nx\n",
        6,
        "the cue ends at 6.000 s, before it starts at 50.000 s",
        "2\n00:00:50,000 --> 00:00:52,000\nx\n",
        ["x"],
    ),
    "end before start, near the next cue": (
        "2\n00:00:59,000 --> 00:00:06,000\nx\n",
        6,
        "the cue ends at 6.000 s",
        "2\n00:00:59,000 --> 00:01:00,000\nx\n",
        ["x"],
    ),
    "NUL": (
        "2\n00:00:05,000 --> 00:00:06,000\nx\0\0y\n",
        7,
        "2 NUL characters stand in this line",
        "2\n00:00:05,000 --> 00:00:06,000\nxy\n",
        ["xy"],
    ),
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
def test_malformed(case: tuple[str, int, str, str | None, list[str]]) -> None:
    between, line, message, repaired, texts = case
    text = GOOD + between + LAST
    with pytest.raises(SubtitleError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"film.srt:{line}: ")
    assert caught.value.line == line
    assert message in str(caught.value)
    assert "lenient=True (--lenient)" in str(caught.value)

    subtitles = parse(text, lenient=True)
    assert [repair.line for repair in subtitles.repairs] == [line]
    assert message in subtitles.repairs[0].what
    assert to_bytes(subtitles).decode() == GOOD + (repaired or between) + LAST
    shown = [cue.text for cue in subtitles.cues]
    assert shown[1:-1] == texts
    assert shown[-1] == "last"
    # What was repaired is read without complaint.
    if repaired is not None:
        assert parse(GOOD + repaired + LAST).cues == subtitles.cues


def test_a_lost_time_line_loses_no_text() -> None:
    subtitles = parse(GOOD + "2\nlost\n" + LAST, lenient=True)
    assert subtitles.cues[0].text == "first\n\n2\nlost"


def test_all_repairs_are_listed_by_the_lines_of_the_file() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\na\n"
        "2\n00:00:03,000 --> 00:00:04,000\nb\n"
        "3\n\n00:00:05,000 -> 00:00:01,000\nc\n"
        "4\n00:00:07,000 --> 00:00:08,000\nd\n"
    )
    subtitles = parse(text, lenient=True)
    assert [cue.text for cue in subtitles.cues] == ["a", "b\n3", "c", "d"]
    assert [(r.line, r.what.split(";")[0][:25]) for r in subtitles.repairs] == [
        (4, "no blank line parts this "),
        (9, "'00:00:05,000 -> 00:00:01"),
        (9, "the cue ends at 1.000 s, "),
        (11, "no blank line parts this "),
    ]


def test_stray_text_before_the_first_cue() -> None:
    text = "\nripped by x\nfor y\n\n" + GOOD
    with pytest.raises(SubtitleError, match=r"film\.srt:2: 'ripped by x' is no part of a cue"):
        parse(text)
    assert to_bytes(parse(text, lenient=True)) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:01,000 --> 00:00:02,000\nx",
        "1\n00:00:01,000 --> 00:00:02,000",
        "\n\n\n1\n00:00:01,000 --> 00:00:02,000\nx\n\n\n\n",
        "  1  \n\t00:00:01.000-->0:0:2,000\nx\n",
        "1\r\r\n00:00:01,000 --> 00:00:02,000\r\r\nx\r\r\n",
        "1\r00:00:01,000 --> 00:00:02,000\rx\r",
        "1\n00:00:01,000 --> 00:00:02,000\nx --> y\nto 10:00:00 -> 11:00:00\n\nsee --> there\n",
        "1\n00:00:01,000 --> 00:00:02,000\n\x0b\x0c\x1c\x85\u2028\u2029 \n",
        "1\n00:00:01,000 --> 00:00:02,000\n" + "x" * 60_000,
        "1\n999999:00:01,000 --> 999999:59:59,999\nx\n",
    ],
)
def test_odd_but_unmistakable(text: str) -> None:
    subtitles = parse(text)
    assert len(subtitles.cues) == 1
    assert to_bytes(subtitles) == text.encode()


def test_line_separators_of_unicode_do_not_break_a_line() -> None:
    # str.splitlines, and pysrt with it, would.
    text = "a\x85b\u2028c\x0bd"
    assert parse(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n").cues[0].text == text


def test_path_like_and_shell_like_text_is_only_text() -> None:
    text = "../../etc/passwd\n$(rm -rf /); `x` {{7*7}} ${HOME} %s <script>"
    cue = parse(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n").cues[0]
    assert cue.text == text
    assert cue.plain == text.removesuffix(" <script>")
