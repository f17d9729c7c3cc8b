"""Contender: `Spectrogram` with the backend that the command line names."""

from __future__ import annotations

import sys

import numpy as np

from radiofm.contender import Work, serve
from radiofm.spectrogram import Spectrogram
from radiofm_services.bench.spectrogram import SPEC


def make(rate: float) -> Work:
    """Noise at `rate` S/s -> its standardised image."""
    compute = Spectrogram(SPEC, rate, sys.argv[1])
    noise = np.random.default_rng(0).normal(0, 300, (compute.samples, 2)).round().astype(np.int16)
    return lambda: compute(noise, 2048.0)


if __name__ == "__main__":
    Spectrogram(SPEC, 2e6, sys.argv[1])  # says at once if it is not installed
    serve(make)
