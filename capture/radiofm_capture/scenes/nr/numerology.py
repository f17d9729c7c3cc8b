"""NR's numbers: resource blocks of a channel, slots, and where each OFDM symbol begins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SUBCARRIERS = 12  # of a resource block (TS 38.211, 4.4.4.1)
SYMBOLS = 14  # of a slot (TS 38.211, table 4.3.2-1)
PARTS = 128  # of a symbol without its prefix: the unit of the functions below
PREFIX = 9  # parts, normal cyclic prefix (TS 38.211, 5.3.1: 144 of 2048)
HALF_FRAMES = 2048  # after which the system frame number begins again (TS 38.331, MIB)

# Subcarrier spacing in Hz: channel bandwidth in MHz: resource blocks (TS 38.101-1, table 5.3.2-1).
RESOURCE_BLOCKS: dict[float, dict[float, int]] = {
    15e3: {
        5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270,
    },
    30e3: {
        10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162,
        70: 189, 80: 217, 90: 245, 100: 273,
    },
}  # fmt: skip


def slots_per_half_frame(mu: int) -> int:
    """5 ms of slots at a subcarrier spacing of 15 kHz * 2^mu (TS 38.211, table 4.3.2-1)."""
    return 5 << mu


def symbol_start(index: npt.ArrayLike, mu: int) -> npt.NDArray[np.int64]:
    """Where symbols begin, prefix first, in parts from the start of a subframe (TS 38.211, 5.3.1).

    The first of each half millisecond has a prefix 16 kappa longer: 2^mu parts.
    """
    half_ms, within = np.divmod(np.asarray(index, np.int64), 7 << mu)
    length = (7 << mu) * (PARTS + PREFIX) + (1 << mu)
    return np.asarray(half_ms * length + within * (PARTS + PREFIX) + ((within > 0) << mu))
