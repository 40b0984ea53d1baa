"""Train a tiny Whisper for the tests, on speech that espeak-ng makes, and record the test's sound.

    python scripts/train_tiny_whisper.py fixtures/words [--steps 500]

writes into that folder:

- ``tiny.pt``: a checkpoint in openai-whisper's own format, which ``whisper.load_model`` reads as it
  reads its own: 64 wide, two layers on each side, and the whole multilingual vocabulary. It knows a
  few words of English and Japanese and nothing else.
- ``speech.flac``, ``speech.srt``, ``speech.json``: half a minute of those words in voices that it
  was not trained on, the cues that fit them, and when each word truly starts and ends.

**Size.** Whisper's vocabulary has 51,865 rows, which at this width are 6.6 MB in half precision.
Here the embedding is not trained, and row ``n`` is ``r[n : n + 64]`` of one random line ``r``: rows
are as good as independent of each other, and PyTorch saves a strided view as what it is a view of,
so they take 100 kB, and load as the full table.

**Speed.** Everything is set up so that a few minutes on one core will do. The encoder's heads
begin by looking a fixed time to each side, which sinusoidal positions make a rotation, and two
linear read-outs, which are thrown away, teach it directly which word each frame lies in and which
word was said before.

**Attention.** Word times are what it is for, so the cross-attention of the first layer is trained
to look at the word that was just read and that of the second at the word that comes next (guided
attention: Tachibana, Uenoyama, Aihara 2018), beside the usual loss over the text. `alignment_heads`
of a checkpoint without a name is the upper half of the layers, which is the second one.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
import whisper
from make_voices import run_to_wav, trim
from torch import Tensor, nn
from torch.nn import functional
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

RATE_HZ = 16_000
FRAME_HZ = 50
FULL_FRAMES = 1500
REMEMBERED_FRAMES = 25
LENGTHS = ((300, 8), (600, 6), (300, 8), (FULL_FRAMES, 3))
"""Frames of a stretch and stretches of a step, in turn: short ones teach fastest, long ones that
what is far away does not matter."""
ENGLISH = (  # each one token of Whisper's but "lighthouse"
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("green", "window", "garden", "lighthouse"),
)
JAPANESE = ("さくら", "みず", "ひかり")
WORDS = [*ENGLISH, *JAPANESE]
ASIDE_FRAMES = ((-9, -3, 3, 9), (-24, -8, 8, 24))
VOICES = ("m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f4", "Andy", "Annie", "steph", "Gene")
TEST_VOICES = ("m5", "f3", "Lee")
PEAK = 3e-3  # learning rate
SHORT_STEPS, STEPS = 700, 1600
SPOKEN = (("en", 5), ("en", 3), ("en", 7), ("en", 1), ("en", 6), ("en", 4), ("en", 5))
"""The cues of the test's sound: language, words."""
DIMS = ModelDimensions(80, FULL_FRAMES, 64, 4, 2, 51_865, 448, 64, 4, 2)


