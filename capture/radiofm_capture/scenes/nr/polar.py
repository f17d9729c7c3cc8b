"""The polar code of the PBCH: 56 bits to 864 (TS 38.212, 5.3.1 and 5.4.1)."""

from __future__ import annotations

import numpy as np

from radiofm_capture.scenes.coding import Bits

MOTHER = 512  # N: ceil(log2(8 * 56)) = 9 (5.3.1)
SENT = 864  # E (7.1.5)

# The 56 most reliable of 512: the set that table 5.3.1.2-1 leaves unfrozen.
INFORMATION = np.array([
    247, 253, 254, 255, 367, 375, 379, 381, 382, 383, 415, 431, 439, 441, 443, 444, 445, 446, 447,
    463, 469, 470, 471, 473, 474, 475, 476, 477, 478, 479, 483, 485, 486, 487, 489, 490, 491, 492,
    493, 494, 495, 497, 498, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511,
])  # fmt: skip
# Input interleaver: table 5.3.1.1-1 for K = 56.
INTERLEAVER = np.array([
    0, 2, 3, 5, 7, 10, 11, 12, 14, 15, 18, 19, 21, 24, 26, 30, 31, 32, 1, 4, 6, 8, 13, 16, 20, 22,
    25, 27, 33, 9, 17, 23, 28, 34, 29, 35, *range(36, 56),
])  # fmt: skip
# Sub-block interleaver: table 5.4.1.1-1.
SUB_BLOCKS = np.array([
    0, 1, 2, 4, 3, 5, 6, 7, 8, 16, 9, 17, 10, 18, 11, 19, 12, 20, 13, 21, 14, 22, 15, 23, 24, 25,
    26, 28, 27, 29, 30, 31,
])  # fmt: skip


def encode(bits: Bits) -> Bits:
    """uint8 [56], CRC included -> [864]: interleaved, encoded, and repeated (E > N)."""
    word = np.zeros(MOTHER, np.uint8)
    word[INFORMATION] = bits[INTERLEAVER]
    half = 1
    while half < MOTHER:  # d = u G, G the Kronecker power of [[1, 0], [1, 1]]
        pairs = word.reshape(-1, 2, half)
        pairs[:, 0] ^= pairs[:, 1]
        half *= 2
    blocks = word.reshape(len(SUB_BLOCKS), -1)[SUB_BLOCKS]
    return np.resize(blocks, SENT)
