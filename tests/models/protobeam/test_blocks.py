"""What is trained on, and what is not: antennas, frames, sessions and angles kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofm.array_set_writer import write_array_set
from radiofm.errors import UsageError
from radiofm_capture.sets import aoa, beams
from radiofm_models.protobeam.blocks import deepbeam, simulated_angles, simulated_beams
from tests.models.datasets import written


def test_antennas_of_a_simulated_set(tmp_path: Path) -> None:
    write_array_set(tmp_path / "set", beams.PRESETS["line"], 24 * 3 * 3 * 2, 0, "made by a test")
    material = simulated_beams(tmp_path / "set", [1], 100, seed=0)
    assert material.describe() == {
        "train": 72, "test, same domain": 72, "test, antenna 0": 144, "test, antenna 2": 144
    }  # fmt: skip
    assert material.train.iq.shape == (72, 2, 100)
    for blocks in (material.train, material.same):
        assert np.bincount(blocks.classes).tolist() == [3] * 24
    everything = [material.train, material.same, *material.other.values()]
    whole = np.concatenate([blocks.iq for blocks in everything])
    assert len(np.unique(whole[:, 0, 0])) == len(whole) == 432  # no block twice
    again = simulated_beams(tmp_path / "set", [1], 100, seed=0)
    np.testing.assert_array_equal(again.train.iq, material.train.iq)


def test_blocks_shorter_than_asked_for(tmp_path: Path) -> None:
    write_array_set(tmp_path / "set", beams.PRESETS["line"], 216, 0, "made by a test")
    with pytest.raises(UsageError, match="samples 4096: blocks .* have 2048: take fewer"):
        simulated_beams(tmp_path / "set", [0], 4096, seed=0)
    with pytest.raises(UsageError, match="no labelled blocks"):
        simulated_beams(tmp_path / "set", [7], 2048, seed=0)


def test_no_frame_of_deepbeam_is_trained_and_tested_on(tmp_path: Path) -> None:
    """Every 20th block is of frames 0 1 2 4 5 6 8 9 10; of every 15th, three are of no other."""
    for antenna in range(2):
        written.deepbeam(tmp_path / f"tx-{antenna}.h5")
    material = deepbeam(tmp_path, "tx-{}.h5", [0], [1], (20, 15), 2048, seed=0)
    numbers = [
        sorted((blocks.iq[:, 0, 0] / 2048).tolist())
        for blocks in (material.train, material.same, material.other["antenna 1"])
    ]
    assert numbers == [list(range(0, 180, 20)), [45, 105, 165], list(range(0, 180, 15))]
    assert material.train.labels == ("0", "8", "16")


def test_angles_between_those_trained_on(tmp_path: Path) -> None:
    write_array_set(tmp_path / "set", aoa.PRESETS["fine"], 1024, 0, "made by a test")
    material = simulated_angles(tmp_path / "set", 3, 1, 64, seed=0)
    assert np.unique(material.train.classes).tolist() == list(range(0, 41, 4))
    assert np.unique(material.other["all angles"].classes).tolist() == list(range(41))
    assert len(material.other["all angles"]) == 512 and material.train.iq.shape[1:] == (8, 64)
    assert not np.isin(material.train.iq[:, 0, 0], material.other["all angles"].iq[:, 0, 0]).any()
    with pytest.raises(UsageError, match="2 sessions leave none"):
        simulated_angles(tmp_path / "set", 3, 2, 64, seed=0)
