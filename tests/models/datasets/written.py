"""Small data sets, written in exactly the formats that the real ones are published in."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import scipy.io
from PIL import Image

Writer = Callable[[Path], Path]


def ntu_fi(root: Path) -> Path:
    """Two activities, 3 training and 2 test files each, numbered past 9."""
    for part, numbers in (("train_amp", (1, 2, 10)), ("test_amp", (3, 11))):
        for label in ("walk", "box"):
            (root / part / label).mkdir(parents=True)
            for number in numbers:
                csi = np.full((342, 20), 100.0 * (label == "walk") + number)
                csi[:, 1::4] += 0.5
                csi[114:228] += 7  # the second antenna
                scipy.io.savemat(root / part / label / f"{label}{number}.mat", {"CSIamp": csi})
    return root


def cfr(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        values = np.arange(6 * 4 * 5).reshape(6, 4, 5) * (3 + 4j) * number
        scipy.io.savemat(root / f"position_{number}.mat", {"cfr": values}, do_compression=True)
    return root


def positioning(root: Path, transposed: bool = False) -> Path:
    """Two SNRs over the same five places, 4 stations."""
    root.mkdir(parents=True, exist_ok=True)
    places = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 20, 30], [80, 60, 40]], float)
    for snr in (10, 50):
        values = np.random.default_rng(snr).uniform(0, 1, (5, 4, 192, 14))
        values[2, 1, :, 3] = np.nan
        with h5py.File(root / f"dataset_SNR{snr}_outdoor.mat", "w") as file:
            file["features"] = np.moveaxis(values, 1, -1) if transposed else values
            file["labels/position"] = places
    return root


def signal_images(root: Path) -> Path:
    """A folder a class, colours and sizes as they come."""
    for label, grey in (("wifi", 10), ("lora", 200)):
        (root / label).mkdir(parents=True)
        for number in (2, 10):
            picture = np.full((6, 4, 3), grey, np.uint8)
            picture[0] = 255  # the first row: the earliest time
            picture[:, 3] = 0  # the last column: the highest frequency
            suffix = "png" if number == 2 else "PNG"
            Image.fromarray(picture).save(root / label / f"{number}.{suffix}")
    return root


def deepbeam(path: Path) -> Path:
    """2 gains x 3 beams x 2 frames x 15 blocks of 2048 samples."""
    blocks = 2 * 3 * 30
    samples = np.arange(blocks * 2048, dtype=np.float32)
    with h5py.File(path, "w") as file:
        file["iq"] = np.stack([samples, -samples], axis=1)
        file["tx_beam"] = np.repeat(np.tile(np.repeat([0, 8, 16], 30), 2), 2048).astype(np.uint8)
        file["rx_beam"] = np.zeros(len(samples), np.uint8)
        file["gain"] = np.repeat([40, 50], 90 * 2048).astype(np.uint8)
    return path


def python2_pickle(
    arrays: dict[tuple[str, int], npt.NDArray[np.float32]], binary: bool = False
) -> bytes:
    """The dict as Python 2's cPickle writes it: protocol 0, or with protocol 2's strings."""
    count = iter(range(1, 1_000_000))

    def put() -> bytes:
        return b"p%d\n" % next(count)

    def string(value: bytes) -> bytes:
        if binary:
            return b"T" + struct.pack("<I", len(value)) + value + put()
        return b"S" + repr(value)[1:].encode() + b"\n" + put()

    out = [b"\x80\x02" if binary else b"", b"(d", put()]
    for (label, snr), array in arrays.items():
        shape = b"".join(b"I%d\n" % size for size in array.shape)
        out += [
            b"(", string(label.encode()), b"I%d\nt" % snr, put(),
            b"cnumpy.core.multiarray\n_reconstruct\n", put(),
            b"(cnumpy\nndarray\n", put(), b"(I0\nt", put(), string(b"b"), b"t", put(), b"R", put(),
            b"(I1\n(", shape, b"t", put(),
            b"cnumpy\ndtype\n", put(), b"(", string(b"f4"), b"I0\nI1\nt", put(), b"R", put(),
            b"(I3\n", string(b"<"), b"NNNI-1\nI-1\nI0\nt", put(), b"b",
            b"I00\n", string(array.astype("<f4").tobytes()), b"t", put(), b"b", b"s",
        ]  # fmt: skip
    return b"".join([*out, b"."])


RADIOML_ARRAYS = {
    (label, snr): (
        np.arange(3 * 2 * 8, dtype=np.float32).reshape(3, 2, 8) + snr + 1000 * (label == "QPSK")
    )
    for label in ("QPSK", "AM-SSB")
    for snr in (18, -20)
}


def radioml_2016(path: Path) -> Path:
    path.write_bytes(python2_pickle(RADIOML_ARRAYS))
    return path


def radioml_2018(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["X"] = np.arange(6 * 16 * 2, dtype=np.float32).reshape(6, 16, 2)
        file["Y"] = np.eye(24, dtype=np.int64)[[0, 0, 3, 3, 23, 23]]
        file["Z"] = np.array([[-20], [30]] * 3)
    return path


def hdf4(path: Path, values: npt.NDArray[np.uint8]) -> None:
    """As libhdf4's DFR8putimage does: one block of 16 descriptors, then the image."""
    pixels = 4 + 6 + 16 * 12
    size = pixels + values.size
    objects = [
        (202, 2, pixels, values.size), (302, 2, pixels, values.size), (200, 2, size, 4),
        *[(1, 0, 0xFFFFFFFF, 0xFFFFFFFF)] * 13,
    ]  # fmt: skip
    table = struct.pack(">HI", len(objects), 0)
    table += b"".join(struct.pack(">HHII", *one) for one in objects)
    shape = struct.pack(">HH", values.shape[1], values.shape[0])
    path.write_bytes(b"\x0e\x03\x13\x01" + table + values.tobytes() + shape)


