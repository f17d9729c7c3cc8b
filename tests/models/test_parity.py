"""The masked autoencoder against an independent one, with the same weights: `transformers` ViTMAE.

`transformers` is larger than all else but torch (170 MB), and so in an extra of its own:
`make bench` installs it.
"""

import pytest
import torch
from torch import Tensor

from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import NORM_EPS, ViTConfig, positions, unpatchify

pytestmark = pytest.mark.bench

CONFIG = ViTConfig(
    dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=2, decoder_heads=4
)  # fmt: skip
GRID = (4, 4)


def to_theirs(weights: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Our weights by their names; their convolution embeds patches, their pixels are p, p, C."""
    e, d = "encoder.", "decoder."
    width = weights["encoder.cls"].shape[0]
    pixels = torch.arange(channels * 256).reshape(channels, 16, 16).permute(1, 2, 0).flatten()
    theirs = {
        "vit.embeddings.cls_token": weights[e + "cls"].reshape(1, 1, width),
        "vit.embeddings.position_embeddings": positions(GRID, width)[None],
        "vit.embeddings.patch_embeddings.projection.weight":
            weights[e + "patch_embed.weight"].reshape(width, channels, 16, 16),
        "vit.embeddings.patch_embeddings.projection.bias": weights[e + "patch_embed.bias"],
        d + "mask_token": weights["mask_token"].reshape(1, 1, -1),
        d + "decoder_pos_embed": positions(GRID, len(weights["mask_token"]))[None],
        d + "decoder_pred.weight": weights["to_pixels.weight"][pixels],
        d + "decoder_pred.bias": weights["to_pixels.bias"][pixels],
    }  # fmt: skip
    layers = {
        "encoder.blocks.": "vit.layers.", "decoder_blocks.": "decoder.decoder_layers.",
        "encoder.norm.": "vit.layernorm.", "decoder_norm.": "decoder.decoder_norm.",
        "decoder_embed.": "decoder.decoder_embed.",
        ".norm1.": ".layernorm_before.", ".norm2.": ".layernorm_after.",
        ".proj.": ".attention.o_proj.", ".fc1.": ".mlp.fc1.", ".fc2.": ".mlp.fc2.",
    }  # fmt: skip
    for name, value in weights.items():
        renamed = name
        for ours, other in layers.items():
            renamed = renamed.replace(ours, other, 1)
        if ".qkv." in renamed:
            for part, rows in zip("qkv", value.chunk(3), strict=True):
                theirs[renamed.replace(".qkv.", f".attention.{part}_proj.")] = rows
        elif renamed != name:
            theirs[renamed] = value
    return theirs


@pytest.mark.parametrize("channels", [1, 2])
def test_masked_autoencoder_is_vit_mae(channels: int) -> None:
    transformers = pytest.importorskip(
        "transformers", "5.24", "parity with ViTMAE: pip install 'radiofm[bench]'"
    )
    torch.manual_seed(0)
    config = CONFIG.model_copy(update={"channels": channels})
    model = MaskedAutoencoder(config)
    with torch.no_grad():  # initial biases and norms hide what they would do
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    theirs = transformers.ViTMAEForPreTraining(
        transformers.ViTMAEConfig(
            hidden_size=config.dim, num_hidden_layers=config.depth,
            num_attention_heads=config.heads, intermediate_size=4 * config.dim,
            decoder_hidden_size=config.decoder_dim, mask_ratio=0.7,
            decoder_num_hidden_layers=config.decoder_depth,
            decoder_num_attention_heads=config.decoder_heads,
            decoder_intermediate_size=4 * config.decoder_dim, layer_norm_eps=NORM_EPS,
            image_size=64, num_channels=channels,
        )
    ).eval()  # fmt: skip
    # With our positions: MAE's tables have their halves exchanged, against the paper's text.
    theirs.load_state_dict(to_theirs(model.state_dict(), channels))

    image, noise = torch.randn(3, channels, 64, 64), torch.rand(3, 16)
    with torch.no_grad():
        decoded, mask = model(image, noise, 0.7)
        loss = model.loss(image, noise, 0.7)
        expected = theirs(image, noise=noise)
    assert torch.equal(mask, expected.mask)
    as_image = theirs.unpatchify(expected.logits)
    torch.testing.assert_close(unpatchify(decoded, GRID, 16), as_image, rtol=0, atol=1e-5)
    torch.testing.assert_close(loss, expected.loss, rtol=0, atol=1e-5)
