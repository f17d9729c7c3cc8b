"""A manifest of recordings: which there are, and what is known of each.

    {"recordings": [{
      "recording": "night.cu8",                    file or name of a SigMF pair, in the same folder
      "technology": "lte",                         or several: ["lte", "gsm"]; "noise": nothing
      "duplex": "FDD", "bandwidth_hz": 10e6,       of the carrier at the centre
      "rows": [{"technology": "noise", "low_hz": 6e6, "high_hz": 8e6}],      from the centre
      "datatype": "cu8", "sample_rate_hz": 19.2e6, "center_frequency_hz": 796e6,      of a raw file
      "known": "what else there is to say"}]}

Only `recording` has to be there. `truth_cells` are cells that a receiver decoded: of LTE `nrb` and
`freq_offset_hz`, of NR `ssb_center_hz` and `scs` (kHz). Other keys are passed over. Where
`technology` is not said, cells tell it, and else words of `known`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from radiofm.errors import UsageError

MANIFEST = "manifest.json"
NOISE = "noise"
WORDS = (  # of `known`, and the technology that they name
    (r"receiver noise|noise only", NOISE),
    (r"\bLTE\b", "lte"),
    (r"\bNR\b", "nr"),
    (r"\b802\.11|\bwi-?fi\b", "wifi"),
    (r"\bADS-?B\b|\bmode S\b", "adsb"),
    (r"\bGSM\b", "gsm"),
    (r"\bUMTS\b|\bWCDMA\b", "umts"),
    (r"\bDVB-?T\b", "dvbt"),
    (r"\bFM broadcast", "fm"),
    (r"\bbluetooth low energy\b|\bBLE\b", "ble"),
    (r"\bzigbee\b|\b802\.15\.4", "zigbee"),
    (r"\bLoRa\b", "lora"),
)
LTE_BLOCK_HZ = 180e3  # a resource block: TS 36.211, table 6.2.3-1
LTE_FILLED = 0.9  # of a channel of 3 MHz and more: TS 36.101, table 5.6-1
EDGE_HZ = 200e3  # of a carrier, where its rows are judged no more
SSB_SUBCARRIERS = 240  # TS 38.211, section 7.4.3.1

Text = Annotated[str, Field(max_length=4096)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Rows(_Entry):
    """Frequencies whose rows hold one technology all the time, in Hz from the centre."""

    technology: Annotated[str, Field(min_length=1, max_length=64)]
    low_hz: float
    high_hz: float

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz:g} is not below high_hz {self.high_hz:g}")
        return self


class Cell(_Entry):
    """A cell that a receiver decoded."""

    nrb: Annotated[int, Field(ge=6, le=110)] | None = None
    bw_mhz: Annotated[float, Field(gt=0)] | None = None
    freq_offset_hz: float = 0.0
    duplex: str | None = None
    ssb_center_hz: float | None = None
    scs: Annotated[int, Field(gt=0)] = 30  # kHz

    def rows(self, center_hz: float | None) -> Rows | None:
        """Where it is: LTE's occupied bandwidth, NR's SSB; None where that is not told."""
        if self.ssb_center_hz is not None:
            if center_hz is None:
                return None
            middle, half = self.ssb_center_hz - center_hz, SSB_SUBCARRIERS * self.scs * 1e3 / 2
            return Rows(technology="nr", low_hz=middle - half, high_hz=middle + half)
        if self.nrb is not None:
            return _lte(self.freq_offset_hz, self.nrb * LTE_BLOCK_HZ)
        return None


class Entry(_Entry):
    """What a manifest says of one recording."""

    recording: Annotated[str, Field(min_length=1, max_length=1024)]
    technology: Text | tuple[Text, ...] | None = None
    duplex: str | None = None
    bandwidth_hz: Annotated[float, Field(gt=0)] | None = None
    rows: tuple[Rows, ...] = ()
    truth_cells: tuple[Cell, ...] | None = None
    datatype: str | None = None
    sample_rate_hz: Annotated[float, Field(gt=0)] | None = None
    center_frequency_hz: Annotated[float, Field(ge=0)] | None = None
    known: Text = ""


class _Manifest(_Entry):
    recordings: Annotated[tuple[Entry, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Known:
    """One recording, and all that is known of it."""

    path: Path
    entry: Entry

    @property
    def name(self) -> str:
        return self.entry.recording

    @property
    def technologies(self) -> tuple[str, ...]:
        """What it holds: `noise` alone where that is nothing, () where it is not known."""
        said = self.entry.technology
        if said is not None:
            return (said,) if isinstance(said, str) else said
        cells = [row.technology for row in self._cells(0.0)]
        if cells:
            return tuple(dict.fromkeys(cells))
        found = [name for words, name in WORDS if re.search(words, self.entry.known, re.I)]
        return (NOISE,) if NOISE in found else tuple(found)

    @property
    def holds(self) -> str:
        """The same for people, with duplex and bandwidth of the first carrier that is told of."""
        entry = self.entry
        cell = next(iter(entry.truth_cells or ()), Cell())
        bandwidth_mhz = entry.bandwidth_hz / 1e6 if entry.bandwidth_hz else cell.bw_mhz
        parts = (
            ", ".join(self.technologies),
            entry.duplex or cell.duplex,
            f"{bandwidth_mhz:g} MHz" if bandwidth_mhz else None,
        )
        return " ".join(part for part in parts if part)

    def rows(self, center_hz: float | None) -> tuple[Rows, ...]:
        """The rows of which is known what they hold, around `center_hz` where the manifest has no
        centre."""
        entry = self.entry
        rows = [*entry.rows, *self._cells(entry.center_frequency_hz or center_hz)]
        if self.technologies == (NOISE,):
            rows.append(Rows.model_construct(technology=NOISE, low_hz=-math.inf, high_hz=math.inf))
        occupied_hz = (entry.bandwidth_hz or 0.0) * LTE_FILLED
        if not rows and self.technologies == ("lte",) and occupied_hz > 2 * EDGE_HZ:
            rows.append(_lte(0.0, occupied_hz))
        return tuple(rows)

    def _cells(self, center_hz: float | None) -> list[Rows]:
        rows = (cell.rows(center_hz) for cell in self.entry.truth_cells or ())
        return list(dict.fromkeys(row for row in rows if row))


def _lte(middle_hz: float, occupied_hz: float) -> Rows:
    half = occupied_hz / 2 - EDGE_HZ
    return Rows(technology="lte", low_hz=middle_hz - half, high_hz=middle_hz + half)


def read_manifests(paths: Sequence[Path]) -> list[Known]:
    """The recordings of all manifests, files or folders that hold a `manifest.json`, in order.

    Where one names a recording that one before it has, what it says of it is laid over that. Raises
    UsageError that names the file and the field.
    """
    found: dict[str, Known] = {}
    for path in paths:
        file = path / MANIFEST if path.is_dir() else path
        for entry in _read(file).recordings:
            before = found.get(entry.recording)
            if before is None:
                found[entry.recording] = Known(file.parent / entry.recording, entry)
                continue
            said: dict[str, Any] = {key: getattr(entry, key) for key in entry.model_fields_set}
            found[entry.recording] = Known(before.path, before.entry.model_copy(update=said))
    return list(found.values())


def _read(file: Path) -> _Manifest:
    try:
        return _Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(
            f"--recordings {file}: {error.strerror}: name a manifest, or the folder of a {MANIFEST}"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"--recordings {file}: {where}: {first['msg']}") from None
