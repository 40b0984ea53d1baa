"""Train a tiny Whisper for the tests, on speech that espeak-ng makes, and record the test's sound.

    python scripts/train_tiny_whisper.py fixtures/words [--steps 9000]

writes into that folder:

- ``tiny.pt``: a checkpoint in openai-whisper's own format, which ``whisper.load_model`` reads as it
  reads its own: 64 wide, three layers that hear, two that read, and the whole multilingual
  vocabulary. It knows a few words of English and Japanese and nothing else.
- ``speech.flac``, ``speech.srt``, ``speech.json``: half a minute of those words in voices that it
  was not trained on, the cues that fit them, and when each word truly starts and ends.

**Size.** Whisper's vocabulary has 51,865 rows, which at this width are 6.6 MB in half precision.
Here the embedding is not trained, and row ``n`` is ``r[n : n + 64]`` of one random line ``r``: rows
are as good as independent of each other, and PyTorch saves a strided view as what it is a view of,
so they take 100 kB, and load as the full table.

**What is taught.** A checkpoint for tests has to listen well with little training, so it is shown
how instead of finding out, beside the usual loss over the text:

- which word each frame lies in and which was said before it, by two linear read-outs of what the
  encoder makes, which are thrown away;
- where to look (guided attention: Tachibana, Uenoyama, Aihara 2018). Two heads of the encoder's
  last layer look at the end of the word before, which is what makes that word known in each frame;
  the decoder's first layer looks at the word that was just read, its second one at the word that
  comes next, which is the frames whose word before is the one just read. `alignment_heads` of a
  checkpoint without a name is the upper half of the layers: the second one.

The encoder's heads begin by looking a fixed time to each side, which sinusoidal positions make a
rotation. The first steps hear stretches of five seconds, as they cost little; whole windows follow.
What is said, by whom and in what else is drawn by `spoken_words`.

It takes 30 minutes on one core of a server; half of the steps leave errors twice as large.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import whisper
from film_cues import srt_text
from spoken_words import (
    ENGLISH,
    JAPANESE,
    RATE_HZ,
    TEST_VOICES,
    VOICES,
    Example,
    FloatArray,
    Sounds,
    compose,
    example,
    make_bank,
    make_sounds,
    write_flac,
)
from torch import Tensor, nn
from torch.nn import functional
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

from avsync.subtitles import Cue

IntArray = npt.NDArray[np.int64]

FRAME_HZ = 50
FULL_FRAMES = 1500
LENGTHS = ((240, 8), (FULL_FRAMES, 2), (600, 3), (FULL_FRAMES, 2))
"""Frames of a stretch and stretches of a step, in turn: short ones teach fastest, long ones that
what is far away does not matter."""
WORDS = [*ENGLISH, *JAPANESE]
TAKES = 2
"""Recordings of each word by each voice."""
ASIDE_FRAMES = ((-6, -2, 2, 6), (-20, -8, 8, 20), (-12, -20, -8, 12))
CLOCKS = (0, 2, 4, 6, 8, 10, 12, 14)
"""The sinusoids that the heads begin with: from 0.13 to 8 s a turn."""
ENDING_FRAMES = 4
"""How much of a word's end the word after it looks back at."""
PEAK = 3e-3  # learning rate
SHORT_STEPS, STEPS = 900, 9000
FEW_OTHERS = 0.5
"""Share of the steps, at first, in which words stand out from a part of the vocabulary only."""
DIMS = ModelDimensions(80, FULL_FRAMES, 64, 4, 3, 51_865, 448, 64, 4, 2)


def frame_words(made: Example, frames: int) -> tuple[IntArray, IntArray]:
    """The word that each frame lies in and the one that was said before that, 0 for none."""
    own, before = np.zeros(frames, np.int64), np.zeros(frames, np.int64)
    last = 0
    for word in made.text:
        first, end = round(word.start * FRAME_HZ), round(word.end * FRAME_HZ)
        own[first:end] = WORDS.index(word.text.strip(" .。").lower()) + 1
        before[first:end] = last
        last = int(own[first])
    return own, before


