"""What is on the air, as boxes in samples and Hz."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from radiofm_capture.scenes.waveforms import NOISE

MIN_LABEL_S = 50e-6  # shorter remains of a burst do not name a window


@dataclass(frozen=True, slots=True)
class TruthBox:
    """A signal in time and frequency. Frequencies are absolute, in Hz; SNR is in the signal's own
    bandwidth; `power_dbfs` is of the whole signal at the antenna, before the front end. Both are
    means over the time that it is on.

    An alias is where the front end folded a part of a signal to: SNR and power are that part's,
    behind the filter.
    """

    label: str
    start_sample: int
    sample_count: int
    low_hz: float
    high_hz: float
    snr_db: float
    power_dbfs: float
    alias: bool = False


def clip(
    boxes: Iterable[TruthBox], start: int, count: int, center_hz: float, rate: float
) -> list[TruthBox]:
    """The boxes within samples [start, start + count) and the band, counted from `start`."""
    inside = []
    for box in boxes:
        first = max(box.start_sample, start)
        last = min(box.start_sample + box.sample_count, start + count)
        low = max(box.low_hz, center_hz - rate / 2)
        high = min(box.high_hz, center_hz + rate / 2)
        if first < last and low < high:
            part = replace(
                box, start_sample=first - start, sample_count=last - first, low_hz=low, high_hz=high
            )
            inside.append(part)
    return inside


def dominant(
    boxes: Iterable[TruthBox], start: int, count: int, center_hz: float, rate: float
) -> str:
    """The label with most energy in the window and the band; `noise` where there is none."""
    energy: dict[str, float] = {}
    for box in boxes:
        for part in clip([box], start, count, center_hz, rate):
            if part.sample_count >= MIN_LABEL_S * rate:
                share = (part.high_hz - part.low_hz) / (box.high_hz - box.low_hz)
                joules = 10 ** (box.power_dbfs / 10) * part.sample_count * share
                energy[box.label] = energy.get(box.label, 0.0) + joules
    return max(energy, key=energy.__getitem__, default=NOISE)
