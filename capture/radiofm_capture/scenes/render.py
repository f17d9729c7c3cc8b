"""A scene as a receiver's samples, and the truth about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from radiofm_capture.scenes.scene import SLICE_S, Scene
from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.waveforms import NOISE

MIN_LABEL_S = 50e-6  # shorter remains of a burst do not name a window


@dataclass(frozen=True, slots=True)
class TruthBox:
    """A signal in time and frequency. Frequencies are absolute, in Hz; SNR is in the signal's own
    bandwidth; `power_dbfs` is of the whole signal at the antenna, before the front end."""

    label: str
    start_sample: int
    sample_count: int
    low_hz: float
    high_hz: float
    snr_db: float
    power_dbfs: float


def render(
    scene: Scene, first: int, slices: int, center_hz: float, rate: float
) -> tuple[Iq, list[TruthBox]]:
    """Slices [first, first + slices) of the loop at the antenna of a receiver tuned to `center_hz`.

    Returns complex64 samples (1 is full scale), noise included, and the boxes of all that is in
    the band, counted from the first of these samples. The same arguments give the same samples.
    """
    unit = round(SLICE_S * rate)
    count = slices * unit
    rng = np.random.default_rng([scene.seed, 0, first])
    noise = rng.standard_normal(2 * count, np.float32)
    noise *= np.float32(np.sqrt(10 ** (scene.noise_dbfs_per_hz / 10) * rate / 2))
    iq = noise.view(np.complex64)
    boxes: list[TruthBox] = []
    tuned = center_hz * (1 + scene.front_end.ppm * 1e-6)
    for number, emitter in enumerate(scene.emitters, 1):
        for on, off in emitter.on or ((0, scene.slices),):
            start, stop = max(on, first), min(off, first + slices)
            if start >= stop:
                continue
            at = (start - first) * unit
            signal, bursts = emitter.waveform.render(
                rate,
                (stop - start) * unit,
                scene.emitter_hz(emitter) - tuned,
                np.random.default_rng([scene.seed, number, start]),
            )
            power = scene.emitter_dbfs(emitter)
            signal *= np.float32(10 ** (power / 20))
            iq[at : at + len(signal)] += signal
            snr = scene.emitter_snr_db(emitter)
            boxes += [
                TruthBox(
                    emitter.waveform.family, at + b.start, b.count,
                    center_hz + b.low_hz, center_hz + b.high_hz, snr, power,
                )
                for b in bursts
                if b.high_hz > -rate / 2 and b.low_hz < rate / 2
            ]  # fmt: skip
    return iq, boxes


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
            inside.append(
                TruthBox(
                    box.label, first - start, last - first, low, high, box.snr_db, box.power_dbfs
                )
            )
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
