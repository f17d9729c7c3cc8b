"""`radiofm adapt`: a bundle made used to one receiver, by slices of its air without labels.

    statistics   its noise floor is brought to those learnt from (noise_floor.py): no training
    msm          the patch embedding goes on filling in what is masked, of these slices

Heads, labels and all other graphs are those of the bundle, byte for byte. Its figures do not come
along: they are of the bundle as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import radiofm
from radiofm.bundle import MANIFEST, BundleManifest, file_record, load_bundle, write_manifest
from radiofm.corpus.spec import same_decibels
from radiofm.errors import UsageError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_models.adapt_msm import go_on
from radiofm_models.brought import bring, brings
from radiofm_models.datasets.dataset import Dataset
from radiofm_models.datasets.opening import open_source
from radiofm_models.datasets.unlabelled import Unlabelled
from radiofm_models.encoders import load_pretrained
from radiofm_models.export import embed_graph
from radiofm_models.noise_floor import noise_floors, offset_db, shifted
from radiofm_models.predictions import PREDICTIONS
from radiofm_models.progress import tracked
from radiofm_models.recipe import PretrainRecipe

OURS = ("spec.json", "set.json", "decibels.npy")  # of a corpus, an array set, a slice set
EXAMPLES = 16  # slices that the new graph is compared with torch on


@dataclass(frozen=True)
class Adapted:
    """What was written, from how many slices, and what came of it."""

    manifest: BundleManifest
    slices: int
    figures: dict[str, Any]


def adapt(
    folder: Path, sources: Sequence[str], out: Path, command: str, most: int,
    recipe: PretrainRecipe | None = None,
) -> Adapted:  # fmt: skip
    """Write to `out` the bundle in `folder`, adapted to up to `most` slices, evenly spread, of each
    of `sources` (recordings, corpora, sets of spectrograms): by the `recipe` of masked modeling, or
    without one by statistics.

    Raises UsageError, RecordingError or BundleError.
    """
    bundle = load_bundle(folder)
    before = bundle.manifest
    if out.resolve() == folder.resolve() or (out.exists() and any(out.iterdir())):
        raise UsageError(f"--out {out} is there already: name another folder")
    pretrained = load_pretrained(folder) if recipe or brings(before) else None
    decibels = np.concatenate([_slices(source, before.spec, most) for source in sources])
    files = {name: bundle.read(name) for name in before.files if name != PREDICTIONS}
    update: dict[str, Any] = {}
    if recipe is None:
        update, figures = _statistics(before, decibels)
        model = pretrained.model if pretrained else None
    else:
        assert pretrained is not None
        images = before.spec.standardise(decibels)
        went = go_on(pretrained.model, images, before.spec, recipe)
        model = went.model
        figures = {"masked_mse_before": went.before, "masked_mse": went.after}
        embed = before.modality(SPECTROGRAM).embed
        files[embed] = embed_graph(model.encoder, SPECTROGRAM, images[:EXAMPLES])
    adapted = {
        "from": before.name,
        "from_manifest_sha256": hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        "how": "msm" if recipe else "statistics",
        "sources": list(sources),
        "slices": len(decibels),
        "recipe": recipe.model_dump(mode="json") if recipe else None,
        **figures,
    }
    provenance = {
        "command": command, "radiofm": radiofm.__version__, "adapted": adapted,
        "before": before.provenance,
    }  # fmt: skip
    update |= {
        "name": out.resolve().name,
        "files": {name: file_record(data) for name, data in files.items()},
        "provenance": provenance,
        "metrics": {},
    }
    manifest = before.model_copy(update=update)
    for name, data in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    write_manifest(out, manifest)
    if pretrained and model:
        inputs = pretrained.inputs | {SPECTROGRAM: manifest.spec}
        manifest = bring(out, manifest, model, inputs)
    return Adapted(manifest, len(decibels), figures)


def _slices(source: str, spec: SpectrogramSpec, most: int) -> Image:
    """Up to `most` slices of a source, evenly spread: dBFS float32 [n, 1, H, W]."""
    path = Path(source).expanduser()
    data: Dataset
    if path.exists() and not any((path / name).is_file() for name in OURS):
        data = Unlabelled(path, spec)
    else:
        data = open_source(source)
    if data.spec is None or not same_decibels(data.spec, spec):
        raise UsageError(
            f"{source}: its slices are not made as those of the bundle: name recordings, or a set "
            "of its spec"
        )
    rows = np.unique(np.linspace(0, len(data) - 1, most).round().astype(int))
    return np.stack([data.item(row)[0] for row in tracked(rows.tolist(), f"read {source}")])


def _statistics(before: BundleManifest, decibels: Image) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changes in the manifest, and the figures."""
    learnt = before.floor_dbfs
    if before.spec.centred:
        raise UsageError(
            f"bundle {before.name} takes slices without their level (centred): no receiver's noise "
            "floor is a matter to it"
        )
    if learnt is None:
        raise UsageError(
            f"bundle {before.name} does not say which noise floors it learnt from: export it "
            "again, or adapt it by --how msm"
        )
    floors = noise_floors(decibels)
    offset = offset_db(floors, learnt)
    update = {
        "spec": shifted(before.spec, offset),
        "floor_dbfs": (round(learnt[0] + offset, 2), round(learnt[1] + offset, 2)),
    }
    figures = {
        "floor_dbfs": round(float(np.median(floors)), 2),
        "learnt_floor_dbfs": list(learnt),
        "offset_db": offset,
    }
    return update, figures
