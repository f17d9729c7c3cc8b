"""Scenes that are drawn: pure in the seed, within their ranges, and clear about mistakes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.errors import UsageError
from radiofm.slice_set import SliceSet
from radiofm_capture.scenes.distribution import DistributionError, resolve
from radiofm_capture.scenes.load import load_scene, presets, read_scene
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.simulate import simulate_slices


def draws(value: Any, count: int = 400, **more: Any) -> list[Any]:
    return [resolve({"seed": seed, "x": value, **more})["x"] for seed in range(count)]


def test_each_kind_is_what_its_name_says() -> None:
    uniform = np.array(draws({"uniform": [-5, 35]}))
    assert uniform.min() >= -5 and uniform.max() <= 35
    assert uniform.mean() == pytest.approx(15, abs=2)
    logarithm = np.log10(draws({"log_uniform": [1, 1000]}))
    assert logarithm.min() >= 0 and logarithm.max() <= 3
    assert logarithm.mean() == pytest.approx(1.5, abs=0.15)
    normal = np.array(draws({"normal": [20, 5]}))
    assert normal.mean() == pytest.approx(20, abs=1) and normal.std() == pytest.approx(5, abs=0.7)
    assert set(draws({"integer": [2, 5]})) == {2, 3, 4, 5}
    chosen = draws({"choice": [8, 12], "p": [0.8, 0.2]})
    assert chosen.count(8) / len(chosen) == pytest.approx(0.8, abs=0.07)
    share = np.array(draws({"uniform": [-0.5, 0.5], "unit": "rate"}, sample_rate_hz=20e6))
    assert np.abs(share).max() <= 10e6 and share.std() == pytest.approx(20e6 / 12**0.5, rel=0.1)


def test_tables_and_lists_are_drawn_within() -> None:
    value = {"choice": [[], [[{"uniform": [0, 1]}, 3]]]}
    drawn = draws(value, 50)
    assert [] in drawn and any(one and 0 <= one[0][0] <= 1 and one[0][1] == 3 for one in drawn)
    table = {"choice": [{"a": {"integer": [1, 1]}}, {"b": 2}]}
    assert {str(one) for one in draws(table, 50)} == {"{'a': 1}", "{'b': 2}"}


def test_copies_are_drawn_each_for_itself() -> None:
    emitters = [{"copies": {"integer": [0, 3]}, "snr_db": {"uniform": [0, 9]}}, {"snr_db": 1}]
    numbers = set()
    for drawn in draws(emitters, 60):
        assert drawn[-1] == {"snr_db": 1} and all("copies" not in one for one in drawn)
        levels = [one["snr_db"] for one in drawn[:-1]]
        assert len(set(levels)) == len(levels)
        numbers.add(len(levels))
    assert numbers == {0, 1, 2, 3}


def test_drawing_is_pure_and_plain_scenes_stay_as_they_are() -> None:
    document, _ = read_scene("impaired-lte-nr")
    before = copy.deepcopy(document)
    assert resolve(document) == resolve(document) and document == before
    assert resolve({**document, "seed": 2}) != resolve({**document, "seed": 3})
    plain, _ = read_scene("carousel")
    assert resolve(plain) == plain


@pytest.mark.parametrize("name", presets())
def test_presets_draw_valid_scenes_that_are_scenes_again(name: str, tmp_path: Path) -> None:
    for seed in range(25):
        scene = load_scene(name, seed)
        assert scene.seed == seed and scene == load_scene(name, seed)
    file = tmp_path / "drawn.scene.json"
    file.write_text(scene.model_dump_json(), "utf-8")
    assert load_scene(str(file)) == scene
    assert load_scene(name, 3, 7.68e6).sample_rate_hz == 7.68e6


def test_exclusive_emitters_do_not_overlap() -> None:
    for seed in range(40):
        scene = load_scene("impaired-lte-nr", seed)
        bands = sorted(
            (
                scene.emitter_hz(e) - e.waveform.span_hz / 2,
                scene.emitter_hz(e) + e.waveform.span_hz / 2,
            )
            for e in scene.emitters
            if e.exclusive
        )
        assert all(one[1] <= two[0] for one, two in zip(bands, bands[1:], strict=False))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"uniform": [3, 1]}, "x: uniform is .lowest, highest."),
        ({"uniform": 3}, "x: uniform is two numbers"),
        ({"log_uniform": [0, 1]}, "above 0"),
        ({"normal": [0, -1]}, "deviation"),
        ({"integer": [0.5, 2]}, "whole numbers"),
        ({"choice": []}, "list of values"),
        ({"choice": [1, 2], "p": [1]}, "share for each of the 2"),
        ({"uniform": [0, 1], "units": "rate"}, "'units' has no place"),
        ({"uniform": [0, 1], "unit": "hour"}, "unit is"),
        ({"uniform": [0, 1], "unit": "rate"}, "needs one"),
        ([{"copies": 1.5}], "x.0.copies: 1.5 is not a whole number"),
        ({"y": [0, {"uniform": [2, 1]}]}, "x.y.1: uniform"),
    ],
)
def test_a_wrong_distribution_says_where_and_what(value: Any, says: str) -> None:
    with pytest.raises(DistributionError, match=says):
        resolve({"x": value})


def test_a_wrong_draw_names_the_scene_and_the_field(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("slices = { integer = [-2, -1] }", "utf-8")
    with pytest.raises(UsageError, match="a.toml: slices: Input should be greater"):
        load_scene(str(file))
    file.write_text("slices = { integer = [2, 1] }", "utf-8")
    with pytest.raises(UsageError, match="a.toml: slices: integer is"):
        load_scene(str(file))


def test_a_set_of_a_drawn_scene(tmp_path: Path) -> None:
    """The same with 1 and 2 workers; its labels are what the scene may hold."""
    file = tmp_path / "air.toml"
    file.write_text(
        'sample_rate_hz = { choice = [1e6, 2e6] }\nslices = 4\n[[emitters]]\nlabel = "taxi"\n'
        "offset_hz = { uniform = [-0.3, 0.3], unit = 'rate' }\nsnr_db = 20\n"
        "[emitters.waveform]\nfamily = 'nbfm'\n[[emitters]]\ncopies = { integer = [0, 1] }\n"
        "offset_hz = 0\nsnr_db = 40\nwaveform = { choice = [{ family = 'gfsk', channels = 1 }] }\n",
        "utf-8",
    )
    for workers in (1, 2):
        simulate_slices(tmp_path / str(workers), 12, 4, workers=workers, scene=str(file))
    one, two = (SliceSet.open(tmp_path / str(workers)) for workers in (1, 2))
    np.testing.assert_array_equal(one.decibels, two.decibels)
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.records == two.records and one.info == two.info
    assert one.info.labels == ("noise", "gfsk", "taxi")
    assert {record.label for record in one.records} == {"gfsk", "taxi"}
    assert {record.sample_rate_hz for record in one.records} == {1e6, 2e6}
    document = one.info.provenance["scene"]
    assert Scene.model_validate(resolve({**document, "seed": 1})).slices == 4
