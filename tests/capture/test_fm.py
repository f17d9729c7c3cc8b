"""FM and AM broadcasting, by receivers of a few lines."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import firwin, oaconvolve

from radiofm_capture.scenes.am import Am
from radiofm_capture.scenes.audio import emphasised
from radiofm_capture.scenes.fm import Fm
from radiofm_capture.scenes.signal import Iq
from tests.capture.air import energy_in, occupied, rng, turns, with_noise

RATE = 380e3  # not the rate that it is made at
STATION = Fm(program=0xABCD, kind=11, name="STATION1", text="Now playing: a test of 64 letters")
GENERATOR = 0b10110111001  # of the checkwords (IEC 62106, 5.3)
OFFSETS = {0x0FC: 0, 0x198: 1, 0x168: 2, 0x1B4: 3}  # annex A


@lru_cache(1)
def received() -> Iq:
    iq, bursts = STATION.render(RATE, round(3.1 * RATE), 20e3, rng())
    assert energy_in(iq, bursts, RATE) > 0.99
    return with_noise(iq, STATION, RATE, 30)


def multiplex() -> npt.NDArray[np.float64]:
    """Demodulated: Hz from the carrier."""
    return turns(received()) * RATE - 20e3


def line(signal: npt.NDArray[np.float64], hertz: float) -> complex:
    turning = np.exp(-2j * np.pi * hertz / RATE * np.arange(len(signal)))
    return complex(2 * np.mean(signal * turning))


def rds_groups(signal: npt.NDArray[np.float64]) -> list[list[int]]:
    """Groups whose four checkwords are right, by a receiver that knows only the standard."""
    carrier = np.exp(-2j * np.pi * 57e3 / RATE * np.arange(len(signal)))
    band = oaconvolve(signal * carrier, firwin(801, 2.4e3, fs=RATE), "same")
    per_bit = RATE / 1187.5
    axis = np.exp(-0.5j * np.angle(np.mean(band**2)))  # a BPSK's squares agree
    wave = (band * axis).real
    starts = np.arange(int(len(wave) / per_bit) - 1)

    def eye(phase: float) -> npt.NDArray[np.float64]:
        """Biphase: the halves of a bit are opposite."""
        first, second = (wave[((starts + phase + q) * per_bit).astype(int)] for q in (0.25, 0.75))
        return np.asarray(first - second)

    levels = eye(max(np.arange(16) / 16, key=lambda phase: float(np.abs(eye(phase)).mean()))) > 0
    return aligned("".join("1" if bit else "0" for bit in levels[1:] ^ levels[:-1]))


def aligned(bits: str) -> list[list[int]]:
    """Groups by the first place where a block's remainder is offset A's."""
    for start in range(104):
        groups = []
        for at in range(start, len(bits) - 103, 104):
            blocks = [int(bits[at + 26 * n : at + 26 * n + 26], 2) for n in range(4)]
            if [OFFSETS.get(remainder(block)) for block in blocks] != [0, 1, 2, 3]:
                break
            groups.append([block >> 10 for block in blocks])
        if groups:
            return groups
    return []


def remainder(block: int) -> int:
    for n in range(25, 9, -1):
        if block >> n & 1:
            block ^= GENERATOR << n - 10
    return block


def test_rds_groups_say_the_name_and_the_text() -> None:
    groups = rds_groups(multiplex())
    assert len(groups) >= 3.1 * 1187.5 / 104 - 2  # every one
    name, text = [" "] * 8, [" "] * 64
    for program, kind, third, fourth in groups:
        assert program == 0xABCD and kind >> 5 & 31 == 11
        assert kind >> 11 in (0, 4)  # 0A, 2A
        if kind >> 12 == 0:
            name[2 * (kind & 3) : 2 * (kind & 3) + 2] = chr(fourth >> 8), chr(fourth & 255)
        else:
            at = 4 * (kind & 15)
            text[at : at + 4] = [chr(b) for w in (third, fourth) for b in (w >> 8, w & 255)]
    assert "".join(name) == STATION.name
    assert "".join(text).rstrip() == STATION.text


def test_the_pilot_and_the_subcarriers_agree() -> None:
    """BS.450: the pilot 8 to 10 % of 75 kHz; the 38 kHz carrier suppressed to 1 %."""
    signal = multiplex()
    assert abs(line(signal, 19e3)) == pytest.approx(6.75e3, rel=0.05)
    assert abs(line(signal, 38e3)) < 0.01 * 75e3
    band = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    hertz = np.fft.rfftfreq(len(signal), 1 / RATE)

    def power(low: float, high: float) -> float:
        return float(band[(hertz > low) & (hertz < high)].sum())

    assert power(23e3, 53e3) > 30 * power(15.5e3, 18.5e3)  # the difference, and a gap
    assert power(54.6e3, 59.4e3) > 10 * power(60.5e3, 65e3)


def test_it_keeps_to_its_deviation_and_its_channel() -> None:
    assert np.abs(multiplex()).max() < 1.15 * 75e3  # with the noise
    assert 100e3 < occupied(received(), RATE) < 200e3
    plain, _ = Fm(stereo=False, rds=False).render(RATE, round(0.2 * RATE), 0, rng())
    assert occupied(plain, RATE) < 2 * (75e3 + 15e3)  # Carson
    np.testing.assert_allclose(np.abs(plain[2000:-2000]), 1, atol=0.05)


def test_pre_emphasis_is_that_of_its_time_constant() -> None:
    time = np.arange(48_000) / 48e3
    both = np.sin(2 * np.pi * 100 * time) + np.sin(2 * np.pi * 10e3 * time)
    spectrum = np.abs(np.fft.rfft(emphasised(both, 48e3, 15e3, 50e-6)))
    rise = np.abs(1 + 2j * np.pi * 50e-6 * np.array([100, 10e3]))
    assert spectrum[10_000] / spectrum[100] == pytest.approx(rise[1] / rise[0], rel=1e-3)


@pytest.mark.parametrize(("narrow", "highest"), [(False, 3400), (True, 2500)])
def test_am_has_a_carrier_and_two_like_sidebands(narrow: bool, highest: float) -> None:
    waveform = Am(narrow=narrow, depth=0.8, on_s=(1, 1), off_s=(0, 0))
    iq, (burst,) = waveform.render(50e3, 100_000, 0, rng())
    assert burst.count == len(iq) and burst.high_hz - burst.low_hz == 2 * highest
    assert occupied(iq, 50e3, 0.999) <= 2 * highest
    steady = iq[5000:-5000] / np.exp(1j * np.angle(iq.mean()))
    assert np.abs(steady.imag).max() < 0.02  # no phase modulation
    envelope = np.abs(steady)
    depth = (envelope.max() - envelope.min()) / (envelope.max() + envelope.min())
    assert depth == pytest.approx(0.8, abs=0.12)  # one side of speech may peak more


def test_am_is_keyed() -> None:
    waveform = Am(on_s=(0.2, 0.3), off_s=(0.1, 0.2))
    iq, bursts = waveform.render(50e3, 100_000, 5e3, rng())
    assert len(bursts) >= 4 and energy_in(iq, bursts, 50e3) > 0.95
    quiet = np.ones(len(iq), bool)
    for burst in bursts:
        quiet[burst.start : burst.start + burst.count] = False
    assert np.abs(iq[quiet]).max() < 0.05
