"""Encoders to begin with: as they were pretrained, untrained, or with a new tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.checkpoint import CheckpointError, save_weights
from radiofm_models.encoders import load_pretrained, untrained
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import config_of
from radiofm_models.vit import ViTConfig
from tests.models.tiny import SPEC, VIT


def checkpoint(folder: Path, config: ViTConfig = VIT) -> MaskedAutoencoder:
    torch.manual_seed(1)
    model = MaskedAutoencoder(config)
    save_weights(folder, model)
    (folder / "config.json").write_text(json.dumps(config_of(model, {"spectrogram": SPEC})))
    return model


def test_what_was_pretrained_comes_back(tmp_path: Path) -> None:
    model = checkpoint(tmp_path)
    pretrained = load_pretrained(tmp_path)
    assert pretrained.inputs == {"spectrogram": SPEC}
    encoder, new = pretrained.encoder("spectrogram", 1)
    image = torch.randn(2, 1, 32, 48)
    assert not new and torch.equal(encoder(image), model.encoder(image))
    torch.nn.init.ones_(encoder.cls)  # of a copy
    assert torch.equal(pretrained.encoder("spectrogram", 1)[0](image), model.encoder(image))


def test_another_modality_gets_a_new_tokenizer_and_keeps_the_blocks(tmp_path: Path) -> None:
    model = checkpoint(tmp_path)
    encoder, new = load_pretrained(tmp_path).encoder("wifi-csi", 3)
    assert new and encoder(torch.randn(2, 3, 32, 32)).shape == (2, 5, 16)
    kept = model.encoder.state_dict()
    for name, value in encoder.state_dict().items():
        assert name.startswith("patch_embed.") or torch.equal(value, kept[name])


def test_one_of_several_modalities(tmp_path: Path) -> None:
    several = VIT.model_copy(update={"channels": {"spectrogram": 1, "wifi-csi": 3}})
    model = checkpoint(tmp_path, several)
    encoder, new = load_pretrained(tmp_path).encoder("wifi-csi", 3)
    image = torch.randn(2, 3, 32, 32)
    assert not new and torch.equal(encoder(image), model.encoder(image, modality="wifi-csi"))
    encoder, new = load_pretrained(tmp_path).encoder("iq-grid", 2)
    assert new and encoder.config.channels == 2


def test_an_untrained_one_is_its_seeds_and_needs_no_new_tokenizer() -> None:
    image = torch.randn(2, 1, 32, 48)
    first, new = untrained(VIT, 0).encoder("spectrogram", 1)
    assert not new
    assert torch.equal(first(image), untrained(VIT, 0).encoder("spectrogram", 1)[0](image))
    assert not torch.equal(first(image), untrained(VIT, 1).encoder("spectrogram", 1)[0](image))
    assert not untrained(VIT, 0).encoder("wifi-csi", 3)[1]  # a baseline learns nothing


def test_what_is_no_encoder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone is no folder of a pretraining run"):
        load_pretrained(tmp_path / "gone")
    (tmp_path / "config.json").write_text('{"task": "classification"}')
    with pytest.raises(UsageError, match="is a fine-tuned head's: name what it began with"):
        load_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"config\.json: 'vit': train it anew"):
        load_pretrained(tmp_path)
    checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="train it anew"):
        load_pretrained(tmp_path)
