"""`radiofm evaluate --recordings`: heads on recordings of which is known what they hold."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from radiofm.bundle import load_bundle
from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm.recording import Recording
from radiofm_models.evaluation.air_report import evaluate_on_air
from radiofm_models.evaluation.manifest import read_manifests
from radiofm_models.evaluation.on_air import judged_heads, label_of, on_air, recording_slices
from tests.models.datasets.recordings import CENTER, RATE, recording
from tests.models.evaluation.on_air_bundle import bundle, heads
from tests.models.evaluation.test_manifest import written
from tests.models.tiny import SPEC

NANO = Path(str(resources.files("radiofm_models"))) / "zoo" / "nano"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, and four recordings: LTE, LTE beyond the band, noise, and short Wi-Fi."""
    folder = tmp_path_factory.mktemp("made")
    bundle(folder / "bundle", heads())
    for number, (name, slices) in enumerate((("a", 5), ("b", 2), ("c", 3), ("d", 0.4))):
        recording(folder / name, slices, seed=number)
    rows = [
        {"technology": "lte", "low_hz": -25e3, "high_hz": 25e3},
        {"technology": "noise", "low_hz": 30e3, "high_hz": 50e3},
    ]
    written(
        folder,
        {"recording": "a", "technology": "lte", "rows": rows},
        {"recording": "b", "truth_cells": [{"nrb": 6, "freq_offset_hz": 0}]},
        {"recording": "c", "known": "receiver noise"},
        {"recording": "d", "known": "802.11a"},
    )
    return folder


@pytest.fixture(scope="module")
def found(made: Path) -> dict[str, Any]:
    _, figures = evaluate_on_air(made / "bundle", [made], made / "report", "command", "machine")
    return figures


def of(found: dict[str, Any], name: str) -> Any:
    (one,) = [each for each in found["recordings"] if each["recording"] == name]
    return one


def test_slices_and_what_was_repeated(found: dict[str, Any]) -> None:
    assert [(r["slices"], r["repeated_to_fill_a_slice"]) for r in found["recordings"]] == [
        (5, False), (2, False), (3, False), (1, True),
    ]  # fmt: skip


def test_top_labels(found: dict[str, Any]) -> None:
    """The head says LTE of everything, and has no label for Wi-Fi."""
    right = [r["heads"]["signals"]["right"] for r in found["recordings"]]
    assert right == [1, 1, 0, None]
    assert of(found, "c")["heads"]["signals"]["called"] == {"noise": 0, "lte": 3, "nr": 0}
    technologies = found["summary"]["technologies"]
    assert technologies["lte"] == {
        "recordings": 2, "slices": 7,
        "right": {"signals": {"slices": 1.0, "lowest": 1.0},
                  "presence": {"slices": 1.0, "lowest": 1.0}},
    }  # fmt: skip
    assert "signals" not in technologies["wifi"]["right"]


def test_presence_by_its_thresholds(found: dict[str, Any]) -> None:
    """A score of 0.73 is enough for LTE and not for Wi-Fi; on noise it is one too many."""
    right = [r["heads"]["presence"]["right"] for r in found["recordings"]]
    assert right == [1, 1, 0, 0]
    assert of(found, "a")["heads"]["presence"]["present"] == {"lte": 1, "nr": 0, "wifi": 0}


def test_rows_that_are_known(found: dict[str, Any]) -> None:
    rows = of(found, "a")["heads"]["carriers"]["rows"]
    assert rows["lte"] == {"whole": True, "pixels": {"noise": 0, "lte": 0.75, "nr": 0.25}}
    assert rows["noise"]["pixels"] == {"noise": 1, "lte": 0, "nr": 0}
    beyond = of(found, "b")["heads"]["carriers"]["rows"]["lte"]
    assert not beyond["whole"] and beyond["pixels"]["lte"] == 0.375
    assert of(found, "c")["heads"]["occupancy"]["rows"]["noise"]["pixels"] == {
        "noise": 0.5 + 0.125, "signal": 0.375,
    }  # fmt: skip
    assert of(found, "d")["heads"]["carriers"]["rows"] == {}
    lte = found["summary"]["rows"]["carriers"]["lte"]
    assert lte["recordings"] == 2 and lte["pixels"]["lte"] == pytest.approx((0.75 + 0.375) / 2)
    assert lte["whole"] == {"recordings": 1, "pixels": rows["lte"]["pixels"]}


def test_anomalies(found: dict[str, Any]) -> None:
    assert all(r["heads"]["anomaly"]["share_above_p99"] == 1 for r in found["recordings"])


def test_the_report(made: Path, found: dict[str, Any]) -> None:
    text = (made / "report" / "report.md").read_text()
    assert "d\\*" in text and "shorter than a slice, and repeated to fill one" in text
    document = json.loads((made / "report" / "report.json").read_text())
    figures = [p for s in document["sections"] for p in s["parts"] if p["kind"] == "figure"]
    assert len(figures) == 4 and set(figures[0]["data"]["shares"]) == {"carriers", "occupancy"}
    assert figures[0]["data"]["edges"] == [0.25, 0.75, 0.8]
    assert (made / "report" / "figure-4.png").is_file() and "NaN" not in text
    assert "Seeds" not in text  # there are none


