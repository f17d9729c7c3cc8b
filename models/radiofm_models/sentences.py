"""Radio sentences: what the ConvLSTM reads, made of successive spectrograms of 2 ms,
in decibels: resizing comes after the logarithm.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), section III-A and Table I.
"""

from __future__ import annotations

import numpy as np

from radiofm.errors import UsageError
from radiofm.spectrogram import Image, resize_weights

SHORTEST, LONGEST = 5, 10  # slices: 10 and 20 ms
EDGE = 256  # of a sentence, both ways
TOKENS = 16  # of 256 x 16


def sentence(slices: Image) -> Image:
    """Successive log spectrograms [n, F, t] -> a sentence's image float32 [256, 256]."""
    joined = np.concatenate(list(slices), axis=1)  # [F, n t]
    over_frequency = resize_weights(joined.shape[0], EDGE, "area")
    over_time = resize_weights(joined.shape[1], EDGE, "area")
    return np.asarray(over_frequency @ joined @ over_time.T, np.float32)


def draw_sentence(slices: Image, rng: np.random.Generator) -> Image:
    """A sentence of 10 to 20 ms from anywhere in a recording's 2 ms slices [n, F, t]."""
    if len(slices) < SHORTEST:
        raise UsageError(f"{len(slices)} slices of 2 ms: a sentence needs {SHORTEST} or more")
    count = int(rng.integers(SHORTEST, min(LONGEST, len(slices)) + 1))
    start = int(rng.integers(0, len(slices) - count + 1))
    return sentence(slices[start : start + count])
