"""The waterfall's memory: a ring of rows, one a slice, in which lost time keeps its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

CAPACITY = 1024  # rows; 16 s of 16 ms slices


class Row(IntEnum):
    """What a row holds. Where rows are pooled the highest is shown, so that no loss is hidden."""

    EMPTY = 0
    SKIPPED = 1  # by this view: neither the samples nor their labels are lost
    DATA = 2
    SEAM = 3  # a new stream, or untaken air: time is not continuous here
    LOST = 4
    LOST_ESTIMATED = 5  # the length of the loss is an estimate


@dataclass(frozen=True)
class Window:
    """The newest part of the history, newest first, a group of rows pooled by maximum."""

    values: npt.NDArray[np.float32]  # [groups, bins], NaN where there is no data
    kinds: npt.NDArray[np.uint8]  # [groups], of Row
    occupied: npt.NDArray[np.bool_]  # [groups, bins]
    labels: npt.NDArray[np.int16]  # [groups], -1 where unknown
    newest_group: int


class History:
    """A ring of `capacity` rows of `bins` frequencies, addressed by an ever growing row number."""

    def __init__(self, bins: int, capacity: int = CAPACITY) -> None:
        self.bins = bins
        self.capacity = capacity
        self.newest = -1
        self._values = np.full((capacity, bins), np.nan, np.float32)
        self._kinds = np.zeros(capacity, np.uint8)
        self._occupied = np.zeros((capacity, bins), np.bool_)
        self._labels = np.full(capacity, -1, np.int16)

    def append(
        self, kind: Row, count: int = 1, values: npt.NDArray[np.float32] | None = None
    ) -> None:
        """Add `count` rows of one kind, with `values` float32 [bins] if there are any."""
        kept = min(count, self.capacity)
        at = np.arange(self.newest + 1 + count - kept, self.newest + 1 + count) % self.capacity
        self._kinds[at] = kind
        self._values[at] = np.nan if values is None else values
        self._occupied[at] = False
        self._labels[at] = -1
        self.newest += count

    def annotate(self, row: int, label: int, occupied: npt.NDArray[np.bool_] | None) -> None:
        """Write on row `row`, if it is still here, what the heads said of it."""
        if not self.newest - self.capacity < row <= self.newest:
            return
        at = row % self.capacity
        self._labels[at] = label
        if occupied is not None:
            edges = pool_edges(len(occupied), self.bins)
            self._occupied[at] = np.logical_or.reduceat(occupied, edges)

    def window(self, groups: int, per_group: int) -> Window:
        """The newest `groups` groups of `per_group` rows. Groups keep their borders for ever."""
        per_group = min(per_group, self.capacity)
        groups = min(groups, self.capacity // per_group)
        newest_group = self.newest // per_group
        first = (newest_group - groups + 1) * per_group
        rows = np.arange(first, first + groups * per_group)
        at = rows % self.capacity
        absent = (rows < 0) | (rows > self.newest) | (rows <= self.newest - self.capacity)

        def pooled(array: npt.NDArray[Any], blank: float, pool: np.ufunc) -> npt.NDArray[Any]:
            taken = array[at]
            taken[absent] = blank
            folded = taken.reshape(groups, per_group, *array.shape[1:])
            return np.asarray(pool.reduce(folded, axis=1))[::-1]

        return Window(
            pooled(self._values, np.nan, np.fmax),
            pooled(self._kinds, Row.EMPTY, np.maximum),
            pooled(self._occupied, False, np.logical_or),
            pooled(self._labels, -1, np.maximum),
            newest_group,
        )


def pool_edges(bins: int, columns: int) -> npt.NDArray[np.intp]:
    """Where each of `columns` screen columns begins among `bins`; for `ufunc.reduceat`."""
    return np.arange(columns, dtype=np.intp) * bins // columns
