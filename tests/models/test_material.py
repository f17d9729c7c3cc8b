"""Material: read once, split once, scaled by its training items or as the encoder knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm_models import material as module
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.material import Material, open_material
from tests.models.tiny import SPEC, Numbers, Wrong, slice_set


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Numbers:
    """What every source names, here."""
    data = Numbers(tmp_path)
    monkeypatch.setattr(module, "open_source", lambda source, **options: data)
    return data


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slice_set(tmp_path_factory.mktemp("slices") / "set")


def test_items_are_read_once_and_labels_with_them(numbers: Numbers, tmp_path: Path) -> None:
    first = open_material("n", tmp_path, size=(16, 16))
    reads = numbers.reads
    assert first.values.shape == (20, 3, 16, 16) and first.modality == "wifi-csi"
    assert first.targets is not None and first.targets[7].tolist() == [7]
    again = open_material("n", tmp_path, size=(16, 16))
    assert numbers.reads == reads and np.array_equal(again.values, first.values)
    assert again.targets is not None and np.array_equal(again.targets, first.targets)
    assert again.scaling == first.scaling
    other = open_material("n", tmp_path, size=(32, 16))
    assert other.size == (32, 16) and numbers.reads > reads


def test_training_items_are_standard_in_each_channel(numbers: Numbers, tmp_path: Path) -> None:
    made = open_material("n", tmp_path, size=(8, 12))
    images = made.images(made.split.train)
    assert images.dtype == np.float32
    assert images.mean(axis=(0, 2, 3)) == pytest.approx([0] * 3, abs=1e-3)
    assert images.std(axis=(0, 2, 3)) == pytest.approx([1] * 3, abs=1e-3)


def test_a_stored_split_is_taken_again(slices: Path, tmp_path: Path) -> None:
    first = open_material(str(slices), tmp_path)
    (path,) = tmp_path.glob("split-*-0.json")
    stored = path.read_text()
    moved = stored.replace(f'"test":[{first.split.test[0]},', '"test":[')
    path.write_text(moved)  # as if another rule had made it
    assert moved != stored
    again = open_material(str(slices), tmp_path)
    assert again.split.test.tolist() == first.split.test[1:].tolist()
    assert len(open_material(str(slices), tmp_path, seed=1).split.test) == len(first.split.test)


def test_slices_are_standardised_by_what_is_given(slices: Path, tmp_path: Path) -> None:
    measured = open_material(str(slices), tmp_path)
    assert measured.images(measured.split.train).mean() == pytest.approx(0, abs=1e-3)
    given = SPEC.model_copy(update={"range_db": (-100.0, 0.0), "mean": 0.5, "std": 0.25})
    made = open_material(str(slices), tmp_path, scaling=given)
    expected = ((np.asarray(made.values[3]) + 100) / 100 - 0.5) / 0.25
    assert made.images(np.array([3]))[0] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(UsageError, match="its slices are not made as those"):
        open_material(str(slices), tmp_path, scaling=given.model_copy(update={"hop": 256}))


def test_few_are_drawn_by_class_and_seed(slices: Path, tmp_path: Path) -> None:
    made = open_material(str(slices), tmp_path)
    few, other = made.few(3, seed=0), made.few(3, seed=1)
    classes = made.dataset.classes
    assert classes is not None and np.bincount(classes[few.split.train]).tolist() == [3, 3]
    assert set(few.split.train) < set(made.split.train)
    assert few.split.test is made.split.test
    assert few.split.train.tolist() == made.few(3, seed=0).split.train.tolist()
    assert few.split.train.tolist() != other.split.train.tolist()
    with pytest.raises(UsageError, match=r"noise has \d+ items, not 1000"):
        made.few(1000, seed=0)


def test_without_classes_there_are_no_few(numbers: Numbers, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="n has no classes to take 4 items of"):
        open_material("n", tmp_path).few(4, 0)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (np.full((3, 8, 12), np.nan, np.float32), "item 3 is not finite: leave it out"),
        (np.zeros((2, 8, 12), np.float32), r"item 3 is \(2, 8, 12\), others are \(3, 8, 12\)"),
    ],
)
def test_a_wrong_item_is_named(
    what: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_source", lambda source, **options: Wrong(tmp_path, what))
    with pytest.raises(RecordingError, match=says):
        open_material("w", tmp_path, size=(8, 12))
    assert not list(tmp_path.glob("items-*.npy"))


def test_a_scaling_of_other_channels_is_refused(numbers: Numbers, tmp_path: Path) -> None:
    one = Scaling(range=(0, 1), mean=(0.5,), std=(0.5,), source="test")
    with pytest.raises(RadiofmError, match="n: 3 channels, not 1"):
        open_material("n", tmp_path, scaling=one)


def test_modalities_by_channels(tmp_path: Path) -> None:
    def modality(channels: int) -> str:
        values = np.zeros((1, channels, 8, 8), np.float32)
        one = Numbers(tmp_path)
        split = None
        return Material("m", one, split, SPEC, values, None).modality  # type: ignore[arg-type]

    names = [modality(n) for n in (1, 2, 3, 4, 5, 7)]
    assert names == ["spectrogram", "iq-grid", "wifi-csi", "5g-csi", "5g-csi", "7-channels"]
