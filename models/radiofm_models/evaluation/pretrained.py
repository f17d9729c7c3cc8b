"""A pretrained encoder: what it gives back of removed patches, beside two guesses."""

from __future__ import annotations

from pathlib import Path

from radiofm_models.checkpoint import TRAINER, latest_checkpoint, read_json
from radiofm_models.encoders import load_pretrained
from radiofm_models.papers.reconstruction import Found, look, shown
from radiofm_models.report import Report, Run, Section

RATIOS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)


def evaluate(folder: Path, command: str, machine: str) -> Report:
    """The report of the `radiofm pretrain` run in `folder`, on its sets' test slices."""
    found = latest_checkpoint(folder) or folder
    recipe = read_json(found / TRAINER)["recipe"]
    pretrained = load_pretrained(folder)
    results: Found = {}
    pictures = []
    for source in recipe["data"]:
        size = recipe.get("size", [224, 224])
        name = Path(source).name
        figures, picture = look(
            pretrained, source, folder / "data", recipe["seed"], (size[0], size[1]), RATIOS, name
        )
        results[name] = {ratio: [metrics] for ratio, metrics in figures.items()}
        pictures.append(picture)
    run = Run(
        command, (recipe["seed"],), "; ".join(recipe["data"]), machine, None,
        ("other seeds", "what the encoder is worth for a task: fine-tune a head and evaluate that"),
    )  # fmt: skip
    return Report(
        f"Reconstruction by {folder.name}", run,
        [Section("Test slices", [*shown(results, RATIOS), *pictures])],
    )  # fmt: skip
