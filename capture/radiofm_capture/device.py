"""What every device is: tuned, started, read block by block, stopped from any thread."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from radiofm.wire import Datatype, Loss, TimeQuality

DEFAULT_RATE = 4e6  # what USB 2 carries from a Pluto


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the receiver is set while a stream lasts. A change of any field starts a new stream."""

    center_frequency_hz: float
    sample_rate_hz: float
    bandwidth_hz: float
    gain_db: float | None = None  # None where the device's own control sets it
    gain_mode: str = "manual"
    datatype: Datatype = "ci16_le"
    full_scale: float = 2048.0  # counts at 0 dBFS
    hardware: str = ""  # what made the samples, for the recording


@dataclass(frozen=True, slots=True)
class Block:
    """Contiguous samples: int16 or float32 [count, 2] (I, Q), valid until the next read.

    `lost` is what went missing just before the block: its index is that much further on.
    """

    samples: npt.NDArray[Any]
    sample_index: int  # absolute in the stream, the lost samples counted
    time_ns: int  # UTC of the first sample
    time_quality: TimeQuality
    tuning: Tuning
    lost: tuple[Loss, ...] = ()
    new_stream: bool = False  # the first block, and after each retune or reconnect


@dataclass(frozen=True, slots=True)
class Bursts:
    """Contiguous blocks of so many whole slices, and between them air that is not taken.

    Each begins at a multiple of the slice.
    """

    slices: int
    count: int = 0  # after which the device ends; 0 is without end


class Device(Protocol):
    """A source of samples. Errors are DeviceError (or RecordingError) with one clear sentence."""

    def start(self) -> None:
        """Begin to stream."""

    def read(self) -> Block | None:
        """The next block, waiting for it; None when the device has ended or was stopped."""

    def stop(self) -> None:
        """End the stream: a waiting `read` returns None. From any thread, any number of times."""

    def close(self) -> None:
        """Give the hardware or the file back."""


@runtime_checkable
class Retunable(Device, Protocol):
    """A device that goes from tuning to tuning without being opened anew."""

    def retune(self, tuning: Tuning, bursts: Bursts | None = None) -> None:
        """End the stream and set the next one, in bursts or without gaps; `start` begins it."""


@runtime_checkable
class Gauged(Protocol):
    """A device with more to tell at each heartbeat than its samples."""

    def gauges(self) -> dict[str, float]:
        """Numbers by name, of this moment."""


class SampleSource(Protocol):
    """What a virtual device plays: samples as a function of time, for a receiver's tuning."""

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[Any]:
        """Samples [start, start + count) of the stream: int16 [count, 2], 2048 is 0 dBFS."""

    def prepare(self, center_frequency_hz: float, sample_rate_hz: float, stop: Event) -> None:
        """Make the samples of a tuning ready before they are read; ends early on `stop`."""
