"""The codes of a cell: synchronisation, scrambling, channelisation (TS 25.213, clause 5)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import hadamard

from radiofm_capture.scenes.signal import Iq

Signs = npt.NDArray[np.float32]

FRAME, SLOT, SYNC = 38_400, 2560, 256  # chips
SLOTS = FRAME // SLOT
REGISTER = 18
HALF = 131_072  # by which Q is behind I
A = np.array([1, 1, 1, 1, 1, 1, -1, -1, 1, -1, 1, -1, 1, -1, -1, 1], np.float32)  # (5.2.3.1)
B = np.concatenate([A[:8], -A[8:]])
PRIMARY = np.array([1, 1, 1, -1, -1, 1, -1, -1, 1, 1, 1, -1, 1, -1, 1, 1], np.float32)
SECONDARY = np.array([1, 1, 1, -1, 1, 1, -1, -1, 1, -1, 1, -1, -1, -1, -1, -1], np.float32)
# Table 4: by scrambling code group the secondary code of each slot, less one, in hexadecimal.
ALLOCATION = """
    001789e79f16e6f 004f62df294bdb9 010e44bf5a1faeb 012075414733526 01f55ae4b0ebfa1
    023630442517657 03a23981a19bb82 0455d891c814d0c 05993a6cfac530f 05c1d1544c980d9
    067461327215534 0698f68e07f7e11 07b883cf40c4b37 07d9d0ee74a3943 081eef9670971f8
    08e5f1cd9a634b2 098ae653f41bc2d 0ad3c189bf742e5 0bbcd617d10ca7a 0be43d2f67519ac
    0e32659cb4df71a 0f2ba8c471d639e 1149fa29a74c2c7 11b2e4724db878d 125fbf2cc5681b6
    12718ed2d844e7b 1368438a1d4daff 13cbb6e941e4c63 14882b7debd421e 14a61a83f6f8dd3
    151c22b86f58fcb 15866fc2b1cb8f5 16be1b39cec3449 16df4818faa463d 174b41dd7e28be8
    18c31c7a5357eea 1921cf797caaf24 1ae2a5d9e9566d2 1f34fd6a3ad8864 2235abc5bd34c4d
    2254f8e48953e39 234d35bc4c5aabd 238f93fe2494e55 23f949388fe524e 24bad4ac25d5c33
    2539548e3e4ff89 2677fab3ea36f2e 26fa3e2eabb367f 276e37eb2f3fbaa 27e3f3766eba2fb
    299ef435f32e858 2ca43b3a5542dcb 2d68d9c767933c8 447dfc5dc67e5e6 45a697476bb958a
    45c7c4665fde7fe 46896a5b8ba7759 4857987b4a9ab66 499b7a86784b565 49b54b786567aa8
    4ceed756f76cd4f 89c9aee8fbdcfda 8abeb8ccad9fedf 8b9ecd8deaacbf9
"""


def primary_sync() -> Iq:
    """C_psc [256] (5.2.3.1)."""
    return np.asarray((1 + 1j) * np.kron(PRIMARY, A), np.complex64)


@lru_cache(1)
def secondary_sync() -> Iq:
    """C_ssc,1 to C_ssc,16 [16, 256] (5.2.3.1)."""
    z = np.kron(SECONDARY, B)
    return np.asarray((1 + 1j) * hadamard(256)[::16] * z, np.complex64)


def allocation(group: int) -> list[int]:
    """Which secondary code, from 0, each of the 15 slots has in group 0 to 63 (5.2.3.2)."""
    return [int(digit, 16) for digit in ALLOCATION.split()[group]]


@lru_cache(8)
def scrambling(primary: int) -> Iq:
    """One frame of the primary scrambling code 0 to 511, points of power 2 (5.2.2)."""
    x, y = _sequences()
    n = 16 * primary
    period = len(x)
    chips = np.arange(FRAME)
    i = x[(chips + n) % period] ^ y[chips]
    late = (chips + HALF) % period
    q = x[(late + n) % period] ^ y[late]
    code = np.asarray((1.0 - 2.0 * i) + 1j * (1.0 - 2.0 * q), np.complex64)
    code.flags.writeable = False
    return code


@lru_cache(1)
def _sequences() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The m-sequences of 1 + X^7 + X^18 and 1 + X^5 + X^7 + X^10 + X^18, a period of each."""
    start = np.zeros(REGISTER, np.uint8)
    start[0] = 1
    return _register(start, (0, 7)), _register(np.ones(REGISTER, np.uint8), (0, 5, 7, 10))


def _register(start: npt.NDArray[np.uint8], taps: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    period, step = 2**REGISTER - 1, REGISTER - max(taps)
    x = np.zeros(period + REGISTER + step, np.uint8)
    x[:REGISTER] = start
    for n in range(0, period, step):
        x[n + REGISTER : n + REGISTER + step] = np.bitwise_xor.reduce(
            [x[n + tap : n + tap + step] for tap in taps]
        )
    return x[:period]


def channelisation(factor: int, number: int) -> Signs:
    """The OVSF code C_ch,factor,number (4.3.1.1, 5.2.1)."""
    code = np.ones(1, np.float32)
    for bit in f"{number:b}".zfill(factor.bit_length() - 1) if factor > 1 else "":
        code = np.concatenate([code, -code if bit == "1" else code])
    return code
