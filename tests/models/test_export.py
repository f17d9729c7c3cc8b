"""Export: parity with torch, any batch, standard operators only, clean files that load."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from radiofm.bundle import Bundle, load_bundle
from radiofm.errors import BundleError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.convlstm import ConvLSTM, ConvLSTMConfig
from radiofm_models.convlstm_heads import ForecastHead
from radiofm_models.export import (
    TOLERANCE,
    Modality,
    TrainedHead,
    export_bundle,
    run,
    to_onnx,
)
from radiofm_models.heads import (
    Decoder,
    PixelHead,
    channel_head,
)
from radiofm_models.lora import LoRAConfig, attach, merge
from radiofm_models.probes import AttentiveProbe, Probe
from radiofm_models.prototypes import PrototypeHead
from radiofm_models.served import Array, ServedBundle
from radiofm_models.vit import PRESETS, Encoder, ViTConfig

SPEC = SpectrogramSpec()
LABELS = ("noise", "ofdm")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(PRESETS["nano"])


@pytest.fixture(scope="module")
def heads() -> list[TrainedHead]:
    torch.manual_seed(1)
    grid = (14, 14)
    return [
        TrainedHead(
            "signals", "classification", "tokens", Probe(128, 2, "avg"), LABELS,
            {"temperature": 1.5},
        ),
        TrainedHead(
            "segmentation", "segmentation", "trunk",
            PixelHead(Decoder(128, 16, grid), 2, 16),
        ),
        TrainedHead(
            "anomaly", "reconstruction", "tokens",
            PixelHead(Decoder(128, 16, grid, 4), 1, 16),
        ),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def bundle(
    encoder: Encoder, heads: list[TrainedHead], tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    slices = np.random.default_rng(0).normal(size=(2, 1, 224, 224)).astype(np.float32)
    modalities = {"spectrogram": Modality(SPEC, slices)}
    export_bundle(folder, "test", "nano", encoder, modalities, heads, {"seed": 0})
    return load_bundle(folder)


@pytest.mark.parametrize("batch", [1, 3])
def test_served_equals_torch(
    bundle: Bundle, encoder: Encoder, heads: list[TrainedHead], batch: int
) -> None:
    image = torch.randn(batch, 1, 224, 224, generator=torch.Generator().manual_seed(5))
    served = ServedBundle(bundle.manifest, bundle.read)(image.numpy())
    with torch.no_grad():
        taps = {"trunk": encoder.trunk(image), "tokens": encoder(image)}
        for head in heads:
            expected = head.module(taps[head.tap]).numpy()
            assert served[head.name].shape == expected.shape
            assert np.abs(served[head.name] - expected).max() <= TOLERANCE


def test_manifest(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.encoder.grid == (14, 14)
    assert {head.encoder for head in manifest.heads} == {manifest.encoder.hash}
    assert bundle.head("signals").labels == LABELS
    assert bundle.head("signals").temperature == 1.5
    assert bundle.head("signals").trainable_parameters == 128 * 2 + 2
    parity = manifest.metrics["parity"]["max_abs_difference"]
    assert set(parity) == set(manifest.files) and max(parity.values()) <= TOLERANCE


def test_files_hold_standard_operators_and_nothing_of_this_machine(bundle: Bundle) -> None:
    for file in bundle.manifest.files:
        data = bundle.read(file)
        assert b"/radiofm_models/" not in data and b"site-packages" not in data
        assert b"stack_trace" not in data and b"pkg.torch" not in data
        model = onnx.load_from_string(data)
        assert {node.domain for node in model.graph.node} == {""}
        assert [entry.version for entry in model.opset_import] == [23]


def test_a_graph_that_differs_is_refused(tmp_path: Path) -> None:
    class Unfaithful(torch.nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens[:, 0] * (2 if torch.compiler.is_exporting() else 1)

    encoder = Encoder(
        ViTConfig(dim=32, depth=2, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    )
    spec = SpectrogramSpec(height=32, width=48)
    slices = np.zeros((2, 1, 32, 48), np.float32)
    head = TrainedHead("bad", "regression", "tokens", Unfaithful())
    with pytest.raises(BundleError, match="heads/bad/head.onnx differs from torch"):
        export_bundle(
            tmp_path, "test", "small", encoder, {"spectrogram": Modality(spec, slices)}, [head], {}
        )


def test_other_kinds_of_heads() -> None:
    """Those that the bundle above has not, in one graph, their outputs beside each other."""
    torch.manual_seed(1)
    kinds = torch.nn.ModuleList(
        [
            Probe(128, 6, "token"),
            Probe(128, 3, "avg", layers=2),
            AttentiveProbe(128, 6, heads=4),
            PrototypeHead(torch.randn(5, 128), "avg"),
            channel_head(PRESETS["nano"], (3, 2), (1, 5)),
        ]
    )

    class All(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kinds = kinds

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.cat([head(tokens).flatten(1) for head in self.kinds], dim=1)

    tokens = torch.randn(3, 7, 128)
    check(All(), tokens, "tokens")


def test_convlstm_and_its_forecast() -> None:
    torch.manual_seed(1)
    config = ConvLSTMConfig(layers=1, kernels=4)
    chain = torch.nn.Sequential(ConvLSTM(config), ForecastHead(config))
    check(chain, torch.randn(3, 2, 1, 16, 8), "tokens")


def test_lora_is_served_merged() -> None:
    """The graph of the merged weights gives what weights and adapters give in torch."""
    torch.manual_seed(1)
    encoder = Encoder(
        ViTConfig(dim=32, depth=2, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    )
    attach(encoder, LoRAConfig(rank=4, alpha=8, rank_stabilised=True))
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if name.endswith("_b"):
                value.normal_(std=0.1)
        image = torch.randn(3, 1, 32, 48)
        adapted = encoder(image).numpy()
        merge(encoder)
    assert np.abs(check(encoder, image, "slice") - adapted).max() <= TOLERANCE


def check(module: torch.nn.Module, example: torch.Tensor, inputs: str) -> Array:
    """What the exported `module` gives for `example`, which is what it gives itself."""
    graph = to_onnx(module, example, inputs, "output")
    with torch.no_grad():
        expected = module(example).numpy()
    served = run(graph, example.numpy())
    assert np.abs(served - expected).max() <= TOLERANCE
    assert np.abs(run(graph, example[:1].numpy()) - expected[:1]).max() <= TOLERANCE
    return served
