"""Heads and their training on frozen tokens."""

import numpy as np
import pytest
import torch

from radiofm_models.calibration import temperature
from radiofm_models.frozen_heads import (
    tokens_of,
    train_classifier,
    train_reconstruction,
    train_segmentation,
)
from radiofm_models.heads import Classifier, Decoder, PixelHead, pool
from radiofm_models.recipe import HeadRecipe
from radiofm_models.vit import Encoder, ViTConfig

SMALL = ViTConfig(dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
RECIPE = HeadRecipe(tap="tokens", dim=16, steps=60, batch=16, lr=1e-2, weight_decay=0.0, seed=0)


@pytest.fixture(scope="module")
def images() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Half of them noise, half with a bright square in a patch of its own."""
    rng = np.random.default_rng(0)
    images = 0.1 * rng.normal(size=(40, 1, 48, 32)).astype(np.float32)
    images[::2, 0, 16:32, 16:32] += 2
    return images


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(SMALL)


def test_folding_standardisation_changes_nothing() -> None:
    torch.manual_seed(0)
    head, tokens = Classifier(8, 16, 6, (3, 2)), torch.randn(5, 7, 8)
    mean, std = torch.randn(80), torch.rand(80) + 0.5
    expected = head.classify((pool(tokens, (3, 2)) - mean) / std)
    head.fold(mean, std)
    torch.testing.assert_close(head(tokens), expected, rtol=1e-4, atol=1e-5)


def test_pool() -> None:
    """A steady row and a wide column each show in their own part; CLS shows nowhere."""
    tokens = torch.zeros(3, 7, 1)
    tokens[:, 0] = 9  # CLS
    tokens[1].view(-1)[1:] = torch.tensor([0.0, 0, 1, 1, 0, 0])  # grid 3 x 2: row 1
    tokens[2].view(-1)[1:] = torch.tensor([0.0, 1, 0, 1, 0, 1])  # column 1
    third = 2**0.5 / 3
    expected = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1 / 3, 1, 0, third, 1, 0, third, 1 / 3, 1 / 3, 0],
        [1 / 2, 1, 0, 1 / 2, 1 / 2, 1 / 2, 0, 1, 0, 1 / 2],
    ]
    torch.testing.assert_close(pool(tokens, (3, 2)), torch.tensor(expected))


@pytest.mark.parametrize(("channels", "bottleneck"), [(2, None), (1, 4)])
def test_pixel_head_shape(channels: int, bottleneck: int | None) -> None:
    head = PixelHead(Decoder(32, 16, (3, 2), bottleneck), channels, 16)
    assert head(torch.randn(4, 7, 32)).shape == (4, channels, 48, 32)


def test_heads_learn(
    encoder: Encoder, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    tokens = tokens_of(encoder, images, "tokens", "encode")
    before = [p.clone() for p in encoder.parameters()]
    classes = (np.arange(40) % 2 == 0).astype(np.int64)
    head = Classifier(32, 16, 2, (3, 2))
    train_classifier(head, tokens, classes, RECIPE)
    with torch.no_grad():
        logits = head(encoder(torch.from_numpy(images)))
    assert (logits.argmax(dim=1).numpy() == classes).mean() > 0.95

    masks = (images[:, 0] > 1).astype(np.uint8)
    segment = PixelHead(Decoder(32, 16, (3, 2)), 2, 16)
    train_segmentation(segment, tokens, masks, RECIPE)
    with torch.no_grad():
        found = segment(tokens.float()).argmax(dim=1).numpy()
    assert (found == masks).mean() > 0.95

    again = PixelHead(Decoder(32, 16, (3, 2), bottleneck=4), 1, 16)
    train_reconstruction(again, tokens, images, RECIPE)
    with torch.no_grad():
        error = (again(tokens.float()).numpy() - images) ** 2
    assert error.mean() < 0.3 * images.var()
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))


def test_temperature_finds_the_scale() -> None:
    """Logits drawn to be calibrated, then made 3 times too sure, call for a temperature of 3."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([rng.choice(4, p=p) for p in chances])
    assert temperature((3 * logits).astype(np.float32), classes) == pytest.approx(3, rel=0.1)