STRIPES = np.zeros((6, 8), np.uint8)  # time x frequency
STRIPES[:, 2:4], STRIPES[:, 5:8] = 127, 255


def nr_lte_authors(root: Path) -> Path:
    for part, numbers in (("Train", (0, 1)), ("Test", (0,))):
        folder = root / part / "LTE_NR"
        folder.mkdir(parents=True)
        for i in numbers:
            power = STRIPES / 10 - 90 + np.arange(6)[:, None]
            scipy.io.savemat(folder / f"LTE_NR_spect_frame_{i}.mat", {"rxSpectrogram": power})
            scipy.io.savemat(folder / f"LTE_NR_labels_frame_{i}.mat", {"data": STRIPES})
            scipy.io.savemat(folder / f"LTE_NR_metadata_frame_{i}.mat", {"noise": -70.0})
    return root


def nr_lte_matlab(root: Path) -> Path:
    for folder, name, values in (
        (root, "NR_frame_1", np.where(STRIPES == 255, 0, STRIPES).astype(np.uint8)),
        (root / "LTE_NR", "LTE_NR_frame_2", STRIPES),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        colour = np.stack([STRIPES] * 3, axis=-1)
        colour[0] = 51  # the top row: the latest time
        Image.fromarray(colour).save(folder / f"{name}.png")
        hdf4(folder / f"{name}.hdf", values)
        scipy.io.savemat(folder / f"{name}.mat", {"params": {"SNR": 40.0}})
    return root


def channel_estimation(root: Path) -> Path:
    """Batches of 4 samples, 16 antennas, 14 symbols, 6 subcarriers."""
    for part, batches in (("train", 2), ("val", 1)):
        (root / part).mkdir(parents=True)
        for batch in range(batches):
            rng = np.random.default_rng(batch)

            def grid(*shape: int, rng: np.random.Generator = rng) -> npt.NDArray[np.complex64]:
                return (
                    rng.standard_normal((*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
                )

            np.savez(
                root / part / f"batch_{batch}.npz",
                x_rg=grid(4, 14, 6),
                y_rg=grid(4, 16, 14, 6),
                h_freq=grid(4, 16, 14, 6),
                snr_db=np.linspace(-10, 20, 4, dtype=np.float32),
            )
    return root


TORCHSIG = [("qpsk", 3.5), ("ook", -1.0), ("qpsk", 12.0)]


def _iq(number: int) -> npt.NDArray[np.complex64]:
    return (np.arange(8) + 10 * number + 1j).astype(np.complex64)


def torchsig_objects(path: Path) -> Path:
    """As HDF5Writer of TorchSig 2.2: of each item its own object, then its component's."""
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["torchsig_version"] = "2.2.0"
        file.attrs["created_by"] = "TorchSig HDF5FileHandler"
        for group in ("data", "metadata", "index", "component_signals"):
            file.create_group(group)
        for number, (label, snr) in enumerate(TORCHSIG):
            own, inner = str(2 * number), str(2 * number + 1)
            file["index"].create_dataset(str(number), data=own)
            file["component_signals"].create_dataset(own, data=[inner])
            for key in (own, inner):
                file["data"].create_dataset(key, data=_iq(number), compression="lzf", shuffle=True)
            file["metadata"].create_dataset(f"{own}/center_freq", data=0)
            file["metadata"].create_dataset(f"{inner}/class_name", data=label)
            file["metadata"].create_dataset(f"{inner}/snr_db", data=snr)
    return path


def torchsig_packed(path: Path) -> Path:
    """As PackedHDF5Writer of TorchSig 2.2, schema 1.0."""
    import base64
    import io

    def packed(**items: object) -> str:
        return json.dumps({"__torchsig_type__": "dict", "items": items})

    def number(value: float) -> dict[str, object]:
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(value))
        data = base64.b64encode(buffer.getvalue()).decode()
        return {"__torchsig_type__": "ndarray", "data": data, "scalar": True}

    fields = {
        "data_offset": "u8", "data_length": "u8", "dtype_id": "u4", "shape_offset": "u8",
        "shape_count": "u2", "component_offset": "u8", "component_count": "u4", "parent_id": "u8",
    }  # fmt: skip
    records, metadata, none = [], [], 2**64 - 1
    for item, (label, snr) in enumerate(TORCHSIG):
        at = 2 * item
        records += [
            (8 * at, 8, 0, at, 1, item, 1, none),
            (8 * at + 8, 8, 0, at + 1, 1, item + 1, 0, none),
        ]
        metadata += [packed(center_freq=0), packed(class_name=label, snr_db=number(snr))]
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs.update({"format": "torchsig-packed", "complete": True})
        text = h5py.string_dtype("utf-8")
        file["index"] = np.array([0, 2, 4], np.uint64)
        file["records"] = np.array(records, np.dtype(list(fields.items())))
        file["components"] = np.array([1, 3, 5], np.uint64)
        file["shapes"] = np.full(6, 8, np.uint64)
        file.create_dataset("dtypes", data=["<c8"], dtype=text)
        file.create_dataset("metadata", data=metadata, dtype=text)
        file["data/0"] = np.concatenate([_iq(item // 2) for item in range(6)])
    return path


# name of the set, what writes it, the file to damage
SETS: list[tuple[str, Writer, str]] = [
    ("ntu-fi-har", lambda to: ntu_fi(to / "set"), "test_amp/box/box3.mat"),
    ("ntu-fi-humanid", lambda to: ntu_fi(to / "set"), "train_amp/walk/walk10.mat"),
    ("5g-cfr", lambda to: cfr(to / "set"), "position_2.mat"),
    ("5g-positioning", lambda to: positioning(to / "set"), "dataset_SNR10_outdoor.mat"),
    ("signal-images", lambda to: signal_images(to / "set"), "wifi/2.png"),
    ("deepbeam", lambda to: deepbeam(to / "neu.h5"), ""),
    ("radioml-2016.10a", lambda to: radioml_2016(to / "rml.pkl"), ""),
    ("radioml-2018.01a", lambda to: radioml_2018(to / "gold.hdf5"), ""),
    ("nr-lte", lambda to: nr_lte_authors(to / "set"), "Test/LTE_NR/LTE_NR_labels_frame_0.mat"),
    ("nr-lte", lambda to: nr_lte_matlab(to / "set"), "NR_frame_1.hdf"),
    ("channel-estimation", lambda to: channel_estimation(to / "set"), "train/batch_1.npz"),
    ("torchsig", lambda to: torchsig_objects(to / "data.h5"), ""),
    ("torchsig", lambda to: torchsig_packed(to / "data.h5"), ""),
]
