"""NR-LTE and family sets: reproducible, apart, with masks where the power is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from radiofm.array_set import ArraySet
from radiofm.array_set_writer import write_array_set
from radiofm.cli.simulate import app
from radiofm_capture.scenes.family_draws import FAMILY_DRAWS
from radiofm_capture.scenes.waveforms import AnyWaveform
from radiofm_capture.sets import families, nr_lte
from radiofm_capture.sets.mixes import channel_hz, draw_carriers, place_carriers

UNION = get_args(AnyWaveform)[0]
LOADS = {"lte": (1.0,), "nr": (1.0,)}
LOW = (1.92e6, 2.4e6)


class Paper(nr_lte.Paper):
    shard: ClassVar[int] = 1


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    recipe, count = Paper(), 2
    one = write_array_set(tmp_path / "one", recipe, count, 7, "x")
    assert write_array_set(tmp_path / "two", recipe, count, 7, "x", workers=2) == one
    for file in ("set.json", "card.md", *one.sha256):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


# --- NR-LTE ---


def test_carriers_lie_in_the_band_and_apart() -> None:
    rng = np.random.default_rng(1)
    widths = set()
    for _ in range(300):
        carriers = draw_carriers(rng, nr_lte.RATE, nr_lte.CARRIERS, LOADS)
        places = place_carriers(rng, nr_lte.RATE, carriers)
        lows = [at - channel_hz(one) / 2 for at, one in zip(places, carriers, strict=True)]
        highs = [at + channel_hz(one) / 2 for at, one in zip(places, carriers, strict=True)]
        edges = [-nr_lte.RATE / 2, lows[0], highs[0], lows[1], highs[1], nr_lte.RATE / 2]
        assert (np.diff(edges) > -1e-3).all()
        widths |= {(one.family, channel_hz(one) / 1e6) for one in carriers}
    assert widths == {("lte", w) for w in (5, 10, 15, 20)} | {("nr", w) for w in range(10, 55, 5)}


def test_the_noise_of_the_splits_is_as_the_paper_has_it() -> None:
    def noise_dbm(recipe: nr_lte.Paper) -> npt.NDArray[np.float64]:
        rng = np.random.default_rng(2)
        scenes = [recipe.draw(rng)[0] for _ in range(300)]
        by_hz = np.array([scene.noise_dbfs_per_hz for scene in scenes], np.float64)
        return np.asarray(by_hz + 10 * np.log10(nr_lte.RATE) + recipe.full_scale_dbm)

    train, test = noise_dbm(Paper()), noise_dbm(Paper(split="test"))
    assert abs(train.mean() + 70) < 1 and abs(train.std() - 5) < 0.7
    assert -90 <= test.min() < -87 and -23 < test.max() <= -20 and abs(test.mean() + 55) < 4


def test_power_lies_under_the_mask_as_stated() -> None:
    recipe = Paper(iq=True, noise_train_dbm=(-80, 0), lte_loads=(1.0,), nr_loads=(1.0,))
    made = recipe.make(range(1), np.random.default_rng(3))
    # Two carriers of -45 dBm, where 0 dBFS is -10 dBm.
    level = 10 * np.log10(2 * np.square(made["iq"], dtype=np.float64).mean())
    assert level == pytest.approx(-45 + 10 + 10 * np.log10(2), abs=0.05)
    power, mask = 10 ** (made["decibels"][0] / 10), made["mask"][0]
    carriers = [power[mask == number].mean(axis=-1).mean() for number in (1, 2)]
    rows = [(mask[:, 0] == number).sum() for number in (1, 2)]
    assert 10 * np.log10(np.divide(*carriers) * np.divide(*rows)) == pytest.approx(0, abs=0.5)
    assert min(carriers) > 300 * power[mask == 0].mean()
    assert (mask == mask[:, :1]).all()  # a rectangle of all the slice

    narrow = replace(recipe, extent="occupied").make(range(1), np.random.default_rng(3))["mask"][0]
    assert (narrow[narrow > 0] == mask[narrow > 0]).all() and (narrow > 0).sum() < (mask > 0).sum()


def test_splits_share_no_scene_and_one_carrier_may_be_alone() -> None:
    recipe = Paper(alone=1.0)
    made = {
        split: replace(recipe, split=split).make(range(1), np.random.default_rng(4))
        for split in nr_lte.SPLITS
    }
    assert (made["train"]["mask"] != made["test"]["mask"]).any()
    for slices in made.values():
        assert len(np.unique(slices["mask"])) == 2 and np.isnan(slices["snr_db"]).sum() == 1


def test_impaired_slices_are_what_the_scene_holds() -> None:
    recipe = nr_lte.Impaired()
    made = recipe.make(range(4), np.random.default_rng(5))
    wide = replace(recipe, extent="channel").make(range(4), np.random.default_rng(5))
    np.testing.assert_array_equal(made["decibels"], wide["decibels"])
    assert np.isfinite(made["decibels"]).all()
    assert set(made["sample_rate_hz"]) <= {15.36e6, 19.2e6, 23.04e6, 30.72e6, 46.08e6, 61.44e6}
    for mask, snr_db in zip(made["mask"], made["snr_db"], strict=True):
        for number, level in enumerate(snr_db, 1):
            if np.isfinite(level):
                assert (mask == number).any()


# --- families ---


def test_every_family_of_real_air_is_drawn() -> None:
    known = {get_args(w.model_fields["family"].annotation)[0] for w in get_args(UNION)}
    assert known - set(families.FAMILIES) == {"ofdm", "gfsk", "chirp", "ook", "recording"}
    for name, draw in FAMILY_DRAWS.items():
        assert draw(np.random.default_rng(8), 20e6).family == name


def test_a_single_slice_holds_its_family_or_noise() -> None:
    count = len(families.LABELS)
    made = families.Families(rates=LOW).make(range(count), np.random.default_rng(6))
    for asked, label, mask, snr_db in zip(
        range(count), made["label"], made["mask"], made["snr_db"], strict=True
    ):
        assert label in (0, asked)
        assert set(np.unique(mask)) <= {0, label} and mask.any() == (label > 0)
        assert np.isfinite(snr_db) == (label > 0)
    assert (made["label"] > 0).sum() > 0.8 * count
    again = families.Families(rates=LOW).make(range(3), np.random.default_rng(6))
    np.testing.assert_array_equal(again["decibels"], made["decibels"][:3])


def test_consecutive_slices_are_of_one_scene() -> None:
    """The second of two is what the first would have been followed by, and labels are its own."""
    made = families.Families(rates=LOW, consecutive=2).make(range(6), np.random.default_rng(6))
    np.testing.assert_array_equal(made["follows"], [0, 1] * 3)
    np.testing.assert_array_equal(made["scene"], [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(made["sample_rate_hz"][::2], made["sample_rate_hz"][1::2])
    alone = families.Families(rates=LOW).make(range(3), np.random.default_rng(6))
    np.testing.assert_array_equal(made["decibels"][::2], alone["decibels"])
    assert (made["decibels"][1::2] != made["decibels"][::2]).any(axis=(1, 2)).all()


def test_the_bits_of_a_mask_are_the_families_there() -> None:
    made = families.Families(multi=True, rates=LOW).make(range(6), np.random.default_rng(7))
    for mask, present, snr_db in zip(made["mask"], made["present"], made["snr_db"], strict=True):
        bits = np.bitwise_or.reduce(mask, axis=None)
        np.testing.assert_array_equal((bits >> np.arange(len(families.FAMILIES))) & 1, present)
        np.testing.assert_array_equal(np.isfinite(snr_db), present > 0)
    assert 1 < made["present"].sum(axis=1).mean() <= 4


# --- command line ---


def test_command_line(tmp_path: Path) -> None:
    arguments = ["nr-lte", "--out", str(tmp_path / "n"), "--count", "1", "--split", "test", "--iq"]
    done = CliRunner().invoke(app, [*arguments, "--workers", "1", "--seed", "4", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["samples"] == 1
    made = ArraySet.open(tmp_path / "n")
    assert made.read("iq").shape == (1, 983_040, 2)
    assert made.info.parameters["signal_dbm"] == -45
    assert made.info.provenance["command"] == (
        "radiofm simulate nr-lte --preset paper --count 1 --seed 4"
        " --split test --labels channel --frame 16ms --iq --size 224"
    )
    arguments = ["families", "--out", str(tmp_path / "f"), "--count", "1", "--multi", "--json"]
    assert CliRunner().invoke(app, [*arguments, "--size", "64"]).exit_code == 0
    assert ArraySet.open(tmp_path / "f").info.arrays["decibels"].shape == (64, 64)
    assert "present" in ArraySet.open(tmp_path / "f").info.arrays
    for count, code in (("5", 1), ("2", 0)):
        arguments = ["families", "--out", str(tmp_path / count), "--count", "2", "--json"]
        more = ["--consecutive", count, "--size", "64"]
        assert CliRunner().invoke(app, [*arguments, *more]).exit_code == code
    made = ArraySet.open(tmp_path / "2")
    assert made.read("follows").tolist() == [0, 1]
    assert made.info.provenance["command"].endswith("--size 64 --consecutive 2")
