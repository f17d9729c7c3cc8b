"""A scene at a receiver's antenna, and the truth about it.

What decides every bit: the scene with its seed, the tuning (centre and rate), the stretch of the
loop, and the versions of numpy and scipy. Not the number of threads, nor what else was rendered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm.quantities import format_si
from radiofm_capture.scenes.emission import emission
from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.scenes.receiver import Antenna
from radiofm_capture.scenes.scene import SLICE_S, Emitter, Scene
from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.truth import TruthBox
from radiofm_capture.scenes.waveforms import NOISE

MOST_FOLD = 3  # rates that the antenna is heard over, for aliases: +-1.5 times the rate
LEAST_ALIAS_DB = -10.0  # SNR below which the truth does not name an alias
THERMAL, OSCILLATOR = 0, 1  # streams of random numbers


def render(
    scene: Scene, first: int, slices: int, center_hz: float, rate: float
) -> tuple[Antenna, list[TruthBox]]:
    """Slices [first, first + slices) of the loop at the antenna of a receiver tuned to `center_hz`.

    Returns the samples, noise included, and the boxes of all that is in the band, in order of their
    begin, counted from the first of these samples. The same arguments give the same samples.
    """
    unit = round(SLICE_S * rate)
    noise = _noise(scene, first, slices * unit, rate)
    aliasing = scene.front_end.aliasing
    iq = np.zeros_like(noise) if aliasing else noise
    fold = _fold(scene, center_hz, rate)
    beyond = np.zeros(fold * len(iq), np.complex64) if fold > 1 else None
    boxes: list[TruthBox] = []
    for number, emitter in enumerate(scene.emitters, 1):
        offset = _offset(scene, emitter, center_hz)
        reach = abs(offset) + emitter.waveform.span_hz / 2
        across = beyond is not None and reach > rate / 2
        times, heard = (fold, beyond) if across and beyond is not None else (1, iq)
        if reach - emitter.waveform.span_hz >= times * rate / 2:
            continue
        for on, off in emitter.on or ((0, scene.slices),):
            start, stop = max(on, first), min(off, first + slices)
            if start >= stop:
                continue
            count = (stop - start) * unit * times
            signal, bursts = emission(scene, number, start, times * rate, count, offset)
            power, snr = scene.emitter_dbfs(emitter), scene.emitter_snr_db(emitter)
            signal *= np.float32(10 ** (power / 20))
            at = (start - first) * unit
            heard[at * times : at * times + count] += signal
            for burst in bursts if emitter.name != NOISE else ():
                box = TruthBox(
                    emitter.name, at + burst.start // times, max(1, burst.count // times),
                    center_hz + burst.low_hz, center_hz + burst.high_hz, snr, power,
                )  # fmt: skip
                boxes += _in_band(box, scene.front_end, center_hz, rate)
    boxes.sort(key=lambda box: box.start_sample)
    return Antenna(iq, noise if aliasing else None, beyond, fold), boxes


def oscillator(scene: Scene, first: int) -> np.random.Generator:
    """The random numbers for the receiver's phase noise from slice `first` on."""
    return scene.random(THERMAL, first, OSCILLATOR)


def _noise(scene: Scene, first: int, count: int, rate: float) -> Iq:
    rng = scene.random(THERMAL, first)
    amplitude = np.sqrt(10 ** (scene.noise_dbfs_per_hz / 10) * rate)
    if scene.noise is not None:
        if scene.noise.bandwidth_hz < rate:
            raise UsageError(
                f"noise {scene.noise.path} is {format_si(scene.noise.bandwidth_hz, 'S/s')} wide: "
                f"too narrow for a receiver at {format_si(rate, 'S/s')}"
            )
        real, _ = scene.noise.render(rate, count, 0.0, rng)
        real *= np.float32(amplitude)
        return real
    noise = rng.standard_normal(2 * count, np.float32)
    noise *= np.float32(amplitude / np.sqrt(2))
    return noise.view(np.complex64)


def _offset(scene: Scene, emitter: Emitter, center_hz: float) -> float:
    """Of the emitter's centre from the receiver's, with the errors of both."""
    tuned = center_hz * (1 + scene.front_end.ppm * 1e-6)
    return scene.emitter_hz(emitter) * (1 + emitter.carrier_ppm * 1e-6) - tuned


def _fold(scene: Scene, center_hz: float, rate: float) -> int:
    """How many rates wide the antenna must be heard so that what folds back is there."""
    if not scene.front_end.aliasing:
        return 1
    widest = 1
    for emitter in scene.emitters:
        offset, half = abs(_offset(scene, emitter, center_hz)), emitter.waveform.span_hz / 2
        if offset - half < MOST_FOLD * rate / 2:
            widest = max(widest, math.ceil(2 * (offset + half) / rate))
    return min(widest, MOST_FOLD)


def _in_band(
    box: TruthBox, front_end: FrontEnd, center_hz: float, rate: float
) -> Iterator[TruthBox]:
    """The box, if any of it is in the band, and its aliases there."""
    for zone in (0, -1, 1) if front_end.aliasing else (0,):
        middle = center_hz + zone * rate
        low, high = max(box.low_hz, middle - rate / 2), min(box.high_hz, middle + rate / 2)
        if low >= high:
            continue
        if zone == 0:
            yield box
            continue
        share = 10 * math.log10((high - low) / (box.high_hz - box.low_hz))
        place: npt.NDArray[np.float64] = np.array([(low + high) / 2 - center_hz]) / (rate / 2)
        lost = float(front_end.filter_db(place)[0])
        if box.snr_db + lost >= LEAST_ALIAS_DB:
            yield replace(
                box, low_hz=low - zone * rate, high_hz=high - zone * rate, alias=True,
                snr_db=box.snr_db + lost, power_dbfs=box.power_dbfs + share + lost,
            )  # fmt: skip
