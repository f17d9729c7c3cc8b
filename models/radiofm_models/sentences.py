"""Radio sentences: what the ConvLSTM reads, made of successive spectrograms of 2 ms,
in decibels: resizing comes after the logarithm.

    sentences = Sentences(material, material.split.train)       # of a corpus of 2 ms slices
    tokens = sentences.batch((seed, step), range(8))            # float32 [8, 16, 1, 256, 16]

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), section III-A and Table I. Slices
come at 256 x 64 (the preset `convlstm`) and are resized once more as they are joined: the paper
resizes once, which differs by what little the 64 columns of 2 ms blur.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy.sparse
from pydantic import BaseModel, ConfigDict, Field

from radiofm.errors import UsageError
from radiofm.spectrogram import PRESETS, Image, Sparse, resize_weights
from radiofm_models.data import Indices
from radiofm_models.datasets.slices import CorpusSlices
from radiofm_models.material import Material

SLICE_S = PRESETS["convlstm"].duration_s
SHORTEST, LONGEST = 5, 10  # slices: 10 and 20 ms


class SentenceShape(BaseModel):
    """Table I: 16 tokens of 256 x 16."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[int, Field(gt=1)] = 16
    rows: Annotated[int, Field(gt=0)] = 256  # frequency
    columns: Annotated[int, Field(gt=0)] = 16  # time, of a token

    @property
    def image(self) -> tuple[int, int]:
        """Rows and columns of a whole sentence."""
        return self.rows, self.tokens * self.columns


def sentence(slices: Image, size: tuple[int, int] = SentenceShape().image) -> Image:
    """Successive log spectrograms [n, F, t] -> a sentence's image float32 `size`."""
    joined = np.concatenate(list(slices), axis=1)  # [F, n t]
    shorter = _resize(joined.shape[1], size[1]) @ joined.T  # [time, F]
    return np.ascontiguousarray(_resize(joined.shape[0], size[0]) @ shorter.T, np.float32)


@lru_cache(64)
def _resize(inputs: int, outputs: int) -> Sparse:
    # Sparse, as in radiofm/spectrogram: one thread and one order, whatever BLAS does.
    return scipy.sparse.csr_array(resize_weights(inputs, outputs, "area").astype(np.float32))


def tokens_of(images: Image, columns: int) -> Image:
    """Images [..., F, T * W] -> tokens [..., T, 1, F, W] of W `columns`, in the order of time."""
    *before, rows, width = images.shape
    parts = images.reshape(*before, rows, width // columns, columns)
    return np.ascontiguousarray(np.moveaxis(parts, -2, -3)[..., None, :, :])


def image_of(tokens: Image) -> Image:
    """The inverse of `tokens_of`: [n, T, 1, F, W] -> [n, F, T * W]."""
    return np.concatenate(list(np.moveaxis(tokens[:, :, 0], 1, 0)), axis=2)


class Sentences:
    """Sentences from the slices `rows` of a corpus, standardised; none goes over a gap."""

    def __init__(self, material: Material, rows: Indices, shape: SentenceShape) -> None:
        dataset = material.dataset
        spec = dataset.spec
        if not isinstance(dataset, CorpusSlices) or not spec or spec.duration_s != SLICE_S:
            raise UsageError(
                f"{material.source}: sentences are made of slices of 2 ms: name a corpus that "
                "`radiofm corpus build --spec convlstm` made"
            )
        self.material, self.shape = material, shape
        self._left = _left(dataset.follows, rows)
        if self._left.max(initial=0) < SHORTEST:
            raise UsageError(
                f"{material.source}: no recording has {SHORTEST} slices of 2 ms in a row, which a "
                "sentence needs: record for 20 ms or more at a time"
            )

    def __len__(self) -> int:
        """Sentences that do not overlap, at their longest."""
        return max(1, int((self._left > 0).sum()) // LONGEST)

    def slices(self, ahead: int) -> tuple[int, int]:
        """The fewest and the most slices of a sentence and `ahead` tokens more."""
        part = (self.shape.tokens + ahead) / self.shape.tokens
        return math.ceil(SHORTEST * part), math.floor(LONGEST * part)

    def at(self, row: int, count: int, ahead: int = 0) -> Image:
        """The `count` slices from `row` on as tokens float32 [T + ahead, 1, H, W]."""
        rows, columns = self.shape.rows, self.shape.columns
        slices = np.asarray(self.material.values[row : row + count, 0])
        image = sentence(slices, (rows, (self.shape.tokens + ahead) * columns))
        scaling = self.material.scaling
        return tokens_of(scaling.standardise(image[None])[0], columns)

    def draw(self, rng: np.random.Generator, ahead: int = 0) -> Image:
        """One of 10 to 20 ms, and `ahead` tokens more, from anywhere: [T + ahead, 1, H, W]."""
        fewest, most = self.slices(ahead)
        most = min(most, int(self._left.max()))
        if most < fewest:
            raise UsageError(
                f"{self.material.source}: no recording has {fewest} slices of 2 ms in a row, "
                f"which a sentence and {ahead} tokens more need"
            )
        count = int(rng.integers(fewest, most + 1))
        return self.at(int(rng.choice(np.flatnonzero(self._left >= count))), count, ahead)

    def batch(self, key: Sequence[int], numbers: range, ahead: int = 0) -> Image:
        """[numbers, T + ahead, 1, H, W]; sentence s depends on (`key`, s) alone."""
        return np.stack([self.draw(np.random.default_rng((*key, s)), ahead) for s in numbers])

    def spread(self, most: int, count: int, ahead: int = 0) -> tuple[Image, npt.NDArray[np.int64]]:
        """Up to `most` sentences of `count` slices, evenly spread, and the rows they begin at."""
        starts = np.flatnonzero(self._left >= count)
        if len(starts) == 0:
            raise UsageError(f"{self.material.source}: no {count} slices of 2 ms in a row")
        places = np.unique(np.linspace(0, len(starts) - 1, most).astype(np.int64))
        rows = starts[places].astype(np.int64)
        return np.stack([self.at(int(row), count, ahead) for row in rows]), rows


def _left(follows: npt.NDArray[np.bool_], rows: Indices) -> Indices:
    """How many slices from each on, itself counted, are in a row and of `rows`; 0: not of them."""
    wanted = np.zeros(len(follows), bool)
    wanted[rows] = True
    left = np.zeros(len(follows) + 1, np.int64)
    for row in range(len(follows) - 1, -1, -1):
        goes_on = row + 1 < len(follows) and follows[row + 1]
        left[row] = (1 + (left[row + 1] if goes_on else 0)) if wanted[row] else 0
    return left[:-1]
