"""From the antenna to samples: a front end at work.

Filter and aliases, AGC steps, phase noise, gain, spurs, LO leak, IQ imbalance, clipping and
quantisation, in this order. (The errors of its oscillator and clock are in what the antenna is
said to bring: render.py.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from radiofm_capture.scenes.front_end import FULL_SCALE, FrontEnd
from radiofm_capture.scenes.signal import Iq, carrier, rotation

TAPS = 65  # of the filter; at a higher rate so many times more
FILTER_FFT = 4096
SUMMED = 1 << 17  # numbers at a time: they stay in the cache


@dataclass(frozen=True, slots=True)
class Antenna:
    """What arrives, complex64; 1 is full scale before the gain."""

    iq: Iq  # [count], at the sample rate, the noise included unless it is apart
    noise: Iq | None = None  # [count], white: it folds back with the rest
    beyond: Iq | None = (
        None  # [fold * count] at fold times the rate: signals across the band's edge
    )
    fold: int = 1


class Receiver:
    """One front end that hears a loop of `count` samples, piece by piece."""

    def __init__(self, front_end: FrontEnd, rate: float, count: int) -> None:
        self._front_end, self._rate, self._count = front_end, rate, count
        self._gain: np.float32 | None = None
        if front_end.level_dbfs is None:
            self._gain = _ratio(front_end.gain_db)

    @property
    def settled(self) -> bool:
        """Whether the gain is known: `level_dbfs` is brought about in the first piece heard."""
        return self._gain is not None

    def __call__(
        self, antenna: Antenna, start: int = 0, rng: np.random.Generator | None = None
    ) -> npt.NDArray[np.int16]:
        """The piece at sample `start` of the loop -> int16 [count, 2], 2048 is 0 dBFS.

        `rng` is for the phase noise.
        """
        front_end = self._front_end
        received = self._filtered(antenna)
        for share, decibels in front_end.agc_steps:
            received[max(0, int(share * self._count) - start) :] *= _ratio(decibels)
        if front_end.phase_noise_deg and rng is not None:
            received *= self._oscillator(len(received), rng)
        if self._gain is None:
            assert front_end.level_dbfs is not None
            rms = np.float32(np.sqrt(mean_power(received)))
            self._gain = _ratio(front_end.level_dbfs) / (rms or np.float32(1))
        if self._gain != 1:
            received *= self._gain
        for cycles, decibels in front_end.spurs:
            amplitude = _ratio(front_end.leak_base_dbfs + decibels)
            received += carrier(len(received), cycles, cycles * start) * amplitude
        if front_end.dc_dbfs is not None:
            received += self._leak(len(received), start)
        pairs = received.view(np.float32).reshape(-1, 2)
        if front_end.imbalance_db or front_end.imbalance_deg:
            angle, ratio = np.deg2rad(front_end.imbalance_deg), _ratio(front_end.imbalance_db)
            pairs[:, 1] *= ratio * np.float32(np.cos(angle))
            pairs[:, 1] += pairs[:, 0] * (ratio * np.float32(np.sin(angle)))
        return _quantise(pairs, front_end.bits, front_end.midrise)

    def _filtered(self, antenna: Antenna) -> Iq:
        front_end = self._front_end
        if front_end.corner is None:
            return antenna.iq.copy()
        received = _convolve(antenna.iq, _taps(front_end, 1))
        if antenna.noise is not None:
            received += _convolve(antenna.noise, _taps(front_end, 1, folded=True))
        if antenna.beyond is not None:
            wide = _convolve(antenna.beyond, _taps(front_end, antenna.fold))
            received += wide[:: antenna.fold]
        return received

    def _oscillator(self, count: int, rng: np.random.Generator) -> Iq:
        """exp(j phase); the phase is white noise through one pole, so its spectrum Lorentz's."""
        pole = np.exp(-2 * np.pi * self._front_end.phase_noise_hz / self._rate)
        drive = np.sqrt(1 - pole**2)
        first = rng.standard_normal()  # as if it had always been on
        phase, _ = scipy.signal.lfilter(
            [drive], [1, -pole], rng.standard_normal(count), zi=[pole * first]
        )
        return rotation(phase * (self._front_end.phase_noise_deg / 360))

    def _leak(self, count: int, start: int) -> Iq | np.complex64:
        front_end = self._front_end
        assert front_end.dc_dbfs is not None
        amplitude = _ratio(front_end.leak_base_dbfs + front_end.dc_dbfs)
        leak = np.complex64(amplitude * np.exp(2j * np.pi * front_end.dc_turns))
        if not front_end.dc_wander:
            return leak
        cycles = front_end.dc_wander_hz / self._rate
        turning = carrier(count, cycles, cycles * start) * np.float32(front_end.dc_wander)
        turning += np.float32(1 - front_end.dc_wander)
        turning *= leak
        return turning


def _taps(front_end: FrontEnd, fold: int, *, folded: bool = False) -> Iq:
    """The filter at `fold` times the rate; `folded`: with what aliases of white noise add."""
    count = TAPS * fold | 1
    frequency = np.asarray(np.fft.fftfreq(4 * count), np.float64) * (2 * fold)  # of rate / 2
    zones = (-2, 0, 2) if folded else (0,)
    power = np.zeros_like(frequency)
    for zone in zones:
        power += 10 ** (front_end.filter_db(frequency + zone) / 10)
    gain = np.sqrt(power)
    taps = np.fft.fftshift(np.fft.ifft(gain))
    middle = len(taps) // 2
    taps = taps[middle - count // 2 : middle + count // 2 + 1] * np.hanning(count + 2)[1:-1]
    return np.asarray(taps, np.complex64)


def _convolve(iq: Iq, taps: Iq) -> Iq:
    """`iq` through a filter without delay, as if it were a loop, which keeps the level there."""
    half = len(taps) // 2
    ends = np.concatenate([iq[-half:], iq, iq[:half]])
    response = scipy.fft.fft(taps, FILTER_FFT)
    filtered = np.empty_like(iq)
    step = FILTER_FFT - len(taps) + 1
    for at in range(0, len(iq), step):  # overlap-save: blocks that stay in the cache
        block = scipy.fft.ifft(scipy.fft.fft(ends[at : at + FILTER_FFT], FILTER_FFT) * response)
        filtered[at : at + step] = block[len(taps) - 1 :][: len(iq) - at]
    return filtered


def mean_power(iq: Iq) -> float:
    """Mean |x|^2, added in one order on any machine."""
    numbers = iq.view(np.float32)
    power = 0.0
    for at in range(0, len(numbers), SUMMED):
        power += float(np.square(numbers[at : at + SUMMED]).sum(dtype=np.float64))
    return power / max(1, len(iq))


def _quantise(pairs: npt.NDArray[np.float32], bits: int, midrise: bool) -> npt.NDArray[np.int16]:
    half = 2 ** (bits - 1)
    step = int(FULL_SCALE) // half
    pairs *= np.float32(half)
    if midrise:
        np.floor(pairs, out=pairs)
    else:
        np.rint(pairs, out=pairs)
    np.clip(pairs, -half, half - 1, out=pairs)
    counts = pairs.astype(np.int16) * np.int16(step)
    if midrise:
        counts += np.int16(step // 2)
    return counts


def _ratio(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))
