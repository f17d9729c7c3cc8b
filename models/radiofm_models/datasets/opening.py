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
