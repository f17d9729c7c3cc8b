"""Who is scheduled where: bursts of slots, and allocations in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radiofm_capture.scenes.nr.cell import Slots

LONGEST_BURST = 8  # slots
LARGEST_ALLOCATION = 8  # resource block groups
CONTROL_RB = 6  # a piece of a CORESET of two symbols: two control channel elements
CONTROL_SHARE = 0.5  # of those pieces, in slots with data
KINDS = 4  # QPSK to 256QAM


def thin_out(full: Slots, load: float, rng: np.random.Generator) -> Slots:
    """Leaves traffic in `load` of the resource blocks on average, with a modulation for each.

    sqrt(load) of the time is busy, and then sqrt(load) of the band.
    """
    count, n_rb = full.data.shape
    data, control = np.zeros((2, count, n_rb), np.uint8)
    share, group = load**0.5, _group(n_rb)
    at = 0
    while at < count:
        burst = slice(at, min(count, at + int(rng.integers(1, LONGEST_BURST + 1))))
        at = burst.stop
        if rng.random() >= share:
            continue
        widths = group * rng.integers(1, LARGEST_ALLOCATION + 1, -(-n_rb // group))
        kinds = rng.integers(1, KINDS + 1, len(widths), np.uint8)
        kinds *= rng.random(len(widths)) < share
        data[burst] = kinds.repeat(widths)[:n_rb]
        pieces = rng.random((burst.stop - burst.start, -(-n_rb // CONTROL_RB))) < CONTROL_SHARE
        control[burst] = pieces.repeat(CONTROL_RB, axis=1)[:, :n_rb]
    return replace(full, data=data * full.data, control=control * full.control)


def _group(n_rb: int) -> int:
    """Size of a resource block group (TS 38.214, table 5.1.2.2.1-1, configuration 1)."""
    return 2 if n_rb <= 36 else 4 if n_rb <= 72 else 8 if n_rb <= 144 else 16
