"""The spec in float64, one step after the other: what the other backends are held against."""

from __future__ import annotations

import numpy as np

from radiofm.spectrogram.plan import Plan, Samples
from radiofm.spectrogram.spec import Image


class Reference:
    """Takes the memory of a whole slice's spectrum, and no care of time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, iq: Samples, full_scale: float) -> Image:
        plan, spec = self._plan, self._plan.spec
        x = (iq[:, 0] + 1j * iq[:, 1].astype(np.float64)) / full_scale
        frames = np.lib.stride_tricks.sliding_window_view(x, spec.window_size)[:: spec.hop]
        bins = np.fft.fft(frames * plan.window, spec.fft_size, axis=1)  # [frames, fft_size]
        image = bins.real**2 + bins.imag**2
        floor = 10 ** (spec.floor_db / 10)
        if spec.log_first:
            image = 10 * np.log10(image + floor)
        image = plan.over_frequency @ (plan.over_time @ image).T
        if not spec.log_first:
            image = 10 * np.log10(np.maximum(image, 0) + floor)
        return image.astype(np.float32)
