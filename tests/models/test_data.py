"""Training data: what is trained is what is served; splits; statistics; augmentation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.slice_set import SliceRecord, SliceSet, SliceSetInfo, write_slice_set
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_models.data import augment, measure, split_by_group, standardised

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


def test_what_is_trained_is_what_is_served(
    slices: SliceSet, iq: list[np.ndarray[tuple[int, int], np.dtype[np.int16]]]
) -> None:
    """The trainer's input from disk equals the live worker's from samples, to the bit."""
    rows = np.arange(len(iq))
    spec = measure(slices, rows)
    live = Spectrogram(spec, RATE)
    trained = standardised(slices, rows, spec)
    for i, samples in enumerate(iq):
        assert np.array_equal(trained[i, 0], live(samples, 2048))


def test_measured_statistics(slices: SliceSet, tmp_path: Path) -> None:
    rows = np.array([0, 2, 3, 5])
    spec = measure(slices, rows)
    decibels = slices.decibels[rows].astype(np.float64)
    low, high = np.percentile(decibels, [0.1, 99.9])
    assert spec.range_db == pytest.approx((low, high), abs=0.03)
    images = standardised(slices, rows, spec)
    assert abs(images.mean()) < 1e-3 and abs(images.std() - 1) < 1e-3
    assert (
        spec.model_copy(update={"range_db": SPEC.range_db, "mean": SPEC.mean, "std": SPEC.std})
        == SPEC
    )


@given(
    groups=st.lists(st.integers(0, 40), min_size=30, max_size=200).filter(
        lambda g: len(set(g)) >= 10
    ),
    held_out=st.floats(0.05, 0.3),
    seed=st.integers(0, 1000),
)
def test_no_group_is_split(groups: list[int], held_out: float, seed: int) -> None:
    split = split_by_group(groups, held_out, seed)
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    sets = [{groups[i] for i in part} for part in parts]
    assert all(sets) and not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    again = split_by_group(groups, held_out, seed)
    assert np.array_equal(again.test, split.test)


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
