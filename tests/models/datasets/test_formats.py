"""Each data set read from files of its own format: values, labels, order, what is known unread."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from radiofm.errors import RecordingError, UsageError
from radiofm_models.datasets.cfr import Cfr
from radiofm_models.datasets.channel_estimation import ChannelEstimation
from radiofm_models.datasets.deepbeam import DeepBeam
from radiofm_models.datasets.nr_lte import NrLte
from radiofm_models.datasets.ntu_fi import NtuFiHar, NtuFiHumanId
from radiofm_models.datasets.opening import DATASETS, open_dataset
from radiofm_models.datasets.positioning import Positioning
from radiofm_models.datasets.radioml import LABELS_2018, RadioML2016, RadioML2018
from radiofm_models.datasets.signal_images import LABELS, SignalImages
from radiofm_models.datasets.torchsig import TorchSig
from tests.models.datasets import written


def test_ntu_fi(tmp_path: Path) -> None:
    data = NtuFiHar(written.ntu_fi(tmp_path))
    assert data.labels == ("box", "walk") and data.parts is not None and len(data) == 10
    names = [file.name for file in data.files]
    assert names[:6] == [
        "box1.mat",
        "box2.mat",
        "box10.mat",
        "walk1.mat",
        "walk2.mat",
        "walk10.mat",
    ]
    assert data.parts.tolist() == ["train"] * 6 + ["test"] * 4
    values, label = data.item(5)
    assert values.shape == (3, 114, 20) and values.dtype == np.float32 and label == 1
    assert (values[0, 0, 0], values[0, 0, 1], values[1, 0, 0]) == (110, 110.5, 117)
    assert data.describe()["classes"] == {"box": 5, "walk": 5}
    every_fourth, _ = NtuFiHar(tmp_path, step=4).item(5)
    assert np.array_equal(every_fourth, values[:, :, ::4])


def test_ntu_fi_flat_as_the_authors_keep_it(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for name in ("run12", "fall3"):
            scipy.io.savemat(tmp_path / part / f"{name}.mat", {"CSIamp": np.zeros((342, 4))})
    data = NtuFiHar(tmp_path)
    assert data.labels == ("fall", "run") and [data.item(i)[1] for i in range(4)] == [0, 1, 0, 1]


def test_humanid_with_sensefis_swap(tmp_path: Path) -> None:
    written.ntu_fi(tmp_path)
    ours, swapped = (NtuFiHumanId(tmp_path, swapped=swap) for swap in (False, True))
    assert ours.parts is not None and swapped.parts is not None
    assert (ours.parts == "train").sum() == (swapped.parts == "test").sum() == 6


def test_cfr(tmp_path: Path) -> None:
    data = Cfr(written.cfr(tmp_path))
    values, label = data.item(1)
    assert label is None and values.shape == (4, 6, 5)
    assert values[2, 3, 4] == 2 * 5 * (3 * 4 * 5 + 2 * 5 + 4)  # |3 + 4j| = 5


@pytest.mark.parametrize("transposed", [False, True])
def test_positioning(tmp_path: Path, transposed: bool) -> None:
    """Base stations first or last, subcarriers before symbols, NaN filled, places grouped."""
    data = Positioning(written.positioning(tmp_path, transposed))
    assert len(data) == 10 and data.groups is not None and data.snr_db is not None
    assert data.groups[:5].tolist() == data.groups[5:].tolist() == [0, 1, 2, 3, 4]
    assert data.snr_db.tolist() == [10] * 5 + [50] * 5
    truth = np.random.default_rng(50).uniform(0, 1, (5, 4, 192, 14))
    values, position = data.item(8)
    np.testing.assert_allclose(values, truth[3], rtol=1e-6)
    assert position.tolist() == [10, 20, 30]
    gaps = data.item(7)[0]
    truth[2, 1, :, 3] = np.nan
    np.testing.assert_allclose(gaps[1, :, 3], np.nanmean(truth[2]), rtol=1e-5)
    np.testing.assert_allclose(gaps[2], truth[2, 2], rtol=1e-6)


def test_the_other_scene_is_named(tmp_path: Path) -> None:
    written.positioning(tmp_path)
    (tmp_path / "dataset_SNR10_outdoor.mat").rename(tmp_path / "dataset_SNR10_indoor.mat")
    with pytest.raises(RecordingError, match="no axis of 5 base stations: give the file of the"):
        Positioning(tmp_path, scene="indoor")


def test_signal_images_in_folders(tmp_path: Path) -> None:
    data = SignalImages(written.signal_images(tmp_path))
    assert data.labels == LABELS and len(LABELS) == 20
    assert [data.labels[data.item(i)[1]] for i in range(4)] == ["lora", "lora", "wifi", "wifi"]
    picture, _ = data.item(0)
    assert picture.shape == (1, 4, 6)  # frequency x time
    assert np.all(picture[0, :3, 0] == 1) and np.all(picture[0, 3, 1:] == 0)
    np.testing.assert_allclose(picture[0, 0, 1:], 200 / 255, atol=1e-6)


def test_signal_images_by_prefix(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for name in ("RS41-Radiosonde_3.jpg", "my-own_1.jpg"):
            Image.new("L", (5, 7), 128).save(tmp_path / part / name)
    data = SignalImages(tmp_path)
    assert data.labels == ("RS41-Radiosonde", "my-own") and data.parts is not None
    assert data.item(1)[0].shape == (1, 5, 7)
    assert data.parts.tolist() == ["train"] * 2 + ["test"] * 2


def test_deepbeam(tmp_path: Path) -> None:
    data = DeepBeam(written.deepbeam(tmp_path / "a.h5"), every=5)
    assert len(data) == 36 and data.labels == ("0", "8", "16")
    assert data.classes is not None and data.groups is not None
    assert data.classes.tolist() == [*np.repeat([0, 1, 2], 6)] * 2
    assert data.groups[:7].tolist() == [0, 0, 0, 1, 1, 1, 2]  # 15 blocks a frame
    iq, label = data.item(7)
    assert iq.shape == (2, 2048) and label == 1
    assert iq[0, 0] == 35 * 2048 and np.array_equal(iq[1], -iq[0])


def test_a_block_of_two_beams_is_refused(tmp_path: Path) -> None:
    path = written.deepbeam(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["tx_beam"][100] = 7
    with pytest.raises(RecordingError, match="tx_beam changes within the block at sample 0"):
        DeepBeam(path).item(0)


@pytest.mark.parametrize("binary", [False, True])
def test_radioml_2016(tmp_path: Path, binary: bool) -> None:
    raw = written.python2_pickle(written.RADIOML_ARRAYS, binary)
    again = pickle.loads(raw, encoding="latin1")  # the writer writes what Python reads
    assert all(np.array_equal(again[key], values) for key, values in written.RADIOML_ARRAYS.items())
    (tmp_path / "RML2016.10a_dict.pkl").write_bytes(raw)
    data = RadioML2016(tmp_path)
    assert data.labels == ("AM-SSB", "QPSK") and data.snr_db is not None
    assert data.snr_db.tolist() == [-20] * 3 + [18] * 3 + [-20] * 3 + [18] * 3
    values, label = data.item(10)
    assert label == 1 and np.array_equal(values, written.RADIOML_ARRAYS["QPSK", 18][1])


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "rml.pkl", tmp_path / "ran"
    path.write_bytes(f"cos\nsystem\n(S'touch {mark}'\ntR.".encode())
    with pytest.raises(RecordingError, match="it names 'os.system'"):
        RadioML2016(path)
    assert not mark.exists()


def test_radioml_2018(tmp_path: Path) -> None:
    data = RadioML2018(written.radioml_2018(tmp_path / "gold.hdf5"))
    assert len(LABELS_2018) == 24 and data.snr_db is not None
    iq, label = data.item(4)
    assert LABELS_2018[label] == "OQPSK" and data.snr_db[4] == -20
    assert np.array_equal(iq, np.arange(128, 160, dtype=np.float32).reshape(16, 2).T)


def test_nr_lte_of_the_authors(tmp_path: Path) -> None:
    data = NrLte(written.nr_lte_authors(tmp_path))
    assert data.parts is not None and data.parts.tolist() == ["train", "train", "test"]
    image, mask = data.item(1)
    assert image.shape == (1, 8, 6) and image.dtype == np.float32  # frequency x time
    assert np.array_equal(mask, np.repeat([0, 0, 1, 1, 0, 2, 2, 2], 6).reshape(8, 6))
    np.testing.assert_allclose(image[0, 2], 12.7 - 90 + np.arange(6), rtol=1e-6)


def test_nr_lte_of_matlab(tmp_path: Path) -> None:
    data = NrLte(written.nr_lte_matlab(tmp_path))
    image, mask = data.item(1)
    assert data.parts is None and len(data) == 2 and image.shape == (1, 8, 6)
    assert mask[:, 0].tolist() == [0, 0, 1, 1, 0, 2, 2, 2]
    np.testing.assert_allclose(image[0, :, -1], 51 / 255, rtol=1e-6)  # the latest is last
    np.testing.assert_allclose(image[0, 5, :-1], 1)
    assert set(np.unique(data.item(0)[1])) == {0, 1}


def test_channel_estimation_raw_and_preprocessed_are_one(tmp_path: Path) -> None:
    """The second is made here as the authors' script does: joined symbol by symbol."""
    raw = ChannelEstimation(written.channel_estimation(tmp_path / "raw"))
    assert len(raw) == 12 and raw.parts is not None and raw.snr_db is not None
    assert raw.parts.tolist() == ["train"] * 8 + ["test"] * 4
    assert raw.snr_db[:4].tolist() == [-10, 0, 10, 20]
    folder = tmp_path / "samples"
    folder.mkdir()
    with np.load(tmp_path / "raw/train/batch_1.npz") as batch:
        for i in range(4):
            pilots = np.concatenate([batch["x_rg"][i, 2], batch["x_rg"][i, 11]])[None]
            heard = np.concatenate([batch["y_rg"][i, :, 2], batch["y_rg"][i, :, 11]], axis=1)
            x = np.concatenate([pilots, heard])
            h = np.concatenate([batch["h_freq"][i, :, s] for s in range(14)], axis=1)
            np.savez(
                folder / f"sample_{i}.npz",
                x=np.stack([x.real, x.imag]),
                h=np.stack([h.real, h.imag]),
                snr_db=batch["snr_db"][i],
            )
    samples = ChannelEstimation(folder)
    for i in range(4):
        for one, other in zip(samples.item(i), raw.item(4 + i), strict=True):
            assert np.array_equal(one, other) and one.dtype == np.float32
    assert raw.item(4)[0].shape == (2, 17, 12) and raw.item(4)[1].shape == (2, 16, 84)


