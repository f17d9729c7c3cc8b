"""A USRP's clock: its reference, its time of day, and sample indices from its timestamps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from radiofm.errors import DeviceError
from radiofm_capture.uhd_tuning import UsrpSetup, check_choice

_LOCK_SECONDS = 5.0  # for the reference; a GPS fix is not waited for
_EDGE_SECONDS = 1.5  # a pulse comes once a second
_NMEA_SECONDS = 0.2  # until the receiver has said which second the pulse began
_NEAR = 0.1  # of a sample: timestamps count whole ones

# Whole seconds and the rest: together finer than one float of a time since 1970.
DeviceTime = tuple[int, float]


def choose_clock(usrp: Any, setup: UsrpSetup) -> None:
    """Set the sources of the reference clock and of the time, and wait for the clock to lock."""
    if setup.clock_source is not None:
        check_choice("clock source", setup.clock_source, usrp.get_clock_sources(0))
        usrp.set_clock_source(setup.clock_source)
        if setup.clock_source != "internal" and "ref_locked" in usrp.get_mboard_sensor_names():
            _wait(
                lambda: usrp.get_mboard_sensor("ref_locked").to_bool(),
                _LOCK_SECONDS,
                f"the USRP does not lock to clock source {setup.clock_source}: check the"
                " reference, or take --clock-source internal",
            )
    if setup.time_source is not None:
        check_choice("time source", setup.time_source, usrp.get_time_sources(0))
        usrp.set_time_source(setup.time_source)


def set_time(uhd: Any, usrp: Any, source: str | None) -> str:
    """Set the USRP to UTC, and say by what.

    Without a time source (or the internal one): by the host's clock, some milliseconds true. With
    "gpsdo": by GPS, at a pulse. With any other: the second by the host, its begin by the pulse.
    """
    if source in (None, "none", "internal"):
        seconds, ns = divmod(time.time_ns(), 10**9)
        usrp.set_time_now(uhd.types.TimeSpec(seconds, ns / 1e9))
        return "host clock"
    if source == "gpsdo" and not usrp.get_mboard_sensor("gps_locked").to_bool():
        raise DeviceError(
            "the USRP's GPS has no fix: wait for one with its antenna under open sky, or leave"
            " --time-source out"
        )
    _wait_for_pulse(usrp)
    if source == "gpsdo":
        time.sleep(_NMEA_SECONDS)
        now = usrp.get_mboard_sensor("gps_time").to_int()
    else:
        now = round(time.time())
    usrp.set_time_next_pps(uhd.types.TimeSpec(now + 1, 0.0))
    _wait(
        lambda: usrp.get_time_last_pps().get_full_secs() == now + 1,
        _EDGE_SECONDS,
        f"the USRP did not take its time from {source}: start again",
    )
    return "GPS" if source == "gpsdo" else f"host clock at the pulse of {source}"


def _wait_for_pulse(usrp: Any) -> None:
    last = usrp.get_time_last_pps().get_real_secs()
    _wait(
        lambda: usrp.get_time_last_pps().get_real_secs() != last,
        _EDGE_SECONDS,
        "the USRP sees no pulse per second: check its PPS input, or leave --time-source out",
    )


def _wait(condition: Callable[[], bool], seconds: float, sentence: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DeviceError(sentence)
        time.sleep(0.01)


def device_time(spec: Any) -> DeviceTime:
    """A `TimeSpec` as numbers."""
    return spec.get_full_secs(), spec.get_frac_secs()


def time_ns(when: DeviceTime) -> int:
    """Nanoseconds since 1970, where the clock was set to UTC."""
    return when[0] * 10**9 + round(when[1] * 1e9)


class SampleClock:
    """Sample indices of one stream <-> times of the device: index `first` was at `origin`."""

    def __init__(self, origin: DeviceTime, rate: float, first: int = 0) -> None:
        self._origin, self._rate, self._first = origin, rate, first

    def index(self, when: DeviceTime) -> tuple[int, bool]:
        """The index of the sample at this time, and whether the time is that of a whole one."""
        exact = self._samples(when)
        samples = round(exact)
        return self._first + samples, abs(exact - samples) < _NEAR

    def first_after(self, when: DeviceTime) -> int:
        """The first index at or after this time."""
        return self._first + math.ceil(self._samples(when))

    def time(self, index: int) -> DeviceTime:
        seconds, rest = divmod(self._origin[1] + (index - self._first) / self._rate, 1)
        return self._origin[0] + int(seconds), rest

    def _samples(self, when: DeviceTime) -> float:
        return (when[0] - self._origin[0] + (when[1] - self._origin[1])) * self._rate
