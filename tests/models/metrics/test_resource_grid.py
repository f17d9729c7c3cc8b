"""The resource grid of the papers, by hand and against torch; and the guesses beside a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from radiofm.errors import UsageError
from radiofm_models.metrics import (
    block_pixels,
    forecast_recall,
    grid_accuracy,
    row_mean,
    visible_mean,
)
from radiofm_models.metrics.resource_grid import pool, threshold

# Four blocks of 2 x 2 with means 0, 1, 2, 9: mu 3, sigma (n - 1) sqrt(50 / 3), delta 5.04.
GRID = np.kron(np.array([[0.0, 1.0], [2.0, 9.0]]), np.ones((2, 2)))[None]


def test_threshold_by_hand() -> None:
    pooled = pool(GRID, (2, 2))
    assert pooled.tolist() == [[[0, 1], [2, 9]]]
    assert threshold(pooled)[0, 0, 0] == pytest.approx(3 + 0.5 * (50 / 3) ** 0.5)


def test_accuracy_by_hand() -> None:
    """The lower blocks are removed; the model calls 2 occupied and 9 rightly too, or empty."""
    removed = np.zeros((1, 4, 4), bool)
    removed[:, 2:] = True
    good = grid_accuracy(GRID, np.full_like(GRID, 8), removed, kernel=2)
    assert good == {
        "accuracy": 0.75, "masked_accuracy": 0.5, "occupied_recall": 1.0, "occupied": 0.5,
    }  # fmt: skip
    empty = grid_accuracy(GRID, np.full_like(GRID, -8), removed, kernel=2)
    assert empty["masked_accuracy"] == 0.5 and empty["occupied_recall"] == 0
    nothing = grid_accuracy(GRID, GRID * 0, np.zeros_like(removed), kernel=2)
    assert nothing["accuracy"] == 1 and nothing["masked_accuracy"] is None


def test_a_block_exactly_at_delta_is_empty() -> None:
    """Two levels of one block each, +-1: mu 0, sigma sqrt(2); a reconstruction of delta itself."""
    image = np.array([[[-1.0, 1.0]]])
    delta = threshold(pool(image, (1, 1)))
    removed = np.array([[[False, True]]])
    at = grid_accuracy(image, np.broadcast_to(delta, image.shape), removed, kernel=1)
    above = grid_accuracy(image, np.broadcast_to(delta, image.shape) + 1e-9, removed, kernel=1)
    assert at["occupied_recall"] == 0 and above["occupied_recall"] == 1


@pytest.mark.parametrize("kernel", [3, 4])
def test_all_cells_as_torch_computes_them(kernel: int) -> None:
    """avg_pool2d, mean and std of the pooled original, one delta for both."""
    rng = np.random.default_rng(0)
    original, predicted = rng.normal(size=(2, 3, 224, 224)).astype(np.float32).cumsum(axis=3)
    removed = np.kron(rng.random((3, 14, 14)) < 0.75, np.ones((16, 16))).astype(bool)
    mixed = torch.from_numpy(np.where(removed, predicted, original))
    grid, again = (F.avg_pool2d(x, kernel) for x in (torch.from_numpy(original), mixed))
    delta = grid.mean(dim=(1, 2), keepdim=True) + 0.5 * grid.std(dim=(1, 2), keepdim=True)
    expected = ((grid > delta) == (again > delta)).double().mean().item()
    result = grid_accuracy(original, predicted, removed, kernel)
    assert result["accuracy"] == pytest.approx(expected, abs=1e-4)


def test_the_guesses() -> None:
    image = np.array([[[1.0, 3.0, 9.0], [5.0, 7.0, 9.0], [2.0, 2.0, 2.0]]])
    removed = np.array([[[False, False, True], [False, True, True], [True, True, True]]])
    assert visible_mean(image, removed)[0].tolist() == [[1, 3, 3], [5, 3, 3], [3, 3, 3]]
    assert row_mean(image, removed)[0].tolist() == [[1, 3, 2], [5, 5, 5], [3, 3, 3]]


def test_forecast_by_block_and_horizon() -> None:
    """4 tokens of 4 columns; row 0 is occupied throughout, and forecast for two tokens only."""
    future = np.zeros((1, 8, 16))
    future[:, 0] = 1
    predicted = future.copy()
    predicted[:, :, 8:] = 0
    one, wide = forecast_recall(future, predicted, [(1, 2), (2, 8)], token=4)
    assert one == {"block": [1, 2], "occupied_recall": 0.5, "by_token": [1, 1, 0, 0]}
    assert wide == {"block": [2, 8], "occupied_recall": 0.5, "by_token": [1, None, 0, None]}


def test_blocks_in_time_and_bandwidth() -> None:
    """The paper's (1 ms, 5 MHz), on 256 x 256 pixels of 20 ms and 60 MHz."""
    assert block_pixels(1e-3, 5e6, 20e-3 / 256, 60e6 / 256) == (21, 13)
    with pytest.raises(UsageError, match="a block of 300 x 1 pixels does not fit 256 x 256"):
        pool(np.zeros((1, 256, 256)), (300, 1))
