"""Make the banks of voices and music that generated films are mixed from.

    python scripts/make_voices.py BANK [--recordings DIR ...] [--midi DIR --soundfont SF2 ...]

A bank is one ``.npz`` per voice or song: 16 kHz mono int16 clips laid end to end, with the
length of each. Synthetic voices come from ``espeak-ng`` (every language it knows, with random
variants) and ``flite``; they speak pseudo-words, since only rhythm matters to the aligner.
``--recordings`` adds human speech: one voice per folder of sound files. ``--midi`` renders songs
with ``fluidsynth``; ``--music`` takes sound files as they are.

The split is made here, once: ``train-`` and ``test-`` files share no language of the
synthesiser, no human speaker and no song.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.errors import MediaError
from avsync.media import read_audio

RATE_HZ = 16_000
UTTERANCES = 24
TEST_EVERY = 4
"""Every fourth language of the synthesiser is held out."""
TEST_RECORDINGS = ("fr", "it", "test")
"""Recorded speakers whose folder name starts so are held out."""

_LATIN = ("bcdfghjklmnprstvwz", "aeiou")
_ALPHABETS = {
    "ru": ("бвгджзклмнпрстфхш", "аеиоуы"),
    "el": ("βγδζθκλμνπρστφχ", "αεηιου"),
    "ar": ("بتجدرزسشعفقكلمنه", "اوي"),
    "he": ("בגדזחטכלמנספקרשת", "אוי"),
    "hi": ("कगचजटतदनपबमरलवसह", ["ा", "ि", "ी", "ु", "े", "ो"]),
    "ko": ("가나다라마바사아자차카타파하", "고노도로모보소오조초코토포호"),
    "ja": ("かきくけこさしすせそたちつてと", "なにぬねのまみむめもらりるれろ"),
    "cmn": ("我你他是不在人有这中大来上国", "个到说们为子和地出道也时年得"),
}
_SCRIPT = {
    "uk": "ru", "bg": "ru", "be": "ru", "sr": "ru", "mk": "ru", "kk": "ru", "ky": "ru", "tt": "ru",
    "ba": "ru", "cv": "ru", "grc": "el", "fa": "ar", "ur": "ar", "sd": "ar", "ug": "ar",
    "mr": "hi", "ne": "hi", "kok": "hi", "yue": "cmn", "ru-lv": "ru",
}  # fmt: skip


def pseudo_sentence(rng: np.random.Generator, language: str) -> str:
    """One to sixteen made-up words in the script that ``language`` is written in."""
    consonants, vowels = _ALPHABETS.get(_SCRIPT.get(language, language), _LATIN)
    words = []
    for _ in range(1 + int(rng.gamma(2.0, 2.6))):
        syllables = rng.integers(1, 5)
        word = "".join(
            str(rng.choice(list(consonants))) + str(rng.choice(list(vowels)))
            for _ in range(syllables)
        )
        words.append(word + (", " if rng.random() < 0.12 else " "))
    return "".join(words[:16]).strip(" ,") + str(rng.choice([".", "?", "!"], p=[0.7, 0.2, 0.1]))


def trim(samples: npt.NDArray[np.float32], floor_db: float = -40.0) -> npt.NDArray[np.float32]:
    """The clip from its first to its last 10 ms louder than ``floor_db`` below its loudest."""
    frame = RATE_HZ // 100
    usable = samples[: len(samples) // frame * frame].reshape(-1, frame)
    if not len(usable):
        return samples[:0]
    level = 10 * np.log10(np.mean(usable**2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > max(level.max() + floor_db, -65.0))
    return usable[loud[0] : loud[-1] + 1].ravel() if len(loud) else samples[:0]


def split_at_pauses(
    samples: npt.NDArray[np.float32], floor_db: float, pause: float = 0.4
) -> list[npt.NDArray[np.float32]]:
    """The phrases of a recording: what lies between silences of ``pause`` seconds or more.

    Silent is what lies ``floor_db`` under the loud parts; a noisy recording needs a high floor.
    """
    frame = RATE_HZ // 100
    usable = samples[: len(samples) // frame * frame].reshape(-1, frame)
    level = 10 * np.log10(np.mean(usable**2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > max(np.percentile(level, 95) - floor_db, -60.0))
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > pause * 100)
    firsts, lasts = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]]
    return [usable[a : b + 1].ravel() for a, b in zip(firsts, lasts, strict=True)]


def run_to_wav(command: list[str], directory: Path) -> npt.NDArray[np.float32]:
    """The samples of the file that ``command`` writes (``{wav}`` stands for its name)."""
    wav = directory / "voice.wav"
    wav.unlink(missing_ok=True)
    subprocess.run(
        [part.replace("{wav}", str(wav)) for part in command], capture_output=True, check=False
    )
    if not wav.exists() or wav.stat().st_size < 2_000:
        return np.zeros(0, np.float32)
    return read_audio(wav, rate_hz=RATE_HZ).samples


def espeak_languages() -> list[str]:
    listing = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True)
    return sorted({line.split()[1] for line in listing.stdout.splitlines()[1:]})


def synthetic_voices(directory: Path) -> Iterator[tuple[str, list[npt.NDArray[np.float32]]]]:
    """Yield ``(name, clips)``: two voices of each language, and flite's five."""
    variants = [f"m{n}" for n in range(1, 9)] + [f"f{n}" for n in range(1, 6)]
    variants += ["Alex", "Andy", "Annie", "Gene", "Lee", "steph", "linda", "klatt2", "croak"]
    for number, language in enumerate(espeak_languages()):
        split = "test" if number % TEST_EVERY == 0 else "train"
        for copy in range(2):
            rng = np.random.default_rng([number, copy])
            variant = str(rng.choice(variants))
            prosody = ["-s", str(rng.integers(120, 230)), "-p", str(rng.integers(15, 85))]
            voice = ["espeak-ng", "-v", f"{language}+{variant}", *prosody, "-w", "{wav}"]
            lines = [pseudo_sentence(rng, language) for _ in range(UTTERANCES)]
            clips = [trim(run_to_wav([*voice, line], directory)) for line in lines]
            yield f"{split}-espeak-{language}-{variant}", clips
    for number, name in enumerate(["kal", "awb", "rms", "slt", "kal16"]):
        rng = np.random.default_rng([1000, number])
        lines = [pseudo_sentence(rng, "en") for _ in range(2 * UTTERANCES)]
        voice = ["flite", "-voice", name, "-o", "{wav}", "-t"]
        clips = [trim(run_to_wav([*voice, line], directory)) for line in lines]
        yield f"{'test' if name == 'rms' else 'train'}-flite-{name}", clips


