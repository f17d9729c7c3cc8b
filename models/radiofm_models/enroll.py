"""`radiofm enroll`: a head that knows signals by a few examples, on a bundle's encoder as it is.

A class is the mean of its examples' tokens, averaged over the slice (prototypes, Snell et al.
2017); nothing is trained, so it takes as long as the slices take through the encoder.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from radiofm.bundle import BundleManifest, HeadRecord, file_record, load_bundle, write_manifest
from radiofm.corpus.spec import base_spec
from radiofm.errors import BundleError, UsageError
from radiofm.wire import SPECTROGRAM
from radiofm_models.calibration import temperature
from radiofm_models.data import Indices
from radiofm_models.datasets.dataset import Dataset
from radiofm_models.datasets.opening import open_source
from radiofm_models.export import TOLERANCE, difference, to_onnx
from radiofm_models.prototypes import PrototypeHead, prototypes, squared_distances
from radiofm_models.served import Array, ServedBundle

BATCH = 32


@dataclass(frozen=True)
class Enrolled:
    """What was enrolled: examples of each label; and how often an example, left out, is known."""

    manifest: BundleManifest
    examples: dict[str, int]
    left_out_accuracy: float | None  # None: no label has two examples


def enroll(
    data: str, bundle: Path, out: Path, name: str = "prototypes", shots: int | None = None,
    seed: int = 0,
) -> Enrolled:  # fmt: skip
    """Write to `out` the bundle with the head `name` more, or in place of one of that name.

    `data` is labelled, as `open_source` takes it; `shots` examples of each label are
    taken, drawn by `seed`: all there are without it. Raises UsageError.
    """
    known = load_bundle(bundle)
    manifest = known.manifest
    if out.resolve() == bundle.resolve() or (out.exists() and any(out.iterdir())):
        raise UsageError(f"--out {out} is there already: name another folder")
    dataset = open_source(data, target="class", spec=manifest.spec)
    if dataset.spec is None or base_spec(dataset.spec) != base_spec(manifest.spec):
        raise UsageError(
            f"{data}: its slices are not made as those of bundle {manifest.name}: name recordings, "
            "or a set of that spec"
        )
    rows, classes, labels = _examples(dataset, shots, seed)
    tokens = _tokens(ServedBundle(manifest, known.read), dataset, rows)
    vectors = torch.from_numpy(tokens[:, 1:].mean(axis=1))
    truth = torch.from_numpy(classes)
    head = PrototypeHead(prototypes(vectors, truth, len(labels), False), "avg").eval()
    logits, others = _left_out(vectors, truth, len(labels))
    record: dict[str, Any] = {}
    if others.any():
        record["temperature"] = temperature(logits[others], classes[others])
    example = torch.from_numpy(np.repeat(tokens[:1], 2, axis=0))
    graph = to_onnx(head, example, "tokens", "output")
    if not (worst := difference(graph, head, [example])) <= TOLERANCE:
        raise BundleError(f"enroll: {name} differs from torch by {worst:.2g}")
    file = f"heads/{name}/head.onnx"
    enrolled = HeadRecord(
        name=name, version="1", task="classification", tap="tokens", encoder=manifest.encoder.hash,
        file=file, modality=SPECTROGRAM if manifest.modalities else None, labels=labels, **record,
    )  # fmt: skip
    heads = (*(one for one in manifest.heads if one.name != name), enrolled)
    files = manifest.files | {file: file_record(graph)}
    counts = np.bincount(classes, minlength=len(labels)).tolist()
    manifest = manifest.model_copy(
        update={
            "heads": heads,
            "files": files,
            "provenance": manifest.provenance
            | {"enrolled": {name: {"data": data, "seed": seed, "examples": counts}}},
        }
    )
    shutil.copytree(bundle, out, dirs_exist_ok=True)
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    (out / file).write_bytes(graph)
    write_manifest(out, manifest)
    accuracy = float((logits.argmax(axis=1) == classes)[others].mean()) if others.any() else None
    return Enrolled(manifest, dict(zip(labels, counts, strict=True)), accuracy)


def _examples(
    dataset: Dataset, shots: int | None, seed: int
) -> tuple[Indices, Indices, tuple[str, ...]]:
    """Rows, the class of each, and the labels that there are examples of."""
    classes = dataset.classes
    assert classes is not None  # of target class
    rng = np.random.default_rng(seed)
    chosen: list[Indices] = []
    labels: list[str] = []
    for number, label in enumerate(dataset.labels):
        rows = np.flatnonzero(classes == number)
        if not len(rows):
            continue
        if shots and len(rows) < shots:
            raise UsageError(f"--shots {shots}: {label} has {len(rows)} slices: lower it")
        chosen.append(rng.choice(rows, shots, replace=False) if shots else rows)
        labels.append(label)
    numbers = np.repeat(np.arange(len(labels)), [len(rows) for rows in chosen])
    return np.concatenate(chosen), numbers, tuple(labels)


def _tokens(served: ServedBundle, dataset: Dataset, rows: Indices) -> Array:
    """Tap `tokens` of `rows`: float32 [rows, 1 + M, D]."""
    spec = served.manifest.spec
    modality = SPECTROGRAM if served.manifest.modalities else None
    parts = []
    for start in range(0, len(rows), BATCH):
        images = np.stack([dataset.item(int(row))[0] for row in rows[start : start + BATCH]])
        parts.append(served.tail(served.trunk(served.embed(spec.standardise(images), modality))))
    return np.concatenate(parts)


def _left_out(
    vectors: torch.Tensor, classes: torch.Tensor, labels: int
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Logits of each example [n, labels] where its class is the mean of the others; and of which
    examples there are others.
    """
    means = prototypes(vectors, classes, labels, False)
    counts = torch.bincount(classes, minlength=labels)[classes]
    others = counts > 1
    again = (means[classes] * counts[:, None] - vectors) / (counts - 1).clamp(min=1)[:, None]
    logits = -squared_distances(vectors, means)
    own = -(vectors - again).square().sum(dim=1)
    logits[torch.arange(len(vectors)), classes] = own
    return logits.numpy(), others.numpy()
