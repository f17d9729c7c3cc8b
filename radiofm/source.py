"""A recording as it was found, before it is interpreted: in whatever file, of whatever kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from radiofm.sigmf_meta import Meta


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says: it fills in what SigMF lacks, and overrules a file's name or header."""

    datatype: str | None = None
    sample_rate_hz: float | None = None
    center_frequency_hz: float | None = None


@dataclass(frozen=True)
class Source:
    """One recording: what is said of it, and its samples, memory-mapped and read-only."""

    path: Path  # the file that holds the samples
    name: str  # of the recording, without suffix
    meta: Meta
    data: npt.NDArray[Any]  # [count, 2] as on disk
    document: dict[str, Any] | None = None  # SigMF's own, with what radiofm does not read
