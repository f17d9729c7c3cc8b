"""What serving costs beside the graphs themselves, and what it saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from uuid import uuid4

import numpy as np

from radiofm.adapter import ActiveAdapter, Matrices
from radiofm.bundle import Bundle, HeadRecord, load_bundle
from radiofm.cli.bundles import bundle_path
from radiofm.errors import MissingDependencyError
from radiofm.send import Sender
from radiofm.wire import SPECTROGRAM, Message, SliceHeader
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.timing import fastest, figure
from radiofm_services.encoder import Adapter, Encoder
from radiofm_services.graph import Graph, Tensor
from radiofm_services.heads import HeadRack, HeadSet, LoadedHead, head_set
from radiofm_services.inference import InferenceConfig, InferenceService
from radiofm_services.passes import answers
from radiofm_services.runtime import ONE_THREAD
from radiofm_services.thinning import Thinning

LABELS = tuple("abcdef")
SWAPS = 30
SWAP_S = 5e-3  # that a swap may take
RANK = 8


def figures(name: str = "nano") -> Iterator[Figure | str]:
    """All of a bundle of spectrograms, shipped by that name or in that folder, on one thread."""
    path = bundle_path(name)
    bundle = load_bundle(path)
    encoder, image = Encoder(bundle), _image(bundle)
    yield f"bundle {bundle.manifest.name}, encoder {bundle.manifest.encoder.preset}"
    yield service_beside_the_runtime(path)
    yield from heads_on_one_encoder(bundle, encoder, image)
    yield linear_head_swap(encoder)
    yield from fewer_patches(encoder, image)


def service_beside_the_runtime(path: Path) -> Figure:
    """A slice through the service, from its message to that of the result, over what ONNX Runtime
    takes for the same graphs.
    """
    with TemporaryDirectory(prefix="radiofm-") as folder:
        config = InferenceConfig(
            bundle=path,
            slices=f"ipc://{folder}/slice",
            results=f"ipc://{folder}/result",
            control=f"ipc://{folder}/control",
        )
        service, bundle = InferenceService(config), load_bundle(path)
        image, spec = _image(bundle), bundle.manifest.spec
        header = SliceHeader(
            stream=uuid4(), sequence=0, sample_index=0, sample_count=1, time_ns=0,
            time_quality="host", center_frequency_hz=0, sample_rate_hz=1, slice_index=0,
            spec=spec.hash, shape=(spec.height, spec.width), complete=True, host_time_ns=0,
        )  # fmt: skip
        message = Message(header, image[0, 0])
        with closing(Sender("result", config.results, config, Event())) as sender:
            run = partial(service.infer, header, message, service.heads, sender)
            took = fastest([run, partial(graphs_alone(bundle), image)])
    return figure("a slice", "service, message to message", "ONNX Runtime alone", took, 1 / 1.1)


def heads_on_one_encoder(bundle: Bundle, encoder: Encoder, image: Tensor) -> list[Figure]:
    """Four linear heads over one, and four models that share nothing over the four heads."""
    heads = [linear_head(encoder, f"head-{n}") for n in range(4)]
    alone = [(Encoder(bundle), head) for head in heads]

    def shared(count: int) -> object:
        return answers(encoder, _named(heads[:count]), image, SPECTROGRAM)

    def separate() -> None:
        for own, head in alone:
            answers(own, _named([head]), image, SPECTROGRAM)

    one, four, apart = fastest([partial(shared, 1), partial(shared, 4), separate])
    return [
        figure("linear heads", "4", "1", (four, one), 1 / 1.05),
        figure("4 heads", "on one encoder", "4 separate models", (four, apart), 3.5),
    ]


def linear_head_swap(encoder: Encoder) -> Figure:
    """From the bytes of a head, checked, built and run, to the slice that it serves."""
    data, rack = linear_graph(encoder), HeadRack(_named([linear_head(encoder, "head")]))
    best = float("inf")
    for n in range(SWAPS):
        start = time.perf_counter()
        done = rack.propose(_named([linear_head(encoder, "head", data)]))
        rack.settle(n)
        done.result(0)
        best = min(best, time.perf_counter() - start)
    return figure("linear head swap", "from its bytes on", "5 ms", (best, SWAP_S), 1.0, "ms")


def fewer_patches(encoder: Encoder, image: Tensor) -> list[Figure]:
    """A slice with a share of its patches, the choice included, over one with all of them."""
    heads = _named([linear_head(encoder, "head")])
    shares = {0.5: 1 / 0.6, 0.25: 1 / 0.35}
    thinnings = [Thinning(share, "energy") for share in (1.0, *shares)]
    runs = [partial(answers, encoder, heads, image, SPECTROGRAM, one) for one in thinnings]
    whole, *fewer = fastest(runs)
    return [
        figure("a slice", f"{share:.0%} of the patches", "all patches", (took, whole), goal)
        for (share, goal), took in zip(shares.items(), fewer, strict=True)
    ]


def adapters(plain: Encoder, opened: Encoder, image: Tensor) -> list[Figure]:
    """An encoder that takes adapters, without one and with one of rank 8, over one that takes none
    and has the same weights otherwise.
    """
    one = random_adapter(opened)
    embedded = plain.embed(image, SPECTROGRAM)

    def run(encoder: Encoder, adapter: Adapter | None = None) -> object:
        return encoder.tail(encoder.trunk(embedded, adapter), adapter)

    base, empty, adapted = fastest(
        [partial(run, plain), partial(run, opened), partial(run, opened, one)]
    )
    rival = "an encoder that takes none"
    return [
        figure("encoder", "adapters possible, none given", rival, (empty, base), 1 / 1.05),
        figure("encoder", f"an adapter of rank {RANK}", rival, (adapted, base), 1 / 1.15),
    ]


def random_adapter(encoder: Encoder) -> Adapter:
    """One of rank 8 on every query and value."""
    rng = np.random.default_rng(0)

    def matrices(widths: dict[str, int]) -> Matrices:
        shapes = {n: (w, RANK) if n.endswith("a") else (RANK, w) for n, w in widths.items()}
        return {n: rng.normal(0, 0.01, shape).astype(np.float32) for n, shape in shapes.items()}

    trunk, tail = (ActiveAdapter(matrices(widths)) for widths in encoder.adapter_widths)
    return Adapter("random", trunk, tail)


def linear_graph(encoder: Encoder) -> bytes:
    """The graph of a linear head on the mean token, with random weights."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise MissingDependencyError("onnx", "pip install 'radiofm[serve]'") from None
    _, tokens, dim = encoder.tokens(SPECTROGRAM)
    weights = np.random.default_rng(0).normal(size=(dim, len(LABELS))).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["tokens", "axis"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", tokens, dim])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [
            numpy_helper.from_array(np.array([1]), "axis"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    opsets = [helper.make_opsetid("", 23)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return data


def linear_head(encoder: Encoder, name: str, data: bytes | None = None) -> LoadedHead:
    """A head of the graph `data`, or of such a one, on tap `tokens`."""
    data = data or linear_graph(encoder)
    record = HeadRecord(
        name=name, version="1", task="classification", tap="tokens",
        encoder=encoder.record.hash, file="head.onnx", modality=SPECTROGRAM, labels=LABELS,
    )  # fmt: skip
    tokens = encoder.tokens(SPECTROGRAM)
    return LoadedHead(record, Graph(data, name, tokens, (1, len(LABELS)), ONE_THREAD), "1")


def _named(heads: list[LoadedHead]) -> HeadSet:
    return head_set({head.record.name: head for head in heads})


def _image(bundle: Bundle) -> Tensor:
    spec = bundle.manifest.spec
    return np.random.default_rng(0).standard_normal((1, 1, spec.height, spec.width), np.float32)


def graphs_alone(bundle: Bundle) -> Callable[[Tensor], None]:
    """What a program of one's own runs for the same answers, without anything else."""
    manifest = bundle.manifest

    def session(file: str) -> Callable[[Tensor], Tensor]:
        made = ONE_THREAD.session(bundle.read(file))
        name = made.get_inputs()[0].name
        return lambda tensor: made.run(None, {name: tensor})[0]

    embed = session(manifest.modality(SPECTROGRAM).embed)
    trunk, tail = session(manifest.encoder.trunk), session(manifest.encoder.tail)
    heads = [(head.tap, session(head.file)) for head in manifest.heads]

    def run(image: Tensor) -> None:
        taps = {"trunk": trunk(embed(image))}
        if any(tap == "tokens" for tap, _ in heads):
            taps["tokens"] = tail(taps["trunk"])
        for tap, head in heads:
            head(taps[tap])

    return run
