"""Adapter files: what is written is read, and nothing else gets in."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofm.adapter import (
    MAX_RANK,
    ActiveAdapter,
    Matrices,
    check_adapter,
    read_adapter,
    write_adapter,
)
from radiofm.errors import BundleError

WIDTH, RANK = 8, 3


def matrices(rank: int = RANK) -> Matrices:
    rng = np.random.default_rng(0)
    shapes = {"a": (WIDTH, rank), "b": (rank, WIDTH)}
    return {
        f"blocks.{block}.{part}_{side}": rng.normal(size=shape).astype(np.float32)
        for block in range(2)
        for part in ("query", "value")
        for side, shape in shapes.items()
    }


INPUTS = dict.fromkeys(matrices(), WIDTH)
FILE = write_adapter(matrices())


def test_what_is_written_is_read() -> None:
    read = read_adapter(FILE, "a.onnx_adapter")
    check_adapter(read, INPUTS, "a.onnx_adapter")
    assert read.keys() == INPUTS.keys()
    for name, values in matrices().items():
        np.testing.assert_array_equal(read[name], values)
        assert read[name].dtype == np.float32
    assert ActiveAdapter(read).options() is not None


def test_it_is_the_format_of_onnx_runtime(tmp_path: Any) -> None:
    (tmp_path / "a").write_bytes(FILE)
    theirs = ort.AdapterFormat.read_adapter(str(tmp_path / "a")).get_parameters()
    ours = read_adapter(FILE, "a")
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(value.numpy(), ours[name])


def test_files_that_are_none() -> None:
    dims = FILE.index(struct.pack("<qq", WIDTH, RANK))
    for data, reason in (
        (b"", "does not begin as one"),
        (b"\x00" * 400, "does not begin as one"),
        (FILE[:200], "is no adapter"),
        (FILE[:dims] + struct.pack("<qq", WIDTH, RANK << 20) + FILE[dims + 16 :], "of its shape"),
        (FILE[:dims] + struct.pack("<qq", -WIDTH, -RANK) + FILE[dims + 16 :], "of its shape"),
    ):
        with pytest.raises(BundleError, match=f"^x is no adapter: .*{reason}|{reason}: "):
            read_adapter(data, "x")


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers(0))
@settings(max_examples=300, deadline=None)
@example([(0, 0xFF), (1, 0xFF), (2, 0xFF), (3, 0x7F)], 0)  # the root lies outside
@example([(8, 0)], 39)
def test_any_bytes_are_read_or_refused(edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(FILE)
    for at, value in edits:
        data[at % len(data)] = value
    try:
        read = read_adapter(bytes(data[: len(data) - cut % 40]), "x")
    except BundleError as error:
        assert str(error).startswith("x is no adapter: ")
    else:
        assert sum(values.nbytes for values in read.values()) <= len(data)


def test_adapters_that_do_not_fit() -> None:
    def changed(**values: Any) -> Matrices:
        return matrices() | {f"blocks.1.{name}": value for name, value in values.items()}

    missing = matrices()
    del missing["blocks.0.value_b"]
    nan = np.full((WIDTH, RANK), np.nan, np.float32)
    for given_, reason in (
        (missing, "'blocks.0.value_b' is missing"),
        (changed(key_a=nan), "'blocks.1.key_a' is not one that the encoder takes"),
        (changed(query_a=nan), "blocks.1.query_a is not finite"),
        (changed(query_a=nan[:4]), "blocks.1.query_a is 4 x 3, which does not fit a width of 8"),
        (changed(query_a=nan[:, :2]), "blocks.1.query_a is 8 x 2, which does not fit"),
        (matrices(0), "blocks.0.query_a is 8 x 0, which does not fit"),
        (matrices(MAX_RANK + 1), "blocks.0.query_a is 8 x 1025, which does not fit"),
    ):
        with pytest.raises(BundleError, match=f"x is refused: {reason}"):
            check_adapter(given_, INPUTS, "x")
