"""ProtoBeam, Table I, and ProtoAoA: few-shot beams and angles, as a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiofm.errors import UsageError
from radiofm_models.protobeam.recipe import load_recipe
from radiofm_models.protobeam.run import run
from radiofm_models.report import Cell, Column, Measured, Scale, Section, beside_paper

NAMES = ("beams", "encoder")  # that --data may give
SOURCES = {
    "Beam prediction: accuracy": ("ProtoBeam, Table I", ".1%", "max"),
    "Angle of arrival: mean absolute error, degrees": ("ProtoAoA, abstract", ".2f", "min"),
}


def sections(
    name: str, scale: Scale, out: Path, sources: Mapping[str, str]
) -> tuple[list[Section], tuple[int, ...], str]:
    """The report's sections, the seeds, and what the data are."""
    for given in sources:
        if given not in NAMES:
            raise UsageError(f"--data {given}=...: this recipe has {', '.join(NAMES)}")
    recipe = load_recipe(name, scale)
    beams, encoder = (Path(sources[n]) if n in sources else None for n in NAMES)
    found = run(recipe, scale, beams, out / name, encoder)
    made = []
    for table in found["tables"]:
        title = table["title"]
        source, spec, best = SOURCES[title]
        figures = list(dict.fromkeys(f for row in table["rows"] for f in row["figures"]))
        columns = [Column(figure, spec, "max" if best == "max" else "min") for figure in figures]
        paper = {row["setup"]: [_paper(row, f) for f in figures] for row in table["rows"]}
        ours = {row["setup"]: [_ours(row, f) for f in figures] for row in table["rows"]}
        made.append(
            Section(title, [beside_paper(title, source, "set-up", columns, paper, ours, scale)])
        )
    blocks = ", ".join(f"{key}: {value}" for key, value in found["blocks"].items())
    return made, recipe.seeds, f"{blocks}; shared encoder: {found['encoder']}"


def _ours(row: dict[str, Any], figure: str) -> Cell:
    value = row["figures"].get(figure)
    return None if value is None else Measured(value["mean"], value["std"] or None)


def _paper(row: dict[str, Any], figure: str) -> Cell:
    value = row["figures"].get(figure)
    return None if value is None or value["paper"] is None else Measured(value["paper"])
