"""A recording as what a virtual device hears."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.recording import Recording

log = logging.getLogger(__name__)

FULL_SCALE = 2048  # of SampleSource (device.py)


class RecordingSource:
    """Loops over the longest gap-free segment of a recording: a `SampleSource` (device.py).

    Samples are played as they are, whatever the tuning; where it is another than the recording's
    a warning says so.
    """

    def __init__(self, recording: Recording) -> None:
        if recording.count == 0:
            raise RecordingError(f"{recording.path} holds no samples: nothing to play")
        self._recording = recording
        self._segment = max(recording.segments, key=lambda segment: segment.count)
        self._heard: tuple[float, float] | None = None

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[Any]:
        """Samples [start, start + count) of the endless stream: int16 [count, 2] of 12 bits."""
        self._warn(center_frequency_hz, sample_rate_hz)
        parts, segment = [], self._segment
        while count > 0:
            at = start % segment.count
            length = min(count, segment.count - at)
            parts.append(self._counts(segment.start + at, length))
            start, count = start + length, count - length
        return np.concatenate(parts) if parts else np.empty((0, 2), np.int16)

    def prepare(self, center_frequency_hz: float, sample_rate_hz: float, stop: Event) -> None:
        """Nothing to do: the samples are in the file."""

    def _counts(self, start: int, count: int) -> npt.NDArray[np.int16]:
        scale = np.float32(FULL_SCALE / self._recording.full_scale)
        counts = np.rint(self._recording.read(start, count) * scale)
        return np.clip(counts, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _warn(self, center_frequency_hz: float, sample_rate_hz: float) -> None:
        if self._heard == (center_frequency_hz, sample_rate_hz):
            return
        self._heard = center_frequency_hz, sample_rate_hz
        rate, center = self._recording.sample_rate_hz, self._segment.center_frequency_hz
        name = self._recording.path.name
        if abs(sample_rate_hz / rate - 1) > 0.01:
            log.warning(
                "%s was recorded at %g MS/s and is played at %g MS/s: all bandwidths scale by %.3g",
                *(name, rate / 1e6, sample_rate_hz / 1e6, sample_rate_hz / rate),
            )
        if center is not None and abs(center_frequency_hz - center) > 0.01 * rate:
            log.warning(
                "%s was recorded at %g MHz and is played as if at %g MHz",
                *(name, center / 1e6, center_frequency_hz / 1e6),
            )