def recorded_voice(folder: Path, floor_db: float) -> tuple[str, list[npt.NDArray[np.float32]]]:
    """One human speaker: the phrases of every sound file below ``folder``, 0.4 to 20 s long."""
    split = "test" if folder.name.startswith(TEST_RECORDINGS) else "train"
    files = sorted(p for p in folder.rglob("*") if p.suffix in {".wav", ".mp3", ".ogg", ".mkv"})
    clips: list[npt.NDArray[np.float32]] = []
    for path in files:
        try:
            clips += split_at_pauses(read_audio(path, rate_hz=RATE_HZ).samples, floor_db)
        except MediaError as error:  # a prompt may be an empty file
            print(error, file=sys.stderr)
    return f"{split}-human-{folder.name}", [c for c in clips if 0.4 < len(c) / RATE_HZ < 20]


def rendered_songs(
    midi: Path, soundfonts: list[Path], count: int, directory: Path
) -> Iterator[tuple[str, list[npt.NDArray[np.float32]]]]:
    """Render ``count`` songs, the soundfonts in turn; the first minute and a half of each."""
    files = sorted(midi.rglob("*.mid"))
    chosen = np.random.default_rng(909).choice(
        len(files), size=min(count, len(files)), replace=False
    )
    for number, index in enumerate(chosen):
        font = soundfonts[number % len(soundfonts)]
        command = ["fluidsynth", "-ni", "-r", "32000", "-F", "{wav}", str(font), str(files[index])]
        samples = run_to_wav(command, directory)[RATE_HZ : 90 * RATE_HZ]
        yield f"train-song-{files[index].stem}-{font.stem}", [samples]


def save(bank: Path, name: str, clips: Iterable[npt.NDArray[np.float32]]) -> None:
    """Write one bank file; clips are brought to a peak of 0.7 first."""
    kept = [c * (0.7 / np.abs(c).max()) for c in clips if len(c) > RATE_HZ // 4]
    if not kept:
        return
    pcm = np.concatenate([np.round(c * 32767).astype(np.int16) for c in kept])
    np.savez(bank / f"{name}.npz", pcm=pcm, lengths=np.array([len(c) for c in kept]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--recordings", type=Path, nargs="*", default=[], help="a folder a speaker")
    parser.add_argument(
        "--floor", type=float, default=25.0, help="dB under speech that are silence"
    )
    parser.add_argument("--no-synthetic", action="store_true", help="only what is named here")
    parser.add_argument("--midi", type=Path, help="a folder of MIDI songs")
    parser.add_argument("--soundfont", type=Path, nargs="*", default=[])
    parser.add_argument("--songs", type=int, default=60)
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="sound files, training")
    parser.add_argument("--test-music", type=Path, nargs="*", default=[], help="held out")
    args = parser.parse_args()
    args.bank.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        if not args.no_synthetic:
            for name, clips in synthetic_voices(Path(scratch)):
                save(args.bank, name, clips)
        for folder in args.recordings:
            save(args.bank, *recorded_voice(folder, args.floor))
        if args.midi:
            songs = rendered_songs(args.midi, args.soundfont, args.songs, Path(scratch))
            for name, clips in songs:
                save(args.bank, name, clips)
    for split, files in (("train", args.music), ("test", args.test_music)):
        for path in files:
            samples = read_audio(path, rate_hz=RATE_HZ).samples[: 240 * RATE_HZ]
            save(args.bank, f"{split}-song-{path.stem}", [samples])


if __name__ == "__main__":
    main()
