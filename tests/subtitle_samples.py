"""One file of each format with everything in it that a rewrite would lose."""

from __future__ import annotations

from collections.abc import Sequence

from avsync.subtitles import Subtitles
from avsync.timemap import Span

SRT = (
    "7\r\n"
    "0:00:01.000-->00:00:02,500  X1:10 X2:20 Y1:30 Y2:40\r\n"
    "{\\an8}<font color=red>Hello</font> \r\n"
    "two  \n"
    "\r\n"
    "7\r\n"
    "\t00:00:03,000  -->  00:00:04,000\t\r\n"
    "before a blank line\r\n"
    "\r\n"
    "after it --> and an arrow\r\n"
    "\r\n"
    "\r\n"
    "00:00:02,000 --> 00:00:02,000\r\n"
    "no number, no duration, unsorted\r\n"
    "\r\n"
    "9\r\n"
    "-00:00:01,500 --> 123:00:00,000\r\n"
    "\r\n"
    "10\r\n"
    "00:10:00,000 --> 00:10:01,000\r\n"
    "It was\r\n"
    "1984"
)

ASS = (
    "\n[Script Info]\n"
    "; a comment\n"
    "Title: 日本\n"
    "ScriptType: v4.00+\n"
    "UnknownKey:  kept \n"
    "\n"
    "[Aegisub Project Garbage]\n"
    "Video File: ../../film.mkv\n"
    "\n"
    "[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize\n"
    "Style: Default,Arial,20\n"
    "Style: Sign,Odd Font,&Hzz\n"
    "\n"
    "[Fonts]\n"
    "fontname: a.ttf\n"
    "!!!!ABC[DEF]\n"
    "\n"
    "[Events]\n"
    "Format: Layer, Start, End, Style, Actor, MarginL, MarginR, MarginV, Effect, Text\n"
    "; another comment\n"
    "Comment: 0,0:00:00.00,0:00:05.00,Default,,0,0,0,template line,code\n"
    "Dialogue: 3, 0:00:01.00 ,0:00:02.50,Sign,Bob, 0,0,0,,{\\pos(1,2)\\k20}Hi, you,\\Nthere \n"
    "dialogue:0,-0:00:01.00,12:00:00.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}\n"
    "\n"
    "[Extradata]\n"
    "Data: 1,x,y\n"
)

SSA = (
    "[Script Info]\r\n"
    "ScriptType: v4.00\r\n"
    "[V4 Styles]\r\n"
    "Style: Default,Arial,20,16777215,255,0,0,0,0,1,2,2,2,10,10,10,0,1\r\n"
    "[Events]\r\n"
    "Format: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
    "Dialogue: Marked=0,0:00:01.00,0:00:02.00,*Default,Bob,0000,0000,0000,!Effect,Hi\r\n"
)

VTT = (
    "WEBVTT - a title\n"
    "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n"
    "\n"
    "STYLE\n"
    "::cue(b) { color: red }\n"
    "\n"
    "REGION\n"
    "id:r\n"
    "\n"
    "NOTE 00:00.000 to 00:01.000\n"
    "was cut --> here\n"
    "\n"
    "intro\n"
    "00:01.000 --> 00:02.000 align:start line:0%\n"
    "<v Bob><i.loud>Hi</i> <00:01.250><c>there</c> &amp; <00:01.750>all\n"
    " \n"
    "from 00:05.000 to 00:06.000\n"
    "\n"
    "\n"
    "00:00:03.000 --> 100:00:04.000\r\n"
    "1984\r\n"
    "\r\n"
    "2\n"
    "00:08.000-->00:09.000\n"
)

MICRODVD = (
    "{1}{1}23.976\r\n"
    "{DEFAULT}{}{C:$0000FF}\r\n"
    "{24}{48}{y:i}Hi|{Y:b}you {x} \r\n"
    "\r\n"
    " { 60 } { 72 }/italic|1984\r\n"
    "{72}{96}"
)

TTML = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    "<!-- a comment with <p begin='1s'> in it -->\n"
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling"\n'
    '    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="1000"\n'
    '    xml:lang="de">\n'
    "  <head><styling><style xml:id='s1' tts:color=\"red\"/></styling>\n"
    '    <layout><region xml:id="r1" tts:origin="10% 80%"/></layout></head>\n'
    '  <body style="s1"><div region="r1">\n'
    '    <p xml:id="é1" begin="00:00:01.000" end="00:00:02.000">Grüße,<br/>\n'
    '       <span tts:fontStyle="italic" begin="0.5s">Welt</span> &amp; &#x41;</p>\n'
    "    <p end='00:00:04:12'   begin = '00:00:03:00' ><![CDATA[a < b]]></p>\n"
    '    <p begin="5000t" dur="1.5s"/>\n'
    '    <p><span begin="150f" end="7s">one</span>\n'
    '      <span begin="7000ms" end="0.002h">two</span></p>\n'
    "  </div></body>\n"
    "</tt>\n"
)

SAMPLES: dict[str, str] = {
    "srt": SRT,
    "ass": ASS,
    "ssa": SSA,
    "vtt": VTT,
    "microdvd": MICRODVD,
    "ttml": TTML,
}

PLAIN: dict[str, list[str]] = {
    "srt": [
        "Hello\ntwo",
        "before a blank line\n\nafter it --> and an arrow",
        "no number, no duration, unsorted",
        "",
        "It was\n1984",
    ],
    "ass": ["code", "Hi, you,\nthere", ""],
    "ssa": ["Hi"],
    "vtt": ["Hi there & all\n\nfrom 00:05.000 to 00:06.000", "1984", ""],
    "microdvd": ["Hi\nyou {x}", "italic\n1984", ""],
    "ttml": ["Grüße,\nWelt & A", "a < b", "", "one", "two"],
}


def later(subtitles: Subtitles, by: float) -> Subtitles:
    """All cues moved; what would begin before 0 begins at 0."""
    spans = []
    for cue in subtitles.cues:
        start = max(0.0, cue.start + by)
        spans.append(Span(start, max(start, cue.end + by)))
    return subtitles.retimed(spans)


def times(subtitles: Subtitles) -> Sequence[tuple[float, float]]:
    """Start and end of each cue, to the millisecond."""
    return [(round(cue.start, 3), round(cue.end, 3)) for cue in subtitles.cues]
