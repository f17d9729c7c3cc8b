"""On-off keying: remote controls and sensors, and pulse-position bursts like ADS-B."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.signal import (
    Burst,
    Iq,
    Range,
    Waveform,
    carrier,
    log_uniform,
    sample_span,
)

MODE_S_PREAMBLE = (1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)  # half us (Annex 10, IV, 3.1.2)
CODES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {  # chips of a 0 and of a 1
    "pwm": ((1, 0, 0, 0), (1, 1, 1, 0)),
    "manchester": ((0, 1), (1, 0)),
    "ppm": ((0, 1), (1, 0)),
    "nrz": ((0,), (1,)),
}


class Ook(Waveform):
    family: Literal["ook"] = "ook"
    chip_rate: Annotated[float, Field(gt=0)] = 4e3  # of the shortest pulse, 1/s
    code: Literal["pwm", "manchester", "ppm", "nrz"] = "pwm"  # ppm brings the Mode S preamble
    on_s: Range = (20e-3, 80e-3)
    off_s: Range = (5e-3, 30e-3)

    @property
    def bandwidth_hz(self) -> float:
        return 1.6 * self.chip_rate  # holds more than 90 % of the power of each code

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        iq = np.zeros(count, np.complex64)
        bursts = []
        low, high = offset_hz - self.bandwidth_hz / 2, offset_hz + self.bandwidth_hz / 2
        for start, stop in self.schedule(count / rate, rng):
            first, last = sample_span(start, stop, rate, count)
            if first == last:
                continue
            chips = self._chips(int((stop - start) * self.chip_rate) + 1, rng)
            area = np.concatenate([[0.0], np.cumsum(chips)])
            edges = (np.arange(first, last + 1) / rate - start) * self.chip_rate
            # A sample is the mean over its own time, so that short pulses do not fall between.
            level = np.diff(np.interp(edges, np.arange(len(area)), area)) * (rate / self.chip_rate)
            level /= np.sqrt(chips.mean())
            if abs(offset_hz) < rate / 2:
                iq[first:last] = level.astype(np.float32) * carrier(
                    last - first, offset_hz / rate, float(rng.random())
                )
            bursts.append(Burst(first, last - first, low, high))
        return iq, bursts

    def _chips(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        words = np.array(CODES[self.code], float)
        bits = rng.integers(0, 2, -(-count // words.shape[1]))
        bits[0] = 1  # never an empty burst
        chips: npt.NDArray[np.float64] = words[bits].reshape(-1)
        if self.code == "ppm":
            chips = np.concatenate([MODE_S_PREAMBLE, chips])
        return chips[:count]


def draw_ook(rng: np.random.Generator, rate: float) -> Ook:
    """Remotes of 1-20 kb/s in packets and pauses, or Mode S bursts of 64-120 us."""
    if rng.random() < 0.4:
        return Ook(
            chip_rate=2e6, code="ppm", on_s=(64e-6, 120e-6),
            off_s=(0.2e-3, log_uniform(rng, 1e-3, 8e-3)),
        )  # fmt: skip
    code = str(rng.choice(["pwm", "manchester", "nrz"]))
    chips = log_uniform(rng, 1e3, 20e3)
    length = log_uniform(rng, 3e-3, 60e-3)
    return Ook.model_validate(
        {
            "chip_rate": chips,
            "code": code,
            "on_s": (length, 1.5 * length),
            "off_s": (1e-3, log_uniform(rng, 2e-3, 20e-3)),
        }
    )
