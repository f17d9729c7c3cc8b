"""Radar, FMCW, drones, ovens and plain carriers: what they do in time and frequency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.cw import MORSE, Cw
from radiofm_capture.scenes.drone import Drone
from radiofm_capture.scenes.fmcw import Fmcw
from radiofm_capture.scenes.microwave import Microwave
from radiofm_capture.scenes.radar import Radar
from radiofm_capture.scenes.signal import Iq
from tests.capture.air import energy_in, occupied, rng, turns, with_noise


def test_radar_pulses_have_their_length_power_and_stagger() -> None:
    intervals = (1.0e-3, 0.8e-3, 1.1e-3)
    waveform = Radar(pulse_s=2e-6, intervals_s=intervals)
    iq, bursts = waveform.render(10e6, 100_000, 0, rng())
    gaps = np.diff([b.start for b in bursts]) / 10e6
    at = int(np.argmin(np.abs(gaps[:3] - 1.0e-3)))
    np.testing.assert_allclose(gaps[at:], np.resize(intervals, len(gaps) - at), atol=0.2e-6)
    assert energy_in(iq, bursts, 10e6) > 0.9
    one = np.abs(iq[bursts[0].start - 5 : bursts[0].start + 30])
    assert np.count_nonzero(one > 0.5) == pytest.approx(20, abs=1)


def test_radar_repeats_an_interval_before_the_next() -> None:
    waveform = Radar(intervals_s=(1e-3, 2e-3), repeats=4)
    _, bursts = waveform.render(4e6, 160_000, 0, rng())
    gaps = np.rint(np.diff([b.start for b in bursts]) / 4e3)
    changes = np.flatnonzero(np.diff(gaps))
    assert set(gaps) == {1, 2} and set(np.diff(changes)) == {4}


def test_a_chirped_pulse_sweeps_its_band() -> None:
    waveform = Radar(pulse_s=50e-6, chirp_hz=4e6)
    iq, (burst, *_) = waveform.render(20e6, 40_000, 0, rng())
    inside = turns(iq[burst.start + 50 : burst.start + burst.count - 50]) * 20e6
    slope = np.polyfit(np.arange(len(inside)) / 20e6, inside, 1)[0]
    assert slope == pytest.approx(4e6 / 50e-6, rel=0.02)


def test_the_beam_passes_once_a_turn() -> None:
    waveform = Radar(scan_s=0.2, beam_deg=6, intervals_s=(0.25e-3,))
    iq, bursts = waveform.render(4e6, 1_600_000, 0, rng())  # two turns
    level = np.array([np.abs(iq[b.start : b.start + b.count]).max() for b in bursts])
    starts = np.array([b.start for b in bursts]) / 4e6
    strong = starts[level > 0.707 * level.max()]  # within 3 dB
    groups = np.split(strong, np.flatnonzero(np.diff(strong) > 5e-3) + 1)
    assert len(groups) == 2
    assert len(groups[0]) == pytest.approx(6 / 360 * 0.2 / 0.25e-3, abs=2)
    assert np.mean(groups[1]) - np.mean(groups[0]) == pytest.approx(0.2, abs=0.5e-3)
    assert 1 <= level.max() < 1.25  # the band is not wide enough for flat pulses
    assert level.min() < 0.15  # down to where pulses have no box


@pytest.mark.parametrize("back", [1e-3, 0.1e-3])
def test_fmcw_sweeps_up_and_back(back: float) -> None:
    waveform = Fmcw(sweep_hz=8e6, sweep_s=1e-3, hold_s=0.2e-3, return_s=back)
    iq, bursts = waveform.render(20e6, round(5 * (1.2e-3 + back) * 20e6), 1e6, rng())
    np.testing.assert_allclose(np.abs(iq), 1, atol=1e-3)
    hertz = turns(iq) * 20e6 - 1e6
    np.testing.assert_allclose([hertz.min(), hertz.max()], [-4e6, 4e6], atol=2e4)
    slopes = np.diff(hertz) * 20e6
    assert np.mean(np.abs(slopes - 8e9) < 1e8) == pytest.approx(1e-3 / (1.2e-3 + back), rel=0.1)
    assert np.mean(np.abs(slopes) < 1e8) == pytest.approx(0.2e-3 / (1.2e-3 + back), rel=0.15)
    assert energy_in(iq, bursts, 20e6) > 0.9


def test_a_drones_symbols_have_their_prefixes() -> None:
    waveform = Drone(wide=True, ident=False)
    rate = 30.72e6
    iq, bursts = waveform.render(rate, round(0.02 * rate), 0, rng())
    burst = max(bursts[1:-1], key=lambda b: b.count)
    lengths = {round(b.count / rate / 1e-3, 3) for b in bursts[1:-1]}
    assert lengths <= set(range(1, 9))  # whole milliseconds
    at = burst.start
    for n in range(14):
        prefix = 160 if n % 7 == 0 else 144
        start, end = iq[at : at + prefix], iq[at + 2048 : at + 2048 + prefix]
        assert alike(start[20:-20], end[20:-20]) > 0.99
        at += 2048 + prefix
    inside = iq[burst.start : burst.start + burst.count]
    assert occupied(inside, rate) == pytest.approx(0.99 * 18.015e6, rel=0.02)


def test_a_drones_identification_has_its_two_known_symbols() -> None:
    waveform = Drone(video=False)
    rate = 15.36e6
    iq, (burst,) = waveform.render(rate, round(0.64 * rate), 0, rng(2))
    assert burst.count == 9 * 1024 + 2 * 80 + 7 * 72
    at = burst.start + 80 - 72
    for n in range(9):
        body = iq[at + 72 : at + 72 + 1024]
        spectrum = np.fft.fft(body)
        heard = np.concatenate([spectrum[-300:], spectrum[1:301]])
        for symbol, root in ((3, 600), (5, 147)):
            k = np.delete(np.arange(601), 300)
            known = np.exp(-1j * np.pi * root * k * (k + 1) / 601)
            assert (alike(heard, known) > 0.95) == (n == symbol)
        at += 1024 + 72


def alike(one: npt.NDArray[np.complex64], two: npt.NDArray[np.complexfloating]) -> float:
    return float(np.abs(np.vdot(one, two)) / np.linalg.norm(one) / np.linalg.norm(two))


@pytest.mark.parametrize(("both", "duty"), [(False, 0.42), (True, 0.3)])
def test_an_oven_follows_the_mains(both: bool, duty: float) -> None:
    waveform = Microwave(both=both, duty=duty, mains_hz=60, transient_hz=20e6)
    rate = 40e6
    iq, bursts = waveform.render(rate, round(0.1 * rate), 0, rng())
    on = np.abs(iq) > 0.1
    assert on.mean() == pytest.approx(duty * (2 if both else 1), abs=0.06)
    level = np.abs(iq[: len(iq) // 1000 * 1000]).reshape(-1, 1000).mean(1)
    tone = np.abs(np.fft.rfft(level - level.mean()))
    assert np.fft.rfftfreq(len(level), 1000 / rate)[tone.argmax()] == pytest.approx(
        120 if both else 60, abs=10
    )
    assert energy_in(iq, bursts, rate) > 0.9
    hertz = turns(iq)[on[1:] & on[:-1]] * rate
    assert 4e6 < np.quantile(hertz, 0.9) - np.quantile(hertz, 0.1) < 10e6
    assert hertz.min() < -12e6  # thrown aside as it starts and stops


def test_morse_can_be_read() -> None:
    waveform = Cw(words_min=25)
    dot = 1.2 / 25
    rate = 8e3
    iq, _ = waveform.render(rate, round(20 * rate), 1e3, rng())
    down = np.abs(with_noise(iq, waveform, rate, 30)) > 0.6
    smooth = np.convolve(down, np.ones(81) / 81, "same") > 0.5
    edges = np.flatnonzero(np.diff(smooth.astype(int))) + 1
    if not smooth[edges[0]]:
        edges = edges[1:]  # from a key that goes down
    runs = np.diff(edges) / rate / dot
    np.testing.assert_allclose(runs[1:-1], np.where(runs[1:-1] > 2, 3, 1), atol=0.2)
    marks, gaps = runs[0::2], runs[1::2]
    letters, letter = [], ""
    for mark, gap in zip(marks, gaps, strict=False):
        letter += "-" if mark > 2 else "."
        if gap > 2:
            letters.append(letter)
            letter = ""
    assert len(letters) > 20
    assert set(letters[1:]) <= set(MORSE.values())  # the first may have lost its head
    assert len(set(MORSE.values())) == 36
    assert MORSE["S"] == "..." and MORSE["Q"] == "--.-" and MORSE["7"] == "--..."


def test_a_carrier_drifts() -> None:
    iq, bursts = Cw(words_min=0, drift_hz_s=2e3).render(50e3, 100_000, -5e3, rng())
    hertz = turns(iq) * 50e3
    slope, start = np.polyfit(np.arange(len(hertz)) / 50e3, hertz, 1)
    assert slope == pytest.approx(2e3, rel=1e-3) and start == pytest.approx(-5e3, abs=5)
    assert len(bursts) == 8 and bursts[-1].high_hz > -1.1e3
    steady, _ = Cw(words_min=0).render(50e3, 100_000, 5e3, rng())
    assert peak_share(steady) > 0.999


def peak_share(iq: Iq) -> float:
    power = np.abs(np.fft.fft(iq)) ** 2
    return float(power.max() / power.sum())
