"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radiofm.corpus.find import find_recordings
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.annotated import Annotated
from radiofm_models.datasets.cfr import Cfr
from radiofm_models.datasets.channel_estimation import ChannelEstimation
from radiofm_models.datasets.dataset import Dataset, Target
from radiofm_models.datasets.deepbeam import DeepBeam
from radiofm_models.datasets.labelled import LIST, Labelled
from radiofm_models.datasets.nr_lte import NrLte
from radiofm_models.datasets.ntu_fi import NtuFiHar, NtuFiHumanId
from radiofm_models.datasets.positioning import Positioning
from radiofm_models.datasets.radioml import RadioML2016, RadioML2018
from radiofm_models.datasets.signal_images import SignalImages
from radiofm_models.datasets.simulated import Simulated
from radiofm_models.datasets.slices import CorpusSlices, Slices
from radiofm_models.datasets.torchsig import TorchSig
from radiofm_models.datasets.wiar import Wiar

DATASETS: dict[str, Callable[..., Dataset]] = {
    kind.name: kind
    for kind in (
        NtuFiHar, NtuFiHumanId, SignalImages, Positioning, Cfr, DeepBeam, RadioML2016, RadioML2018,
        NrLte, ChannelEstimation, TorchSig, Wiar, Simulated, Labelled, Annotated,
    )
}  # fmt: skip
RECORDED: dict[str, Callable[..., Dataset]] = {
    Labelled.name: Labelled, Annotated.name: Annotated,
}  # fmt: skip


def open_dataset(name: str, path: Path | str, **options: Any) -> Dataset:
    """Data set `name` at `path`, with the options of its class; raises RecordingError."""
    if name not in DATASETS:
        raise UsageError(f"data set {name!r} is unknown: take one of {', '.join(sorted(DATASETS))}")
    return DATASETS[name](path, **options)


def open_source(
    source: str, target: Target | None = None, spec: SpectrogramSpec | None = None, **options: Any
) -> Dataset:
    """What a command line names: NAME:PATH of a public set, or a folder of this program's own.

    Such a folder is a slice set, an array set, a corpus, or recordings; which, its files tell. With
    a `target` (what labels are to be) those of recordings are asked for: of a list, of annotations,
    or of the folders that they are in; they are cut by `spec`, or else by Table I.
    """
    name, colon, rest = source.partition(":")
    if colon and name in DATASETS:
        if name in RECORDED:
            options |= {"target": target or "class", "spec": spec}
        return open_dataset(name, Path(rest).expanduser(), **options)
    path = Path(source).expanduser()
    if (path / "decibels.npy").is_file():
        return Slices(path, "mask" if target == "mask" else "class")
    if (path / "set.json").is_file():
        return Simulated(path, target)
    if target is None and (path / "spec.json").is_file():
        return CorpusSlices(path)
    if target is not None and path.is_dir() and (found := find_recordings(path)):
        return RECORDED[_labelled_by(path, found, target)](path, target, spec)
    raise UsageError(
        f"{source} is no corpus (radiofm corpus build), slice set or array set (radiofm simulate)"
        f"{' and holds no recordings' if target else ''}: name one, or NAME:PATH with a name of "
        f"{', '.join(sorted(DATASETS))}"
    )


def _labelled_by(path: Path, found: Sequence[Path], target: Target) -> str:
    """What says what is in the recordings `found` below a folder: the name of its data set."""
    listed = (path / LIST).is_file()
    if target == "numbers" or (target == "class" and listed):
        return Labelled.name
    in_folders = all(len(file.relative_to(path).parts) > 1 for file in found)
    return Labelled.name if target == "class" and in_folders else Annotated.name
