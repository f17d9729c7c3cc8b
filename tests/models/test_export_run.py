"""`radiofm export`: runs of every mode in one bundle, served as torch has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from scipy.special import softmax
from typer.testing import CliRunner

from radiofm.array_set_writer import write_array_set
from radiofm.bundle import Bundle, load_bundle
from radiofm.cli.export import export as command
from radiofm.errors import RadiofmError, UsageError
from radiofm_capture.sets.positioning import PRESETS as PRESETS_OF_POSITIONS
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.encoders import Pretrained
from radiofm_models.export import TOLERANCE, TrainedHead
from radiofm_models.export_run import export, parts
from radiofm_models.finetune_run import Wanted, read_run, run, tune_in
from radiofm_models.finetuning import Tuned
from radiofm_models.finished import Finished
from radiofm_models.material import How
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain_run import run as pretrain
from radiofm_models.probes import Probe
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.served import ServedBundle
from radiofm_models.vit import PRESETS
from radiofm_services.encoder import Encoder as ServedEncoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.passes import answers
from tests.models.tiny import SPEC, VIT, slice_set

LORA = {"rank": 2, "alpha": 4.0}
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "strict": ("classification", {"mode": "strict"}),
    "lora": ("classification", {"mode": "lora", "lora": LORA}),
    "linear": ("classification", {"mode": "linear"}),
    "last": ("signals", {"mode": "last"}),
    "occupancy": ("occupancy", {"mode": "strict"}),
}
ALONE: dict[str, tuple[str, dict[str, Any]]] = {"full": ("classification", {"mode": "full"})}


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """The preset nano, smaller: every graph of every test is exported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "nano", VIT)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice set, an encoder pretrained on it, another one, and a run of each mode on the first.

    The rate is high, so that what a mode trains is far from where it began.
    """
    folder = tmp_path_factory.mktemp("made")
    data = str(slice_set(folder / "slices"))
    for seed, name in enumerate(("encoder", "other")):
        recipe = PretrainRecipe(steps=2, batch=8, lr=1e-3, preset="nano", seed=seed)
        pretrain([data], folder / name, recipe, cache=folder / "cache")
    for name, (task, settings) in (HEADS | ALONE).items():
        wanted = Wanted(
            task, data, str(folder / "encoder"), epochs=2,
            settings={"batch": 8, "lr": 2e-2} | settings,
        )  # fmt: skip
        run(wanted, folder / name)
    wanted = Wanted("classification", data, str(folder / "other"), epochs=1, settings={"batch": 8})
    run(wanted, folder / "foreign")
    return folder


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    app = typer.Typer()
    app.command()(command)
    runs = [str(made / name) for name in HEADS]
    done = CliRunner().invoke(
        app, [*runs, "--out", str(made / "bundle"), "--json"], catch_exceptions=False
    )
    closing = json.loads(done.stdout)
    assert closing["command"] == "export" and list(closing["heads"]) == list(HEADS)
    assert max(closing["parity"].values()) <= TOLERANCE
    loaded = load_bundle(made / "bundle")
    assert set(closing["parity"]) == set(loaded.manifest.files)
    return loaded


def tuned(folder: Path) -> Tuned:
    return tune_in(read_run(folder)[0], folder)[0]


def agree(bundle: Bundle, name: str, head: Tuned) -> None:
    """All test items in bulk equal torch."""
    rows = head.task.material.split.test
    images, expected = head.task.images(rows), head.outputs(rows)
    (record,) = [one for one in bundle.manifest.heads if one.name == name]
    found = ServedBundle(bundle.manifest, bundle.read)(images, record.modality)[name]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE


@pytest.mark.parametrize("name", HEADS)
def test_what_is_served_is_what_was_trained(name: str, made: Path, bundle: Bundle) -> None:
    agree(bundle, name, tuned(made / name))


def test_a_service_says_the_same(made: Path, bundle: Bundle) -> None:
    encoder = ServedEncoder(bundle)
    heads = {name: load_head(bundle, name, encoder) for name in HEADS}
    runs = {name: tuned(made / name) for name in HEADS}
    row = runs["strict"].task.material.split.test[:1]
    image = runs["strict"].task.images(row)
    said = answers(encoder, head_set(heads), image, "spectrogram").answers
    assert [answer.result.name for answer in said] == list(HEADS)
    for answer in said:
        name = answer.result.name
        output = runs[name].outputs(row)[0]
        if answer.mask is not None:
            assert (answer.mask == output.argmax(axis=0)).mean() > 0.99
            continue
        expected = softmax(output / heads[name].record.temperature)
        scores = {one.label: one.score for one in answer.result.labels}
        assert [scores[label] for label in ("noise", "tone")] == pytest.approx(expected, abs=1e-4)


def test_each_mode_is_served_in_its_way(bundle: Bundle, made: Path) -> None:
    heads = {head.name: head for head in bundle.manifest.heads}
    assert {name for name, head in heads.items() if head.adapter} == {"lora"}
    assert {name for name, head in heads.items() if head.tap == "trunk"} >= {"last"}
    assert heads["linear"].modality == "spectrogram-linear"
    assert heads["strict"].modality == heads["occupancy"].modality == "spectrogram"
    assert heads["strict"].labels == ("noise", "tone") and heads["strict"].temperature > 0
    metrics = bundle.manifest.metrics["test"]
    assert metrics["last"]["model"] == read_run(made / "last")[1]["test"]["model"]
    assert bundle.manifest.provenance["runs"]["lora"]["recipe"]["lora"]["rank"] == 2


@pytest.mark.parametrize("name", ALONE)
def test_an_encoder_tuned_as_a_whole_has_a_bundle_of_its_own(name: str, made: Path) -> None:
    export([made / name], made / f"{name}-bundle", name)
    agree(load_bundle(made / f"{name}-bundle"), name, tuned(made / name))


def test_what_cannot_be_put_together_is_told(made: Path, tmp_path: Path) -> None:
    (tmp_path / "strict").symlink_to(made / "strict")
    for runs, says in (
        (["strict", "foreign"], r"began with several encoders \(strict: .*encoder, foreign: "),
        (["strict", "full"], "head full: fine-tuning changed the encoder's first blocks"),
        (["encoder"], r"encoder has no run\.json: give folders of finished"),
        (["strict", str(tmp_path / "strict")], "two runs have one name"),
    ):
        with pytest.raises(RadiofmError, match=says) as raised:
            export([made / name for name in runs], tmp_path / "bundle", "x")
        assert "\n" not in str(raised.value) and not (tmp_path / "bundle/bundle.json").exists()
    with pytest.raises(UsageError):
        export([made / "gone"], tmp_path / "bundle", "x")


def test_a_head_of_slices_that_the_encoder_never_saw(made: Path, tmp_path: Path) -> None:
    """Its patch embedding comes with it, as the bundle's modality."""
    positions = tmp_path / "positions"
    write_array_set(positions, PRESETS_OF_POSITIONS["outdoor"], 40, 1, "")
    wanted = Wanted(
        "positioning", str(positions), str(made / "encoder"), size=(32, 48), epochs=1,
        settings={"batch": 8},
    )  # fmt: skip
    run(wanted, tmp_path / "where")
    manifest = export([tmp_path / "where", made / "strict"], tmp_path / "bundle", "both")
    assert set(manifest.modalities) == {"spectrogram", "5g-csi"}
    assert {head.name: head.modality for head in manifest.heads} == {
        "where": "5g-csi", "strict": "spectrogram",
    }  # fmt: skip


