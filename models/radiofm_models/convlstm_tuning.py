"""Fine-tuning of the ConvLSTM: forecasts and segmentation, on an encoder that is kept or trained.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), sections III-C and III-D. Not a
`Task` of `finetuning`: those have heads on a ViT's tokens and labels by item, where here a head
takes features of tokens by pixels, and what is foretold is the recording itself.

| mode | the encoder is | |
|---|---|---|
| frozen | pretrained, kept | the paper's tuned foundational model |
| full | pretrained, trained | |
| scratch | new, trained | the paper's baseline, "(b)" |
| random | new, kept | what a head alone can do |
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radiofm.spectrogram import Image
from radiofm_models.convlstm import ConvLSTM, ConvLSTMConfig, cut
from radiofm_models.convlstm_heads import ConvSegmentation, ForecastHead, forecast
from radiofm_models.convlstm_pretrain import BATCH
from radiofm_models.pretrain import adamw
from radiofm_models.progress import tracked
from radiofm_models.recipe import Schedule
from radiofm_models.sentences import Sentences, image_of
from radiofm_models.trainer import Inputs, train
from radiofm_models.world import World, device

Mode = Literal["frozen", "full", "scratch", "random"]
PRETRAINED: tuple[Mode, ...] = ("frozen", "full")
KEPT: tuple[Mode, ...] = ("frozen", "random")


class Forecaster(nn.Module):
    """Section III-C: tokens W_1 ... W_T -> W_T+1."""

    def __init__(self, encoder: ConvLSTM) -> None:
        super().__init__()
        self.encoder, self.head = encoder, ForecastHead(encoder.config)

    def loss(self, tokens: Tensor) -> Tensor:
        """Equation 2 over its number of pixels, of sentences [B, T + 1, 1, H, W]."""
        return F.mse_loss(self.head(self.encoder(tokens[:, :-1])), tokens[:, -1])

    def ahead(self, tokens: Tensor, count: int) -> Tensor:
        """The next `count` tokens [B, count, 1, H, W], each foretold from those before."""
        return forecast(self.encoder, self.head, tokens, count)


class Segmenter(nn.Module):
    """Section III-D: slices [B, 1, H, T * W] -> class scores [B, labels, H, T * W]."""

    def __init__(self, encoder: ConvLSTM, labels: int, tokens: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, ConvSegmentation(encoder.config, labels)
        self._tokens = tokens

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(cut(images, self._tokens)))  # type: ignore[no-any-return]


def foretold(model: Forecaster, tokens: Image, count: int) -> Image:
    """The next `count` tokens [n, H, count * W] of sentences [n, T, 1, H, W]."""
    model.eval()
    parts = []
    for start in tracked(range(0, len(tokens), BATCH), "forecast"):
        batch = torch.from_numpy(tokens[start : start + BATCH]).to(device())
        parts.append(model.ahead(batch, count).cpu().numpy())
    return image_of(np.concatenate(parts))


def encoder_for(
    mode: Mode, pretrained: ConvLSTM | None, config: ConvLSTMConfig, seed: int
) -> ConvLSTM:
    """A copy of the pretrained encoder, or one from `seed`, trained or kept as `mode` says.

    In all modes as much is drawn, so that a head made next begins alike.
    """
    torch.manual_seed(seed)
    encoder = ConvLSTM(config)
    if mode in PRETRAINED:
        assert pretrained is not None
        encoder.load_state_dict(copy.deepcopy(pretrained.state_dict()))
    return encoder.requires_grad_(mode not in KEPT)


def tune(
    model: nn.Module,
    loss: Callable[..., Tensor],
    inputs: Callable[[int], Inputs],
    schedule: Schedule,
    folder: Path,
    identity: dict[str, Any],
    title: str,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Train what of `model` is not kept, or go on with what is in `folder`; its last weights stay.

    Returns the trainer's record.
    """
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return train(
        model,
        loss,
        inputs,
        lambda: adamw(model, schedule.lr, schedule.betas, schedule.weight_decay),
        schedule,
        folder,
        {"parameters": trained},
        schedule.model_dump(mode="json") | identity,
        title,
        world=World(0, 1, device()),
        tensorboard=tensorboard,
    )


def next_tokens(sentences: Sentences, schedule: Schedule) -> Callable[[int], Inputs]:
    """The sentences of each step, each with the token that comes next."""

    def inputs(step: int) -> Inputs:
        numbers = range(schedule.batch)
        tokens = sentences.batch((schedule.seed, step), numbers, ahead=1)
        return (torch.from_numpy(tokens).to(device()),)

    return inputs
