"""The sequences a receiver knows: PSS, SSS and the demodulation reference signals (DM-RS)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import Bits, gold, qpsk

LENGTH = 127  # of PSS and SSS
REGISTER = 31  # bits of c_init


def pss(cell_id: int) -> npt.NDArray[np.float32]:
    """[127] of +-1 (TS 38.211, 7.4.2.2.1)."""
    x = _m_sequence((0, 1, 1, 0, 1, 1, 1), 4)
    return _bpsk(np.roll(x, -43 * (cell_id % 3)))


def sss(cell_id: int) -> npt.NDArray[np.float32]:
    """[127] of +-1 (TS 38.211, 7.4.2.3.1)."""
    first, second = divmod(cell_id, 3)
    x0, x1 = _m_sequence((1, 0, 0, 0, 0, 0, 0), 4), _m_sequence((1, 0, 0, 0, 0, 0, 0), 1)
    m0, m1 = 15 * (first // 112) + 5 * second, first % 112
    return _bpsk(np.roll(x0, -m0)) * _bpsk(np.roll(x1, -m1))


def pbch_reference(cell_id: int, index: int) -> npt.NDArray[np.complex64]:
    """[144] DM-RS of the PBCH; `index` is i_SSB + 4 n_hf or i_SSB (TS 38.211, 7.4.1.4.1)."""
    seed = (index + 1) * (cell_id // 4 + 1) << 11 | (index + 1) << 6
    return qpsk(gold(seed + cell_id % 4, 2 * 144))


def reference(
    cell_id: int, slots: npt.NDArray[np.int64], symbol: int, count: int
) -> npt.NDArray[np.complex64]:
    """[slots, count] DM-RS of PDCCH and PDSCH in a symbol of slots counted within their frame.

    TS 38.211, 7.4.1.3.1 and 7.4.1.1.1 with the cell's identity as N_ID and n_SCID = 0.
    """
    seeds = ((14 * slots + symbol + 1) * (2 * cell_id + 1) << 17) + 2 * cell_id
    return qpsk(_golds(seeds, 2 * count).reshape(-1)).reshape(len(slots), count)


def _golds(seeds: npt.NDArray[np.int64], count: int) -> Bits:
    """[seeds, count]: c(n) is linear in the bits of c_init, so many at once are a product."""
    first, basis = _gold_basis(count)
    bits = (seeds[:, None] >> np.arange(REGISTER) & 1).astype(np.float32)
    return np.asarray((bits @ basis).astype(np.uint8) & 1 ^ first, np.uint8)


@lru_cache(8)
def _gold_basis(count: int) -> tuple[Bits, npt.NDArray[np.float32]]:
    first = gold(0, count)
    return first, np.stack([gold(1 << n, count) ^ first for n in range(REGISTER)], dtype=np.float32)


def _m_sequence(start: tuple[int, ...], tap: int) -> Bits:
    """x(i + 7) = x(i + tap) + x(i), modulo 2."""
    x = np.zeros(LENGTH, np.uint8)
    x[:7] = start
    for n in range(LENGTH - 7):
        x[n + 7] = x[n + tap] ^ x[n]
    return x


def _bpsk(bits: Bits) -> npt.NDArray[np.float32]:
    return (1 - 2 * bits.astype(np.int8)).astype(np.float32)
