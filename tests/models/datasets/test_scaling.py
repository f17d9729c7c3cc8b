"""Statistics measured in one pass, kept, and the authors' beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from radiofm.errors import RecordingError, UsageError
from radiofm_models.datasets.channel_estimation import ChannelEstimation
from radiofm_models.datasets.ntu_fi import NtuFiHar
from radiofm_models.datasets.scaling import PRESETS, Scaling, measure, resized
from tests.models.datasets import written


def test_measured_in_one_pass_as_in_two(tmp_path: Path) -> None:
    data = ChannelEstimation(written.channel_estimation(tmp_path))
    rows = np.array([0, 3, 5, 6])
    done: list[tuple[int, int]] = []
    scaling = measure(data, rows, None, progress=lambda *told: done.append(told))
    values = np.stack([data.item(int(row))[0] for row in rows]).astype(np.float64)
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low)
    assert scaling.range == (low, high) and done[-1] == (4, 4)
    np.testing.assert_allclose(scaling.mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(scaling.std, scaled.std(axis=(0, 2, 3)), rtol=1e-12)
    out = np.stack([scaling(data.item(int(row))[0]) for row in rows])
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=(0, 2, 3)), 1, atol=1e-5)


def test_kept_and_taken_again(tmp_path: Path) -> None:
    data = NtuFiHar(written.ntu_fi(tmp_path / "set"))
    rows = np.arange(4)
    first = measure(data, rows, (32, 32), tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    data.item = None  # type: ignore[method-assign, assignment] # it must not be read again
    assert measure(data, rows, (32, 32), tmp_path / "kept") == first
    kept.write_text("{}")
    with pytest.raises(RecordingError, match="it is no scaling: remove it"):
        measure(data, rows, (32, 32), tmp_path / "kept")
    again = NtuFiHar(tmp_path / "set")
    assert measure(again, rows[:3], (32, 32), tmp_path / "kept") != first  # of other items


def test_resizing_is_torchs_antialiased_bicubic() -> None:
    values = np.random.default_rng(0).uniform(0, 50, (3, 114, 500)).astype(np.float32)
    torchs = F.interpolate(
        torch.from_numpy(values)[None], (224, 224), mode="bicubic", antialias=True
    )[0].numpy()
    np.testing.assert_allclose(resized(values, (224, 224)), torchs, atol=1e-3)
    assert resized(values, None) is values


def test_the_authors_constants() -> None:
    """Worked by hand: (x - 2.44) / 52.28, less .7396, by .0960; and the pilots' (-1, 1) scale."""
    har = PRESETS["ntu-fi-har"](np.full((3, 114, 500), 40, np.float32))
    assert har.shape == (3, 224, 224)
    np.testing.assert_allclose(har[0], ((40 - 2.44) / 52.28 - 0.7396) / 0.0960, rtol=1e-4)
    pilots = PRESETS["channel-estimation"](np.full((2, 17, 96), 3, np.float32))
    theirs = (2 * (3 + 12.33) / 25.42 - 1 - np.array([-0.0297, -0.0304])) / 0.0953
    np.testing.assert_allclose(pilots[:, 0, 0], theirs, rtol=1e-4)
    assert all(len(preset.mean) == len(preset.std) for preset in PRESETS.values())
    iq = PRESETS["radioml-2016.10a"](np.full((2, 128), 0.0058, np.float32))
    np.testing.assert_allclose(iq[:, 0], [1, 0.0058 / 0.0062], rtol=1e-6)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="items of 4 channels are not those of its authors"):
        PRESETS["ntu-fi-har"](np.zeros((4, 10, 10), np.float32))
    image = Scaling(range=(0, 1), mean=(0, 0), std=(1, 1), source="here")
    with pytest.raises(UsageError, match=r"shape \(2, 10\) are no images: take size None"):
        image(np.zeros((2, 10), np.float32))


def test_a_constant_set_has_no_statistics(tmp_path: Path) -> None:
    data = NtuFiHar(written.ntu_fi(tmp_path))
    data.item = lambda index: (np.ones((3, 4, 4), np.float32), 0)  # type: ignore[method-assign]
    with pytest.raises(RecordingError, match="a channel of one value cannot be standardised"):
        measure(data, np.arange(2), None)
