"""Level and clipping of samples."""

import numpy as np
import pytest

from radiofm.level import count_clipped, level_dbfs


def test_clipping_and_level() -> None:
    samples = np.array([[2047, 0], [-2048, 5], [2046, 2046], [0, -2047]], np.int16)
    assert count_clipped(samples, 2048) == 3
    assert count_clipped(samples // 4, 2048) == 0
    assert count_clipped(np.array([[1.0, 0.0], [0.5, 0.5]], np.float32), 1.0) == 1
    tone = 2000 * np.exp(2j * np.pi * 0.01 * np.arange(8192))
    iq = np.stack([tone.real, tone.imag], 1).astype(np.int16)
    assert level_dbfs(iq, 2000) == pytest.approx(0, abs=0.1)
    assert level_dbfs(np.zeros((10, 2), np.int16), 2048) == -200


def test_a_float_clipped_below_only_counts() -> None:
    samples = np.array([[-0.99999, 0.5]], np.float32)
    assert count_clipped(samples, 1.0) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_shows(value: float) -> None:
    assert not np.isfinite(level_dbfs(np.array([[0.5, value]], np.float32), 1.0))
