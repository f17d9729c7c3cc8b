"""A bundle adapted to a receiver's air without labels; and the checkpoint that bundles bring."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.bundle import load_bundle, write_manifest
from radiofm.cli import commands
from radiofm.errors import BundleError, UsageError
from radiofm.wire import SPECTROGRAM
from radiofm_models.brought import FOLDER, bring
from radiofm_models.checkpoint import MODEL
from radiofm_models.encoders import load_pretrained
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.finetune_run import Wanted, open_encoder, weights_hash
from radiofm_models.half import round_weights
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.noise_floor import noise_floors, offset_db, quartiles, shifted
from radiofm_models.probes import Probe
from radiofm_models.served import ServedBundle
from tests.models.datasets.recordings import recording
from tests.models.tiny import SPEC, VIT

EMBED = "embeds/spectrogram.onnx"
LEARNT = (-70.0, -65.0)


@pytest.fixture(scope="module")
def model() -> MaskedAutoencoder:
    torch.manual_seed(0)
    made = MaskedAutoencoder(VIT).eval()
    round_weights(made)
    return made


@pytest.fixture(scope="module")
def bundle(model: MaskedAutoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder that never learnt, a head, and the checkpoint."""
    folder = tmp_path_factory.mktemp("bundle")
    images = np.random.default_rng(0).normal(size=(2, 1, 32, 48)).astype(np.float32)
    head = TrainedHead("signals", "classification", "tokens", Probe(16, 2, "avg"), ("a", "b"))
    manifest = export_bundle(
        folder, "tiny", "nano", model.encoder, {SPECTROGRAM: Modality(SPEC, images)}, [head],
        {"seed": 0}, half=True,
    )  # fmt: skip
    manifest = manifest.model_copy(update={"floor_dbfs": LEARNT})
    bring(folder, manifest, model, {SPECTROGRAM: SPEC})
    return folder