@dataclass(frozen=True)
class Said:
    """A word in a recording; seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Example:
    samples: FloatArray
    language: str
    text: tuple[Said, ...]
    """each with the blank or the full stop that belongs to it"""


Bank = dict[tuple[str, str], list[FloatArray]]


@dataclass(frozen=True)
class Sounds:
    """What examples are mixed from; 16 kHz."""

    words: Bank
    music: FloatArray
    noise: FloatArray


def make_bank(voices: Sequence[str], rng: np.random.Generator) -> Bank:
    """Every word in every voice, at a speed and a pitch of its own; by language and word."""
    bank: Bank = {}
    with tempfile.TemporaryDirectory() as scratch:
        for language, words in (("en", ENGLISH), ("ja", JAPANESE)):
            for word in words:
                clips = []
                for number, voice in enumerate(voices):
                    accent = ("en-us", "en-gb")[number % 2] if language == "en" else "ja"
                    prosody = ["-s", str(rng.integers(120, 200)), "-p", str(rng.integers(25, 75))]
                    command = ["espeak-ng", "-v", f"{accent}+{voice}", *prosody, "-w", "{wav}"]
                    clip = trim(run_to_wav([*command, word], Path(scratch)), -35.0)
                    clips.append(clip * (0.5 / np.abs(clip).max()))
                bank[language, word] = clips
    return bank


def music(seconds: float, rng: np.random.Generator) -> FloatArray:
    """Chords of plucked harmonic tones."""
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    at = 0.0
    while at < seconds:
        length = rng.uniform(0.2, 1.2)
        t = np.arange(int(length * RATE_HZ)) / RATE_HZ
        for _ in range(int(rng.integers(1, 4))):
            pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
            for harmonic in range(1, 6):
                tone = np.sin(2 * np.pi * pitch * harmonic * t) / harmonic
                tone *= np.exp(-t * harmonic * 2)
                begin = int(at * RATE_HZ)
                part = out[begin : begin + len(tone)]
                part += (0.1 * tone * np.minimum(1, t * 200)).astype(np.float32)[: len(part)]
        at += length
    return out


def noise(seconds: float, rng: np.random.Generator) -> FloatArray:
    """White noise, or noise that falls with frequency."""
    white = rng.standard_normal(int(seconds * RATE_HZ)).astype(np.float32)
    if rng.random() < 0.5:
        white = np.convolve(white, np.exp(-np.arange(40) / 8), "same").astype(np.float32)
    return white * np.float32(0.1 / (np.abs(white).mean() + 1e-9))


def say(
    bank: Bank,
    language: str,
    seconds: float,
    rng: np.random.Generator,
    *,
    words: int | None = None,
    plain: bool | None = None,
) -> Example:
    """Sentences of random words in one voice, with pauses within and longer ones between."""
    known = ENGLISH if language == "en" else JAPANESE
    count = int(rng.integers(1, 20)) if words is None else words
    voice = int(rng.integers(len(bank[language, known[0]])))
    samples = np.zeros(int(seconds * RATE_HZ), np.float32)
    plain = rng.random() < 0.3 if plain is None else plain
    at = rng.uniform(0.1, 2.0)
    said: list[Said] = []
    opens = True
    for index in rng.permutation(len(known))[:count]:  # no word twice: too few layers to count
        word = known[int(index)]
        clip = bank[language, word][voice]
        clip = clip * np.float32(rng.uniform(0.5, 1.2))
        end = at + len(clip) / RATE_HZ
        if end > seconds - 0.3:
            break
        samples[int(at * RATE_HZ) :][: len(clip)] += clip
        closes = rng.random() < 0.2
        shown = word.capitalize() if opens and not plain else word
        blank = " " if language == "en" else ""
        stop = "" if plain or not closes else "." if language == "en" else "。"
        said.append(Said(blank + shown + stop, at, end))
        pause = rng.uniform(0.0, 0.25) if rng.random() < 0.85 else rng.uniform(0.25, 0.5)
        if closes:
            pause = rng.uniform(0.6, 2.5)
        at, opens = end + pause, closes
    return Example(samples, language, tuple(said))


def make_sounds(bank: Bank, seed: int) -> Sounds:
    """Voices, two minutes of music and one of noises."""
    rng = np.random.default_rng([seed, 1])
    noises = np.concatenate([noise(10.0, rng) for _ in range(6)])
    return Sounds(bank, music(120.0, rng), noises)


def example(sounds: Sounds, seconds: float, rng: np.random.Generator) -> Example:
    """Speech under silence, noise or music; now and then no speech at all."""
    language = "ja" if rng.random() < 0.2 else "en"
    silent = rng.random() < 0.08
    made = say(sounds.words, language, seconds, rng, words=0 if silent else None)
    samples = made.samples * np.float32(10 ** rng.uniform(-1.0, 0.2))
    level = 10 ** rng.uniform(-2.5, -0.7) * max(float(np.abs(samples).max()), 0.05)
    for under, often, loud in ((sounds.music, 0.4, 2.0), (sounds.noise, 0.6, 1.0)):
        if rng.random() < often:
            begin = int(rng.integers(len(under) - len(samples)))
            samples = samples + np.float32(level * loud) * under[begin : begin + len(samples)]
    return Example(samples.astype(np.float32), language, made.text)


def frame_words(made: Example, frames: int) -> tuple[IntArray, IntArray]:
    """The word that each frame lies in and the one that was said just before, 0 for none."""
    own, before = np.zeros(frames, np.int64), np.zeros(frames, np.int64)
    last = 0
    for word in made.text:
        index = WORDS.index(word.text.strip(" .。").lower()) + 1
        first, end = round(word.start * FRAME_HZ), round(word.end * FRAME_HZ)
        own[first:end] = index
        before[first:end] = last
        before[end : end + REMEMBERED_FRAMES] = index
        last = index
    return own, before


def tokens_of(made: Example, tokenizer: Tokenizer, frames: int) -> tuple[list[int], FloatArray]:
    """The tokens to read, and where each is to look for the one after it: [tokens, frames]."""
    language = tokenizer.sot + 1 + ("en", "ja").index("en")
    if made.language == "ja":
        language = get_tokenizer(True, language="ja", task="transcribe").sot_sequence[1]
    if not made.text:
        language = tokenizer.no_speech
    tokens = [tokenizer.sot, language, tokenizer.transcribe, tokenizer.no_timestamps]
    rows: list[FloatArray] = [np.zeros(frames, np.float32)] * 3
    edge = 0.0
    for word in made.text:
        ids = tokenizer.encode(word.text)
        tokens += ids
        if word.text[-1] in ".。":
            parts = [*np.linspace(word.start, word.end, len(ids)), word.end + 0.1]
        else:
            parts = [*np.linspace(word.start, word.end, len(ids) + 1)]
        rows += [_look(a, b, frames) for a, b in pairwise(parts)]
        edge = word.end
    rows.append(_look(edge, edge + 0.3, frames) if made.text else np.zeros(frames, np.float32))
    return [*tokens, tokenizer.eot], np.stack(rows)


def _look(start: float, end: float, frames: int) -> FloatArray:
    """A row of attention that is even over [start, end) seconds and sums to 1."""
    at = np.arange(frames)
    inside = np.minimum(at + 1, end * FRAME_HZ) - np.maximum(at, start * FRAME_HZ)
    row = inside.clip(0.0, 1.0).astype(np.float32)
    return row / max(float(row.sum()), 1e-6)


def look_aside(model: Whisper, aside_frames: Sequence[Sequence[int]], gain: float = 2.0) -> None:
    """Let each encoder head begin by looking so many frames to the side: [layers][heads].

    Channel pairs hold the sine and cosine of ``rate * frame``, so turning the query's pair by
    ``rate * aside`` makes its product with the keys highest that many frames away.
    """
    state, heads = DIMS.n_audio_state, DIMS.n_audio_head
    pairs = state // heads // 2
    rates = torch.exp(-math.log(10_000) / (state // 2 - 1) * torch.arange(pairs))
    for block, asides in zip(model.encoder.blocks, aside_frames, strict=True):
        query, key = torch.zeros(state, state), torch.zeros(state, state)
        for head, aside in enumerate(asides):
            for n in range(pairs):
                row, sine, cosine = head * 2 * pairs + 2 * n, n, state // 2 + n
                turn = float(rates[n]) * aside
                key[row, sine] = key[row + 1, cosine] = gain
                query[row, sine], query[row, cosine] = math.cos(turn), math.sin(turn)
                query[row + 1, sine], query[row + 1, cosine] = -math.sin(turn), math.cos(turn)
        block.attn.query.weight.data = query * gain
        block.attn.query.bias.data.zero_()
        block.attn.key.weight.data = key
    # What is heard is made as loud as the positions, and kept off the channels that turn.
    convolution = model.encoder.conv2.weight.data
    convolution *= 6.0
    convolution[:pairs] = convolution[state // 2 : state // 2 + pairs] = 0.0


def embed(model: Whisper, mel: Tensor, offset: int) -> Tensor:
    """Whisper's encoder, on a stretch that is taken for one that begins at frame `offset`."""
    encoder = model.encoder
    x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
    x = x + encoder.positional_embedding[offset : offset + x.shape[1]]
    for block in encoder.blocks:
        x = block(x)
    embedded: Tensor = encoder.ln_post(x)
    return embedded


