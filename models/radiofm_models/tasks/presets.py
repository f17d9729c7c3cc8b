"""The tasks by name, each with the settings that its paper gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from radiofm.errors import UsageError
from radiofm_models.datasets.dataset import Target
from radiofm_models.material import Material
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.anomaly import Anomaly
from radiofm_models.tasks.channel import ChannelEstimation
from radiofm_models.tasks.classification import Classification
from radiofm_models.tasks.forecast import Forecast
from radiofm_models.tasks.positioning import Positioning
from radiofm_models.tasks.presence import Presence
from radiofm_models.tasks.regression import Regression
from radiofm_models.tasks.segmentation import Segmentation
from radiofm_models.tasks.task import Task


@dataclass(frozen=True)
class TaskPreset:
    """How a task is made, and what its recipe is unless it is said otherwise."""

    about: str
    make: Callable[[Material, TuneRecipe], Task]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    target: Target | None = "class"  # what the labels of items are
    next: bool = False  # the truth is of the item that follows


TASKS: dict[str, TaskPreset] = {
    "activity": TaskPreset(
        "human activity from Wi-Fi CSI, label smoothing (WavesFM, equation 17)",
        Classification,
        {"mode": "linear", "pooling": "token", "label_smoothing": 0.1},
    ),
    "signals": TaskPreset(
        "RF signals, classes weighted by rarity (WavesFM, equation 18)",
        Classification,
        {"mode": "last", "pooling": "token", "weighted": True},
    ),
    "segmentation": TaskPreset(
        "NR, LTE and noise, or any labels, by pixel (ViT-MSM, section IV)",
        Segmentation,
        {"mode": "strict"},
        target="mask",
    ),
    "occupancy": TaskPreset(
        "signal or none, by pixel (ConvLSTM-MSM, Fig. 8)",
        partial(Segmentation, binary=True),
        {"mode": "strict"},
        target="mask",
    ),
    "occupancy-forecast": TaskPreset(
        "signal or none, by pixel of the slice that follows",
        partial(Segmentation, binary=True, ahead=1),
        target="mask",
        next=True,
    ),
    "positioning": TaskPreset(
        "where a 5G terminal is, in metres (WavesFM, equation 19)",
        Positioning,
        {"mode": "last", "pooling": "avg"},
        target="numbers",
    ),
    "presence": TaskPreset(
        "which signals are in a slice, any number of them", Presence, target="presence"
    ),
    "forecast": TaskPreset(
        "the next four columns of patches, of the slice that follows (ConvLSTM-MSM, section IV-A)",
        Forecast,
        target=None,
        next=True,
    ),
    "channel": TaskPreset(
        "MIMO-OFDM channels from pilots, weighted by SNR (WavesFM, equations 20 and 21)",
        ChannelEstimation,
        {"mode": "last"},
    ),
    "anomaly": TaskPreset("slices unlike those trained on, by what a bottleneck loses", Anomaly),
    "classification": TaskPreset("any classes", Classification),
    "regression": TaskPreset("any numbers", Regression, target="numbers"),
}


OWN = ("convlstm-forecast", "beams", "aoa")  # tasks that `tasks.own` runs


def preset(name: str) -> TaskPreset:
    """The preset `name`, or UsageError that lists those there are."""
    if name not in TASKS:
        raise UsageError(f"task {name!r} is unknown: take one of {', '.join([*TASKS, *OWN])}")
    return TASKS[name]
