"""A task: what a head looks like, what it is trained to, and how it is judged."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radiofm.errors import UsageError
from radiofm.spectrogram import Image
from radiofm.wire import Task as WireTask
from radiofm_models.data import Indices
from radiofm_models.material import Material
from radiofm_models.probes import Head
from radiofm_models.recipe import TuneRecipe
from radiofm_models.vit import ViTConfig

Outputs = npt.NDArray[np.float32]  # [n, ...], of a head
Figures = dict[str, Any]


class Task(ABC):
    """One task on one material. Rows are row numbers of the material."""

    name: ClassVar[str]
    wire: ClassVar[WireTask]  # how its head is served
    combinations: ClassVar[tuple[str, ...]] = ()  # the names of what `combined` gives
    ahead: int = 0  # rows from what is seen to what the truth is of

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        self.material, self.recipe = material, recipe

    def on(self, material: Material) -> Self:
        """The same task, as trained and calibrated, on other material."""
        other = copy.copy(self)
        other.material = material
        return other

    @property
    def labels(self) -> tuple[str, ...]:
        return self.material.dataset.labels

    @abstractmethod
    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        """An untrained head: tokens [B, 1 + M, D] -> what `loss` takes."""

    @abstractmethod
    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        """Of a head's output for `rows`; a scalar."""

    @abstractmethod
    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        """Of outputs for `rows`. `score` is the figure to choose by: the higher the better."""

    @abstractmethod
    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """Answers for `rows` that no network gave, each by its name: what must be beaten."""

    def combined(
        self, outputs_of: Callable[[Indices], Outputs], rows: Indices
    ) -> dict[str, Figures]:
        """Figures for `rows` of answers that take the head's outputs in part, each by its name.

        What there is to choose is chosen by the outputs for validation items.
        """
        return {}

    def calibrate(self, outputs: Outputs, rows: Indices) -> None:  # noqa: B027
        """Choose what is chosen by the trained head's outputs for validation items `rows`."""

    def served(self, outputs: Outputs, rows: Indices) -> Figures:
        """What the served head's record says beside its labels, from held-out outputs."""
        return {}

    def targets(self, rows: Indices) -> npt.NDArray[Any]:
        """The labels of `rows`."""
        if self.material.targets is None:
            raise UsageError(f"{self.material.source} has no labels for the task {self.name}")
        return np.asarray(self.material.targets[rows])

    def images(self, rows: Indices) -> Image:
        return self.material.images(rows)

    def _tensor(self, values: npt.NDArray[Any], like: Tensor) -> Tensor:
        return torch.from_numpy(values).to(like.device)
