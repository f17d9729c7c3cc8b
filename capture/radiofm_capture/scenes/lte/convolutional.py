"""The tail-biting convolutional code, its interleaver and rate matching (TS 36.212, 5.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import Bits

GENERATORS = (0o133, 0o171, 0o165)  # of d(0), d(1) and d(2) (5.1.3.1)
MEMORY = 6
COLUMNS = (
    1, 17, 9, 25, 5, 21, 13, 29, 3, 19, 11, 27, 7, 23, 15, 31,
    0, 16, 8, 24, 4, 20, 12, 28, 2, 18, 10, 26, 6, 22, 14, 30,
)  # table 5.1.4-2  # fmt: skip


def encode(bits: Bits) -> Bits:
    """[n] -> [3, n]: it begins in the state that it ends in (5.1.3.1)."""
    streams = [
        np.bitwise_xor.reduce(
            [np.roll(bits, n) for n in range(MEMORY + 1) if taps >> (MEMORY - n) & 1]
        )
        for taps in GENERATORS
    ]
    return np.stack(streams)


def interleaver(count: int) -> npt.NDArray[np.int64]:
    """Which of `count` items comes out at each place of the sub-block interleaver (5.1.4.2.1)."""
    rows = -(-count // len(COLUMNS))
    dummies = rows * len(COLUMNS) - count  # in front, and not sent
    order = (np.arange(rows)[None] * len(COLUMNS) + np.array(COLUMNS)[:, None]).reshape(-1)
    return np.asarray(order[order >= dummies] - dummies, np.int64)


def rate_match(streams: Bits, count: int) -> Bits:
    """[3, n] -> the `count` bits of the circular buffer (5.1.4.2.2)."""
    buffer = streams[:, interleaver(streams.shape[1])].reshape(-1)
    return np.resize(buffer, count)
