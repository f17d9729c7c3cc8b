"""Occupancy, DC spur and fingerprints, on what is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.corpus.figures import dc_spur_db, occupancy
from radiofm.corpus.fingerprint import fingerprint
from radiofm.spectrogram import Spectrogram, SpectrogramSpec

RATE = 4e6
COMPUTE = Spectrogram(SpectrogramSpec(), RATE)
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 5, (COMPUTE.samples, 2))


def image(
    samples: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return COMPUTE.decibels(samples.round().astype(np.int16), 2048)


def test_noise_is_not_occupied_and_a_burst_is() -> None:
    assert occupancy(image(NOISE)) < 0.01
    # A quarter of the band, half of the time.
    white = RNG.normal(0, 200, NOISE.shape) @ np.array([1, 1j])
    bins = np.fft.fft(white)
    bins[len(bins) // 4 :] = 0
    burst = np.fft.ifft(bins)
    burst[len(burst) // 2 :] = 0
    found = occupancy(image(NOISE + np.stack([burst.real, burst.imag], 1)))
    assert found == pytest.approx(1 / 8, abs=0.03)


def test_a_dc_offset_is_a_spur_and_a_tone_elsewhere_is_none() -> None:
    assert abs(dc_spur_db(image(NOISE))) < 2
    assert dc_spur_db(image(NOISE + 10)) > 20
    tone = 20 * np.exp(0.5j * np.arange(len(NOISE)))
    assert abs(dc_spur_db(image(NOISE + np.stack([tone.real, tone.imag], 1)))) < 2


AIR = RNG.normal(0, 3, (11 * 16000, 2)).round().astype(np.int16)
WHOLE = {fingerprint(AIR[start : start + 16000]) for start in range(0, len(AIR), 16000)}


@given(st.integers(0, 16000))
def test_an_excerpt_is_known_wherever_it_begins(start: int) -> None:
    excerpt = AIR[start : start + 10 * 16000]
    found = {fingerprint(excerpt[at : at + 16000]) for at in range(0, len(excerpt), 16000)}
    assert found & WHOLE


def test_other_noise_shares_no_fingerprint_even_of_a_few_counts() -> None:
    for sigma in (0.3, 1, 3, 100):
        marks = {
            fingerprint(np.random.default_rng(n).normal(0, sigma, (16000, 2)).round().astype("<i2"))
            for n in range(50)
        }
        assert len(marks) == 50 and None not in marks


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_constants_and_snippets_have_no_fingerprint(dtype: type) -> None:
    assert fingerprint(np.zeros((1000, 2), dtype)) is None
    assert fingerprint(np.tile(np.array([[3, -7]], dtype), (1000, 1))) is None
    assert fingerprint(np.arange(60, dtype=dtype).reshape(-1, 2)) is None
