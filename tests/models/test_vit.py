"""The encoder: sizes of the paper's Table III, patches, positions, taps."""

import pytest
import torch

from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import (
    PRESETS,
    Encoder,
    ViTConfig,
    patchify,
    positions,
    unpatchify,
)

SMALL = ViTConfig(dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)


@pytest.mark.parametrize(
    ("preset", "encoder", "decoder"),
    [  # counted by hand: blocks 12 d^2 + 13 d, embeddings, norms; Table III rounds these
        ("nano", 1_222_912, 125_056),
        ("tiny", 5_388_288, 851_200),
        ("small", 37_961_728, 6_515_968),
        ("medium", 85_254_144, 25_745_664),
        ("large", 302_575_616, 25_876_736),
    ],
)
def test_parameter_counts(preset: str, encoder: int, decoder: int) -> None:
    with torch.device("meta"):  # no memory for a large model
        model = MaskedAutoencoder(PRESETS[preset])
    counted = sum(p.numel() for p in model.encoder.parameters())
    assert counted == encoder
    assert sum(p.numel() for p in model.parameters()) - counted == decoder


def test_patchify_cuts_and_restores() -> None:
    image = torch.arange(2 * 3 * 32 * 48, dtype=torch.float32).reshape(2, 3, 32, 48)
    patches = patchify(image, 16)
    assert patches.shape == (2, 6, 768)
    # Patch 4 is row 1, column 1 of the 2 x 3 grid; channels come one after another.
    assert torch.equal(patches[1, 4].reshape(3, 16, 16), image[1, :, 16:32, 16:32])
    assert torch.equal(unpatchify(patches, (2, 3), 16), image)


def test_positions_of_a_non_square_grid() -> None:
    encoding = positions((3, 5), 32)
    assert encoding.shape == (16, 32)
    assert not encoding[0].any()  # CLS
    grid = encoding[1:].reshape(3, 5, 32)
    assert torch.equal(grid[2, 0, :16], grid[2, 4, :16])  # first half: frequency
    assert torch.equal(grid[0, 3, 16:], grid[2, 3, 16:])  # second half: time
    assert len(torch.unique(encoding, dim=0)) == 16
    # The same place has the same encoding, however large the grid.
    assert torch.equal(positions((7, 9), 32)[1:].reshape(7, 9, 32)[:3, :5], grid)


@pytest.mark.parametrize("size", [(224, 224), (48, 80)])
def test_tail_of_trunk_is_the_encoder(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    image = torch.randn(2, 1, *size)
    tokens = encoder(image)
    assert tokens.shape == (2, 1 + size[0] * size[1] // 256, 32)
    assert torch.equal(encoder.tail(encoder.trunk(image)), tokens)


def test_tokens_of_kept_patches_need_no_others() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    image = torch.randn(1, 1, 32, 32)
    keep = torch.tensor([[1, 2]])
    changed = image.clone()
    changed[..., :16, :16] += 1  # patch 0
    changed[..., 16:, 16:] += 1  # patch 3
    assert torch.equal(encoder(image, keep), encoder(changed, keep))
    changed[..., :16, 16:] += 1  # patch 1
    assert not torch.equal(encoder(image, keep), encoder(changed, keep))
