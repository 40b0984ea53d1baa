"""The model as one object: its weights, its version, and the attention around an edge."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from avsync.aligner.model import RetimeModel, load_model, save_model
from avsync.encoders.audio import AUDIO_DIM
from avsync.encoders.checkpoint import PACKAGED
from avsync.encoders.cues import CUE_DIM
from avsync.errors import ModelUnavailable


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "new" / "model.safetensors"
    save_model(RetimeModel(), path)
    return path


def test_saving_and_loading_keeps_every_weight(saved: Path) -> None:
    stored = load_file(saved)
    for name, value in load_model(saved).state_dict().items():
        torch.testing.assert_close(value, stored[name], rtol=0, atol=0)


def test_a_loaded_model_is_ready_to_use(saved: Path) -> None:
    assert not load_model(saved).training


def test_a_version_is_that_of_the_weights(saved: Path, tmp_path: Path) -> None:
    weights = load_file(saved)
    copy, other = tmp_path / "copy.safetensors", tmp_path / "other.safetensors"
    copy.write_bytes(saved.read_bytes())
    weights["calibration"] = weights["calibration"] + 1
    save_file(weights, other)
    versions = {path: load_model(path).version for path in (saved, copy, other)}
    assert versions[saved] == versions[copy] != versions[other]
    assert RetimeModel().version == "untrained"


def test_the_packaged_model_loads_and_is_small() -> None:
    assert (PACKAGED / "retime.safetensors").stat().st_size < 4 << 20
    assert (PACKAGED / "README.md").is_file()  # its card
    model = load_model()
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert (model.calibration[:, 1] > 0).all()


def test_what_is_no_model_is_refused(saved: Path, tmp_path: Path) -> None:
    weights = load_file(saved)
    missing, shaped = tmp_path / "missing.safetensors", tmp_path / "shaped.safetensors"
    save_file({name: weights[name] for name in weights if name != "lag.key.weight"}, missing)
    save_file({**weights, "calibration": torch.zeros(3)}, shaped)
    cut, empty, text = tmp_path / "cut", tmp_path / "empty", tmp_path / "text"
    cut.write_bytes(saved.read_bytes()[:5000])
    empty.write_bytes(b"")
    text.write_text("not a model")
    for path in (missing, shaped, cut, empty, text, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelUnavailable) as caught:
            load_model(path)
        assert caught.value.name == str(path)
        assert "\n" not in str(caught.value)
        assert "train_retime.py" in str(caught.value)


@torch.inference_mode()
@pytest.mark.parametrize("kind", [0, 1])
def test_an_edge_sees_a_band_of_the_attention_matrix(kind: int) -> None:
    torch.manual_seed(1)
    model = RetimeModel()
    edges, sound = torch.randn(3, CUE_DIM), torch.randn(2, 50, AUDIO_DIM)
    rows, centres = torch.tensor([0, 1, 1]), torch.tensor([25, 30, 47])
    offsets = torch.arange(-5, 6)
    logits = model.edge_logits(kind, edges, sound, rows, centres, offsets)
    attention = model.onset if kind == 0 else model.offset
    for n, (row, centre) in enumerate(zip(rows.tolist(), centres.tolist(), strict=True)):
        whole = attention.scores(edges[n : n + 1], sound[row])[0, 0]
        for column, offset in enumerate(offsets.tolist()):
            at = centre + offset
            expected = float(whole[at]) if 0 <= at < 50 else -1e4
            assert float(logits[n, column]) == pytest.approx(expected, abs=1e-4)


@torch.inference_mode()
def test_a_band_wholly_outside_is_even() -> None:
    model = RetimeModel()
    logits = model.edge_logits(
        0,
        torch.ones(1, CUE_DIM),
        torch.ones(1, 10, AUDIO_DIM),
        torch.tensor([0]),
        torch.tensor([500]),
        torch.arange(-3, 4),
    )
    posterior = torch.softmax(logits, -1)
    assert posterior[0].tolist() == pytest.approx([1 / 7] * 7)
    assert math.isfinite(float(logits.sum()))
