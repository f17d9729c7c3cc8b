"""Training data: what is trained is what is served; statistics; augmentation."""

from pathlib import Path

import numpy as np
import pytest

from radiofm.slice_set import SliceRecord, SliceSet, SliceSetInfo, write_slice_set
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_models.data import augment
from radiofm_models.material import open_material

RATE = 2.5e6
SPEC = SpectrogramSpec(height=48, width=32)


@pytest.fixture(scope="module")
def iq() -> list[np.ndarray[tuple[int, int], np.dtype[np.int16]]]:
    rng = np.random.default_rng(0)
    samples = SPEC.slice_samples(RATE)
    return [(rng.normal(size=(samples, 2)) * 20 * (i + 1)).astype(np.int16) for i in range(6)]


@pytest.fixture(scope="module")
def slices(
    iq: list[np.ndarray[tuple[int, int], np.dtype[np.int16]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> SliceSet:
    folder = tmp_path_factory.mktemp("slices")
    info = SliceSetInfo(spec=SPEC, labels=("noise",), count=len(iq), provenance={})
    compute = Spectrogram(SPEC, RATE)
    empty = np.zeros((48, 32), np.uint8)
    records = [SliceRecord(label="noise", group=i, sample_rate_hz=RATE) for i in range(len(iq))]
    rows = [(compute.decibels(x, 2048), empty, r) for x, r in zip(iq, records, strict=True)]
    write_slice_set(folder, info, rows)
    return SliceSet.open(folder)


@pytest.mark.parametrize("centred", [False, True])
def test_what_is_trained_is_what_is_served(
    slices: SliceSet,
    iq: list[np.ndarray[tuple[int, int], np.dtype[np.int16]]],
    tmp_path: Path,
    centred: bool,
) -> None:
    """The trainer's input from disk equals the live worker's from samples, to the bit."""
    material = open_material(str(slices.path), tmp_path, centred=centred)
    assert isinstance(material.scaling, SpectrogramSpec) and material.scaling.centred == centred
    live = Spectrogram(material.scaling, RATE)
    trained = material.images(np.arange(len(iq)))
    for i, samples in enumerate(iq):
        assert np.array_equal(trained[i, 0], live(samples, 2048))


def test_measured_statistics(slices: SliceSet, tmp_path: Path) -> None:
    material = open_material(str(slices.path), tmp_path)
    spec, rows = material.scaling, material.split.train
    assert isinstance(spec, SpectrogramSpec) and 0 < len(rows) < len(slices.records)
    low, high = np.percentile(slices.decibels[rows].astype(np.float64), [0.1, 99.9])
    assert spec.range_db == pytest.approx((low, high), abs=0.03)
    images = material.images(rows)
    assert abs(images.mean()) < 1e-3 and abs(images.std() - 1) < 1e-3
    assert (
        spec.model_copy(update={"range_db": SPEC.range_db, "mean": SPEC.mean, "std": SPEC.std})
        == SPEC
    )


def test_augmentation_rolls_frequency_reverses_time_and_shifts() -> None:
    image = np.arange(64 * 48, dtype=np.float32).reshape(1, 64, 48)
    out = augment(np.stack([image] * 40), np.random.default_rng(0), gain=0.5)
    rolls, flips, shifts = set(), set(), []
    for made in out[:, 0]:
        shift = made.mean(dtype=np.float64) - image.mean(dtype=np.float64)
        shifts.append(abs(shift))
        flip = made[0, 0] > made[0, -1]
        plain = made[:, ::-1] if flip else made
        roll = int(np.argmin(plain[:, 0]))
        np.testing.assert_allclose(plain, np.roll(image[0], roll, axis=0) + shift, atol=1e-2)
        rolls.add(roll)
        flips.add(bool(flip))
    assert flips == {True, False} and len(rolls) > 10
    assert 0.3 < max(shifts) <= 0.501
