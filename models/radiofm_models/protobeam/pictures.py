"""Blocks of IQ as spectrograms, whose level is relative to the block's power."""

from __future__ import annotations

import numpy as np

from radiofm.corpus.statistics import Statistics
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec
from radiofm_models.datasets.dataset import Array


def spectrograms(iq: Array, spec: SpectrogramSpec) -> Image:
    """Blocks [n, 2, samples] -> dB relative to a tone of the block's power [n, height, width].

    A block takes the place of the slice: `spec` is computed at the rate that gives a slice as many
    samples as a block has, whatever rate it was recorded at; bins are parts of the bandwidth. The
    level is taken out block by block, as min-max does for IQ.
    """
    samples = iq.shape[2]
    spectrogram = Spectrogram(spec, samples / spec.duration_s)
    images = np.empty((len(iq), spec.height, spec.width), np.float32)
    for image, block in zip(images, iq, strict=True):
        rms = float(np.sqrt(np.mean(np.square(block, dtype=np.float64)) * 2))
        image[:] = spectrogram.decibels(block.T, max(rms, float(np.finfo(np.float32).tiny)))
    return images


def pictures(iq: Array, spec: SpectrogramSpec) -> Image:
    """Blocks [n, 2, samples] -> the encoder's input float32 [n, 1, height, width]."""
    return spec.standardise(spectrograms(iq, spec))[:, None]


def measured(decibels: Image, spec: SpectrogramSpec) -> SpectrogramSpec:
    """`spec` with range, mean and standard deviation of the training images [n, height, width]."""
    statistics = Statistics()
    statistics.add(decibels)
    return statistics.apply(spec)
