"""Where the pilots and the TPS carriers are and what they say (EN 300 744, 4.5 and 4.6)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import Bits, crc

Carriers = npt.NDArray[np.int64]

SPAN = 1704  # carriers after which the 2k tables repeat in the 8k mode
FRAME, SUPER_FRAME = 68, 4  # symbols, frames (4.4)
BOOST = 4 / 3  # (4.5.2)
TPS_2K = (34, 50, 209, 346, 413, 569, 595, 688, 790, 901, 1073, 1219, 1262, 1286, 1469, 1594, 1687)
CONTINUAL_2K = (  # table 7
    0, 48, 54, 87, 141, 156, 192, 201, 255, 279, 282, 333, 432, 450, 483, 525, 531, 618, 636, 714,
    759, 765, 780, 804, 873, 888, 918, 939, 942, 969, 984, 1050, 1101, 1107, 1110, 1137, 1140, 1146,
    1206, 1269, 1323, 1377, 1491, 1683, 1704,
)  # fmt: skip
SYNC_WORD = 0b0011010111101110  # of the odd frames; inverted in the even ones (4.6.2.2)
LENGTH = 0b010111  # of TPS in use, no cell identifier (4.6.2.3)
BCH = 0x377  # x^14 + x^9 + x^8 + x^6 + x^5 + x^4 + x^2 + x + 1 (4.6.2.11)


@lru_cache(4)
def reference(count: int) -> npt.NDArray[np.float32]:
    """Signs 1 - 2 w_k of the pilots (4.5.2): X^11 + X^2 + 1 from all ones."""
    w = [1] * 11
    while len(w) < count:
        w.append(w[-9] ^ w[-11])
    return np.asarray(1 - 2 * np.array(w[:count]), np.float32)


def continual(spans: int) -> Carriers:
    """Table 7: 1 span of 1704 carriers for 2k, 4 for 8k."""
    return _repeated(CONTINUAL_2K, spans)


def tps(spans: int) -> Carriers:
    """Table 8."""
    return _repeated(TPS_2K, spans)


def scattered(symbol: int, spans: int) -> Carriers:
    """Of a symbol of the frame (4.5.3)."""
    return np.arange(3 * (symbol % 4), SPAN * spans + 1, 12)


def _repeated(table: tuple[int, ...], spans: int) -> Carriers:
    shifts = SPAN * np.arange(spans)
    return np.unique(np.add.outer(shifts, table))


def tps_bits(frame: int, bits_per_cell: int, code_rate: int, guard: int, spans: int) -> Bits:
    """The 68 bits of a frame, the first of them the reference's 0 (4.6.2).

    `guard` is 0 to 3 for 1/32, 1/16, 1/8 and 1/4, `code_rate` 0 to 4 for 1/2 to 7/8.
    """
    sync = SYNC_WORD if frame % 2 == 0 else SYNC_WORD ^ 0xFFFF  # frames 1 and 3 of the standard
    fields = [
        (sync, 16), (LENGTH, 6), (frame, 2), (bits_per_cell // 2 - 1, 2), (0, 3), (code_rate, 3),
        (0, 3), (guard, 2), (spans // 4, 2), (0, 8), (0, 6),
    ]  # fmt: skip
    word = np.array([v >> n & 1 for v, k in fields for n in range(k - 1, -1, -1)], np.uint8)
    return np.concatenate([[0], word, crc(word, BCH, 14)]).astype(np.uint8)
