"""What the runs of one seed share, of beams and of angles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

from radiofm_models.protobeam.blocks import Material
from radiofm_models.protobeam.densenet import DenseNet
from radiofm_models.protobeam.recipe import AngleRecipe, BeamRecipe

Figures = dict[str, float]
R = TypeVar("R", BeamRecipe, AngleRecipe)


@dataclass(frozen=True)
class Runs(Generic[R]):
    """The runs of one seed; each goes on from the checkpoint that it left in its folder."""

    recipe: R
    material: Material
    seed: int
    folder: Path
    device: torch.device

    def network(self) -> DenseNet:
        """ProtoBeam's, as it is drawn."""
        torch.manual_seed(self.seed)
        return DenseNet(self.recipe.network).to(self.device)
