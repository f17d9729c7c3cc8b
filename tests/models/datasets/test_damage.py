"""A wrong, cut or damaged file is one sentence: the file, what is wrong, what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from radiofm.errors import MissingDependencyError, RecordingError
from radiofm_models.datasets.hdf4 import read_raster
from radiofm_models.datasets.hdf5 import Hdf5
from radiofm_models.datasets.opening import open_dataset
from tests.models.datasets import written


def read_all(name: str, path: Path) -> None:
    data = open_dataset(name, path)
    for i in range(len(data)):
        data.item(i)


@pytest.mark.parametrize(("name", "write", "damaged"), written.SETS)
def test_a_cut_file(tmp_path: Path, name: str, write: written.Writer, damaged: str) -> None:
    path = write(tmp_path)
    file = path / damaged if damaged else path
    whole = file.read_bytes()
    for length in {0, 3, len(whole) // 3, len(whole) // 2, len(whole) * 2 // 3}:
        file.write_bytes(whole[:length])
        with pytest.raises(RecordingError) as caught:
            read_all(name, path)
        assert file.name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "write", "damaged"), written.SETS)
def test_damaged_bytes_are_a_sentence_or_do_no_harm(
    tmp_path: Path, name: str, write: written.Writer, damaged: str
) -> None:
    path = write(tmp_path)
    file = path / damaged if damaged else path
    whole, rng = bytearray(file.read_bytes()), np.random.default_rng(0)
    head = min(len(whole), 2000)
    for _ in range(15):
        spoilt = bytearray(whole)
        for at in rng.integers(0, head, 3):
            spoilt[at] = rng.integers(0, 256)
        file.write_bytes(spoilt)
        try:
            read_all(name, path)
        except RecordingError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("name", "write", "damaged"), written.SETS)
def test_nothing_there(tmp_path: Path, name: str, write: written.Writer, damaged: str) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(RecordingError, match=str(path)):
            open_dataset(name, path)


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("ntu-fi-har", {"CSIphase": np.zeros((342, 4))}, "it has no variable CSIamp"),
        ("ntu-fi-har", {"CSIamp": np.zeros((3, 4))}, r"CSIamp is .* \(3, 4\), not real \(342, pa"),
        ("ntu-fi-har", {"CSIamp": np.zeros((342, 4)) * 1j}, "CSIamp is complex128"),
        ("ntu-fi-har", {"CSIamp": "text"}, "CSIamp is not read .it is no array of numbers."),
        ("5g-cfr", {"cfr": np.zeros((6, 5, 4))}, r"\(6, 5, 4\), not \(subcarriers, 4, symbols\)"),
    ],
)
def test_wrong_matlab_files(
    tmp_path: Path, name: str, contents: dict[str, object], sentence: str
) -> None:
    scipy.io.savemat(tmp_path / "run1.mat", contents)
    with pytest.raises(RecordingError, match=sentence):
        read_all(name, tmp_path)


def test_matlab_of_another_version(tmp_path: Path) -> None:
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "run1.mat").write_bytes(head + bytes(512))
    with pytest.raises(
        RecordingError, match="it is of MATLAB 7.3, not version 5; MATLAB saves that with"
    ):
        read_all("ntu-fi-har", tmp_path)


def test_one_of_the_two_parts_alone(tmp_path: Path) -> None:
    (tmp_path / "train_amp").mkdir()
    with pytest.raises(RecordingError, match="it has train_amp alone: unpack the whole archive"):
        open_dataset("ntu-fi-har", tmp_path)


@pytest.mark.parametrize(
    ("key", "values", "sentence"),
    [
        (
            "X",
            np.zeros((6, 16, 3)),
            r"X is float64 \(6, 16, 3\), not numbers of shape \(any, any, 2",
        ),
        ("Y", np.ones((6, 24)), "Y is not one-hot"),
        ("Z", np.zeros(6), "Z is float64"),
        ("X", None, "it has no X"),
    ],
)
def test_wrong_hdf5_fields(tmp_path: Path, key: str, values: object, sentence: str) -> None:
    path = written.radioml_2018(tmp_path / "gold.hdf5")
    with h5py.File(path, "r+") as file:
        del file[key]
        if values is not None:
            file[key] = values
    with pytest.raises(RecordingError, match=sentence):
        open_dataset("radioml-2018.01a", path)


def test_nr_lte_labels(tmp_path: Path) -> None:
    folder = written.nr_lte_authors(tmp_path) / "Test/LTE_NR"
    labels = folder / "LTE_NR_labels_frame_0.mat"
    scipy.io.savemat(labels, {"data": written.STRIPES + 1})
    with pytest.raises(RecordingError, match="labels have the value 1, not 0, 127 or 255"):
        read_all("nr-lte", tmp_path)
    scipy.io.savemat(labels, {"data": written.STRIPES[:3]})
    with pytest.raises(RecordingError, match=r"of shape \(6, 8\), its labels of \(3, 8\)"):
        read_all("nr-lte", tmp_path)
    labels.unlink()
    with pytest.raises(RecordingError, match=r"its labels .*_labels_frame_0.mat are missing"):
        read_all("nr-lte", tmp_path)


def test_hdf4_as_its_library_writes_it(tmp_path: Path) -> None:
    """The bytes of libhdf4 4.2.14's DFR8putimage of this image, which MATLAB's imwrite calls."""
    image = np.zeros((6, 10), np.uint8)
    image[:, 2:5], image[:, 6:9], image[0, 0] = 127, 255, 9
    head = bytes.fromhex(
        "0e031301 0010 00000000 001e 0001 000000ca 0000005c 012e 0002 00000126 0000003c"
        "00ca 0002 00000126 0000003c 006a 0002 00000162 00000004 012c 0002 00000166 00000014"
        "00c8 0002 0000017a 00000004 0132 0002 0000017e 00000008"
    )
    blank = bytes.fromhex("0001 0000 ffffffff ffffffff") * 9
    version = bytes.fromhex("00000004 00000002 0000000e") + (
        b"HDF Version 4.2 Release 14, June 26, 2018".ljust(80, b"\0")
    )
    tail = bytes.fromhex(
        "01030800 0000000a 00000006 006a0002 0001 0000 0000 0002 000a0006 012c0002 012e0002 00"
    )
    path = tmp_path / "frame.hdf"
    path.write_bytes(head + blank + version + image.tobytes() + tail)
    assert np.array_equal(read_raster(path), image)
    path.write_bytes(path.read_bytes().replace(b"\x00\xca\x00\x02", b"\x00\xcb\x00\x02"))
    with pytest.raises(RecordingError, match="compressed: write it in MATLAB with imwrite"):
        read_raster(path)


def test_pictures_of_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wifi").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "wifi/a.png", format="BMP")
    with pytest.raises(RecordingError, match="it is no whole png or jpg"):
        read_all("signal-images", tmp_path)


def test_hdf5_is_opened_anew_in_another_process(tmp_path: Path) -> None:
    file = Hdf5(written.radioml_2018(tmp_path / "gold.hdf5"))
    first = file._opened()
    assert file._opened() is first
    file._process -= 1
    assert file._opened() is not first


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written.radioml_2018(tmp_path / "gold.hdf5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match="h5py is not installed: pip install"):
        open_dataset("radioml-2018.01a", path)
