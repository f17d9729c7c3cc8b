"""Fewer patches: which of a slice's patches the encoder is given, and whose tokens stand for the
others'.

An encoder pretrained by masked modeling takes any subset (He et al. 2021), and its cost is linear
in their number. Heads are given all tokens: in place of a removed patch stands the token of the
kept patch whose values are nearest to its own, as in token merging (Bolya et al. 2023). So what is
kept should hold something of each kind, not the strongest alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Choice = Literal["energy", "change"]
CHOICES: tuple[Choice, ...] = get_args(Choice)

Array = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of n slices of M patches, K that are kept and those that stand for all."""

    patches: Places  # [n, K], ascending
    standing: Places  # [n, M]: for each patch, the place among the kept of the one in its stead

    @property
    def share(self) -> float:
        """K / M."""
        return float(self.patches.shape[1] / self.standing.shape[1])

    def take(self, tokens: Array) -> Array:
        """The CLS token and those of the kept: [n, 1 + M, D] -> [n, 1 + K, D]."""
        return _gather(tokens, self.patches)

    def spread(self, tokens: Array) -> Array:
        """A token for each patch again: [n, 1 + K, D] -> [n, 1 + M, D]."""
        return _gather(tokens, self.standing)


def _gather(tokens: Array, places: Places) -> Array:
    places = np.pad(places + 1, ((0, 0), (1, 0)))  # CLS is 0
    if len(tokens) == 1:
        return np.asarray(tokens[0].take(places, axis=0))
    return np.asarray(np.take_along_axis(tokens, places[..., None], axis=1))


def count(share: float, patches: int) -> int:
    """How many of so many patches are a share of them: at least one."""
    return max(1, min(patches, round(share * patches)))


def patchify(slices: Array, grid: tuple[int, int]) -> Array:
    """Slices [n, C, H, W] -> the values of their patches [n, M, P], row after row of the grid."""
    n, c, h, w = slices.shape
    rows, columns = grid
    tiles = slices.reshape(n, c, rows, h // rows, columns, w // columns)
    patches: Array = tiles.transpose(0, 2, 4, 1, 3, 5).reshape(n, rows * columns, -1)
    return patches


def by_energy(patches: Array, keep: int) -> Places:
    """`keep` of patches [n, M, P], [n, K]: every so manyth in the order of their mean values.

    The strongest and the weakest are among them; one alone is the strongest.
    """
    order = np.argsort(-patches.mean(axis=2), axis=1, kind="stable")
    every = np.linspace(0, order.shape[1] - 1, keep).round().astype(np.int64)
    return np.sort(order[:, every], axis=1)


def by_change(patches: Array, before: Array, keep: int) -> Places:
    """The `keep` patches [n, K] that differ most from `before`, in the mean square."""
    change = np.square(patches - before).mean(axis=2)
    order = np.argsort(-change, axis=1, kind="stable")
    return np.sort(order[:, :keep], axis=1)


def stand_in(patches: Array, kept: Places) -> Kept:
    """The kept patches [n, K] of patches [n, M, P], and the nearest of them to each patch."""
    chosen = np.take_along_axis(patches, kept[..., None], axis=1)  # [n, K, P]
    products = patches @ chosen.transpose(0, 2, 1)  # [n, M, K]
    # |p - c|^2 without |p|^2, which is the same for all of a row
    distance = np.einsum("nkp,nkp->nk", chosen, chosen)[:, None] - 2 * products
    standing = distance.argmin(axis=2)
    own = np.broadcast_to(np.arange(kept.shape[1]), kept.shape)
    np.put_along_axis(standing, kept, own, axis=1)  # equal patches: each has its own token
    return Kept(kept, standing)


def thin(slices: Array, grid: tuple[int, int], share: float) -> Kept:
    """Of slices [n, C, H, W] a share of the patches, chosen by energy."""
    patches = patchify(slices, grid)
    return stand_in(patches, by_energy(patches, count(share, patches.shape[1])))
