"""Reconstruction and forecast seen through the resource grid: is a block rightly called occupied?

A spectrogram becomes blocks by their mean; a block above delta = mu + 0.5 sigma is occupied
(ViT-MSM, section IV-A, equation 4; ConvLSTM-MSM, section IV-A, equation 4). As in the authors' code
mu and sigma are those of the pooled original, one pair a spectrogram, "above" is strict, and the
same delta is laid on the reconstruction.

Most of that is easy: what is visible is right by itself and most blocks are empty. So the same
figures are given for the removed blocks alone, with the recall of the occupied ones, and
`visible_mean` and `row_mean` are guesses to stand beside a model's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm_models.metrics.classification import Counts, confusion

Images = npt.NDArray[np.floating]  # [n, frequency, time]
Cells = npt.NDArray[np.bool_]

KERNEL = 4  # pixels, of the ViT-MSM paper's Fig. 5; its code takes 3


def pool(images: Images, block: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Means of blocks of (rows, columns) without overlap: [n, H // rows, W // columns]."""
    rows, columns = block
    n, height, width = images.shape
    if not 1 <= rows <= height or not 1 <= columns <= width:
        raise UsageError(f"a block of {rows} x {columns} pixels does not fit {height} x {width}")
    whole = images[:, : height // rows * rows, : width // columns * columns]
    parts = whole.reshape(n, height // rows, rows, width // columns, columns)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float64))


def threshold(pooled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """delta of each pooled spectrogram, [n, 1, 1]; sigma with n - 1, as torch computes it."""
    spread = pooled.std(axis=(1, 2), keepdims=True, ddof=1)
    return np.asarray(pooled.mean(axis=(1, 2), keepdims=True) + 0.5 * spread)


def grid_accuracy(
    original: Images, predicted: Images, removed: Cells, kernel: int = KERNEL
) -> dict[str, float | None]:
    """Of the reconstruction: what was visible of `original`, what was removed from `predicted`.

    All [n, H, W]; `removed` is True for pixels that the model did not see. `accuracy` is over all
    blocks (Fig. 6); `masked_accuracy` over blocks removed whole; `occupied_recall` over those of
    them that are occupied; `occupied` is their share. None where there is no such block.
    """
    block = (kernel, kernel)
    grid = pool(original, block)
    delta = threshold(grid)
    again = pool(np.where(removed, predicted, original), block) > delta
    occupied = grid > delta
    masked = pool(removed.astype(np.float32), block) == 1
    right = again == occupied
    return {
        "accuracy": _mean(right),
        "masked_accuracy": _mean(right[masked]),
        "occupied_recall": _mean(again[masked & occupied]),
        "occupied": _mean(occupied[masked]),
    }


def visible_mean(images: Images, removed: Cells) -> Images:
    """The guess that every removed pixel is the mean of its spectrogram's visible ones."""
    mean = np.mean(images, axis=(1, 2), where=~removed, keepdims=True)
    return np.where(removed, mean, images)


def row_mean(images: Images, removed: Cells) -> Images:
    """The same, by the mean of its frequency row, where that has a visible pixel."""
    seen = (~removed).sum(axis=2, keepdims=True)
    total = np.sum(images, axis=2, where=~removed, keepdims=True)
    rows = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    overall = np.mean(images, axis=(1, 2), where=~removed, keepdims=True)
    return np.where(removed, np.where(np.isnan(rows), overall, rows), images)


def block_pixels(
    duration_s: float, bandwidth_hz: float, pixel_s: float, pixel_hz: float
) -> tuple[int, int]:
    """A block of time and bandwidth in pixels (rows, columns), at least one each."""
    return max(1, round(bandwidth_hz / pixel_hz)), max(1, round(duration_s / pixel_s))


def forecast_recall(
    future: Images, predicted: Images, blocks: list[tuple[int, int]], token: int = 16
) -> list[dict[str, object]]:
    """Probability of correct occupied predictions, by size of block and horizon.

    `future` and `predicted` [n, H, tokens * token] are the next tokens, in the order of time; a
    block is (rows, columns) in pixels. delta is of the whole true future, pooled. Of the blocks
    that are occupied there, the share that the prediction calls occupied, token by token and over
    all: ConvLSTM-MSM, Fig. 6 (4 tokens ahead). A block wider than a token is counted where it
    begins.
    """
    tables: list[dict[str, object]] = []
    for block in blocks:
        counts = forecast_counts(future, predicted, block, token)
        by_token = [_share(table[1, 1], table[1].sum()) for table in counts]
        whole = counts.sum(axis=0)
        tables.append(
            {
                "block": list(block),
                "occupied_recall": _share(whole[1, 1], whole[1].sum()),
                "by_token": by_token,
            }
        )
    return tables


def forecast_counts(
    future: Images, predicted: Images, block: tuple[int, int], token: int = 16
) -> Counts:
    """The same as numbers of blocks [tokens, 2, 2]: row truth, column forecast; 1 is occupied.

    Those of parts of a data set, whose blocks differ in pixels, add up.
    """
    grid = pool(future, block)
    delta = threshold(grid)
    occupied, called = grid > delta, pool(predicted, block) > delta
    horizon = np.arange(grid.shape[2]) * block[1] // token
    return np.stack(
        [
            confusion(
                occupied[:, :, horizon == h].reshape(-1).astype(np.int64),
                called[:, :, horizon == h].reshape(-1).astype(np.int64), 2,
            )
            for h in range(future.shape[2] // token)
        ]
    )  # fmt: skip


def _share(part: int, of: int) -> float | None:
    return float(part / of) if of else None


def _mean(values: Cells) -> float | None:
    return float(values.mean()) if values.size else None
