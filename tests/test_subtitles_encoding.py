# ruff: noqa: RUF001
"""Bytes to text and back: marks, guesses, overrides, damage."""

from __future__ import annotations

from encodings.aliases import aliases

import pytest

from avsync.errors import SubtitleError
from avsync.subtitles import Subtitles, parse_subtitles, to_bytes
from avsync.timemap import Span

# As they stand in subtitles. Where two encodings of one script differ in few letters only, it takes
# some more of them to tell.
SENTENCES = {
    "french": (
        "cp1252",
        "Je ne sais pas où il est allé.",
        "À bientôt, mon cher ami. C'est drôle !",
    ),
    "german": (
        "cp1252",
        "Ich weiß nicht, wo er ist.",
        "Können Sie mir später helfen? Schöne Grüße!",
    ),
    "spanish": ("cp1252", "¿Dónde está el niño? No sé, señor.", "¡Qué lástima! Mañana volverá."),
    "portuguese": ("cp1252", "Não, você não está aqui.", "Coração, amanhã é outro dia."),
    "danish": (
        "cp1252",
        "Ørsted går på æbler. Vi bliver nødt til at gå nu, ellers når vi ikke toget.",
        "Hvor er børnene? De er på vej hjem. Det var noget helt andet, du sagde før.",
    ),
    "english": ("cp1252", "It’s “me” – at the café…", "Hello, is anybody there?"),
    "russian": (
        "cp1251",
        "Я не знаю, куда он ушёл.",
        "Мы должны идти, иначе опоздаем на поезд.",
    ),
    "greek": (
        "cp1253",
        "Δεν ξέρω πού πήγε.",
        "Πρέπει να φύγουμε, αλλιώς θα χάσουμε το τρένο.",
    ),
    "czech": (
        "cp1250",
        "Nevím, kam šel. Proč mlčíš? Musíme jít, jinak zmeškáme vlak.",
        "To přece není možné, řekl jsi mi něco úplně jiného. Kde jsou děti? Ještě spí.",
    ),
    "polish": (
        "cp1250",
        "Nie wiem, dokąd poszedł. Musimy iść, bo inaczej spóźnimy się na pociąg.",
        "Przecież mówiłeś mi coś zupełnie innego. Gdzie są dzieci? Jeszcze śpią. Źródło.",
    ),
    "turkish": (
        "cp1254",
        "Nereye gittiğini bilmiyorum.",
        "Işık şimdi söndü, yoksa treni kaçıracağız.",
    ),
    "arabic": ("cp1256", "لا أعرف إلى أين ذهب.", "يجب أن نذهب وإلا سنفوت القطار."),
    "japanese": ("shift_jis", "彼がどこへ行ったのか分かりません。", "急がないと電車に遅れますよ。"),
    "simplified": ("gb18030", "我不知道他去了哪里。", "我们得走了，不然就赶不上火车了。"),
    "traditional": ("big5", "我不知道他去了哪裡。", "我們得走了，不然就趕不上火車了。"),
    "korean": ("euc_kr", "그가 어디로 갔는지 모르겠어요.", "안 그러면 기차를 놓칠 거예요."),
}


def srt(*texts: str) -> str:
    return "".join(
        f"{i}\r\n00:00:{i:02},000 --> 00:00:{i:02},900\r\n<i>{text}</i>\r\n\r\n"
        for i, text in enumerate(texts, start=1)
    )


def moved(subtitles: Subtitles) -> bytes:
    spans = [Span(cue.start + 20, cue.end + 20) for cue in subtitles.cues]
    return to_bytes(subtitles.retimed(spans))


