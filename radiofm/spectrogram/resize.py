"""Resizing one axis of an image as a matrix product."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse

Kernel = Literal["area", "bilinear", "bicubic"]
Sparse = scipy.sparse.csr_array[Any]


def resize_weights(inputs: int, outputs: int, kernel: Kernel) -> npt.NDArray[np.float64]:
    """The matrix float64 [outputs, inputs] that resizes one axis; each row sums to 1.

    `area` averages the fractional box under each output. `bilinear` and `bicubic` (a = -0.5) widen
    their support by the scale when shrinking (antialiasing).
    """
    scale = inputs / outputs
    if kernel == "area":
        edges = np.arange(outputs + 1)[:, None] * scale
        position = np.arange(inputs)[None, :]
        overlap = np.minimum(edges[1:], position + 1) - np.maximum(edges[:-1], position)
        weights = np.clip(overlap, 0, None)
    else:
        stretch = max(scale, 1.0)
        center = (np.arange(outputs)[:, None] + 0.5) * scale
        distance = np.abs(np.arange(inputs)[None, :] + 0.5 - center) / stretch
        if kernel == "bilinear":
            weights = np.clip(1 - distance, 0, None)
        else:  # Keys 1981, equation 4
            a = -0.5
            near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
            far = ((distance - 5) * distance + 8) * distance * a - 4 * a
            weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def sparse(weights: npt.NDArray[np.float64]) -> Sparse:
    """The same matrix in float32, its zeros left out."""
    # Sparse products run in one thread and one order: BLAS results vary with its thread count.
    return scipy.sparse.csr_array(weights.astype(np.float32))