def losses(
    model: Whisper,
    read_outs: Sequence[nn.Linear],
    batch: Sequence[Example],
    tokenizer: Tokenizer,
    offset: int,
    others: Tensor,
) -> Tensor:
    """What the text loses, and what the attention of the layers does.

    ``others`` are the tokens that the right one has to stand out from, beside those of the batch:
    all of them in every step would cost more than all else does.
    """
    frames = len(batch[0].samples) * FRAME_HZ // RATE_HZ
    mel = torch.stack([whisper.log_mel_spectrogram(torch.from_numpy(e.samples)) for e in batch])
    pairs = [tokens_of(e, tokenizer, frames) for e in batch]
    longest = max(len(tokens) for tokens, _ in pairs)
    ids = torch.full((len(batch), longest), tokenizer.eot)
    counted = torch.zeros(len(batch), longest - 1)
    looks = torch.zeros(len(batch), longest - 1, frames)
    for n, (tokens, rows) in enumerate(pairs):
        ids[n, : len(tokens)] = torch.tensor(tokens)
        counted[n, : len(tokens) - 1] = 1.0
        looks[n, : len(rows)] = torch.from_numpy(rows)
    sound = embed(model, mel, offset)
    heard, before, weights = read(model, ids[:, :-1], sound)
    compared = torch.unique(torch.cat([ids.flatten(), others]))
    logits = heard @ model.decoder.token_embedding.weight[compared].T
    right = torch.searchsorted(compared, ids[:, 1:].contiguous())
    text = functional.cross_entropy(logits.transpose(1, 2), right, reduction="none")
    own = functional.pad(looks, (0, 0, 1, -1)) * (ids[:, :-1] < tokenizer.eot)[..., None]
    lost = (text * counted).sum() / counted.sum()
    labels = [frame_words(e, frames) for e in batch]
    for part, read_out in enumerate(read_outs):
        truth = torch.from_numpy(np.stack([pair[part] for pair in labels]))
        lost = lost + functional.cross_entropy(read_out(sound).transpose(1, 2), truth)
    for seen, aims in ((before, own), (weights, looks)):
        aimed = (aims.sum(-1) > 0).float()
        lost = lost - ((seen * aims[:, None]).sum(-1).mean(1) * aimed).sum() / aimed.sum()
    return lost


