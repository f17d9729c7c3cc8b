"""The one spectrogram: IQ samples of a slice -> a standardised log-power image.

Steps (papers' Table I): Hann window, zero-padded FFT, |X|^2 in dBFS (a full-scale tone is 0 dB),
resizing of linear power, log10, the data set's range to [0, 1], then (x - mean) / std. The corpus,
the trainer and the live worker all call `Spectrogram`: what is trained is what is served.
"""

from radiofm.spectrogram.compute import Spectrogram
from radiofm.spectrogram.resize import Kernel, Sparse, resize_weights
from radiofm.spectrogram.spec import PRESETS, Image, SpectrogramSpec, cells

__all__ = [
    "PRESETS",
    "Image",
    "Kernel",
    "Sparse",
    "Spectrogram",
    "SpectrogramSpec",
    "cells",
    "resize_weights",
]
