"""Tuning a Pluto by pyadi-iio: values checked against the device's own ranges, then read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from errno import EINVAL
from typing import Any

from radiofm.errors import DeviceError, UsageError
from radiofm.quantities import format_si
from radiofm_capture.device import Tuning

FULL_SCALE = 2048.0  # a 12-bit converter in int16
_LOWEST_RATE = 521_000.0  # with the FIR filter that pyadi-iio loads
_RANGE = re.compile(r"\[(\S+) \S+ (\S+)\]")


def tune(sdr: Any, wanted: Tuning) -> Tuning:
    """Set the receiver, and return how it really is. UsageError names a value it does not take."""
    if wanted.gain_db is not None and wanted.gain_mode != "manual":
        raise UsageError(
            f"gain {wanted.gain_db:g} dB has no effect in gain mode {wanted.gain_mode}:"
            " use --gain-mode manual, or leave the gain out"
        )
    phy = sdr.ctx.find_device("ad9361-phy")
    rx, lo = phy.find_channel("voltage0", False), phy.find_channel("altvoltage0", True)
    rate, fc, bandwidth = (
        wanted.sample_rate_hz,
        wanted.center_frequency_hz,
        wanted.bandwidth_hz,
    )
    _check("rate", rate, _limits(rx, "sampling_frequency"), "S/s", _LOWEST_RATE)
    _check("centre frequency", fc, _limits(lo, "frequency"), "Hz")
    _check("bandwidth", bandwidth, _limits(rx, "rf_bandwidth"), "Hz")
    _check_mode(wanted.gain_mode, rx)
    if wanted.gain_db is not None:
        _check("gain", wanted.gain_db, _limits(rx, "hardwaregain"), "dB")

    # Integers only: the driver takes no "2.44e9". The mode comes before the gain, which pyadi-iio
    # silently leaves alone in the other modes.
    _set("rate", rate, lambda: setattr(sdr, "sample_rate", round(rate)))
    _set("centre frequency", fc, lambda: setattr(sdr, "rx_lo", round(fc)))
    _set("bandwidth", bandwidth, lambda: setattr(sdr, "rx_rf_bandwidth", round(bandwidth)))
    mode, gain = wanted.gain_mode, wanted.gain_db
    _set("gain mode", mode, lambda: setattr(sdr, "gain_control_mode_chan0", mode))
    if gain is not None:
        _set("gain", gain, lambda: setattr(sdr, "rx_hardwaregain_chan0", float(gain)))
    return _read_back(sdr)


def _read_back(sdr: Any) -> Tuning:
    mode = str(sdr.gain_control_mode_chan0)
    about = sdr.ctx.attrs
    return Tuning(
        center_frequency_hz=float(sdr.rx_lo),
        sample_rate_hz=float(sdr.sample_rate),
        bandwidth_hz=float(sdr.rx_rf_bandwidth),
        gain_db=float(sdr.rx_hardwaregain_chan0) if mode == "manual" else None,
        gain_mode=mode,
        full_scale=FULL_SCALE,
        hardware=" ".join(
            about[name] for name in ("hw_model", "hw_serial", "fw_version") if name in about
        ),
    )


def _limits(channel: Any, name: str) -> tuple[float, float] | None:
    """What the device says it takes; None where it says nothing, and setting it will tell."""
    attribute = channel.attrs.get(f"{name}_available")
    match = _RANGE.fullmatch(attribute.value.strip()) if attribute else None
    return (float(match[1]), float(match[2])) if match else None


def _check(
    field: str,
    value: float,
    limits: tuple[float, float] | None,
    unit: str,
    lowest: float | None = None,
) -> None:
    low, high = limits or (float("-inf"), float("inf"))
    low = low if lowest is None else lowest
    if not low <= value <= high:
        raise UsageError(
            f"{field} {format_si(value, unit)} is out of this Pluto's range,"
            f" {format_si(low, unit)} to {format_si(high, unit)}"
        )


def _check_mode(mode: str, rx: Any) -> None:
    attribute = rx.attrs.get("gain_control_mode_available")
    modes = attribute.value.split() if attribute else [mode]
    if mode not in modes:
        raise UsageError(f"gain mode {mode!r} is not one of this Pluto's: {', '.join(modes)}")


def _set(field: str, value: object, setter: Callable[[], None]) -> None:
    try:
        setter()
    except ValueError as error:
        raise UsageError(f"{field} {value} is not taken by the driver: {error}") from None
    except KeyError as error:
        raise DeviceError(f"this Pluto's firmware has no attribute {error}: update it") from None
    except OSError as error:
        if error.errno != EINVAL:
            raise
        raise UsageError(f"{field} {value} was refused by the Pluto as invalid") from None
