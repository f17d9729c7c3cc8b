"""The names of recordings: the one that is given, or one made of a template."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from radiofm_capture.device import Tuning
from radiofm_capture.sigmf_files import refuse_existing, taken


@dataclass(frozen=True)
class GivenName:
    """BASE, then BASE-2, BASE-3..."""

    path: Path

    def __post_init__(self) -> None:
        refuse_existing(self.path)

    @property
    def folder(self) -> Path:
        return self.path.parent

    def base(self, number: int, tuning: Tuning, time_ns: int) -> Path:
        """The base of file `number`, counted from 1."""
        return (
            self.path if number == 1 else _free(self.path.with_name(f"{self.path.name}-{number}"))
        )


@dataclass(frozen=True)
class TemplateName:
    """Names in a folder, each file's made of its own tuning and the time of its first sample."""

    folder: Path
    template: str  # its fields: radiofm.record_options.NAME_FIELDS
    device: str

    def base(self, number: int, tuning: Tuning, time_ns: int) -> Path:
        """The base of file `number`, counted from 1; never one that is taken."""
        gain = tuning.gain_mode if tuning.gain_db is None else f"{tuning.gain_db:g}dB"
        name = self.template.format(
            utc=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time_ns // 10**9)),
            device=self.device,
            fc=f"{tuning.center_frequency_hz / 1e6:g}MHz",
            rate=f"{tuning.sample_rate_hz / 1e6:g}MSps",
            gain=gain,
            n=number,
        )
        return _free(self.folder / name)


def _free(base: Path) -> Path:
    """`base`, or where that is taken the first of base_2, base_3... that is not."""
    found, copies = base, 1
    while taken(found):
        copies += 1
        found = base.with_name(f"{base.name}_{copies}")
    return found
