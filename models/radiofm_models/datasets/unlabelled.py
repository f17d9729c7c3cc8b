"""Recordings of which nothing is known but how they were taken."""

from __future__ import annotations

from pathlib import Path

from radiofm.corpus.find import find_recordings
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.dataset import Array, Label
from radiofm_models.datasets.recorded import Place, Recorded


class Unlabelled(Recorded):
    """All slices of a recording, or of the recordings below a folder."""

    name = "unlabelled"
    target = "none"

    def __init__(self, path: Path | str, spec: SpectrogramSpec | None = None) -> None:
        path = Path(path)
        super().__init__(path if path.is_dir() else path.parent, spec)
        files = find_recordings(path) if path.is_dir() else [path]
        if not files:
            raise UsageError(f"{path} holds no recordings, and is no corpus: name one")
        places: list[Place] = []
        short = 0
        for file in files:
            for source, recording in self._sources(str(file.relative_to(self.path))):
                found = self._places(source, recording)
                places += found
                short += not found
        self._keep(places, short, None)

    def item(self, index: int) -> tuple[Array, Label]:
        return self._image(index), None
