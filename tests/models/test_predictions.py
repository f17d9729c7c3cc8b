"""Predictions that a bundle carries: its figures come out of them again, or it is refused."""

from __future__ import annotations

import io
import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import scipy.special
from hypothesis import example, given
from hypothesis import strategies as st

from radiofm.bundle import (
    MANIFEST,
    Bundle,
    HeadRecord,
    file_record,
    load_bundle,
    write_manifest,
)
from radiofm.errors import BundleError
from radiofm_models.metrics import calibration_error, f1_score, pixel_counts, reconstruction_error
from radiofm_models.predictions import (
    PREDICTIONS,
    Stored,
    figures,
    keep_predictions,
    predict,
    read_predictions,
)
from radiofm_models.served import ServedBundle
from radiofm_models.verify import headline, verify

NANO = Path(str(resources.files("radiofm_models"))) / "zoo" / "nano"
LABELS = 6  # of nano's `signals`
COUNT = 400


def stored() -> dict[str, Stored]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, LABELS, COUNT)
    logits = rng.normal(0, 1, (COUNT, LABELS)) + 2 * np.eye(LABELS)[truth]
    snr = np.where(truth == 0, np.nan, rng.uniform(-10, 40, COUNT))
    return {
        "signals": {
            "truth": truth.astype("u2"), "outputs": logits.astype("f2"),
            "snr_db": snr.astype("f4"), "group": (np.arange(COUNT) // 2).astype("i4"),
        },
        "segmentation": {"counts": rng.integers(0, 50_176, (COUNT, 2, 2)).astype("u4")},
        "anomaly": {"error": rng.gamma(2, 0.05, COUNT).astype("f4")},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of nano with predictions."""
    shutil.copytree(NANO, tmp_path / "nano")
    keep_predictions(tmp_path / "nano", load_bundle(NANO).manifest, stored())
    return tmp_path / "nano"


def test_figures_come_out_again(folder: Path) -> None:
    bundle, before = load_bundle(folder), stored()
    found = verify(bundle)
    assert found.files == 7 and found.unlisted == () and found.without == ()
    assert read_predictions(bundle).keys() == before.keys()
    signals = found.figures["signals"]
    outputs, truth = before["signals"]["outputs"].astype(np.float32), before["signals"]["truth"]
    right = outputs.argmax(axis=1) == truth
    assert signals["accuracy"] == right.mean()
    temperature = np.float32(bundle.head("signals").temperature)
    scores = scipy.special.softmax(outputs / temperature, axis=1)
    assert signals["calibration_error"] == calibration_error(scores, truth.astype(np.int64))
    clear = ~(before["signals"]["snr_db"] < 5)  # noise, that has none, is in it
    assert signals["clear"]["items"] == clear.sum()
    assert signals["clear"]["accuracy"] == right[clear].mean()
    counts = before["segmentation"]["counts"].sum(axis=0, dtype=np.int64)
    assert found.figures["segmentation"]["confusion"] == counts.tolist()
    assert found.figures["segmentation"]["pixel_accuracy"] == np.trace(counts) / counts.sum()
    error = before["anomaly"]["error"]
    assert found.figures["anomaly"]["mse"] == pytest.approx(error.mean(dtype=np.float64))
    limit = bundle.head("anomaly").error_p99 or 0
    assert found.figures["anomaly"]["share_above_p99"] == (error > limit).mean()


def test_baselines_beside_them_stay(tmp_path: Path) -> None:
    shutil.copytree(NANO, tmp_path / "nano")
    manifest = load_bundle(NANO).manifest
    beside = {"signals": {"model": {"old": 1}, "random-init": {"accuracy": 0.1}}}
    manifest = manifest.model_copy(update={"metrics": {"test": beside}})
    made = keep_predictions(tmp_path / "nano", manifest, {"signals": stored()["signals"]})
    test = made.metrics["test"]["signals"]
    assert test["random-init"] == {"accuracy": 0.1} and "old" not in test["model"]
    found = verify(load_bundle(tmp_path / "nano"))
    assert found.without == ("segmentation", "anomaly")
    bundle = load_bundle(tmp_path / "nano")
    name, value = headline(bundle, bundle.head("signals")) or ("", 0.0)
    assert (name, value) == ("mean_class_accuracy", test["model"]["mean_class_accuracy"])
    assert headline(bundle, bundle.head("anomaly")) is None  # of which no figure is told


def test_the_same_predictions_are_the_same_bytes_and_few(folder: Path) -> None:
    first = (folder / PREDICTIONS).read_bytes()
    keep_predictions(folder, load_bundle(folder).manifest, stored())
    assert (folder / PREDICTIONS).read_bytes() == first
    assert len(first) < 40 * COUNT  # 1600 items of these heads: 64 kB


def test_an_altered_figure_is_named(folder: Path) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    document["metrics"]["test"]["signals"]["model"]["macro_f1"] += 1e-6
    (folder / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"head signals: macro_f1 is 0\.\d+ in bundle.json and"):
        verify(load_bundle(folder))
    del document["metrics"]["test"]["signals"]
    (folder / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match="head signals: accuracy is None in bundle.json"):
        verify(load_bundle(folder))


def test_altered_files_are_named(folder: Path) -> None:
    (folder / "run.py").write_text("import os")
    assert verify(load_bundle(folder)).unlisted == ("run.py",)
    with (folder / PREDICTIONS).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match=r"predictions\.npz is not the file that bundle\.json"):
        verify(load_bundle(folder))


def packed(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


GOOD = {name.replace("signals/", ""): value for name, value in stored()["signals"].items()}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "predictions.npz"),
        (b"PK\x03\x04cut", "zip"),
        (packed(**{"signals/truth": np.array([{}], object)}), "allow_pickle|Object arrays"),
        (packed(truth=GOOD["truth"]), "head '' is not in bundle nano"),
        (packed(**{"other/truth": GOOD["truth"]}), "head 'other' is not in bundle nano"),
        (packed(**{"signals/truth": GOOD["truth"]}), "arrays truth are not of classification"),
        (packed(**{"anomaly/error": np.zeros(3)}), r"error is float64 \[3\]"),
        (packed(**{"anomaly/error": np.zeros(0, "f4")}), r"error is float32 \[0\]"),
        (
            packed(**{f"signals/{k}": v[:9] if k == "truth" else v for k, v in GOOD.items()}),
            "head signals: .* is ",
        ),
        (
            packed(**{f"signals/{k}": v + (k == "truth") for k, v in GOOD.items() if k != "group"}),
            "a truth is none of its 6 labels",
        ),
        (packed(**{"anomaly/error": np.zeros(17 * 2**20, "f4")}), "bytes unpacked"),
    ],
)  # fmt: skip
def test_predictions_that_cannot_be(tmp_path: Path, data: bytes, says: str) -> None:
    """Of a bundle that says that they are its own."""
    manifest = load_bundle(NANO).manifest
    (tmp_path / PREDICTIONS).write_bytes(data)
    update = {"files": {PREDICTIONS: file_record(data)}}
    write_manifest(tmp_path, manifest.model_copy(update=update))
    with pytest.raises(BundleError, match=says) as raised:
        read_predictions(load_bundle(tmp_path))
    assert "\n" not in str(raised.value)


def test_what_the_graphs_say_is_stored() -> None:
    bundle: Bundle = load_bundle(NANO)
    served = ServedBundle(bundle.manifest, bundle.read)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 1, 224, 224)).astype(np.float32)
    out = served(images)
    truth, snr = np.array([1, 0, 5]), np.array([3.0, np.nan, 9.0])
    signals = predict(served, "signals", images, truth, snr, np.arange(3))
    assert np.array_equal(signals["outputs"], out["signals"].astype("f2"))
    assert signals["truth"].tolist() == [1, 0, 5] and signals["group"].tolist() == [0, 1, 2]
    masks = rng.integers(0, 2, (3, 224, 224)).astype(np.uint8)
    counts = predict(served, "segmentation", images, masks)["counts"]
    expected = pixel_counts(masks[2], out["segmentation"][2].argmax(axis=0), 2)
    assert np.array_equal(counts[2], expected) and counts.sum() == 3 * 224 * 224
    errors = predict(served, "anomaly", images, images)["error"]
    assert np.allclose(errors, reconstruction_error(images, out["anomaly"]), rtol=1e-6)


def head(task: str, labels: int, **more: Any) -> HeadRecord:
    names = tuple(f"l{i}" for i in range(labels))
    return HeadRecord.model_validate(
        {"name": "h", "version": "1", "task": task, "tap": "trunk", "encoder": "0" * 16,
         "file": "h.onnx", "labels": names, **more}
    )  # fmt: skip


def test_presence_by_its_thresholds() -> None:
    logits = np.array([[2, -2], [0.5, 3], [-1, 0.5]], "f2")
    truth = np.array([[1, 0], [1, 1], [0, 1]], "u1")
    found = figures(head("presence", 2, thresholds=[0.7, 0.5]), {"truth": truth, "outputs": logits})
    there = np.array([[True, False], [False, True], [False, True]])
    assert found["f1"] == {"l0": f1_score(truth[:, 0] > 0, there[:, 0]), "l1": 1.0}
    assert found["exact"] == 2 / 3


@given(
    logits=arrays.arrays("f2", (5, 3), elements=st.floats(-8, 8, width=16)),
    truth=arrays.arrays("u2", 5, elements=st.integers(0, 2)),
    snr=arrays.arrays("f4", 5, elements=st.floats(-30, 70, width=32) | st.just(float("nan"))),
)
@example(np.zeros((5, 3), "f2"), np.zeros(5, "u2"), np.full(5, np.nan, "f4"))
@example(np.zeros((5, 3), "f2"), np.zeros(5, "u2"), np.full(5, -30, "f4"))
def test_figures_are_plain_values(logits: Any, truth: Any, snr: Any) -> None:
    """What JSON gives back is what went in, NaN is in none."""
    one = head("classification", 3)
    found = figures(one, {"truth": truth, "outputs": logits, "snr_db": snr})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["accuracy"] == (logits.astype("f4").argmax(axis=1) == truth).mean()
