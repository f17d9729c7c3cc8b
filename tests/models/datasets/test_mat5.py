"""MATLAB files of version 5: read as scipy reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from radiofm.errors import RecordingError
from radiofm_models.datasets.mat5 import read_mat

KINDS = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "c16"]
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=2, max_dims=4, max_side=5))
)


@settings(max_examples=60, deadline=None)
@given(array=ARRAYS, compressed=st.booleans())
@example(array=np.array([[complex(0, np.inf)]]), compressed=False)
def test_as_scipy_reads_them(
    tmp_path_factory: pytest.TempPathFactory, array: Any, compressed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.mat"
    before = {"params": {"SNR": 40.0, "name": "text"}, "other": np.zeros((3, 3))}
    scipy.io.savemat(path, before | {"wanted": array}, do_compression=compressed)
    found, expected = read_mat(path, "wanted"), scipy.io.loadmat(path)["wanted"]
    assert found.dtype == expected.dtype.newbyteorder("=")
    assert np.array_equal(found, expected, equal_nan=array.dtype.kind in "fc")


def test_numbers_stored_in_a_smaller_type_and_big_endian(tmp_path: Path) -> None:
    """MATLAB stores whole doubles as bytes; a file of a big-endian machine begins with MI."""
    for order in ("<", ">"):
        kind = np.dtype(order + "u4")

        def words(*values: int, kind: np.dtype[Any] = kind) -> bytes:
            return np.array(values, kind).tobytes()

        inner = words(6, 8, 6, 0) + words(5, 8, 2, 3) + words(1, 1) + b"a".ljust(8, b"\0")
        inner += words(2, 6) + bytes([1, 2, 3, 4, 5, 250]).ljust(8, b"\0")
        mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
        path = tmp_path / "a.mat"
        path.write_bytes(b"MATLAB 5.0".ljust(124) + mark + words(14, len(inner)) + inner)
        expected = [[1, 3, 5], [2, 4, 250]]
        assert read_mat(path, "a").tolist() == expected
        assert scipy.io.loadmat(path)["a"].tolist() == expected
        assert read_mat(path, "a").dtype == np.float64


def test_a_cut_file_is_one_sentence_wherever_it_is_cut(tmp_path: Path) -> None:
    for compressed in (False, True):
        path = tmp_path / "a.mat"
        scipy.io.savemat(path, {"a": np.arange(12.0).reshape(3, 4)}, do_compression=compressed)
        whole = path.read_bytes()
        for length in range(0, len(whole) - 8):
            path.write_bytes(whole[:length])
            with pytest.raises(RecordingError, match="a.mat: ") as caught:
                read_mat(path, "a")
            assert "\n" not in str(caught.value)
