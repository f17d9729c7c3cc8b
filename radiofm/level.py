"""What samples show before any transform: their level and how many are clipped."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

SILENCE_DBFS = -200.0


def count_clipped(samples: npt.NDArray[Any], full_scale: float) -> int:
    """Samples [n, 2] whose I or Q is at full scale (the last count below it included)."""
    limit = full_scale - 1 if samples.dtype.kind == "i" else full_scale * (1 - 2**-16)
    if samples.size == 0 or max(samples.max(), -float(samples.min())) < limit:
        return 0
    return int(((samples >= limit) | (samples <= -limit)).any(axis=1).sum())


def level_dbfs(samples: npt.NDArray[Any], full_scale: float) -> float:
    """Mean power of int16 or float32 [n, 2] in dB of a full-scale tone; -200 for silence.

    What is not a number or infinite in the samples is so in the level.
    """
    if samples.size == 0:
        return SILENCE_DBFS
    values = samples.reshape(-1).astype(np.float32)
    # einsum, not a BLAS product: it runs in one thread and one order.
    power = float(np.einsum("i,i", values, values)) * 2 / values.size / full_scale**2
    return max(10 * math.log10(power), SILENCE_DBFS) if power else SILENCE_DBFS
