"""The broadcast channel: the master information block and all its coding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import CRC24C, Bits, crc, gold, qpsk
from radiofm_capture.scenes.nr import polar

# Payload interleaver G (TS 38.212, table 7.1.1-1).
PAYLOAD = np.array([
    16, 23, 18, 17, 8, 30, 10, 6, 24, 7, 0, 5, 3, 2, 1, 4, 9, 11, 12, 13, 14, 15, 19, 20, 21, 22,
    25, 26, 27, 28, 29, 31,
])  # fmt: skip
TIMING = PAYLOAD[[7, 8, 10]]  # third and second bit of the SFN, half frame: never scrambled
SCRAMBLED = np.setdiff1d(PAYLOAD, TIMING)


@dataclass(frozen=True)
class Mib:
    """What the cell says of itself (TS 38.331, MIB); the cell is not barred, DM-RS at symbol 2."""

    sfn: int  # 0-1023
    half_frame: int  # 0 or 1
    scs_common: int  # 0: 15 kHz, 1: 30 kHz
    k_ssb: int  # 0-23, units of 15 kHz (TS 38.211, 7.4.3.1); more: no CORESET#0
    coreset0: int  # controlResourceSetZero, 0-15
    search_space0: int  # searchSpaceZero, 0-15

    def payload(self) -> Bits:
        """[32] before scrambling (TS 38.212, 7.1.1)."""
        timing = [*_bits(self.sfn, 10), self.half_frame, self.k_ssb >> 4, 0, 0]
        rest = [
            0,  # a MIB, no extension of its class
            self.scs_common,
            *_bits(self.k_ssb & 15, 4),
            0,  # dmrs-TypeA-Position: pos2
            *_bits(self.coreset0, 4),
            *_bits(self.search_space0, 4),
            1,  # cellBarred: notBarred
            0,  # intraFreqReselection: allowed
            0,  # spare
        ]
        payload = np.empty(32, np.uint8)
        payload[PAYLOAD] = timing + rest
        return payload


def symbols(mib: Mib, cell_id: int, ssb_index: int, l_max: int) -> npt.NDArray[np.complex64]:
    """[432] QPSK of the PBCH in block `ssb_index` of `l_max` (TS 38.212, 7.1; 38.211, 7.3.3)."""
    payload = mib.payload()
    turn = mib.sfn >> 1 & 3
    payload[SCRAMBLED] ^= gold(cell_id, 4 * len(SCRAMBLED)).reshape(4, -1)[turn]
    sent = polar.encode(np.concatenate([payload, crc(payload, CRC24C, 24)]))
    return qpsk(sent ^ _scrambling(cell_id)[ssb_index % l_max])


@lru_cache(16)
def _scrambling(cell_id: int) -> Bits:
    return gold(cell_id, 8 * polar.SENT).reshape(8, -1)


def _bits(value: int, width: int) -> list[int]:
    return [value >> n & 1 for n in range(width - 1, -1, -1)]
