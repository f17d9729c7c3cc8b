"""The spectrogram by numpy, with an FFT library of choice, in blocks that stay in the L2 cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram.ffts import Planner
from radiofm.spectrogram.plan import Plan, Samples
from radiofm.spectrogram.resize import Sparse, sparse
from radiofm.spectrogram.spec import Image

BLOCK_FRAMES = 64  # of 16 KiB each, in and out: fewer calls weigh more than a smaller cache


class Blocks:
    """Window, FFT, power and resizing over time, a block at a time; then over frequency."""

    def __init__(self, plan: Plan, planner: Planner) -> None:
        self._plan, size = plan, plan.spec.fft_size
        self._window = np.repeat(plan.window, 2)  # for I, Q pairs
        self._scaled = (0.0, np.empty(0, np.float32))  # the window for a full scale
        self._frequency = sparse(plan.over_frequency)
        self._blocks = list(_cut(plan.over_time))
        padded, self._transform = planner(BLOCK_FRAMES, size)
        self._padded = padded.view(np.float32)[:, : 2 * plan.spec.window_size]
        self._block = np.empty((BLOCK_FRAMES, 2 * plan.spec.window_size), np.float32)
        self._power = np.empty((BLOCK_FRAMES, size), np.float32)
        self._sum = np.empty((plan.spec.width, size if plan.spec.log_first else 2 * size), "f4")
        self._pooled = np.empty((size, plan.spec.width), np.float32)

    def __call__(self, iq: Samples, full_scale: float) -> Image:
        plan, total = self._plan, self._sum
        spec, window = plan.spec, self._window_for(full_scale)
        frames = np.lib.stride_tricks.sliding_window_view(iq.reshape(-1), 2 * spec.window_size)
        frames = frames[:: 2 * spec.hop]
        total[:] = 0
        for start, stop, first_row, weights in self._blocks:
            count = stop - start
            block = self._block[:count]
            block[:] = frames[start:stop]  # converted first: multiply alone would go by buffers
            np.multiply(block, window, out=self._padded[:count])
            values = self._transform(count).view(np.float32)
            np.square(values, out=values)  # re^2, im^2
            if spec.log_first:
                power = np.add(values[:, 0::2], values[:, 1::2], out=self._power[:count])
                values = plan.decibels(power)
            total[first_row : first_row + weights.shape[0]] += weights @ values
        if spec.log_first:
            self._pooled[:] = total.T
            return np.asarray(self._frequency @ self._pooled)
        np.add(total[:, 0::2], total[:, 1::2], out=self._pooled.T)
        return plan.decibels(self._frequency @ self._pooled)

    def _window_for(self, full_scale: float) -> npt.NDArray[np.float32]:
        if self._scaled[0] != full_scale:
            self._scaled = full_scale, (self._window / full_scale).astype(np.float32)
        return self._scaled[1]


def _cut(weights: npt.NDArray[np.float64]) -> Iterator[tuple[int, int, int, Sparse]]:
    """Cut [rows, frames] into (start, stop, first row, weights of the rows it feeds)."""
    frames = weights.shape[1]
    for start in range(0, frames, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, frames)
        rows = np.flatnonzero(weights[:, start:stop].any(axis=1))
        part = weights[rows[0] : rows[-1] + 1, start:stop]
        yield start, stop, int(rows[0]), sparse(part)
