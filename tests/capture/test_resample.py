"""From the rate of OFDM symbols to a receiver's: a tone stays what it was."""

from __future__ import annotations

import numpy as np
import pytest

from radiofm_capture.scenes.resample import Resampler


@pytest.mark.parametrize(
    ("rate", "step"),
    [(3.84e6, 15e3), (5e6, 15e3), (1.92e6, 3.84e6), (2.4e6, 30.72e6), (61.44e6, 7.68e6)],
)
def test_a_tone_is_resampled(rate: float, step: float) -> None:
    """Where the outer rate is a whole fraction of the inner one, too."""
    resampler, count, hz = Resampler(rate, step), 4000, 0.11 * rate
    lead, needed = resampler.span(count)
    at = (np.arange(needed) - lead) / resampler.inner_rate
    inner = np.exp(2j * np.pi * hz * at).astype(np.complex64)
    outer = resampler.apply(inner, count)
    wanted = np.exp(2j * np.pi * hz * np.arange(count) / rate)
    assert outer.shape == (count,)
    np.testing.assert_allclose(outer, wanted, atol=5e-3)
