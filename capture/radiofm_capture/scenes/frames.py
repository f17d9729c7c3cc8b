"""Frames made at a rate of their own, laid into a receiver's samples by the Fourier transform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from radiofm_capture.scenes.signal import Burst, Iq, carrier

EDGE = 0.08  # of the receiver's filter, share of half the rate
ROLL_OFF = 0.2  # of a frame's at most, less if the signal fills more of the rate
GUARD = 128  # samples after which those filters have died away
BLOCK = 16  # guards in a block at most
RATIO_TERMS = 4000  # the ratio of the rates is met to within 40 ppm, the usual ones exactly


@dataclass(frozen=True, slots=True)
class Frame:
    """One transmission of unit mean power times `gain`; `offset_hz` from the waveform's centre."""

    start_s: float
    iq: Iq
    rate: float
    width_hz: float  # of the occupied band, for the truth
    offset_hz: float = 0.0
    gain: float = 1.0

    @property
    def stop_s(self) -> float:
        return self.start_s + len(self.iq) / self.rate


def lay(
    frames: Iterable[Frame], rate: float, count: int, offset_hz: float
) -> tuple[Iq, list[Burst]]:
    """The sum of the frames as `count` samples at `rate`, and their boxes, those in the band.

    Frames start on the nearest sample. They are interpolated as by a converter with a
    reconstruction filter, and what lies beyond +-rate / 2 is filtered out.
    """
    iq = np.zeros(count, np.complex64)
    bursts = []
    for frame in frames:
        centre = offset_hz + frame.offset_hz
        low, high = centre - frame.width_hz / 2, centre + frame.width_hz / 2
        first = round(frame.start_s * rate)
        last = first + round(len(frame.iq) * rate / frame.rate)
        start, stop = max(first, 0), min(last, count)
        if start < stop and high > -rate / 2 and low < rate / 2:
            _add(iq, frame, first, rate, centre)
            bursts.append(Burst(start, stop - start, low, high))
    return iq, bursts


def _add(iq: Iq, frame: Frame, first: int, rate: float, centre_hz: float) -> None:
    """Overlap-save: each block is transformed, moved by whole bins, and transformed back."""
    up, down = _ratio(rate / frame.rate)
    guard = down * -(-max(GUARD, GUARD * down // up) // down)  # in samples of the frame
    wanted = min(len(frame.iq) + 4 * guard, BLOCK * guard)
    size = down * scipy.fft.next_fast_len(-(-wanted // down))
    bins = round(centre_hz / frame.rate * size)
    out = size // down * up
    roll_off = min(ROLL_OFF, 1 - frame.width_hz / frame.rate)
    gain, taken, put = _filter(size, out, bins, roll_off)
    gain = gain * np.float32(up / down * frame.gain)
    sent = frame.iq * carrier(len(frame.iq), centre_hz / frame.rate - bins / size)
    step, margin = size - 2 * guard, guard // down * up
    for at in range(-2 * guard, len(sent) + guard, step):
        begin = at // down * up  # of the block, in samples of the receiver from `first`
        skip = max(0, -(first + begin + margin))
        keep = min(out - 2 * margin, len(iq) - first - begin - margin)
        if skip >= keep:
            continue
        block = np.zeros(size, np.complex64)
        piece = sent[max(at, 0) : at + size]
        block[max(-at, 0) :][: len(piece)] = piece
        spectrum = np.zeros(out, np.complex64)
        turn = np.exp(2j * np.pi * (bins * begin % out) / out)
        spectrum[put] = scipy.fft.fft(block)[taken] * (gain * np.complex64(turn))
        moved = scipy.fft.ifft(spectrum, overwrite_x=True)
        goal = first + begin + margin
        iq[goal + skip : goal + keep] += moved[margin + skip : margin + keep]


@lru_cache(64)
def _ratio(ratio: float) -> tuple[int, int]:
    if ratio < 1:
        down, up = _ratio(1 / ratio)
    else:
        up, down = Fraction(ratio).limit_denominator(RATIO_TERMS).as_integer_ratio()
    return up, down


@lru_cache(128)
def _filter(
    size: int, out: int, bins: int, roll_off: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Gains of the bins that are heard, where they lie in the frame, and in the receiver's band.

    A raised cosine around half the frame's rate, which takes the images away, times one that
    ends at half the receiver's.
    """
    half = int(size * (1 + roll_off) / 2) + 1
    own = np.arange(-half, half)
    gain = _slope((np.abs(own) / (size / 2) - 1 + roll_off) / (2 * roll_off))
    gain *= _slope((np.abs(own + bins) / (out / 2) - 1 + EDGE) / EDGE)
    heard = np.flatnonzero(gain)
    return np.asarray(gain[heard], np.float32), own[heard] % size, (own[heard] + bins) % out


def _slope(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From 1 at 0 to 0 at 1, by a cosine."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(share, 0, 1))
