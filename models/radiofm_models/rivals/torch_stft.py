"""Contender: the spectrogram as one writes it first with torch. See `radiofm.contender`."""

from __future__ import annotations

import numpy as np
import torch

from radiofm.contender import Work, serve
from radiofm.spectrogram import Image, SpectrogramSpec

SPEC = SpectrogramSpec(resize="bilinear")


def make(rate: float) -> Work:
    """Noise at `rate` S/s -> its standardised image: stft, abs, square, shift, interpolate, log."""
    spec, samples = SPEC, SPEC.slice_samples(rate)
    noise = np.random.default_rng(0).normal(0, 300, (samples, 2)).round().astype(np.int16)
    window = torch.hann_window(spec.window_size)
    window /= window.sum()
    frames = (samples - spec.window_size) // spec.hop + 1
    sides = (spec.fft_size - spec.window_size) // 2  # so that frames begin where ours do

    def work() -> Image:
        x = torch.view_as_complex(torch.from_numpy(noise.astype(np.float32) / 2048))
        stft = torch.stft(
            torch.nn.functional.pad(x, (sides, sides)), spec.fft_size, spec.hop, spec.window_size,
            window, center=False, return_complex=True, onesided=False,
        )[:, :frames]  # fmt: skip
        power = torch.fft.fftshift(stft.abs() ** 2, dim=0)[None, None]
        image = torch.nn.functional.interpolate(
            power, (spec.height, spec.width), mode="bilinear", antialias=True, align_corners=False
        )[0, 0]
        decibels = 10 * torch.log10(image + 10 ** (spec.floor_db / 10))
        return spec.standardise(decibels.numpy())

    return work


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(make)
