"""`Spectrogram`: slices of one spec at one sample rate, by the fastest backend there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm.spectrogram.backends import make_backend
from radiofm.spectrogram.plan import make_plan
from radiofm.spectrogram.spec import Image, SpectrogramSpec


class Spectrogram:
    """Computes slices of one spec at one sample rate. Keeps its buffers: one object a thread.

    `backend` is a name of `radiofm.spectrogram.backends`; None leaves it to RADIOFM_SPECTROGRAM__
    BACKEND, or else it is scipy's, which gives the same to the bit in any process. Backends agree
    within 1e-4 standardised units.
    """

    def __init__(
        self, spec: SpectrogramSpec, sample_rate_hz: float, backend: str | None = None
    ) -> None:
        self.spec = spec
        plan = make_plan(spec, sample_rate_hz)
        self.samples = plan.samples
        self.backend, self._compute = make_backend(plan, backend)

    def __call__(self, iq: npt.NDArray[Any], full_scale: float) -> Image:
        """One slice: `iq` int16 or float32 [samples, 2] (I, Q) -> float32 [height, width].

        `full_scale` is the count at 0 dBFS.
        """
        return self.spec.standardise(self.decibels(iq, full_scale))

    def decibels(self, iq: npt.NDArray[Any], full_scale: float) -> Image:
        """The image before it is standardised: dBFS per FFT bin, float32 [height, width]."""
        if iq.shape != (self.samples, 2):
            raise UsageError(f"a slice is [{self.samples}, 2], not {list(iq.shape)}")
        return self._compute(np.ascontiguousarray(iq), full_scale)
