"""A shipped bundle from nothing: simulate, pretrain, train heads, export, evaluate, write the card.

Each stage leaves its result in the output folder and is skipped when it is there already.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from radiofm.bundle import BundleManifest, load_bundle, write_manifest
from radiofm.errors import RadiofmError
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_models.calibration import temperature
from radiofm_models.card import write_card
from radiofm_models.data import Indices, Split, measure, split_by_group, standardised
from radiofm_models.evaluation.bundle import evaluate_bundle, in_torch
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.frozen_heads import (
    predict,
    tokens_of,
    train_classifier,
    train_reconstruction,
    train_segmentation,
)
from radiofm_models.heads import Classifier, Decoder, PixelHead
from radiofm_models.material import Loaded
from radiofm_models.metrics import reconstruction_error
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import pretrain
from radiofm_models.recipe import HeadRecipe, Recipe, Scale, load_recipe
from radiofm_models.reconstruction import masked_error
from radiofm_models.vit import PRESETS, Encoder
from radiofm_models.world import World

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
BOTTLENECK = 16  # numbers a token, through which the anomaly head sees a slice
SEGMENTS = ("empty", "occupied")
PARITY_SLICES = 16
PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "scipy", "safetensors")


def reproduce(
    name: str, scale: Scale, out: Path, slices: Path | None, recordings: Path
) -> BundleManifest:
    """Make the bundle of recipe `name` in `out/bundle`, going on from what `out` holds.

    `slices` is a slice set to use instead of simulating one; `recordings` a folder of SigMF
    recordings, for evaluation only.
    """
    recipe = load_recipe(name, scale)
    command = f"radiofm reproduce {name}" + ("" if scale == "full" else f" --scale {scale}")
    out.mkdir(parents=True, exist_ok=True)
    cost = Cost(out / "cost.json")
    if slices is None:
        slices = out / "slices"
        with cost.stage("simulate"):
            simulate(slices, recipe)
    data = SliceSet.open(slices)
    split = split_by_group([r.group for r in data.records], recipe.data.held_out, recipe.data.seed)
    spec = measure(data, split.train)
    train = standardised(data, split.train, spec)
    sets = {"spectrogram": Loaded(train, spec)}
    model, trainer = pretrain(sets, recipe.pretrain, out / "pretrain", World(0, 1, CPU))
    cost.set("pretrain", trainer["wall_s"], trainer["cpu_s"])
    encoder = model.encoder.eval().requires_grad_(False)
    with cost.stage("heads"):
        trainer_of_heads = HeadTrainer(data, split, spec, recipe, train)
        heads = trainer_of_heads.train(encoder, out / "heads")
        torch.manual_seed(recipe.pretrain.seed)  # the encoder as it was before its first step
        untrained = MaskedAutoencoder(PRESETS[recipe.pretrain.preset]).encoder.eval()
        baseline = trainer_of_heads.train(untrained.requires_grad_(False), out / "random-init")
    del train
    test = standardised(data, split.test, spec)
    with cost.stage("export"):
        provenance = {
            "command": command,
            "commit": _commit(),
            "recipe": recipe.model_dump(mode="json"),
            "slices": data.info.provenance | {"count": data.info.count},
            "split": {"train": len(split.train), "validation": len(split.validation),
                      "test": len(split.test)},
            "pretraining": {"step": trainer["step"], **_losses(out / "pretrain" / "log.jsonl")},
            "parameters": sum(p.numel() for p in encoder.parameters()),
            "packages": {package: metadata.version(package) for package in PACKAGES},
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        }  # fmt: skip
        bundle = out / "bundle"
        manifest = export_bundle(
            bundle, recipe.name, recipe.pretrain.preset, encoder,
            {SPECTROGRAM: Modality(spec, test[:PARITY_SLICES])}, heads, provenance,
        )  # fmt: skip
    with cost.stage("evaluate"):
        metrics = manifest.metrics | evaluate_bundle(
            load_bundle(bundle), in_torch(untrained, baseline), data, split, test, recordings
        )  # fmt: skip
        metrics["pretraining"] = masked_error(
            model, test, recipe.pretrain.mask_ratio, recipe.pretrain.seed
        )
    provenance["cost"] = cost.table
    manifest = manifest.model_copy(update={"metrics": metrics, "provenance": provenance})
    write_manifest(bundle, manifest)
    write_card(bundle, manifest)
    return manifest


def simulate(folder: Path, recipe: Recipe) -> None:
    """Make the recipe's slice set by the simulator's command line, unless it is there."""
    if (folder / "set.json").exists():
        return
    data = recipe.data
    arguments = ["simulate", "scenes", "--out", folder, "--count", data.slices,
                 "--seed", data.seed, "--workers", data.workers]  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "radiofm", *map(str, arguments)], check=False)
    if done.returncode:
        raise RadiofmError(f"radiofm {' '.join(map(str, arguments))}: exit {done.returncode}")


class HeadTrainer:
    """Trains the three heads of a bundle on one slice set, whatever the encoder."""

    def __init__(
        self, data: SliceSet, split: Split, spec: SpectrogramSpec, recipe: Recipe, train: Image
    ) -> None:
        self.data, self.split, self.recipe, self.train_images = data, split, recipe, train
        self.labels = data.info.labels
        self.validation_images = standardised(data, split.validation, spec)
        self.classes = np.array([self.labels.index(r.label) for r in data.records])

    def train(self, encoder: Encoder, folder: Path) -> list[TrainedHead]:
        """Train, or load from `folder`, and calibrate on the validation slices."""
        folder.mkdir(parents=True, exist_ok=True)
        recipe, split = self.recipe, self.split
        config, images = encoder.config, self.train_images
        grid = (images.shape[2] // config.patch, images.shape[3] // config.patch)
        tokens: dict[str, Tensor] = {}

        def of(tap: str) -> Tensor:
            if tap not in tokens:
                tokens[tap] = tokens_of(encoder, images, tap, f"encode, {tap}")
            return tokens[tap]

        def body(part: HeadRecipe, bottleneck: int | None = None) -> Decoder:
            torch.manual_seed(part.seed)
            return Decoder(config.dim, part.dim, grid, bottleneck)

        torch.manual_seed(recipe.signals.seed)
        signals = Classifier(config.dim, recipe.signals.dim, len(self.labels), grid)
        if not _load(signals, folder / "signals.safetensors"):
            train_classifier(signals, of(recipe.signals.tap), self.classes[split.train],
                             recipe.signals)  # fmt: skip
            _save(signals, folder / "signals.safetensors")
        segmentation = PixelHead(body(recipe.segmentation), 2, config.patch)
        if not _load(segmentation, folder / "segmentation.safetensors"):
            masks = self.data.masks[split.train]
            train_segmentation(segmentation, of(recipe.segmentation.tap), masks,
                               recipe.segmentation)  # fmt: skip
            _save(segmentation, folder / "segmentation.safetensors")
        anomaly = PixelHead(body(recipe.anomaly, BOTTLENECK), 1, config.patch)
        if not _load(anomaly, folder / "anomaly.safetensors"):
            train_reconstruction(anomaly, of(recipe.anomaly.tap), images, recipe.anomaly)
            _save(anomaly, folder / "anomaly.safetensors")
        tokens.clear()

        held_out = {
            tap: tokens_of(encoder, self.validation_images, tap, f"encode held out, {tap}")
            for tap in {recipe.signals.tap, recipe.anomaly.tap}
        }
        logits = predict(signals, held_out[recipe.signals.tap])
        again = predict(anomaly, held_out[recipe.anomaly.tap])
        errors = reconstruction_error(self.validation_images, again)
        calibration: Indices = self.classes[split.validation]
        return [
            TrainedHead("signals", "classification", recipe.signals.tap, signals, self.labels,
                        {"temperature": temperature(logits, calibration)}),
            TrainedHead("segmentation", "segmentation", recipe.segmentation.tap, segmentation,
                        SEGMENTS),
            TrainedHead("anomaly", "reconstruction", recipe.anomaly.tap, anomaly,
                        calibration={"error_p99": float(np.percentile(errors, 99))}),
        ]  # fmt: skip


def _losses(path: Path) -> dict[str, float]:
    """The first loss, and the mean of the last hundred: single batches vary much."""
    losses = [json.loads(line)["loss"] for line in path.read_text("utf-8").splitlines()]
    return {"loss_first": losses[0], "loss_last_100": float(np.mean(losses[-100:]))}


def _load(head: nn.Module, path: Path) -> bool:
    if not path.exists():
        return False
    head.load_state_dict(load_file(path))
    return True


def _save(head: nn.Module, path: Path) -> None:
    save_file(head.state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def _commit() -> str | None:
    """The commit of the checkout that this code runs from, if it is one."""
    folder = Path(__file__).parent
    arguments = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


class Cost:
    """Wall and CPU seconds of each stage, children included, summed over resumed runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.table: dict[str, dict[str, float]] = (
            json.loads(path.read_text("utf-8")) if path.exists() else {}
        )

    def set(self, stage: str, wall_s: float, cpu_s: float) -> None:
        self.table[stage] = {"wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 1)}
        self._path.write_text(json.dumps(self.table, indent=1) + "\n", "utf-8")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before = self.table.get(name, {"wall_s": 0.0, "cpu_s": 0.0})
        wall, cpu = time.monotonic(), _cpu_s()
        yield
        self.set(name, before["wall_s"] + time.monotonic() - wall, before["cpu_s"] + _cpu_s() - cpu)


def _cpu_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
