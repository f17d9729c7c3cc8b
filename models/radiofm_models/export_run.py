"""`radiofm export`: fine-tuning runs of one encoder, put together into a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.bundle import BundleManifest, load_bundle, write_manifest
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import read_json
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.finetune_run import RUN, Wanted, open_encoder, read_run, tune_in
from radiofm_models.finetuning import Tuned
from radiofm_models.int8 import add_int8
from radiofm_models.material import SIZE, How
from radiofm_models.modalities import encoder_of
from radiofm_models.served import ServedBundle
from radiofm_models.tasks.presets import OWN
from radiofm_models.tuned import changed, placed
from radiofm_models.vit import Encoder

EXAMPLES = 16  # slices that graphs are compared on
HELD_OUT = 256  # validation slices that an 8-bit encoder is judged by
LOSS = 0.005  # of the heads' mean score that it may cost


@dataclass(frozen=True)
class Trained:
    """A run, opened again."""

    name: str
    wanted: Wanted
    about: dict[str, Any]
    tuned: Tuned

    @property
    def modality(self) -> str:
        return str(self.about["modality"])

    @property
    def some(self) -> Indices:
        """Validation rows, evenly spread."""
        rows = self.tuned.task.material.split.validation
        spread: Indices = rows[np.unique(np.linspace(0, len(rows) - 1, HELD_OUT).astype(int))]
        return spread


def export(
    folders: Sequence[Path], out: Path, name: str, adaptable: bool = False, int8: bool = False
) -> BundleManifest:
    """Write the heads of all runs to a bundle in `out`, each named as its run's folder.

    They must have begun with one encoder. One whose first blocks were trained, too, is exported
    alone, with the encoder that it has become. Raises UsageError or BundleError with the reason.
    """
    runs = [_open(folder) for folder in folders]
    if len({run.name for run in runs}) < len(runs):
        raise UsageError("two runs have one name: heads are named as their folders: rename one")
    hashes = {run.about["encoder_sha256"] for run in runs}
    if len(hashes) > 1 or len({run.about["encoder"] for run in runs}) > 1 and hashes == {None}:
        names = ", ".join(f"{run.name}: {run.about['encoder']}" for run in runs)
        raise UsageError(f"the runs began with several encoders ({names}): export them apart")
    pretrained = open_encoder(runs[0].wanted)
    base, modalities, heads = _parts(pretrained, runs)
    provenance = {
        "runs": {run.name: {k: run.about[k] for k in ("task", "data", "encoder", "recipe", "split",
                                                      "parameters")} for run in runs},
        "encoder": pretrained.source,
    }  # fmt: skip
    manifest = export_bundle(
        out, name, _preset(base, runs[0]), base, modalities, heads, provenance, adaptable=adaptable
    )
    tests = {run.name: run.about["test"] for run in runs}
    manifest = manifest.model_copy(update={"metrics": manifest.metrics | {"test": tests}})
    write_manifest(out, manifest)
    if int8:
        manifest = _with_int8(out, runs, manifest)
    return manifest


def _open(folder: Path) -> Trained:
    if not (folder / RUN).is_file():
        raise UsageError(f"{folder} has no {RUN}: give folders of finished `radiofm finetune` runs")
    if (task := read_json(folder / RUN).get("task")) in OWN:
        raise UsageError(
            f"{folder} is a run of --task {task}, which no bundle serves: leave it out"
        )
    wanted, about = read_run(folder)
    tuned, _ = tune_in(wanted, folder)
    return Trained(folder.name, wanted, about, tuned)


def _parts(
    pretrained: Pretrained, runs: Sequence[Trained]
) -> tuple[Encoder, dict[str, Modality], list[TrainedHead]]:
    """The encoder that all share, its modalities, and each head as it is served on it."""
    base = pretrained.model.encoder.eval()
    inputs = dict(pretrained.inputs)
    several = isinstance(base.config.channels, dict)
    for run in runs:  # an untrained encoder takes what its heads were trained on
        if not inputs and base.config.channels == run.tuned.task.material.channels:
            inputs[run.modality] = run.tuned.task.material.scaling
    if len(runs) == 1 and _alone(pretrained, runs[0]):
        run = runs[0]
        modality = Modality(run.tuned.task.material.scaling, _examples(run))
        return run.tuned.tuning.encoder, {run.modality: modality}, [_head(run)]
    examples = {run.modality: _examples(run) for run in runs}
    modalities = {
        key: Modality(how, examples[key] if key in examples else _noise(how, base, key))
        for key, how in inputs.items()
    }
    heads = []
    for run in runs:
        own = Modality(run.tuned.task.material.scaling, _examples(run))
        single = base
        if several and not run.tuned.new_tokenizer:
            single = encoder_of(base, run.modality)
        head, more = placed(single, run.tuned.tuning.encoder, _head(run), own)
        if more and run.modality not in modalities:  # the encoder alone takes no such slices
            (embedded,) = more.values()
            head = replace(head, modality=run.modality)
            more = {run.modality: replace(embedded, slices=None)}
        modalities |= more
        heads.append(head)
    return base, modalities, heads


def _alone(pretrained: Pretrained, run: Trained) -> bool:
    """Whether fine-tuning changed so much that nothing is left to share."""
    base, tuned = pretrained.model.encoder, run.tuned.tuning.encoder
    if run.about["recipe"]["mode"] == "scratch":
        return True
    if isinstance(base.config.channels, dict) and not run.tuned.new_tokenizer:
        base = encoder_of(base, run.modality)
    return "trunk" in changed(base, tuned)


def _head(run: Trained) -> TrainedHead:
    task, validation = run.tuned.task, run.tuned.task.material.split.validation
    said = task.served(run.tuned.outputs(validation), validation)
    thresholds = tuple(said.pop("thresholds", ()))
    return TrainedHead(
        run.name, task.wire, "tokens", run.tuned.tuning.head.eval(), task.labels, said, thresholds,
        run.modality,
    )  # fmt: skip


def _examples(run: Trained) -> np.ndarray[Any, np.dtype[np.float32]]:
    return run.tuned.task.images(run.some[:EXAMPLES])


def _noise(how: How, base: Encoder, modality: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Slices of a modality that no head here is of, to compare graphs on."""
    channels = base.config.channels
    count = channels[modality] if isinstance(channels, dict) else channels
    size = (how.height, how.width) if isinstance(how, SpectrogramSpec) else how.size or SIZE
    shape = (EXAMPLES, count, *size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _preset(base: Encoder, run: Trained) -> str:
    from radiofm_models.vit import PRESETS

    sizes = (base.config.dim, base.config.depth)
    for name, config in PRESETS.items():
        if (config.dim, config.depth) == sizes:
            return name
    return run.wanted.preset


def _with_int8(out: Path, runs: Sequence[Trained], manifest: BundleManifest) -> BundleManifest:
    by_name = {head.name: head.modality for head in manifest.heads}
    slices: dict[str | None, Any] = {}
    for run in runs:
        slices.setdefault(by_name[run.name], _examples(run))

    def score(served: ServedBundle) -> float:
        """Mean over heads."""
        return float(np.mean([_score(served, run, by_name) for run in runs]))

    manifest, _ = add_int8(load_bundle(out), slices, score, LOSS)
    return manifest


def _score(served: ServedBundle, run: Trained, modalities: Mapping[str, str | None]) -> float:
    task, rows = run.tuned.task, run.some
    parts = [
        served(task.images(rows[start : start + EXAMPLES]), modalities[run.name])[run.name]
        for start in range(0, len(rows), EXAMPLES)
    ]
    return float(task.metrics(np.concatenate(parts), rows)["score"])