@pytest.mark.parametrize(("encoding", "first", "second"), SENTENCES.values(), ids=SENTENCES)
class TestSentences:
    def test_guessed(self, encoding: str, first: str, second: str) -> None:
        data = srt(first, second).encode(encoding)
        subtitles = parse_subtitles(data, format="srt")
        assert [cue.plain for cue in subtitles.cues] == [first, second]
        assert not subtitles.bom
        assert to_bytes(subtitles) == data

    def test_moved_by_bytes(self, encoding: str, first: str, second: str) -> None:
        data = srt(first, second).encode(encoding)
        # Also where the guess is overridden by a wrong one.
        for told in (None, encoding, "latin-1"):
            subtitles = parse_subtitles(data, format="srt", encoding=told)
            expected = data
            for i in (1, 2):
                expected = expected.replace(b":0%d," % i, b":2%d," % i)
            assert moved(subtitles) == expected

    def test_recoded(self, encoding: str, first: str, second: str) -> None:
        text = srt(first, second)
        subtitles = parse_subtitles(text.encode(encoding), format="srt")
        assert to_bytes(subtitles, encoding="utf-8") == text.encode()
        assert to_bytes(subtitles, encoding="utf-8-sig") == text.encode("utf-8-sig")
        assert to_bytes(subtitles, encoding="utf-16").decode("utf-16") == text
        again = parse_subtitles(to_bytes(subtitles, encoding="utf-16"), format="srt")
        assert (again.encoding, again.bom) == ("utf-16-le", True)
        assert to_bytes(again, encoding=encoding) == text.encode(encoding)


class TestOverride:
    data = srt("naïve").encode("cp1252")

    def test_is_obeyed(self) -> None:
        subtitles = parse_subtitles(self.data, format="srt", encoding="cp1251")
        assert subtitles.cues[0].plain == "naпve"
        assert subtitles.encoding == "cp1251"

    def test_wrong_one_is_an_error_with_line_and_byte(self) -> None:
        with pytest.raises(SubtitleError, match=r":3: the byte 0xef cannot be read as utf-8"):
            parse_subtitles(self.data, format="srt", encoding="utf-8")

    @pytest.mark.parametrize("name", ["klingon", "rot13", "hex", "a\0b", "", "idna"])
    def test_unknown_one_is_a_bad_argument(self, name: str) -> None:
        with pytest.raises(ValueError, match="unknown encoding") as caught:
            parse_subtitles(self.data, format="srt", encoding=name)
        assert not isinstance(caught.value, SubtitleError)
        with pytest.raises(ValueError, match="unknown encoding"):
            to_bytes(parse_subtitles(self.data, format="srt"), encoding=name)

    def test_contradicts_the_mark(self) -> None:
        data = srt("x").encode("utf-8-sig")
        with pytest.raises(SubtitleError, match="byte order mark of utf-8, so it is not cp1252"):
            parse_subtitles(data, format="srt", encoding="cp1252")
        for name in ("utf-8", "utf-8-sig", "UTF8"):
            assert parse_subtitles(data, format="srt", encoding=name).bom

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf16_without_a_mark(self, encoding: str) -> None:
        data = srt("彼がどこへ", "Hello").encode(encoding)
        for told in (None, "utf-16", encoding):
            subtitles = parse_subtitles(data, format="srt", encoding=told)
            assert subtitles.cues[0].plain == "彼がどこへ"
            assert (subtitles.encoding, subtitles.bom) == (encoding, False)
            assert to_bytes(subtitles) == data

    def test_xml_declares_its_encoding(self) -> None:
        text = (
            '<?xml version="1.0" encoding="windows-1251"?>\n<tt><body>'
            '<p begin="1s" end="2s">Да</p></body></tt>'
        )
        subtitles = parse_subtitles(text.encode("cp1251"), format="ttml")
        assert subtitles.cues[0].plain == "Да"
        utf16 = to_bytes(subtitles, encoding="utf-16")
        assert utf16.decode("utf-16") == text.replace("windows-1251", "utf-16")
        assert parse_subtitles(utf16, format="ttml").cues == subtitles.cues
        utf8 = to_bytes(subtitles, encoding="utf-8").decode()
        assert utf8 == text.replace("windows-1251", "utf-8")


