"""WiAR: real Wi-Fi CSI of sixteen activities, by Intel 5300, in folders by distance.

    <distance>/csi_a<activity>_<take>.dat

One sender, three antennas, 30 subcarriers at 40 MHz, about 30 packets a second (linteresa/WiAR).
The folder is the group.

Traps, measured on the logs' bytes and clocks. The ten takes of activity 12 are the same files in
all folders: such copies are left out, as nobody knows whose they are. The thirty takes of any other
activity follow each other within ten minutes: activity and sitting are one even across folders, and
what stands still tells them apart. Beside an accuracy belongs that of the mean over time alone.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, float32, natural
from radiofm_models.datasets.intel5300 import read_intel5300, resample

NAME = re.compile(r"csi_a(\d+)_\d+\.dat")
ACTIVITIES = (
    "horizontal arm wave", "high arm wave", "two hands wave", "high throw", "draw x", "draw tick",
    "toss paper", "forward kick", "side kick", "bend", "hand clap", "walk", "phone call",
    "drink water", "sit down", "squat",
)  # fmt: skip
LEAST = 1e-3  # amplitude, of what is not heard


class Wiar(Dataset):
    """CSI float32 [3, 30, time] in dB above noise; with phases [6, 30, time], radians last."""

    name = "wiar"
    axes = "antenna, subcarrier, time; dB above noise (then radians)"
    target = "activity"

    def __init__(
        self, path: Path | str, seconds: float = 5.0, rate_hz: float = 30.0, phase: bool = False
    ) -> None:
        """The middle `seconds` of each log, at `rate_hz`."""
        self.path, self._grid, self._phase = Path(path), (seconds, rate_hz), phase
        found = [file for file in self.path.glob("*/*.dat") if NAME.fullmatch(file.name)]
        found.sort(key=lambda file: (file.parent.name, natural(file)))
        copies = _copies(found)
        self.left_out = tuple(str(file.relative_to(self.path)) for file in found if file in copies)
        self.files = [file for file in found if file not in copies]
        if not self.files:
            raise broken(self.path, "its folders have no logs", "give the folder of the distances")
        numbers = [_activity(file) for file in self.files]
        present = sorted(set(numbers))
        self.labels = tuple(ACTIVITIES[number - 1] for number in present)
        self.classes = np.array([present.index(number) for number in numbers])
        self.groups = np.array([file.parent.name for file in self.files])

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        csi = resample(read_intel5300(self.files[index]), *self._grid)
        decibels = 20 * np.log10(np.maximum(np.abs(csi), LEAST))
        values = np.concatenate([decibels, np.angle(csi)]) if self._phase else decibels
        return float32(self.files[index], values), int(self.classes[index])


def _activity(file: Path) -> int:
    match = NAME.fullmatch(file.name)
    number = int(match[1]) if match else 0
    if not 1 <= number <= len(ACTIVITIES):
        raise broken(file, f"activity {number} is not 1 to {len(ACTIVITIES)}", "name it rightly")
    return number


def _copies(files: list[Path]) -> set[Path]:
    """Those whose bytes lie in several folders."""
    places = defaultdict(list)
    for file in files:
        places[hashlib.sha256(file.read_bytes()).digest()].append(file)
    return {f for same in places.values() if len({g.parent for g in same}) > 1 for f in same}
