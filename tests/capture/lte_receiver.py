"""A plain LTE receiver, written from the standard and knowing nothing of the generator.

TS 36.211 for what is sent, TS 36.212 for its coding, TS 36.331 for the MIB. Normal prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]

RATE = 1.92e6  # of cell search: an FFT of 128
SIZE, HALF_FRAME = 128, 9600
CFO_STEP, CFO_REACH = 5e3, 60e3
DISTANCE = {"fdd": 137, "tdd": 412}  # from SSS to PSS
PSS_AT = {"fdd": 960 - SIZE, "tdd": 1920 + 10 + 2 * 137}  # from the half frame's begin
WIDTHS = (6, 15, 25, 50, 75, 100)


@dataclass(frozen=True)
class Found:
    cell_id: int
    duplex: str
    frame_at: float  # samples at RATE from the first to a frame's begin, below 10 ms
    cfo_hz: float
    score: float  # of the SSS: 1 is perfect


@dataclass(frozen=True)
class Mib:
    prb: int
    phich_extended: int
    phich_resource: str
    frame: int  # system frame number of the first whole frame
    ports: int


def narrow(iq: npt.NDArray[np.complex64], rate: float, center_hz: float = 0.0) -> Complex:
    """The 1.92 MHz around `center_hz`."""
    mixed = iq * np.exp(-2j * np.pi * center_hz / rate * np.arange(len(iq)))
    up, down = Fraction(RATE / rate).limit_denominator(1000).as_integer_ratio()
    return np.asarray(signal.resample_poly(mixed, up, down))


@lru_cache(200)
def gold(start: int, count: int) -> npt.NDArray[np.int64]:
    """36.211, 7.2, with the registers as integers."""
    first, second, out = 1, start, []
    for n in range(1600 + count):
        if n >= 1600:
            out.append((first ^ second) & 1)
        first |= ((first >> 3 ^ first) & 1) << 31
        second |= ((second >> 3 ^ second >> 2 ^ second >> 1 ^ second) & 1) << 31
        first, second = first >> 1, second >> 1
    return np.array(out)


def middle(samples: Complex, count: int) -> Complex:
    """The `count` subcarriers around the centre, of [..., size] samples of a symbol."""
    bins = np.fft.fft(samples, axis=-1) / np.sqrt(samples.shape[-1])
    half = count // 2
    return np.concatenate([bins[..., -half:], bins[..., 1 : half + 1]], axis=-1)


# -- cell search (36.211, 6.11) --


def pss(second: int) -> Complex:
    n = np.arange(63)
    d: Complex = np.exp(-1j * np.pi * (25, 29, 34)[second] * n * (n + 1) / 63)
    kept: Complex = d[n != 31]
    return kept


def pss_samples(second: int) -> Complex:
    bins = np.zeros(SIZE, complex)
    bins[np.r_[-31:0, 1:32]] = pss(second)
    return np.fft.ifft(bins)


def m_sequence(*taps: int) -> npt.NDArray[np.int64]:
    x = np.zeros(31, int)
    x[4] = 1
    for i in range(26):
        x[i + 5] = x[[i + t for t in taps]].sum() % 2
    return 1 - 2 * x


def sss(first: int, second: int) -> npt.NDArray[np.int64]:
    """[2, 62]: in subframes 0 and 5."""
    s, c, z = m_sequence(2, 0), m_sequence(3, 0), m_sequence(4, 2, 1, 0)
    q1 = first // 30
    q = (first + q1 * (q1 + 1) // 2) // 30
    m = first + q * (q + 1) // 2
    m0 = m % 31
    m1 = (m0 + m // 31 + 1) % 31
    n = np.arange(31)
    d = np.zeros((2, 62), int)
    for half, (a, b) in enumerate([(m0, m1), (m1, m0)]):
        d[half, 0::2] = s[(n + a) % 31] * c[(n + second) % 31]
        d[half, 1::2] = s[(n + b) % 31] * c[(n + second + 3) % 31] * z[(n + a % 8) % 31]
    return d


def search(x: Complex, cells: int = 1) -> list[Found]:
    """The strongest cells by PSS, each with its best SSS; several half frames are added up."""
    halves = len(x) // HALF_FRAME - 1
    span = halves * HALF_FRAME
    heard = x[: span + HALF_FRAME].astype(np.complex64)
    offsets = np.arange(-CFO_REACH, CFO_REACH + 1, CFO_STEP)
    bins_apart = round(CFO_STEP * len(heard) / RATE)
    spectrum = fft.fft(heard)
    energy = np.convolve(np.abs(heard) ** 2, np.ones(SIZE))[SIZE - 1 :][:span]
    energy += 1e-3 * energy.mean() + 1e-30
    metric = np.zeros((3, len(offsets), HALF_FRAME))
    for second in range(3):
        replica = pss_samples(second)
        replica /= np.linalg.norm(replica)
        expected = fft.fft(replica.astype(np.complex64), len(heard)).conj()
        for at in range(len(offsets)):
            moved = np.roll(expected, bins_apart * (at - len(offsets) // 2))
            match = fft.ifft(spectrum * moved)[:span]
            score = np.abs(match) ** 2 / energy
            metric[second, at] = score.reshape(halves, HALF_FRAME).mean(axis=0)
    found = []
    for _ in range(cells):
        second, at, place = (int(n) for n in np.unravel_index(metric.argmax(), metric.shape))
        found.append(_identify(x, second, float(offsets[at]), place))
        near = (place + np.arange(-3, 4)) % HALF_FRAME
        metric[second][:, near] = 0
    return found


def _identify(x: Complex, second: int, cfo: float, place: int) -> Found:
    """Fine frequency by the PSS's two halves, then SSS, duplex and which half frame is first."""
    replica = pss_samples(second)
    starts = np.arange(place, len(x) - SIZE, HALF_FRAME)
    starts = starts[starts >= DISTANCE["tdd"]]
    y = x[starts[:, None] + np.arange(SIZE)] * replica.conj()
    y = y * np.exp(-2j * np.pi * cfo / RATE * np.arange(SIZE))
    turn = np.angle(np.sum(y[:, 64:].sum(axis=1) * y[:, :64].sum(axis=1).conj()))
    cfo += float(turn) / (2 * np.pi) * RATE / 64
    x = x * np.exp(-2j * np.pi * cfo / RATE * np.arange(len(x)))
    channel = middle(x[starts[:, None] + np.arange(SIZE)], 62) * pss(second).conj()
    book = np.stack([sss(first, second) for first in range(168)])  # [168, 2, 62]
    best = Found(-1, "", 0, cfo, 0.0)
    for duplex, distance in DISTANCE.items():
        seen = middle(x[starts[:, None] - distance + np.arange(SIZE)], 62) * channel.conj()
        for phase in (0, 1):  # which of the two half frames the first one seen is
            which = (np.arange(len(starts)) + phase) % 2
            score = np.einsum("hk,fhk->f", seen, book[:, which].astype(complex)).real
            score /= np.linalg.norm(seen) * np.sqrt(62 * len(starts))
            if score.max() > best.score:
                begin = starts[0] - PSS_AT[duplex] - HALF_FRAME * phase
                cell_id = 3 * int(score.argmax()) + second
                frame_at = float(begin % (2 * HALF_FRAME))
                best = Found(cell_id, duplex, frame_at, cfo, float(score.max()))
    return best


