"""What a benchmark finds, and the machine that it was found on."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radiofm.doctor import version_of

PACKAGES = ("numpy", "scipy", "numba", "pyfftw", "mkl_fft", "torch", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio: how many times less of `unit` ours takes than the rival, in one run."""

    what: str  # "spectrogram at 61.44 MS/s"
    ours: str
    rival: str
    ours_took: float
    rival_took: float
    unit: str  # "ms of one core a slice"
    goal: float | None = None  # the ratio to reach
    difference: float | None = None  # between the outputs, largest, standardised units

    @property
    def ratio(self) -> float:
        """Over 1: ours takes less."""
        return self.rival_took / self.ours_took

    def to_json(self) -> dict[str, Any]:
        """All of it, the ratio too."""
        return {**asdict(self), "ratio": self.ratio}


def machine() -> dict[str, Any]:
    """Processor, cores, load and versions: without them a figure says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    except OSError:
        lines = []
    found = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    flags = found.get("flags", "").split()
    versions = {name: version_of(name) for name in PACKAGES}
    return {
        "processor": found.get("model name", platform.machine()),
        "family": f"{found.get('cpu family', '?')}/{found.get('model', '?')}",
        "vectors": next((v for v in ("avx512f", "avx2", "asimd") if v in flags), ""),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
    }
