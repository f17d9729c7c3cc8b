"""The spectrogram in compiled loops, without an FFT library: see `radiofm.spectrogram.kernels`.

An image's columns are dealt to the lanes in runs: lane l makes columns [l r, (l + 1) r) of its own
frames. What two lanes need is transformed twice: a frame or two at each seam.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram.kernels import (
    LANES,
    STRIDES,
    TILE,
    Tables,
    pool,
    power,
    resize_frequency,
    whole,
)
from radiofm.spectrogram.plan import Plan, Samples
from radiofm.spectrogram.resize import sparse
from radiofm.spectrogram.spec import Image


class Lanes:
    """16 frames at a time, each in its vector lane. The fft_size is 128, 1024 or 8192."""

    def __init__(self, plan: Plan) -> None:
        spec, size = plan.spec, plan.spec.fft_size
        self._plan, half = plan, size // 2
        self._tables = _tables(plan)
        self._long = spec.window_size > half  # or else the second half is the padding
        n = np.arange(half)
        padded = np.concatenate([plan.window, np.zeros(size - spec.window_size)])
        turn = np.exp(-2j * np.pi * n / size)
        self._window = np.stack([padded[:half], padded[half:], turn.real, turn.imag], axis=1)
        self._scaled = (0.0, np.empty((0, 4), np.float32))  # the window for a full scale
        self._groups: dict[str, npt.NDArray[Any]] = {}  # samples side by side, by their dtype

    def __call__(self, iq: Samples, full_scale: float) -> Image:
        plan, tables = self._plan, self._tables
        pair = np.dtype(np.int32 if iq.dtype == np.int16 else np.complex64)
        samples = iq if pair == np.int32 else np.asarray(iq, np.float32)
        pairs = np.require(samples.reshape(-1).view(pair), requirements="A")
        pairs.flags.writeable = False  # numba compiles once: for messages, as for arrays
        window = self._window_for(full_scale)
        group, numbers = self._group(pair, samples.dtype)
        image = np.empty((plan.spec.height, plan.spec.width), np.float32)
        if not plan.spec.log_first:
            whole(pairs, group, numbers, window, tables, image)
            return plan.decibels(image)
        tables.total[:] = 0
        for step in range(len(tables.steps) - 1):
            power(pairs, step, group, numbers, window, tables)
            plan.decibels(tables.values)
            pool(step, tables)
        resize_frequency(tables, image)
        return image

    def _window_for(self, full_scale: float) -> npt.NDArray[np.float32]:
        if self._scaled[0] != full_scale:
            scale = [1 / full_scale, 1 / full_scale, 1, 1]
            self._scaled = full_scale, (self._window * scale).astype(np.float32)
        return self._scaled[1]

    def _group(
        self, pair: np.dtype[Any], number: np.dtype[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Room for a group of frames [samples * LANES], and the same as [samples, 2 * LANES]."""
        length = self._plan.spec.fft_size // (1 if self._long else 2)
        group = self._groups.setdefault(pair.str, np.zeros(length * LANES, pair))
        return group, group.view(number).reshape(length, 2 * LANES)


def _tables(plan: Plan) -> Tables:
    spec, size = plan.spec, plan.spec.fft_size
    columns = -(-spec.width // LANES)  # of each lane
    padded = np.zeros((columns * LANES, plan.frames))
    padded[: spec.width] = plan.over_time
    over_time = padded.reshape(LANES, columns, plan.frames)
    used = np.any(over_time, axis=1)  # [LANES, frames]
    first = used.argmax(axis=1)
    last = plan.frames - used[:, ::-1].argmax(axis=1)
    steps = int(np.max(np.where(np.any(used, axis=1), last - first, 0)))
    first = np.minimum(first, plan.frames - steps)
    at = first[:, None] + np.arange(steps)  # [LANES, steps]
    weights = np.take_along_axis(over_time, at[:, None], axis=2).transpose(2, 1, 0)
    step, row = np.nonzero(np.any(weights, axis=2))
    bins = np.concatenate([2 * _order(size // 2), 2 * _order(size // 2) + 1])
    frequency = sparse(plan.over_frequency[:, bins])
    return Tables(
        starts=first * spec.hop,
        hop=spec.hop,
        window_size=spec.window_size,
        twiddles=np.concatenate([_twiddles(stride) for stride in STRIDES]),
        steps=np.searchsorted(step, np.arange(steps + 1)),
        rows=row,
        weights=np.tile(weights[step, row], TILE // LANES).astype(np.float32),
        bands=frequency.indptr,
        bins=frequency.indices,
        shares=frequency.data,
        even=np.empty(size * LANES, np.float32),
        odd=np.empty(size * LANES, np.float32),
        values=np.empty(size * LANES, np.float32),
        total=np.empty((columns, size * LANES), np.float32),
    )


def _twiddles(stride: int) -> npt.NDArray[np.float32]:
    """float32 [stride, 14]: exp(-2 pi i j k / 8 stride) for j = 1..7, real and imaginary."""
    angle = np.arange(stride)[:, None] * np.arange(1, 8) / (8 * stride)
    root = np.exp(-2j * np.pi * angle)
    return np.stack([root.real, root.imag], axis=2).reshape(stride, 14).astype(np.float32)


def _order(size: int) -> npt.NDArray[np.int64]:
    """The bin at each place after radix-8 passes: the place's octal digits, reversed."""
    place, bins = np.arange(size), np.zeros(size, np.int64)
    weight = size // 8
    while weight:
        bins += (place // weight % 8) * (size // 8 // weight)
        weight //= 8
    return bins
