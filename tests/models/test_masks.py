"""Mask geometries: exactly K kept, and removed together what the geometry says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radiofm_models.masks import GEOMETRIES, REGIONS, Geometry, arrange
from radiofm_models.msm import sample


def mask_of(
    grid: tuple[int, int], ratio: float, seed: int, geometry: Geometry
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise [3, M] and mask [3, rows, columns]."""
    noise = torch.rand(3, grid[0] * grid[1], generator=torch.Generator().manual_seed(seed))
    keep, mask = sample(arrange(noise, grid, geometry), ratio)
    kept = max(1, int(noise.shape[1] * (1 - ratio)))
    assert keep.shape == (3, kept)
    assert (mask.sum(dim=1) == noise.shape[1] - kept).all()
    return noise, mask.reshape(3, *grid)


grids = st.tuples(st.integers(1, 15), st.integers(1, 15)).filter(lambda g: g[0] * g[1] > 1)
ratios = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**31)


@given(grids, ratios, seeds, st.sampled_from(GEOMETRIES))
def test_exactly_k_patches_are_kept(
    grid: tuple[int, int], ratio: float, seed: int, geometry: Geometry
) -> None:
    mask_of(grid, ratio, seed, geometry)


@given(grids, ratios, seeds)
def test_random_is_the_paper_s(grid: tuple[int, int], ratio: float, seed: int) -> None:
    noise, mask = mask_of(grid, ratio, seed, "random")
    assert torch.equal(sample(noise, ratio)[1].reshape(mask.shape), mask)


@pytest.mark.parametrize(("geometry", "axis"), [("time", 1), ("frequency", 2)])
@given(grids, ratios, seeds)
def test_lines_go_whole(
    geometry: Geometry, axis: int, grid: tuple[int, int], ratio: float, seed: int
) -> None:
    _, mask = mask_of(grid, ratio, seed, geometry)
    share = mask.mean(dim=axis)  # of each column (time) or row (frequency)
    partly = (share > 0) & (share < 1)
    assert (partly.sum(dim=1) <= 1).all()


@given(grids, ratios, seeds)
def test_regions_are_boxes(grid: tuple[int, int], ratio: float, seed: int) -> None:
    """A removed patch leaves none nearer to a centre in place."""
    noise, mask = mask_of(grid, ratio, seed, "region")
    for values, removed in zip(noise, mask, strict=True):
        centres = [divmod(int(c), grid[1]) for c in values.argsort()[:REGIONS]]
        rings = torch.tensor(
            [
                [min(max(abs(r - y), abs(c - x)) for y, x in centres) for c in range(grid[1])]
                for r in range(grid[0])
            ]
        )
        if (removed == 0).any():
            assert rings[removed == 1].max() <= rings[removed == 0].min()


def test_a_slice_s_lines_are_its_own() -> None:
    """Different slices of a batch lose different times."""
    _, mask = mask_of((14, 14), 0.5, 0, "time")
    assert len(torch.unique(mask, dim=0)) == 3


def test_time_by_hand() -> None:
    """Columns of means 0.5, 0.2, 0.8; of 6 patches 3 stay: column 1, and the lesser of column 0."""
    noise = torch.tensor([[0.6, 0.1, 0.9, 0.4, 0.3, 0.7]])
    _, mask = sample(arrange(noise, (2, 3), "time"), 0.5)
    assert mask.reshape(2, 3).tolist() == [[1, 0, 1], [0, 0, 1]]
