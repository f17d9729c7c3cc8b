"""A USRP: tuned and streamed by UHD, int16 from end to end, its losses exact by its timestamps."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import Any

from radiofm.errors import DeviceError, UsageError
from radiofm.wire import Loss, Stage, TimeQuality
from radiofm_capture.device import Block, Tuning
from radiofm_capture.uhd_burst import Bursts
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


class UhdDevice:
    """One receive channel of a USRP.

    `args`: UHD's device arguments, `type=b200` or `addr=192.168.10.2`; "" takes the first found.
    `buffer_samples`: the longest block. `burst_samples`: take bursts of so many, each beginning
    with a slice, instead of everything. `uhd`: another module than the one installed.
    Raises UsageError for values it does not take, DeviceError where the device is absent, busy or
    gone, MissingDependencyError without UHD.
    """

    def __init__(
        self,
        tuning: Tuning,
        args: str = "",
        setup: UsrpSetup | None = None,
        *,
        buffer_samples: int,
        burst_samples: int | None = None,
        uhd: Any = None,
    ) -> None:
        _check_lengths(tuning.sample_rate_hz, buffer_samples, burst_samples)
        self._args, self._setup = args, setup or UsrpSetup()
        self._most, self._burst = buffer_samples, burst_samples
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # held while the stream is begun, read or ended
        self._receiver: Receiver | None = None
        self._timed_at = 0.0  # the rate at which the device's time was set
        self._uhd = uhd or load_uhd()
        self._usrp = open_usrp(self._uhd, args)
        try:
            choose_input(self._uhd, self._usrp, self._setup)
            choose_clock(self._usrp, self._setup)
            self._tune(tuning)
        except RuntimeError as error:
            raise device_error(error, args) from None

    def start(self) -> None:
        """Begin to stream."""
        with self._reading:
            try:
                self._begin()
            except RuntimeError as error:
                raise device_error(error, self._args) from None

    def read(self) -> Block | None:
        """The next block, int16 [count, 2]; None after `stop`."""
        deadline = time.monotonic() + _PATIENCE
        with self._reading:
            while not self._stopped.is_set():
                assert self._receiver
                try:
                    room = self._schedule.room(self._index, self._most)
                    arrival = self._receiver.receive(room)
                    if arrival.error != "none":
                        self._missed(arrival)
                except RuntimeError as error:
                    raise device_error(error, self._args) from None
                if len(arrival.samples):
                    return self._block(arrival)
                if time.monotonic() > deadline:
                    raise DeviceError(
                        f"the USRP sent nothing for {_PATIENCE:g} s: check its cable and power,"
                        " then start again"
                    )
        return None

    def retune(self, tuning: Tuning) -> None:
        """Stop, tune, and begin a new stream, with nothing in it from before. Between reads."""
        with self._reading:
            try:
                self._halt()
                self._tune(tuning)
                self._begin()
            except RuntimeError as error:
                raise device_error(error, self._args) from None

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
        self._receiver = Receiver(self._uhd, self._usrp, self._most)
        if self._burst is None:
            self._schedule: Schedule = Continuous(self._receiver)
        else:
            rate = self.tuning.sample_rate_hz
            self._schedule = Bursts(self._receiver, self._burst, rate, self._now)
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

    def _block(self, arrival: Arrival) -> Block:
        when = arrival.when
        lost = self._lost_before(when)
        self._index += sum(loss.samples for loss in lost)
        when = when or (self._clock.time(self._index) if self._clock else None)
        quality: TimeQuality = "device" if when else "host"
        block = Block(
            samples=arrival.samples,
            sample_index=self._index,
            time_ns=time_ns(when) if when else time.time_ns(),
            time_quality=quality,
            tuning=self.tuning,
            lost=tuple(lost),
            new_stream=self._new,
        )
        self._index += len(arrival.samples)
        self._new, self._overflowed, self._stage = False, False, "link"
        return block

    def _lost_before(self, when: DeviceTime | None) -> list[Loss]:
        """What is missing between the last samples and those of this time."""
        if when is None:
            # How many, the next timestamp tells; this says that there are some.
            one = Loss(samples=1, exact=False, stage=self._stage)
            return [one] if self._overflowed and not self._new else []
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
            log.warning(
                "the USRP's timestamps are not those of whole samples: losses are estimates"
            )
        return self._schedule.losses(self._index, index, exact, self._stage)


def _check_lengths(rate: float, buffer: int, burst: int | None) -> None:
    if not 0 < buffer <= _LONGEST_BUFFER * rate:
        raise UsageError(
            f"buffer of {buffer} samples is out of range: at {rate:g} S/s a USRP takes 1 to"
            f" {int(_LONGEST_BUFFER * rate)}"
        )
    if burst is not None and burst < 1:
        raise UsageError(f"burst of {burst} samples is out of range: 1 at least")
