"""`radiofm export`: fine-tuning runs of one encoder, put together into a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.bundle import BundleManifest, load_bundle, write_manifest
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.brought import bring
from radiofm_models.checkpoint import read_json
from radiofm_models.encoders import Pretrained
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.finetune_run import RANDOM, RUN
from radiofm_models.finished import EXAMPLES, Finished, open_finished
from radiofm_models.int8 import add_int8
from radiofm_models.material import SIZE, How
from radiofm_models.modalities import encoder_of
from radiofm_models.noise_floor import Band, noise_floors, quartiles
from radiofm_models.protobeam.finished import open_blocks
from radiofm_models.served import ServedBundle
from radiofm_models.tasks.presets import OWN
from radiofm_models.tuned import changed, placed
from radiofm_models.vit import PRESETS, Encoder

LOSS = 0.005  # of the heads' mean score that an 8-bit encoder may cost
TOLD = ("task", "data", "encoder", "recipe", "split", "parameters")  # of a run, in the manifest
FEW_SHOTS = ("beams", "aoa")


def export(
    folders: Sequence[Path], out: Path, name: str, adaptable: bool = False, int8: bool = False,
    checkpoint: bool = False,
) -> BundleManifest:  # fmt: skip
    """Write the heads of all runs to a bundle in `out`, each named as its run's folder.

    They must have begun with one encoder. One whose first blocks were trained, too, is exported
    alone, with the encoder that it has become. `checkpoint`: the encoder's weights and its
    decoder's go along. Raises UsageError or BundleError with the reason.
    """
    runs = [_open(folder) for folder in folders]
    if len({run.head.name for run in runs}) < len(runs):
        raise UsageError("two runs have one name: heads are named as their folders: rename one")
    if len({run.origin for run in runs}) > 1:
        names = ", ".join(f"{run.head.name}: {_named(run)}" for run in runs)
        raise UsageError(f"the runs began with several encoders ({names}): export them apart")
    pretrained = runs[0].begin()
    base, modalities, heads = parts(pretrained, runs)
    if checkpoint and base is not pretrained.model.encoder:
        raise UsageError(
            f"--checkpoint: {runs[0].head.name} changed the encoder, which its decoder no longer "
            "reads: leave it out"
        )
    provenance = {
        "runs": {run.head.name: {key: run.about[key] for key in TOLD} for run in runs},
        "encoder": pretrained.source,
    }
    manifest = export_bundle(
        out, name, _preset(base, runs[0]), base, modalities, heads, provenance, adaptable=adaptable
    )
    tests = {run.head.name: run.about["test"] for run in runs}
    update = {"metrics": manifest.metrics | {"test": tests}, "floor_dbfs": _floors(runs)}
    manifest = manifest.model_copy(update=update)
    write_manifest(out, manifest)
    if checkpoint:
        manifest = bring(out, manifest, pretrained.model, pretrained.inputs)
    if int8:
        manifest = _with_int8(out, runs, manifest)
    return manifest


def _open(folder: Path) -> Finished:
    if not (folder / RUN).is_file():
        raise UsageError(f"{folder} has no {RUN}: give folders of finished `radiofm finetune` runs")
    task = read_json(folder / RUN).get("task")
    if task in FEW_SHOTS:
        return open_blocks(folder)
    if task in OWN:
        raise UsageError(
            f"{folder} is a run of --task {task}, which no bundle serves: leave it out"
        )
    return open_finished(folder)


def _named(run: Finished) -> str:
    encoder = str(run.about["encoder"])
    return run.origin if encoder == RANDOM else encoder


def parts(
    pretrained: Pretrained, runs: Sequence[Finished]
) -> tuple[Encoder, dict[str, Modality], list[TrainedHead]]:
    """The encoder that all share, its modalities, and each head as it is served on it."""
    base = pretrained.model.encoder.eval()
    if len(runs) == 1 and _alone(base, runs[0]):
        (run,) = runs
        return run.encoder, {run.head.modality: run.modality()}, [run.head]
    examples = {run.head.modality: run.modality().images for run in runs}
    modalities = {
        key: Modality(how, examples[key] if key in examples else _noise(how, base, key))
        for key, how in pretrained.inputs.items()
    }
    heads = []
    for run in runs:
        began, own, head = _began(base, run), run.modality(), run.head
        known = modalities.get(head.modality, own)
        if (known.scaling, known.samples) != (own.scaling, own.samples):  # its slices are others
            head = replace(head, modality=f"{head.modality}-{head.name}")
        name = head.modality
        if name not in modalities and run.embedding:
            modalities[name] = replace(own, encoder=began)
        head, more = placed(began, run.encoder, head, own)
        if more and name not in modalities:  # the encoder alone takes no such slices
            (embedded,) = more.values()
            head = replace(head, modality=name)
            more = {name: replace(embedded, slices=None)}
        modalities |= more
        heads.append(head)
    return base, modalities, heads


def _began(base: Encoder, run: Finished) -> Encoder:
    """What of `base` the run's encoder began as, but for a patch embedding that was new to it."""
    channels = base.config.channels
    if isinstance(channels, int):
        return base
    return encoder_of(base, run.embedding or next(iter(channels)))


def _alone(base: Encoder, run: Finished) -> bool:
    """Whether fine-tuning changed so much that nothing is left to share."""
    if run.about["recipe"]["mode"] == "scratch":
        return True
    return "trunk" in changed(_began(base, run), run.encoder)


def _noise(how: How, base: Encoder, modality: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Slices of a modality that no head here is of, to compare graphs on."""
    channels = base.config.channels
    count = channels[modality] if isinstance(channels, dict) else channels
    size = (how.height, how.width) if isinstance(how, SpectrogramSpec) else how.size or SIZE
    shape = (EXAMPLES, count, *size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _floors(runs: Sequence[Finished]) -> Band | None:
    """Noise floors of what was held out; None where no run is of a receiver's spectrograms with
    their level."""
    floors = [
        noise_floors(run.scaling.to_dbfs(run.images(slice(run.held_out))))
        for run in runs
        if isinstance(run.scaling, SpectrogramSpec)
        and not run.scaling.centred
        and run.samples is None
    ]
    return quartiles(np.concatenate(floors)) if floors else None


def _preset(base: Encoder, run: Finished) -> str:
    sizes = (base.config.dim, base.config.depth)
    for name, config in PRESETS.items():
        if (config.dim, config.depth) == sizes:
            return name
    return str(run.about["preset"])


def _with_int8(out: Path, runs: Sequence[Finished], manifest: BundleManifest) -> BundleManifest:
    by_name = {head.name: head.modality for head in manifest.heads}
    slices: dict[str | None, Any] = {}
    for run in runs:
        slices.setdefault(by_name[run.head.name], run.modality().images)

    def score(served: ServedBundle) -> float:
        """Mean over heads."""
        return float(np.mean([_score(served, run, by_name) for run in runs]))

    manifest, _ = add_int8(load_bundle(out), slices, score, LOSS)
    return manifest


def _score(served: ServedBundle, run: Finished, modalities: Mapping[str, str | None]) -> float:
    name = run.head.name
    parts = [
        served(run.images(slice(start, start + EXAMPLES)), modalities[name])[name]
        for start in range(0, run.held_out, EXAMPLES)
    ]
    return run.score(np.concatenate(parts))
