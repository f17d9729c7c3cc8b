"""A shipped bundle from nothing: simulate, pretrain, learn tasks, export, evaluate, write the card.

Each stage leaves its result in the output folder, and goes on from what is there:

    data/NAME      sets to learn from          test/NAME   sets of other seeds to judge by
    pretrain/      masked modeling             joint/      encoder and heads, together
    heads/NAME     heads on the frozen result  bundle/     what is shipped
    scratch/, random-init/                     what it is compared with
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radiofm.bundle import Bundle, BundleManifest, load_bundle, write_manifest
from radiofm.errors import RadiofmError
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_models.brought import bring
from radiofm_models.card import write_card
from radiofm_models.encoders import Pretrained, load_pretrained, untrained
from radiofm_models.evaluation.manifest import MANIFEST, read_manifests
from radiofm_models.evaluation.on_air import on_air
from radiofm_models.evaluation.shipped import Exam, evaluate_shipped
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.finetune_run import RANDOM, Wanted, tune_in
from radiofm_models.finetuning import Tuned
from radiofm_models.half import round_weights
from radiofm_models.joint import Joint, Lesson, some, train_together
from radiofm_models.material import Material, open_material
from radiofm_models.noise_floor import learnt_floors
from radiofm_models.pretrain_run import run as pretrain_run
from radiofm_models.recipe import FrozenHead, Recipe, Scale, load_recipe
from radiofm_models.recipe import Lesson as LessonPart
from radiofm_models.tasks.presets import preset
from radiofm_models.tasks.task import Task
from radiofm_models.vit import PRESETS

PARITY_SLICES = 16
PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "scipy", "safetensors")


def reproduce(
    name: str, scale: Scale, out: Path, recordings: Path, baselines: bool = True
) -> BundleManifest:
    """Make the bundle of recipe `name` in `out/bundle`, going on from what `out` holds.

    `recordings` is a manifest of real recordings, or a folder of them, for evaluation only.
    `baselines`: train what it is compared with, too, which costs as much again.
    """
    return _Making(load_recipe(name, scale), scale, out).bundle(name, recordings, baselines)


class _Making:
    """The stages of one recipe in one folder."""

    def __init__(self, recipe: Recipe, scale: Scale, out: Path) -> None:
        self.recipe, self.scale, self.out = recipe, scale, out
        out.mkdir(parents=True, exist_ok=True)
        self.cost = Cost(out / "cost.json")

    def bundle(self, name: str, recordings: Path, baselines: bool) -> BundleManifest:
        recipe, out = self.recipe, self.out
        with self.cost.stage("simulate"):
            sources = {key: simulate(out / "data" / key, text) for key, text in recipe.data.items()}
            tests = {key: simulate(out / "test" / key, text) for key, text in recipe.test.items()}
        report = self._pretrain(sources)
        pretrained = load_pretrained(out / "pretrain")
        spec = pretrained.inputs[SPECTROGRAM]
        assert isinstance(spec, SpectrogramSpec)
        lessons = [self._lesson(one, sources[one.set], spec) for one in recipe.joint.lessons]
        with self.cost.stage("joint"):
            joint = self._learn(pretrained, lessons, "joint")
        with self.cost.stage("heads"):
            frozen = {one.name: self._head(one, sources, "encoder") for one in recipe.heads}
        rivals = self._baselines(pretrained, lessons, sources) if baselines else {}
        with self.cost.stage("export"):
            heads, tasks = _served(joint, lessons, frozen)
            exams = self._exams(tests, tasks, spec)
            sample = exams[0].task.images(np.arange(PARITY_SLICES))
            provenance = self._provenance(name, report)
            bundle = out / "bundle"
            manifest = export_bundle(
                bundle, recipe.name, recipe.pretrain.preset, joint.encoder,
                {SPECTROGRAM: Modality(spec, sample)}, heads, provenance, half=True,
            )  # fmt: skip
            if not spec.centred:
                floors = learnt_floors([lesson.material for lesson in lessons])
                manifest = manifest.model_copy(update={"floor_dbfs": floors})
            bring(bundle, manifest, joint.autoencoder, {SPECTROGRAM: spec})
        with self.cost.stage("evaluate"):
            manifest = evaluate_shipped(bundle, exams, rivals)
            metrics = {"recordings": _on_air(load_bundle(bundle), recordings)}
        provenance["cost"] = self.cost.table
        manifest = manifest.model_copy(
            update={"metrics": manifest.metrics | metrics, "provenance": provenance}
        )
        write_manifest(bundle, manifest)
        write_card(bundle, manifest)
        return manifest

    def _baselines(
        self, pretrained: Pretrained, lessons: list[Lesson], sources: Mapping[str, str]
    ) -> dict[str, Joint]:
        """The same heads on an encoder that never learnt, and all of it without pretraining."""
        with self.cost.stage("baselines"):
            new = untrained(PRESETS[self.recipe.pretrain.preset], self.recipe.joint.seed)
            new = replace(new, inputs=pretrained.inputs)
            scratch = self._learn(new, lessons, "scratch")
            fixed = self._learn(new, lessons, "random-init")
            again = {one.name: self._head(one, sources, RANDOM) for one in self.recipe.heads}
        fixed.heads.update({key: tuned.tuning.head for key, tuned in again.items()})
        return {"random-init, frozen": fixed, "from scratch": scratch}

    def _pretrain(self, sources: Mapping[str, str]) -> dict[str, Any]:
        on = [sources[key] for key in self.recipe.pretrain_on]
        report = pretrain_run(
            on, self.out / "pretrain", self.recipe.pretrain, centred=self.recipe.centred,
            cache=self.out / "cache",
        )  # fmt: skip
        assert report is not None  # of one process
        self.cost.set("pretrain", report["wall_s"], report["cpu_s"])
        return report

    def _material(self, source: str, spec: SpectrogramSpec, **options: Any) -> Material:
        seed = self.recipe.pretrain.seed  # of the split, too: what was pretrained on is trained on
        return open_material(source, self.out / "cache", seed, scaling=spec, **options)

    def _lesson(self, part: LessonPart, source: str, spec: SpectrogramSpec) -> Lesson:
        first, tasks = self._material(source, spec), dict[str, Task]()
        for name, task in part.heads.items():
            material = self._material(source, spec, target=preset(task).target)
            material = replace(material, split=first.split)
            tasks[name] = preset(task).make(material, self.recipe.joint)
        return Lesson(first, tasks, part.turns, part.keep)

    def _learn(self, start: Pretrained, lessons: list[Lesson], name: str) -> Joint:
        recipe = self.recipe.joint
        if name == "random-init":
            recipe = recipe.model_copy(update={"mode": "strict"})
        sets = [one.material.dataset.fingerprint() for one in lessons]
        return train_together(start, lessons, recipe, self.out / name, {"sets": sets})

    def _exams(
        self, tests: Mapping[str, str], tasks: Mapping[str, Task], spec: SpectrogramSpec
    ) -> list[Exam]:
        """Each head, on test slices of each set that it learnt from."""
        learnt = [
            (name, one.set, task)
            for one in self.recipe.joint.lessons
            for name, task in one.heads.items()
        ]
        learnt += [(one.name, one.set, one.task) for one in self.recipe.heads]
        exams = []
        for name, key, task in learnt:
            material = self._material(tests[key], spec, target=preset(task).target)
            material = material.followed() if preset(task).next else material
            exams.append(Exam(name, key, tasks[name].on(material)))
        return exams

    def _head(self, part: FrozenHead, sources: Mapping[str, str], encoder: str) -> Tuned:
        """On the encoder that the joint run left, or an untrained one."""
        known = encoder != RANDOM
        wanted = Wanted(
            part.task, sources[part.set], str(self.out / "joint" / encoder) if known else RANDOM,
            self.recipe.pretrain.preset, epochs=part.epochs, settings=part.settings,
            cache=self.out / "cache",
        )  # fmt: skip
        folder = self.out / "heads" / (part.name if known else f"{part.name}-random-init")
        return tune_in(wanted, folder)[0]

    def _provenance(self, name: str, report: Mapping[str, Any]) -> dict[str, Any]:
        scale = "" if self.scale == "full" else f" --scale {self.scale}"
        return {
            "command": f"radiofm reproduce {name}{scale}",
            "commit": _commit(),
            "recipe": self.recipe.model_dump(mode="json"),
            "pretraining": dict(report),
            "packages": {package: metadata.version(package) for package in PACKAGES},
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        }


def _on_air(bundle: Bundle, recordings: Path) -> list[dict[str, Any]]:
    """Of each recording of a manifest, what the heads make of it; [] where there is no manifest."""
    if recordings.is_dir() and not (recordings / MANIFEST).is_file():
        return []
    return [heard.to_json() for heard in on_air(bundle, read_manifests([recordings]))]


def _served(
    joint: Joint, lessons: list[Lesson], frozen: Mapping[str, Tuned]
) -> tuple[list[TrainedHead], dict[str, Task]]:
    """Heads as they are shipped, weights rounded to 16 bits and calibrated so; and their tasks."""
    round_weights(joint)
    parts: dict[str, tuple[Task, torch.nn.Module, Joint]] = {}
    for lesson in lessons:
        for name, task in lesson.tasks.items():
            parts.setdefault(name, (task, joint.heads[name], joint))
    for name, tuned in frozen.items():
        round_weights(tuned.tuning.head)
        alone = Joint(joint.autoencoder, {name: tuned.tuning.head})
        parts[name] = (tuned.task, tuned.tuning.head, alone)
    heads = []
    for name, (task, module, model) in parts.items():
        rows = some(task.material)
        said = task.served(model.outputs(name, task, rows), rows)
        thresholds = tuple(said.pop("thresholds", ()))
        heads.append(
            TrainedHead(name, task.wire, "tokens", module.eval(), task.labels, said, thresholds)
        )
    return heads, {name: task for name, (task, _, _) in parts.items()}


def simulate(folder: Path, arguments: str) -> str:
    """Make a set by the simulator's command line, unless it is there."""
    if not (folder / "set.json").exists():
        command = [sys.executable, "-m", "radiofm", "simulate", *shlex.split(arguments)]
        done = subprocess.run([*command, "--out", str(folder)], check=False)
        if done.returncode:
            raise RadiofmError(f"radiofm simulate {arguments}: exit {done.returncode}")
    return str(folder)


def _commit() -> str | None:
    """The commit of the checkout that this code runs from, if it is one."""
    folder = Path(__file__).parent
    arguments = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@dataclass
class Cost:
    """Wall and CPU seconds of each stage, children included, summed over resumed runs."""

    path: Path

    def __post_init__(self) -> None:
        self.table: dict[str, dict[str, float]] = (
            json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        )

    def set(self, stage: str, wall_s: float, cpu_s: float) -> None:
        self.table[stage] = {"wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 1)}
        self.path.write_text(json.dumps(self.table, indent=1) + "\n", "utf-8")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before = self.table.get(name, {"wall_s": 0.0, "cpu_s": 0.0})
        wall, cpu = time.monotonic(), _cpu_s()
        yield
        self.set(name, before["wall_s"] + time.monotonic() - wall, before["cpu_s"] + _cpu_s() - cpu)


def _cpu_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
