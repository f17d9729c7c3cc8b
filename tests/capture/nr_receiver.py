"""A 5G NR receiver from the standard's other side: cell search, PBCH, OFDM demodulation.

It shares no code with the generator. TS 38.211, 38.212, 38.213 of release 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, resample_poly

Iq = npt.NDArray[np.complex64]
Complex = npt.NDArray[np.complex128]
Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

FFT = 256  # for the SSB's 240 subcarriers
PREFIX = 18  # at that size
SYMBOL = FFT + PREFIX
MIDDLE = np.arange(-64, 63)  # PSS and SSS, subcarriers from the SSB's centre
ALL = np.arange(-120, 120)
SIDES = np.r_[-120:-72, 72:120]
PBCH = ((1, ALL), (2, SIDES), (3, ALL))  # symbol, subcarriers

# Bit i: the polar code's input i of 512 carries information (38.212, table 5.3.1.2-1).
INFORMATION = int(
    "fffefee8fee08000fa80800080000000e8808000000000000000000000000000"
    "e080000000000000000000000000000000000000000000000000000000000000", 16
)  # fmt: skip
# Where bit k of payload and CRC is found among the information bits (38.212, 5.3.1.1).
DEINTERLEAVE = [
    0, 18, 1, 2, 19, 3, 20, 4, 21, 29, 5, 6, 7, 22, 8, 9, 23, 30, 10, 11, 24, 12, 25, 31, 13, 26,
    14, 27, 32, 34, 15, 16, 17, 28, 33, *range(35, 56),
]  # fmt: skip
SUB_BLOCKS = [  # 38.212, table 5.4.1.1-1
    0, 1, 2, 4, 3, 5, 6, 7, 8, *np.c_[16:23, 9:16].ravel().tolist(), 23, 24, 25, 26, 28, 27, 29, 30,
    31,
]  # fmt: skip
CRC24C = sum(1 << n for n in (24, 23, 21, 20, 17, 15, 13, 12, 8, 4, 2, 1, 0))
SFN_AT = [16, 23, 18, 17, 8, 30, 10, 6, 24, 7]  # most significant first (38.212, table 7.1.1-1)
HALF_FRAME_AT, K_SSB_AT = 0, 5
MIB_AT = [3, 2, 1, 4, 9, 11, 12, 13, 14, 15, 19, 20, 21, 22, 25, 26, 27, 28, 29, 31]


@dataclass(frozen=True)
class Cell:
    cell_id: int
    index: int  # of the SSB, its three last bits; half frame and two bits where there are 4
    start: float  # first sample of the SSB, its prefix included
    cfo_hz: float  # by the cyclic prefixes
    turn_hz: float  # what the phase from symbol to symbol says in addition
    quality: float  # of the PSS: normalised correlation
    level: float  # mean power of one of the PBCH's subcarriers
    snr_db: float  # of its DM-RS
    mib: dict[str, int] | None  # None: no CRC passed


def gold(seed: int, count: int) -> Int:
    """38.211, 5.2.1, bit by bit."""
    x1, x2, out = 1, seed, []
    for _ in range(1600 + count):
        out.append((x1 ^ x2) & 1)
        x1 |= ((x1 >> 3 ^ x1) & 1) << 31
        x2 |= ((x2 >> 3 ^ x2 >> 2 ^ x2 >> 1 ^ x2) & 1) << 31
        x1, x2 = x1 >> 1, x2 >> 1
    return np.array(out[1600:])


def qpsk(bits: Int) -> Complex:
    return np.asarray(((1 - 2 * bits[::2]) + 1j * (1 - 2 * bits[1::2])) / 2**0.5)


def pss(n2: int) -> Float:
    x = [0, 1, 1, 0, 1, 1, 1]
    for n in range(120):
        x.append((x[n + 4] + x[n]) % 2)
    return np.array([1.0 - 2 * x[(n + 43 * n2) % 127] for n in range(127)])


def sss(n1: int, n2: int) -> Float:
    x0, x1 = [1] + 6 * [0], [1] + 6 * [0]
    for n in range(120):
        x0.append((x0[n + 4] + x0[n]) % 2)
        x1.append((x1[n + 1] + x1[n]) % 2)
    m0, m1 = 15 * (n1 // 112) + 5 * n2, n1 % 112
    return np.array(
        [(1.0 - 2 * x0[(n + m0) % 127]) * (1 - 2 * x1[(n + m1) % 127]) for n in range(127)]
    )


def find(
    iq: Iq, rate: float, scs: float, ssb_hz: float, radio_hz: float, cfo_hz: float = 0.0
) -> Cell:
    """The strongest cell of an SSB `ssb_hz` from the centre, at `radio_hz` on the air.

    The carrier frequency offset is within a third of the spacing of `cfo_hz`.
    """
    ratio = Fraction(FFT * scs / rate).limit_denominator(1000)
    time = np.arange(len(iq)) / rate
    low = resample_poly(
        iq * np.exp(-2j * np.pi * (ssb_hz + cfo_hz) * time), ratio.numerator, ratio.denominator
    )
    energy = np.convolve(np.abs(low) ** 2, np.ones(FFT), "valid")
    best = (0.0, 0, 0)
    for n2 in range(3):
        spectrum = np.zeros(FFT, complex)
        spectrum[MIDDLE] = pss(n2)
        body = np.fft.ifft(spectrum)
        for turns in (-0.25, 0.0, 0.25):  # of a subcarrier
            known = body * np.exp(2j * np.pi * turns * np.arange(FFT) / FFT)
            match = np.abs(fftconvolve(low, known[::-1].conj(), "valid")) ** 2
            match[len(match) - 3 * SYMBOL :] = 0  # no room for the rest of the SSB
            match /= energy * np.sum(np.abs(known) ** 2) + 1e-9 * energy.max()
            at = int(match.argmax())
            best = max(best, (float(match[at]) ** 0.5, n2, at))
    quality, n2, first = best
    first -= 2  # into the prefix, against the filter's ringing and echoes
    place = first + SYMBOL * np.arange(4)[:, None]
    prefix = place + np.arange(-10, 0)  # the part that no window or echo has touched
    cfo = float(np.angle(np.vdot(low[prefix], low[prefix + FFT]))) / (2 * np.pi) * scs
    number = place + np.arange(FFT)
    # A transmitter restarts its carrier with each symbol (38.211, 5.4): undo that.
    restart = np.exp(2j * np.pi * ((radio_hz / (FFT * scs) * (place - first)) % 1))
    still = low[number] * np.exp(-2j * np.pi * cfo * number / (FFT * scs)) * restart
    grid = np.fft.fft(still, axis=1)
    grid = grid * np.exp(2j * np.pi * -2 * -np.fft.fftfreq(FFT))  # of those two samples

    channel = grid[0, MIDDLE] * pss(n2)
    scores = [abs(np.vdot(channel, grid[2, MIDDLE] * sss(n1, n2))) for n1 in range(336)]
    cell_id = 3 * int(np.argmax(scores)) + n2
    index = int(np.argmax([_pilot_score(grid, cell_id, i) for i in range(8)]))
    pilots = _pilots(grid, cell_id, index)
    sides = np.isin(pilots[0][0], pilots[1][0])
    before, between, after = pilots[0][1][sides], pilots[1][1], pilots[2][1][sides]
    turn = float(np.angle(np.vdot(before, between) + np.vdot(between, after))) / (2 * np.pi)
    soft, snr_db = _equalise(grid, pilots, cell_id)
    mib = decode(soft, cell_id, index)
    start = (first + 2 - PREFIX) * rate / (FFT * scs)
    turn_hz = turn * FFT / SYMBOL * scs
    level = float(np.mean(np.abs(np.concatenate([h for _, h in pilots])) ** 2)) / FFT**2
    return Cell(cell_id, index, start, cfo + cfo_hz, turn_hz, quality, level, snr_db, mib)


def _pilots(grid: Complex, cell_id: int, index: int) -> list[tuple[Int, Complex]]:
    """Of each PBCH symbol: DM-RS subcarriers, and the channel on them (38.211, 7.4.1.4)."""
    seed = 2**11 * (index + 1) * (cell_id // 4 + 1) + 2**6 * (index + 1) + cell_id % 4
    known, found = qpsk(gold(seed, 288)), []
    for symbol, subcarriers in PBCH:
        mine = subcarriers[(subcarriers - cell_id) % 4 == 0]  # 120 divides by 4
        found.append((mine, grid[symbol, mine] * known[: len(mine)].conj()))
        known = known[len(mine) :]
    return found


def _pilot_score(grid: Complex, cell_id: int, index: int) -> float:
    parts = [np.vdot(h[:-1], h[1:]) for _, h in _pilots(grid, cell_id, index)]
    return abs(complex(sum(parts)))


def _equalise(
    grid: Complex, pilots: list[tuple[Int, Complex]], cell_id: int
) -> tuple[Float, float]:
    """Soft bits [864], positive for 0, and the SNR that neighbouring pilots show."""
    soft, signal, noise = [], 0.0, 0.0
    for (symbol, subcarriers), (where, channel) in zip(PBCH, pilots, strict=True):
        data = subcarriers[(subcarriers - cell_id) % 4 != 0]
        bend = channel[1:-1] - (channel[:-2] + channel[2:]) / 2
        near = np.diff(where)[:-1] + np.diff(where)[1:] == 8  # not across the SSS
        noise += float(np.sum(np.abs(bend[near]) ** 2)) / 1.5
        signal += float(np.sum(np.abs(channel[1:-1][near]) ** 2))
        smooth = np.convolve(np.pad(channel, 1, "edge"), [0.25, 0.5, 0.25], "valid")
        response = np.interp(data, where, smooth.real) + 1j * np.interp(data, where, smooth.imag)
        value = grid[symbol, data] * response.conj()
        soft.append(np.stack([value.real, value.imag], axis=1).ravel())
    return np.concatenate(soft), 10 * np.log10(max(signal - noise, 1e-9) / noise)


def decode(soft: Float, cell_id: int, index: int) -> dict[str, int] | None:
    """38.211, 7.3.3.1, and 38.212, 7.1, backwards."""
    scrambling = 1 - 2 * gold(cell_id, 8 * 864).reshape(8, 864)
    for turn in {index, index % 4}:  # of 8 or of 4 SSBs
        received = soft * scrambling[turn]
        mother = received[:512].copy()
        mother[:352] += received[512:]  # repeated
        blocks = np.empty((32, 16))
        blocks[SUB_BLOCKS] = mother.reshape(32, 16)
        frozen = np.array([not INFORMATION >> i & 1 for i in range(512)])
        word, _ = _cancel(blocks.ravel(), frozen)
        bits = word[~frozen][DEINTERLEAVE]
        if not _remainder(bits):
            return _parse(bits[:32], cell_id)
    return None


def _cancel(soft: Float, frozen: npt.NDArray[np.bool_]) -> tuple[Int, Int]:
    """Successive cancellation: the code's input bits, and those bits encoded."""
    if frozen.all():
        return np.zeros(len(soft), int), np.zeros(len(soft), int)
    if len(soft) == 1:
        bit = (soft < 0).astype(int)
        return bit, bit
    half = len(soft) // 2
    upper, lower = soft[:half], soft[half:]
    either = np.sign(upper) * np.sign(lower) * np.minimum(abs(upper), abs(lower))
    first, sent = _cancel(either, frozen[:half])
    second, rest = _cancel(lower + (1 - 2 * sent) * upper, frozen[half:])
    return np.r_[first, second], np.r_[sent ^ rest, rest]


