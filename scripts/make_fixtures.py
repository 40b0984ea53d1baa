"""Makes `fixtures/`: a short film with speech and music, and subtitles that do or do not fit it.

Everything in it is made here: the words, the drawing and the music, with espeak-ng as the voices.
The same versions of espeak-ng, NumPy and PyAV make the same bytes.

    python scripts/make_fixtures.py            # needs espeak-ng on the PATH
"""

from __future__ import annotations

import argparse
import io
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

# One thread, and no AVX-512, which here makes a choice by what lies in memory beyond the frame.
X264 = "threads=1:asm=AVX2"
BITEXACT = 0x400  # AVFMT_FLAG_BITEXACT: no date and no version in the file
SEED = 20_240_229
RATE_HZ = 44_100
FRAME_RATE = 25
WIDTH, HEIGHT = 320, 180
SHIFT = 7.4  # seconds by which film.shifted.srt is late
SLOWER = Fraction(25) / Fraction(24_000, 1001)  # film.framerate.srt is timed for 23.976 a second
VOICES = {"Tom": "en-us+m3", "Mara": "en-gb+f3", "Harbour": "en-gb-scotland+m7"}


@dataclass(frozen=True)
class Line:
    """Something to be heard, and how it is subtitled."""

    pause: float
    """seconds of no speech before it"""
    who: str
    """a voice, or "horn" """
    text: str
    cue: str | None = None
    """how it is subtitled where that is not the text; "" for not at all"""
    joins: bool = False
    """it shares a cue with the line before it"""


SCENES: tuple[tuple[Line, ...], ...] = (
    (
        Line(3.0, "Tom", "Hello? Is anybody up there?"),
        Line(0.7, "Mara", "Mind the third step. It has been loose since the winter."),
        Line(1.3, "Tom", "You must be Mara. They told me in the village that you never leave."),
        Line(0.4, "Mara", "They tell everybody that. I was in town on Tuesday."),
        Line(2.6, "Tom", "I came about the clock."),
        Line(0.9, "Mara", "The clock is fine. It is the sea that runs late."),
        Line(1.5, "horn", "", cue="[ship's horn]"),
        Line(0.5, "Tom", "What was that?", cue="- What was that?"),
        Line(0.3, "Mara", "The ferry.", cue="- The ferry.", joins=True),
        Line(0.6, "Mara", "Eleven minutes behind, as always."),
    ),
    (
        Line(4.2, "Harbour", "Harbour to lighthouse. Do you have the new time?"),
        Line(0.8, "Mara", "We have it. We move everything by seven seconds and a bit."),
        Line(0.6, "Harbour", "And the tide?"),
        Line(0.5, "Mara", "The tide can look after itself."),
        Line(2.1, "Tom", "You move the whole day, just like that?"),
        Line(0.6, "Mara", "If it is late by the same all day long, you only have to move it once."),
        Line(0.9, "Tom", "And if it is late by more and more?"),
        Line(0.8, "Mara", "Then somebody built the clock for another sea."),
        Line(0.9, "Tom", "Hm.", cue=""),
    ),
    (
        Line(3.4, "Tom", "Look. The light is turning."),
        Line(0.7, "Mara", "Every ten seconds. You can set your watch by it."),
        Line(1.2, "Tom", "I did. I think I will stay for the evening."),
        Line(0.5, "Mara", "Then put the kettle on."),
        Line(0.4, "Mara", "The ferry will not wait, but I will."),
        Line(2.3, "Harbour", "Harbour to lighthouse. Good night."),
        Line(0.6, "Mara", "Good night, harbour."),
    ),
)
ENDING = 3.5


@dataclass(frozen=True)
class Heard:
    """A line with its place in the film, in seconds."""

    line: Line
    start: float
    end: float
    sound: FloatArray


@dataclass(frozen=True)
class Cue:
    """A subtitle, in seconds."""

    start: float
    end: float
    text: str
    who: str


# Sound.


def speak(line: Line) -> FloatArray:
    """A line by its voice, without the silence around it."""
    command = ["espeak-ng", "-v", VOICES[line.who], "-s", "168", "-a", "100", "--stdout", line.text]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(output)) as file:
        rate_hz = file.getframerate()
        # The header of a stream does not know its length.
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    spoken = frames.astype(np.float32) / 32768
    places = np.arange(0, len(spoken), rate_hz / RATE_HZ)
    spoken = np.interp(places, np.arange(len(spoken)), spoken).astype(np.float32)
    loud = np.flatnonzero(np.abs(spoken) > 0.02)
    spoken = spoken[loud[0] : loud[-1]]
    level: FloatArray = (0.5 * spoken / np.abs(spoken).max()).astype(np.float32)
    return level


def horn() -> FloatArray:
    """A ship, far off."""
    t = np.arange(round(1.6 * RATE_HZ)) / RATE_HZ
    tone = np.sum([np.sin(2 * np.pi * 110 * n * t) / n for n in (1, 2, 3, 5)], axis=0)
    swell = np.clip(np.minimum(t / 0.15, (1.6 - t) / 0.5), 0, 1)
    blast: FloatArray = (0.12 * tone * swell).astype(np.float32)
    return blast


