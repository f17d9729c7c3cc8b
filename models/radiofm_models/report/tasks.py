"""Sections of a report about channel estimation and positioning: WavesFM, Figs. 6c and 6d."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiofm_models.report.curves import Series, curves, error_distribution
from radiofm_models.report.document import Section
from radiofm_models.report.table import Cell, Column, Measured, Table

Judged = Mapping[str, Mapping[str, Any]]  # figures by the answer's name, of one seed

LEARNED = ("model", "back-off to LS")  # the others are baselines


def channel_section(seeds: Sequence[Judged]) -> Section:
    """Channel errors of `finetuning.judge`, a seed each: MSE against SNR, and the table."""
    levels = sorted({row["snr_db"] for judged in seeds for row in judged["model"]["by_snr"]})
    series: list[Series] = []
    rows: list[list[Cell]] = []
    for name in seeds[0]:
        errors = np.array([_by_snr(judged[name], levels) for judged in seeds])
        std = errors.std(axis=0, ddof=1) if len(seeds) > 1 else None
        series.append(Series(name, levels, errors.mean(axis=0), std, name not in LEARNED))
        whole = [Measured.over([judged[name][of] for judged in seeds]) for of in ("mse", "nmse_db")]
        rows.append([name, *whole, *(Measured.over(column) for column in errors.T)])
    titles = [f"{level:g} dB" for level in levels]
    columns = [Column("estimator"), Column("MSE", ".4f", "min"), Column("NMSE, dB", ".2f", "min")]
    return Section(
        "Channel estimation",
        [
            Table(
                "Mean squared error of channel estimates, of all test items and by SNR",
                [*columns, *(Column(title, ".3g", "min") for title in titles)],
                rows,
                _back_off(seeds),
            ),
            curves(
                "Mean squared error of channel estimates against SNR, of real and imaginary parts: "
                "that of no channel at all is 0.5.",
                series, "SNR, dB", "mean squared error", log_y=True,
            ),
        ],
    )  # fmt: skip


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


def _by_snr(figures: Mapping[str, Any], levels: Sequence[float]) -> list[float]:
    found = {row["snr_db"]: row["mse"] for row in figures["by_snr"]}
    return [found.get(level, np.nan) for level in levels]


def _back_off(seeds: Sequence[Judged]) -> str:
    thresholds = [judged["back-off to LS"]["back_off_db"] for judged in seeds]
    texts = ["never" if one is None else f"from {one:.1f} dB on" for one in thresholds]
    return f"Back-off, chosen on validation items: LS {', '.join(texts)}."
