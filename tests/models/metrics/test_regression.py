"""Errors of positions and channels, by hand and by theory."""

from __future__ import annotations

import numpy as np
import pytest

from radiofm_models.metrics import channel_errors_by_snr, position_errors


def test_position_errors_by_hand() -> None:
    """Distances 0, 1, 2, 3, 5 (a 3-4-5 triangle)."""
    truth = np.zeros((5, 3))
    predicted = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, -3], [3, 4, 0]])
    errors = position_errors(truth, predicted)
    assert errors["mean"] == pytest.approx(2.2) and errors["median"] == 2 and errors["p75"] == 3
    assert errors["p90"] == pytest.approx(3 + 0.6 * 2)
    assert errors["std"] == pytest.approx(np.std([0, 1, 2, 3, 5]))


def test_channel_errors_by_hand() -> None:
    """SNR 0: errors 1 and 1 of 4 entries, power 8; the complex ones count two entries each."""
    truth = np.array([[2.0, 2.0], [2.0, 2.0], [1.0, 0.0]])
    estimate = truth + np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]])
    low, high = channel_errors_by_snr(truth, estimate, np.array([0.2, -0.3, 10.0]))
    assert low["snr_db"] == 0 and low["items"] == 2
    assert low["mse"] == pytest.approx(0.5)
    assert low["nmse_db"] == pytest.approx(10 * np.log10(2 / 16))
    assert high == {"snr_db": 10, "items": 1, "mse": 0, "nmse_db": -np.inf}
    planes = np.stack([truth, 0 * truth], axis=1)  # the same as real and imaginary planes
    complex_, real = (
        channel_errors_by_snr(h, h + 0.5, np.zeros(3))[0] for h in (truth + 0j, planes)
    )
    assert complex_["mse"] == pytest.approx(0.125) and real["mse"] == pytest.approx(0.25)


def test_nmse_of_least_squares_is_the_noise() -> None:
    """y = h + n at pilots of power 1: NMSE of h^ = y is 1 / SNR."""
    rng = np.random.default_rng(0)
    snr = np.repeat([0.0, 10.0, 20.0], 200)
    h, n = rng.normal(size=(2, 600, 16, 48, 2)).view(np.complex128)[..., 0] * 0.5**0.5
    y = h + n * 10 ** (-snr[:, None, None] / 20)
    for row in channel_errors_by_snr(h, y, snr):
        assert row["nmse_db"] == pytest.approx(-row["snr_db"], abs=0.1)
