"""Who is served when: downlink allocations and their grants, from nearly idle to full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

HOLD = 2.5  # subframes that an allocation lasts, on average
BURSTY = 1.5  # small: a subframe is either empty or full
USERS = 1.5  # more than one in an allocation, on average
POWERS_DB = (-3.0, -1.77, 0.0, 0.0, 1.0)  # P_A: PDSCH to reference signals (TS 36.213, 5.2)
ORDERS = (2, 4, 6)  # bits of a symbol
SYSTEM_BLOCKS = 8  # of SystemInformationBlockType1, in subframe 5 of even frames (TS 36.331,
# 5.2.1.2)


@dataclass(frozen=True, slots=True)
class Traffic:
    order: npt.NDArray[np.uint8]  # bits of a symbol, [subframes, blocks]; 0: not in use
    amplitude: npt.NDArray[np.float32]  # [subframes, blocks]
    grants: npt.NDArray[np.int64]  # messages on the PDCCH, [subframes]


def draw_traffic(
    first: int, count: int, blocks: int, load: float, rng: np.random.Generator
) -> Traffic:
    """Subframes `first` on, counted from the beginning of frame 0.

    `load` is the share of blocks that users have; system information comes on top.
    """
    order = np.zeros((count, blocks), np.uint8)
    amplitude = np.ones((count, blocks), np.float32)
    grants = rng.poisson(1.5 * load, count)  # uplink
    lengths = rng.geometric(1 / HOLD, count)
    ends = np.minimum(np.cumsum(lengths), count)
    at = 0
    group = np.arange(blocks) // group_size(blocks)
    groups = int(group[-1]) + 1
    for end, share in zip(ends, _shares(len(ends), load, rng), strict=True):
        wide = int(share * groups + rng.random())  # whole groups; chance decides over a part
        if at < end and wide:
            turned = (group - int(rng.integers(0, groups))) % groups
            users = min(1 + rng.poisson(USERS * share), wide)
            cuts = np.sort(rng.integers(1, wide + 1, users - 1))
            user = np.searchsorted(cuts, turned, side="right")
            where = turned < wide
            order[at:end, where] = rng.choice(ORDERS, users)[user[where]]
            amplitude[at:end, where] = 10 ** (rng.choice(POWERS_DB, users)[user[where]] / 20)
            grants[at:end] += users
        at = end
    number = np.arange(first, first + count)
    known = np.flatnonzero(number % 20 == 5)
    order[known, :SYSTEM_BLOCKS] = 2
    amplitude[known, :SYSTEM_BLOCKS] = 1
    grants[known] += 1
    return Traffic(order, amplitude, grants)


def group_size(blocks: int) -> int:
    """Resource blocks of a group that is given as one (TS 36.213, table 7.1.6.1-1)."""
    return 1 + (blocks > 10) + (blocks > 26) + (blocks > 63)


def _shares(count: int, load: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Shares of the blocks in use: beta distributed, one from each of `count` equal parts of it,
    so that few have the right mean too."""
    if load in (0.0, 1.0):
        return np.full(count, load)
    part = (rng.permutation(count) + rng.random(count)) / count
    return np.asarray(betaincinv(BURSTY * load, BURSTY * (1 - load), part), np.float64)