class TestRecoding:
    text = srt("naïve")

    @pytest.mark.parametrize(
        ("read", "name", "written"),
        [
            ("utf-8", "utf-8-sig", "utf-8-sig"),
            ("utf-8-sig", "utf-8", "utf-8-sig"),
            ("utf-8-sig", "utf8", "utf-8-sig"),
            ("utf-8-sig", "cp1252", "cp1252"),
            ("utf-8-sig", "utf-7", "utf-7"),
            ("utf-16", "utf-8", "utf-8-sig"),
            ("utf-16", "utf-16-le", "utf-16"),
            ("utf-16-le", "utf-16-le", "utf-16-le"),
            ("utf-16-le", "utf-16", "utf-16"),
            ("utf-8", "utf-16", "utf-16"),
            ("utf-8", "utf-16-be", "utf-16-be"),
        ],
    )
    def test_byte_order_marks(self, read: str, name: str, written: str) -> None:
        subtitles = parse_subtitles(self.text.encode(read), format="srt")
        assert to_bytes(subtitles, encoding=name) == self.text.encode(written)

    @pytest.mark.parametrize("encoding", sorted(set(aliases.values())))
    def test_any_encoding_at_all(self, encoding: str) -> None:
        for data in (self.text.encode(), b"1\n\xff\xfe \\ +u"):
            for lenient in (False, True):
                try:
                    options = {"format": "srt", "encoding": encoding, "lenient": lenient}
                    subtitles = parse_subtitles(data, **options)  # type: ignore[arg-type]
                    moved(subtitles)
                except SubtitleError:
                    pass
                except ValueError as error:
                    assert "unknown encoding" in str(error)


class TestUnencodable:
    def test_names_cue_line_and_character(self) -> None:
        subtitles = parse_subtitles(srt("x", "Да, y").encode(), format="srt", path="a.srt")
        with pytest.raises(SubtitleError) as caught:
            to_bytes(subtitles, encoding="cp1252")
        assert str(caught.value) == (
            "a.srt:7: the character 'Д' of cue 2 cannot be written in cp1252; "
            "use encoding='utf-8' (--encoding utf-8)"
        )


class TestDamage:
    def test_damaged_utf8_is_an_error_and_not_another_encoding(self) -> None:
        data = srt("Да, конечно", "Нет, спасибо", "x").encode().replace(b"x", b"\xd0")
        with pytest.raises(SubtitleError, match=r":11: the byte 0xd0 cannot be read as utf-8"):
            parse_subtitles(data, format="srt")
        subtitles = parse_subtitles(data, format="srt", lenient=True)
        assert [(r.line, r.what) for r in subtitles.repairs] == [
            (11, "1 bytes are not utf-8; keeps them as they are")
        ]
        assert subtitles.cues[2].text == "<i>\ufffd</i>"
        assert to_bytes(subtitles) == data
        assert moved(subtitles) == data.replace(b":0", b":2").replace(b"00:2", b"00:0").replace(
            b"00:00:0", b"00:00:2"
        )

    def test_two_codes_for_one_character(self) -> None:
        # Windows-932 has this one as ED 40 and as FA 5C, and Python writes the former.
        data = srt("Xです").encode("cp932").replace(b"X", b"\xfa\x5c")
        assert data.decode("cp932").encode("cp932") != data
        subtitles = parse_subtitles(data, format="srt", encoding="cp932")
        assert to_bytes(subtitles) == data
        assert moved(subtitles) == data.replace(b":01,", b":21,")

    @pytest.mark.parametrize("encoding", ["iso2022_jp", "hz", "utf-7"])
    def test_encodings_with_a_state(self, encoding: str) -> None:
        text = srt("日本" if encoding != "hz" else "中国", "x")
        data = text.encode(encoding)
        subtitles = parse_subtitles(data, format="srt", encoding=encoding)
        assert to_bytes(subtitles) == data
        assert moved(subtitles).decode(encoding) == text.replace(":0", ":2").replace(
            "00:20:2", "00:00:2"
        )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is blank"),
        (b" \r\n\t\n", "is blank"),
        (bytes(range(256)) * 50, "is not a text file"),
        (b"\x1aE\xdf\xa3" + bytes(500), "is not a text file"),
        (b"\0" * 1000, "is not a text file"),
        (b"Hello, this is a letter.\n", "is no part of a cue"),
    ],
)
def test_no_subtitles_at_all(data: bytes, message: str) -> None:
    with pytest.raises(SubtitleError, match=message):
        parse_subtitles(data, format="srt")
    with pytest.raises(SubtitleError):
        parse_subtitles(data, format="srt", lenient=True)
