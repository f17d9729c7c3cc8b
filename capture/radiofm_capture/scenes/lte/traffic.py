"""Who is served when: downlink allocations and their grants, from nearly idle to full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

# Shaped after recordings of live cells: a nearly idle one serves a few blocks at the lower edge
# for 1 or 2 ms; a busy one is full for some ms, then empty.
HOLD = 2.0  # subframes that an allocation lasts, on average
CALM, BUSY = 0.8, 0.15  # the sum of the beta distribution's parameters is CALM / (load + BUSY)
LOWEST = 0.6  # of the allocations begin at the lower edge
USERS = 2.0  # in a full subframe, besides the first
UPLINK = 1.5  # grants for the uplink in a subframe at full load
ORDERS = (2, 4, 6)  # bits of a symbol
POWERS_DB = (-6, -4.77, -3, -1.77, 0, 1, 2, 3)  # PDSCH to reference signals, P_A (TS 36.213, 5.2)
SYSTEM_BLOCKS = 6  # of system information (SIB1) in subframe 5 of even frames
SYSTEM_PERIOD, SYSTEM_AT = 20, 5  # subframes (TS 36.331, 5.2.1.2)


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
    grants = rng.poisson(UPLINK * load, count)
    lengths = rng.geometric(1 / HOLD, count)
    ends = np.minimum(np.cumsum(lengths), count)
    at = 0
    unit = group_size(blocks)
    group = np.arange(blocks) // unit
    groups = int(group[-1]) + 1  # the last may be smaller
    for end, share in zip(ends, _shares(len(ends), load, rng), strict=True):
        wide = int(share * blocks / unit + rng.random())  # whole groups: chance decides over parts
        wide = groups if share == 1 else wide
        if at < end and wide:
            begin = 0 if rng.random() < LOWEST else int(rng.integers(0, groups))
            turned = (group - begin) % groups
            users = min(1 + rng.poisson(USERS * share), wide)
            cuts = np.sort(rng.integers(1, wide + 1, users - 1))
            user = np.searchsorted(cuts, turned, side="right")
            where = turned < wide
            order[at:end, where] = rng.choice(ORDERS, users)[user[where]]
            amplitude[at:end, where] = 10 ** (rng.choice(POWERS_DB, users)[user[where]] / 20)
            grants[at:end] += users
        at = end
    known = np.flatnonzero(np.arange(first, first + count) % SYSTEM_PERIOD == SYSTEM_AT)
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
    total = CALM / (load + BUSY)
    return np.asarray(betaincinv(total * load, total * (1 - load), part), np.float64)
