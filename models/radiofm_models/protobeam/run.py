"""`run`: ProtoBeam's table from nothing, or from the data set's files, beside the paper's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.errors import RadiofmError, UsageError
from radiofm_models.protobeam.angles import AngleRuns
from radiofm_models.protobeam.beams import TABLE_I, BeamRuns
from radiofm_models.protobeam.blocks import Material, deepbeam, simulated_angles, simulated_beams
from radiofm_models.protobeam.recipe import DeepBeamFiles, ProtoBeamRecipe, Scale, load_recipe
from radiofm_models.world import device

Rows = dict[str, dict[str, float]]  # set-up: figures

SEED = 0  # of the simulated sets, and of what is kept for tests: the same for all runs

# Accuracies of Table I; DeepBeam's as ProtoBeam quotes them; ProtoAoA's errors in degrees.
PAPER: dict[str, dict[str, float]] = {
    name: dict(
        zip(("TTSA 2-shot", "TTSA 32-shot", "TOTA 2-shot", "TOTA 32-shot"), row, strict=True)
    )
    for name, row in zip(
        TABLE_I,
        (
            (0.612, 0.734, 0.3867, 0.428),
            (0.773, 0.833, 0.458, 0.568),
            (0.7969, 0.8368, 0.499, 0.604),
            (0.819, 0.845, 0.5526, 0.642),
        ),
        strict=True,
    )
} | {
    "DeepBeam's CNN, as it is": {"TTSA 0-shot": 0.8591, "TOTA 0-shot": 0.1535},
    "trained on few angles": {"all 4-shot": 3.0, "all 32-shot": 2.0},
}


def run(
    recipe: str | ProtoBeamRecipe,
    scale: Scale,
    data: Path | None,
    out: Path,
    encoder: Path | None = None,
) -> dict[str, Any]:
    """Train and test all set-ups of the recipe, going on from what `out` holds.

    `data` is the folder of DeepBeam's files, or a set of `radiofm simulate beams`, as the recipe
    asks for; a simulated set is made where there is none. `encoder` is the folder of a pretraining
    run; without one the shared encoder starts from new weights. Returns plain values: each table's
    rows with mean and std over seeds (n - 1; 0 for one seed) and the paper's figure where it has
    one.
    """
    made = load_recipe(recipe, scale) if isinstance(recipe, str) else recipe
    beams = beam_material(made, data, out)
    angles = angle_material(made, out)
    few: list[Rows] = []
    arrivals: list[Rows] = []
    for seed in made.seeds:
        folder = out / f"seed-{seed}"
        few.append(beam_rows(made, beams, seed, folder, encoder))
        arrivals.append(angle_rows(made, angles, seed, folder))
    return {
        "name": made.name,
        "scale": scale,
        "recipe": made.model_dump(mode="json"),
        "blocks": {"beams": beams.describe(), "angles": angles.describe()},
        "encoder": "new weights" if encoder is None else str(encoder),
        "tables": [
            {"title": "Beam prediction: accuracy", "rows": joined(few)},
            {"title": "Angle of arrival: mean absolute error, degrees", "rows": joined(arrivals)},
        ],
    }


def beam_rows(
    recipe: ProtoBeamRecipe, material: Material, seed: int, folder: Path, encoder: Path | None
) -> Rows:
    """All rows of the beams' table, of one seed."""
    runs = BeamRuns(recipe.beams, material, seed, folder, device())
    rows: Rows = {name: runs.protobeam(name) for name in TABLE_I}
    rows["DeepBeam's CNN, as it is"], rows["DeepBeam's CNN, its features"] = runs.deepbeam()
    rows["supervised, as it is"], rows["supervised, its features"] = runs.supervised()
    rows["untrained network"] = runs.untrained()
    pixels, frozen, tuned = runs.encoder(recipe.encoder, encoder)
    rows["shared encoder, trained by episodes"] = tuned
    rows["shared encoder, frozen"] = frozen
    rows["spectrogram pixels"] = pixels
    rows["samples"] = runs.samples()
    rows["most frequent beam"] = runs.most_frequent()
    return rows


def angle_rows(recipe: ProtoBeamRecipe, material: Material, seed: int, folder: Path) -> Rows:
    """All rows of the angles' table, of one seed."""
    runs = AngleRuns(recipe.angles, material, seed, folder, device())
    return {
        "trained on few angles": runs.trained(),
        "untrained network": runs.untrained(),
        "covariance of the channels": runs.covariance(),
        "middle angle": runs.middle(),
    }


def joined(seeds: Sequence[Rows]) -> list[dict[str, Any]]:
    """Rows of {"setup", "figures": {name: {"mean", "std" over seeds, "folds_std", "paper"}}}."""
    rows = []
    for setup, first in seeds[0].items():
        figures: dict[str, dict[str, float | None]] = {}
        for name in first:
            if name.endswith(" std"):
                continue
            values = [rows[setup][name] for rows in seeds]
            figures[name] = {
                "mean": float(np.mean(values)),
                "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
                "folds_std": (
                    float(np.mean([rows[setup][f"{name} std"] for rows in seeds]))
                    if f"{name} std" in first
                    else None
                ),
                "paper": PAPER.get(setup, {}).get(name),
            }
        rows.append({"setup": setup, "figures": figures})
    return rows


def beam_material(recipe: ProtoBeamRecipe, data: Path | None, out: Path) -> Material:
    """The blocks of beams that the recipe asks for."""
    source, samples = recipe.beams.data, recipe.beams.samples
    if isinstance(source, DeepBeamFiles):
        if data is None:
            raise UsageError(
                f"--scale paper needs --data beams=FOLDER of DeepBeam's files "
                f"({source.pattern.format('N')})"
            )
        return deepbeam(
            data, source.pattern, source.trained, source.other, source.every, samples, SEED
        )
    folder = data or simulated(out / "beams", ["beams"], source.count)
    return simulated_beams(folder, source.trained, samples, SEED)


def angle_material(recipe: ProtoBeamRecipe, out: Path) -> Material:
    """The blocks of angles, simulated."""
    part = recipe.angles
    folder = simulated(out / "angles", ["aoa", "--preset", "fine"], part.count)
    return simulated_angles(folder, part.skip, part.held_out, part.samples, SEED)


def simulated(folder: Path, what: list[str], count: int) -> Path:
    """`folder`, with a set made by the simulator's command line unless it is there."""
    if not (folder / "set.json").exists():
        arguments = ["simulate", *what, "--out", str(folder), "--count", str(count),
                     "--seed", str(SEED), "--json"]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "radiofm", *arguments], check=False, stdout=subprocess.DEVNULL
        )
        if done.returncode:
            raise RadiofmError(f"radiofm {' '.join(arguments)}: exit {done.returncode}")
    return folder