def test_slices_stay_within_one_tuning(tmp_path: Path) -> None:
    """A gap in the second slice, and a retune behind the fourth."""
    at = [0, 2400, 6400]
    captures = [
        {"core:sample_start": start, "core:frequency": CENTER + (start == 6400) * RATE}
        for start in at
    ]
    one = Recording.open(recording(tmp_path / "a", 6, captures=captures))
    images, repeated = recording_slices(one, SPEC, 64)
    assert images.shape == (1 + 2, 1, 32, 48) and not repeated
    assert recording_slices(one, SPEC, 2)[0].shape[0] == 2


def test_labels_that_stand_for_a_technology() -> None:
    assert label_of("lte", ("noise", "lte", "ofdm")) == "lte"
    assert label_of("lte", ("noise", "ofdm")) == "ofdm"
    assert label_of("noise", ("empty", "occupied")) == "empty"
    assert label_of("gsm", ("noise", "ofdm")) is None


def test_a_bundle_without_a_fitting_head_is_one_sentence(made: Path) -> None:
    manifest = load_bundle(made / "bundle").manifest
    cats = manifest.heads[0].model_copy(update={"name": "cats", "labels": ("cat", "dog", "cow")})
    manifest = manifest.model_copy(update={"heads": (cats,)})
    with pytest.raises(UsageError, match="no head for these .* lte, noise, wifi: .* cats: cat, do"):
        judged_heads(manifest, read_manifests([made]))


def test_a_recording_that_is_not_there_or_empty(made: Path, tmp_path: Path) -> None:
    opened = load_bundle(made / "bundle")
    with pytest.raises(RecordingError, match="gone"):
        on_air(opened, read_manifests([written(tmp_path, {"recording": "gone", "known": "LTE"})]))
    (tmp_path / "none.cu8").touch()
    entry = {"recording": "none.cu8", "known": "LTE", "sample_rate_hz": RATE}
    with pytest.raises(RecordingError, match="holds no samples"):
        on_air(opened, read_manifests([written(tmp_path, entry)]))


def test_a_raw_file_is_read_as_the_manifest_says(made: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rng.integers(0, 256, 2 * 4000, np.uint8).tofile(tmp_path / "x.bin")
    entry = {"recording": "x.bin", "known": "LTE", "datatype": "cu8", "sample_rate_hz": RATE}
    (one,) = on_air(load_bundle(made / "bundle"), read_manifests([written(tmp_path, entry)]))
    assert one.slices == 2 and one.to_json()["technology"] == ["lte"]


def command(*arguments: str) -> Any:
    import typer

    from radiofm.cli.evaluate import evaluate

    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def test_the_command(made: Path, found: dict[str, Any]) -> None:
    arguments = [str(made / "bundle"), "--recordings", str(made), "--json"]
    closing = json.loads(command(*arguments).stdout)
    assert closing["command"] == "evaluate" and closing["report"] is None
    assert closing["summary"] == found["summary"]
    assert closing["recordings"] == found["recordings"]
    done = command(*arguments[:-1], "--slices", "1", "--report", str(made / "again"))
    assert done.exit_code == 0 and "again: report.md" in done.stdout.replace("\n", "")
    assert (made / "again" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "RUN is missing: name the folder of a run, --recordings or --data"),
        (["nano", "--recordings", "gone.json"], "--recordings gone.json: No such file"),
        (["./gone", "--recordings", "gone.json"], "no readable bundle.json"),
    ],
)
def test_a_mistake_in_the_command(arguments: list[str], says: str) -> None:
    with pytest.raises(RadiofmError, match=says):
        command(*arguments)


def test_nano_on_real_air(shared_iq: Path) -> None:
    """What the manifest of the shipped bundle says of it is what comes out."""
    nano = load_bundle(NANO)
    said = {each["recording"]: each for each in nano.manifest.metrics["recordings"]}
    heard = [one.to_json() for one in on_air(nano, read_manifests([shared_iq]))]
    assert {one["recording"] for one in heard} == set(said)
    for one in heard:
        before = said[one["recording"]]
        for part in ("technology", "slices", "repeated_to_fill_a_slice"):
            assert one[part] == before[part]
        # another processor may round a score differently, but not many
        called, then = (each["heads"]["signals"]["called"] for each in (one, before))
        assert sum(abs(called[label] - then[label]) for label in called) <= 0.1 * one["slices"]
        rows, then = (each["heads"]["segmentation"]["pixels"] for each in (one, before))
        assert rows["occupied"] == pytest.approx(then["occupied"], abs=0.02)
    held = {one["technology"][0] for one in heard}
    assert held == {"lte", "nr", "wifi", "adsb", "noise"}
