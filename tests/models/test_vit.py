"""The encoder: sizes of the paper's Table III, patches, positions, taps."""

import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import (
    NORM_EPS,
    PRESETS,
    Block,
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


def test_positions_by_hand() -> None:
    """WavesFM, equation 4, with M = 4: omega is 1 and 10000^(-2/4) = 0.01; row 1, column 2."""
    row, column = torch.tensor([1.0, 0.01]), torch.tensor([2.0, 0.02])
    expected = torch.cat([row.sin(), row.cos(), column.sin(), column.cos()])
    torch.testing.assert_close(positions((2, 3), 8)[1 + 1 * 3 + 2], expected)


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


def test_slices_that_patches_do_not_divide_are_refused() -> None:
    with pytest.raises(UsageError, match="slices of 32 x 40: resize them to whole patches of 16"):
        patchify(torch.zeros(1, 1, 32, 40), 16)


def test_block_is_torch_s_own() -> None:
    """An independent implementation with the same weights gives the same."""
    torch.manual_seed(0)
    block = Block(32, 4)
    theirs = torch.nn.TransformerEncoderLayer(
        32, 4, 128, dropout=0.0, activation="gelu", layer_norm_eps=NORM_EPS, batch_first=True,
        norm_first=True,
    )  # fmt: skip
    names = {
        "norm1": "norm1", "norm2": "norm2", "linear1": "fc1", "linear2": "fc2",
        "self_attn.out_proj": "proj",
    }  # fmt: skip
    weights = block.state_dict()
    state = {f"{t}.{k}": weights[f"{o}.{k}"] for t, o in names.items() for k in ("weight", "bias")}
    state |= {f"self_attn.in_proj_{k}": weights[f"qkv.{k}"] for k in ("weight", "bias")}
    theirs.load_state_dict(state)
    tokens = torch.randn(2, 7, 32)
    torch.testing.assert_close(block(tokens), theirs(tokens), rtol=0, atol=1e-5)


def test_checkpoints_keep_their_names() -> None:
    """What is on disk already must load: names of weights, and the sizes as they are written."""
    with torch.device("meta"):
        model = MaskedAutoencoder(SMALL.model_copy(update={"depth": 1}))
    block = [
        f"{layer}.{k}"
        for layer in ("norm1", "qkv", "proj", "norm2", "fc1", "fc2")
        for k in ("weight", "bias")
    ]
    assert list(model.state_dict()) == [
        "mask_token", "encoder.cls", "encoder.patch_embed.weight", "encoder.patch_embed.bias",
        *(f"encoder.blocks.0.{name}" for name in block), "encoder.norm.weight",
        "encoder.norm.bias", "decoder_embed.weight", "decoder_embed.bias",
        *(f"decoder_blocks.0.{name}" for name in block), "decoder_norm.weight",
        "decoder_norm.bias", "to_pixels.weight", "to_pixels.bias",
    ]  # fmt: skip
    assert PRESETS["nano"].model_dump(mode="json") == {
        "dim": 128, "depth": 6, "heads": 4, "decoder_dim": 64, "decoder_depth": 2,
        "decoder_heads": 4, "patch": 16, "channels": 1,
    }  # fmt: skip
    assert ViTConfig(**PRESETS["nano"].model_dump()) == PRESETS["nano"]


def test_what_came_later_is_written_where_it_is_used() -> None:
    later = SMALL.model_copy(update={"norm_eps": 1e-5, "film": True})
    written = later.model_dump(mode="json")
    assert written == {**SMALL.model_dump(), "norm_eps": 1e-5, "film": True}
    assert ViTConfig.model_validate(written) == later


def test_film_scales_and_shifts_what_enters_the_trunk() -> None:
    torch.manual_seed(0)
    plain = Encoder(SMALL)
    encoder = Encoder(SMALL.model_copy(update={"film": True}))
    encoder.load_state_dict(plain.state_dict() | encoder.film.state_dict(prefix="film."))
    image = torch.randn(2, 1, 32, 48)
    assert torch.equal(encoder(image), plain(image))  # as made, it changes nothing
    with torch.no_grad():
        for parameter in encoder.film.parameters():
            parameter.normal_()
    scale, shift = encoder.film.parameters()
    torch.testing.assert_close(encoder.embed(image), plain.embed(image) * scale + shift)
