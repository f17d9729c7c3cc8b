"""What pretraining looks at as it goes: validation slices with patches removed, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from radiofm.spectrogram import Image
from radiofm_models.material import Material
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.reconstruction import Removed, reconstruct, reconstruction_metrics

SLICES = 256  # of each set, evenly spread
DRAWN = 3


class HeldOut:
    """Errors on removed patches of validation slices: the model's, and the row means'.

    Pictures are written to the folder `pictures`, where there is one: one a set at each step.
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        sets: Mapping[str, Material],
        recipe: PretrainRecipe,
        pictures: Path | None,
    ) -> None:
        self._model, self._sets, self._recipe, self._pictures = model, sets, recipe, pictures

    def __call__(self, step: int) -> dict[str, float]:
        """The figures, each of its set where there are several."""
        recipe, figures = self._recipe, {}
        several = not isinstance(self._model.config.channels, int)
        for number, (name, material) in enumerate(self._sets.items()):
            validation = material.split.validation
            if not len(validation):
                continue
            rows = np.unique(np.linspace(0, len(validation) - 1, SLICES).astype(int))
            images = material.images(validation[rows])
            decoded, removed = reconstruct(
                self._model, images, recipe.mask_ratio, recipe.seed, recipe.geometry,
                material.modality if several else None,
            )  # fmt: skip
            metrics = reconstruction_metrics(images, decoded, removed)
            prefix = f"{name}: " if len(self._sets) > 1 else ""
            figures[f"{prefix}masked_mse"] = metrics["model"]["masked_mse"]
            figures[f"{prefix}row_mean_mse"] = metrics["row_mean"]["masked_mse"]
            if self._pictures is not None:
                file = self._pictures / f"step-{step:07d}-set-{number}.png"
                _draw(file, f"step {step}, {name}", images, decoded, removed)
        return figures


def _draw(file: Path, caption: str, images: Image, decoded: Image, removed: Removed) -> None:
    from radiofm_models.report import reconstructions  # matplotlib, which not every run needs

    places = np.unique(np.linspace(0, len(images) - 1, DRAWN).astype(int))
    names = [f"slice {place}" for place in places]
    figure = reconstructions(caption, images[places, 0], removed[places], decoded[places, 0], names)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(figure.png)
