"""The device and its receive stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import types
from ._radio import ERRORS, Fault, Radio, samples

_AGC = "/mboards/0/dboards/A/rx_frontends/A/gain/agc/enable"


class StreamArgs:
    """How samples are to come."""

    def __init__(self, cpu: str, otw: str) -> None:
        self.cpu_format, self.otw_format = cpu, otw
        self.channels: list[int] = []


class SubdevSpec:
    """Which daughterboard and subdevice: `A:A`."""

    def __init__(self, markup: str) -> None:
        self._markup = markup


class RXStreamer:
    """A receive stream; `get_rx_stream` makes it."""

    _radio: Radio

    def recv(self, np_array: npt.NDArray[Any], metadata: Any, timeout: float = 0.1) -> int:
        """Fill the array, across packets, until it is full, nothing comes or something happens.

        What happens after the first samples is told by the next call; a timeout then never is.
        """
        # The real one does not look: it would write past the end, or into a copy.
        assert np_array.dtype.itemsize == 4 and np_array.ndim == 1 and len(np_array)
        assert np_array.flags.c_contiguous and np_array.flags.writeable
        radio, filled = self._radio, 0
        while filled < len(np_array):
            if radio.due():
                if filled:
                    break
                fault = radio.suffer()
                if fault.kind in ERRORS:
                    self._tell(fault, metadata)
                    return 0
                continue
            first, count, timed = radio.take(len(np_array) - filled, timeout)
            if count == 0:
                if not filled:
                    metadata._fill(types.RXMetadataErrorCode.timeout, None)
                break
            if not filled:
                when = types.TimeSpec(*radio.time_of(first)) if timed else None
                metadata._fill(types.RXMetadataErrorCode.none, when)
            np_array[filled : filled + count] = samples(first, count).view(np.int32)[:, 0]
            filled += count
        return filled

    def _tell(self, fault: Fault, metadata: Any) -> None:
        lose = fault.kind == "lose"
        when = types.TimeSpec(*self._radio.time_of(self._radio._next - fault.count))
        code = types.RXMetadataErrorCode.__members__[ERRORS[fault.kind]]
        metadata._fill(code, when if fault.kind == "overrun" else None, out_of_sequence=lose)

    def issue_stream_cmd(self, command: Any) -> None:
        radio, mode = self._radio, command._mode
        if mode is types.StreamMode.stop_cont:
            radio.halt()
            return
        spec = command.time_spec
        start = None
        if not command.stream_now:
            ns = round(spec.get_frac_secs() * 1e9)
            start = radio.tick(spec.get_full_secs() * 10**9 + ns)
        radio.send(command.num_samps if mode is types.StreamMode.num_done else None, start)


class _Tree:
    """The property tree, as far as it tells whether there is an AGC."""

    def __init__(self, kind: str) -> None:
        self._paths = {"b200": _AGC, "usrp2": _AGC.removesuffix("/agc/enable")}.get(kind, "")

    def exists(self, path: str) -> bool:
        return f"{self._paths}/".startswith(f"{path}/")

    def list(self, path: str) -> list[str]:
        return [self._paths.removeprefix(f"{path}/").partition("/")[0]]


class MultiUSRP:
    """A device with one receive channel."""

    def __init__(self, args: str = "") -> None:
        about = types.DeviceAddr(args).to_dict()
        if about.get("type", "b200") not in ("b200", "usrp2", "x300") or "addr" in about:
            lines = "".join(f"    {key}: {value}\n" for key, value in about.items())
            raise RuntimeError(
                f"LookupError: KeyError: No devices found for ----->\nDevice Address:\n{lines}"
            )
        if "claimed" in about:
            raise RuntimeError(
                "RuntimeError: Error during RPC call to `claim'. Error message:"
                " Someone tried to claim this device again (From: localhost)"
            )
        self._radio = Radio(about)
        self._frequency, self._bandwidth, self._gain, self._agc = 1e9, 56e6, 0.0, False
        self._chosen: dict[str, Any] = {}

    def get_usrp_rx_info(self, chan: int = 0) -> dict[str, str]:
        return {"mboard_id": "B210", "mboard_serial": "FA4E", "rx_subdev_name": "FE-RX2"}

    def get_tree(self) -> _Tree:
        return _Tree(self._radio.kind)

    def set_rx_subdev_spec(self, spec: SubdevSpec) -> None:
        if spec._markup not in ("A:A", "A:B"):
            raise RuntimeError("LookupError: IndexError: no such subdevice")
        self._chosen["subdev"] = spec._markup

    def get_rx_antennas(self) -> list[str]:
        return ["TX/RX", "RX2"]

    def set_rx_antenna(self, ant: str) -> None:
        self._chosen["antenna"] = ant

    def get_clock_sources(self, mboard: int) -> list[str]:
        return ["internal", "external", "gpsdo"]

    def set_clock_source(self, source: str) -> None:
        self._chosen["clock"] = source

    def get_time_sources(self, mboard: int) -> list[str]:
        return ["none", "internal", "external", "gpsdo"]

    def set_time_source(self, source: str) -> None:
        self._chosen["time"] = source

    def get_mboard_sensor_names(self) -> list[str]:
        return ["ref_locked", "gps_locked", "gps_time"]

    def get_mboard_sensor(self, name: str) -> Any:
        if name == "gps_time":
            pulse = (self._radio.last_pulse_ns() - self._radio._offset_ns) // 10**9
            return types.SensorValue("gps_time", pulse, "seconds", "%d")
        return types.SensorValue(name, self._radio.locked, "locked", "unlocked")

    def get_rx_sensor_names(self) -> list[str]:
        return ["temp", "lo_locked"]

    def get_rx_sensor(self, name: str) -> Any:
        return types.SensorValue("lo_locked", self._radio.locked, "locked", "unlocked")

    def get_time_now(self) -> Any:
        return _spec(self._radio.now_ns())

    def get_time_last_pps(self) -> Any:
        return _spec(self._radio.last_pulse_ns())

    def set_time_now(self, time_spec: Any) -> None:
        ns = round(time_spec.get_frac_secs() * 1e9)
        self._radio.set_now(time_spec.get_full_secs() * 10**9 + ns)

    def set_time_next_pps(self, time_spec: Any) -> None:
        self._radio.set_at_pulse(time_spec.get_full_secs())

    def get_rx_rates(self) -> Any:
        return types.MetaRange(0.2e6, 61.44e6, 0.0)

    def get_rx_freq_range(self) -> Any:
        return types.MetaRange(50e6, 6e9, 0.0)

    def get_rx_gain_range(self) -> Any:
        return types.MetaRange(0.0, 76.0, 1.0)

    def get_rx_bandwidth_range(self) -> Any:
        return types.MetaRange(0.2e6, 56e6, 0.0)

    def set_rx_rate(self, rate: float) -> None:
        self._radio.set_rate(rate)

    def get_rx_rate(self) -> float:
        return self._radio.rate

    def set_rx_freq(self, tune_request: Any) -> None:
        self._frequency = tune_request.target_freq
        self._chosen["oscillator"] = tune_request.rf_freq

    def get_rx_freq(self) -> float:
        return self._frequency

    def set_rx_bandwidth(self, bandwidth: float) -> None:
        self._bandwidth = bandwidth

    def get_rx_bandwidth(self) -> float:
        return self._bandwidth

    def set_rx_gain(self, gain: float) -> None:
        self._gain = float(round(gain))

    def get_rx_gain(self) -> float:
        return self._gain

    def set_rx_agc(self, enable: bool) -> None:
        if self._radio.kind == "x300":
            raise RuntimeError("NotImplementedError: set_rx_agc() is not supported on this radio!")
        self._agc = enable

    def get_rx_stream(self, args: StreamArgs) -> RXStreamer:
        if args.cpu_format != "sc16" or args.otw_format != "sc16" or args.channels != [0]:
            raise RuntimeError("LookupError: KeyError: Cannot find a conversion routine")
        stream = RXStreamer.__new__(RXStreamer)
        stream._radio = self._radio
        return stream


def _spec(ns: int) -> Any:
    seconds, rest = divmod(ns, 10**9)
    return types.TimeSpec(seconds, rest / 1e9)
