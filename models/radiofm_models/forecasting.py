"""Forecasts judged: by the resource grid, beside answers that no network gave.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), section IV-A and Fig. 6.

The paper's figure is the share of occupied blocks that are called occupied. Who calls all of them
occupied has 1: so the share of called blocks that are occupied stands beside it, and their
harmonic mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image
from radiofm_models.metrics import block_pixels, forecast_counts
from radiofm_models.sentences import image_of

Block = tuple[float, float]  # ms, MHz
BLOCKS: tuple[Block, ...] = ((0.5, 1.0), (1.0, 1.0), (1.0, 5.0), (2.0, 5.0))  # the paper's


@dataclass(frozen=True)
class Future:
    """What was seen [n, H, T * W], and what came [n, H, A * W], in tokens of one duration."""

    context: Image
    future: Image
    columns: int  # W
    token_s: float  # duration of a token
    sample_rate_hz: npt.NDArray[np.float64]  # [n]

    @property
    def ahead(self) -> int:
        return int(self.future.shape[2]) // self.columns


def future_of(
    tokens: Image, seen: int, seconds: float, sample_rate_hz: npt.NDArray[np.float64]
) -> Future:
    """Of sentences [n, T + A, 1, H, W] that last `seconds`, of which `seen` (T) tokens are seen."""
    image, columns = image_of(tokens), tokens.shape[4]
    return Future(
        image[:, :, : seen * columns], image[:, :, seen * columns :], columns,
        seconds / tokens.shape[1], sample_rate_hz,
    )  # fmt: skip


def trivial(test: Future, mean: npt.NDArray[np.float32]) -> dict[str, Image]:
    """Forecasts [n, H, A * W] that need no network; `mean` [H] is over what was trained on.

    `persistence` goes on with the last token, `row mean` with each frequency's mean over all that
    was seen.
    """
    shape = test.future.shape
    rows = test.context.mean(axis=2, keepdims=True)
    return {
        "persistence": np.tile(test.context[:, :, -test.columns :], (1, 1, test.ahead)),
        "row mean": np.broadcast_to(rows, shape),
        "training mean": np.broadcast_to(mean[None, :, None], shape),
    }


def counts(test: Future, predicted: Image, block: Block) -> npt.NDArray[np.int64]:
    """Blocks of `block` (ms, MHz) [A, 2, 2] by horizon: row truth, column forecast.

    A block has as many pixels as the sample rate makes of it, at least one.
    """
    total = np.zeros((test.ahead, 2, 2), np.int64)
    height, pixel_s = test.future.shape[1], test.token_s / test.columns
    for rate in np.unique(test.sample_rate_hz):
        here = test.sample_rate_hz == rate
        pixels = block_pixels(block[0] * 1e-3, block[1] * 1e6, pixel_s, rate / height)
        total += forecast_counts(test.future[here], predicted[here], pixels, test.columns)
    return total


def rates(table: npt.NDArray[np.int64]) -> dict[str, float]:
    """Of counts [2, 2]: the paper's `recall`, `precision`, and `f1`; NaN where there is none."""
    hits = float(table[1, 1])
    occupied, called = float(table[1].sum()), float(table[:, 1].sum())
    return {
        "recall": hits / occupied if occupied else np.nan,
        "precision": hits / called if called else np.nan,
        "f1": 2 * hits / (occupied + called) if occupied + called else np.nan,
    }


def judge(
    test: Future, forecasts: Mapping[str, Image], blocks: Sequence[Block]
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """By name of the forecast: `mse` [A] by horizon, in standardised units; `recall`, `precision`
    and `f1` [blocks, A + 1] by horizon, the last over all of them."""
    figures = {}
    for name, predicted in forecasts.items():
        square = np.square(predicted - test.future, dtype=np.float64).mean(axis=(0, 1))  # [A W]
        by_block = []
        for block in blocks:
            table = counts(test, predicted, block)
            by_block.append([rates(one) for one in [*table, table.sum(axis=0)]])
        figures[name] = {
            "mse": square.reshape(test.ahead, -1).mean(axis=1),
            **{
                key: np.array([[one[key] for one in row] for row in by_block])
                for key in ("recall", "precision", "f1")
            },
        }
    return figures


def blocks_within(bandwidth_hz: float, horizon_s: float) -> list[Block]:
    """The paper's blocks, none of more than half the band or half of what is foretold: delta tells
    blocks apart that lie beside each other."""
    longest, widest = horizon_s * 1e3 / 2, bandwidth_hz / 2e6
    return list(dict.fromkeys((min(ms, longest), min(mhz, widest)) for ms, mhz in BLOCKS))


def figures(
    test: Future, forecasts: Mapping[str, Image], blocks: Sequence[Block]
) -> dict[str, dict[str, Any]]:
    """`judge` as plain values, by name of the forecast.

    `mse` is over all horizons, `f1` the mean F1 over blocks; `ahead` has the error by horizon, and
    each of `blocks` its rates by horizon and, last, over all of them. The score is that of the
    error: F1 is 0 for all forecasts too cautious to reach delta, however near they are.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, judged in judge(test, forecasts, blocks).items():
        mse = float(judged["mse"].mean())
        found[name] = {
            "mse": mse,
            "f1": float(np.nan_to_num(judged["f1"][:, -1]).mean()),
            "ahead": judged["mse"].tolist(),
            "blocks": [
                {"ms": ms, "mhz": mhz}
                | {key: _plain(judged[key][row]) for key in ("recall", "precision", "f1")}
                for row, (ms, mhz) in enumerate(blocks)
            ],
            "score": -mse,
        }
    return found


def _plain(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
