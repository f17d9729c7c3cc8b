"""Simulated array sets: reproducible, as physics has it, and as hard as they claim to be."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.constants import c as LIGHT
from typer.testing import CliRunner

from radiofm.array_set import ArraySet
from radiofm.array_set_writer import write_array_set
from radiofm.cli.simulate import app
from radiofm_capture.sets import aoa, beams, csi, positioning
from radiofm_capture.sets.activities import ACTIVITIES, Person, positions
from radiofm_capture.sets.phased_array import FrontEnd

Array = npt.NDArray[Any]
RECIPES = {
    f"{module.__name__.rpartition('.')[2]}-{name}": recipe
    for module in (aoa, beams, csi, positioning)
    for name, recipe in module.PRESETS.items()
}


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    recipe = aoa.PRESETS["fine"]
    one = write_array_set(tmp_path / "one", recipe, 520, 7, "x")
    two = write_array_set(tmp_path / "two", recipe, 520, 7, "x", workers=2)
    other = write_array_set(tmp_path / "other", recipe, 520, 8, "x")
    assert one == two and one.sha256 != other.sha256
    for file in ("set.json", "card.md", *one.sha256):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_makes_what_it_says(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    write_array_set(tmp_path, recipe, 6, 1, "x")
    made = ArraySet.open(tmp_path)
    assert made.info.name == name.split("-")[0]
    assert made.info.parameters.keys() == {field.name for field in fields(recipe)}
    for array in made.info.arrays:
        assert np.isfinite(made.read(array)).all()
    assert made.info.group is None or made.info.group in made.info.arrays


def test_command_line(tmp_path: Path) -> None:
    arguments = ["aoa", "--out", str(tmp_path / "s"), "--count", "5", "--preset", "three"]
    done = CliRunner().invoke(app, [*arguments, "--workers", "1", "--seed", "4", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["samples"] == 5 and report["bytes"] > 5 * 4 * 1024 * 8
    made = ArraySet.open(tmp_path / "s")
    np.testing.assert_array_equal(made.read("angle"), [-45, 0, 45, -45, 0])
    command = made.info.provenance["command"]
    assert command == "radiofm simulate aoa --preset three --count 5 --seed 4"


# --- positioning ---


def test_a_channel_is_the_sum_of_its_mirrors() -> None:
    recipe = positioning.PRESETS["indoor"]
    at = np.array([11.0, 7.0, 1.5])
    images, kept = replace(recipe, order=1).images(at)
    mirrors = {tuple(np.round(i, 9)): k for i, k in zip(images.tolist(), kept, strict=True)}
    assert mirrors == {
        (11, 7, 1.5): 1, (-11, 7, 1.5): 0.5, (109, 7, 1.5): 0.5, (11, -7, 1.5): 0.5,
        (11, 33, 1.5): 0.5, (11, 7, -1.5): 0.7, (11, 7, 6.5): 0.7,
    }  # fmt: skip
    free = replace(recipe, order=0).response(at)
    distance = np.linalg.norm(np.array(recipe.stations_m) - at, axis=1)
    np.testing.assert_allclose(np.abs(free), np.tile(10 / distance[:, None], 192))
    slope = np.unwrap(np.angle(free), axis=1)
    delay = -(slope[:, -1] - slope[:, 0]) / (2 * np.pi * 191 * recipe.spacing_hz)
    np.testing.assert_allclose(delay * LIGHT, distance, rtol=1e-6)


def position_error(preset: str, snr_db: float) -> tuple[float, float]:
    """Mean error in metres of kernel ridge regression, and of always answering the mean."""
    recipe = replace(positioning.PRESETS[preset], snr_db=(snr_db,))
    made = recipe.make(range(1000), np.random.default_rng(1))
    power = np.mean(made["features"].astype(float) ** 2, axis=3)
    level = power.mean(2)
    echoes = np.abs(np.fft.ifft(power * np.hanning(power.shape[2]), axis=2))[:, :, 1:97]
    echoes_db = 10 * np.log10(echoes / level[:, :, None] + 1e-4)
    x = np.concatenate([6 * 10 * np.log10(level), echoes_db.reshape(len(echoes_db), -1)], axis=1)
    y, train, test = made["position"], slice(800), slice(800, None)
    x -= x[train].mean(0)
    x /= np.sqrt(np.mean(np.sum(x[train] ** 2, axis=1)))
    squares = np.sum(x**2, axis=1)
    kernel = np.exp(2 * x @ x[train].T - squares[:, None] - squares[train])
    mean = y[train].mean(0)
    weights = np.linalg.solve(kernel[train] + 0.01 * np.eye(800), y[train] - mean)
    found = kernel[test] @ weights + mean
    errors = (np.linalg.norm(guess - y[test], axis=1).mean() for guess in (found, mean))
    return next(errors), next(errors)


@pytest.mark.parametrize("preset", positioning.PRESETS)
def test_position_can_be_learned_and_noise_makes_it_harder(preset: str) -> None:
    noisy, mean = position_error(preset, 10.0)
    clean, _ = position_error(preset, 50.0)
    assert noisy < mean / 3
    assert clean < 0.7 * noisy


# --- csi ---


def test_csi_of_a_moving_point_turns_with_its_path() -> None:
    recipe = csi.Csi(packets=200)
    t = np.arange(200) / recipe.packet_hz
    points = np.zeros((200, 7, 3))
    points[:] = [2.0, 1.0, 1.0]
    points[:, :, 1] += 1.5 * t[:, None]  # away from the middle of the link
    h = recipe._bounces(points, 4.0)
    path = 2 * np.hypot(2.0, 1.0 + 1.5 * t) - 4.0
    frequency = recipe.carrier_hz + csi.SUBCARRIERS * csi.SPACING_HZ
    wanted = np.exp(-2j * np.pi * frequency[:, None] * path / LIGHT)
    np.testing.assert_allclose(h[0] / np.abs(h[0]), wanted, atol=1e-6)
    assert np.abs(h[0, 0, 0]) == pytest.approx(0.73 * 4 / 5, rel=1e-9)


def test_activities_move_as_their_names_say() -> None:
    t, person = np.arange(2000) / 500, Person(1.0, 1.0, (2.0, 1.0), 0.4)
    of = {a: positions(a, person, t, np.random.default_rng(2)) for a in ACTIVITIES}
    speed = {a: np.linalg.norm(np.diff(p[:, 2, :2], axis=0), axis=1) * 500 for a, p in of.items()}
    assert np.median(speed["run"]) > 1.5 * np.median(speed["walk"]) > 1
    assert np.median(speed["box"]) < 0.01
    assert of["fall"][0, 0, 2] > 1.5 and of["fall"][-1, 0, 2] < 0.2
    assert np.ptp(of["circle"][:, 3, 2]) == pytest.approx(1.2, abs=0.01)


def test_sessions_are_whole_and_unlike() -> None:
    made = csi.PRESETS["ntu-fi"].make(range(12, 24), np.random.default_rng(0))
    assert set(made["session"]) == {1}
    np.testing.assert_array_equal(made["label"], np.arange(12) % 6)
    motion = made["CSIamp"].std(axis=2).mean(axis=1)
    assert made["CSIamp"].shape == (12, 342, 2000) and motion.min() > 0.3


# --- beams ---


def beam_accuracy(recipe: beams.Beams) -> tuple[float, float]:
    """Of a linear discriminant on spectra: on the device that it was trained on, on others."""
    made = recipe.make(range(24 * 3 * 3 * 10), np.random.default_rng(1))
    x = made["iq"][..., 0] + 1j * made["iq"][..., 1]
    x /= np.sqrt(np.mean(np.abs(x) ** 2, axis=1, keepdims=True))
    bins = np.fft.fft(x.reshape(len(x), -1, 64) * np.hanning(64), axis=2)
    features = np.log(np.mean(np.abs(bins) ** 2, axis=1))
    beam, device = made["tx_beam"], made["tx_antenna"]
    half = np.arange(len(x)) < len(x) // 2
    same, other = [], []
    for trained in range(recipe.antennas):
        train = half & (device == trained)
        means = np.stack([features[train & (beam == b)].mean(0) for b in range(recipe.beams)])
        rest = features[train] - means[beam[train]]
        spread = rest.T @ rest / len(rest)
        weights = np.linalg.solve(spread + 0.01 * np.diag(np.diag(spread)), means.T)
        scores = features @ weights - 0.5 * np.sum(means * weights.T, axis=1)
        right = scores.argmax(1) == beam
        same.append(right[~half & (device == trained)].mean())
        other.append(right[device != trained].mean())
    return float(np.mean(same)), float(np.mean(other))


def test_a_beam_is_known_on_its_own_device_and_lost_on_another() -> None:
    same, other = beam_accuracy(beams.PRESETS["line"])
    assert same > 0.6 and other < 0.35
    same, other = beam_accuracy(replace(beams.PRESETS["line"], spread=0.0))
    assert same > 0.4 and other > same - 0.1  # devices alike: nothing is lost


def test_a_beam_points_where_it_should() -> None:
    recipe = replace(beams.PRESETS["line"], spread=0.0, phase_bits=5)
    geometry = recipe.geometry()
    device = FrontEnd.draw(geometry, np.random.default_rng(0), 0.0, recipe.rate_hz)
    azimuths = geometry.beam_azimuths()
    at_carrier = np.stack(
        [device.response(a, np.zeros(1), recipe.carrier_hz)[:, 0] for a in azimuths]
    )
    power = np.abs(at_carrier) ** 2
    np.testing.assert_array_equal(power.argmax(1), np.arange(24))
    np.testing.assert_allclose(np.diag(power), 12, rtol=0.05)


# --- angle of arrival ---


def test_a_beam_scan_finds_the_angle() -> None:
    recipe = aoa.PRESETS["fine"]
    made = recipe.make(range(205), np.random.default_rng(3))
    x = made["iq"][..., 0] + 1j * made["iq"][..., 1]
    scan = np.arange(-75.0, 75.5, 0.5)
    steering = recipe.steering(scan)
    covariance = np.einsum("ncs,nds->ncd", x, x.conj())
    power = np.einsum("ac,ncd,ad->na", steering.conj(), covariance, steering).real
    error = np.abs(scan[power.argmax(1)] - made["angle"])
    assert error.mean() < 5 and set(made["angle"]) == set(np.arange(-60, 61, 3))
