"""predictions.npz of a bundle: what its heads said of test items, so that its figures can be
computed again by anyone, from the file alone.

<test>/truth     classification: the class, uint16 [n]; presence: 0 or 1, uint8 [n, labels]
<test>/outputs   of those: logits, float16 [n, labels]
<test>/counts    segmentation: pixels by truth and answer, uint32 [n, labels, labels]
<test>/error     reconstruction, forecast: mean squared error of each item, float32 [n]
<test>/snr_db    float32 [n], NaN where there is none; where it is known
<test>/group     int32 [n]: items of one scene or recording; where it is known

A test is of one head, and is called as it is, or `<head>/<set>` where there are several. Figures
are computed from what is stored, after rounding, so that they come out the same. They are
`metrics["test"][test]["model"]` of the manifest.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from radiofm.bundle import Bundle, BundleManifest, HeadRecord, file_record, write_manifest
from radiofm.errors import BundleError
from radiofm.spectrogram import Image
from radiofm_models.metrics import (
    BANDS,
    accuracy_by_snr,
    calibration_error,
    classification_metrics,
    confusion,
    mask_metrics,
    pixel_counts,
    presence_metrics,
    reconstruction_error,
    segmentation_by_snr,
)
from radiofm_models.served import ServedBundle

PREDICTIONS = "predictions.npz"
MAX_BYTES = 64 * 2**20  # unpacked
BATCH = 32
CLEAR_DB = 5.0  # SNR, from which on a signal should be named

Stored = dict[str, npt.NDArray[Any]]  # of one head
Figures = dict[str, Any]

ARRAYS = {  # that each task has: type and number of axes
    "classification": {"truth": ("u2", 1), "outputs": ("f2", 2)},
    "presence": {"truth": ("u1", 2), "outputs": ("f2", 2)},
    "segmentation": {"counts": ("u4", 3)},
    "reconstruction": {"error": ("f4", 1)},
    "forecast": {"error": ("f4", 1)},
}
MORE = {"snr_db": ("f4", 1), "group": ("i4", 1)}


def predict(
    served: ServedBundle,
    head: str,
    images: Image,
    truth: npt.NDArray[Any],
    snr_db: npt.NDArray[Any] | None = None,
    group: npt.NDArray[Any] | None = None,
) -> Stored:
    """What head `head` says of the items `images` [n, C, H, W], as it is stored.

    `truth` is [n] classes, [n, labels] of presence, [n, H, W] masks, or what a slice should be
    made into, [n, C, H, W'].
    """
    (record,) = (one for one in served.manifest.heads if one.name == head)
    parts: list[Stored] = []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        output = served(images[part], record.modality)[head]
        parts.append(kept(record, output, truth[part]))
    stored = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name, values in (("snr_db", snr_db), ("group", group)):
        if values is not None:
            stored[name] = values.astype(MORE[name][0])
    return stored


def head_of(test: str) -> str:
    """The head that a test is of."""
    return test.split("/")[0]


def kept(head: HeadRecord, output: npt.NDArray[np.float32], truth: npt.NDArray[Any]) -> Stored:
    """What is stored of the answers `output` [n, ...] of a head like this; see `predict`."""
    match head.task:
        case "classification":
            return {"truth": truth.astype("u2"), "outputs": output.astype("f2")}
        case "presence":
            return {"truth": (truth > 0).astype("u1"), "outputs": output.astype("f2")}
        case "segmentation":
            pairs = zip(truth, output.argmax(axis=1), strict=True)
            tables = [pixel_counts(t, p, len(head.labels)) for t, p in pairs]
            return {"counts": np.stack(tables).astype("u4")}
        case "reconstruction" | "forecast":
            return {"error": reconstruction_error(truth, output).astype("f4")}
        case _:
            raise BundleError(f"head {head.name}: predictions of {head.task} are not stored")


def keep_predictions(
    folder: Path, manifest: BundleManifest, tests: Mapping[str, Stored]
) -> BundleManifest:
    """Write what heads said in `tests` to the bundle in `folder`, and to its manifest the file and
    each test's figures, as `metrics["test"][test]["model"]`. Returns the manifest."""
    file = io.BytesIO()
    arrays = {f"{name}/{part}": array for name, one in tests.items() for part, array in one.items()}
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # names, not its options
    (folder / PREDICTIONS).write_bytes(file.getvalue())
    records = {head.name: head for head in manifest.heads}
    test = dict(manifest.metrics.get("test", {}))
    for name, stored in tests.items():
        test[name] = test.get(name, {}) | {"model": figures(records[head_of(name)], stored)}
    update = {
        "files": manifest.files | {PREDICTIONS: file_record(file.getvalue())},
        "metrics": manifest.metrics | {"test": test},
    }
    manifest = manifest.model_copy(update=update)
    write_manifest(folder, manifest)
    return manifest


def read_predictions(bundle: Bundle) -> dict[str, Stored]:
    """What is stored of each test, checked against its head's record; {} where there is none.

    Raises BundleError. Nothing in the file can run: arrays of plain numbers only are read.
    """
    if PREDICTIONS not in bundle.manifest.files:
        return {}
    data = bundle.read(PREDICTIONS)
    tests: dict[str, Stored] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(member.file_size for member in packed.infolist()) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes unpacked")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            for name in arrays.files:
                test, _, part = name.rpartition("/")
                tests.setdefault(test, {})[part] = arrays[name]
        for test, stored in tests.items():
            _check(bundle.head(head_of(test)), stored)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{bundle.path}: {PREDICTIONS}: {error}: fetch it again") from None
    return tests


def _check(head: HeadRecord, stored: Stored) -> None:
    """Types and shapes, or ValueError."""
    needed = ARRAYS.get(head.task, {})
    if not needed or not needed.keys() <= stored.keys() <= needed.keys() | MORE.keys():
        raise ValueError(f"head {head.name}: arrays {', '.join(stored)} are not of {head.task}")
    count, labels = len(next(iter(stored.values()))), len(head.labels)
    for name, array in stored.items():
        kind, axes = (needed | MORE)[name]
        shape = (count, *[labels] * (axes - 1))
        if array.dtype != np.dtype(kind) or array.shape != shape or count == 0:
            raise ValueError(f"head {head.name}: {name} is {array.dtype} {list(array.shape)}")
    if head.task == "classification" and stored["truth"].max() >= labels:
        raise ValueError(f"head {head.name}: a truth is none of its {labels} labels")


def figures(head: HeadRecord, stored: Stored) -> Figures:
    """The figures of what is stored of one head, as plain values for JSON."""
    snr_db = stored.get("snr_db")
    match head.task:
        case "classification":
            return _classification(head, stored, snr_db)
        case "presence":
            scores = np.asarray(scipy.special.expit(stored["outputs"].astype("f4")), np.float32)
            thresholds = np.array(head.thresholds or [0.5] * len(head.labels))
            return presence_metrics(stored["truth"] > 0, scores, thresholds, head.labels)
        case "segmentation":
            counts = stored["counts"].astype(np.int64)
            found = mask_metrics(counts)
            if snr_db is not None:
                found["by_snr"] = segmentation_by_snr(counts, snr_db, BANDS)
            return found
        case _:
            error = stored["error"].astype(np.float64)
            found = {"mse": float(error.mean())}
            if head.error_p99 is not None:
                found["share_above_p99"] = float((error > head.error_p99).mean())
            return found


def _classification(head: HeadRecord, stored: Stored, snr_db: npt.NDArray[Any] | None) -> Figures:
    """`clear` is of the items of 5 dB and more, and of those without a signal."""
    logits = stored["outputs"].astype(np.float32)
    truth, predicted = stored["truth"].astype(np.int64), logits.argmax(axis=1)
    labels = len(head.labels)
    scores = scipy.special.softmax(logits / np.float32(head.temperature), axis=1)
    found = classification_metrics(confusion(truth, predicted, labels))
    found["calibration_error"] = calibration_error(scores, truth)
    if snr_db is not None:
        found["by_snr"] = accuracy_by_snr(truth, predicted, snr_db, BANDS)
        clear = ~(snr_db < CLEAR_DB)
        if clear.any():
            table = confusion(truth[clear], predicted[clear], labels)
            found["clear"] = {"items": int(clear.sum())} | classification_metrics(table)
    return found
