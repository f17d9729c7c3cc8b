"""The state behind the virtual Pluto: attributes with their checks, and the status register.

One object serves all connections. Refusals are OSError with the errno that the kernel would give.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from errno import EACCES, EINVAL, ENODEV, ENOENT, ENXIO, EOPNOTSUPP
from threading import RLock
from typing import NamedTuple

from radiofm_capture.virtual_pluto.layout import DEVICES, PHY, RX, TX, Layout, path_rates
from radiofm_capture.virtual_pluto.xml import context_xml

MODEL = "radiofm virtual PlutoSDR, not hardware"
VERSION = "0.24.radiofm"  # libiio wants a tag of exactly seven characters
DMA_STATUS = 0x80000088
OVERFLOW = 0x4  # of DMA_STATUS on the receive device; cleared by writing a one
REFERENCE_GAIN_DB = 40.0  # at which the source's samples pass unchanged

_READ_ONLY = {
    "data_available", "input", "length_align_bytes", "pseudorandom_err_check", "rssi",
    "rssi_gain_step_error", "rx_path_rates", "samples_pps", "tx_path_rates",
}  # fmt: skip
_SWITCHES = {"external", "powerdown"}
_RANGE = re.compile(r"\[(\S+) \S+ (\S+)\]")
_FIR_RATIO = re.compile(r"(RX|TX) \d+ GAIN -?\d+ (?:DEC|INT) ([124])\s*")
_FIR_TAP = re.compile(r"-?\d+,-?\d+\s*")
_RATE_WITHOUT_FIR, _RATE_WITH_FIR = 2_083_333, 520_833


Place = tuple[str, ...]  # (), ("DEBUG",), ("BUFFER",) or ("INPUT" or "OUTPUT", channel)


class Receiver(NamedTuple):
    """How the virtual receiver is set at one moment."""

    center_frequency_hz: float
    sample_rate_hz: float
    gain_change_db: float


class Context:
    """Attribute values by device and file name, shared by all connections."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.on_change: list[Callable[[float], None]] = []  # called under the lock
        self.buffers_count = dict.fromkeys((d.id for d in DEVICES), 4)  # of the kernel
        self._status = {RX.id: 0, TX.id: 0}  # DMA_STATUS
        self._register = dict.fromkeys((d.id for d in DEVICES), "0x0")  # last one asked for
        self._values: dict[tuple[str, str], str | None] = {}
        self._first_opened: float | None = None
        for device in DEVICES:
            for channel in device.channels:
                self._values |= {(device.id, f): v for f, v in channel.files().values()}
            for group in (device.attributes, device.buffer, device.debug):
                self._values |= {(device.id, name): v for name, v in group.items()}

    def xml(self) -> str:
        about = {"hw_model": MODEL, "hw_serial": "virtual", "fw_version": "v0.32 (virtual)"}
        return context_xml(DEVICES, f"{MODEL}: samples are simulated", about, VERSION)

    def device(self, key: str) -> Layout:
        """The device of that id or name."""
        for device in DEVICES:
            if key in (device.id, device.name):
                return device
        raise OSError(ENODEV, key)

    def receiver(self) -> Receiver:
        with self.lock:
            change = 0.0
            if self._manual():
                gain = self._values[PHY.id, "in_voltage0_hardwaregain"] or "0"
                change = float(gain.split()[0]) - REFERENCE_GAIN_DB
            frequency = self._values[PHY.id, "out_altvoltage0_RX_LO_frequency"] or "0"
            rate = self._values[RX.id, "in_voltage_sampling_frequency"] or "0"
            return Receiver(float(frequency), float(rate), change)

    def air(self, now: float) -> float:
        """Seconds on the air since a buffer was first opened: it goes on while nobody listens."""
        if self._first_opened is None:
            self._first_opened = now
        return now - self._first_opened

    def set_buffers_count(self, device: Layout, count: int) -> None:
        """How many blocks the next buffer of the device can hold."""
        if not 0 < count <= 1024:
            raise OSError(EINVAL, str(count))
        self.buffers_count[device.id] = count

    def overflow(self) -> None:
        """Note that the receive DMA had no buffer to fill."""
        with self.lock:
            self._status[RX.id] |= OVERFLOW

    def read(self, device: Layout, place: Place, attribute: str) -> str:
        """The text of an attribute."""
        file = _find(_files(device, place), attribute)
        with self.lock:
            if attribute == "direct_reg_access":
                return self._register[device.id]
            value = self._values[device.id, file]
        if value is None:
            raise OSError(EINVAL, file)
        return value

    def write(self, device: Layout, place: Place, attribute: str, text: str) -> None:
        """Set an attribute, and all that follows from it."""
        files = _files(device, place)
        file = _find(files, attribute)
        if attribute.endswith("_available") or attribute in _READ_ONLY or device.name == "xadc":
            raise OSError(EACCES, file)
        with self.lock:
            if attribute == "direct_reg_access":
                self._advance()
                return self._access_register(device.id, text)
            choices = self._values.get((device.id, files.get(f"{attribute}_available", "")))
            value = self._checked(device, file, attribute, text.strip(), choices)
            self._values[device.id, file] = value
            if device is PHY and attribute == "sampling_frequency":
                self._set_rate(int(value))
            elif attribute.endswith("filter_fir_en"):
                self._follow_fir(file, value)
            self._advance()

    def _advance(self) -> None:
        for call in self.on_change:
            call(time.monotonic())

    def _checked(
        self, device: Layout, file: str, attribute: str, text: str, choices: str | None
    ) -> str:
        """The value as the driver would store it: within its choices, in its own notation."""
        if attribute == "filter_fir_config":
            return _fir_summary(text)
        if attribute.endswith("_en") or attribute in _SWITCHES:
            choices = "0 1"
        if attribute.endswith("filter_fir_en"):
            self._check_fir(text)
        now = self._values[device.id, file] or ""
        limits = _RANGE.fullmatch(choices or "")
        if choices and not limits:
            return _one_of(choices, text)
        if _number(now) is None:
            return text
        wanted = _number(text)
        if wanted is None or (attribute == "frequency" and not text.isdigit()):
            raise OSError(EINVAL, text)
        if limits and not float(limits[1]) <= wanted <= float(limits[2]):
            raise OSError(EINVAL, text)
        if file == "in_voltage0_hardwaregain" and not self._manual():
            raise OSError(EOPNOTSUPP, "the gain can be set in manual mode only")
        if now.endswith(" dB"):
            return f"{wanted:f} dB"
        return f"{wanted:f}" if "." in now else str(int(wanted))

    def _manual(self) -> bool:
        return self._values[PHY.id, "in_voltage0_gain_control_mode"] == "manual"

    def _set_rate(self, rate: int) -> None:
        """Receive and transmit share one clock; the data devices offer it whole or by eight."""
        for file in ("in_voltage_sampling_frequency", "out_voltage_sampling_frequency"):
            self._values[PHY.id, file] = str(rate)
        for device, start in ((RX, "in_voltage"), (TX, "out_voltage")):
            self._values[device.id, f"{start}_sampling_frequency"] = str(rate)
            both = f"{rate} {rate // 8} "
            self._values[device.id, f"{start}_sampling_frequency_available"] = both
        self._values[TX.id, "out_altvoltage_sampling_frequency"] = str(rate)
        for name in ("rx_path_rates", "tx_path_rates"):
            self._values[PHY.id, name] = path_rates(name, rate)

    def _check_fir(self, text: str) -> None:
        loaded = self._values[PHY.id, "filter_fir_config"] != PHY.attributes["filter_fir_config"]
        slow = int(self._values[PHY.id, "in_voltage_sampling_frequency"] or 0) < _RATE_WITHOUT_FIR
        if (text == "1" and not loaded) or (text == "0" and slow):
            raise OSError(EINVAL, text)

    def _follow_fir(self, file: str, value: str) -> None:
        """Filters double the decimation, so that the lowest rate falls."""
        both = "in_out_voltage_filter_fir_en"
        files = ("in_voltage_filter_fir_en", "out_voltage_filter_fir_en")
        for name in files if file == both else (file,):
            self._values[PHY.id, name] = value
        enabled = all(self._values[PHY.id, name] == "1" for name in files)
        self._values[PHY.id, both] = str(int(enabled))
        lowest = _RATE_WITH_FIR if enabled else _RATE_WITHOUT_FIR
        for start in ("in_voltage", "out_voltage"):
            limits = f"[{lowest} 1 61440000]"
            self._values[PHY.id, f"{start}_sampling_frequency_available"] = limits

    def _access_register(self, device: str, text: str) -> None:
        try:
            numbers = [int(word, 0) for word in text.split()]
        except ValueError:
            raise OSError(EINVAL, text) from None
        if not 1 <= len(numbers) <= 2 or not all(0 <= n < 2**32 for n in numbers):
            raise OSError(EINVAL, text)
        status = device in self._status and numbers[0] == DMA_STATUS
        if len(numbers) == 2 and status:
            self._status[device] &= ~numbers[1]
        self._register[device] = hex(self._status[device] if status else 0)


