"""The channel-estimation set: Sionna's channels, and Sionna as the oracle of our LMMSE."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if not find_spec("sionna"):
    pytest.skip("no sionna-no-rt: pip install 'radiofm[sim]'", allow_module_level=True)

from radiofm.array_set import ArraySet
from radiofm.array_set_writer import write_array_set
from radiofm_models.ofdm import Lmmse, baselines, ls_at_pilots, nearest, nmse_db
from radiofm_models.sets.channel_estimation import PRESETS, one_thread

RECIPE = PRESETS["authors"]
PILOTS = list(RECIPE.pilot_symbols)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ArraySet:
    folder = tmp_path_factory.mktemp("uplink")
    known = RECIPE.covariances(3, drops=128)
    write_array_set(folder, RECIPE, 66, 3, "", constants=known)
    return ArraySet.open(folder)


def test_the_grids(written: ArraySet, tmp_path: Path) -> None:
    x, y, h, snr = (written.read(name) for name in ("x_rg", "y_rg", "h_freq", "snr_db"))
    assert x.shape == (66, 14, 48) and y.shape == h.shape == (66, 16, 14, 48)
    np.testing.assert_allclose(np.abs(x), 1, rtol=1e-6)
    assert (x[:, PILOTS] == RECIPE.pilots()).all() and not (x[0, 3] == x[1, 3]).all()
    np.testing.assert_allclose(np.mean(np.abs(h) ** 2, axis=(1, 2, 3)), 1, rtol=1e-4)
    assert snr.min() >= -10 and snr.max() <= 20 and np.ptp(snr) > 20
    noise = np.mean(np.abs(y - h * x[:, None]) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(10 * np.log10(noise), -snr, atol=0.3)
    write_array_set(tmp_path, RECIPE, 66, 3, "", constants=RECIPE.covariances(3, drops=128))
    assert ArraySet.open(tmp_path).info.sha256 == written.info.sha256


@pytest.mark.parametrize("snr_db", range(-10, 21, 5))
def test_least_squares_errs_by_the_noise(snr_db: int) -> None:
    made = replace(RECIPE, snr_db=(snr_db, snr_db)).make(range(16), np.random.default_rng(0))
    at_pilots = ls_at_pilots(made["y_rg"], RECIPE.pilots(), PILOTS)
    estimate = nearest(at_pilots, PILOTS, RECIPE.symbols)
    assert nmse_db(estimate, made["h_freq"]) == pytest.approx(-snr_db, abs=0.3)


@pytest.mark.parametrize("snr_db", [-10, 5, 20])
def test_lmmse_is_sionnas(written: ArraySet, snr_db: int) -> None:
    import torch
    from sionna.phy.ofdm import LMMSEChannelEstimator, PilotPattern, ResourceGrid

    count, rng = 20, np.random.default_rng(snr_db + 10)
    h = written.read("h_freq", slice(count))[:, :1]  # each antenna is estimated by itself
    noise = 10 ** (-snr_db / 10)
    sigma = np.sqrt(noise / 2)
    y = h * written.read("x_rg", slice(count))[:, None]
    y += (sigma * (rng.normal(size=(*h.shape, 2)) @ [1, 1j])).astype(np.complex64)
    time, frequency = (
        np.array(written.constant(f"covariance_{of}")) for of in ("time", "frequency")
    )
    ours = Lmmse(time, frequency, PILOTS)(ls_at_pilots(y, RECIPE.pilots(), PILOTS), noise)
    mask = np.zeros((1, 1, RECIPE.symbols, RECIPE.subcarriers), bool)
    mask[..., PILOTS, :] = True
    grid = ResourceGrid(
        RECIPE.symbols, RECIPE.subcarriers, RECIPE.spacing_hz, cyclic_prefix_length=6,
        pilot_pattern=PilotPattern(mask, RECIPE.pilots().reshape(1, 1, -1)),
    )  # fmt: skip
    with one_thread():
        oracle = LMMSEChannelEstimator(
            grid, torch.from_numpy(time), torch.from_numpy(frequency), order="t-f"
        )
        found, _ = oracle(torch.from_numpy(y[:, None]), torch.tensor(noise))
    theirs = found.numpy()[:, 0, :, 0, 0]
    assert nmse_db(ours, h) == pytest.approx(nmse_db(theirs, h), abs=0.2)
    assert nmse_db(ours, theirs) < -60


def test_the_table_of_errors(written: ArraySet) -> None:
    table = baselines(written)
    assert set(table) == set(range(-10, 21, 5))
    for snr_db, errors in table.items():
        assert errors["ls_nearest"] == pytest.approx(-snr_db, abs=3)
        assert errors["lmmse"] < errors["ls_linear"] < errors["ls_nearest"]
