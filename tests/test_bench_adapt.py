"""Adaptation on receivers unlike the one that was learnt from: `make bench`, a few CPU minutes.

A small encoder and its head learn the families as one receiver hears them. Others hear them, too:
with 20 dB more gain, with 15 dB less (the noise is under the converter's last bit), through a
filter that leaves half of the band. Each gives slices to adapt to, without labels, and labelled
ones to judge by. RADIOFM_BENCH_RUNS names a folder that keeps the runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.array_set_writer import write_array_set
from radiofm.bundle import load_bundle
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.sets.families import PRESETS as FAMILIES
from radiofm_models.adapt import adapt
from radiofm_models.adapt_msm import recipe_of_msm
from radiofm_models.brought import bring
from radiofm_models.encoders import load_pretrained
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.half import round_weights
from radiofm_models.joint import Lesson, train_together
from radiofm_models.material import open_material
from radiofm_models.noise_floor import learnt_floors
from radiofm_models.pretrain_run import run as pretrain
from radiofm_models.recipe import JointRecipe, PretrainRecipe
from radiofm_models.served import ServedBundle
from radiofm_models.tasks.presets import preset
from radiofm_models.vit import PRESETS, ViTConfig

pytestmark = [pytest.mark.bench, pytest.mark.timeout(4 * 3600)]

RECEIVERS: dict[str, dict[str, Any]] = {
    "same": {"gain_db": 5},
    "loud": {"gain_db": 25},
    "rolloff": {"gain_db": 5, "corner": 0.5, "order": 4},
    "soft": {"gain_db": -10},
}
SPEC = SpectrogramSpec(height=112, width=112)
RATES = (1.92e6, 2.4e6, 3.84e6)
VIT = ViTConfig(dim=64, depth=4, heads=4, decoder_dim=32, decoder_depth=1, decoder_heads=4)
SCHEDULE = {"batch": 32, "seed": 1, "lr": 2e-3, "gain_db": 3.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("RADIOFM_BENCH_RUNS")
    return Path(kept).absolute() / "adapt" if kept else tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "nano", VIT)
        yield


def heard(folder: Path, count: int, seed: int, receiver: str) -> str:
    """A set of families as one receiver hears them."""
    if not (folder / "set.json").exists():
        front_end = FrontEnd.model_validate(RECEIVERS[receiver])
        recipe = replace(
            FAMILIES["single"], rates=RATES, spec=SPEC, receiver=front_end, without=("fading",)
        )
        write_array_set(folder, recipe, count, seed, "test", os.cpu_count() or 1)
    return str(folder)


@pytest.fixture(scope="module")
def bundle(runs: Path) -> Path:
    """Encoder and head that learnt from one receiver, with their checkpoint."""
    source = heard(runs / "train", 2500, 1, "same")
    recipe = PretrainRecipe(preset="nano", steps=500, **SCHEDULE)
    pretrain([source], runs / "pretrain", recipe, cache=runs / "cache")
    pretrained = load_pretrained(runs / "pretrain")
    spec = pretrained.inputs[SPECTROGRAM]
    assert isinstance(spec, SpectrogramSpec)
    material = open_material(source, runs / "cache", 1, scaling=spec, target="class")
    lessons = {"lessons": [{"set": "train", "heads": {"signals": "signals"}}]}
    learning = JointRecipe.model_validate(
        {**SCHEDULE, **lessons, "steps": 900, "evaluate_every": 300, "pooling": "token"}
    )
    task = preset("signals").make(material, learning)
    turns = [Lesson(material, {"signals": task}, 2), Lesson(material)]
    joint = train_together(pretrained, turns, learning, runs / "joint", {})
    round_weights(joint)
    head = TrainedHead(
        "signals", "classification", "tokens", joint.heads["signals"].eval(), task.labels
    )
    images = material.images(np.arange(4))
    manifest = export_bundle(
        runs / "bundle", "test", "nano", joint.encoder, {SPECTROGRAM: Modality(spec, images)},
        [head], {}, half=True,
    )  # fmt: skip
    manifest = manifest.model_copy(update={"floor_dbfs": learnt_floors([material])})
    bring(runs / "bundle", manifest, joint.autoencoder, {SPECTROGRAM: spec})
    return runs / "bundle"


def accuracy(folder: Path, test: str, cache: Path) -> float:
    """The share of labels that are right."""
    bundle = load_bundle(folder)
    material = open_material(test, cache, scaling=bundle.manifest.spec, target="class")
    served = ServedBundle(bundle.manifest, bundle.read)
    parts = [
        served(material.images(np.arange(at, min(at + 32, len(material)))), SPECTROGRAM)["signals"]
        for at in range(0, len(material), 32)
    ]
    return float((np.concatenate(parts).argmax(axis=1) == material.dataset.classes).mean())


def test_labels_before_and_after(bundle: Path, runs: Path, tmp_path: Path) -> None:
    right: dict[str, dict[str, float]] = {}
    print("\nreceiver  before  statistics  msm     both    offset dB  masked error")
    for at, name in enumerate(RECEIVERS):
        air = heard(runs / f"{name}-air", 400, 10 + 2 * at, name)
        test = heard(runs / f"{name}-test", 500, 11 + 2 * at, name)
        by_floor = adapt(bundle, [air], tmp_path / f"{name}-floor", "test", 1024)
        went = {}
        for how, start in (("msm", bundle), ("both", tmp_path / f"{name}-floor")):
            recipe = recipe_of_msm({"steps": 200, "batch": 32, "lr": 1e-3, "seed": 0})
            went[how] = adapt(start, [air], tmp_path / f"{name}-{how}", "test", 1024, recipe)
        folders = {"before": bundle} | {
            how: tmp_path / f"{name}-{how}" for how in ("floor", "msm", "both")
        }
        right[name] = {how: accuracy(f, test, tmp_path / "cache") for how, f in folders.items()}
        errors = " -> ".join(
            f"{went['msm'].figures[key]:.3f}" for key in ("masked_mse_before", "masked_mse")
        )
        shown = "  ".join(f"{right[name][how]:6.1%}" for how in folders)
        # What gain alone has changed is mended, and who hears as before is left alone.
        gained = right[name]["floor"] - right[name]["before"]
        assert gained > 0.2 if name in ("loud", "soft") else abs(gained) < 0.03, right
        print(f"{name:8}  {shown}  {by_floor.figures['offset_db']:+6.1f}  {errors}")
