"""Simulated slice sets: the same from any number of workers, with masks that fit the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from radiofm.cli.simulate import app
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_capture.scenes.chirp import Chirp
from radiofm_capture.scenes.gfsk import Gfsk
from radiofm_capture.scenes.ofdm import Ofdm
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.scene import Emitter, Scene
from radiofm_capture.scenes.signal import Waveform
from radiofm_capture.scenes.truth import TruthBox
from radiofm_capture.scenes.waveforms import LABELS
from radiofm_capture.simulate import make_group, occupancy, simulate_slices

SPEC = SpectrogramSpec()
RATES = (1.92e6, 2.4e6)


def test_the_set_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    told: list[int] = []
    simulate_slices(tmp_path / "one", 10, 7, rates=RATES, progress=told.append)
    simulate_slices(tmp_path / "two", 10, 7, rates=RATES, workers=2)
    one, two = SliceSet.open(tmp_path / "one"), SliceSet.open(tmp_path / "two")
    assert told == list(range(1, 11))
    assert one.info == two.info and one.records == two.records
    np.testing.assert_array_equal(one.decibels, two.decibels)
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.info.labels == LABELS
    assert [r.group for r in one.records] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_slices_are_labelled_and_sound() -> None:
    labels = []
    for group in range(24):
        for image, mask, record in make_group(group, 3, SPEC, RATES):
            assert image.dtype == np.float32 and np.isfinite(image).all() and image.std() > 0.5
            assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1}
            assert record.full_scale_dbfs is not None and -66 < record.full_scale_dbfs < 3
            assert record.group == group
            if record.snr_db is None:
                assert record.label == "noise" and not mask.any()
            labels.append(record.label)
    assert set(labels) == set(LABELS)


@pytest.mark.parametrize(
    "waveform",
    [
        Ofdm(occupied_hz=1.08e6, on_s=(2e-3, 3e-3), off_s=(2e-3, 3e-3)),
        Gfsk(channels=2, occupancy=0.7),
        Chirp(shape="sawtooth", sweep_hz=1.5e6, sweep_s=6e-3),
    ],
    ids=lambda w: w.family,
)
def test_masks_lie_on_the_signals(waveform: Waveform) -> None:
    rate, center = 4e6, 1e9
    emitter = Emitter.model_validate({"waveform": waveform, "offset_hz": 0.7e6, "snr_db": 25.0})
    player = ScenePlayer(Scene(center_frequency_hz=center, slices=4, emitters=(emitter,)))
    spectrogram = Spectrogram(SPEC, rate)
    size = spectrogram.samples
    for at in range(4):
        image = spectrogram.decibels(player.read(at * size, size, center, rate), 2048)
        mask = occupancy(player.truth(at * size, size, center, rate), SPEC, size, center, rate) > 0
        bright = image > np.median(image[:60]) + 15
        assert (mask & bright).sum() > 0.7 * bright.sum()
        assert np.median(image[mask]) > np.median(image[~mask]) + 10


def box(**more: float) -> TruthBox:
    fields = {"start": 0, "count": 16000, "low": 1e9 - 5e5, "high": 1e9 + 5e5, "snr": 10} | more
    return TruthBox(
        "ofdm", int(fields["start"]), int(fields["count"]), fields["low"], fields["high"],
        fields["snr"], -20,
    )  # fmt: skip


def test_mask_cells() -> None:
    spec = SpectrogramSpec(height=16, width=32)

    def mask(*boxes: TruthBox) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return occupancy(list(boxes), spec, 16000, 1e9, 1e6)

    assert mask(box()).all()
    assert not mask(box(snr=-1)).any() and not mask().any()
    low = mask(box(high=1e9 - 0.25e6, count=4000))  # the lowest quarter, the first quarter
    assert low[:4, :8].all() and low.sum() == 4 * 8
    thin = mask(box(low=1e9 + 1e3, high=1e9 + 2e3, start=8100, count=10))
    assert thin[8, 16] == 1 and thin.sum() == 1


def test_command_line(tmp_path: Path) -> None:
    out = tmp_path / "set"
    done = CliRunner().invoke(
        app,
        ["scenes", "--out", str(out), "--count", "3", "--seed", "4", "--workers", "1",
         "--rates", "1.92M,2.4 MS/s", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["slices"] == 3 and report["seed"] == 4
    assert len(SliceSet.open(out).records) == 3