def test_slices_new_to_an_encoder_of_several_modalities() -> None:
    """Of two sets that are scaled unlike, the second is named by its head, too."""
    config = VIT.model_copy(update={"channels": {"spectrogram": 1, "wifi-csi": 3}})
    known: dict[str, How] = {"spectrogram": SPEC, "wifi-csi": scaling(3, 1.0)}
    pretrained = Pretrained("it", MaskedAutoencoder(config), known)

    def finished(name: str, high: float) -> Finished:
        encoder, new = pretrained.encoder("5g-csi", 4)
        assert new
        head = TrainedHead(name, "regression", "tokens", Probe(16, 2, "avg"), modality="5g-csi")
        images = np.zeros((4, 4, 32, 48), np.float32)
        return Finished(
            {"recipe": {"mode": "strict"}}, lambda: pretrained, None, encoder, head,
            scaling(4, high), 4, lambda part: images[part], float,
        )  # fmt: skip

    _, modalities, heads = parts(pretrained, [finished("a", 1), finished("b", 2), finished("c", 1)])
    assert [head.modality for head in heads] == ["5g-csi", "5g-csi-b", "5g-csi-c"]
    assert list(modalities) == ["spectrogram", "wifi-csi", "5g-csi", "5g-csi-b", "5g-csi-c"]
    assert [modalities[head.modality].slices for head in heads] == [None, None, "5g-csi"]


def scaling(channels: int, high: float) -> Scaling:
    ones = (1.0,) * channels
    return Scaling(range=(0, high), mean=ones, std=ones, size=(32, 48), source="it")