@pytest.mark.parametrize("write", [written.torchsig_objects, written.torchsig_packed])
def test_torchsig(tmp_path: Path, write: written.Writer) -> None:
    write(tmp_path / "data.h5")
    data = TorchSig(tmp_path)
    assert data.labels == ("ook", "qpsk") and data.snr_db is not None
    assert data.snr_db.tolist() == [3.5, -1, 12]
    iq, label = data.item(2)
    assert label == 1 and np.array_equal(iq, [20 + np.arange(8), np.ones(8)])


def test_torchsig_of_several_signals_an_item_is_refused(tmp_path: Path) -> None:
    path = written.torchsig_objects(tmp_path / "data.h5")
    with h5py.File(path, "r+") as file:
        del file["component_signals/2"]
        file["component_signals"].create_dataset("2", data=["3", "5"])
    with pytest.raises(RecordingError, match="item 1 has 2 signals: give a narrowband set"):
        TorchSig(path)


def test_torchsig_of_other_layouts_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.attrs["format"] = "torchsig-homogeneous"
    with pytest.raises(RecordingError, match="its layout 'torchsig-homogeneous' is not read"):
        TorchSig(tmp_path)


@pytest.mark.parametrize(("name", "write", "damaged"), written.SETS)
def test_every_set_offers_the_same(
    tmp_path: Path, name: str, write: written.Writer, damaged: str
) -> None:
    path = write(tmp_path)
    data, again = open_dataset(name, path), open_dataset(name, path)
    assert data.fingerprint() == again.fingerprint()
    for known in (data.classes, data.groups, data.parts, data.snr_db):
        assert known is None or len(known) == len(data)
    for i in range(len(data)):
        values, label = data.item(i)
        assert values.dtype == np.float32 and values.flags["C_CONTIGUOUS"]
        if data.classes is not None:
            assert label == data.classes[i]
        copy, _ = pickle.loads(pickle.dumps(again)).item(i)  # as a worker process gets it
        assert np.array_equal(values, copy)
    about = data.describe()
    assert about["name"] == name and about["items"] == len(data) and about["axes"]


def test_all_sets_are_tested() -> None:
    elsewhere = {"wiar", "simulated", "labelled", "annotated"}  # test_wiar.py and so on
    assert {name for name, *_ in written.SETS} | elsewhere == set(DATASETS)
    with pytest.raises(UsageError, match="data set 'mnist' is unknown: take one of 5g-cfr"):
        open_dataset("mnist", "here")
