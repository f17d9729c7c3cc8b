"""The papers' RRD files are read, and no pickle of theirs is run."""

import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import RecordingError
from radiofm.pickled import array_in, read_pickle, skip_pickle
from radiofm.recording import Recording

ROWS = np.arange(8.0).reshape(2, 4)
GOOD = {"center_freq": 2.44e9, "effective_sample_rate": 20e6}


def rrd(path: Path, metadata: Any, rows: Any = ROWS, second: Any = (1, 2, 3)) -> Path:
    with path.open("wb") as file:
        np.save(file, rows)
        np.save(file, second)
        np.save(file, metadata)
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        GOOD,
        {"center_freq": 2_440_000_000, "effective_sample_rate": 20_000_000},
        {"center_freq": np.float64(2.44e9), "effective_sample_rate": np.float32(20e6)},
        {"center_freq": np.int64(2_440_000_000), "effective_sample_rate": np.uint32(20e6)},
        GOOD | {"gain": None, "name": "indoor", "agc": True, "times": np.arange(3.0), "at": [1]},
    ],
)
def test_rate_and_centre_come_from_the_metadata(tmp_path: Path, metadata: Any) -> None:
    recording = Recording.open(rrd(tmp_path / "a.npy", np.array([metadata])))
    assert recording.sample_rate_hz == 20e6
    assert recording.segments[0].center_frequency_hz == 2.44e9
    assert recording.read(1, 2).tolist() == [[1.0, 5.0], [2.0, 6.0]]
    assert recording.read(0, 4).flags.c_contiguous


@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f4", "<i2", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_any_kind(tmp_path: Path, dtype: str, order: Any) -> None:
    rows = np.arange(8).reshape(2, 4).astype(dtype, order=order)
    recording = Recording.open(rrd(tmp_path / "a.npy", np.array([GOOD, {}]), rows))
    assert np.array_equal(recording.read(0, 4), rows.T)


def test_the_second_array_may_be_of_objects(tmp_path: Path) -> None:
    second = np.array([{"when": Path("."), "what": {1, 2}}, None])
    assert Recording.open(rrd(tmp_path / "a.npy", np.array([GOOD]), second=second)).count == 4


class Evil:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["value", "extra", "second"])
def test_no_pickle_is_run(tmp_path: Path, where: str) -> None:
    evil = Evil(tmp_path / "made")
    metadata = GOOD | {"value": {"center_freq": evil}, "extra": {"note": evil}}.get(where, {})
    second = np.array([evil, None]) if where == "second" else [0]
    path = rrd(tmp_path / "a.npy", np.array([metadata]), second=second)
    if where == "second":  # passed over
        assert Recording.open(path).count == 4
    else:
        with pytest.raises(RecordingError, match=r"it names 'posix\.mkdir': give --rate and --fc"):
            Recording.open(path)
        given = Recording.open(path, sample_rate_hz=1e6, center_frequency_hz=1e9)
        assert (given.sample_rate_hz, given.segments[0].center_frequency_hz) == (1e6, 1e9)
    assert not (tmp_path / "made").exists()
    with path.open("rb") as file:  # and would be, by who loads it
        np.load(file)
        if where != "second":
            np.load(file)
        np.load(file, allow_pickle=True)
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ([{"center_freq": 1e9}], "effective_sample_rate is no number above 0"),
        ([GOOD | {"center_freq": "1e9"}], "center_freq is no number"),
        ([GOOD | {"center_freq": True}], "center_freq is no number"),
        ([GOOD | {"center_freq": float("nan")}], "center_freq is no number"),
        ([GOOD | {"effective_sample_rate": 10**400}], "effective_sample_rate is no number"),
        ([GOOD | {"effective_sample_rate": -1}], "effective_sample_rate is no number"),
        ([None], "does not begin with a dict"),
        ([GOOD | {"z": 1j}], "it names 'builtins.complex'"),
        ([GOOD | {1: 2}], "a key that is no text"),
        ([1, 2, 3], "the third array is int64"),
    ],
)
def test_odd_metadata_is_one_sentence(tmp_path: Path, metadata: Any, sentence: str) -> None:
    path = rrd(tmp_path / "a.npy", np.array(metadata))
    with pytest.raises(RecordingError) as caught:
        Recording.open(path)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (np.zeros((3, 4)), "the first array is float64 (3, 4)"),
        (np.zeros(8, complex), "the first array is complex128 (8,)"),
        (np.array([[{}], [{}]]), "the first array is object"),
        (np.zeros((2, 4), np.int64), "of type int64 are not read"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, rows: Any, sentence: str) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.open(rrd(tmp_path / "a.npy", np.array([GOOD]), rows))
    assert sentence in str(caught.value)


def test_a_cut_file_is_one_sentence_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = rrd(tmp_path / "a.npy", np.array([GOOD])).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "a.npy").write_bytes(whole[:length])
        with pytest.raises(RecordingError, match="is not read as an RRD recording"):
            Recording.open(tmp_path / "a.npy")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**1000), 2**1000) | st.floats(allow_nan=False)
    | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)
    | st.tuples(inner, inner, inner, inner),
    max_leaves=20,
)  # fmt: skip


def test_endless_nesting_does_no_harm() -> None:
    deep = b")" + b"\x85" * 200_000  # a tuple in a tuple in a tuple
    wide = b")\x94" + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(100))  # doubled each time
    for data in (b"}" + deep + b"Ns.", deep + b"\x8c\x01x\x93.", wide + b"\x93."):
        with pytest.raises(ValueError, match="that is no text"):
            read_pickle(data)


@given(PLAIN, st.sampled_from([3, 4]), st.binary())
def test_plain_values_are_read_as_pickle_reads_them(value: Any, protocol: int, rest: bytes) -> None:
    data = pickle.dumps(value, protocol)
    assert read_pickle(data + rest) == value
    assert skip_pickle(data + rest) == len(data)


TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**1000), 2**1000) | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)
    | st.dictionaries(st.tuples(st.text(), st.integers()), inner),
    max_leaves=20,
)  # fmt: skip


@given(TEXTS, st.sampled_from([0, 1, 2]))
def test_values_of_old_protocols_too(value: Any, protocol: int) -> None:
    assert read_pickle(pickle.dumps(value, protocol)) == value


def test_arrays_are_arrays_again() -> None:
    for array in (np.arange(6, dtype=">f4").reshape(2, 3), np.ones((2, 2), order="F"), np.zeros(0)):
        found = array_in(read_pickle(pickle.dumps(array, 3)))
        assert found is not None and found.dtype == array.dtype and np.array_equal(found, array)
    assert array_in(read_pickle(pickle.dumps(np.array([{}]), 3))) is None
    assert array_in([1.0]) is None


CODES = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])


@given(st.lists(CODES | st.binary(max_size=8), max_size=40).map(b"".join))
def test_a_broken_pickle_is_a_value_error_and_nothing_else(data: bytes) -> None:
    for pickled in (data, data + b"."):
        try:
            read_pickle(pickled)
        except ValueError as error:
            assert str(error)
