"""An 8-bit encoder beside the full one: kept where it is faster here and loses little.

Weights are quantised by channel to 7 bits of 8 (`reduce_range`): without VNNI, products of full
8-bit numbers saturate. Activations are quantised as they come. Embeddings, heads and an adapter's
matrices stay as they are.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from radiofm.adapter import INPUT
from radiofm.bundle import Bundle, BundleManifest, file_record, write_manifest
from radiofm_models.export import checked
from radiofm_models.served import Array, ServedBundle

ROUNDS = 10  # of which the fastest counts

Accuracy = Callable[[ServedBundle], float]  # of a bundle's heads on slices that no training saw


@dataclass(frozen=True)
class Int8Report:
    """What was measured. Times are of one slice through trunk and tail on one thread, the minima
    of interleaved runs.
    """

    kept: bool
    time_ratio: float  # int8 over fp32: below 1 it is faster
    accuracy_fp32: float
    accuracy_int8: float
    bound: float  # on the loss of accuracy
    cosine: float  # the smallest between tokens of both
    machine: str


def quantised(data: bytes) -> bytes:
    """The graph `data` with 8-bit weights: standard operators only, else a BundleError."""
    model = onnx.load_from_string(data)
    adapters = [n.name for n in model.graph.node if any(INPUT.fullmatch(i) for i in n.input)]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it logs advice to the root logger
    try:
        with TemporaryDirectory(prefix="radiofm-") as folder:
            out = Path(folder) / "int8.onnx"
            quantize_dynamic(
                model,
                out,
                op_types_to_quantize=["MatMul", "Gemm"],  # others become operators of ONNX Runtime
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=adapters,
            )
            made = onnx.load(out)
    finally:
        root.setLevel(level)
    del made.graph.value_info[:], made.metadata_props[:]
    used = {node.domain for node in made.graph.node}
    kept = [o for o in made.opset_import if o.domain in used]
    del made.opset_import[:]
    made.opset_import.extend(kept)
    made.producer_name = made.producer_version = ""
    return checked(made)


def add_int8(
    bundle: Bundle, slices: Mapping[str | None, Array], accuracy: Accuracy, bound: float
) -> tuple[BundleManifest, Int8Report]:
    """Quantise the encoder of `bundle`, compare, and keep it in the bundle where it is faster and
    `accuracy` falls by at most `bound`. The manifest's metrics tell what was measured either way.

    `slices`: a few of each modality (None in a bundle of spectrograms), float32 [n, C, H, W].
    """
    manifest = bundle.manifest
    record = manifest.encoder.model_copy(
        update={"trunk_int8": "trunk.int8.onnx", "tail_int8": "tail.int8.onnx"}
    )
    made = {
        "trunk.int8.onnx": quantised(bundle.read(record.trunk)),
        "tail.int8.onnx": quantised(bundle.read(record.tail)),
    }
    candidate = manifest.model_copy(update={"encoder": record})

    def read(file: str) -> bytes:
        return made[file] if file in made else bundle.read(file)

    full, small = ServedBundle(manifest, read), ServedBundle(candidate, read, "int8")
    embedded = [full.embed(images, modality) for modality, images in slices.items()]
    report = Int8Report(
        kept=False,
        time_ratio=_time_ratio(full, small, embedded[0][:1]),
        accuracy_fp32=accuracy(full),
        accuracy_int8=accuracy(small),
        bound=bound,
        cosine=min(_cosine(full, small, x) for x in embedded),
        machine=platform.machine(),
    )
    kept = report.time_ratio < 1 and report.accuracy_fp32 - report.accuracy_int8 <= bound
    report = Int8Report(**asdict(report) | {"kept": kept})
    update: dict[str, Any] = {"metrics": manifest.metrics | {"int8": asdict(report)}}
    if kept:
        for file, data in made.items():
            (bundle.path / file).write_bytes(data)
        files = {file: file_record(data) for file, data in made.items()}
        update |= {"encoder": record, "files": manifest.files | files}
    manifest = manifest.model_copy(update=update)
    write_manifest(bundle.path, manifest)
    return manifest, report


def _time_ratio(full: ServedBundle, small: ServedBundle, embedded: Array) -> float:
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        for k, bundle in enumerate((full, small)):
            start = time.process_time()  # of one thread; other work on the machine does not count
            bundle.tail(bundle.trunk(embedded))
            best[k] = min(best[k], time.process_time() - start)
    return best[1] / best[0]


def _cosine(full: ServedBundle, small: ServedBundle, embedded: Array) -> float:
    a, b = (bundle.tail(bundle.trunk(embedded)) for bundle in (full, small))
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(np.min((a * b).sum(axis=-1) / norms))
