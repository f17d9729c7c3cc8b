"""The receiver from antenna to samples: filter, gain, leaks, imbalance, clipping, bits."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy.fft
from pydantic import BaseModel, ConfigDict, Field

from radiofm_capture.scenes.signal import Iq, carrier

FULL_SCALE = 2048.0  # counts at 0 dBFS
TAPS = 65
FILTER_FFT = 4096


class FrontEnd(BaseModel):
    """A receiver. The defaults are a good one with 12 bits, like a PlutoSDR's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ppm: Annotated[float, Field(ge=-200, le=200)] = 0.0  # error of the tuned frequency
    corner: Annotated[float, Field(gt=0)] | None = None  # of the filter, share of rate / 2
    order: Annotated[int, Field(ge=1, le=32)] = 8  # of that Butterworth filter
    ripple_db: float = 0.0
    ripple_cycles: float = 2.0  # over the band
    tilt_db: float = 0.0  # from the band's middle to its upper edge
    agc_step_db: float = 0.0  # the gain changes by it once,
    agc_step_at: Annotated[float, Field(ge=0, le=1)] = 0.5  # at this share of the samples
    level_dbfs: float | None = None  # rms that the gain brings the samples to; None: no gain
    dc_dbfs: float | None = None  # LO leak
    dc_turns: float = 0.0  # its phase in cycles
    spurs: tuple[tuple[float, float], ...] = ()  # (cycles a sample, dBFS)
    imbalance_db: float = 0.0
    imbalance_deg: float = 0.0
    bits: Annotated[int, Field(ge=2, le=12)] = 12
    midrise: bool = False  # levels lie half a step beside zero, as of unsigned bytes

    def apply(self, iq: Iq, start: int = 0) -> npt.NDArray[np.int16]:
        """complex64 [count], 1 is full scale -> int16 [count, 2], 2048 is 0 dBFS.

        `start` is the index of the first sample in the stream: spurs go on from there.
        """
        received = iq.copy() if self.corner is None else self._filter(iq)
        if self.agc_step_db:
            received[int(self.agc_step_at * len(iq)) :] *= _ratio(self.agc_step_db)
        if self.level_dbfs is not None:
            power = np.vdot(received, received).real / max(1, len(iq))
            received *= _ratio(self.level_dbfs) / np.float32(np.sqrt(power) or 1)
        for cycles, dbfs in self.spurs:
            received += carrier(len(iq), cycles, cycles * start) * _ratio(dbfs)
        if self.dc_dbfs is not None:
            received += np.complex64(_ratio(self.dc_dbfs) * np.exp(2j * np.pi * self.dc_turns))
        pairs = received.view(np.float32).reshape(-1, 2)
        if self.imbalance_db or self.imbalance_deg:
            angle, ratio = np.deg2rad(self.imbalance_deg), _ratio(self.imbalance_db)
            pairs[:, 1] *= ratio * np.float32(np.cos(angle))
            pairs[:, 1] += pairs[:, 0] * (ratio * np.float32(np.sin(angle)))
        return self._quantise(pairs)

    def _filter(self, iq: Iq) -> Iq:
        assert self.corner is not None
        frequency = np.fft.fftfreq(4 * TAPS) * 2  # share of rate / 2
        gain_db = (
            -10 * np.log10(1 + np.abs(frequency / self.corner) ** (2 * self.order))
            + self.ripple_db * np.cos(np.pi * self.ripple_cycles * frequency)
            + self.tilt_db * frequency
        )
        taps = np.fft.fftshift(np.fft.ifft(10 ** (gain_db / 20)))
        middle = len(taps) // 2
        taps = taps[middle - TAPS // 2 : middle + TAPS // 2 + 1] * np.hanning(TAPS + 2)[1:-1]
        half = TAPS // 2
        ends = np.concatenate([iq[-half:], iq, iq[:half]])  # keeps the level there
        response = scipy.fft.fft(taps.astype(np.complex64), FILTER_FFT)
        filtered = np.empty_like(iq)
        step = FILTER_FFT - TAPS + 1
        for at in range(0, len(iq), step):  # overlap-save: blocks that stay in the cache
            block = scipy.fft.ifft(scipy.fft.fft(ends[at : at + FILTER_FFT], FILTER_FFT) * response)
            filtered[at : at + step] = block[TAPS - 1 :][: len(iq) - at]
        return filtered

    def _quantise(self, pairs: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
        half = 2 ** (self.bits - 1)
        step = int(FULL_SCALE) // half
        pairs *= np.float32(half)
        if self.midrise:
            np.floor(pairs, out=pairs)
        else:
            np.rint(pairs, out=pairs)
        np.clip(pairs, -half, half - 1, out=pairs)
        counts = pairs.astype(np.int16) * np.int16(step)
        if self.midrise:
            counts += np.int16(step // 2)
        return counts


def draw_front_end(rng: np.random.Generator) -> FrontEnd:
    """A receiver as HackRFs, RTL-SDRs and USRPs were measured, at any level it can be used at."""
    bits = 8 if rng.random() < 0.6 else 12
    clipped = rng.random() < 0.1
    level = rng.uniform(-6, 0) if clipped else rng.uniform(-40 if bits == 8 else -60, -6)
    return FrontEnd(
        ppm=rng.uniform(-70, 70) if rng.random() < 0.3 else rng.uniform(-20, 20),
        corner=rng.uniform(0.75, 1.05),
        order=int(rng.integers(3, 17)),
        ripple_db=rng.uniform(-1, 1),
        ripple_cycles=rng.uniform(0.5, 4),
        tilt_db=rng.normal(0, 1),
        agc_step_db=rng.uniform(-10, 10) if rng.random() < 0.1 else 0.0,
        agc_step_at=rng.random(),
        level_dbfs=level,
        dc_dbfs=level + (rng.uniform(-45, 0) if rng.random() < 0.9 else rng.uniform(0, 5)),
        dc_turns=rng.random(),
        spurs=tuple(
            (rng.uniform(-0.5, 0.5), level + rng.uniform(-50, -15))
            for _ in range(rng.integers(0, 9) if rng.random() < 0.7 else 0)
        ),
        imbalance_db=rng.uniform(-0.3, 0.3),
        imbalance_deg=rng.uniform(-1.5, 1.5),
        bits=bits,
        midrise=bits == 8 and bool(rng.random() < 0.5),
    )


def _ratio(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))