def play_scenes() -> tuple[list[list[Heard]], float]:
    """Every line where it is heard, by scene, and the film's length in seconds."""
    now = 0.0
    scenes = []
    for lines in SCENES:
        scene = []
        for line in lines:
            sound = horn() if line.who == "horn" else speak(line)
            start = now + line.pause
            now = start + len(sound) / RATE_HZ
            scene.append(Heard(line, start, now, sound))
        scenes.append(scene)
    frames = round((now + ENDING) * FRAME_RATE)
    return scenes, frames / FRAME_RATE


def music(seconds: float, random: np.random.Generator) -> FloatArray:
    """Soft plucked chords over waves, stereo."""
    count = round(seconds * RATE_HZ)
    sound = np.zeros((2, count), np.float32)
    chords = ((57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67))
    beat = 0.6
    for number in range(int(seconds / beat)):
        chord = chords[number // 8 % len(chords)]
        pitch_hz = 440 * 2 ** ((chord[int(random.integers(4))] - 69) / 12)
        t = np.arange(round(2.0 * RATE_HZ)) / RATE_HZ
        partials = [
            np.sin(2 * np.pi * pitch_hz * n * t) * np.exp(-2.5 * n * t) / n for n in (1, 2, 3)
        ]
        tone = np.sum(partials, axis=0)
        start = round(number * beat * RATE_HZ)
        pan = random.uniform(0.3, 0.7)
        room = min(len(t), count - start)
        sound[:, start : start + room] += np.outer((pan, 1 - pan), 0.1 * tone[:room])
    waves = np.cumsum(random.standard_normal((2, count)), axis=1)
    window = RATE_HZ // 200
    waves[:, window:] -= waves[:, :-window]  # the sum of the last 5 ms: a gentle low-pass
    surf = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(count) / RATE_HZ / 7.0)
    return sound + (0.0012 * waves * surf).astype(np.float32)


def mix(scenes: list[list[Heard]], seconds: float) -> FloatArray:
    sound = music(seconds, np.random.default_rng(SEED))
    fade = np.minimum(1, np.arange(sound.shape[1])[::-1] / (2.0 * RATE_HZ))
    sound *= fade.astype(np.float32)
    for heard in (heard for scene in scenes for heard in scene):
        start = round(heard.start * RATE_HZ)
        sound[:, start : start + len(heard.sound)] += heard.sound
    return np.clip(sound, -1, 1)


# Picture.


