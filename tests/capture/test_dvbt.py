"""DVB-T: a receiver that finds symbols by the guard, then pilots, TPS and the constellation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.dvbt import Dvbt
from radiofm_capture.scenes.dvbt.pilots import continual, reference, tps
from radiofm_capture.scenes.signal import Iq
from tests.capture.air import density_db, occupied, rng, with_noise

RATE = 64e6 / 7
GUARD = {"1/32": 32, "1/16": 16, "1/8": 8, "1/4": 4}
SYNC_WORDS = ("0011010111101110", "1100101000010001")
FIELDS = {  # places in a frame from the sync word on (table 9)
    "sync": (0, 16), "length": (16, 22), "frame": (22, 24), "constellation": (24, 26),
    "hierarchy": (26, 29), "high rate": (29, 32), "low rate": (32, 35), "guard": (35, 37),
    "mode": (37, 39),
}  # fmt: skip
CASES = [
    Dvbt(mode="2k", guard="1/4", constellation="qpsk", code_rate="1/2"),
    Dvbt(mode="2k", guard="1/32", constellation="64qam", code_rate="7/8"),
    Dvbt(mode="8k", guard="1/16", constellation="16qam", code_rate="3/4"),
]


def symbols_of(iq: Iq, size: int, guard: int) -> npt.NDArray[np.complex128]:
    """[symbols, carriers], unequalised, by the guard's likeness to the symbol's end."""
    alike = iq[:-size] * iq[size:].conj()
    total = np.cumsum(np.concatenate([[0], alike]))
    score = np.abs(total[guard:] - total[:-guard])
    period = size + guard
    rows = len(score) // period
    folded = score[: rows * period].reshape(rows, period).sum(0)
    start = int(folded.argmax())
    assert folded[start] > 2 * np.median(folded)
    blocks = iq[start : start + (len(iq) - start) // period * period].reshape(-1, period)
    spectrum = np.fft.fft(blocks[:, guard:], axis=1) / np.sqrt(size)
    half = 852 * size // 2048
    return np.concatenate([spectrum[:, -half:], spectrum[:, : half + 1]], axis=1)


@pytest.mark.parametrize("waveform", CASES, ids=lambda w: f"{w.mode}-{w.constellation}")
def test_pilots_tps_and_data_are_in_their_places(waveform: Dvbt) -> None:
    size = 2048 * waveform.spans
    guard = size // GUARD[waveform.guard]
    iq, _ = waveform.render(RATE, 140 * (size + guard), 0, rng())
    grid = symbols_of(with_noise(iq, waveform, RATE, 30), size, guard)
    grid *= 1 / np.sqrt(np.mean(np.abs(grid) ** 2))
    signs = reference(grid.shape[1])
    always = continual(waveform.spans)
    assert len(always) == {"2k": 45, "8k": 177}[waveform.mode]
    grid *= np.exp(-1j * np.angle((grid[:, always] * signs[always]).sum()))
    pilots = grid[:, always] * signs[always]
    amplitude = pilots.real.mean()
    assert np.std(pilots) < 0.07 * amplitude
    phase = scattered_phase(grid * signs, amplitude)
    data = np.ones(grid.shape, bool)
    data[:, [*always, *tps(waveform.spans)]] = False
    for n in range(len(grid)):
        where = np.arange(3 * ((n + phase) % 4), grid.shape[1], 12)
        here = grid[n, where] * signs[where]
        assert np.abs(here.mean() / amplitude - 1) < 0.02
        data[n, where] = False
    check_constellation(grid[data] * (4 / 3 / amplitude), waveform.constellation)
    check_signalling(grid[:, tps(waveform.spans)].real, waveform)


def scattered_phase(grid: npt.NDArray[np.complex128], amplitude: float) -> int:
    score = [grid[::4, 3 * p :: 12].real.mean() for p in range(4)]
    assert max(score) > 0.9 * amplitude
    return int(np.argmax(score))


def check_constellation(points: npt.NDArray[np.complex128], name: str) -> None:
    """Unit mean power on the points of EN 300 744, 4.3.5, each of them used."""
    levels = {"qpsk": 2, "16qam": 4, "64qam": 8}[name]
    scale = np.sqrt(2 * (levels**2 - 1) / 3)
    nearest = 2 * np.floor(points.real * scale / 2) + 1 + 1j * (
        2 * np.floor(points.imag * scale / 2) + 1
    )  # fmt: skip
    assert np.abs(nearest.real).max() <= levels + 1
    error = np.sqrt(np.mean(np.abs(points * scale - nearest) ** 2)) / scale
    assert error < 0.06  # 30 dB of noise is 0.03
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1, rel=0.02)


def check_signalling(cells: npt.NDArray[np.float64], waveform: Dvbt) -> None:
    """DBPSK from symbol to symbol; the sync word begins the 67 bits of a frame (4.6.2)."""
    alike = (cells[1:] * cells[:-1]).mean(axis=1)
    assert np.abs(alike).min() > 0.8
    bits = "".join("1" if value < 0 else "0" for value in alike)
    starts = [n for n in range(len(bits) - 66) if bits[n : n + 16] in SYNC_WORDS]
    frames = [bits[n : n + 67] for n in starts if bch_holds(bits[n : n + 67])]
    assert frames
    for frame in frames:
        fields = dict(zip(FIELDS, [frame[a:b] for a, b in FIELDS.values()], strict=True))
        assert (fields["sync"] == SYNC_WORDS[0]) == (fields["frame"] in ("00", "10"))
        assert fields["length"] == "010111" and fields["hierarchy"] == fields["low rate"] == "000"
        order = ["qpsk", "16qam", "64qam"].index(waveform.constellation)
        assert int(fields["constellation"], 2) == order
        order = ["1/2", "2/3", "3/4", "5/6", "7/8"].index(waveform.code_rate)
        assert int(fields["high rate"], 2) == order
        assert int(fields["guard"], 2) == ["1/32", "1/16", "1/8", "1/4"].index(waveform.guard)
        assert fields["mode"] == {"2k": "00", "8k": "01"}[waveform.mode]


def bch_holds(frame: str) -> bool:
    """BCH(67, 53) with x^14 + x^9 + x^8 + x^6 + x^5 + x^4 + x^2 + x + 1."""
    value = int(frame, 2)
    for n in range(66, 13, -1):
        value ^= 0b100001101110111 << n - 14 if value >> n & 1 else 0
    return value == 0


@pytest.mark.parametrize("mode", ["2k", "8k"])
def test_it_fills_7_61_mhz(mode: Literal["2k", "8k"]) -> None:
    waveform = Dvbt(mode=mode)
    assert waveform.bandwidth_hz == pytest.approx(7.61e6, abs=5e3)
    rate = 16e6
    iq, _ = waveform.render(rate, round(0.02 * rate), 0, rng())
    assert occupied(iq, rate) == pytest.approx(0.99 * 7.61e6, rel=0.01)
    frequency, level = density_db(iq, rate, 20e3)
    inside = np.abs(frequency) < 3.78e6
    assert np.ptp(np.convolve(level[inside], np.ones(50) / 50, "valid")) < 1.5
    assert level[np.abs(frequency) > 6e6].max() < level[inside].mean() - 40