def _remainder(bits: Int) -> int:
    value = int("".join(map(str, bits)), 2)
    for n in range(len(bits) - 1, 23, -1):
        if value >> n & 1:
            value ^= CRC24C << n - 24
    return value


def _parse(bits: Int, cell_id: int) -> dict[str, int]:
    third, second = bits[SFN_AT[7]], bits[SFN_AT[8]]
    masked = [i for i in range(32) if i not in (HALF_FRAME_AT, SFN_AT[7], SFN_AT[8])]
    bits = bits.copy()
    bits[masked] ^= gold(cell_id, 4 * 29).reshape(4, 29)[2 * third + second]

    def number(places: list[int]) -> int:
        return int("".join(str(bits[i]) for i in places), 2)

    mib = MIB_AT[2:]  # without two reserved bits
    return {
        "sfn": number(SFN_AT),
        "half_frame": number([HALF_FRAME_AT]),
        "extension": number(mib[:1]),
        "scs_common": number(mib[1:2]),
        "k_ssb": number([K_SSB_AT, *mib[2:6]]),
        "type_a_position": number(mib[6:7]),
        "coreset0": number(mib[7:11]),
        "search_space0": number(mib[11:15]),
        "not_barred": number(mib[15:16]),
        "reselection_barred": number(mib[16:17]),
    }


