"""Makes the song and the clips of `fixtures/`: what `avsync montage` is tried on.

Everything is computed with NumPy. The same versions of NumPy and PyAV make the same bytes.

    python scripts/make_montage_fixtures.py
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from make_fixtures import BITEXACT, HEIGHT, RATE_HZ, WIDTH, X264

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEED = 20_261_121
BPM, BARS, QUIET_BARS, START = 112.0, 14, 4, 0.3  # seconds before the first beat
CLIP_SECONDS = 6.0
X, Y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)


def song() -> FloatArray:
    """Fourteen bars in four: arpeggios over a bass for four bars, then drums and chords as well."""
    rng = np.random.default_rng(SEED)
    period = 60 / BPM
    sound = np.zeros((2, round((START + BARS * 4 * period + 1.5) * RATE_HZ)))

    def add(tone: FloatArray, at: float, level: float, pan: float = 0.5) -> None:
        first = round(at * RATE_HZ)
        part = tone[: sound.shape[1] - first]
        sound[:, first : first + len(part)] += level * np.outer((1 - pan, pan), part)

    chords = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
    for beat in range(BARS * 4):
        at, bar = START + beat * period, beat // 4
        chord = chords[bar % 4]
        for half in range(2):
            note = chord[(2 * beat + half) % 3] + 12 * ((beat + half) % 2)
            add(pluck(note + 12, 0.9), at + half * period / 2, 0.16, 0.3 + 0.4 * half)
        if beat % 4 == 0:
            add(pluck(chord[0] - 24, 2.0), at, 0.5)
        if bar < QUIET_BARS:
            continue
        if beat % 2 == 0:
            add(kick(), at, 0.9)
        else:
            add(noise(rng, 0.05), at, 0.45)
        for half in range(2):
            add(np.diff(noise(rng, 0.012), prepend=0.0), at + half * period / 2, 0.22, 0.7)
        for note in chord:
            add(pluck(note, 0.5), at, 0.12, 0.6)
    fade = np.minimum(1.0, np.arange(sound.shape[1])[::-1] / (1.2 * RATE_HZ))
    faded: FloatArray = np.tanh(sound * fade)
    return faded


def pluck(note: int, seconds: float) -> FloatArray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = 440 * 2 ** ((note - 69) / 12)
    tone: FloatArray = np.sum(
        [np.sin(2 * np.pi * pitch_hz * n * t) * np.exp(-3 * n * t) / n for n in (1, 2, 3)], axis=0
    )
    return tone


def kick() -> FloatArray:
    t = np.arange(RATE_HZ // 4) / RATE_HZ
    drum: FloatArray = np.sin(2 * np.pi * (50 * t - 3.6 * np.exp(-t / 0.03))) * np.exp(-t / 0.09)
    return drum


def noise(rng: np.random.Generator, decay: float) -> FloatArray:
    t = np.arange(round(6 * decay * RATE_HZ)) / RATE_HZ
    burst: FloatArray = rng.standard_normal(len(t)) * np.exp(-t / decay)
    return burst


# Pictures: float RGB [HEIGHT, WIDTH, 3] in 0 to 255, at a time in seconds.


def sky(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> FloatArray:
    share = (Y / HEIGHT)[..., None]
    image: FloatArray = np.array(top) * (1 - share) + np.array(bottom) * share
    return image


def put(image: FloatArray, distance: FloatArray, colour: tuple[int, int, int]) -> None:
    """Colour where `distance` (pixels to a shape's edge) is negative, with a soft edge."""
    share = np.clip(0.5 - distance, 0, 1)[..., None]
    image += share * (np.array(colour) - image)


def buoy(time: float) -> FloatArray:
    """A buoy that swings on waves."""
    image = sky((120, 170, 210), (200, 220, 225))
    put(image, 120 + 6 * np.sin(X / 25 + 2 * time) - Y, (30, 90, 120))
    tilt = 0.6 * np.sin(2 * np.pi * time / 1.5)
    x, y = X - 160, Y - 120
    u, v = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    put(image, np.maximum(np.abs(u) - 14 - v / 6, np.abs(v + 25) - 30), (210, 60, 40))
    put(image, np.hypot(u, v + 62) - 7, (250, 230, 120))
    return image


def ball(time: float) -> FloatArray:
    """A ball that bounces on a jetty; at three seconds it is seen from nearer."""
    near = time >= 3.0
    image = sky((60, 50, 90), (230, 150, 110))
    scale = 1.7 if near else 1.0
    floor = 168 if near else 150
    put(image, floor - Y, (90, 70, 60))
    height = abs(np.sin(np.pi * time / 0.75)) * 55 * scale
    across = 60 + 200 * (time % 3.0) / 3.0
    put(image, np.hypot(X - across, Y - (floor - 13 * scale - height)) - 13 * scale, (240, 200, 60))
    return image


def lamp(time: float) -> FloatArray:
    """A lighthouse's beam that goes round."""
    image = sky((8, 12, 30), (20, 30, 60))
    angle = np.arctan2(Y - 60, X - 160) - 2 * np.pi * time / 2.0
    beam = np.exp(-((np.angle(np.exp(1j * angle)) / 0.12) ** 2))[..., None]
    image += beam * (np.array((255, 235, 170)) - image) * 0.8
    put(image, np.maximum(np.abs(X - 160) - 12, 64 - Y), (170, 170, 180))
    put(image, np.hypot(X - 160, Y - 60) - 9, (255, 245, 200))
    return image


def train(time: float) -> FloatArray:
    """A train that passes behind trees, with the camera going along."""
    image = sky((150, 190, 150), (110, 140, 90))
    for number in range(6):
        x = (number * 130 + 40 - 90 * time) % 780 - 130
        put(image, np.maximum(np.abs(X - x - 55) - 55, np.abs(Y - 95) - 22), (140, 40, 50))
        put(image, np.maximum(np.abs(X - x - 55) - 35, np.abs(Y - 88) - 8), (235, 225, 180))
    for number in range(9):
        x = (number * 90 - 190 * time) % 810 - 90
        put(image, np.maximum(np.abs(X - x) - 4, 70 - Y), (60, 45, 35))
        put(image, np.hypot(X - x, Y - 60) - 26, (50, 95, 55))
    return image


CLIPS: dict[str, tuple[Callable[[float], FloatArray], Fraction]] = {
    "buoy.mp4": (buoy, Fraction(25)),
    "ball.mp4": (ball, Fraction(30_000, 1001)),
    "lamp.mkv": (lamp, Fraction(24_000, 1001)),
    "train.mp4": (train, Fraction(25)),
}


def write_clip(path: Path, draw: Callable[[float], FloatArray], rate: Fraction) -> None:
    with av.open(str(path), "w") as container:
        container.flags |= BITEXACT
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"crf": "30", "preset": "slow", "g": "48", "x264-params": X264}
        video.codec_context.flags |= Flags.bitexact.value
        for number in range(int(CLIP_SECONDS * rate)):
            pixels: ByteArray = draw(float(number / rate)).clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def write_song(path: Path) -> None:
    sound = av.AudioFrame.from_ndarray(song().astype(np.float32), format="fltp", layout="stereo")
    sound.sample_rate, sound.pts, sound.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    with av.open(str(path), "w") as container:
        container.flags |= BITEXACT
        audio = container.add_stream("aac", rate=RATE_HZ, layout="stereo")
        audio.bit_rate = 80_000
        audio.codec_context.flags |= Flags.bitexact.value
        cutter = av.AudioResampler("fltp", "stereo", RATE_HZ, frame_size=1024)
        for frame in [*cutter.resample(sound), *cutter.resample(None), None]:
            container.mux(audio.encode(frame))


def main() -> None:
    (FIXTURES / "clips").mkdir(parents=True, exist_ok=True)
    write_song(FIXTURES / "song.m4a")
    for name, (draw, rate) in CLIPS.items():
        write_clip(FIXTURES / "clips" / name, draw, rate)


if __name__ == "__main__":
    main()
