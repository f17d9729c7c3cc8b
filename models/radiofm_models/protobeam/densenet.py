"""ProtoBeam's embedding: a DenseNet over a block of IQ, seen as an image of two columns.

Huang et al. 2017 (batch norm, ReLU, convolution; bottlenecks; transitions that halve), with the
sizes of the ProtoBeam authors: 326,944 parameters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn


class DenseNetConfig(BaseModel):
    """Sizes of the network; the defaults are ProtoBeam's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    growth: int = 32  # channels that a layer adds
    blocks: tuple[int, ...] = (5, 5, 5)  # layers of each
    bottleneck: int = 1  # channels of a layer's 1 x 1 convolution, in growths
    first: int = 64  # channels of the first convolution
    kernel: tuple[int, int] = (2, 2)  # of the first convolution: samples, columns
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (3, 3)
    dim: int = 128  # of the embedding


class Layer(nn.Module):
    """C channels -> C + growth: what comes in is kept, what the layer makes of it is added."""

    def __init__(self, channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        between = bottleneck * growth
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, between, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(between)
        self.conv2 = nn.Conv2d(between, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(new)))], dim=1)


class Transition(nn.Sequential):
    """Half the channels, half the length, half the width."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels // 2, 1, bias=False),
            nn.AvgPool2d(2),
        )


class DenseNet(nn.Module):
    """Blocks float32 [B, rows, samples], rows I and Q of each channel -> embeddings [B, dim]."""

    def __init__(self, config: DenseNetConfig) -> None:
        super().__init__()
        channels = config.first
        self.first = nn.Conv2d(
            1, channels, config.kernel, config.stride, config.padding, bias=False
        )
        layers: list[nn.Module] = [
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
        for number, count in enumerate(config.blocks):
            if number:
                layers.append(Transition(channels))
                channels //= 2
            for _ in range(count):
                layers.append(Layer(channels, config.growth, config.bottleneck))
                channels += config.growth
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU())
        self.out = nn.Linear(channels, config.dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, blocks: Tensor) -> Tensor:
        image = blocks.transpose(1, 2)[:, None]  # [B, 1, samples, rows]: two columns, I and Q
        x = self.first(image).contiguous(memory_format=torch.channels_last)  # 1.6 times as fast
        return self.out(self.features(x).mean(dim=(2, 3)))  # type: ignore[no-any-return]