def symbol_begins(count: int, rate: float, scs: float) -> Int:
    """First samples after the prefixes of a subframe's `count` symbols (38.211, 5.3.1)."""
    size = round(rate / scs)
    mu = round(scs / 15e3) - 1
    number = np.arange(count)
    longer = (number % (7 << mu) == 0) * (size // 128 << mu)
    return np.asarray(np.cumsum(9 * size // 128 + longer) + size * number)


def demodulate(iq: Iq, rate: float, scs: float, radio_hz: float, first: int, count: int) -> Complex:
    """[count, rate / scs] elements of a receiver's centre at `radio_hz`, lowest frequency first."""
    size = round(rate / scs)
    begins = first + symbol_begins(count, rate, scs)
    grid = np.fft.fft(iq[begins[:, None] + np.arange(size)], axis=1) / size
    restart = np.exp(2j * np.pi * ((radio_hz / rate * begins) % 1))
    return np.asarray(np.fft.fftshift(grid * restart[:, None], axes=1))


def reference(cell_id: int, slot: int, symbol: int, count: int) -> Complex:
    """DM-RS of PDCCH and PDSCH (38.211, 7.4.1.3.1 and 7.4.1.1.1)."""
    seed = 2**17 * (14 * slot + symbol + 1) * (2 * cell_id + 1) + 2 * cell_id
    return qpsk(gold(seed % 2**31, 2 * count))


def error_vector(points: Complex, bits: int) -> float:
    """Of points of a square constellation of unit power, as a share of it (rms)."""
    side = 2 ** (bits // 2)
    step = (6 / (side**2 - 1)) ** 0.5  # between neighbours
    nearest = [
        (np.clip(np.floor(axis / step), -side / 2, side / 2 - 1) + 0.5) * step
        for axis in (points.real, points.imag)
    ]
    error = np.abs(points - nearest[0] - 1j * nearest[1]) ** 2
    return float(np.sqrt(np.mean(error)))


def raster(low_hz: float, high_hz: float) -> list[float]:
    """Synchronisation raster of FR1 (38.104, 5.4.3.1), where the SSB's centre may lie."""
    fine = [n * 1.2e6 + m * 50e3 for n in range(1, 2500) for m in (1, 3, 5)]
    coarse = [3e9 + n * 1.44e6 for n in range(2862)]
    return [f for f in fine + coarse if low_hz <= f <= high_hz]
