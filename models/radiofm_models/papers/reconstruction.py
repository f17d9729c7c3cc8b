"""ViT-MSM, Figs. 4 and 6, and WavesFM, Fig. 5: what a pretrained model gives back of a slice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from radiofm_models.encoders import Pretrained, load_pretrained
from radiofm_models.material import open_material
from radiofm_models.papers.laboratory import Laboratory
from radiofm_models.papers.plan import Plan
from radiofm_models.reconstruction import reconstruct, reconstruction_metrics
from radiofm_models.report import (
    Column,
    Measured,
    Part,
    Section,
    Series,
    Table,
    curves,
    reconstructions,
)

AT_MOST = 512  # test slices looked at
TABLED = 0.75  # mask ratio of the table
GUESSES = {"row_mean": "mean of the frequency row", "visible_mean": "mean of the slice"}
METRICS = {
    "accuracy": "all blocks", "masked_accuracy": "removed blocks",
    "occupied_recall": "occupied found, of removed", "masked_mse": "MSE of removed pixels",
}  # fmt: skip


Found = dict[str, dict[float, list[dict[str, Any]]]]  # by name, by ratio, of each seed


def sections(plan: Plan, lab: Laboratory) -> list[Section]:
    """Each row's encoder at each of `plan.ratios`, on test slices of what it was pretrained on."""
    found: Found = defaultdict(lambda: defaultdict(list))
    pictures: list[Part] = []
    rows = [row for row in plan.rows if lab.run.rows is None or row.name in lab.run.rows]
    size = (lab.run.size, lab.run.size)
    for row in rows:
        assert row.pretrain is not None
        for seed in lab.run.seeds:
            pretrained = load_pretrained(lab.pretrained(row.pretrain, seed))
            for name in row.pretrain.data:
                label = row.name if len(row.pretrain.data) == 1 else f"{row.name}: {name}"
                figures, picture = look(
                    pretrained, lab.source(name), lab.out / "cache", seed, size, plan.ratios, label
                )
                for ratio, metrics in figures.items():
                    found[label][ratio].append(metrics)
                if seed == lab.run.seeds[0] and row is rows[-1]:
                    pictures.append(picture)
    parts: list[Part] = [plan.about] if plan.about else []
    return [Section(plan.title, [*parts, *shown(found, plan.ratios), *pictures])]


def look(
    pretrained: Pretrained,
    source: str,
    cache: Path,
    seed: int,
    size: tuple[int, int],
    ratios: tuple[float, ...],
    title: str,
) -> tuple[dict[float, dict[str, Any]], Part]:
    """`reconstruction_metrics` of test slices of `source` at each ratio, and one of them drawn."""
    material = open_material(source, cache, seed, size)
    material = replace(material, scaling=pretrained.inputs[material.modality])
    test = material.split.test
    images = material.images(test[np.unique(np.linspace(0, len(test) - 1, AT_MOST).astype(int))])
    several = not isinstance(pretrained.model.config.channels, int)
    modality = material.modality if several else None
    figures, drawn = {}, []
    for ratio in ratios:
        decoded, removed = reconstruct(pretrained.model, images, ratio, seed, modality=modality)
        figures[ratio] = reconstruction_metrics(images, decoded, removed)
        drawn.append((images[0, 0], removed[0], decoded[0, 0]))
    original, hidden, predicted = (np.stack(part) for part in zip(*drawn, strict=True))
    names = [f"{ratio:.0%}" for ratio in ratios]
    caption = f"{title}: a test slice with more and more removed"
    return figures, reconstructions(caption, original, hidden, predicted, names, "standardised")


def shown(found: Found, ratios: tuple[float, ...]) -> list[Part]:
    """A table at the ratio nearest to 75 %, and curves over all of them."""
    return [_table(found, ratios), *_curves(found, ratios)]


def _over(runs: list[dict[str, Any]], who: str, metric: str) -> Measured | None:
    values = [run[who][metric] for run in runs if run[who][metric] is not None]
    return Measured.over(values) if values else None


def _table(found: Found, ratios: tuple[float, ...]) -> Table:
    ratio = min(ratios, key=lambda r: abs(r - TABLED))
    columns = [Column("model")]
    columns += [
        Column(title, ".3f", "min" if metric == "masked_mse" else "max")
        for metric, title in METRICS.items()
    ]
    rows = [
        [name, *(_over(runs[ratio], "model", metric) for metric in METRICS)]
        for name, runs in found.items()
    ]
    runs = next(iter(found.values()))[ratio]
    rows += [
        [title, *(_over(runs, guess, metric) for metric in METRICS)]
        for guess, title in GUESSES.items()
    ]
    note = (
        "Accuracy of resource blocks (4 x 4 pixels, occupied above mu + 0.5 sigma). Visible blocks "
        "are right by themselves: look at the removed ones, beside the guesses."
    )
    return Table(f"With {ratio:.0%} removed", columns, rows, note)


def _curves(found: Found, ratios: tuple[float, ...]) -> list[Part]:
    figures: list[Part] = []
    for metric in ("accuracy", "masked_accuracy"):
        series = []
        for name, runs in found.items():
            over = [_over(runs[ratio], "model", metric) for ratio in ratios]
            series.append(_series(name, ratios, over, False))
        some = next(iter(found.values()))
        for guess, title in GUESSES.items():
            over = [_over(some[ratio], guess, metric) for ratio in ratios]
            series.append(_series(title, ratios, over, True))
        figures.append(
            curves(
                f"Accuracy of {METRICS[metric]} against the share removed",
                series, "share removed", "accuracy", percent=True,
            )
        )  # fmt: skip
    return figures


def _series(
    name: str, ratios: tuple[float, ...], over: list[Measured | None], baseline: bool
) -> Series:
    mean = [np.nan if m is None else m.mean for m in over]
    std = [np.nan if m is None or m.std is None else m.std for m in over]
    return Series(name, ratios, mean, std, baseline)
