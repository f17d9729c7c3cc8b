"""The GNU Radio endpoint: bare items beside radiofm's own stream."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from radiofm.bus import ItemPublisher
from radiofm.topics import CHANNELS
from radiofm_capture.device import Tuning

ItemFormat = Literal["sc16", "fc32"]
SC16_FULL_SCALE = 32768  # of what was floats


class GnuRadioEndpoint:
    """Publishes samples as GNU Radio's zeromq blocks read them, one part, whole items.

    `sc16` is int16 I, Q: the device's counts (`sizeof_short * 2` and then
    `interleaved_short_to_complex` in GNU Radio). `fc32` is complex64, counts / full scale. The
    format has no header: gaps, retunes and changes of rate cannot be told in it.
    """

    def __init__(self, endpoint: str, form: ItemFormat) -> None:
        channel = CHANNELS["gnuradio"]
        self._publisher = ItemPublisher(
            endpoint, message_bytes=channel.message_bytes, queue_bytes=channel.queue_bytes
        )
        self.endpoint = self._publisher.endpoint
        self._form = form

    def send(self, samples: npt.NDArray[Any], tuning: Tuning) -> None:
        """Publish samples [count, 2], which must not be written to again."""
        self._publisher.send(items_of(samples, tuning.full_scale, self._form))

    def close(self) -> None:
        self._publisher.close()


def items_of(samples: npt.NDArray[Any], full_scale: float, form: ItemFormat) -> npt.NDArray[Any]:
    """Samples [count, 2], int16 or float32, as items [count, 2] of int16 or float32.

    Floats become counts of which SC16_FULL_SCALE is full scale, clipped to what int16 holds.
    """
    if form == "fc32":
        return samples.astype(np.float32) / np.float32(full_scale)
    if samples.dtype.kind == "i":
        return samples
    counts = np.rint(samples * np.float32(SC16_FULL_SCALE / full_scale))
    return np.clip(counts, -SC16_FULL_SCALE, SC16_FULL_SCALE - 1).astype(np.int16)
