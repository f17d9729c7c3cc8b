"""Estimators that a network must beat, against theory, by channels of numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from radiofm_models.ofdm import (
    Grid,
    Lmmse,
    covariances,
    linear,
    ls_at_pilots,
    nearest,
    nmse_db,
    qpsk,
)

PILOTS, SYMBOLS, SUBCARRIERS = (2, 11), 14, 24
TIME = 0.999 ** np.subtract.outer(np.arange(SYMBOLS), np.arange(SYMBOLS)) ** 2 + 0j
DELAY = np.exp(-np.arange(4) / 1.5)[:, None] / np.sum(np.exp(-np.arange(4) / 1.5))
TURNS = np.exp(-2j * np.pi * np.outer(np.arange(4), np.arange(SUBCARRIERS)) / 48)
FREQUENCY = (TURNS * DELAY).T @ TURNS.conj()


def channels(count: int, rng: np.random.Generator) -> Grid:
    """Rayleigh, of covariances TIME and FREQUENCY: [count, symbol, subcarrier]."""
    white = rng.normal(size=(count, SYMBOLS, 4, 2)) @ [1, 1j] * np.sqrt(0.5)
    root = np.linalg.cholesky(TIME + 1e-12 * np.eye(SYMBOLS))
    made: Grid = np.einsum("st,ntd,dk->nsk", root, white * np.sqrt(DELAY[:, 0]), TURNS)
    return made


@pytest.mark.parametrize("snr_db", range(-10, 21, 5))
def test_least_squares_errs_by_the_noise_and_lmmse_by_less(snr_db: int) -> None:
    rng = np.random.default_rng(snr_db + 10)
    h, x = channels(600, rng), qpsk(rng, (SYMBOLS, SUBCARRIERS))
    noise = 10 ** (-snr_db / 10)
    y = h * x + np.sqrt(noise / 2) * (rng.normal(size=(*h.shape, 2)) @ [1, 1j])
    at_pilots = ls_at_pilots(y, x[list(PILOTS)], PILOTS)
    true = h[:, list(PILOTS)]
    assert nmse_db(at_pilots, true) == pytest.approx(-snr_db, abs=0.3)
    least = nmse_db(nearest(at_pilots, PILOTS, SYMBOLS), h)
    smart = nmse_db(Lmmse(TIME, FREQUENCY, PILOTS)(at_pilots, noise), h)
    assert smart < least - 3


def test_lmmse_is_the_joint_estimator_where_it_factors() -> None:
    """A channel that stands still: two pilots are one of half the noise, and time is no filter."""
    still = np.ones((SYMBOLS, SYMBOLS)) + 0j
    rng = np.random.default_rng(1)
    at_pilots: Grid = rng.normal(size=(5, 2, SUBCARRIERS, 2)) @ np.array([1, 1j])
    noise = 0.3
    wanted = FREQUENCY @ np.linalg.solve(
        FREQUENCY + noise / 2 * np.eye(SUBCARRIERS), at_pilots.mean(1).T
    )
    found = Lmmse(still, FREQUENCY, PILOTS)(at_pilots, noise)
    np.testing.assert_allclose(found, np.repeat(wanted.T[:, None], SYMBOLS, 1), atol=1e-9)


def test_interpolation_in_time() -> None:
    at_pilots: Grid = np.array([[2.0], [11.0]], np.complex128)
    np.testing.assert_allclose(linear(at_pilots, PILOTS, SYMBOLS)[:, 0], np.arange(14), atol=1e-12)
    np.testing.assert_array_equal(nearest(at_pilots, PILOTS, SYMBOLS)[:, 0], [2] * 7 + [11] * 7)


def test_covariances_are_measured() -> None:
    time, frequency = covariances(channels(4000, np.random.default_rng(2)))
    np.testing.assert_allclose(time, TIME, atol=0.08)
    np.testing.assert_allclose(frequency, FREQUENCY, atol=0.08)