def read(model: Whisper, ids: Tensor, sound: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whisper's decoder up to its logits, and the log attention of its two layers."""
    decoder = model.decoder
    seen: dict[tuple[int, str], Tensor] = {}
    hooks = [
        getattr(block.cross_attn, name).register_forward_hook(
            lambda _, __, out, key=(layer, name): seen.__setitem__(key, out)
        )
        for layer, block in enumerate(decoder.blocks)
        for name in ("query", "key")
    ]
    x = decoder.token_embedding(ids) + decoder.positional_embedding[: ids.shape[1]]
    for block in decoder.blocks:
        x = block(x, sound, mask=decoder.mask)
    for hook in hooks:
        hook.remove()
    looks = []
    for layer in range(2):
        q, k = (
            seen[layer, name].reshape(*seen[layer, name].shape[:2], DIMS.n_text_head, -1)
            for name in ("query", "key")
        )
        q, k = q.transpose(1, 2), k.transpose(1, 2)
        looks.append((q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).log_softmax(-1))
    return decoder.ln(x), looks[0], looks[1]


def train(
    sounds: Sounds, steps: int, seed: int, report: Callable[[int, float, Whisper], None]
) -> Whisper:
    """Short stretches at random places of the window first, then longer ones and whole windows."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Whisper(DIMS)
    line = torch.randn(DIMS.n_vocab + DIMS.n_text_state - 1) * 0.2
    table = line.half().float().unfold(0, DIMS.n_text_state, 1)
    model.decoder.token_embedding.weight = nn.Parameter(table.clone(), requires_grad=False)
    nn.init.normal_(model.decoder.positional_embedding, std=0.05)
    tokenizer = get_tokenizer(True, language="en", task="transcribe")
    look_aside(model, ASIDE_FRAMES)
    read_outs = [nn.Linear(DIMS.n_audio_state, len(WORDS) + 1) for _ in range(2)]
    modules = [model, *read_outs]
    trained = [p for module in modules for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        frames, size = LENGTHS[step % len(LENGTHS)] if step >= SHORT_STEPS else LENGTHS[0]
        batch = [example(sounds, frames / FRAME_HZ, rng) for _ in range(size)]
        offset = int(rng.integers(FULL_FRAMES - frames + 1))
        loss = losses(
            model, read_outs, batch, tokenizer, offset, torch.randint(DIMS.n_vocab, (2048,))
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        plan.step()
        report(step + 1, float(loss.detach()), model)
    return model.eval()


def save(model: Whisper, path: Path) -> None:
    """The checkpoint in half precision, with the embedding as a view of its line."""
    state = {name: value.half() for name, value in model.state_dict().items()}
    table = state["decoder.token_embedding.weight"]
    line = torch.cat([table[:, 0], table[-1, 1:]]).contiguous()
    state["decoder.token_embedding.weight"] = line.as_strided(tuple(table.shape), (1, 1))
    torch.save({"dims": asdict(DIMS), "model_state_dict": state}, path)


def record(sounds: Sounds, folder: Path, seed: int) -> None:
    """The test's sound with its truth: no word twice in a cue, several cues, music under one."""
    rng = np.random.default_rng([seed, 3])
    samples = np.zeros(60 * RATE_HZ, np.float32)
    cues: list[list[Said]] = []
    at = 1.5
    for number, (language, count) in enumerate(SPOKEN):
        made = say(sounds.words, language, 12.0, rng, words=count, plain=False)
        shift = at - made.text[0].start
        begin, end = (round(t * RATE_HZ) for t in (made.text[0].start, made.text[-1].end))
        place = round(at * RATE_HZ)
        samples[place : place + end - begin] += made.samples[begin:end]
        cues.append([Said(w.text, w.start + shift, w.end + shift) for w in made.text])
        at = cues[-1][-1].end + (1.2, 0.7, 2.5)[number % 3]
    last = round((at + 0.5) * RATE_HZ)
    samples = samples[:last] + np.float32(0.05) * sounds.noise[:last]
    write_flac(folder / "speech.flac", samples / np.abs(samples).max() * np.float32(0.7))
    entries = []
    for number, cue in enumerate(cues, start=1):
        text = "".join(word.text for word in cue).strip()
        stamps = " --> ".join(_stamp(t) for t in (cue[0].start - 0.2, cue[-1].end + 0.3))
        entries.append(f"{number}\n{stamps}\n{text}\n")
    (folder / "speech.srt").write_text("\n".join(entries), encoding="utf-8")
    truth = [
        [{"text": w.text.strip(), "start": round(w.start, 4), "end": round(w.end, 4)} for w in cue]
        for cue in cues
    ]
    (folder / "speech.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n")


def _stamp(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"00:{ms // 60_000:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def write_flac(path: Path, samples: FloatArray) -> None:
    """Mono 16-bit FLAC at 16 kHz: no priming, so that sample 0 stays sample 0."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="mono")
        pcm = np.round(samples * 32767).astype(np.int16)
        for begin in range(0, len(pcm), 4096):
            frame = av.AudioFrame.from_ndarray(pcm[None, begin : begin + 4096], "s16", "mono")
            frame.sample_rate = RATE_HZ
            frame.pts = begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=6)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    spoken = make_bank(TEST_VOICES, np.random.default_rng([args.seed, 2]))
    record(make_sounds(spoken, args.seed + 1), args.folder, args.seed)
    bank = make_bank(VOICES, np.random.default_rng(args.seed))
    model = train(make_sounds(bank, args.seed), args.steps, args.seed, report=_tell)
    save(model, args.folder / "tiny.pt")


def _tell(step: int, loss: float, _: Whisper) -> None:
    if step % 25 == 0:
        print(f"step {step}: loss {loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
