"""Export to a bundle of ONNX graphs: standard operators of opset 23, and nothing else inside.

The exporter's traces and source paths are taken out, so that files are small and say nothing of the
machine that made them.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from radiofm.bundle import BundleManifest, EncoderRecord, HeadRecord, file_record, write_manifest
from radiofm.errors import BundleError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm.wire import Task
from radiofm_models.vit import Encoder

OPSET = 23  # the first with Attention and Gelu
MAX_BATCH = 64
TOLERANCE = 1e-4  # largest difference between ONNX Runtime and torch

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainedHead:
    """A head and all that its record in the manifest says of it."""

    name: str
    task: Task
    tap: Literal["trunk", "tokens"]
    module: nn.Module
    labels: tuple[str, ...] = ()
    calibration: dict[str, float] = field(default_factory=dict)  # temperature, error_p99


class _Trunk(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        return self.encoder.trunk(image)


class _Tail(_Trunk):
    def forward(self, tokens: Tensor) -> Tensor:
        return self.encoder.tail(tokens)


def to_onnx(module: nn.Module, example: Tensor, inputs: str, outputs: str) -> bytes:
    """`module` of one input and one output as an ONNX file; `example` is a batch of 2 or more."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        module.eval()(example)  # so that position tables are tensors, not traced operations
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[inputs],
            output_names=[outputs],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=MAX_BATCH)},),
            external_data=False,
            verbose=False,
        )
    assert program is not None  # None is for the exporter without dynamo
    model = _clean(program.model_proto)
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if foreign or model.functions:
        raise BundleError(f"export: operators of {sorted(foreign)} are not standard ONNX")
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _clean(model: Any) -> Any:
    """Without the exporter's metadata, doc strings and intermediate shapes."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    graph.name = "radiofm"
    return model


def run(data: bytes, values: Array) -> Array:
    """The graph `data` on the batch `values`, on one thread, as it is served."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    output = session.run(None, {session.get_inputs()[0].name: values})[0]
    return np.asarray(output, np.float32)


def export_bundle(
    folder: Path,
    name: str,
    preset: str,
    spec: SpectrogramSpec,
    encoder: Encoder,
    heads: list[TrainedHead],
    slices: Image,
    provenance: Mapping[str, Any],
) -> BundleManifest:
    """Write the bundle and its manifest to `folder`; no metrics but the parity check's.

    Every graph is compared with torch on `slices` float32 [n, 1, H, W] (2 <= n <= 64): a difference
    above `TOLERANCE` is a BundleError.
    """
    config = encoder.config
    image = torch.from_numpy(slices)
    with torch.no_grad():
        trunk = encoder.trunk(image)
        taps = {"trunk": trunk, "tokens": encoder.tail(trunk)}
    graphs: dict[str, bytes] = {}
    parity: dict[str, float] = {}

    def add(file: str, module: nn.Module, example: Tensor, inputs: str, outputs: str) -> None:
        graphs[file] = to_onnx(module, example, inputs, outputs)
        with torch.no_grad():
            expected = module(example).numpy()
        parity[file] = float(np.abs(run(graphs[file], example.numpy()) - expected).max())
        if not parity[file] <= TOLERANCE:
            raise BundleError(f"export: {file} differs from torch by {parity[file]:.2g}")

    add("trunk.onnx", _Trunk(encoder), image, "slice", "trunk")
    add("tail.onnx", _Tail(encoder), taps["trunk"], "trunk", "tokens")
    identity = hashlib.sha256(graphs["trunk.onnx"] + graphs["tail.onnx"]).hexdigest()[:16]
    records = []
    for head in heads:
        file = f"heads/{head.name}/head.onnx"
        add(file, head.module, taps[head.tap], "tokens", "output")
        record = HeadRecord(
            name=head.name,
            version="1",
            task=head.task,
            tap=head.tap,
            encoder=identity,
            file=file,
            labels=head.labels,
            trainable_parameters=sum(p.numel() for p in head.module.parameters()),
        )
        records.append(record.model_copy(update=head.calibration))
    for file, data in graphs.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
    manifest = BundleManifest(
        name=name,
        spec=spec,
        encoder=EncoderRecord(
            hash=identity,
            preset=preset,
            dim=config.dim,
            depth=config.depth,
            heads=config.heads,
            patch=config.patch,
            grid=(spec.height // config.patch, spec.width // config.patch),
        ),
        heads=tuple(records),
        files={file: file_record(data) for file, data in graphs.items()},
        provenance=dict(provenance),
        metrics={"export": {"slices": len(slices), "max_abs_difference": parity}},
    )
    write_manifest(folder, manifest)
    return manifest
