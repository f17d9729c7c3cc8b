"""Fewer patches: which are kept, and which stand for the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofm.patches import by_change, by_energy, count, patchify, stand_in, thin


@given(
    st.integers(1, 3), st.integers(1, 3), st.tuples(st.integers(1, 4), st.integers(1, 5)),
    st.floats(0.001, 1), st.integers(0, 2**32 - 1),
)  # fmt: skip
@example(1, 1, (1, 1), 0.001, 0)
@example(2, 3, (4, 5), 1.0, 0)
@example(2, 1, (3, 5), 0.7, 1)
@settings(max_examples=100, deadline=None)
def test_a_token_for_every_patch(
    n: int, channels: int, grid: tuple[int, int], share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Few values, so that patches are equal, too.
    slices = rng.integers(0, 3, (n, channels, 4 * grid[0], 2 * grid[1])).astype(np.float32)
    patches, m = patchify(slices, grid), grid[0] * grid[1]
    kept = thin(slices, grid, share)
    k = count(share, m)
    assert kept.patches.shape == (n, k) and kept.standing.shape == (n, m)
    assert kept.share == k / m
    tokens = rng.normal(size=(n, 1 + m, 6)).astype(np.float32)
    taken = kept.take(tokens)
    whole = kept.spread(taken)
    assert taken.shape == (n, 1 + k, 6) and whole.shape == tokens.shape
    for row in range(n):
        here = kept.patches[row]
        assert sorted(set(here)) == here.tolist()  # each once, in order
        np.testing.assert_array_equal(whole[row, 0], tokens[row, 0])
        np.testing.assert_array_equal(whole[row, 1 + here], tokens[row, 1 + here])
        for patch in range(m):
            stands = here[kept.standing[row, patch]]
            np.testing.assert_array_equal(whole[row, 1 + patch], tokens[row, 1 + stands])
            far = np.square(patches[row, here] - patches[row, patch]).sum(axis=1)
            mine = np.square(patches[row, stands] - patches[row, patch]).sum()
            assert mine == pytest.approx(far.min(), abs=1e-3)


def test_patches_are_in_the_encoders_order() -> None:
    slices = np.arange(2 * 4 * 6, dtype=np.float32).reshape(1, 2, 4, 6)
    patches = patchify(slices, (2, 3))
    assert patches.shape == (1, 6, 8)
    np.testing.assert_array_equal(np.sort(patches[0, 4]), np.sort(slices[0, :, 2:, 2:4].ravel()))


def test_by_energy_every_level_is_among_them() -> None:
    patches = np.arange(100, dtype=np.float32).reshape(1, 100, 1)[:, ::-1]
    assert by_energy(patches, 1).tolist() == [[0]]  # the strongest
    assert by_energy(patches, 4).tolist() == [[0, 33, 66, 99]]
    assert by_energy(patches, 100).tolist() == [list(range(100))]


def test_by_change_those_that_changed_most() -> None:
    before = np.zeros((1, 5, 2), np.float32)
    after = before.copy()
    after[0, [1, 4]], after[0, 2] = -3, 1
    assert by_change(after, before, 2).tolist() == [[1, 4]]
    assert by_change(after, before, 3).tolist() == [[1, 2, 4]]


def test_a_slice_of_two_kinds_needs_two_patches() -> None:
    patches = np.repeat([[0.0], [5.0]], 8, axis=0).astype(np.float32)[None]
    kept = stand_in(patches, by_energy(patches, 2))
    assert len(set(kept.standing[0, :8])) == len(set(kept.standing[0, 8:])) == 1
