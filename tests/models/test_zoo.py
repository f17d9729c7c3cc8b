"""The shipped bundle: whole, small, served as its manifest says, with the card of its figures."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from radiofm.bundle import MANIFEST, Bundle, load_bundle
from radiofm_models.export import TOLERANCE
from radiofm_models.predictions import PREDICTIONS
from radiofm_models.served import ServedBundle
from radiofm_models.verify import verify

ZOO = Path(str(resources.files("radiofm_models"))) / "zoo" / "nano"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(ZOO)


def test_every_file_is_listed_and_the_whole_is_small(bundle: Bundle) -> None:
    files = {str(p.relative_to(ZOO)) for p in ZOO.rglob("*") if p.is_file()}
    assert files == {*bundle.manifest.files, MANIFEST, "README.md"}
    assert sum((ZOO / file).stat().st_size for file in files) < 10e6


def test_it_answers_with_what_the_manifest_says(bundle: Bundle) -> None:
    spec = bundle.manifest.spec
    noise = np.random.default_rng(0).normal(size=(2, 1, spec.height, spec.width))
    out = ServedBundle(bundle.manifest, bundle.read)(noise.astype(np.float32))
    shapes = {name: output.shape for name, output in out.items()}
    assert shapes == {
        "signals": (2, 6),
        "segmentation": (2, 2, spec.height, spec.width),
        "anomaly": (2, 1, spec.height, spec.width),
    }
    assert all(np.isfinite(output).all() for output in out.values())


def test_pretraining_shows(bundle: Bundle) -> None:
    """In the signals named and in patches filled in; not in segmentation, as the card says."""
    metrics = bundle.manifest.metrics
    signals, filled = metrics["signals"], metrics["pretraining"]
    assert signals["test"]["accuracy"] > signals["random_init"]["accuracy"] + 0.03
    assert filled["masked_mse"] < 0.8 * filled["row_mean_mse"]


def test_its_figures_beat_the_trivial_baselines(bundle: Bundle) -> None:
    metrics = bundle.manifest.metrics
    parity = metrics.get("parity") or metrics["export"]  # as bundles said before
    assert max(parity["max_abs_difference"].values()) <= TOLERANCE
    signals, segmentation = metrics["signals"], metrics["segmentation"]
    assert signals["test"]["accuracy"] > 2 * signals["majority"]["accuracy"]
    for baseline in ("energy_threshold", "all_empty"):
        assert segmentation["test"]["iou_occupied"] > segmentation[baseline]["iou_occupied"]


def test_its_figures_come_out_of_its_predictions(bundle: Bundle) -> None:
    found = verify(bundle)
    assert found.unlisted == () and found.without == ()
    signals = bundle.manifest.metrics["signals"]["test"]
    assert found.figures["signals"]["confusion"] == signals["confusion"]
    assert (ZOO / PREDICTIONS).stat().st_size < 1e6


def test_the_card_says_what_made_it_and_what_it_was_judged_on(bundle: Bundle) -> None:
    """It was written by the code of that commit, which the recipe of now replaces."""
    text = (ZOO / "README.md").read_text("utf-8")
    made = bundle.manifest.provenance
    assert made["command"] in text and made["commit"][:12] in text
    assert f"{bundle.manifest.metrics['signals']['test']['accuracy']:.1%}" in text
    assert all(f"| {row['recording']}" in text for row in bundle.manifest.metrics["recordings"])
