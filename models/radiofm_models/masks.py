"""Mask geometries: which patches are removed together. The ratio is `msm.sample`'s.

    keep, mask = sample(arrange(noise, grid, "time"), mask_ratio)

A geometry only reorders: `sample` keeps the K patches of smallest value, so that exactly K are kept
whatever the geometry, and all randomness is in `noise`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Geometry = Literal["random", "time", "frequency", "region"]
GEOMETRIES: tuple[Geometry, ...] = get_args(Geometry)
REGIONS = 4  # boxes of a slice that `region` removes; they may overlap


def arrange(noise: Tensor, grid: tuple[int, int], geometry: Geometry) -> Tensor:
    """Uniform noise [B, M] -> values [B, M] whose largest are the patches to remove.

    `random`: single patches. `time`, `frequency`: whole columns (times) or rows (frequencies) of
    the `grid`; of one of them, where K asks for it, a part. `region`: boxes around random patches.
    """
    if geometry == "random":
        return noise
    cells = noise.reshape(-1, *grid)  # [B, rows, columns]
    if geometry == "region":
        first = -_distance(noise, grid)  # the nearest go
    else:
        axis = 1 if geometry == "time" else 2
        first = _rank(cells.mean(dim=axis, keepdim=True)).expand_as(cells)
    return (first + cells / 2).reshape_as(noise)  # `first` is whole: noise decides within it


def _rank(values: Tensor) -> Tensor:
    """Each value's place in the order of its slice: 0, 1, ... in the shape of `values`."""
    flat = values.reshape(len(values), -1)
    return flat.argsort(dim=1).argsort(dim=1).to(values.dtype).reshape_as(values)


def _distance(noise: Tensor, grid: tuple[int, int]) -> Tensor:
    """Of each cell [B, rows, columns] to the nearest of the slice's centres, in rings of a box."""
    centres = noise.argsort(dim=1)[:, :REGIONS, None, None]  # [B, REGIONS, 1, 1]
    row = torch.arange(grid[0], device=noise.device)[:, None]
    column = torch.arange(grid[1], device=noise.device)
    rings = torch.maximum((row - centres // grid[1]).abs(), (column - centres % grid[1]).abs())
    return rings.amin(dim=1).to(noise.dtype)  # [B, REGIONS, rows, columns] -> [B, rows, columns]
