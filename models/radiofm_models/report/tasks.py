"""Sections of a report about channel estimation and positioning: WavesFM, Figs. 6c and 6d."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from radiofm_models.report.curves import Series, curves, error_distribution
from radiofm_models.report.document import Section
from radiofm_models.report.figure import Figure
from radiofm_models.report.table import Cell, Column, Measured, Table

Judged = Mapping[str, Mapping[str, Any]]  # figures by the answer's name, of one seed

LEARNED = ("model", "back-off to LS")  # the others are baselines


def channel_curves(
    answers: Mapping[str, Sequence[Mapping[str, Any]]], baselines: Container[str]
) -> Figure:
    """MSE of channel estimates against SNR, of figures by the answer's name, a seed each."""
    series: list[Series] = []
    for name, seeds in answers.items():
        levels = _levels(seeds)
        errors = _by_snr(seeds, levels)
        mean, std = [one.mean for one in errors], [one.std or 0.0 for one in errors]
        band = std if len(seeds) > 1 else None
        series.append(Series(name, levels, mean, band, name in baselines))
    return curves(
        "Mean squared error of channel estimates against SNR, of real and imaginary parts: that of "
        "no channel at all is 0.5.",
        series, "SNR, dB", "mean squared error", log_y=True,
    )  # fmt: skip


def channel_table(answers: Mapping[str, Sequence[Mapping[str, Any]]], note: str = "") -> Table:
    """The same as numbers, and over all test items."""
    levels = _levels(next(iter(answers.values())))
    rows: list[list[Cell]] = []
    for name, each in answers.items():
        whole = [Measured.over([one[of] for one in each]) for of in ("mse", "nmse_db")]
        rows.append([name, *whole, *_by_snr(each, levels)])
    columns = [Column("estimator"), Column("MSE", ".4f", "min"), Column("NMSE, dB", ".2f", "min")]
    return Table(
        "Mean squared error of channel estimates, of all test items and by SNR",
        [*columns, *(Column(f"{level:g} dB", ".3g", "min") for level in levels)],
        rows,
        note,
    )


def channel_section(seeds: Sequence[Judged]) -> Section:
    """Channel errors of `finetuning.judge`, a seed each: MSE against SNR, and the table."""
    answers = {name: [judged[name] for judged in seeds] for name in seeds[0]}
    table = channel_table(answers, _back_off(seeds))
    baselines = [name for name in answers if name not in LEARNED]
    return Section("Channel estimation", [table, channel_curves(answers, baselines)])


def positioning_section(seeds: Sequence[Judged]) -> Section:
    """Position errors of `finetuning.judge`, a seed each: the table, and their distribution."""
    of = ("mean", "std", "median", "p75", "p90")
    rows: list[list[Cell]] = [
        [name, *(Measured.over([judged[name][figure] for judged in seeds]) for figure in of)]
        for name in seeds[0]
    ]
    percentiles = {
        name: np.mean([judged[name]["percentiles"] for judged in seeds], axis=0)
        for name in seeds[0]
    }
    best = [Column(f"{figure}, m", ".2f", "min") for figure in of]
    return Section(
        "Positioning",
        [
            Table("Distance between true and estimated position", [Column("by"), *best], rows),
            error_distribution("Cumulative distribution of positioning errors.", percentiles),
        ],
    )


def _levels(seeds: Sequence[Mapping[str, Any]]) -> list[float]:
    return sorted({row["snr_db"] for figures in seeds for row in figures["by_snr"]})


def _by_snr(seeds: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> list[Measured]:
    """MSE at each level, over the seeds whose test items have that SNR."""
    found = [{row["snr_db"]: row["mse"] for row in figures["by_snr"]} for figures in seeds]
    return [Measured.over([one[level] for one in found if level in one]) for level in levels]


def _back_off(seeds: Sequence[Judged]) -> str:
    thresholds = [judged["back-off to LS"]["back_off_db"] for judged in seeds]
    texts = ["never" if one is None else f"from {one:.1f} dB on" for one in thresholds]
    return f"Back-off, chosen on validation items: LS {', '.join(texts)}."
