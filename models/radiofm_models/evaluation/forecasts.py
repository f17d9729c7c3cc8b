"""What a report says of forecasts: figures of `forecasting.figures`, by name of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiofm_models.report import Cell, Column, Part, Series, Table, curves

Figures = Mapping[str, Mapping[str, Any]]


def forecast_parts(test: Figures) -> list[Part]:
    """Tables of errors and of occupied blocks, and the paper's curves of the first answer."""
    model = next(iter(test.values()))
    ahead = len(model["ahead"])
    horizons = [f"{count} ahead" for count in range(1, ahead + 1)]
    parts: list[Part] = [
        Table(
            "Mean squared error by tokens ahead, in standardised units",
            [Column("forecast"), *(Column(name, best="min") for name in horizons)],
            [[name, *figures["ahead"]] for name, figures in test.items()],
        ),
        _recall(model, ahead),
    ]
    for number, block in enumerate(model["blocks"]):
        rows: list[list[Cell]] = []
        for name, figures in test.items():
            one = figures["blocks"][number]
            rows.append([name, *one["recall"], one["precision"][-1], one["f1"][-1]])
        titles = [*(f"recall, {name}" for name in horizons), "recall", "precision", "F1"]
        parts.append(
            Table(
                f"Occupied blocks of {block['ms']:g} ms and {block['mhz']:g} MHz",
                [Column("forecast"), *(Column(title, ".1%", "max") for title in titles)],
                rows,
                "Recall is the paper's figure. To call all occupied has a recall of 100 %.",
            )
        )
    return parts


def _recall(model: Mapping[str, Any], ahead: int) -> Part:
    """The paper's figure."""
    series = [
        Series(
            f"{block['ms']:g} ms, {block['mhz']:g} MHz",
            np.arange(1, ahead + 1),
            np.array(block["recall"][:ahead], np.float64),
        )
        for block in model["blocks"]
    ]
    return curves(
        "Probability of correct occupied predictions, by size of block.",
        series, "tokens ahead", "occupied blocks called so", percent=True,
    )  # fmt: skip
