"""Raw files: samples alone. The suffix tells the datatype, the name what else it may carry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from radiofm.errors import RecordingError
from radiofm.formats import FORMATS, map_samples
from radiofm.quantities import format_si
from radiofm.sigmf_meta import Capture, Info, Meta, parse_time
from radiofm.source import Given, Source

SUFFIXES = {
    ".cu8": "cu8", ".uc8": "cu8", ".complex16u": "cu8",
    ".cs8": "ci8", ".sc8": "ci8", ".c8": "ci8", ".complex16s": "ci8",  # 16 bits in all
    ".cs16": "ci16_le", ".sc16": "ci16_le", ".c16": "ci16_le", ".complex32s": "ci16_le",
    ".cf32": "cf32_le", ".fc32": "cf32_le", ".cfile": "cf32_le", ".complex64": "cf32_le",
    ".complex": "cf32_le",
    ".cf64": "cf64_le", ".fc64": "cf64_le", ".complex128": "cf64_le",
}  # fmt: skip

# As rtl_433 has it: 433.92M is the centre, 250k the rate, and Hz or sps says which it is.
# Ultimate Radio Hacker writes 433_92MHz between hyphens.
_QUANTITY = re.compile(
    r"(?<![0-9a-z.])(?P<number>(?<=-)\d+_\d+(?=[a-z]+-)|\d+(?:\.\d+)?)"
    r"(?:(?P<scale>[kmg]?)(?P<unit>hz|sps)|(?P<bare>[km]))(?![0-9a-z])",
    re.IGNORECASE,
)
_GQRX = re.compile(r"gqrx_(\d{8}_\d{6})_(\d+)_(\d+)_fc")  # time in UTC, Hz, S/s, complex float
_UTC = re.compile(r"(?<!\d)(\d{8}_\d{6})Z")  # SDR#, HDSDR, SDRuno
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


@dataclass(frozen=True, slots=True)
class Named:
    """What a file's name says."""

    datatype: str | None = None
    sample_rate_hz: float | None = None
    center_frequency_hz: float | None = None
    time_ns: int | None = None

    def __str__(self) -> str:
        rate, center = self.sample_rate_hz, self.center_frequency_hz
        parts = [
            self.datatype,
            rate and format_si(rate, "S/s"),
            center and f"centre {format_si(center, 'Hz')}",
        ]
        return ", ".join(part for part in parts if part) or "nothing"


def read_name(path: Path) -> Named:
    """What the name of a file says, by the customs of rtl_433, gqrx, SDR#, HDSDR, SDRuno, URH."""
    if gqrx := _GQRX.fullmatch(path.stem):
        time, center, rate = gqrx.groups()
        return Named("cf32_le", float(rate), float(center), _time_ns(time))
    found: dict[str, float] = {}
    for match in _QUANTITY.finditer(path.stem):
        number = float(match["number"].replace("_", "."))
        scale = _SCALE[(match["bare"] or match["scale"]).lower()]
        is_rate = (match["unit"] or match["bare"]).lower() in ("sps", "k")
        found.setdefault("rate" if is_rate else "center", number * scale)  # the first counts
    utc = _UTC.search(path.stem)
    return Named(
        SUFFIXES.get(path.suffix.lower()),
        found.get("rate"),
        found.get("center"),
        _time_ns(utc[1]) if utc else None,
    )


def raw_source(path: Path, given: Given) -> Source:
    """A raw file, by what is given, else by what its name says."""
    named = read_name(path)
    datatype = named.datatype if given.datatype is None else given.datatype
    if datatype is None:
        raise RecordingError(
            f"{path}: the suffix {path.suffix!r} does not say the datatype (the name says {named}):"
            f" give it (datatype, --datatype): {', '.join(FORMATS)}"
        )
    datatype = SUFFIXES.get(f".{datatype}", datatype)  # as a suffix: cs16
    datatype = f"{datatype}_le" if f"{datatype}_le" in FORMATS else datatype
    if given.sample_rate_hz is None and named.sample_rate_hz is None:
        raise RecordingError(
            f"{path}: a raw file does not say its sample rate (the name says {named}): "
            "give it (sample_rate_hz, --rate)"
        )
    meta = described(datatype, named, given)
    return Source(path, path.stem, meta, map_samples(path, meta))


def described(datatype: str, found: Named, given: Given) -> Meta:
    """The metadata of a file without any: what is given (left out here), else what was found."""
    rate = found.sample_rate_hz if given.sample_rate_hz is None else None
    center = found.center_frequency_hz if given.center_frequency_hz is None else None
    capture = Capture(core_sample_start=0, core_frequency=center, core_datetime=found.time_ns)
    return Meta(info=Info(core_datatype=datatype, core_sample_rate=rate), captures=(capture,))


def _time_ns(stamp: str) -> int | None:
    """`20200131_235959`, UTC, to nanoseconds since 1970; None where it is no date."""
    y, m, d, h, minute, s = re.findall(r"^\d{4}|\d\d", stamp)
    try:
        time_ns = parse_time(f"{y}-{m}-{d}T{h}:{minute}:{s}Z")
    except ValueError:
        return None
    return time_ns if isinstance(time_ns, int) and time_ns >= 0 else None
