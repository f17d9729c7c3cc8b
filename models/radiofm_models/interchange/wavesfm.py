"""Weights of WavesFM v1 (AhmedTarek62/wavesfm; no licence given) into ours: the vision path.

Two layouts are read. The pretrained model's (`MultimodalMAE`) has `vis_patch_embed.proj`,
`vis_pos_embed`, `vis_dec_pos_embed` and `vis_decoder_pred` beside the trunk's `cls_token`,
`blocks.N` and `norm`, and one decoder (`mask_token`, `decoder_embed`, `decoder_blocks.N`,
`decoder_norm`) or one a modality (`decoder_mask_token.vision`, `decoder_embed.vision`, ...). A
fine-tuned model's (`ModalityAdapterViT`) has no decoder and no tables; its `channel_adapter`, a
1 x 1 convolution before the patch embedding, is multiplied into it. `mod_ln_scale.vision` and
`mod_ln_bias.vision`, the conditional norm, become `Film`.

Left out: the IQ path (`iq_...`, `....iq`), which has no counterpart here, and a task's `head`.

Known from the code that is public; no released file was opened. Not in a file: the number of heads,
taken from the authors' presets, and the epsilon of the blocks' norms, 1e-5 (timm 1.0.11's default,
which their code leaves). A model fine-tuned with `--global-pool avg` had no CLS token in its trunk,
which a file does not tell either: ours has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from radiofm_models.checkpoint import CheckpointError
from radiofm_models.interchange.mae import preset_of
from radiofm_models.interchange.naming import (
    Order,
    Weight,
    Weights,
    block,
    count_blocks,
    halves,
    layer,
    named,
    pixels,
    stream_order,
)
from radiofm_models.vit import ViTConfig

EMBED = "vis_patch_embed.proj.weight"
TABLES = ("vis_pos_embed", "vis_dec_pos_embed")
ADAPTER = "channel_adapter.weight"


def _size(encoder: tuple[int, int, int], decoder: tuple[int, int, int]) -> ViTConfig:
    dim, depth, heads = encoder
    e_dim, e_depth, e_heads = decoder
    return ViTConfig(
        dim=dim, depth=depth, heads=heads,
        decoder_dim=e_dim, decoder_depth=e_depth, decoder_heads=e_heads,
    )  # fmt: skip


# micro, small (the release), base and large of the authors' code.
SIZES = (
    _size((128, 4, 4), (128, 2, 4)),
    _size((256, 8, 8), (128, 4, 16)),
    _size((512, 12, 8), (256, 6, 8)),
    _size((768, 12, 12), (512, 8, 16)),
)


def has_decoder(weights: Weights) -> bool:
    """Whether the file is of a pretrained model, not of a fine-tuned one."""
    return "vis_decoder_pred.weight" in weights


def left_out(weights: Weights) -> list[str]:
    """Names that are not imported: the IQ path's, a head's, and tables that are computed here."""
    return [
        name
        for name in weights
        if name.startswith(("iq_", "head.")) or ".iq" in name or name in TABLES
    ]


def adapted(weights: Weights) -> dict[str, Tensor]:
    """`weights` with the channel adapter, where there is one, multiplied into the embedding."""
    rest = dict(weights)
    adapter = rest.pop(ADAPTER, None)
    if adapter is not None:
        embed = named(weights, EMBED, 4)
        if adapter.ndim != 4 or adapter.shape[0] != embed.shape[1]:
            raise CheckpointError(f"{ADAPTER} {list(adapter.shape)} does not fit {EMBED}")
        rest[EMBED] = torch.einsum("dopq,oc->dcpq", embed, adapter[:, :, 0, 0])
    return rest


def config_of(weights: Weights, heads: int | None, decoder_heads: int | None) -> ViTConfig:
    """The sizes of the model that `weights` are of; without a decoder, of the authors' decoder."""
    if EMBED not in weights:
        raise CheckpointError(f"{EMBED} is missing: only WavesFM's vision path can be imported")
    dim = named(weights, "cls_token", 3).shape[2]
    depth = count_blocks(weights, "blocks.")
    _, channels, patch, _ = named(weights, EMBED, 4).shape
    sizes = {
        "dim": dim, "depth": depth, "patch": patch, "channels": channels,
        "film": "mod_ln_scale.vision" in weights,
    }  # fmt: skip
    if has_decoder(weights):
        sizes["decoder_dim"] = named(weights, _mask_token(weights), 3).shape[2]
        sizes["decoder_depth"] = count_blocks(weights, _blocks(weights))
    return preset_of(SIZES, dim, depth, heads, decoder_heads).model_copy(update=sizes)


def layout_of(weights: Weights, config: ViTConfig) -> list[Weight]:
    """Where each of `weights` belongs in an encoder, or a MaskedAutoencoder, of `config`."""
    table, decoder_table = TABLES
    stream = _order(weights, table, config.dim)
    layout = [
        Weight("cls_token", "encoder.cls", stream),
        *layer("norm", "encoder.norm", stream),
        *layer("vis_patch_embed.proj", "encoder.patch_embed", stream),
    ]
    if config.film:
        layout.append(Weight("mod_ln_scale.vision", "encoder.film.scale", stream))
        layout.append(Weight("mod_ln_bias.vision", "encoder.film.shift", stream))
    for n in range(config.depth):
        layout += block(f"blocks.{n}", f"encoder.blocks.{n}", stream)
    if not has_decoder(weights):
        return layout
    decoder = _order(weights, decoder_table, config.decoder_dim)
    own = ".vision" if _separate(weights) else ""
    channels = named(weights, EMBED, 4).shape[1]
    layout += [
        Weight(_mask_token(weights), "mask_token", decoder),
        *layer(f"decoder_embed{own}", "decoder_embed", decoder, stream),
        *layer(f"decoder_norm{own}", "decoder_norm", decoder),
        *layer("vis_decoder_pred", "to_pixels", pixels(channels, config.patch), decoder),
    ]
    for n in range(config.decoder_depth):
        layout += block(f"{_blocks(weights)}{n}", f"decoder_blocks.{n}", decoder)
    return layout


def _order(weights: Weights, table: str, dim: int) -> Order:
    """As the file's table says; fine-tuned files have none, being made with MAE's."""
    return stream_order(table, weights[table]) if table in weights else halves(dim)


def _separate(weights: Weights) -> bool:
    return "decoder_mask_token.vision" in weights


def _mask_token(weights: Weights) -> str:
    return "decoder_mask_token.vision" if _separate(weights) else "mask_token"


def _blocks(weights: Weights) -> str:
    return "decoder_blocks.vision." if _separate(weights) else "decoder_blocks."
