"""A slice of a scene as a receiver hears it: samples, spectrogram, and the truth within it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec
from radiofm_capture.scenes.front_end import FULL_SCALE
from radiofm_capture.scenes.receiver import Receiver
from radiofm_capture.scenes.render import oscillator, render
from radiofm_capture.scenes.scene import SLICE_S, Scene
from radiofm_capture.scenes.truth import TruthBox, clip

Pairs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    samples: Pairs  # [count, 2], 1 is full scale, float32
    decibels: Image  # [height, width], dBFS
    boxes: list[TruthBox]  # within the slice and the band


def hear(
    scene: Scene, rate: float, spec: SpectrogramSpec, first: int = 0, *, ideal: bool = False
) -> Heard:
    """The slice that begins with `first` of the scene's, in units of 16 ms.

    An ideal receiver gives the antenna's samples as they are, else the scene's front end does.
    """
    units = math.ceil(spec.duration_s / SLICE_S)
    center = scene.center_frequency_hz
    antenna, boxes = render(scene, first, units, center, rate)
    spectrogram = _spectrogram(spec, rate)
    count = spectrogram.samples
    if ideal:
        samples: Pairs = antenna.iq.view(np.float32).reshape(-1, 2)[:count]
    else:
        receiver = Receiver(scene.front_end, rate, len(antenna.iq))
        counts = receiver(antenna, 0, oscillator(scene, first))[:count]
        samples = counts.astype(np.float32) / np.float32(FULL_SCALE)
    return Heard(samples, spectrogram.decibels(samples, 1.0), clip(boxes, 0, count, center, rate))


@lru_cache(32)
def _spectrogram(spec: SpectrogramSpec, rate: float) -> Spectrogram:
    return Spectrogram(spec, rate)
