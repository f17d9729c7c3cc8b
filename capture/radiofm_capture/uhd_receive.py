"""The receiving end of a USRP: stream commands out, samples and their times in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm_capture.uhd_clock import DeviceTime, device_time

_RECV_SECONDS = 0.1  # how long a `stop` may wait for a silent device
_DRAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one `recv` gave: samples, or an error and none."""

    samples: npt.NDArray[np.int16]  # [count, 2], valid until the next one
    when: DeviceTime | None  # of the first sample
    error: str  # none, timeout, late, broken_chain, overflow, alignment or bad_packet
    out_of_sequence: bool  # of an overflow: lost on the link, not in the device


class Receiver:
    """One receive stream of channel 0: sc16 on the wire and here. Raises UHD's RuntimeError."""

    def __init__(self, uhd: Any, usrp: Any, most: int) -> None:
        """`most`: samples of the longest `receive`."""
        self._types = uhd.types
        arguments = uhd.usrp.StreamArgs("sc16", "sc16")
        arguments.channels = [0]
        self._stream = usrp.get_rx_stream(arguments)
        self._metadata = uhd.types.RXMetadata()
        # One number a sample: UHD counts the numbers, and does not look at their width.
        self._buffer = np.zeros(most, np.int32)

    def receive(self, most: int) -> Arrival:
        """Wait for `most` samples; fewer where something came between, or nothing more."""
        metadata = self._metadata
        count = self._stream.recv(self._buffer[:most], metadata, _RECV_SECONDS)
        return Arrival(
            samples=self._buffer[:count].view(np.int16).reshape(-1, 2),
            when=device_time(metadata.time_spec) if metadata.has_time_spec else None,
            error=metadata.error_code.name,
            out_of_sequence=metadata.out_of_sequence,
        )

    def stream(self) -> None:
        """Send samples from now on."""
        self._command("start_cont")

    def send(self, count: int, when: DeviceTime) -> None:
        """Send so many samples, the first taken at this time."""
        self._command("num_done", count, when)

    def halt(self) -> None:
        """Send no more, and throw away what is on its way."""
        self._command("stop_cont")
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self.receive(len(self._buffer)).error != "timeout" and time.monotonic() < deadline:
            pass

    def _command(self, mode: str, count: int = 0, when: DeviceTime | None = None) -> None:
        command = self._types.StreamCMD(getattr(self._types.StreamMode, mode))
        command.stream_now = when is None
        if when is not None:
            command.num_samps = count
            command.time_spec = self._types.TimeSpec(*when)
        self._stream.issue_stream_cmd(command)
