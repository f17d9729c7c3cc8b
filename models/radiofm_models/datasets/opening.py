"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from radiofm.errors import UsageError
from radiofm_models.datasets.cfr import Cfr
from radiofm_models.datasets.channel_estimation import ChannelEstimation
from radiofm_models.datasets.dataset import Dataset
from radiofm_models.datasets.deepbeam import DeepBeam
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
        NrLte, ChannelEstimation, TorchSig, Wiar, Simulated,
    )
}  # fmt: skip


def open_dataset(name: str, path: Path | str, **options: Any) -> Dataset:
    """Data set `name` at `path`, with the options of its class; raises RecordingError."""
    if name not in DATASETS:
        raise UsageError(f"data set {name!r} is unknown: take one of {', '.join(sorted(DATASETS))}")
    return DATASETS[name](path, **options)


def open_source(source: str, masks: bool = False, **options: Any) -> Dataset:
    """What a command line names: NAME:PATH of a public set, or a folder of this program's own.

    Such a folder is a corpus, a slice set or an array set; which, its files tell. With `masks`,
    the labels of a slice set are its masks.
    """
    name, colon, rest = source.partition(":")
    if colon and name in DATASETS:
        return open_dataset(name, Path(rest).expanduser(), **options)
    path = Path(source).expanduser()
    if (path / "spec.json").is_file():
        return CorpusSlices(path)
    if (path / "decibels.npy").is_file():
        return Slices(path, "mask" if masks else "class")
    if (path / "set.json").is_file():
        return Simulated(path, masks)
    raise UsageError(
        f"{source} is no corpus (radiofm corpus build), slice set or array set (radiofm simulate): "
        f"name one, or NAME:PATH with a name of {', '.join(sorted(DATASETS))}"
    )
