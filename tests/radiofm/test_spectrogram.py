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
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofm.errors import MissingDependencyError, UsageError
from radiofm.spectrogram import (
    PRESETS,
    Kernel,
    Spectrogram,
    SpectrogramSpec,
    backends,
    resize_weights,
)

INSTALLED = backends.candidates(SpectrogramSpec())
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


@pytest.mark.parametrize("rate", [1.92e6, 5e6])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_reference_is_what_scipy_makes_of_the_spec(preset: str, rate: float) -> None:
    spec = PRESETS[preset]
    compute = Spectrogram(spec, rate, "reference")
    iq = noise(compute.samples)
    image = compute(iq, 2048)
    assert image.shape == (spec.height, spec.width) and image.dtype == np.float32
    np.testing.assert_allclose(image, reference(iq, spec, 2048), atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_backend_equals_the_reference(preset: str, rate: float) -> None:
    spec = PRESETS[preset]
    right = Spectrogram(spec, rate, "reference")
    iq = noise(right.samples)
    expected = right(iq, 2048)
    for name in INSTALLED:
        compute = Spectrogram(spec, rate, name)
        assert compute.backend == name
        for again in range(2):  # buffers are used again
            image = compute(iq, 2048)
            assert image.shape == (spec.height, spec.width) and image.dtype == np.float32
            np.testing.assert_allclose(image, expected, atol=1e-4, err_msg=f"{name} {again}")


specs = st.builds(
    SpectrogramSpec,
    duration_s=st.just(0.002),
    window=st.sampled_from(["hann", "boxcar", "blackman"]),
    window_size=st.integers(16, 1024),
    hop=st.integers(100, 1500),
    fft_size=st.sampled_from([1024, 1500, 8192]),
    height=st.integers(16, 300),
    width=st.integers(16, 300),
    resize=st.sampled_from(["area", "bilinear"]),
    log_first=st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(specs, st.floats(1.92e6, 61.44e6), st.integers(-40, 40), st.booleans())
@example(SpectrogramSpec(window_size=513), 1.92e6, 0, True)
@example(SpectrogramSpec(width=17, resize="bilinear"), 61.44e6, 40, False)
@example(SpectrogramSpec(window_size=100, fft_size=128, hop=16, log_first=True), 2e6, 0, True)
@example(SpectrogramSpec(duration_s=0.001, window_size=1024), 1.92e6, 0, False)  # one frame
def test_backends_agree_whatever_the_spec_and_the_rate(
    spec: SpectrogramSpec, rate: float, tone_db: int, as_float: bool
) -> None:
    """Noise and a tone up to 40 dB above it: float32 cannot see deeper beside what is strong."""
    right = Spectrogram(spec, rate, "reference")
    rng = np.random.default_rng(0)
    tone = 10 ** (tone_db / 20) * np.exp(0.3j * np.arange(right.samples))
    signal = 20 * (np.stack([tone.real, tone.imag], 1) + rng.normal(0, 0.7, (right.samples, 2)))
    iq: npt.NDArray[np.float32 | np.int16] = signal.astype(np.float32 if as_float else np.int16)
    expected = right(iq, 4096)
    for name in backends.candidates(spec):
        image = Spectrogram(spec, rate, name)(iq, 4096)
        np.testing.assert_allclose(image, expected, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", INSTALLED)
def test_a_backend_takes_what_messages_and_recordings_hand_over(name: str) -> None:
    compute = Spectrogram(SpectrogramSpec(), 2e6, name)
    iq = noise(compute.samples)
    expected = compute(iq, 2048)
    message = np.frombuffer(b"x" + iq.tobytes(), np.int16, offset=1).reshape(-1, 2)
    assert not message.flags.writeable and not message.flags.aligned
    np.testing.assert_array_equal(compute(message, 2048), expected)
    np.testing.assert_array_equal(compute(np.repeat(iq, 2, axis=0)[::2], 2048), expected)
    np.testing.assert_allclose(compute(iq.astype(np.float32), 2048), expected, atol=1e-6)
    assert compute(iq, 1024).mean() > expected.mean()  # another full scale
    np.testing.assert_array_equal(compute(iq, 2048), expected)


@pytest.mark.parametrize("name", INSTALLED)
def test_the_image_is_the_callers(name: str) -> None:
    compute = Spectrogram(PRESETS["convlstm"], 2e6, name)
    first = compute.decibels(noise(compute.samples), 2048)
    kept = first.copy()
    compute.decibels(noise(compute.samples, 1), 2048)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("spec", [SpectrogramSpec(), PRESETS["wavesfm"]])
def test_silence_is_the_floor(name: str, spec: SpectrogramSpec) -> None:
    compute = Spectrogram(spec, 2e6, name)
    image = compute.decibels(np.zeros((compute.samples, 2), np.int16), 2048)
    np.testing.assert_allclose(image, spec.floor_db, atol=1e-3)


def test_the_fastest_backend_is_taken_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "candidates", lambda spec: ["scipy", "reference"])
    monkeypatch.setattr(
        backends, "_trial", lambda compute, noise: "Reference" not in str(type(compute))
    )
    spec = SpectrogramSpec(mean=0.123)  # found once for a spec
    assert Spectrogram(spec, 2e6, "auto").backend == "reference"
    monkeypatch.setattr(backends, "_trial", None)
    assert Spectrogram(spec, 20e6, "auto").backend == "reference"
    assert Spectrogram(spec, 2e6).backend == "scipy"
    monkeypatch.setenv("RADIOFM_SPECTROGRAM__BACKEND", "reference")
    assert Spectrogram(spec, 2e6).backend == "reference"
    assert Spectrogram(spec, 2e6, "scipy").backend == "scipy"


def test_the_trial_is_of_all_that_is_installed() -> None:
    spec = SpectrogramSpec(mean=0.321)
    backends.warm_up(spec)
    assert Spectrogram(spec, 2e6).backend in INSTALLED
    assert "numba" not in backends.candidates(SpectrogramSpec(fft_size=512))


def test_a_backend_that_is_not_here_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'cuda' is unknown: take one of auto, numba, fftw"):
        Spectrogram(SpectrogramSpec(), 2e6, "cuda")
    monkeypatch.setattr(backends, "find_spec", lambda package: None)
    with pytest.raises(MissingDependencyError, match="numba is not installed: pip install 'rad"):
        Spectrogram(SpectrogramSpec(), 2e6, "numba")
    with pytest.raises(MissingDependencyError, match="pip install pyfftw"):
        Spectrogram(SpectrogramSpec(), 2e6, "fftw")
    monkeypatch.setattr(backends, "find_spec", lambda package: package)
    with pytest.raises(UsageError, match="no FFT of 512, only of 128, 1024, 8192"):
        Spectrogram(SpectrogramSpec(fft_size=512), 2e6, "numba")


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
    """By scipy's backend, which is taken where none is named."""
    code = (
        "import numpy as np, hashlib\n"
        "from radiofm.spectrogram import Spectrogram, SpectrogramSpec\n"
        "c = Spectrogram(SpectrogramSpec(), 5e6)\n"
        "x = np.random.default_rng(0).normal(0, 300, (c.samples, 2)).round().astype(np.int16)\n"
        "print(hashlib.sha256(c(x, 2048).tobytes()).hexdigest())"
    )
    compute = Spectrogram(SpectrogramSpec(), 5e6)
    assert compute.backend == "scipy"
    prints = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": n, "OMP_NUM_THREADS": n},
        ).stdout.strip()
        for n in ("1", "2")
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


@given(
    gain_db=st.floats(-60, 60),
    seed=st.integers(0, 99),
)
def test_a_centred_slice_is_the_same_at_any_gain(gain_db: float, seed: int) -> None:
    """And one by one to the bit what it is in a batch."""
    spec = SpectrogramSpec(height=16, width=24, centred=True, range_db=(-10.0, 40.0))
    decibels = np.random.default_rng(seed).normal(-90, 6, (3, 1, 16, 24)).astype(np.float32)
    images = spec.standardise(decibels)
    louder = spec.standardise(decibels + np.float32(gain_db))
    np.testing.assert_allclose(louder, images, atol=1e-4)
    np.testing.assert_array_equal(spec.standardise(decibels[1, 0]), images[1, 0])
    np.testing.assert_allclose(spec.to_dbfs(images), spec.relative(decibels), atol=1e-4)
    assert images.dtype == np.float32 and abs(np.median(spec.relative(decibels)[2])) < 1e-5


def test_what_is_not_centred_is_written_as_before() -> None:
    assert "centred" not in SpectrogramSpec().model_dump_json()
    centred = SpectrogramSpec(centred=True)
    assert SpectrogramSpec.model_validate_json(centred.model_dump_json()) == centred
    assert centred.hash != SpectrogramSpec().hash == "45502b2e4544e2d3"


def test_the_hash_names_the_spec() -> None:
    assert SpectrogramSpec().hash == SpectrogramSpec().hash
    assert SpectrogramSpec().hash != SpectrogramSpec(mean=0.4).hash
