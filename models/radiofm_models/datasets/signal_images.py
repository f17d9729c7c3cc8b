"""Waterfall pictures of RF signals, a class each: the papers' 20-class set, in either layout.

    <class>/<name>.png          a folder a class (the public image set, `waterfall/` of it)
    <class>_<name>.png          a flat folder (the WavesFM authors' copy)

either of them also in `train/` and `test/`. png or jpg, of any size and mode.

In the pictures frequency goes to the right and time down; here they are transposed, so that row 0
is the lowest frequency, as in all slices of this project (the authors turn them by 90 degrees
instead, which puts the highest first). Traps. Files do not say which capture a picture is cut
from: a random split shares captures between train and test and flatters. Classes are uneven.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, folders, line, official

SUFFIXES = (".png", ".jpg", ".jpeg")
LABELS = (  # of the papers' set, in the authors' order
    "ads-b", "airband", "ais", "automatic-picture-transmission", "bluetooth", "cellular",
    "digital-audio-broadcasting", "digital-speech-decoder", "fm", "lora", "morse", "on-off-keying",
    "packet", "pocsag", "Radioteletype", "remote-keyless-entry", "RS41-Radiosonde", "sstv", "vor",
    "wifi",
)  # fmt: skip


class SignalImages(Dataset):
    """Grey pictures float32 [1, frequency, time], 0 (black) to 1."""

    name = "signal-images"
    axes = "1, frequency, time; grey level 0 to 1"
    target = "signal"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        found = [
            (label, part, file)
            for part, folder in official(self.path)
            for label, file in _labelled(folder)
        ]
        if not found:
            raise broken(self.path, "it has no pictures", "give the folder of the unpacked set")
        names, parts, self.files = zip(*found, strict=True)
        self.labels = LABELS if set(names) <= set(LABELS) else tuple(sorted(set(names)))
        self.classes = np.array([self.labels.index(name) for name in names])
        self.parts = np.array(parts) if parts[0] else None

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        return read_picture(self.files[index])[None], int(self.classes[index])


def read_picture(file: Path) -> Array:
    """A picture as grey levels, transposed: float32 [width, height], 0 to 1 (ITU-R BT.601)."""
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG", "JPEG")) as picture:
            grey = np.asarray(picture.convert("RGB").convert("L"), np.float32)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise broken(file, f"it is no whole png or jpg ({line(error)})") from None
    return np.ascontiguousarray(grey.T / 255)


def _labelled(folder: Path) -> list[tuple[str, Path]]:
    nested = [(inner.name, file) for inner in folders(folder) for file in find(inner, *SUFFIXES)]
    return nested or [(_class_of(file), file) for file in find(folder, *SUFFIXES)]


def _class_of(file: Path) -> str:
    label, mark, _ = file.name.partition("_")
    if not mark:
        raise broken(file, "its name has no class before a _", "name it like wifi_001.png")
    return label
