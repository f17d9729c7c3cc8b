"""On the way: power delay profiles, Doppler, clocks, amplifier, ramps, traffic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm_capture.scenes.multipath import TAPS, Multipath, ProfileName, spread
from radiofm_capture.scenes.propagate import HALF, needed, propagate
from radiofm_capture.scenes.signal import Burst, Iq, carrier
from radiofm_capture.scenes.traffic import Periodic, Poisson
from radiofm_capture.scenes.transmitter import Amplifier, key, ramp

# TS 36.104, table B.2-1 rounds to 43, 357 and 991 ns; TR 38.901 normalises to 1.
SPREADS: dict[ProfileName, float] = {
    "EPA": 43.1, "EVA": 356.7, "ETU": 990.9,
    "TDL-A": 1, "TDL-B": 1, "TDL-C": 1, "TDL-D": 1, "TDL-E": 1,
}  # fmt: skip


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def db(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 10 * np.log10(np.asarray(power, np.float64))


def noise(count: int, share: float = 0.9) -> Iq:
    """White within `share` of the band."""
    spectrum = rng().normal(size=count) + 1j * rng(2).normal(size=count)
    spectrum[np.abs(np.fft.fftfreq(count)) > share / 2] = 0
    return np.asarray(np.fft.ifft(spectrum) * np.sqrt(count / 2), np.complex64)


@pytest.mark.parametrize("profile", SPREADS)
def test_profiles_have_the_delay_spread_of_their_standard(profile: ProfileName) -> None:
    delays, powers = np.array(TAPS[profile], float).T
    assert spread(delays, 10 ** (powers / 10)) == pytest.approx(SPREADS[profile], rel=0.01)


def test_the_power_delay_profile_is_what_arrives() -> None:
    """A pulse through many draws of EVA: each tap comes at its time with its mean power."""
    rate, draws = 50e6, 400
    pulse = np.zeros(1024, np.complex64)
    pulse[2 * HALF] = 1
    total = np.zeros(900)
    for seed in range(draws):
        paths = Multipath(profile="EVA").paths(1e9, rng(seed))
        total += np.abs(propagate(pulse, 900, rate, paths, 0, 0)) ** 2
    delays, powers = np.array(TAPS["EVA"], float).T
    wanted = 10 ** (powers / 10) / np.sum(10 ** (powers / 10))
    assert total.sum() / draws == pytest.approx(0.97, rel=0.1)  # of the power: the filter's share
    late = delays >= 700  # those that no other lies near
    for delay, power in zip(delays[late], wanted[late], strict=True):
        at = 2 * HALF + round(delay * 1e-9 * rate)
        got = total[at - 8 : at + 9].sum() / draws
        assert db(got / 0.97) == pytest.approx(db(power), abs=0.6)


def test_delay_spread_scales_a_profile() -> None:
    paths = Multipath(profile="TDL-C", delay_spread_s=300e-9).paths(1e9, rng())
    powers = (paths.amplitudes**2).sum(axis=1)
    assert powers.sum() == pytest.approx(1)
    assert spread(paths.delays_s, powers) == pytest.approx(300e-9)
    assert Multipath(profile="EPA").paths(1e9, rng()).delays_s.max() == pytest.approx(410e-9)
    assert not Multipath(profile="flat").paths(1e9, rng()).delays_s.any()


def test_doppler_is_as_wide_as_it_should_be() -> None:
    """Jakes' spectrum: nothing beyond the largest shift, rms width that shift over sqrt 2."""
    rate, widest = 20e3, 200.0
    widths = []
    for seed in range(6):
        paths = Multipath(profile="flat", doppler_hz=widest).paths(1e9, rng(seed))
        faded = propagate(np.ones(200_000, np.complex64), 200_000, rate, paths, 0, 0)
        spectrum = np.abs(np.fft.fft(faded[1000:] * np.hanning(199_000))) ** 2
        frequency = np.fft.fftfreq(199_000, 1 / rate)
        assert spectrum[np.abs(frequency) > 1.01 * widest].sum() < 1e-3 * spectrum.sum()
        widths.append(np.sqrt(np.average(frequency**2, weights=spectrum)))
    assert np.mean(widths) == pytest.approx(widest / np.sqrt(2), rel=0.06)


def test_speed_gives_doppler_and_the_line_of_sight_its_peak() -> None:
    paths = Multipath(profile="TDL-D", speed_m_s=30.0).paths(2.998e9, rng())
    assert paths.fastest_hz == pytest.approx(300, rel=0.01)
    assert paths.doppler_hz[0, 0] == pytest.approx(0.7 * 300, rel=0.01)
    gains = np.abs(paths.gains(np.arange(100) * 0.01)[:, 0])
    np.testing.assert_allclose(gains, gains[0], rtol=1e-5)  # the line of sight does not fade
    with pytest.raises(ValueError, match="either doppler_hz or speed_m_s"):
        Multipath(profile="flat", speed_m_s=1.0, doppler_hz=1.0)


