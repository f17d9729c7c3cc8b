"""802.11b is received by despreading, from the receiving side of IEEE 802.11-2020, 15 and 16."""

from __future__ import annotations

import binascii
import itertools
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.wifi import Wifi

Bits = npt.NDArray[np.int64]
BARKER = np.array([1, -1, 1, 1, -1, 1, 1, 1, -1, -1, -1])
SFD = {False: "0000010111001111", True: "1111001110100000"}  # short, long; as printed in 16.2.3


def turns(symbols: npt.NDArray[np.complex128]) -> Bits:
    """Quarter turns from each symbol to the next."""
    return np.rint(np.angle(symbols[1:] * symbols[:-1].conj()) / (np.pi / 2)).astype(int) % 4


def dibits(quarters: Bits) -> Bits:
    return np.array([{0: (0, 0), 1: (0, 1), 2: (1, 1), 3: (1, 0)}[q] for q in quarters.tolist()])


def descramble(bits: Bits) -> Bits:
    """Of its own input; the first seven are lost."""
    return bits[7:] ^ bits[3:-4] ^ bits[:-7]


def number(bits: Bits) -> int:
    return int(sum(int(b) << n for n, b in enumerate(bits)))


def cck(chips: Iq, bits_each: int, before: complex) -> Bits:
    """The word whose chips correlate best, and the turn of its phase (16.3.6.6)."""
    words = list(itertools.product((0, 1), repeat=bits_each - 2))
    table = []
    for w in words:
        if bits_each == 8:
            p2, p3, p4 = ((0, 1, 2, 3)[2 * w[i] + w[i + 1]] for i in (0, 2, 4))
        else:
            p2, p3, p4 = 2 * w[0] + 1, 0, 2 * w[1]
        table.append([p2 + p3 + p4, p3 + p4, p2 + p4, p4 + 2, p2 + p3, p3, p2 + 2, 0])
    codes = 1j ** np.array(table)
    match = chips.reshape(-1, 8) @ codes.conj().T
    best = np.abs(match).argmax(axis=1)
    phases = np.concatenate([[before], match[np.arange(len(best)), best]])
    quarter = (turns(phases) - 2 * (np.arange(len(best)) % 2)) % 4
    return np.concatenate([dibits(quarter), np.array(words)[best]], axis=1).reshape(-1)


def receive(iq: Iq) -> tuple[float, int, bytes]:
    """Chips, one a sample -> Mb/s, microseconds, PSDU; the header's CRC is checked."""
    symbols = iq[: len(iq) // 11 * 11].reshape(-1, 11) @ BARKER
    bits = descramble((turns(symbols) == 2).astype(int))
    text = "".join(map(str, bits[:160]))
    long = SFD[True][::-1] in text
    after = text.index(SFD[long][::-1]) + 16 + 7
    if long:
        raw = (turns(symbols) == 2).astype(int)[: after + 48]
        head_symbols = 48
    else:
        rest = dibits(turns(symbols[after : after + 25])).reshape(-1)
        raw = np.concatenate([(turns(symbols) == 2).astype(int)[:after], rest])
        head_symbols = 24
    head = descramble(raw)[-48:]
    packed = np.packbits(head[:32].astype(np.uint8)).tobytes()
    crc = int("".join(map(str, head[32:])), 2)
    assert binascii.crc_hqx(packed, 0xFFFF) ^ 0xFFFF == crc
    mbit, service, duration = number(head[:8]) / 10, number(head[8:16]), number(head[16:32])
    body = after + head_symbols  # last of the header's symbols
    length = int(duration * mbit / 8) - (service >> 7)
    if mbit < 5:
        payload = symbols[body : body + 1 + int(8 * length / mbit)]
        more = dibits(turns(payload)).reshape(-1) if mbit == 2 else turns(payload) // 2
    else:
        each = 8 if mbit == 11 else 4
        chips = iq[11 * (body + 1) :][: 8 * length // each * 8]
        more = cck(chips, each, symbols[body])
    psdu = descramble(np.concatenate([raw, more]))[-8 * length :]
    return mbit, duration, np.packbits(psdu.astype(np.uint8), bitorder="little").tobytes()


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(("speed", "mbit"), [(0, 1), (1, 2), (2, 5.5), (3, 11)])
def test_ppdus_are_decoded(speed: int, mbit: float, short: bool) -> None:
    wifi = Wifi(phy="dsss", mcs=(speed,), load=1.0, error_hz=0.0, short_preamble=short)
    iq, bursts = wifi.render(44e6, 900_000, 0.0, np.random.default_rng(3))
    starts = [b.start for b in bursts]
    got = []
    for burst in bursts:
        if burst.start and burst.start + burst.count < len(iq) and starts.count(burst.start) == 1:
            chips = iq[
                burst.start + 16 : burst.start + burst.count - 12 : 4
            ]  # after the pulse's rise
            got.append(receive(chips))
            _, duration, psdu = got[-1]
            assert zlib.crc32(psdu[:-4]) == int.from_bytes(psdu[-4:], "little")
            sync = 96 if short and speed else 192  # us (16.2.2)
            assert burst.count / 44 == pytest.approx(sync + duration, abs=2)
    assert {g[0] for g in got} <= {mbit, min(mbit, 2)} and mbit in {g[0] for g in got}