def _files(device: Layout, place: Place) -> dict[str, str]:
    """Attribute names and the files behind them, at one place of a device."""
    match place:
        case ():
            return {a: a for a in device.attributes}
        case ("DEBUG",):
            return {a: a for a in device.debug}
        case ("BUFFER",):
            return {a: a for a in device.buffer}
        case (direction, key):
            for channel in device.channels:
                same = channel.direction == direction.lower()
                if same and key in (channel.id, channel.name):
                    return {a: file for a, (file, _) in channel.files().items()}
            raise OSError(ENXIO, key)
    raise OSError(EINVAL, " ".join(place))


def _find(files: dict[str, str], attribute: str) -> str:
    if attribute not in files:
        raise OSError(ENOENT, attribute)
    return files[attribute]


def _one_of(choices: str, text: str) -> str:
    if text not in choices.split():
        raise OSError(EINVAL, text)
    return text


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "").removesuffix("dB"))
    except ValueError:
        return None
    return value if abs(value) < 2**63 else None


def _fir_summary(config: str) -> str:
    """Take a filter file as the driver does, and answer what reading it back would show."""
    ratios = dict(_FIR_RATIO.findall(config))
    taps = sum(bool(_FIR_TAP.fullmatch(line)) for line in config.split("\n"))
    if set(ratios) != {"RX", "TX"} or not taps or taps > 128 or taps % 16:
        raise OSError(EINVAL, "filter")
    return f"FIR Rx: {taps},{ratios['RX']} Tx: {taps},{ratios['TX']}"
