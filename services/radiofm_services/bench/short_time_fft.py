"""Contender: scipy's ShortTimeFFT, reduced by our own weights."""

from __future__ import annotations

import numpy as np
import scipy.signal

from radiofm.contender import Work, serve
from radiofm.spectrogram import Image, resize_weights
from radiofm_services.bench.spectrogram import SPEC


def make(rate: float) -> Work:
    """Noise at `rate` S/s -> its standardised image."""
    spec, samples = SPEC, SPEC.slice_samples(rate)
    noise = np.random.default_rng(0).normal(0, 300, (samples, 2)).round().astype(np.int16)
    window = scipy.signal.get_window(spec.window, spec.window_size)
    frames = (samples - spec.window_size) // spec.hop + 1
    rows = resize_weights(spec.fft_size, spec.height, spec.resize)
    columns = resize_weights(frames, spec.width, spec.resize).T
    stft = scipy.signal.ShortTimeFFT(
        window, spec.hop, 1.0, mfft=spec.fft_size, fft_mode="centered", scale_to="magnitude"
    )

    def work() -> Image:
        x = np.zeros(spec.window_size // 2 + samples, complex)  # its frames are centred
        x[spec.window_size // 2 :] = (noise[:, 0] + 1j * noise[:, 1]) / 2048.0
        power = stft.spectrogram(x, p0=1, p1=1 + frames)
        decibels = 10 * np.log10(rows @ power @ columns + 10 ** (spec.floor_db / 10))
        return spec.standardise(decibels.astype(np.float32))

    return work


if __name__ == "__main__":
    serve(make)
