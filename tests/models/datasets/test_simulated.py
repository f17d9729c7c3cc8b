"""Simulated sets opened as data sets: in the form of the public ones, split by their groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.array_set import ArraySet
from radiofm.array_set_writer import write_array_set
from radiofm.spectrogram import SpectrogramSpec
from radiofm_capture.sets import aoa, beams, csi, families, positioning
from radiofm_models.datasets.opening import open_dataset
from radiofm_models.ofdm import qpsk
from radiofm_models.sets.channel_estimation import PRESETS, ChannelEstimation
from radiofm_models.splits import make_split


class Flat(ChannelEstimation):
    """Its channels are drawn without Sionna: they are no matter here."""

    def channels(self, count: int, rng: np.random.Generator) -> Any:
        return qpsk(rng, (count, 16, self.symbols, self.subcarriers))


@pytest.mark.parametrize(
    ("recipe", "count", "item", "label", "classes"),
    [
        (positioning.PRESETS["outdoor"], 12, (4, 192, 14), (3,), 0),
        (csi.Csi(packets=50), 48, (3, 114, 50), (), 6),
        (beams.PRESETS["line"], 216, (2, 2048), (), 24),
        (aoa.PRESETS["three"], 9, (8, 1024), (), 3),
        (Flat(subcarriers=PRESETS["authors"].subcarriers), 5, (2, 17, 96), (2, 16, 672), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_items_and_labels(
    recipe: Any, count: int, item: tuple[int, ...], label: tuple[int, ...], classes: int,
    tmp_path: Path,
) -> None:  # fmt: skip
    write_array_set(tmp_path, recipe, count, 1, "")
    made = open_dataset("simulated", tmp_path)
    assert len(made) == count and len(made.labels) == classes
    values, target = made.item(count - 1)
    assert values.shape == item and values.dtype == np.float32
    assert np.asarray(target).shape == label
    if made.classes is not None:
        assert np.bincount(made.classes).min() == count // classes
    assert made.describe()["items"] == count and len(made.fingerprint()) == 64
    if made.groups is not None and len(np.unique(made.groups)) >= 3:
        rows = make_split(made).rows(made)
        parts = [set(made.groups[part]) for part in (rows.train, rows.validation, rows.test)]
        assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2])


def test_the_form_of_an_item(tmp_path: Path) -> None:
    write_array_set(tmp_path, aoa.PRESETS["three"], 4, 1, "")
    iq = ArraySet.open(tmp_path).read("iq")[2]
    values, label = open_dataset("simulated", tmp_path).item(2)
    np.testing.assert_array_equal(values[5], iq[2, :, 1])  # Q of the third channel
    assert label == 2


def test_slices_that_follow_each_other(tmp_path: Path) -> None:
    recipe = families.Families(
        consecutive=3, rates=(1.92e6,), spec=SpectrogramSpec(height=32, width=32)
    )
    write_array_set(tmp_path, recipe, 6, 1, "")
    made = open_dataset("simulated", tmp_path, target="mask")
    assert made.follows is not None and made.follows.tolist() == [False, True, True] * 2