def looks_back(made: Example, frames: int) -> FloatArray:
    """Where each frame of a word is to find the end of the word before it: [frames, frames]."""
    rows = np.zeros((frames, frames), np.float32)
    for before, word in pairwise(made.text):
        ends = round(before.end * FRAME_HZ)
        own = slice(round(word.start * FRAME_HZ), round(word.end * FRAME_HZ))
        rows[own, ends - ENDING_FRAMES : ends] = 1 / ENDING_FRAMES
    return rows


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
    rates = torch.exp(-math.log(10_000) / (state // 2 - 1) * torch.arange(state // 2))
    for block, asides in zip(model.encoder.blocks, aside_frames, strict=True):
        query, key = torch.zeros(state, state), torch.zeros(state, state)
        for head, aside in enumerate(asides):
            for place, n in enumerate(CLOCKS):
                row, sine, cosine = head * state // heads + 2 * place, n, state // 2 + n
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
    for n in CLOCKS:
        convolution[n] = convolution[state // 2 + n] = 0.0


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
) -> dict[str, Tensor]:
    """What the text loses, what the read-outs do, and what the attention of the layers does.

    ``others`` are the tokens that the right one has to stand out from, beside those of the batch:
    they stand for the whole vocabulary, which would cost more in every step than all else does.
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
    with watched(model.encoder.blocks[-1].attn) as aside:
        sound = embed(model, mel, offset)
    blocks = model.decoder.blocks
    with watched(blocks[0].cross_attn) as first, watched(blocks[1].cross_attn) as second:
        heard = read(model, ids[:, :-1], sound)
    read_before = functional.pad(looks, (0, 0, 1, -1)) * (ids[:, :-1] < tokenizer.eot)[..., None]
    parts = {
        "text": text_loss(model, heard, ids[:, 1:].contiguous(), others, counted),
        "just read": guided(attention(first), read_before),
        "next": guided(attention(second), looks),
    }
    if frames < FULL_FRAMES:
        back = torch.from_numpy(np.stack([looks_back(e, frames) for e in batch]))
        parts["word before"] = guided(attention(aside, heads=2), back)
    labels = zip(*(frame_words(e, frames) for e in batch), strict=True)
    for name, read_out, truth in zip(("own", "before"), read_outs, labels, strict=True):
        right = torch.from_numpy(np.stack(truth))
        parts[name] = functional.cross_entropy(read_out(sound).transpose(1, 2), right)
    return parts


def text_loss(
    model: Whisper, heard: Tensor, ids: Tensor, others: Tensor, counted: Tensor
) -> Tensor:
    """Cross-entropy of the next token among those of the batch and ``others``, which count as many
    times as it takes to make the vocabulary; without ``others``, among all of it."""
    compared, share = torch.arange(DIMS.n_vocab), 0.0
    if len(others):
        compared = torch.unique(torch.cat([ids.flatten(), others]))
        share = math.log(DIMS.n_vocab / len(others))
    weights = torch.where(torch.isin(compared, ids), 0.0, share)
    logits = heard @ model.decoder.token_embedding.weight[compared].T + weights
    right = torch.searchsorted(compared, ids)
    lost = functional.cross_entropy(logits.transpose(1, 2), right, reduction="none")
    return (lost * counted).sum() / counted.sum()


def guided(seen: Tensor, aims: Tensor) -> Tensor:
    """Divergence in nats of log attention [batch, heads, rows, frames] from where rows are to look;
    rows of ``aims`` [batch, rows, frames] that sum to 0 are free."""
    aimed = (aims.sum(-1) > 0).float()
    even = torch.xlogy(aims, aims).sum(-1)
    lost = even - (seen * aims[:, None]).sum(-1).mean(1)
    return (lost * aimed).sum() / aimed.sum().clamp_min(1.0)


def read(model: Whisper, ids: Tensor, sound: Tensor) -> Tensor:
    """Whisper's decoder up to its logits."""
    decoder = model.decoder
    x = decoder.token_embedding(ids) + decoder.positional_embedding[: ids.shape[1]]
    for block in decoder.blocks:
        x = block(x, sound, mask=decoder.mask)
    heard: Tensor = decoder.ln(x)
    return heard


@contextmanager
def watched(attended: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The queries and the keys of an attention, as it runs."""
    seen: dict[str, Tensor] = {}
    hooks = [
        getattr(attended, name).register_forward_hook(
            lambda _, __, out, name=name: seen.__setitem__(name, out)
        )
        for name in ("query", "key")
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def attention(seen: dict[str, Tensor], *, heads: int = DIMS.n_text_head) -> Tensor:
    """Log attention [batch, heads, rows, frames] of the first heads of what was `watched`."""
    q, k = (
        part.reshape(*part.shape[:2], DIMS.n_text_head, -1)[:, :, :heads].transpose(1, 2)
        for part in (seen["query"], seen["key"])
    )
    weights: Tensor = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).log_softmax(-1)
    return weights


def train(
    sounds: Sounds, steps: int, seed: int, report: Callable[[int, dict[str, float], Whisper], None]
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
    optimiser = torch.optim.AdamW(trained, lr=PEAK, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        frames, size = LENGTHS[step % len(LENGTHS)] if step >= SHORT_STEPS else LENGTHS[0]
        batch = [example(sounds, frames / FRAME_HZ, rng) for _ in range(size)]
        offset = int(rng.integers(FULL_FRAMES - frames + 1))
        others = torch.randint(DIMS.n_vocab, (2048 if step < FEW_OTHERS * steps else 0,))
        parts = losses(model, read_outs, batch, tokenizer, offset, others)
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        plan.step()
        report(step + 1, {name: float(part.detach()) for name, part in parts.items()}, model)
    return model.eval()


def save(model: Whisper, path: Path) -> None:
    """The checkpoint in half precision, with the embedding as a view of its line."""
    state = {name: value.half() for name, value in model.state_dict().items()}
    table = state["decoder.token_embedding.weight"]
    line = torch.cat([table[:, 0], table[-1, 1:]]).contiguous()
    state["decoder.token_embedding.weight"] = line.as_strided(tuple(table.shape), (1, 1))
    torch.save({"dims": asdict(DIMS), "model_state_dict": state}, path)


def record(sounds: Sounds, folder: Path, seed: int) -> None:
    """Write the test's sound, the cues that fit it, and its truth."""
    samples, cues = compose(sounds, np.random.default_rng([seed, 3]))
    write_flac(folder / "speech.flac", samples)
    shown = tuple(
        Cue(said[0].start - 0.2, said[-1].end + 0.3, "".join(w.text for w in said).strip())
        for said in cues
    )
    (folder / "speech.srt").write_text(srt_text(shown), encoding="utf-8")
    truth = [
        [{"text": w.text.strip(), "start": round(w.start, 4), "end": round(w.end, 4)} for w in cue]
        for cue in cues
    ]
    (folder / "speech.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=6)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    spoken = make_bank(TEST_VOICES, 1, np.random.default_rng([args.seed, 2]))
    record(make_sounds(spoken, args.seed + 1), args.folder, args.seed)
    bank = make_bank(VOICES, TAKES, np.random.default_rng(args.seed))
    model = train(make_sounds(bank, args.seed), args.steps, args.seed, report=_tell)
    save(model, args.folder / "tiny.pt")


def _tell(step: int, parts: dict[str, float], _: Whisper) -> None:
    if step % 25 == 0:
        print(f"step {step}:", *(f"{name} {part:.3f}" for name, part in parts.items()), flush=True)


if __name__ == "__main__":
    main()
