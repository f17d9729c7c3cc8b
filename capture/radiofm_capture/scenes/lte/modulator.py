"""A resource grid as samples: OFDM with cyclic prefixes (TS 36.211, 6.12)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from radiofm_capture.scenes.lte.cell import SLOT, Grid
from radiofm_capture.scenes.signal import Iq, rotation

UNITS = 128  # of a symbol: the prefixes are 10 of them in a slot's first symbol, 9 in the others
PREFIX = (10,) + 6 * (9,)  # table 6.12-1
SLOT_UNITS = SLOT * UNITS + sum(PREFIX)
# Units of the prefix in which two symbols overlap, by the cell's resource blocks: all but what
# EVM is measured in (TS 36.104, table E.5.1-1), and what 45 dB of ACLR take (6.6.2).
RAMP = {6: 4.0, 15: 3.0, 25: 1.5, 50: 1.0, 75: 0.75, 100: 0.5}


def modulate(grid: Grid, bins: npt.NDArray[np.int64], shift: int, size: int, ramp: int) -> Iq:
    """[slots, 7, subcarriers] -> slots * size * 7.5 samples.

    Subcarrier k goes to bin `bins[k]` of an FFT of `size`, a multiple of 128. `shift` is how many
    bins that is away from its place at 0 Hz: symbols turn as they would behind a mixer. They fade
    into one another by a raised cosine over `ramp` samples of the prefix.
    """
    slots, unit = len(grid), size // UNITS
    length = SLOT_UNITS * unit
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)).astype(np.float32)
    iq = np.zeros((slots + 1) * length, np.complex64)
    spectrum = np.zeros((slots, size), np.complex64)
    begin = 0
    for symbol, prefix in enumerate(PREFIX):
        turns = (np.arange(slots) * SLOT_UNITS + begin + prefix) * shift % UNITS / UNITS
        spectrum[:, bins] = grid[:, symbol] * rotation(turns)[:, None]
        body = fft.ifft(spectrum, axis=1, norm="forward")
        at = begin * unit
        slot = iq[at : at + slots * length].reshape(slots, length)  # from this symbol on
        lead, end = prefix * unit, (prefix + UNITS) * unit
        slot[:, :ramp] += body[:, size - lead : size - lead + ramp] * rise
        slot[:, ramp:lead] = body[:, size - lead + ramp :]
        slot[:, lead:end] = body
        begin += prefix + UNITS
        at = begin * unit
        tail = iq[at : at + slots * length].reshape(slots, length)
        tail[:, :ramp] += body[:, :ramp] * rise[::-1]
    return iq[: slots * length]
