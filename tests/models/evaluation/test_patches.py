"""`radiofm evaluate BUNDLE --data SET --patches`: heads by the share of patches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.bundle import load_bundle
from radiofm.cli.evaluate import evaluate as command
from radiofm.errors import BundleError, RadiofmError, UsageError
from radiofm.patches import thin
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.evaluation.patches import evaluate_patches
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.heads import Decoder, PixelHead
from radiofm_models.probes import Probe
from radiofm_models.vit import Encoder
from tests.models.tiny import LABELS, SPEC, VIT, slice_set

TUNED = SPEC.model_copy(update={"range_db": (-100.0, -20.0), "mean": 0.2, "std": 0.2})


class Made:
    """A slice set, an encoder that has learnt nothing, heads of three tasks, and their bundle."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        self.slices = slice_set(folder / "slices")
        self.encoder = Encoder(VIT).eval()

        def pixels(channels: int) -> PixelHead:
            return PixelHead(Decoder(16, 8, (2, 3), depth=0), channels, 16)

        reversed_labels = LABELS[::-1]  # the head's order is its own
        self.heads = [
            TrainedHead("signals", "classification", "tokens", Probe(16, 2, "avg").eval(),
                        reversed_labels, {"temperature": 2.0}),
            TrainedHead("where", "segmentation", "trunk", pixels(2), ("empty", "occupied")),
            TrainedHead("again", "reconstruction", "trunk", pixels(1)),
            TrainedHead("other", "classification", "trunk", Probe(16, 3, "token").eval(),
                        ("a", "b", "c")),
        ]  # fmt: skip
        self.data = SliceSet.open(self.slices)
        self.images = TUNED.standardise(self.data.decibels)[:, None]
        self.bundle = folder / "bundle"
        modality = {"spectrogram": Modality(TUNED, self.images[:4])}
        export_bundle(self.bundle, "it", "test", self.encoder, modality, self.heads, {})

    @torch.no_grad()
    def outputs(self, head: TrainedHead, share: float) -> Any:
        """What torch gives for all slices, with the patches that should be kept."""
        kept = thin(self.images, (2, 3), share)
        trunk = self.encoder.trunk(torch.from_numpy(self.images), torch.from_numpy(kept.patches))
        tokens = trunk if head.tap == "trunk" else self.encoder.tail(trunk)
        return head.module(torch.from_numpy(kept.spread(tokens.numpy()))).numpy()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


def test_figures_are_those_of_torch_with_as_many_patches(made: Made) -> None:
    report = evaluate_patches(made.bundle, str(made.slices), [0.5, 1 / 3], "it", "a machine")
    table, times = report.tables()
    found = {(row[0], row[1]): row[2:] for row in table.rows}
    assert [share for name, share in found if name == "signals"] == [1.0, 0.5, 1 / 3]
    truth = np.array([LABELS[::-1].index(record.label) for record in made.data.records])
    for head in made.heads:
        whole = made.outputs(head, 1.0)
        for share in (1.0, 0.5, 1 / 3):
            outputs = made.outputs(head, share)
            title, value, same, difference = found[head.name, share]
            rms = np.sqrt(np.square(outputs - whole).mean()) / whole.std()
            assert difference == pytest.approx(rms, abs=1e-3)
            if head.name == "signals":
                assert title == "accuracy"
                assert value == pytest.approx((outputs.argmax(axis=1) == truth).mean())
            if head.name == "again":
                assert value == pytest.approx(np.square(outputs - made.images).mean(), rel=1e-4)
            if head.name == "other":
                assert value is None
            if head.task != "reconstruction":
                agree = (outputs.argmax(axis=1) == whole.argmax(axis=1)).mean()
                assert same == pytest.approx(agree, abs=0.01)
    assert found["where", 0.5][0] == "mean IoU"
    assert [row[:2] for row in times.rows] == [[1.0, 6], [0.5, 3], [1 / 3, 2]]
    assert times.rows[0][2] == 1 and all(float(str(row[2])) > 0 for row in times.rows)


def test_the_command(made: Made, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    arguments = [str(made.bundle), "--data", str(made.slices), "--patches", "0.5", "--json"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["tables"][0]["columns"][:2] == ["head", "patches kept"]
    assert (tmp_path / "report" / "report.md").is_file()
    for more, reason in (
        ("x", "'x' are no shares: write 1,0.5,0.25"),
        ("0", "above 0 and at most"),
    ):
        failed = CliRunner().invoke(app, [*arguments[:4], more])
        assert isinstance(failed.exception, UsageError) and reason in str(failed.exception)


def test_what_cannot_be_judged(made: Made, tmp_path: Path) -> None:
    with pytest.raises(RadiofmError, match="name one"):
        evaluate_patches(made.bundle, str(tmp_path), [0.5], "it", "a machine")
    manifest = json.loads((made.bundle / "bundle.json").read_text())
    manifest["modalities"] = {}
    for head in manifest["heads"]:
        head["modality"] = None
    (tmp_path / "bundle.json").write_text(json.dumps(manifest))
    assert load_bundle(tmp_path).manifest.spec == SpectrogramSpec.model_validate(manifest["spec"])
    with pytest.raises(BundleError, match="takes whole slices only: export it again"):
        evaluate_patches(tmp_path, str(made.slices), [0.5], "it", "a machine")
