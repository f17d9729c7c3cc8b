"""Weights of AhmedTarek62/mae (CC BY-NC 4.0), a fork of facebookresearch/mae, into ours.

The names are those of facebookresearch/mae: `patch_embed.proj`, `cls_token`, `pos_embed`,
`blocks.N`, `norm`, `decoder_embed`, `mask_token`, `decoder_pos_embed`, `decoder_blocks.N`,
`decoder_norm`, `decoder_pred`. The variant of several channel counts has `patch_embed.N.proj` and
`decoder_pred.N`, one for each count (1, 3 and 4 in the release); they become modalities, named by
their channels.

Known from the code that is public, the same lab's copy of it included; no released file was opened.
Two things are in no file: the number of attention heads, taken from the authors' presets by width
and depth, and the epsilon of the blocks' norms: 1e-5 in their pretraining code, which leaves timm's
default (theirs when fine-tuning, facebookresearch's and ours are 1e-6).
"""

from __future__ import annotations

from radiofm.errors import UsageError
from radiofm_models.checkpoint import CheckpointError
from radiofm_models.interchange.naming import (
    Order,
    Weight,
    Weights,
    block,
    count_blocks,
    layer,
    named,
    pixels,
    stream_order,
)
from radiofm_models.material import MODALITY_OF
from radiofm_models.vit import PRESETS, ViTConfig

SIZES = tuple(PRESETS[name] for name in ("small", "medium", "large"))


def config_of(weights: Weights, heads: int | None, decoder_heads: int | None) -> ViTConfig:
    """The sizes of the model that `weights` are of."""
    dim = named(weights, "cls_token", 3).shape[2]
    depth = count_blocks(weights, "blocks.")
    preset = preset_of(SIZES, dim, depth, heads, decoder_heads)
    embeds = embeddings(weights)
    channels: dict[str, int] = {}
    for embed in embeds.values():
        count = named(weights, f"{embed}.proj.weight", 4).shape[1]
        channels[modality_of(count)] = count
    if len(channels) < len(embeds):
        raise CheckpointError("patch_embed: two of them are of one modality, by their channels")
    first = weights[f"{next(iter(embeds.values()))}.proj.weight"]
    return preset.model_copy(
        update={
            "dim": dim,
            "depth": depth,
            "decoder_dim": named(weights, "mask_token", 3).shape[2],
            "decoder_depth": count_blocks(weights, "decoder_blocks."),
            "patch": first.shape[2],
            "channels": first.shape[1] if "" in embeds else channels,
        }
    )


def layout_of(weights: Weights, config: ViTConfig) -> list[Weight]:
    """Where each of `weights` belongs in a MaskedAutoencoder of `config`."""
    stream = stream_order("pos_embed", named(weights, "pos_embed", 3))
    decoder = stream_order("decoder_pos_embed", named(weights, "decoder_pos_embed", 3))
    layout = [
        Weight("cls_token", "encoder.cls", stream),
        Weight("mask_token", "mask_token", decoder),
        *layer("norm", "encoder.norm", stream),
        *layer("decoder_embed", "decoder_embed", decoder, stream),
        *layer("decoder_norm", "decoder_norm", decoder),
    ]
    for suffix, embed in embeddings(weights).items():
        channels = weights[f"{embed}.proj.weight"].shape[1]
        place = f".{modality_of(channels)}" if suffix else ""
        layout += layer(f"{embed}.proj", f"encoder.patch_embed{place}", stream)
        order: Order = pixels(channels, config.patch)
        layout += layer(f"decoder_pred{suffix}", f"to_pixels{place}", order, decoder)
    for n in range(config.depth):
        layout += block(f"blocks.{n}", f"encoder.blocks.{n}", stream)
    for n in range(config.decoder_depth):
        layout += block(f"decoder_blocks.{n}", f"decoder_blocks.{n}", decoder)
    return layout


LEFT_OUT = ("pos_embed", "decoder_pos_embed")  # computed here, once they are seen to be ours


def embeddings(weights: Weights) -> dict[str, str]:
    """Patch embeddings by the suffix that their predictions have: "", or ".0", ".1", ..."""
    if "patch_embed.proj.weight" in weights:
        return {"": "patch_embed"}
    count = count_blocks(weights, "patch_embed.")
    return {f".{n}": f"patch_embed.{n}" for n in range(max(1, count))}


def modality_of(channels: int) -> str:
    """The papers' modality of so many channels, as data sets are named in pretraining."""
    return MODALITY_OF.get(channels, f"{channels}-channels")


def preset_of(
    sizes: tuple[ViTConfig, ...],
    dim: int,
    depth: int,
    heads: int | None,
    decoder_heads: int | None,
) -> ViTConfig:
    """The authors' preset of this width and depth, with other numbers of heads where given."""
    found = next((size for size in sizes if (size.dim, size.depth) == (dim, depth)), None)
    if found is None and (heads is None or decoder_heads is None):
        raise UsageError(
            f"heads: a width of {dim} with {depth} blocks is none of the authors' sizes: "
            "give --heads and --decoder-heads"
        )
    preset = found or sizes[0]
    update = {
        "heads": heads or preset.heads,
        "decoder_heads": decoder_heads or preset.decoder_heads,
    }
    return preset.model_copy(update=update)