def draw(scene: int, time: float) -> ByteArray:
    """A frame [height, width, 3]: a lighthouse by day, at dusk and by night."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    skies = (
        ((120, 190, 235), (215, 235, 245)),
        ((90, 60, 110), (245, 150, 80)),
        ((8, 10, 30), (25, 35, 70)),
    )
    seas = ((40, 110, 150), (90, 70, 110), (10, 20, 45))
    top, bottom = (np.array(colour, np.float32) for colour in skies[scene])
    image = top + (bottom - top) * (y / 120)[..., np.newaxis]
    light = ((255, 240, 170), (255, 120, 60), (235, 235, 220))[scene]
    disc = (x - 60 - time) ** 2 + (y - (35, 95, 40)[scene]) ** 2 < (18, 22, 14)[scene] ** 2
    image[disc] = light
    if scene == 2:
        angle = 2 * np.pi * time / 10
        beam = np.abs((y - 52) - (x - 250) * 0.25 * np.sin(angle)) < np.abs(x - 250) * 0.12
        beam &= (x - 250) * np.cos(angle) > 0
        image[beam] += (60, 55, 25)
    level = 120 + 3 * np.sin(x / 14 + 1.5 * time)
    image[y > level] = seas[scene]
    image[(y > level) & (np.sin(x / 9 + y / 3 - 2 * time) > 0.93)] += 25
    deck = 118 + 3 * np.sin(time)
    boat = 30 + 2.2 * time % 300
    hull = (np.abs(x - boat) < 22 - (y - deck)) & (y > deck) & (y < deck + 9)
    image[hull] = (110, 40, 35)
    image[(x > boat) & (x - boat < (y - deck + 34) * 0.5) & (y < deck) & (y > deck - 34)] = 240
    tower = (np.abs(x - 250) < 9 + (y - 60) * 0.07) & (y > 60) & (y < 140)
    image[tower] = np.where(((y // 16) % 2 == 0)[..., np.newaxis], (240, 240, 240), (190, 50, 45))[
        tower
    ]
    image[(np.abs(x - 250) < 7) & (y > 46) & (y <= 60)] = (250, 230, 120) if scene else (90, 90, 90)
    image[(np.abs(x - 250) < 52 - (168 - y) * 0.8) & (y > 136)] = (70, 65, 60)
    picture: ByteArray = np.clip(image, 0, 255).astype(np.uint8)
    return picture


def pictures(scenes: list[list[Heard]], seconds: float) -> Iterator[av.VideoFrame]:
    cuts = [scene[0].start - 0.6 * scene[0].line.pause for scene in scenes[1:]]
    for number in range(round(seconds * FRAME_RATE)):
        time = number / FRAME_RATE
        image = draw(sum(time >= cut for cut in cuts), time)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
        yield frame


def write_film(path: Path, scenes: list[list[Heard]], seconds: float) -> None:
    sound = av.AudioFrame.from_ndarray(mix(scenes, seconds), format="fltp", layout="stereo")
    sound.sample_rate, sound.pts, sound.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", options=options) as container:
        container.flags |= BITEXACT
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"crf": "30", "preset": "slow", "g": "250", "x264-params": X264}
        audio = container.add_stream("aac", rate=RATE_HZ, layout="stereo")
        audio.bit_rate = 64_000
        audio.metadata["language"] = "eng"
        for stream in (video, audio):
            stream.codec_context.flags |= Flags.bitexact.value
        packets = [packet for frame in pictures(scenes, seconds) for packet in video.encode(frame)]
        packets += video.encode(None)
        cutter = av.AudioResampler("fltp", "stereo", RATE_HZ, frame_size=1024)
        for frame in [*cutter.resample(sound), *cutter.resample(None), None]:
            packets += audio.encode(frame)
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            container.mux(packet)


# Subtitles.


def subtitle(scenes: list[list[Heard]]) -> list[Cue]:
    """Cues as people time them: a little early, lingering, on frames, two of them apart."""
    random = np.random.default_rng(SEED + 1)
    cues: list[Cue] = []
    for heard in (heard for scene in scenes for heard in scene):
        text = heard.line.text if heard.line.cue is None else heard.line.cue
        if not text:
            continue
        end = heard.end + random.uniform(0.15, 0.6)
        if heard.line.joins:
            cues[-1] = replace(cues[-1], end=end, text=f"{cues[-1].text}\n{text}")
            continue
        start = heard.start - random.uniform(0.0, 0.16)
        cues.append(Cue(start, max(end, start + 1.0), wrap(text), heard.line.who))
    placed = []
    for cue, following in zip(cues, [*cues[1:], None], strict=True):
        latest = following.start - 2 / FRAME_RATE if following else cue.end
        placed.append(replace(cue, start=on_frame(cue.start), end=on_frame(min(cue.end, latest))))
    return placed


def on_frame(time: float) -> float:
    return round(time * FRAME_RATE) / FRAME_RATE


def wrap(text: str) -> str:
    """Two lines where one would be long, the break nearest to the middle."""
    if len(text) <= 38:
        return text
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def clock(time: float, point: str, digits: int) -> str:
    ticks = round(time * 10**digits)
    seconds, fraction = divmod(ticks, 10**digits)
    minutes = f"{seconds // 60 % 60:02}:{seconds % 60:02}{point}{fraction:0{digits}}"
    return f"{seconds // 3600:0{digits - 1}}:{minutes}"


def as_srt(cues: list[Cue], *, rate: Fraction = Fraction(1), shift: float = 0.0) -> str:
    blocks = []
    for number, cue in enumerate(cues, 1):
        start, end = (clock(float(rate) * time + shift, ",", 3) for time in (cue.start, cue.end))
        blocks.append(f"{number}\n{start} --> {end}\n{cue.text}\n\n")
    return "".join(blocks)


ASS_HEAD = """[Script Info]
Title: Low Tide
ScriptType: v4.00+
PlayResX: 320
PlayResY: 180

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Tom,Arial,14,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,2,8,8,8,1
Style: Mara,Arial,14,&H0080E0FF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,2,8,8,8,1
Style: Else,Arial,14,&H00E0E0E0,&H00FFFFFF,&H00000000,&H00000000,0,1,0,0,100,100,0,0,1,1,0,8,8,8,8,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def as_ass(cues: list[Cue]) -> str:
    lines = []
    for cue in cues:
        style = cue.who if cue.who in ("Tom", "Mara") else "Else"
        text = cue.text.replace("\n", r"\N")
        times = f"{clock(cue.start, '.', 2)},{clock(cue.end, '.', 2)}"
        lines.append(f"Dialogue: 0,{times},{style},{cue.who},0,0,0,,{text}\n")
    return ASS_HEAD + "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "fixtures")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    scenes, seconds = play_scenes()
    cues = subtitle(scenes)
    texts = {
        "film.srt": as_srt(cues),
        "film.shifted.srt": as_srt(cues, shift=SHIFT),
        "film.framerate.srt": as_srt(cues, rate=SLOWER),
        "film.ass": as_ass(cues),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    write_film(out / "film.mp4", scenes, seconds)
    print(f"{out}: {seconds:.2f} s of film, {len(cues)} cues")


if __name__ == "__main__":
    main()
