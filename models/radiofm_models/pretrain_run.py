"""`radiofm pretrain`: from the sets that a command line names to a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofm.errors import UsageError
from radiofm.spectrogram import Image
from radiofm_models.data import Indices
from radiofm_models.held_out import HeldOut
from radiofm_models.material import Material, open_material
from radiofm_models.pretrain import pretrain
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.trainer import report
from radiofm_models.world import Parallel, joined


@dataclass(frozen=True)
class TrainPart:
    """The training items of a set."""

    material: Material

    @property
    def scaling(self) -> Any:
        return self.material.scaling

    @property
    def modality(self) -> str:
        return self.material.modality

    def __len__(self) -> int:
        return len(self.material.split.train)

    def images(self, rows: Indices) -> Image:
        return self.material.images(self.material.split.train[rows])


def run(
    sources: Sequence[str],
    out: Path,
    recipe: PretrainRecipe,
    *,
    epochs: int | None = None,
    size: tuple[int, int] = (224, 224),
    centred: bool = False,
    cache: Path | None = None,
    parallel: Parallel = "ddp",
    tensorboard: bool = False,
) -> dict[str, Any] | None:
    """Pretrain on all `sources` in `out`, or go on with what is there.

    Returns what came of it; None in all processes but the first.

    With `epochs`, the recipe's steps are as many as bring the largest set that often before the
    model; the others, which take turns with it, more often. `centred`: slices lose their level, see
    `SpectrogramSpec.relative`. `cache` is where sets are kept as
    arrays, out/data unless it is given. Returns what came of it; None in all processes but the
    first.
    """
    with joined() as world:
        with world.first_alone():
            sets = _open(sources, cache or out / "data", recipe.seed, size, centred)
        if epochs is not None:
            longest = max(len(part) for part in sets.values()) // recipe.batch
            recipe = recipe.model_copy(update={"steps": max(1, epochs * longest * len(sets))})
        materials = {name: part.material for name, part in sets.items()}
        data = {
            "data": {name: part.material.dataset.fingerprint() for name, part in sets.items()},
            "size": list(size),
            **({"centred": True} if centred else {}),
        }
        model, record = pretrain(
            sets, recipe, out, world, data,
            evaluate=lambda model: HeldOut(
                model, materials, recipe, out / "pictures" if world.first else None
            ),
            parallel=parallel, tensorboard=tensorboard,
        )  # fmt: skip
        if not world.first:
            return None
    return {
        "out": str(out),
        "parameters": sum(p.numel() for p in model.encoder.parameters()),
        "sets": {name: len(part) for name, part in sets.items()},
        **report(record),
    }


def _open(
    sources: Sequence[str], cache: Path, seed: int, size: tuple[int, int], centred: bool
) -> dict[str, TrainPart]:
    """Sets of one modality are all scaled as the first of them."""
    sets: dict[str, TrainPart] = {}
    scalings: dict[str, Any] = {}
    for source in sources:
        if source in sets:
            raise UsageError(f"{source} is named twice")
        material = open_material(source, cache, seed, size, centred=centred)
        if material.modality in scalings:
            scaling = scalings[material.modality]
            material = open_material(source, cache, seed, size, scaling)
        scalings[material.modality] = material.scaling
        sets[source] = TrainPart(material)
    return sets
