"""Wi-Fi is received by the receiver below, which was written from the standard's receiving side,
and which reads the real recordings as well. Clauses are of IEEE 802.11-2020."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from radiofm_capture.scenes.signal import Burst, Iq
from radiofm_capture.scenes.wifi import Wifi, draw_wifi

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
Bits = npt.NDArray[np.int64]

LTF = "++--++-+-++++++--++-+-++++0+--++-+-+-----++--+-+-++++"  # -26 .. 26 (17.3.3)
LTF_SIGNS = np.array([{"+": 1, "-": -1, "0": 0}[c] for c in LTF], float)
K = np.arange(-26, 27)
MBIT = {
    0b1101: 6,
    0b1111: 9,
    0b0101: 12,
    0b0111: 18,
    0b1001: 24,
    0b1011: 36,
    0b0001: 48,
    0b0011: 54,
}
LEGACY_RATES = {  # Mb/s -> bits a tone, numerator and denominator of the code's rate (table 17-4)
    6: (1, 1, 2), 9: (1, 3, 4), 12: (2, 1, 2), 18: (2, 3, 4),
    24: (4, 1, 2), 36: (4, 3, 4), 48: (6, 2, 3), 54: (6, 3, 4),
}  # fmt: skip
WIDE_RATES = (
    (1, 1, 2), (2, 1, 2), (2, 3, 4), (4, 1, 2), (4, 3, 4), (6, 2, 3), (6, 3, 4), (6, 5, 6),
    (8, 3, 4), (8, 5, 6),
)  # fmt: skip
WIDE_PILOTS = {
    64: (21, 7), 128: (53, 25, 11), 256: (103, 75, 39, 11),
}  # fmt: skip
WIDE_SIGNS = {64: "+++-", 128: "+++--+", 256: "+++--+++"}
LAST = {64: 28, 128: 58, 256: 122}
COLUMNS = {64: 13, 128: 18, 256: 26}


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def number(bits: Bits) -> int:
    """The first bit is the lowest."""
    return int(sum(int(b) << n for n, b in enumerate(bits)))


def viterbi(soft: Floats) -> Bits:
    """Metrics [n, 2], positive for a one, of g0 = 133 and g1 = 171 -> n bits."""
    state = np.arange(64)
    registers = state[:, None] << 1 | np.array([0, 1])
    outputs = np.stack(
        [[[bin(r & g).count("1") % 2 for r in pair] for pair in registers] for g in (0o133, 0o171)]
    )
    signs = 2.0 * outputs - 1
    before = registers & 63
    metric = np.full(64, -1e9)
    metric[0] = 0
    came = np.empty((len(soft), 64), np.int8)
    rows = np.arange(64)
    for n, (a, b) in enumerate(soft):
        paths = metric[before] + a * signs[0] + b * signs[1]
        came[n] = paths[:, 1] > paths[:, 0]
        metric = paths[rows, came[n]]
    at, bits = 0, np.empty(len(soft), np.int64)
    for n in range(len(soft) - 1, -1, -1):
        bits[n] = at >> 5
        at = int(before[at, came[n, at]])
    return bits


def decode(points: Complexes, per_tone: int, up: int, down: int, columns: int) -> Bits:
    """Equalised points [symbols, tones] -> descrambler's input: demap, deinterleave, Viterbi."""
    levels = 2 ** max(per_tone // 2, 1)
    scale = np.sqrt({1: 1, 2: 2, 4: 10, 6: 42, 8: 170}[per_tone])
    gray = {v ^ v >> 1: v for v in range(levels)}
    words = np.array([[w >> n & 1 for n in range(max(per_tone // 2, 1))][::-1] for w in
                      sorted(gray, key=gray.__getitem__)])  # fmt: skip
    axes = [points.real] if per_tone == 1 else [points.real, points.imag]
    soft = []
    for axis in axes:
        index = np.clip(np.rint((axis * scale + levels - 1) / 2), 0, levels - 1).astype(int)
        soft.append(2.0 * words[index] - 1)
    received = np.concatenate(soft, axis=2).reshape(len(points), -1)
    coded, s = received.shape[1], max(per_tone // 2, 1)
    j = np.arange(coded)
    i = s * (j // s) + (j + columns * j // coded) % s  # 17.3.5.7
    k = columns * i - (coded - 1) * (i // (coded // columns))
    stream = np.empty_like(received)
    stream[:, k] = received
    kept = {(1, 2): "11", (2, 3): "1110", (3, 4): "111001", (5, 6): "1110011001"}[up, down]
    full = np.zeros((stream.size // kept.count("1"), len(kept)))
    full[:, [n for n, c in enumerate(kept) if c == "1"]] = stream.reshape(len(full), -1)
    return viterbi(full.reshape(-1, 2))


def descramble(bits: Bits) -> Bits:
    """The first seven bits are the scrambler's own, since SERVICE starts with zeros."""
    sequence = bits[:7].tolist()
    while len(sequence) < len(bits):
        sequence.append(sequence[-4] ^ sequence[-7])
    return np.asarray(bits ^ np.array(sequence))


def has_fcs(frame: bytes) -> bool:
    return len(frame) > 4 and zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little")


def crc8_is_right(bits: Bits) -> bool:
    """Of HT-SIG and VHT-SIG-A: 34 bits and 8 of CRC (19.3.9.4.4)."""
    register = [1] * 8
    for bit in bits[:34]:
        top = register[7] ^ int(bit)
        register = [top, register[0] ^ top, register[1] ^ top, *register[2:7]]
    return bool(np.array_equal(1 - np.array(register[::-1]), bits[34:42]))


def polarity(n: int) -> float:
    state, out = [1] * 7, []
    for _ in range(127):
        out.append(state[3] ^ state[6])
        state = [out[-1], *state[:6]]
    return 1.0 - 2 * out[n % 127]


@dataclass
class Received:
    mbit: int
    length: int
    kind: str
    psdu: bytes = b""
    mcs: int = -1
    evm: float = 0.0
    cfo_hz: float = 0.0
    crc_ok: bool = False


class Receiver:
    """Of one PPDU whose L-LTF's first long symbol begins at sample `at` of a channel's samples."""

    def __init__(self, iq: Iq, at: int, width_hz: float) -> None:
        self.size, self.rate = round(width_hz / 312.5e3), width_hz
        self.scale = self.size // 64
        one = iq[at : at + self.size].astype(complex)
        two = iq[at + self.size : at + 2 * self.size]
        self.cfo = float(np.angle(np.vdot(one, two))) / self.size  # radians a sample
        self.iq = iq * np.exp(-1j * self.cfo * np.arange(len(iq)))
        self.early = 4 * self.scale  # into the prefix
        self.at = at - self.early
        pair = self._spectra(self.at, 2, 0)
        self.channel = pair.mean(axis=0)
        self.at += 2 * self.size

    def _spectra(self, at: int, count: int, guard: int) -> Complexes:
        step = self.size + guard
        blocks = self.iq[at : at + count * step].reshape(count, step)[:, guard:]
        return np.asarray(np.fft.fftshift(np.fft.fft(blocks, axis=1), axes=1))

    def legacy(self, count: int, first: int) -> Complexes:
        """Data of `count` symbols in the first 20 MHz [count, 48]; `first` counts from L-SIG."""
        guard = self.size // 4
        spectra = self._spectra(self.at, count, guard)[:, :64]
        self.at += count * (self.size + guard)
        points = spectra[:, 32 + K] * LTF_SIGNS / (self.channel[32 + K] + (K == 0))
        return self._track(points, K, (-21, -7, 7, 21), "+++-", first, False)

    def _track(
        self, points: Complexes, tones: Bits, pilots: tuple[int, ...], signs: str, first: int,
        rolling: bool,
    ) -> Complexes:  # fmt: skip
        """Phase by the pilots; what is left are the data tones."""
        where = [int(np.flatnonzero(tones == p)[0]) for p in pilots]
        base = np.array([1.0 if c == "+" else -1.0 for c in signs])
        for n, row in enumerate(points):
            expected = polarity(first + n) * np.roll(base, -n if rolling else 0)
            row *= np.exp(-1j * np.angle(np.sum(row[where] * expected)))
        others = [i for i, k in enumerate(tones) if k and i not in where]
        return points[:, others]

    def receive(self) -> Received:
        signal = decode(self.legacy(1, 0), 1, 1, 2, 16)
        rate = int("".join(map(str, signal[:4])), 2)
        if signal[:18].sum() % 2 or signal[18:].any() or rate not in MBIT or signal[4]:
            raise ValueError("no L-SIG")
        got = Received(MBIT[rate], number(signal[5:17]), "non-HT")
        got.cfo_hz = self.cfo * self.rate / 2 / np.pi
        if got.mbit == 6 and got.length % 3 == 0 and self.at + self.size * 3 < len(self.iq):
            here = self.at
            sig = self.legacy(2, 1)
            quarter = np.mean(sig.imag**2, axis=1) > np.mean(sig.real**2, axis=1)
            if quarter[0]:
                return self._ht(got, sig)
            if quarter[1]:
                return self._vht(got, sig)
            self.at = here
        per_tone, up, down = LEGACY_RATES[got.mbit]
        count = -(-(16 + 8 * got.length + 6) // (48 * per_tone * up // down))
        points = self.legacy(count, 1)
        got.evm = evm(points, per_tone)
        bits = descramble(decode(points, per_tone, up, down, 16))
        got.psdu = pack(bits[16:])[: got.length]
        got.crc_ok = has_fcs(got.psdu)
        return got

    def _ht(self, got: Received, sig: Complexes) -> Received:
        bits = decode(sig * -1j, 1, 1, 2, 16)
        got.kind, got.mcs, got.length = "HT", number(bits[:7]), number(bits[8:24])
        got.crc_ok = crc8_is_right(bits)
        if not got.crc_ok or got.mcs > 7 or 20e6 * (1 + bits[7]) != self.rate:
            return got
        bits = self._wide(got, bool(bits[31]), 3, got.length)
        got.psdu = pack(descramble(bits)[16:])[: got.length]
        got.crc_ok = has_fcs(got.psdu)
        return got

    def _vht(self, got: Received, sig: Complexes) -> Received:
        sig[1] *= -1j
        bits = decode(sig, 1, 1, 2, 16)
        got.kind, got.mcs, got.crc_ok = "VHT", number(bits[28:32]), crc8_is_right(bits)
        assert 20e6 * 2 ** number(bits[:2]) == self.rate
        left_us = 4 * (got.length + 3) // 3 - 8 - 4 - 4 - 4
        symbols = int(left_us / (3.6 if bits[24] else 4)) - int(bits[25])
        payload = descramble(self._wide(got, bool(bits[24]), 4, symbols=symbols))
        got.psdu = pack(payload[16:-6])
        return got

    def _wide(
        self, got: Received, short: bool, first: int, length: int = 0, symbols: int = 0
    ) -> Bits:
        """HT- or VHT-LTF, VHT-SIG-B, and the data, before the descrambler."""
        size, last = self.size, LAST[self.size]
        tones = np.arange(-last, last + 1)
        pilots = tuple(-p for p in WIDE_PILOTS[size]) + WIDE_PILOTS[size][::-1]
        known = wide_ltf(size)
        self.at += size + size // 4  # the STF
        channel = self._spectra(self.at, 1, size // 4)[0][size // 2 + tones]
        self.at += size + size // 4
        gone = known == 0
        channel = np.where(gone, 1, channel * known)
        if first == 4:
            points = self._spectra(self.at, 1, size // 4)[:, size // 2 + tones] / channel
            self.at += size + size // 4
            sig_b = self._track(points, tones * ~gone, pilots, WIDE_SIGNS[size], 3, True)
            bits = decode(sig_b, 1, 1, 2, COLUMNS[size])
            assert number(bits[: {64: 17, 128: 19, 256: 21}[size]]) * 4 > 0
        per_tone, up, down = WIDE_RATES[got.mcs]
        per_symbol = int(np.count_nonzero(known) - len(pilots)) * per_tone * up // down
        symbols = symbols or -(-(16 + 8 * length + 6) // per_symbol)
        guard = size // 8 if short else size // 4
        spectra = self._spectra(self.at, symbols, guard)[:, size // 2 + tones] / channel
        points = self._track(spectra, tones * ~gone, pilots, WIDE_SIGNS[size], first, True)
        got.evm = evm(points, per_tone)
        return decode(points, per_tone, up, down, COLUMNS[size])


def wide_ltf(size: int) -> Floats:
    """-last .. last (19.3.9.4.6, 21.3.8.3.5)."""
    quarter, middle = LTF.replace("0", "+"), "---++-+-++-"
    text = {
        64: "++" + LTF + "--",
        128: quarter + "---+000-++-" + quarter,
        256: quarter + middle + quarter + "+-+-000+--+" + quarter + middle + quarter,
    }[size]
    return np.array([{"+": 1.0, "-": -1.0, "0": 0.0}[c] for c in text])


def evm(points: Complexes, per_tone: int) -> float:
    levels = 2 ** max(per_tone // 2, 1)
    scale = np.sqrt({1: 1, 2: 2, 4: 10, 6: 42, 8: 170}[per_tone])

    def near(axis: Floats) -> Floats:
        index = np.clip(np.rint((axis * scale + levels - 1) / 2), 0, levels - 1)
        return np.asarray((2 * index - levels + 1) / scale)

    ideal = near(points.real) + (0 if per_tone == 1 else 1j * near(points.imag))
    return float(np.sqrt(np.mean(np.abs(points - ideal) ** 2)))


def pack(bits: Bits) -> bytes:
    whole = bits[: len(bits) // 8 * 8].astype(np.uint8)
    return np.packbits(whole, bitorder="little").tobytes()


def mpdus(ampdu: bytes) -> Iterator[bytes]:
    """Of an A-MPDU, by its delimiters (9.7.1)."""
    at = 0
    while at + 4 <= len(ampdu):
        word = int.from_bytes(ampdu[at : at + 2], "little")
        length = (word >> 4) | (word >> 2 & 3) << 12
        assert ampdu[at + 3] == 0x4E
        if length:
            yield ampdu[at + 4 : at + 4 + length]
        at += 4 + -(-length // 4) * 4


def preambles(iq: Iq) -> list[int]:
    """Where long training symbols begin at 20 MS/s: two peaks of correlation 64 samples apart."""
    spectrum = np.zeros(64, complex)
    spectrum[K % 64] = LTF_SIGNS
    pattern = np.fft.ifft(spectrum)
    match = np.abs(np.correlate(iq, pattern, "valid"))
    power = np.convolve(np.abs(iq) ** 2, np.ones(64), "valid") * np.vdot(pattern, pattern).real
    score = match / np.sqrt(power + 1e-12)
    both = np.minimum(score[:-64], score[64:])
    found = [
        n for n in np.flatnonzero(both > 0.6) if both[n] == both[max(0, n - 80) : n + 80].max()
    ]
    return [int(n) for n in found]


CASES: list[dict[str, Any]] = [
    {"phy": "ofdm", "mcs": range(8)},
    {"phy": "ht", "mcs": range(8), "stations": 8},
    {"phy": "ht", "mcs": (7,), "short_guard": True, "aggregate": 3},
    {"phy": "ht", "mcs": (3,), "width_hz": 40e6},
    {"phy": "vht", "mcs": (8,)},
    {"phy": "vht", "mcs": (4, 9), "width_hz": 40e6, "short_guard": True},
    {"phy": "vht", "mcs": (5, 9), "width_hz": 80e6, "aggregate": 2},
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['phy']}{c.get('width_hz', 20e6):g}")
def test_frames_are_decoded(case: dict[str, Any]) -> None:
    wifi = Wifi(load=1.0, error_hz=0.0, **{**case, "mcs": tuple(case["mcs"])})
    rate = wifi.width_hz
    # At twice the rate nothing of the signal is lost, so every other sample is the transmitter's.
    iq, bursts = wifi.render(2 * rate, round(0.012 * rate), 0.0, rng())
    kinds = set()
    for burst in apart(bursts)[:8]:
        if burst.start == 0 or burst.start + burst.count >= len(iq):
            continue
        got = Receiver(iq[burst.start :: 2], round(9.6e-6 * rate), rate).receive()
        kinds.add(got.kind)
        assert got.evm < 0.002 and abs(got.cfo_hz) < 1
        if wifi.aggregate > 1 or got.kind == "VHT":
            frames = list(mpdus(got.psdu)) if got.kind != "non-HT" else [got.psdu]
            assert 1 <= len(frames) <= wifi.aggregate and all(has_fcs(f) for f in frames)
        else:
            assert got.crc_ok
    assert kinds == {"non-HT"} | ({wifi.phy.upper()} if wifi.phy != "ofdm" else set())


def apart(bursts: list[Burst]) -> list[Burst]:
    """Without the collisions."""
    starts = [b.start for b in bursts]
    return [b for b in bursts if starts.count(b.start) == 1]


@pytest.mark.parametrize(
    ("name", "frames", "kinds"),
    [
        ("wifi-11a-6mbps-conducted", 20, {"non-HT"}),
        ("wifi-11n-6.5mbps-radiated", 65, {"non-HT", "HT"}),
        ("wifi-11n-26mbps-radiated", 24, {"non-HT", "HT"}),
        ("wifi-11n-19.5mbps-conducted", 35, {"non-HT", "HT"}),
    ],
)
def test_the_receiver_reads_real_recordings(
    shared_iq: Path, name: str, frames: int, kinds: set[str]
) -> None:
    """So what it says of the generated ones counts. Two streams (MCS 15) pass by HT-SIG's CRC."""
    counts = np.fromfile(shared_iq / f"{name}.sigmf-data", np.int16).astype(np.float32)
    iq = counts.view(np.complex64)
    got = [Receiver(iq[at - 200 :], 200, 20e6).receive() for at in preambles(iq)[:frames]]
    assert len(got) == frames and {g.kind for g in got} == kinds
    assert sum(g.crc_ok for g in got) >= 0.95 * frames
    assert {g.mbit for g in got} <= {6, 24} and max(abs(g.cfo_hz) for g in got) < 40e3
    if kinds == {"non-HT"}:  # data and their acknowledgements in turn
        assert [g.length for g in got] == [138, 14] * 10


@pytest.mark.parametrize(
    ("wifi", "rate", "mask"),
    [  # MHz from the centre and dB below the peak, in between linear
        (Wifi(phy="ofdm"), 80e6, ((9, 0), (11, -20), (20, -28), (30, -40))),  # 17.3.9.3
        (Wifi(phy="ht", mcs=(7,)), 80e6, ((9, 0), (11, -20), (20, -28), (30, -45))),  # 19.3.18.1
        (Wifi(width_hz=40e6), 160e6, ((19, 0), (21, -20), (40, -28), (60, -45))),
        (Wifi(phy="vht", width_hz=80e6), 240e6, ((39, 0), (41, -20), (80, -28), (120, -40))),
        (Wifi(phy="dsss", mcs=(0, 3)), 88e6, ((11, 0), (11.01, -30), (22, -30), (22.01, -50))),
    ],
    ids=["ofdm", "ht20", "ht40", "vht80", "dsss"],
)  # fmt: skip
def test_spectra_keep_to_the_masks(
    wifi: Wifi, rate: float, mask: tuple[tuple[float, float], ...]
) -> None:
    sure = wifi.model_copy(update={"load": 1.0, "error_hz": 0.0})
    iq, bursts = sure.render(rate, round(0.01 * rate), 0.0, rng())
    resolution = 100e3  # Hz, as the clauses want it
    size = round(rate / resolution)
    blocks = iq[: len(iq) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.fft.fftshift(np.mean(np.abs(np.fft.fft(blocks, axis=1)) ** 2, axis=0))
    level = 10 * np.log10(power / power.max() + 1e-12)
    away = np.abs(np.fft.fftshift(np.fft.fftfreq(size, 1 / rate))) / 1e6
    at, limit = np.array(mask).T
    assert (level <= np.interp(away, at, limit) + 0.1).all()
    edge = max(b.high_hz for b in bursts)
    inside = power[away * 1e6 < edge].sum() / power.sum()
    assert inside > 0.985  # the truth's boxes hold the signal


def test_interframe_spaces() -> None:
    for wifi, sifs, slot, late in (
        (Wifi(phy="ht", load=1.0), 16.0, 9.0, 0.06),
        (Wifi(phy="dsss", mcs=(3,), load=1.0), 10.0, 20.0, 0.8),  # pulses begin before the chips
    ):
        rate = 20e6
        _, bursts = wifi.render(rate, round(0.016 * rate), 0.0, rng())
        ends = np.maximum.accumulate([b.start + b.count for b in bursts])
        gaps = (np.array([b.start for b in bursts[1:]]) - ends[:-1]) / rate * 1e6  # us
        gaps = gaps[gaps > 0]  # not within collisions
        answers = np.isclose(gaps, sifs, atol=late)
        assert 0.3 < answers.mean() <= 0.55
        slots = (gaps[~answers] - sifs - 2 * slot) / slot  # a DIFS, then the backoff
        assert np.allclose(slots, np.rint(slots), atol=late / slot * 2)
        assert slots.min() > -0.1 and len(set(np.rint(slots))) > 3


def test_load_is_the_busy_share() -> None:
    for load in (0.1, 0.5):
        rate = 1e6
        _, bursts = Wifi(phy="ofdm", mcs=(7,), load=load).render(rate, 1_000_000, 0.0, rng())
        share = sum(b.count for b in apart(bursts)) / 1e6
        assert 0.5 * load < share < 1.05 * load  # exchanges have spaces


def test_beacons_come_at_their_targets_in_the_primary_channel() -> None:
    wifi = Wifi(width_hz=40e6, primary=1, load=0.0, error_hz=0.0)
    _, bursts = wifi.render(1e6, 1_000_000, -10e6, rng())
    assert 9 <= len(bursts) <= 10
    intervals = np.diff([b.start for b in bursts])
    assert np.abs(intervals - 102_400).max() < 15 * 9 + 2  # us; backoff
    assert all(abs(b.low_hz + b.high_hz) < 1 for b in bursts)


def test_a_beacon_is_one() -> None:
    wifi = Wifi(phy="ofdm", load=0.0, error_hz=0.0)
    iq, bursts = wifi.render(40e6, round(0.11 * 40e6), 0.0, rng())
    got = Receiver(iq[bursts[0].start :: 2], 192, 20e6).receive()
    assert got.crc_ok and got.mbit == 6
    assert got.psdu[:2] == b"\x80\x00" and got.psdu[4:10] == b"\xff" * 6
    assert int.from_bytes(got.psdu[32:34], "little") == 100


def test_any_rate_and_place_keep_power_and_frames() -> None:
    wifi = Wifi(phy="ofdm", mcs=(2,), load=1.0, error_hz=0.0)
    for rate, offset in (
        (61.44e6, 7.3e6),
        (30.72e6, -4.1e6),
        (25.000123e6, 1e6),
    ):  # the last is met to 5 ppm
        iq, bursts = wifi.render(rate, round(0.004 * rate), offset, rng())
        again, _ = wifi.render(rate, round(0.004 * rate), offset, rng())
        np.testing.assert_array_equal(iq, again)
        burst = max(apart(bursts), key=lambda b: b.count)
        piece = iq[burst.start : burst.start + burst.count]
        assert np.vdot(piece, piece).real / burst.count == pytest.approx(1, rel=0.03)
        turned = piece * np.exp(-2j * np.pi * offset / rate * np.arange(len(piece)))
        time = np.arange(round(len(piece) / rate * 20e6) + 20) / 20e6
        back = _sinc(turned, time * rate)
        got = Receiver(back.astype(np.complex64), 192, 20e6).receive()
        assert got.crc_ok and got.evm < (0.02 if rate % 1e3 == 0 else 0.1)


def _sinc(iq: Iq, at: Floats) -> Complexes:
    """Band-limited interpolation by a windowed sinc of 10 MHz."""
    taps = np.arange(-32, 33)
    base = np.rint(at).astype(int)
    index = base[:, None] + taps
    padded = np.where((index >= 0) & (index < len(iq)), iq[np.clip(index, 0, len(iq) - 1)], 0)
    distance = at[:, None] - index
    window = np.cos(np.pi * distance / 66) ** 2
    return np.asarray(np.sum(padded * np.sinc(distance) * window, axis=1))


def test_part_of_a_channel_is_what_a_narrow_receiver_hears() -> None:
    wifi = Wifi(phy="ofdm", load=1.0, error_hz=0.0)
    iq, bursts = wifi.render(5e6, 50_000, 3e6, rng())
    on = sum(b.count for b in apart(bursts))
    assert np.vdot(iq, iq).real / on == pytest.approx(5 * 0.96 / 16.6, rel=0.15)
    iq, bursts = wifi.render(5e6, 5_000, 40e6, rng())
    assert not bursts and not iq.any()


@pytest.mark.parametrize("seed", range(12))
def test_drawn_networks_render_and_round_trip(seed: int) -> None:
    generator = rng(seed)
    rate = float(generator.choice([2.4e6, 10e6, 20e6, 61.44e6]))
    wifi = draw_wifi(generator, rate)
    assert wifi == Wifi.model_validate_json(wifi.model_dump_json())
    iq, bursts = wifi.render(rate, round(0.004 * rate), 0.0, generator)
    assert iq.dtype == np.complex64 and np.isfinite(iq).all()
    assert all(b.start >= 0 < b.count and b.start + b.count <= len(iq) for b in bursts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"phy": "dsss", "width_hz": 40e6}, "width_hz 4e.07 is not of dsss: use 2e.07"),
        ({"phy": "vht", "mcs": (9,)}, "mcs 9 is not of vht: use 0 to 8"),
        ({"width_hz": 40e6, "primary": 2}, "primary 2 is beyond width_hz"),
    ],
)
def test_impossible_networks_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Wifi(**wrong)