@pytest.fixture(scope="module")
def air(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, and a tone in it, without a word of what it is."""
    folder = tmp_path_factory.mktemp("air")
    recording(folder / "a", 8, seed=1)
    recording(folder / "b", 8, tone=0.7, seed=2)
    return folder


def adapted(*arguments: object) -> dict[str, object]:
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, ["adapt", *map(str, arguments), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_floor_is_the_receivers_and_not_what_is_on_the_air() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(-90, 3, (1, 1, 32, 48)).astype(np.float32)
    busy = noise.copy()
    busy[..., 8:28, :] += 40  # stays on
    busy[..., :20] += 40  # a burst
    assert noise_floors(noise)[0] == pytest.approx(-90, abs=1)
    assert noise_floors(busy)[0] == pytest.approx(-90, abs=5)  # of 40 dB
    assert noise_floors(noise + 15)[0] == pytest.approx(-75, abs=1)
    assert quartiles(np.array([-80, -70, -60, -50, -40], np.float32)) == (-70, -50)


@pytest.mark.parametrize(("floor", "offset"), [(-50, 10), (-65, 0), (-90, -20)])
def test_what_was_learnt_from_is_left_alone(floor: float, offset: float) -> None:
    assert offset_db(np.full(3, floor, np.float32), (-70, -60)) == offset


def test_a_louder_receiver_gives_the_same_slices() -> None:
    image = np.random.default_rng(0).normal(-80, 9, (32, 48)).astype(np.float32)
    again = shifted(SPEC, 12.5).standardise(image + np.float32(12.5))
    assert np.allclose(again, SPEC.standardise(image), atol=1e-5)


def test_statistics_by_the_command_line(bundle: Path, air: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    report = adapted(bundle, air, "--out", out)
    assert report["slices"] == 16 and report["learnt_floor_dbfs"] == list(LEARNT)
    offset = report["offset_db"]
    before, after = load_bundle(bundle), load_bundle(out)
    assert after.manifest.spec == shifted(SPEC, float(str(offset)))
    assert after.manifest.heads == before.manifest.heads
    assert after.manifest.encoder == before.manifest.encoder
    made = after.manifest.provenance
    assert made["command"].startswith(f"radiofm adapt {bundle} {air} --how statistics")
    assert made["adapted"]["from"] == "tiny" and made["adapted"]["slices"] == 16
    same = [name for name in before.manifest.files if not name.endswith("config.json")]
    assert all(after.read(name) == before.read(name) for name in same)
    assert load_pretrained(out).inputs[SPECTROGRAM] == after.manifest.spec
    again = adapted(out, air, "--out", tmp_path / "again")
    assert again["offset_db"] == pytest.approx(0, abs=0.02)


def test_masked_modeling_by_the_command_line(bundle: Path, air: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    steps = ["--steps", 60, "--batch", 8, "--lr", 0.01]
    report = adapted(bundle, air, "--out", out, "--how", "msm", *steps)
    assert float(str(report["masked_mse"])) < float(str(report["masked_mse_before"]))
    before, after = load_bundle(bundle), load_bundle(out)
    assert after.manifest.spec == SPEC and after.manifest.heads == before.manifest.heads
    new = {name for name in before.manifest.files if after.read(name) != before.read(name)}
    assert new == {EMBED, f"{FOLDER}/{MODEL}"}
    old, now = (load_pretrained(folder).model.state_dict() for folder in (bundle, out))
    moved = {name for name in old if not torch.equal(old[name], now[name])}
    assert moved == {"encoder.patch_embed.weight", "encoder.patch_embed.bias"}
    image = np.random.default_rng(1).normal(size=(3, 1, 32, 48)).astype(np.float32)
    served = ServedBundle(after.manifest, after.read)
    tokens = served.tail(served.trunk(served.embed(image, SPECTROGRAM)))
    with torch.no_grad():
        expected = load_pretrained(out).model.encoder(torch.from_numpy(image)).numpy()
    assert np.abs(tokens - expected).max() < 1e-4


def test_a_bundle_is_an_encoder_to_fine_tune(bundle: Path, model: MaskedAutoencoder) -> None:
    """Its weights, in 16 bits, are those that it is served with."""
    pretrained = open_encoder(Wanted("signals", "data", str(bundle)))
    state = model.state_dict()
    assert all(torch.equal(state[k], v) for k, v in pretrained.model.state_dict().items())
    assert pretrained.inputs == {SPECTROGRAM: SPEC}
    size = (bundle / FOLDER / MODEL).stat().st_size
    assert size < 2.2 * sum(p.numel() for p in model.parameters()) + 5000
    record = load_bundle(bundle).manifest.files[f"{FOLDER}/{MODEL}"]
    assert weights_hash(str(bundle)) == record.sha256


def altered(bundle: Path, folder: Path, drop: str = "") -> Path:
    """A copy of the bundle that does not list, and has not, what begins with `drop`."""
    found = load_bundle(bundle)
    files = {n: r for n, r in found.manifest.files.items() if not drop or not n.startswith(drop)}
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(found.read(name))
    write_manifest(folder, found.manifest.model_copy(update={"files": files, "floor_dbfs": None}))
    return folder


def test_what_cannot_be_adapted(bundle: Path, air: Path, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "b"]
    old = altered(bundle, tmp_path / "old", FOLDER)
    with pytest.raises(UsageError, match="bundle tiny does not say which noise floors"):
        adapted(old, air, *out)
    centred = load_bundle(old).manifest
    centred = centred.model_copy(update={"spec": SPEC.model_copy(update={"centred": True})})
    write_manifest(old, centred)
    with pytest.raises(UsageError, match="takes slices without their level"):
        adapted(old, air, *out)
    with pytest.raises(UsageError, match="brings no checkpoint"):
        adapted(old, air, *out, "--how", "msm")
    with pytest.raises(UsageError, match="is there already: name another folder"):
        adapted(bundle, air, "--out", bundle)
    with pytest.raises(UsageError, match="--steps: nothing is trained by statistics"):
        adapted(bundle, air, *out, "--steps", 3)
    with pytest.raises(UsageError, match="16 slices are too few for batches of 32"):
        adapted(bundle, air, *out, "--how", "msm")
    with pytest.raises(UsageError, match="lr -1.0: .*greater than 0"):
        adapted(bundle, air, *out, "--how", "msm", "--lr", -1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty holds no recordings"):
        adapted(bundle, tmp_path / "empty", *out)
    weights = old.parent / "whole"
    altered(bundle, weights)
    (weights / FOLDER / MODEL).write_bytes(b"no weights")
    with pytest.raises(BundleError, match="is not the file that bundle.json names"):
        adapted(weights, air, *out, "--how", "msm")
