"""Export to a bundle of ONNX graphs: standard operators of opset 23, and nothing else inside.

The exporter's traces and source paths are taken out, so that files are small and say nothing of the
machine that made them. Every graph is compared with torch.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from radiofm.adapter import Matrices, write_adapter
from radiofm.bundle import BundleManifest, EncoderRecord, HeadRecord, file_record, write_manifest
from radiofm.errors import BundleError
from radiofm.modality import MAX_PATCHES, BlockRecord, ModalityRecord, ScalingRecord
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM, Task
from radiofm_models.adaptable import TrainedAdapter, open_inputs, opened
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.half import halve
from radiofm_models.served import Array, OnnxGraph
from radiofm_models.vit import TAIL_BLOCKS, Encoder

OPSET = 23  # the first with Attention and Gelu
MAX_BATCH = 64
TOLERANCE = 1e-4  # largest difference between ONNX Runtime and torch


@dataclass(frozen=True)
class TrainedHead:
    """A head and all that its record in the manifest says of it.

    One whose fine-tuning changed the encoder's tail is a `tuned.TunedTail` on tap `trunk`.
    """

    name: str
    task: Task
    tap: Literal["trunk", "tokens"]
    module: nn.Module
    labels: tuple[str, ...] = ()
    calibration: dict[str, float] = field(default_factory=dict)  # temperature, error_p99
    thresholds: tuple[float, ...] = ()  # presence: of each label
    modality: str = SPECTROGRAM
    adapter: TrainedAdapter | None = None


@dataclass(frozen=True)
class Modality:
    """Slices that a bundle takes: how they are scaled, and scaled examples, [n, C, H, W] of
    2 <= n <= 64, on which its graphs are compared with torch.

    `encoder` is the one whose patch embedding and CLS token it has, where the bundle's has none of
    its name, or fine-tuning changed them; `slices` then names the modality whose slices it takes.
    With `samples`, slices are spectrograms of blocks of as many (`BlockRecord`), not of the stream.
    """

    scaling: Scaling | SpectrogramSpec
    images: Array
    encoder: Encoder | None = None
    slices: str | None = None
    samples: int | None = None

    @property
    def streamed(self) -> bool:
        """Whether its slices are made by the bundle's spec."""
        return isinstance(self.scaling, SpectrogramSpec) and self.samples is None

    def record(self, name: str, patch: int) -> ModalityRecord:
        """What the manifest says of it."""
        channels, rows, columns = self.images.shape[1:]
        scaling = blocks = None
        if isinstance(self.scaling, Scaling):
            numbers = self.scaling.model_dump(include={"range", "mean", "std"})
            scaling = ScalingRecord.model_validate(numbers)
        elif self.samples is not None:
            blocks = BlockRecord(samples=self.samples, spec=self.scaling)
        return ModalityRecord(
            slices=self.slices,
            channels=channels,
            size=(rows, columns),
            grid=(rows // patch, columns // patch),
            embed=f"embeds/{name}.onnx",
            scaling=scaling,
            blocks=blocks,
        )


class _Embed(nn.Module):
    def __init__(self, encoder: Encoder, modality: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.modality = None if isinstance(encoder.config.channels, int) else modality

    def forward(self, image: Tensor) -> Tensor:
        return self.encoder.embed(image, modality=self.modality)


class _Trunk(nn.Module):
    """Embedded slices, or any of their patches -> tap `trunk`."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.blocks = encoder.blocks[:-TAIL_BLOCKS]

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class _Tail(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor) -> Tensor:
        return self.encoder.tail(tokens)


def to_onnx(
    module: nn.Module,
    example: Tensor,
    inputs: str,
    outputs: str,
    *,
    any_patches: bool = False,
    finish: Callable[[Any], None] | None = None,
    half: bool = False,
) -> bytes:
    """`module` of one input and one output as an ONNX file; `example` is a batch of 2 or more.

    With `any_patches`, axis 1 is open as the batch is. `finish` alters the graph before its checks.
    """
    axes = {0: torch.export.Dim("batch", min=1, max=MAX_BATCH)}
    if any_patches:
        axes[1] = torch.export.Dim("tokens", min=2, max=1 + MAX_PATCHES)
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
            dynamic_shapes=(axes,),
            external_data=False,
            verbose=False,
        )
    assert program is not None  # None is for the exporter without dynamo
    model = _clean(program.model_proto)
    if finish:
        finish(model)
    if half:
        halve(model)
    return checked(model)


def checked(model: Any) -> bytes:
    """The file of a graph of standard operators, without control flow; else a BundleError."""
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if foreign or model.functions:
        raise BundleError(f"export: operators of {sorted(foreign)} are not standard ONNX")
    for node in model.graph.node:
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            raise BundleError(f"export: operator {node.op_type} is control flow")
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
    return OnnxGraph(data)(values)


@torch.no_grad()
def difference(
    data: bytes, module: nn.Module, batches: Sequence[Tensor], matrices: Matrices | None = None
) -> float:
    """The largest between the graph `data` and `module`, on all of each batch and on its first."""
    graph = OnnxGraph(data)
    worst = [
        np.abs(graph(part.numpy(), matrices) - module(part).numpy()).max()
        for batch in batches
        for part in (batch[:1], batch)
    ]
    return float(np.max(worst))


def embed_graph(encoder: Encoder, modality: str, images: Array) -> bytes:
    """The graph of a modality's patch embedding, compared with torch on `images` [n, C, H, W], 2
    or more; weights that 16 bits hold are stored so.
    """
    writer = _Writer(half=True)
    embed = _Embed(encoder, modality).eval()
    writer.graph("embed", embed, torch.from_numpy(images), ("slice", "tokens"))
    return writer.files["embed"]


class _Writer:
    """The files of a bundle in the making, each compared with torch as it is added."""

    def __init__(self, half: bool = False) -> None:
        self.half = half
        self.files: dict[str, bytes] = {}
        self.parity: dict[str, float] = {}

    def add(
        self,
        file: str,
        data: bytes,
        compared: Sequence[tuple[bytes, nn.Module, Sequence[Tensor], Matrices | None]],
    ) -> None:
        """A file, and the graphs and modules that must agree with it in the bundle."""
        worst = float(np.max([difference(*one) for one in compared]))
        if not worst <= TOLERANCE:
            raise BundleError(f"export: {file} differs from torch by {worst:.2g}")
        self.files[file], self.parity[file] = data, worst

    def graph(self, file: str, module: nn.Module, example: Tensor, ports: tuple[str, str]) -> None:
        """A graph of one shape of inputs."""
        data = to_onnx(module, example, *ports, half=self.half)
        self.add(file, data, [(data, module, [example], None)])

    def write(self, folder: Path) -> None:
        for file, data in self.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)


def _check(
    modalities: Mapping[str, Modality],
    heads: Sequence[TrainedHead],
    adapters: Mapping[str, TrainedAdapter],
) -> None:
    for key, modality in modalities.items():
        if not 2 <= len(modality.images) <= MAX_BATCH:
            raise BundleError(
                f"export: modality {key} has {len(modality.images)} examples: give it 2 to "
                f"{MAX_BATCH}"
            )
    if len({m.scaling for m in modalities.values() if m.streamed}) > 1:
        raise BundleError("export: spectrograms of one bundle are all made by one spec")
    for head in heads:
        if head.modality not in modalities:
            raise BundleError(f"export: head {head.name}: modality {head.modality!r} is not there")
        if head.adapter and head.adapter is not adapters[head.adapter.name]:
            raise BundleError(f"export: there are two adapters {head.adapter.name}: rename one")


@torch.no_grad()
def export_bundle(
    folder: Path,
    name: str,
    preset: str,
    encoder: Encoder,
    modalities: Mapping[str, Modality],
    heads: Sequence[TrainedHead],
    provenance: Mapping[str, Any],
    *,
    adaptable: bool = False,
    half: bool = False,
) -> BundleManifest:
    """Write the bundle and its manifest to `folder`; no metrics but the parity check's.

    Graphs and adapters are compared with torch on the examples of every modality, at batch 1 and
    all together: a difference above `TOLERANCE` is a BundleError. The encoder takes adapters where
    a head has one; `adaptable`, also for heads to come. With `half`, weights that 16 bits hold are
    stored so.
    """
    config, encoder, writer = encoder.config, encoder.eval(), _Writer(half)
    images = {key: torch.from_numpy(modality.images) for key, modality in modalities.items()}
    embeds = {
        key: _Embed(modality.encoder or encoder, modality.slices or key).eval()
        for key, modality in modalities.items()
    }
    records = {key: modality.record(key, config.patch) for key, modality in modalities.items()}
    adapters = {head.adapter.name: head.adapter for head in heads if head.adapter}
    _check(modalities, heads, adapters)
    adaptable = adaptable or bool(adapters)
    for key, embed in embeds.items():
        writer.graph(records[key].embed, embed, images[key], ("slice", "tokens"))
    embedded = {key: embed(images[key]) for key, embed in embeds.items()}

    def parts(of: Encoder) -> tuple[nn.Module, nn.Module]:
        return _Trunk(of).eval(), _Tail(of).eval()

    served = parts(opened(encoder) if adaptable else encoder)
    trunk, tail = parts(encoder)
    batches = {"trunk": list(embedded.values()), "tail": [trunk(x) for x in embedded.values()]}
    for module, reference, part, ports in (
        (served[0], trunk, "trunk", ("embedded", "trunk")),
        (served[1], tail, "tail", ("trunk", "tokens")),
    ):
        data = to_onnx(
            module,
            batches[part][0],
            *ports,
            any_patches=True,
            finish=open_inputs if adaptable else None,
            half=half,
        )
        writer.add(f"{part}.onnx", data, [(data, reference, batches[part], None)])
    graphs = writer.files["trunk.onnx"], writer.files["tail.onnx"]
    taps: dict[str, tuple[nn.Module, nn.Module]] = {"": (trunk, tail)}
    for key, adapter in adapters.items():
        taps[key] = adapted = parts(adapter.on(encoder))
        matrices = adapter.matrices()
        tapped = [adapted[0](x) for x in batches["trunk"]]
        writer.add(
            f"adapters/{key}.onnx_adapter",
            write_adapter(matrices),
            [
                (graphs[0], adapted[0], batches["trunk"], matrices),
                (graphs[1], adapted[1], tapped, matrices),
            ],
        )
    identity = hashlib.sha256(graphs[0] + graphs[1]).hexdigest()[:16]
    head_records = []
    for head in heads:
        through, then = taps[head.adapter.name if head.adapter else ""]
        tokens = through(embedded[head.modality])
        file = f"heads/{head.name}/head.onnx"
        example = tokens if head.tap == "trunk" else then(tokens)
        writer.graph(file, head.module, example, ("tokens", "output"))
        tensors = list(head.adapter.tensors.values()) if head.adapter else []
        record = HeadRecord(
            name=head.name,
            version="1",
            task=head.task,
            tap=head.tap,
            encoder=identity,
            file=file,
            modality=head.modality,
            adapter=f"adapters/{head.adapter.name}.onnx_adapter" if head.adapter else None,
            labels=head.labels,
            thresholds=head.thresholds,
            trainable_parameters=sum(p.numel() for p in (*head.module.parameters(), *tensors)),
        )
        head_records.append(record.model_copy(update=head.calibration))
    scalings = [m.scaling for m in modalities.values() if m.streamed]
    specs = [one for one in scalings if isinstance(one, SpectrogramSpec)]
    manifest = BundleManifest(
        name=name,
        spec=specs[0] if specs else SpectrogramSpec(),  # that nothing is made by
        encoder=EncoderRecord(
            hash=identity,
            preset=preset,
            dim=config.dim,
            depth=config.depth,
            heads=config.heads,
            patch=config.patch,
            grid=next(iter(records.values())).grid,
        ),
        modalities=records,
        heads=tuple(head_records),
        files={file: file_record(data) for file, data in writer.files.items()},
        provenance=dict(provenance),
        metrics={
            "parity": {
                "batches": [1, max(len(x) for x in images.values())],
                "max_abs_difference": writer.parity,
            }
        },
    )
    writer.write(folder)
    write_manifest(folder, manifest)
    return manifest
