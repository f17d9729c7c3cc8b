"""Tuning a USRP: values checked against the device's own ranges, then read back.

UHD itself refuses little: it takes the nearest value that it has. What differs is said.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from radiofm.errors import DeviceError, UsageError
from radiofm.quantities import format_si
from radiofm_capture.device import Tuning

log = logging.getLogger(__name__)

# UHD's own conversion to float divides by 32767, so that +1.0 can be had. Here 0 dBFS is the
# range of the number, as it is for all other devices: 0.0003 dB apart.
FULL_SCALE = 32768.0
_LOCK_SECONDS = 1.0  # for the local oscillator
_DAUGHTERBOARDS = "/mboards/0/dboards"  # where UHD keeps those of its older devices


@dataclass(frozen=True, slots=True)
class UsrpSetup:
    """How a USRP is wired up; None leaves the device's own choice."""

    antenna: str | None = None
    subdev: str | None = None
    clock_source: str | None = None
    time_source: str | None = None
    lo_offset_hz: float = 0.0


def choose_input(uhd: Any, usrp: Any, setup: UsrpSetup) -> None:
    """Set the subdevice and the antenna."""
    if setup.subdev is not None:
        try:
            usrp.set_rx_subdev_spec(uhd.usrp.SubdevSpec(setup.subdev))
        except RuntimeError:
            raise UsageError(
                f"subdev {setup.subdev!r} is not one of this USRP's: write it like A:A,"
                " `uhd_usrp_probe` lists them"
            ) from None
    if setup.antenna is not None:
        check_choice("antenna", setup.antenna, usrp.get_rx_antennas())
        usrp.set_rx_antenna(setup.antenna)


def tune(uhd: Any, usrp: Any, wanted: Tuning, lo_offset_hz: float) -> Tuning:
    """Set the receiver, and return how it really is. UsageError names a value it does not take."""
    rate, fc, gain = wanted.sample_rate_hz, wanted.center_frequency_hz, wanted.gain_db
    check_choice("gain mode", wanted.gain_mode, ["manual", "agc"])
    if gain is not None and wanted.gain_mode == "agc":
        raise UsageError(
            f"gain {gain:g} dB has no effect in gain mode agc: use --gain-mode manual, or leave"
            " the gain out"
        )
    _check("rate", rate, usrp.get_rx_rates(), "S/s")
    _check("centre frequency", fc, usrp.get_rx_freq_range(), "Hz")
    if gain is not None:
        _check("gain", gain, usrp.get_rx_gain_range(), "dB")

    usrp.set_rx_rate(rate)  # first: it may change the clock that all else stands on
    request = uhd.types.TuneRequest
    usrp.set_rx_freq(request(fc, lo_offset_hz) if lo_offset_hz else request(fc))
    # A filter is often fixed: the nearest is taken, and said below.
    usrp.set_rx_bandwidth(usrp.get_rx_bandwidth_range().clip(wanted.bandwidth_hz))
    _set_agc(usrp, wanted.gain_mode == "agc")
    if gain is not None:
        usrp.set_rx_gain(gain)
    _wait_for_lock(usrp)

    real = Tuning(
        center_frequency_hz=usrp.get_rx_freq(),
        sample_rate_hz=usrp.get_rx_rate(),
        bandwidth_hz=usrp.get_rx_bandwidth(),
        gain_db=usrp.get_rx_gain() if wanted.gain_mode == "manual" else None,
        gain_mode=wanted.gain_mode,
        full_scale=FULL_SCALE,
    )
    _say("rate", rate, real.sample_rate_hz, "S/s", 1e-6 * rate)
    _say("centre frequency", fc, real.center_frequency_hz, "Hz", 1.0)
    _say("bandwidth", wanted.bandwidth_hz, real.bandwidth_hz, "Hz", 0.01 * wanted.bandwidth_hz)
    if gain is not None and real.gain_db is not None:
        _say("gain", gain, real.gain_db, "dB", 0.1)
    return real


def check_choice(field: str, value: str, choices: list[str]) -> None:
    """Raise UsageError where the USRP does not list the value."""
    if value not in choices:
        raise UsageError(f"{field} {value!r} is not one of this USRP's: {', '.join(choices)}")


def _check(field: str, value: float, limits: Any, unit: str) -> None:
    low, high = limits.start(), limits.stop()
    if not low <= value <= high:
        raise UsageError(
            f"{field} {format_si(value, unit)} is out of this USRP's range,"
            f" {format_si(low, unit)} to {format_si(high, unit)}"
        )


def _set_agc(usrp: Any, on: bool) -> None:
    supported = _has_agc(usrp)
    try:
        if supported:
            usrp.set_rx_agc(on)
    except RuntimeError as error:
        if "not supported" not in str(error):
            raise
        supported = False
    if on and not supported:
        limits = usrp.get_rx_gain_range()
        raise UsageError(
            "this USRP has no automatic gain control: give a gain by --gain,"
            f" {limits.start():g} to {limits.stop():g} dB"
        )


def _has_agc(usrp: Any) -> bool:
    """Where it has none, an older device only logs a warning, a newer one refuses when asked."""
    tree = usrp.get_tree()
    if not tree.exists(_DAUGHTERBOARDS):
        return True
    return any(
        tree.exists(f"{_DAUGHTERBOARDS}/{board}/rx_frontends/{front_end}/gain/agc/enable")
        for board in tree.list(_DAUGHTERBOARDS)
        for front_end in tree.list(f"{_DAUGHTERBOARDS}/{board}/rx_frontends")
    )


def _wait_for_lock(usrp: Any) -> None:
    if "lo_locked" not in usrp.get_rx_sensor_names():
        return
    deadline = time.monotonic() + _LOCK_SECONDS
    while not usrp.get_rx_sensor("lo_locked").to_bool():
        if time.monotonic() > deadline:
            raise DeviceError(
                "the USRP's local oscillator does not lock: try another frequency or --lo-offset,"
                " and check the reference clock"
            )
        time.sleep(0.005)


def _say(field: str, wanted: float, real: float, unit: str, tolerance: float) -> None:
    if abs(real - wanted) > tolerance:
        log.warning(
            "%s %s is not one of this USRP's: it is %s",
            field, format_si(wanted, unit), format_si(real, unit),
        )  # fmt: skip
