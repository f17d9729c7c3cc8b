"""The values that pass between a program and UHD."""

from __future__ import annotations

from enum import Enum


class RXMetadataErrorCode(Enum):
    none = 0
    timeout = 1
    late = 2
    broken_chain = 4
    overflow = 8
    alignment = 12
    bad_packet = 15


class StreamMode(Enum):
    start_cont = 97
    stop_cont = 111
    num_done = 100


class TimeSpec:
    """Whole seconds and the rest."""

    def __init__(self, full: float, frac: float = 0.0) -> None:
        whole, rest = divmod(frac, 1)
        self._full, self._frac = int(full) + int(whole), rest + (full - int(full))

    def get_full_secs(self) -> int:
        return self._full

    def get_frac_secs(self) -> float:
        return self._frac

    def get_real_secs(self) -> float:
        return self._full + self._frac


class RXMetadata:
    """What came with the samples: only `recv` writes it."""

    def __init__(self) -> None:
        self._fill(RXMetadataErrorCode.none, None)

    def _fill(
        self, error: RXMetadataErrorCode, when: TimeSpec | None, out_of_sequence: bool = False
    ) -> None:
        self._error, self._when, self._out_of_sequence = error, when, out_of_sequence

    @property
    def error_code(self) -> RXMetadataErrorCode:
        return self._error

    @property
    def has_time_spec(self) -> bool:
        return self._when is not None

    @property
    def time_spec(self) -> TimeSpec:
        return self._when or TimeSpec(0)

    @property
    def out_of_sequence(self) -> bool:
        return self._out_of_sequence


class StreamCMD:
    """A command to a receive stream."""

    def __init__(self, mode: StreamMode) -> None:
        self._mode = mode
        self.num_samps = 0
        self.stream_now = True
        self.time_spec = TimeSpec(0)


class TuneRequest:
    """A frequency, and the oscillator's offset from it."""

    def __init__(self, target_freq: float, lo_off: float = 0.0) -> None:
        self.target_freq = target_freq
        self.rf_freq = target_freq + lo_off


class MetaRange:
    """What a device takes."""

    def __init__(self, start: float, stop: float, step: float = 0.0) -> None:
        self._start, self._stop, self._step = start, stop, step

    def start(self) -> float:
        return self._start

    def stop(self) -> float:
        return self._stop

    def clip(self, value: float, clip_step: bool = False) -> float:
        return min(max(value, self._start), self._stop)


class SensorValue:
    """What a sensor says: a truth or a number."""

    def __init__(self, name: str, value: bool | int, unit: str, formatter: str) -> None:
        self._value = value

    def to_bool(self) -> bool:
        return bool(self._value)

    def to_int(self) -> int:
        return int(self._value)


class DeviceAddr:
    """Device arguments: `key=value,key=value`."""

    def __init__(self, args: str) -> None:
        pairs = (part.partition("=") for part in args.split(",") if part)
        self._keys = {key.strip(): value.strip() for key, _, value in pairs}

    def to_dict(self) -> dict[str, str]:
        return dict(self._keys)
