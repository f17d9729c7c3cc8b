"""A USRP: tuned and streamed by UHD, int16 from end to end, its losses exact by its timestamps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import DeviceError, UsageError
from radiofm.wire import Stage, TimeQuality
from radiofm_capture.device import Block, Bursts, Tuning
from radiofm_capture.uhd_burst import BurstSchedule
from radiofm_capture.uhd_clock import (
    DeviceTime,
    SampleClock,
    choose_clock,
    device_time,
    set_time,
    time_ns,
)
from radiofm_capture.uhd_open import device_error, find_usrps, load_uhd, open_usrp
from radiofm_capture.uhd_receive import Arrival, Receiver
from radiofm_capture.uhd_schedule import Continuous, Schedule
from radiofm_capture.uhd_tuning import UsrpSetup, choose_input, tune

__all__ = ["UhdDevice", "UsrpSetup", "find_usrps"]

log = logging.getLogger(__name__)

_PATIENCE = 5.0  # seconds without a sample
_LONGEST_BUFFER = 2.0  # seconds
_NOTHING = np.zeros((0, 2), np.int16)


class UhdDevice:
    """One receive channel of a USRP.

    `args`: UHD's device arguments, `type=b200` or `addr=192.168.10.2`; "" takes the first found.
    `buffer_samples`: the longest block; a burst may come in several. `uhd`: another module than
    the one installed. Raises UsageError for values it does not take, DeviceError where the device
    is absent, busy or gone, MissingDependencyError without UHD.
    """

    def __init__(
        self,
        tuning: Tuning,
        args: str = "",
        setup: UsrpSetup | None = None,
        *,
        buffer_samples: int,
        bursts: Bursts | None = None,
        uhd: Any = None,
    ) -> None:
        _check_buffer(tuning.sample_rate_hz, buffer_samples)
        self._args, self._setup = args, setup or UsrpSetup()
        self._buffer_s = buffer_samples / tuning.sample_rate_hz
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # held while the stream is begun, read or ended
        self._receiver: Receiver | None = None
        self._timed_at = 0.0  # the rate at which the device's time was set
        self._uhd = uhd or load_uhd()
        self._usrp = open_usrp(self._uhd, args)
        with self._connected():
            choose_input(self._uhd, self._usrp, self._setup)
            choose_clock(self._usrp, self._setup)
        self.retune(tuning, bursts)

    def retune(self, tuning: Tuning, bursts: Bursts | None = None) -> None:
        """Set the next stream, which `start` begins, with nothing in it from before."""
        with self._reading, self._connected():
            self._halt()
            self._tune(tuning)
            self._bursts = bursts

    def start(self) -> None:
        """Begin to stream."""
        with self._reading, self._connected():
            self._begin()

    def read(self) -> Block | None:
        """The next block, int16 [count, 2]; None after `stop`, and after the last burst.

        One without samples tells what was lost at the end of the last burst.
        """
        deadline = time.monotonic() + _PATIENCE
        with self._reading, self._connected():
            while not self._stopped.is_set():
                assert self._receiver
                end = self._schedule.end(self._index)
                if end is not None:
                    return self._block(_NOTHING, None, end) if end > self._index else None
                room = self._schedule.room(self._index, self._most)
                arrival = self._receiver.receive(room)
                if arrival.error != "none":
                    self._missed(arrival)
                if len(arrival.samples):
                    index, exact = self._place(arrival.when)
                    return self._block(arrival.samples, arrival.when, index, exact)
                if time.monotonic() > deadline:
                    raise DeviceError(
                        f"the USRP sent nothing for {_PATIENCE:g} s: check its cable and power,"
                        " then start again"
                    )
        return None

    def stop(self) -> None:
        """End the stream: a waiting `read` returns None within a tenth of a second."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, then give the device back."""
        self.stop()
        with self._reading:
            try:
                self._halt()
            except RuntimeError as error:
                log.info("the USRP could not be stopped: %s", error)
            self._usrp = None

    def _tune(self, wanted: Tuning) -> None:
        real = tune(self._uhd, self._usrp, wanted, self._setup.lo_offset_hz)
        if real.sample_rate_hz != self._timed_at:  # another rate may set the clock askew
            source = set_time(self._uhd, self._usrp, self._setup.time_source)
            self._timed_at = real.sample_rate_hz
            about = self._usrp.get_usrp_rx_info()
            words = [about[key] for key in ("mboard_id", "mboard_serial") if about.get(key)]
            self._hardware = f"USRP {' '.join(words)}, time by {source}"
        self.tuning = replace(real, hardware=self._hardware)

    def _begin(self) -> None:
        self._index = 0  # of the next sample, the lost ones counted
        self._clock: SampleClock | None = None
        self._new = True
        self._overflowed = False
        self._stage: Stage = "link"  # of the loss at hand, as far as is known
        rate = self.tuning.sample_rate_hz
        self._most = max(1, round(self._buffer_s * rate))
        self._receiver = Receiver(self._uhd, self._usrp, self._most)
        if self._bursts is None:
            self._schedule: Schedule = Continuous(self._receiver)
        else:
            self._schedule = BurstSchedule(self._receiver, self._bursts, rate, self._now)
        self._schedule.begin()

    def _halt(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver:
            receiver.halt()

    def _now(self) -> DeviceTime:
        return device_time(self._usrp.get_time_now())

    def _missed(self, arrival: Arrival) -> None:
        log.info("the USRP says %s at sample %d", arrival.error, self._index)
        if arrival.error != "timeout":
            ours = arrival.error in ("bad_packet", "alignment") or arrival.out_of_sequence
            self._stage = "link" if ours else "device"
            self._overflowed |= arrival.error == "overflow"
        self._schedule.missed(arrival.error)

    def _place(self, when: DeviceTime | None) -> tuple[int, bool]:
        """The index of samples of this time, and whether it is certain."""
        if when is None:
            # How many are missing, the next timestamp tells; until then, that some are.
            some = self._overflowed and not self._new
            return self._index + int(some), not some
        if self._clock is None:
            self._clock = SampleClock(when, self.tuning.sample_rate_hz, self._index)
            self._schedule.began(self._clock)
        index, exact = self._clock.index(when)
        if index < self._index:
            raise DeviceError(
                f"the USRP's clock went back by {self._index - index} samples while it streamed:"
                " let no other program set its time, then start again"
            )
        if not exact and index > self._index:
            log.warning("the USRP's times are not those of whole samples: a loss is an estimate")
        return index, exact

    def _block(
        self,
        samples: npt.NDArray[np.int16],
        when: DeviceTime | None,
        index: int,
        exact: bool = True,
    ) -> Block:
        lost = self._schedule.losses(self._index, index, exact, self._stage)
        when = when or (self._clock.time(index) if self._clock else None)
        quality: TimeQuality = "device" if when else "host"
        ns = time_ns(when) if when else time.time_ns()
        block = Block(samples, index, ns, quality, self.tuning, tuple(lost), self._new)
        self._index = index + len(samples)
        self._new, self._overflowed, self._stage = False, False, "link"
        return block

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise device_error(error, self._args) from None


def _check_buffer(rate: float, samples: int) -> None:
    if not 0 < samples <= _LONGEST_BUFFER * rate:
        raise UsageError(
            f"buffer of {samples} samples is out of range: at {rate:g} S/s a USRP takes 1 to"
            f" {int(_LONGEST_BUFFER * rate)}"
        )
