"""Beams from one bundle with another task's head: the command line from the set to the answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.bundle import Bundle, load_bundle
from radiofm.cli import commands
from radiofm.errors import UsageError
from radiofm.wire import ResultHeader
from radiofm_models.checkpoint import latest_checkpoint, load_weights
from radiofm_models.datasets.opening import open_dataset
from radiofm_models.export import TOLERANCE
from radiofm_models.feed import Feed, FeedConfig, slicer
from radiofm_models.lora import LoRAConfig, attach
from radiofm_models.protobeam.blocks import Blocks, read
from radiofm_models.protobeam.embeddings import NAME
from radiofm_models.protobeam.encoder import EncoderEmbedding, Pictures
from radiofm_models.protobeam.recipe import load_recipe
from radiofm_models.protobeam.sources import open_beams
from radiofm_models.tasks.own import run_own
from radiofm_models.vit import PRESETS, Encoder
from tests.models.tiny import VIT, slice_set
from tests.test_one_bundle import Service

BLOCKS, FED = 24 * 9 * 2, 12
EPISODES = {
    "mode": "lora", "preset": "nano", "ways": 4, "support": 1, "query": 1, "epochs": 1, "steps": 3,
    "lr": 0.1, "lora_rank": 2, "shots": [1],
}  # fmt: skip


def radiofm(*arguments: str | Path) -> dict[str, object]:
    """The closing line of a command."""
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    value: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return value


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle of three heads on one random encoder, and what they were made of."""
    folder = tmp_path_factory.mktemp("made")
    on = ("--mode", "strict", "--encoder", "random", "--preset", "nano")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "nano", VIT)
        radiofm("simulate", "beams", "--out", folder / "beams", "--count", str(BLOCKS))
        slice_set(folder / "slices", 40)
        radiofm(
            "finetune", folder / "beams", "--task", "beams", *on, "--shots", "1",
            "--out", folder / "beam",
        )  # fmt: skip
        radiofm(
            "finetune", folder / "slices", "--task", "classification", *on, "--epochs", "1",
            "--out", folder / "signals",
        )  # fmt: skip
        run_own("beams", str(folder / "beams"), "random", EPISODES, folder / "lora", False)
        runs = [folder / "signals", folder / "beam", folder / "lora"]
        closing = radiofm("export", *runs, "--out", folder / "bundle")
    assert closing["heads"] == {
        "signals": {"task": "classification", "tap": "tokens", "modality": "spectrogram",
                    "adapter": None},
        "beam": {"task": "classification", "tap": "tokens", "modality": "iq-block",
                 "adapter": None},
        "lora": {"task": "classification", "tap": "tokens", "modality": "iq-block",
                 "adapter": "adapters/lora.onnx_adapter"},
    }  # fmt: skip
    yield folder


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    return load_bundle(made / "bundle")


def in_order(folder: Path) -> Blocks:
    """The first blocks of the set, as they are fed."""
    data = open_dataset("simulated", folder)
    return read(data, np.arange(FED), 2048)


def test_blocks_fed_are_what_was_trained_on(made: Path, bundle: Bundle) -> None:
    """To the bit: one function makes both."""
    pictures = Pictures(
        load_recipe(NAME, "paper").encoder.spec, open_beams(str(made / "beams"), 0).train
    )
    record = bundle.manifest.modality("iq-block")
    assert record.blocks is not None and record.blocks.spec == pictures.spec
    make, blocks = slicer(record, "iq-block", "it"), in_order(made / "beams")
    fed = np.stack([make(block) for block in blocks.iq])
    np.testing.assert_array_equal(fed, pictures(blocks).images)


@torch.no_grad()
def test_the_service_names_the_nearest_prototype(
    made: Path, bundle: Bundle, tmp_path: Path
) -> None:
    service = Service(tmp_path, bundle)
    command = [
        sys.executable, "-m", "radiofm", "feed", made / "beams", "--bundle", bundle.path,
        "--modality", "iq-block", "--publish", service.slices, "--rate", "max",
        "--count", FED, "--json",
    ]  # fmt: skip
    fed = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    headers = [message.header for message in service.results()]
    assert json.loads(fed.communicate(timeout=30)[0])["slices_made"] == FED == len(headers)

    expected = {
        head.name: torch.softmax(-distances(made, head.name) / head.temperature, dim=1).numpy()
        for head in bundle.manifest.heads
        if head.modality == "iq-block"
    }
    labels = {head.name: head.labels for head in bundle.manifest.heads}
    for row, header in enumerate(headers):
        assert isinstance(header, ResultHeader)
        assert [said.name for said in header.heads] == ["beam", "lora"]  # which take such slices
        for said in header.heads:
            scores, want = {one.label: one.score for one in said.labels}, expected[said.name][row]
            found = [scores[label] for label in labels[said.name]]
            assert said.labels[0].label == labels[said.name][want.argmax()]
            np.testing.assert_allclose(found, want, rtol=0, atol=TOLERANCE)


def distances(made: Path, run: str) -> torch.Tensor:
    """Squared, of the blocks that are fed to the prototypes of those trained on, [n, beams]."""
    train = open_beams(str(made / "beams"), 0).train
    pictures = Pictures(load_recipe(NAME, "paper").encoder.spec, train)
    torch.manual_seed(0)
    embedding = EncoderEmbedding(Encoder(VIT))
    if run == "lora":
        attach(embedding.encoder, LoRAConfig(rank=2, alpha=8))
        for name, parameter in embedding.named_parameters():
            parameter.requires_grad_(name.endswith(("_a", "_b")))
        found = latest_checkpoint(made / run)
        assert found is not None
        load_weights(found, embedding)
    known, asked = (
        embedding.eval()(torch.from_numpy(pictures(blocks).images)).double()
        for blocks in (train, in_order(made / "beams"))
    )
    means = torch.stack([known[train.classes == beam].mean(dim=0) for beam in range(24)])
    if run == "lora":
        means = torch.nn.functional.normalize(means)
    return torch.cdist(asked, means).square()


def test_other_items_are_no_blocks(made: Path, bundle: Bundle) -> None:
    radiofm("simulate", "csi", "--out", made / "csi", "--count", "12")
    for items, modality, says in (
        (made / "csi", "iq-block", r"items of shape \(3, 114, \d+\) are not those of bundle"),
        (made / "beams", "spectrogram", "is made of samples: feed it by `radiofm spectrogram`"),
    ):
        config = FeedConfig(
            items=str(items), bundle=bundle.path, modality=modality, slices="ipc://x"
        )
        with pytest.raises(UsageError, match=says):
            Feed(config)
