"""The shared encoder on blocks of IQ: which encoder, and what its images are."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.encoders import Pretrained, load_pretrained, untrained
from radiofm_models.probes import pooled
from radiofm_models.protobeam.blocks import Blocks
from radiofm_models.protobeam.inputs import ImageInputs
from radiofm_models.protobeam.pictures import measured, pictures, spectrograms
from radiofm_models.protobeam.recipe import EncoderRecipe
from radiofm_models.vit import PRESETS, Encoder

MODALITY = "spectrogram"  # whose patch embedding blocks go through


class EncoderEmbedding(nn.Module):
    """Images [B, 1, H, W] -> the mean of the encoder's tokens [B, D]."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        return pooled(self.encoder(images), "avg")


def begin(preset: str, pretrained: Path | None, seed: int) -> Pretrained:
    """What the run `pretrained` left, or an untrained one: that which all tasks begin with."""
    return untrained(PRESETS[preset], seed) if pretrained is None else load_pretrained(pretrained)


def embedding_of(
    recipe: EncoderRecipe, pretrained: Path | None, seed: int
) -> tuple[EncoderEmbedding, SpectrogramSpec]:
    """The encoder of the run `pretrained` and its spec, or the recipe's with weights by `seed`."""
    found = begin(recipe.preset, pretrained, seed)
    spec = recipe.spec if pretrained is None else found.inputs.get(MODALITY)
    if not isinstance(spec, SpectrogramSpec):
        raise UsageError(f"encoder {pretrained}: it was not pretrained on spectrograms")
    return EncoderEmbedding(found.encoder(MODALITY, 1)[0]), spec


class Pictures:
    """Blocks as the encoder sees them, standardised by the statistics of those trained on.

    Levels relative to the block's power are not dBFS, so even a pretrained encoder's range, mean
    and deviation are measured anew.
    """

    def __init__(self, spec: SpectrogramSpec, train: Blocks) -> None:
        self.spec = measured(spectrograms(train.iq, spec), spec)

    def __call__(self, blocks: Blocks) -> ImageInputs:
        return ImageInputs(pictures(blocks.iq, self.spec))
