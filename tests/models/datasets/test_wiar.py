"""Real CSI: logs read as their tool means them, and what a leaking split would tell."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import RecordingError
from radiofm_models.datasets.intel5300 import (
    SUBCARRIERS_20,
    SUBCARRIERS_40,
    CsiLog,
    read_intel5300,
    resample,
    sanitise,
)
from radiofm_models.datasets.opening import open_dataset
from radiofm_models.datasets.wiar import Wiar
from radiofm_models.splits import make_split

needs_csiread = pytest.mark.skipif(
    not find_spec("csiread"), reason="no csiread: pip install 'radiofm[train]'"
)
HT40_RATE, HT20_RATE = 0x1906, 0x1106
RSSI, AGC = (33, 38, 31), 44


def packet(ticks: int, csi: npt.NDArray[np.int8], rate: int) -> bytes:
    """One record of a log as log_to_file writes it: `csi` [subcarrier, antenna, 2], one stream."""
    bits = []
    for subcarrier in csi:
        bits += [0, 0, 0]
        for part in subcarrier.ravel().tolist():
            bits += [(part >> i) & 1 for i in range(8)]
    payload = np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
    head = ticks.to_bytes(4, "little") + (1).to_bytes(2, "little") + b"\0\0"
    head += bytes([3, 1, *RSSI, 256 - 92, AGC, 0b100100])
    head += len(payload).to_bytes(2, "little") + rate.to_bytes(2, "little")
    return (len(head) + len(payload) + 1).to_bytes(2, "big") + b"\xbb" + head + payload


def log_file(path: Path, rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """A log of 40 packets at 40 MHz and one at 20, the clock wrapping; its CSI."""
    csi = rng.integers(-60, 60, (41, 30, 3, 2)).astype(np.int8)
    ticks = [(2**32 - 200_000 + 30_000 * i) % 2**32 for i in range(41)]
    path.parent.mkdir(exist_ok=True)
    rates = [HT20_RATE if i == 7 else HT40_RATE for i in range(41)]
    path.write_bytes(b"".join(map(packet, ticks, csi, rates)))
    return np.delete(csi, 7, axis=0)


@needs_csiread
def test_a_log_is_scaled_as_its_tool_scales_it(tmp_path: Path) -> None:
    counts = log_file(tmp_path / "a" / "csi_a1_1.dat", np.random.default_rng(0))
    log = read_intel5300(tmp_path / "a" / "csi_a1_1.dat")
    np.testing.assert_allclose(log.time_s, np.delete(np.arange(41), 7) * 0.03, atol=1e-9)
    np.testing.assert_array_equal(log.subcarriers, SUBCARRIERS_40)
    power = np.sum(counts.astype(float) ** 2, axis=-1).transpose(0, 2, 1)  # antennas in order
    received = sum(10 ** (r / 10) for r in RSSI) * 10 ** (-(44 + AGC) / 10)
    scale = received / (power.sum(axis=(1, 2)) / 30)
    noise = 10 ** (-92 / 10) + scale * 3
    wanted = power * (scale / noise)[:, None, None]
    np.testing.assert_allclose(np.abs(log.csi) ** 2, wanted, rtol=1e-6)


@needs_csiread
def test_what_is_no_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "csi_a1_1.dat"
    good = packet(1, np.ones((30, 3, 2), np.int8), HT40_RATE)
    for content in (b"", b"\0" * 100, good[:60], good[:21] + b"\x07" + good[22:], good * 2):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=r"csi_a1_1\.dat"):
            read_intel5300(path)
    with pytest.raises(RecordingError, match="no logs"):
        Wiar(tmp_path)


@needs_csiread
def test_copies_in_several_folders_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for folder, take in (("a", 1), ("b", 1), ("b", 2)):
        log_file(tmp_path / folder / f"csi_a3_{take}.dat", rng)
    (tmp_path / "a" / "csi_a4_1.dat").write_bytes((tmp_path / "b" / "csi_a3_2.dat").read_bytes())
    made = Wiar(tmp_path, seconds=1.0, rate_hz=20.0, phase=True)
    assert made.left_out == ("a/csi_a4_1.dat", "b/csi_a3_2.dat")
    assert made.groups is not None and made.groups.tolist() == ["a", "b"]
    assert made.labels == ("two hands wave",)
    item, label = made.item(1)
    assert item.shape == (6, 30, 20) and item.dtype == np.float32 and label == 0
    assert np.abs(item[3:]).max() <= np.pi
    np.testing.assert_array_equal(Wiar(tmp_path, 1.0, 20.0).item(1)[0], item[:3])


@given(
    seed=st.integers(0, 99), slope=st.floats(-0.05, 0.05), offset=st.floats(-9, 9),
    wide=st.booleans(),
)  # fmt: skip
def test_what_the_clocks_add_to_the_phase_is_taken_off(
    seed: int, slope: float, offset: float, wide: bool
) -> None:
    rng, k = np.random.default_rng(seed), SUBCARRIERS_40 if wide else SUBCARRIERS_20
    smooth = np.exp(0.3j * np.cumsum(rng.normal(size=(4, 3, 30)), axis=-1))
    added = smooth * np.exp(1j * (offset + slope * k))
    np.testing.assert_allclose(sanitise(added, k), sanitise(smooth, k), atol=1e-6)
    between = sanitise(smooth, k)[:, 1] * sanitise(smooth, k)[:, 0].conj()
    np.testing.assert_allclose(between, smooth[:, 1] * smooth[:, 0].conj(), atol=1e-9)


def test_subcarriers_are_the_standards() -> None:
    for subcarriers, outer in ((SUBCARRIERS_40, 58), (SUBCARRIERS_20, 28)):
        assert subcarriers.size == 30 and (np.diff(subcarriers) > 0).all()
        assert (subcarriers[0], subcarriers[-1]) == (-outer, outer) and 0 not in subcarriers
    np.testing.assert_array_equal(SUBCARRIERS_40, -SUBCARRIERS_40[::-1])


def test_an_even_grid_from_the_middle() -> None:
    time_s = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 300))
    time_s -= time_s[0]
    csi = (time_s[:, None, None] * np.array([1.0, 2.0])).astype(np.complex128)
    even = resample(CsiLog(time_s, csi, np.array([-1, 1])), 5.0, 30.0)
    middle = time_s[-1] / 2
    wanted = middle - 2.5 + (np.arange(150) + 0.5) / 30
    np.testing.assert_allclose(even[0].real, [wanted, 2 * wanted], rtol=1e-9)
    held = resample(CsiLog(time_s[:10], csi[:10], np.array([-1, 1])), 5.0, 30.0)
    assert (held[0, 0, :5] == csi[0, 0, 0]).all() and (held[0, 0, -5:] == csi[9, 0, 0]).all()


def nearest_neighbour(x: npt.NDArray[Any], y: npt.NDArray[Any], train: Any, test: Any) -> float:
    z = (x - x[train].mean(0)) / x[train].std(0)
    a, b = z[train], z[test]
    distance = np.sum(a**2, axis=1)[:, None] - 2 * a @ b.T
    return float(np.mean(y[train][distance.argmin(0)] == y[test]))


def accuracies(made: Wiar, x: npt.NDArray[Any]) -> tuple[float, float]:
    """By random fifths of the recordings; by folders left out."""
    assert made.classes is not None and made.groups is not None
    fold = np.random.default_rng(0).permutation(len(x)) % 5
    tests = [fold == f for f in range(5)], [made.groups == g for g in np.unique(made.groups)]
    random, folders = (
        float(np.mean([nearest_neighbour(x, made.classes, ~test, test) for test in some]))
        for some in tests
    )
    return random, folders


@needs_csiread
def test_a_random_split_leaks_the_session(shared_csi: Path) -> None:
    """Chance is 1 in 15. What stands still tells the most: it is the sitting that is known."""
    made = open_dataset("wiar", shared_csi / "wiar")
    assert isinstance(made, Wiar) and made.groups is not None and made.classes is not None
    assert len(made) == 450 and set(made.groups) == {"1m", "3m", "6m"}
    assert np.bincount(made.classes).tolist() == [30] * 15 and "walk" not in made.labels
    assert len(made.left_out) == 30 and all("/csi_a12_" in name for name in made.left_out)
    rows = make_split(made).rows(made)
    assert len({made.groups[part[0]] for part in (rows.train, rows.validation, rows.test)}) == 3
    csi = np.stack([made.item(i)[0] for i in range(len(made))])
    random, folders = accuracies(made, csi.mean(3).reshape(450, -1))
    assert random > 0.9 and folders < 0.6
    random, folders = accuracies(made, csi.std(3).reshape(450, -1))
    assert random > 0.6 and folders < random / 2
