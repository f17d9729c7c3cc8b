"""802.15.4 is received by despreading (IEEE 802.15.4-2020, clause 12)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.signal import Burst, Iq
from radiofm_capture.scenes.zigbee import Zigbee, draw_zigbee

RATE = 16e6
ROWS = {  # of the table 12-1, the first, the second, and the ninth
    0: "11011001110000110101001000101110",
    1: "11101101100111000011010100100010",
    8: "10001100100101100000011101111011",
}


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def crc(data: bytes) -> int:
    """The reflected register of 7.2.11, from zero."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return register


def receive(iq: Iq, burst: Burst, offset_hz: float) -> bytes:
    """The PSDU, by the symbol whose chips fit best; phase and gain by the preamble."""
    piece = iq[burst.start : burst.start + burst.count]
    piece = piece * np.exp(-2j * np.pi * offset_hz / RATE * np.arange(len(piece)))
    zero = np.array([int(c) for c in ROWS[0]])
    table = [np.roll(zero, 4 * n) for n in range(8)]
    table += [row ^ (np.arange(32) % 2) for row in table]
    for number, row in ROWS.items():
        assert "".join(map(str, table[number])) == row
    signs = 1 - 2 * np.array(table)[:, :]
    inphase, quadrature = (
        piece[8::16],
        piece[16::16],
    )  # a pulse's middle is one chip after its start
    count = len(quadrature) // 16
    symbols = np.stack([inphase[: 16 * count], quadrature[: 16 * count]], axis=1).reshape(count, 32)
    known = -signs[0] * np.tile([1, 1j], 16)
    turn = np.exp(-1j * np.angle(np.vdot(known, symbols[:8].mean(axis=0))))
    real = np.where(np.arange(32) % 2, (symbols * turn).imag, (symbols * turn).real)
    assert np.abs(np.abs(real) - 1).max() < 0.05
    values = (real @ -signs.T).argmax(axis=1)
    octets = bytes((values[::2] + 16 * values[1::2]).astype(np.uint8).tolist())
    assert octets[:5] == b"\x00\x00\x00\x00\xa7" and octets[5] == len(octets) - 6
    return octets[6:]


def test_frames_are_decoded_and_acknowledged() -> None:
    waveform = Zigbee(pause_s=(1e-3, 5e-3), acknowledged=1.0, error_hz=0.0)
    iq, bursts = waveform.render(RATE, round(0.08 * RATE), 1.5e6, rng())
    whole = [b for b in bursts if b.start > 0 and b.start + b.count < len(iq)]
    psdus = [receive(iq, b, 1.5e6) for b in whole]
    assert len(psdus) > 10
    for psdu in psdus:
        assert crc(psdu[:-2]) == int.from_bytes(psdu[-2:], "little")
    for (one, first), (two, second) in zip(
        zip(whole, psdus, strict=True), list(zip(whole, psdus, strict=True))[1:], strict=False
    ):
        if first[0] & 7 == 1:
            assert second[0] & 7 == 2 and second[2] == first[2]  # ACK of that number
            gap = (two.start - one.start - one.count) / RATE
            assert gap == pytest.approx(192e-6, abs=1e-6)  # 12 symbols
        else:
            assert (two.start - one.start - one.count) / RATE > 1e-3
    for burst, psdu in zip(whole, psdus, strict=True):
        assert burst.count / RATE == pytest.approx(32e-6 * (6 + len(psdu)), abs=1e-6)


def test_the_spectrum_keeps_to_the_mask() -> None:
    """12.3.2: in 100 kHz, 20 dB below the peak from 3.5 MHz on; and the truth holds 99 %."""
    waveform = Zigbee(pause_s=(1e-3, 2e-3), payload=110, error_hz=0.0)
    iq, bursts = waveform.render(RATE, round(0.05 * RATE), 0.0, rng())
    on = sum(b.count for b in bursts)
    assert np.vdot(iq, iq).real / on == pytest.approx(1, rel=0.02)
    blocks = iq[: len(iq) // 160 * 160].reshape(-1, 160) * np.hanning(160)
    power: npt.NDArray[np.float64] = np.mean(np.abs(np.fft.fft(blocks, axis=1)) ** 2, axis=0)
    mhz = np.abs(np.fft.fftfreq(160, 1 / RATE)) / 1e6
    assert 10 * np.log10(power[mhz > 3.5].max() / power.max()) < -25
    inside = power[mhz < (bursts[0].high_hz - bursts[0].low_hz) / 2e6].sum() / power.sum()
    assert inside == pytest.approx(0.99, abs=0.006)


@pytest.mark.parametrize("seed", range(4))
def test_drawn_networks_render_and_round_trip(seed: int) -> None:
    generator = rng(seed)
    rate = float(generator.choice([2.4e6, 20e6, 61.44e6]))
    waveform = draw_zigbee(generator, rate)
    assert waveform == Zigbee.model_validate_json(waveform.model_dump_json())
    iq, bursts = waveform.render(rate, round(0.05 * rate), 0.0, rng(seed))
    again, _ = waveform.render(rate, round(0.05 * rate), 0.0, rng(seed))
    np.testing.assert_array_equal(iq, again)
    assert np.isfinite(iq).all() and all(b.count > 0 and b.start >= 0 for b in bursts)
    far, none = waveform.render(rate, 1000, rate, generator)
    assert not far.any() and not none
