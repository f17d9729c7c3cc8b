"""Golden values from independent implementations, and equality to the bit where it is promised."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm.spectrogram import PRESETS, Kernel, Spectrogram, SpectrogramSpec, resize_weights

RATES = [1.92e6, 2.4e6, 5e6, 19.2e6, 61.44e6]


def noise(samples: int, seed: int = 0) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 300, (samples, 2)).round().astype(np.int16)


def reference(
    iq: npt.NDArray[np.int16], spec: SpectrogramSpec, full_scale: float
) -> npt.NDArray[np.float64]:
    """The spec in float64, by scipy's STFT and one interval at a time."""
    x = (iq[:, 0] + 1j * iq[:, 1]) / full_scale
    window = scipy.signal.get_window(spec.window, spec.window_size)
    stft = scipy.signal.ShortTimeFFT(
        window, spec.hop, fs=1.0, mfft=spec.fft_size, fft_mode="centered", scale_to="magnitude"
    )
    frames = (len(x) - spec.window_size) // spec.hop + 1
    first = -(-stft.m_num_mid // spec.hop)  # the first frame that lies whole inside
    offset = first * spec.hop - stft.m_num_mid
    padded = np.concatenate([x[:0], x])
    power = np.empty((spec.fft_size, frames))
    for n in range(frames):
        part = padded[n * spec.hop : n * spec.hop + spec.window_size]
        bins = np.fft.fftshift(np.fft.fft(part * window / window.sum(), spec.fft_size))
        power[:, n] = np.abs(bins) ** 2
    check = np.abs(stft.stft(x, p0=first, p1=first + 1)[:, 0]) ** 2
    inside = x[offset : offset + spec.window_size]
    bins = np.fft.fftshift(np.fft.fft(inside * window / window.sum(), spec.fft_size))
    np.testing.assert_allclose(np.abs(bins) ** 2, check, rtol=1e-9, atol=1e-15)
    values = 10 * np.log10(power + 10 ** (spec.floor_db / 10)) if spec.log_first else power
    rows = resize_weights(spec.fft_size, spec.height, spec.resize)
    columns = resize_weights(frames, spec.width, spec.resize)
    image = rows @ values @ columns.T
    if not spec.log_first:
        image = 10 * np.log10(np.maximum(image, 0) + 10 ** (spec.floor_db / 10))
    low, high = spec.range_db
    return np.asarray(((image - low) / (high - low) - spec.mean) / spec.std)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("preset", PRESETS)
def test_equals_the_float64_reference(preset: str, rate: float) -> None:
    spec = PRESETS[preset]
    compute = Spectrogram(spec, rate)
    iq = noise(compute.samples)
    image = compute(iq, 2048)
    assert image.shape == (spec.height, spec.width) and image.dtype == np.float32
    np.testing.assert_allclose(image, reference(iq, spec, 2048), atol=1e-4)


def test_a_full_scale_tone_is_0_dbfs_at_its_frequency() -> None:
    spec, rate = SpectrogramSpec(height=1024), 4e6
    compute = Spectrogram(spec, rate)
    time = np.arange(compute.samples)
    tone = 2000 * np.exp(2j * np.pi * 100 / 1024 * time)  # +390.6 kHz: bin 100 above the centre
    iq = np.stack([tone.real, tone.imag], 1).round().astype(np.int16)
    decibels = compute.decibels(iq, 2000)
    peak = decibels[:, 100]
    assert peak.argmax() == 512 + 100
    assert peak.max() == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(spec.to_dbfs(spec.standardise(decibels)), decibels, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["area", "bilinear", "bicubic"]))
def test_resizing_keeps_a_constant(inputs: int, outputs: int, kernel: Kernel) -> None:
    weights = resize_weights(inputs, outputs, kernel)
    assert weights.shape == (outputs, inputs)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


def test_area_is_the_mean_of_the_fractional_box() -> None:
    np.testing.assert_allclose(
        resize_weights(3, 2, "area"), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-12
    )


def test_the_same_to_the_bit_however_many_threads_and_processes() -> None:
    code = (
        "import sys, numpy as np, hashlib\n"
        "from radiofm.spectrogram import Spectrogram, SpectrogramSpec\n"
        "c = Spectrogram(SpectrogramSpec(), 5e6)\n"
        "x = np.random.default_rng(0).normal(0, 300, (c.samples, 2)).round().astype(np.int16)\n"
        "print(hashlib.sha256(c(x, 2048).tobytes()).hexdigest())"
    )
    compute = Spectrogram(SpectrogramSpec(), 5e6)
    prints = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        ).stdout.strip()
        for threads in ("1", "2")
    }  # fmt: skip

    prints.add(hashlib.sha256(compute(noise(compute.samples), 2048).tobytes()).hexdigest())
    assert len(prints) == 1


def test_what_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="raise the rate"):
        Spectrogram(SpectrogramSpec(), 10e3)
    with pytest.raises(UsageError, match="window_size 2048"):
        Spectrogram(SpectrogramSpec(window_size=2048), 5e6)
    with pytest.raises(UsageError, match=r"\[80000, 2\]"):
        Spectrogram(SpectrogramSpec(), 5e6)(noise(100), 2048)


def test_the_hash_names_the_spec() -> None:
    assert SpectrogramSpec().hash == SpectrogramSpec().hash
    assert SpectrogramSpec().hash != SpectrogramSpec(mean=0.4).hash
