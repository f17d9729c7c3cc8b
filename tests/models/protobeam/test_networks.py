"""ProtoBeam's network to the parameter, and the two that stand beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import Checkpoint, save_weights
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import adamw
from radiofm_models.protobeam.densenet import DenseNet, DenseNetConfig
from radiofm_models.protobeam.encoder import embedding_of
from radiofm_models.protobeam.recipe import EncoderRecipe
from radiofm_models.protobeam.supervised import Classifier, CnnConfig, cnn
from radiofm_models.vit import PRESETS


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_authors_326_k_parameters() -> None:
    network = DenseNet(DenseNetConfig())
    # A layer of C channels: 2 C + 32 C + 64 + 9 * 32^2; a transition 2 C + C^2 / 2.
    layers = sum(34 * c + 9280 for start in (64, 112, 136) for c in range(start, start + 160, 32))
    between = sum(2 * c + c**2 // 2 for c in (224, 272))
    assert parameters(network) == 4 * 64 + 2 * 64 + layers + between + 2 * 296 + 296 * 128 + 128
    assert parameters(network) == 326_944


def test_embeddings_of_any_block() -> None:
    network = DenseNet(DenseNetConfig(growth=4, blocks=(1, 1), first=4, dim=6)).eval()
    assert network(torch.zeros(3, 2, 64)).shape == (3, 6)
    assert network(torch.zeros(3, 8, 100)).shape == (3, 6)  # of four channels
    blocks = torch.randn(3, 2, 64)
    torch.testing.assert_close(network(blocks)[1:], network(blocks[1:]))


def test_the_first_convolution_as_the_paper_has_it() -> None:
    first = DenseNet(DenseNetConfig()).first
    assert first(torch.zeros(1, 1, 2048, 2)).shape == (1, 64, 2053, 7)


def test_deepbeam_sizes() -> None:
    classifier = Classifier(cnn(CnnConfig(), rows=2, samples=2048), 128, 24)
    convolutions = (2 * 7 + 1) * 64 + 6 * (64 * 7 + 1) * 64
    dense = (64 * 16 + 1) * 128 + 129 * 128 + 129 * 24
    assert parameters(classifier) == convolutions + dense
    assert classifier(torch.zeros(2, 2, 2048)).shape == (2, 24)


def test_too_short_for_the_pooling() -> None:
    with pytest.raises(UsageError, match="samples 100: nothing is left"):
        cnn(CnnConfig(), rows=2, samples=100)


def test_the_encoder_of_a_checkpoint(tmp_path: Path) -> None:
    recipe = EncoderRecipe(preset="tiny", spec=SpectrogramSpec(height=32, width=32))
    kept = SpectrogramSpec(height=48)
    model = MaskedAutoencoder(PRESETS["nano"])
    config = {
        "vit": model.config.model_dump(),
        "inputs": {"spectrogram": kept.model_dump(mode="json")},
    }
    optimizer = adamw(model, 1e-3, (0.9, 0.95), 0.0)
    Checkpoint(model).save(tmp_path, optimizer, config, {"step": 3})
    embedding, spec = embedding_of(recipe, tmp_path, seed=0)
    image = torch.randn(2, 1, 48, 32)
    assert spec == kept
    torch.testing.assert_close(embedding(image), model.encoder(image)[:, 1:].mean(dim=1))
    new, spec = embedding_of(recipe, None, seed=0)
    assert spec == recipe.spec and new.encoder.config == PRESETS["tiny"]


def test_an_encoder_of_something_else(tmp_path: Path) -> None:
    recipe = EncoderRecipe(preset="nano", spec=SpectrogramSpec())
    model = MaskedAutoencoder(PRESETS["nano"].model_copy(update={"channels": 3}))
    save_weights(tmp_path, model)
    config = {"vit": model.config.model_dump(), "inputs": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="not pretrained on spectrograms"):
        embedding_of(recipe, tmp_path, seed=0)
