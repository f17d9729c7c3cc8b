"""Runs on blocks of IQ, opened again: what of them goes into a bundle, and what does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiofm.array_set_writer import write_array_set
from radiofm.errors import BundleError, UsageError
from radiofm_capture.sets import beams
from radiofm_models.checkpoint import CheckpointError
from radiofm_models.export_run import export, parts
from radiofm_models.finished import Finished
from radiofm_models.protobeam.embeddings import DENSENET
from radiofm_models.protobeam.finished import open_blocks
from radiofm_models.tasks.own import run_own
from radiofm_models.vit import PRESETS
from tests.models.tiny import VIT

SETTINGS: dict[str, Any] = {
    "preset": "nano", "ways": 4, "support": 1, "query": 1, "epochs": 1, "steps": 2, "lr": 0.1,
    "shots": [1],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs on two sets of beams: in mode strict on each, the encoder trained in part or whole."""
    folder = tmp_path_factory.mktemp("made")
    for seed, name in enumerate(("one", "two")):
        write_array_set(folder / name, beams.PRESETS["line"], 24 * 9 * 2, seed, "made by a test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "nano", VIT)
        for name, data, encoder, more in (
            ("strict", "one", "random", {"mode": "strict"}),
            ("other", "two", "random", {"mode": "strict"}),
            ("linear", "one", "random", {"mode": "linear"}),
            ("last", "one", "random", {"mode": "last"}),
            ("full", "one", "random", {}),
            ("dense", "one", DENSENET, {}),
        ):
            run_own("beams", str(folder / data), encoder, SETTINGS | more, folder / name, False)
        yield folder


@torch.no_grad()
def test_each_is_placed_on_the_encoder_that_all_share(made: Path) -> None:
    names = ("strict", "other", "linear", "last")
    runs = [open_blocks(made / name) for name in names]
    base, modalities, heads = parts(runs[0].begin(), runs)
    placed = {head.name: (head.modality, head.tap) for head in heads}
    assert placed == {
        "strict": ("iq-block", "tokens"),
        "other": ("iq-block-other", "tokens"),  # its blocks are scaled by other numbers
        "linear": ("iq-block-linear", "trunk"),  # norm and patch embedding are its own
        "last": ("iq-block", "trunk"),
    }
    assert modalities["iq-block-linear"].slices == "iq-block"
    assert {modality.samples for modality in modalities.values()} == {2048}
    for run, head in zip(runs, heads, strict=True):
        through = modalities[head.modality].encoder
        assert through is not None
        tokens = through.embed(torch.from_numpy(run.images(slice(5))))
        for block in base.blocks[:-2]:
            tokens = block(tokens)
        found = head.module(tokens if head.tap == "trunk" else base.tail(tokens))
        torch.testing.assert_close(found, answers(run)[:5], rtol=0, atol=1e-4)


@torch.no_grad()
def answers(run: Finished) -> torch.Tensor:
    """Of the run's own encoder, for all its held-out slices."""
    tokens = run.encoder(torch.from_numpy(run.images(slice(None))))
    return torch.as_tensor(run.head.module(tokens))


def test_held_out_blocks_are_of_the_antenna_that_was_trained_on(made: Path) -> None:
    run = open_blocks(made / "strict")
    assert run.held_out == 72 and len(run.head.labels) == 24
    score = run.score(answers(run).numpy())
    zero = np.zeros((72, 24), np.float32)
    assert run.score(zero) == pytest.approx(1 / 24) and 1 / 24 < score <= 1


def test_an_encoder_trained_as_a_whole_is_alone(made: Path) -> None:
    full, strict = (open_blocks(made / name) for name in ("full", "strict"))
    base, modalities, (head,) = parts(full.begin(), [full])
    assert base is full.encoder and list(modalities) == [head.modality] == ["iq-block"]
    with pytest.raises(BundleError, match="head full: fine-tuning changed the encoder's first"):
        parts(full.begin(), [strict, full])


def test_what_is_not_exported_is_told(made: Path, tmp_path: Path) -> None:
    about = json.loads((made / "strict" / "run.json").read_text("utf-8"))
    seed = Path(shutil.copytree(made / "strict", tmp_path / "seed"))
    told = about | {"recipe": about["recipe"] | {"seed": 1}}
    (seed / "run.json").write_text(json.dumps(told), "utf-8")
    for names, says in (
        (["dense"], "dense is of densenet, which shares no encoder .* --mode strict on an encoder"),
        (
            ["strict", str(seed)],
            r"\(strict: untrained, nano, patch 16, seed 0, seed: untrained, .*1\)",
        ),
    ):
        with pytest.raises(UsageError, match=says):
            export([made / name for name in names], tmp_path / "bundle", "x")
    for run, change, says in (
        ("altered", {"encoder_sha256": "0" * 64}, "random has other weights now"),
        ("gone", {"recipe": about["recipe"] | {"mode": "full"}}, "its weights are gone"),
    ):
        (tmp_path / run).mkdir()
        (tmp_path / run / "run.json").write_text(json.dumps(about | change), "utf-8")
        with pytest.raises(CheckpointError, match=says):
            open_blocks(tmp_path / run)
    with pytest.raises(UsageError, match="mode strict: densenet begins with no weights"):
        settings = SETTINGS | {"mode": "strict"}
        run_own("beams", str(made / "one"), DENSENET, settings, tmp_path / "x", False)
    assert not (tmp_path / "bundle").exists()
