"""The receiver: each effect measured, and held against its setting."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.scenes.receiver import Antenna, Receiver, mean_power
from radiofm_capture.scenes.signal import Iq, carrier

RATE = 1e6
COUNT = 1 << 17


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def white(count: int = COUNT, seed: int = 1) -> Iq:
    """Of unit power."""
    iq: Iq = rng(seed).standard_normal(2 * count, np.float32).view(np.complex64)
    return iq * np.float32(np.sqrt(0.5))


def heard(front_end: FrontEnd, antenna: Antenna | Iq, seed: int = 1) -> Iq:
    """As complex, 1 is full scale."""
    antenna = antenna if isinstance(antenna, Antenna) else Antenna(antenna)
    counts = Receiver(front_end, RATE, len(antenna.iq))(antenna, 0, rng(seed))
    return (counts.astype(np.float32) / 2048).view(np.complex64)[:, 0]


def tones(iq: Iq) -> npt.NDArray[np.float64]:
    """dBFS of a tone in each bin."""
    return np.asarray(20 * np.log10(np.abs(np.fft.fft(iq)) / len(iq) + 1e-12))


def density(iq: Iq, low: float, high: float) -> float:
    """dB of the mean power a bin between two frequencies, share of rate / 2."""
    share = np.fft.fftfreq(len(iq)) * 2
    inside = (share >= low) & (share < high)
    return float(10 * np.log10(np.mean(np.abs(np.fft.fft(iq)[inside]) ** 2) / len(iq)))


@pytest.mark.parametrize(("decibels", "degrees"), [(0.3, 0.0), (0.0, 1.5), (-0.25, 1.0)])
def test_image_rejection_is_that_of_the_imbalance(decibels: float, degrees: float) -> None:
    """(1 + 2 g cos + g^2) / (1 - 2 g cos + g^2), the usual formula."""
    ratio, angle = 10 ** (decibels / 20), math.radians(degrees)
    wanted = (1 + 2 * ratio * math.cos(angle) + ratio**2) / (
        1 - 2 * ratio * math.cos(angle) + ratio**2
    )
    tone = carrier(COUNT, 1 / 8) * np.float32(0.7)
    levels = tones(heard(FrontEnd(imbalance_db=decibels, imbalance_deg=degrees), tone))
    rejection = levels[COUNT // 8] - levels[-COUNT // 8]
    assert rejection == pytest.approx(10 * math.log10(wanted), abs=0.3)


def test_leak_and_spurs_have_their_levels() -> None:
    settings = FrontEnd(dc_dbfs=-31.0, dc_turns=0.3, spurs=((0.25, -42.0), (-0.125, -55.0)))
    levels = tones(heard(settings, white() * np.float32(1e-2)))
    assert levels[0] == pytest.approx(-31, abs=0.2)
    assert levels[COUNT // 4] == pytest.approx(-42, abs=0.4)
    assert levels[-COUNT // 8] == pytest.approx(-55, abs=1.5)  # 16 dB over the noise in a bin
    over = FrontEnd(level_dbfs=-20.0, over_level=True, dc_dbfs=3.0, spurs=((0.25, -10.0),))
    levels = tones(heard(over, white()))
    assert levels[0] == pytest.approx(-17, abs=0.1)
    assert levels[COUNT // 4] == pytest.approx(-30, abs=0.3)


def test_spurs_and_a_wandering_leak_go_on_from_piece_to_piece() -> None:
    settings = FrontEnd(
        dc_dbfs=-20.0, dc_wander=0.4, dc_wander_hz=37.0, spurs=((0.1234567, -20.0),)
    )
    receiver, silence = Receiver(settings, RATE, COUNT), np.zeros(COUNT, np.complex64)
    whole = receiver(Antenna(silence))
    parts = [receiver(Antenna(silence[at : at + 10_000]), at) for at in range(0, COUNT, 10_000)]
    assert np.abs(np.concatenate(parts).astype(int) - whole).max() <= 1  # the last bit
    levels = np.abs(heard(settings.model_copy(update={"spurs": ()}), silence))
    assert levels.max() == pytest.approx(0.1, rel=0.02)
    assert levels.min() == pytest.approx(0.1 * 0.2, rel=0.05)


def test_phase_noise_has_its_variance_and_its_corner() -> None:
    settings = FrontEnd(phase_noise_deg=4.0, phase_noise_hz=5e3)
    phase = np.angle(heard(settings, np.full(8 * COUNT, 0.9, np.complex64)))
    assert np.rad2deg(phase.std()) == pytest.approx(4, rel=0.08)
    lag = round(RATE / (2 * np.pi * 5e3))  # in which one pole forgets to 1 / e
    correlation = np.mean(phase[lag:] * phase[:-lag]) / phase.var()
    assert correlation == pytest.approx(math.exp(-1), abs=0.06)
    assert not np.array_equal(heard(settings, white(), 1), heard(settings, white(), 2))


@pytest.mark.parametrize(("corner", "order"), [(0.75, 4), (0.9, 8)])
def test_the_filter_is_3_db_down_at_its_corner(corner: float, order: int) -> None:
    iq = heard(FrontEnd(corner=corner, order=order, gain_db=-12.0), white(1 << 19))
    middle = density(iq, -0.2, 0.2)
    assert density(iq, corner - 0.01, corner + 0.01) - middle == pytest.approx(-3.0, abs=0.3)
    ripple = heard(FrontEnd(corner=3.0, ripple_db=1.0, ripple_cycles=2.0, gain_db=-12), white())
    swing = density(ripple, -0.02, 0.02) - density(ripple, 0.48, 0.52)
    assert swing == pytest.approx(2.0, abs=0.4)


@pytest.mark.parametrize("fold", [2, 3])
def test_what_lies_beyond_folds_back_as_far_as_the_filter_lets_it(fold: int) -> None:
    settings = FrontEnd(corner=0.9, order=4, aliasing=True)
    place = 1.25  # share of rate / 2 from the centre: comes out at 1.25 - 2
    beyond = carrier(fold * COUNT, place / 2 / fold) * np.float32(0.5)
    silence = np.zeros(COUNT, np.complex64)
    levels = tones(heard(settings, Antenna(silence, silence, beyond, fold)))
    wanted = -6.02 + float(settings.filter_db(np.array([place]))[0])
    assert levels[round((place - 2) / 2 * COUNT)] == pytest.approx(wanted, abs=0.4)


def test_white_noise_folds_back_too() -> None:
    """Near the edge as much comes from beyond it as from below: 3 dB more than the filter says."""
    settings = FrontEnd(corner=0.9, order=4, aliasing=True, gain_db=-12.0)
    silence = np.zeros(1 << 18, np.complex64)
    iq = heard(settings, Antenna(silence, white(1 << 18)))
    edge = settings.filter_db(np.array([0.99, 1.01]))
    wanted = 10 * math.log10(sum(10 ** (edge / 10)))
    assert density(iq, 0.98, 1.0) + 12 == pytest.approx(wanted, abs=0.4)


def test_the_gain_steps_where_it_should() -> None:
    iq = heard(FrontEnd(agc_steps=((0.25, -6.0), (0.5, 10.0)), gain_db=-20.0), white())
    quarters = [10 * math.log10(mean_power(part)) for part in np.split(iq, 4)]
    assert quarters == pytest.approx([-20, -26, -16, -16], abs=0.1)


def test_a_level_is_settled_once() -> None:
    receiver = Receiver(FrontEnd(level_dbfs=-20.0), RATE, 2 * COUNT)
    assert not receiver.settled
    first, second = receiver(Antenna(white())), receiver(Antenna(white() * np.float32(0.1)), COUNT)
    assert receiver.settled
    levels = [
        10 * math.log10(np.mean(part.astype(float) ** 2) * 2 / 2048**2) for part in (first, second)
    ]
    assert levels == pytest.approx([-20, -40], abs=0.1)


@pytest.mark.parametrize("level", [-3.0, 0.0, 6.0])
def test_the_share_of_clipped_samples_is_that_of_gaussian_noise(level: float) -> None:
    iq = heard(FrontEnd(level_dbfs=level, bits=8), white())
    rails = np.mean((iq.real >= 127 / 128) | (iq.real <= -1))
    sigma = 10 ** (level / 20) / math.sqrt(2)
    below = math.erfc(127.5 / 128 / sigma / math.sqrt(2)) / 2
    above = math.erfc(126.5 / 128 / sigma / math.sqrt(2)) / 2  # rounds to the last level
    assert rails == pytest.approx(below + above, rel=0.05)


@pytest.mark.parametrize("bits", [8, 12])
def test_a_converter_uses_its_levels(bits: int) -> None:
    full = heard(FrontEnd(level_dbfs=-3.0, bits=bits), white(1 << 19))
    assert len(np.unique(full.real)) == 2**bits
    step = 2.0 ** (1 - bits)
    few = heard(FrontEnd(level_dbfs=20 * math.log10(step), bits=bits), white())
    assert 5 <= len(np.unique(few.real)) <= 9  # as few as were measured
    ramp = np.linspace(-0.99, 0.99, COUNT).astype(np.complex64)
    error = (heard(FrontEnd(bits=bits), ramp) - ramp).real
    assert error.std() == pytest.approx(step / math.sqrt(12), rel=0.02)


def test_impossible_front_ends_are_refused() -> None:
    for fields, says in (
        ({"aliasing": True}, "corner"),
        ({"level_dbfs": -3.0, "gain_db": 1.0}, "either"),
        ({"over_level": True}, "level_dbfs"),
    ):
        with pytest.raises(ValueError, match=says):
            FrontEnd.model_validate(fields)