def test_blocks_are_cheap_but_not_wrong() -> None:
    """Against the sum over taps, sample by sample."""
    count, rate = 30_000, 5e6
    signal = noise(count)
    paths = Multipath(profile="ETU", doppler_hz=400.0).paths(1e9, rng())
    got = propagate(signal, count, rate, paths, 0, 3.0)
    frequency = np.fft.fftfreq(count, 1 / rate)
    gains = paths.gains(3.0 + np.arange(count) / rate)
    exact = np.zeros(count, complex)
    for tap, delay in enumerate(paths.delays_s):
        late = np.fft.ifft(np.fft.fft(signal) * np.exp(-2j * np.pi * frequency * delay))
        exact += gains[:, tap] * late
    error = (got - exact)[500:-500]
    assert db(np.mean(np.abs(error) ** 2) / np.mean(np.abs(exact) ** 2)) < -35


@pytest.mark.parametrize("ppm", [20.0, -70.0, 400.0])
def test_a_fast_clock_moves_every_frequency_by_its_ppm(ppm: float) -> None:
    count, cycles, drift = 100_000, 0.37, ppm * 1e-6
    tone = carrier(needed(count, drift), cycles)
    got = propagate(tone, count, 1e6, None, drift, 0)
    wanted = np.exp(2j * np.pi * cycles * (1 + drift) * np.arange(count))
    error = (got - wanted)[2 * HALF :]
    assert db(np.mean(np.abs(error) ** 2)) < -60


def test_silence_stays_silence() -> None:
    signal = np.zeros(300_000, np.complex64)
    signal[100_000:101_000] = noise(1000)
    paths = Multipath(profile="EPA", doppler_hz=50).paths(1e9, rng())
    got = propagate(signal, 299_000, 10e6, paths, 30e-6, 0)
    assert np.abs(got[100_000:101_000]).mean() > 0.1
    assert np.abs(got[:99_000]).max() == 0 and np.abs(got[120_000:]).max() == 0


def test_the_amplifier_is_rapps() -> None:
    """Linear far below saturation, A / 2^(1 / 2p) where the input is A, at most A."""
    amplitude = 10 ** (6 / 20)
    iq = np.array([0.01, amplitude, 100 * amplitude], np.complex64) * np.complex64(1j)
    Amplifier(backoff_db=6, smoothness=3.0).apply(iq)
    np.testing.assert_allclose(iq.imag, [0.01, amplitude / 2 ** (1 / 6), amplitude], rtol=1e-3)
    np.testing.assert_allclose(iq.real, 0, atol=1e-6)  # no phase


def test_a_driven_amplifier_spills_into_the_neighbour_channel() -> None:
    def shoulders(backoff: float) -> float:
        iq = noise(1 << 16, 0.2)
        iq /= np.sqrt(np.mean(np.abs(iq) ** 2))
        Amplifier(backoff_db=backoff).apply(iq)
        power, frequency = np.abs(np.fft.fft(iq)) ** 2, np.abs(np.fft.fftfreq(len(iq)))
        return float(db(power[(frequency > 0.12) & (frequency < 0.28)].sum() / power.sum()))

    assert shoulders(3) > shoulders(8) + 6 > shoulders(14) + 10


def test_ramps_rise_and_fall_and_leave_what_goes_on() -> None:
    iq = np.ones(1000, np.complex64)
    bursts = [
        Burst(0, 200, 0, 1),
        Burst(300, 100, 0, 1),
        Burst(400, 100, 0, 1),
        Burst(800, 200, 0, 1),
    ]
    ramp(iq, bursts, 20)
    level = iq.real
    assert level[:180].min() == 1 and level[199] < 0.01  # it began before, and ends
    assert level[300] < 0.01 and (np.diff(level[300:321]) >= 0).all() and level[320] == 1
    assert level[320:480].min() == 1  # two that touch are one
    assert level[980:].min() == 1


@given(st.floats(0.001, 0.2), st.floats(1, 2000), st.integers(0, 100))
def test_transmissions_are_in_order_and_apart(longest: float, often: float, seed: int) -> None:
    for traffic in (
        Poisson(bursts_s=often, on_s=(longest / 10, longest)),
        Periodic(period_s=2 * longest, on_s=longest),
    ):
        spans = traffic.spans(0.5, rng(seed))
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(edges)
        assert all(start < 0.5 and stop > -longest for start, stop in spans)


def test_traffic_keeps_its_rates() -> None:
    spans = Poisson(bursts_s=200, on_s=(1e-5, 1e-5)).spans(20, rng())
    assert len(spans) == pytest.approx(4000, rel=0.06)
    gaps = np.diff([start for start, _ in spans])
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.06)  # exponential
    spans = Periodic(period_s=4.615e-3, on_s=0.577e-3).spans(1, rng())
    np.testing.assert_allclose(np.diff([start for start, _ in spans]), 4.615e-3)


def test_keying_cuts_the_signal_and_its_boxes() -> None:
    iq = np.ones(1000, np.complex64)
    left = key(iq, [Burst(0, 500, 0, 1), Burst(600, 400, 2, 3)], [(0.1, 0.2), (0.45, 0.7)], 1000)
    assert [(b.start, b.count) for b in left] == [(100, 100), (450, 50), (600, 100)]
    assert np.flatnonzero(iq).tolist() == [*range(100, 200), *range(450, 700)]