# -- broadcast channel (36.211, 6.6 and 6.10.1; 36.212, 5.1 and 5.3.1) --


def crs(cell_id: int, port: int, slot: int, symbol: int, prb: int) -> tuple[Complex, list[int]]:
    """Values and subcarriers of a port's reference signals in one symbol."""
    start = (7 * (slot + 1) + symbol + 1) * (2 * cell_id + 1) * 1024 + 2 * cell_id + 1
    c = gold(start, 4 * 110).reshape(-1, 2)
    r = ((1 - 2 * c[:, 0]) + 1j * (1 - 2 * c[:, 1])) / np.sqrt(2)
    v = {0: 0 if symbol == 0 else 3, 1: 3 if symbol == 0 else 0,
         2: 3 * (slot % 2), 3: 3 + 3 * (slot % 2)}[port]  # fmt: skip
    places = [6 * m + (v + cell_id % 6) % 6 for m in range(2 * prb)]
    return r[110 - prb : 110 + prb], places


def symbols(x: Complex, begin: int, size: int, prb: int) -> Complex:
    """The slot whose first sample is `begin`, [7, subcarriers]: windows 1/64 symbol early, which
    is turned back."""
    early = size // 64
    starts = begin + (10 + 137 * np.arange(7)) * (size // 128) - early
    k = np.delete(np.arange(-6 * prb, 6 * prb + 1), 6 * prb)
    turn = np.exp(2j * np.pi * k * early / size)
    rows: Complex = middle(x[starts[:, None] + np.arange(size)], 12 * prb) * turn
    return rows


def channels(slot: Complex, cell_id: int, number: int, ports: int, prb: int) -> Complex:
    """[ports, 7, subcarriers] of one slot, linear between the reference signals."""
    k = np.arange(12 * prb)
    found = np.zeros((ports, 7, 12 * prb), complex)
    for port in range(ports):
        rows = (0, 4) if port < 2 else (1,)
        seen = []
        for row in rows:
            r, places = crs(cell_id, port, number, row, prb)
            h = slot[row, places] * r.conj()
            seen.append(np.interp(k, places, h.real) + 1j * np.interp(k, places, h.imag))
        for row in range(7):
            part = (row - rows[0]) / 4 if len(rows) > 1 else 0
            found[port, row] = seen[0] + part * (seen[-1] - seen[0])
    return found


def combine(y: Complex, h: Complex) -> tuple[Complex, Real]:
    """Undo the space-frequency code of [n] elements over [ports, n]: symbols and their gain."""
    if len(h) == 1:
        return y * h[0].conj(), np.abs(h[0]) ** 2
    out, gain = np.zeros(len(y), complex), np.zeros(len(y))
    for pair in (0, 1) if len(h) == 4 else (0,):
        a, b = (h[pair], h[pair + 2]) if len(h) == 4 else (h[0], h[1])
        at = np.arange(len(y)).reshape(-1, 2)[pair :: len(h) // 2]
        even, odd = at[:, 0], at[:, 1]
        a, b = (a[even] + a[odd]) / 2, (b[even] + b[odd]) / 2
        out[even] = a.conj() * y[even] + b * y[odd].conj()
        out[odd] = a.conj() * y[odd] - b * y[even].conj()
        gain[even] = gain[odd] = (np.abs(a) ** 2 + np.abs(b) ** 2) / np.sqrt(2)
    return out, gain


def broadcast(x: Complex, begin: int, size: int, cell_id: int, ports: int) -> tuple[Complex, Real]:
    """The 240 symbols of the frame that begins at sample `begin`, as if sent by `ports`."""
    slot = symbols(x, begin + 960 * size // 128, size, 6)
    h = channels(slot, cell_id, 1, ports, 6)
    keep = np.ones((4, 72), bool)
    keep[:2, np.arange(72) % 3 == cell_id % 3] = False
    return combine(slot[:4][keep], h[:, :4][:, keep])


def viterbi(soft: Real) -> npt.NDArray[np.int64]:
    """[batch, 3, n], positive for 0, -> bits [batch, n] of the tail-biting code, by going round
    three times and believing the middle."""
    batch, _, n = soft.shape
    state = np.arange(64)[:, None]  # the last six bits, the newest the highest
    word = state << 1 | np.arange(2)  # with the bit that was pushed out: [64, 2]
    sent = np.array([[bin(w & g).count("1") % 2 for g in (0o133, 0o171, 0o165)]
                     for w in word.reshape(-1).tolist()])  # fmt: skip
    before = word & 63
    metric = np.zeros((batch, 64))
    back = []
    for step in range(3 * n):
        gain = (soft[:, :, step % n] @ (1 - 2 * sent).T).reshape(batch, 64, 2)
        options = metric[:, before] + gain
        back.append(options.argmax(axis=2))
        metric = options.max(axis=2)
    at, rows = metric.argmax(axis=1), np.arange(batch)
    bits = np.zeros((batch, 3 * n), int)
    for step in range(3 * n - 1, -1, -1):
        bits[:, step] = at >> 5
        at = before[at, back[step][rows, at]]
    return bits[:, n : 2 * n]


def gather(soft: Real, count: int) -> Real:
    """Undo rate matching: [..., bits] -> [..., 3, count], repeats added up (36.212, 5.1.4.2)."""
    rows = -(-count // 32)
    order = [int(f"{c:05b}"[::-1], 2) for c in range(32)]
    table = np.arange(32 * rows).reshape(rows, 32)[:, order[16:] + order[:16]].T.reshape(-1)
    table = table[table >= 32 * rows - count] - (32 * rows - count)
    total = np.zeros((*soft.shape[:-1], 3 * count))
    for first in range(0, soft.shape[-1], 3 * count):
        part = soft[..., first : first + 3 * count]
        total[..., : part.shape[-1]] += part
    out = np.zeros((*soft.shape[:-1], 3, count))
    out[..., table] = total.reshape(*soft.shape[:-1], 3, count)
    return out


def remainder(bits: npt.NDArray[np.int64]) -> int:
    """The CRC16 of all but the last 16 bits, against those: the mask (36.212, 5.1.1)."""
    register = 0
    for bit in [*bits[:-16].tolist(), *[0] * 16]:
        register = register << 1 | bit
        register ^= 0x11021 if register >> 16 else 0
    return register ^ int("".join(map(str, bits[-16:])), 2)


def soft_bits(y: Complex) -> Real:
    return np.stack([y.real, y.imag], axis=1).reshape(-1)


def decode_mib(x: Complex, found: Found) -> Mib | None:
    """From every frame alone, all port counts and all four positions; the first that fits."""
    x = x * np.exp(-2j * np.pi * found.cfo_hz / RATE * np.arange(len(x)))
    scrambling = 1 - 2 * gold(found.cell_id, 1920).reshape(4, 480)
    masks = {1: 0, 2: 0xFFFF, 4: 0x5555}
    begins = range(round(found.frame_at), len(x) - 2 * 960 - 2 * SIZE, 2 * HALF_FRAME)
    for number, begin in enumerate(begins):
        for ports, mask in masks.items():
            y, _ = broadcast(x, begin, SIZE, found.cell_id, ports)
            copies = (soft_bits(y) * scrambling).reshape(4, 480)
            for quarter, bits in enumerate(viterbi(gather(copies, 40))):
                text = "".join(map(str, bits))
                width = int(text[:3], 2)
                if remainder(bits) == mask and width < len(WIDTHS):
                    return Mib(
                        WIDTHS[width], int(text[3]), ("1/6", "1/2", "1", "2")[int(text[4:6], 2)],
                        (int(text[6:14], 2) * 4 + quarter - number) % 1024, ports,
                    )  # fmt: skip
    return None


# -- control region (36.211, 6.7 and 6.8; 36.212, 5.3.3 and 5.3.4) --


@dataclass(frozen=True)
class Subframe:
    """One subframe's elements and the channel over them, [ports, 14 * subcarriers]."""

    cell_id: int
    number: int
    elements: Complex
    channel: Complex


def subframe(
    x: Complex, begin: float, size: int, cell_id: int, number: int, ports: int, prb: int
) -> Subframe:
    slots = [symbols(x, round(begin + 7.5 * size * half), size, prb) for half in (0, 1)]
    h = [channels(slots[half], cell_id, 2 * number + half, ports, prb) for half in (0, 1)]
    return Subframe(
        cell_id, number, np.concatenate(slots).reshape(-1),
        np.concatenate(h, axis=1).reshape(ports, -1),
    )  # fmt: skip


def read_cfi(seen: Subframe, places: npt.NDArray[np.int64]) -> tuple[int, float]:
    """The control format indicator and how well it fits, 1 at best."""
    y, _ = combine(seen.elements[places], seen.channel[:, places])
    start = (seen.number + 1) * (2 * seen.cell_id + 1) * 512 + seen.cell_id
    soft = soft_bits(y) * (1 - 2 * gold(start, 32))
    words = 1 - 2 * np.array([np.resize(w, 32) for w in ([0, 1, 1], [1, 0, 1], [1, 1, 0])])
    fit = words @ soft / np.linalg.norm(soft) / np.sqrt(32)
    return int(fit.argmax()) + 1, float(fit.max())


def common_grants(seen: Subframe, cces: npt.NDArray[np.int64], length: int) -> list[int]:
    """Identities (RNTI) for everyone in the common search space: system information and paging."""
    scrambling = 1 - 2 * gold(seen.number * 512 + seen.cell_id, 72 * 16)
    tries = []
    for level in (4, 8):
        for first in range(0, min(16, len(cces)) - level + 1, level):
            places = cces[first : first + level].reshape(-1)
            y, _ = combine(seen.elements[places], seen.channel[:, places])
            soft = soft_bits(y) * scrambling[72 * first : 72 * (first + level)]
            tries.append(gather(soft, length + 16))
    masks = [remainder(bits) for bits in viterbi(np.stack(tries))] if tries else []
    return [mask for mask in masks if mask >= 0xFFFE]
