"""Evaluation of a bundle as it is served: its ONNX graphs, on slices that no training saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special
import torch

from radiofm.bundle import Bundle
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import Image
from radiofm_models.data import Indices, Split, standardised
from radiofm_models.evaluation.manifest import MANIFEST, read_manifests
from radiofm_models.evaluation.on_air import on_air
from radiofm_models.export import TrainedHead
from radiofm_models.metrics import (
    Counts,
    Mask,
    above_median,
    accuracy_by_snr,
    best_energy_threshold,
    calibration_error,
    classification_metrics,
    confusion,
    overlap,
    reconstruction_error,
    segmentation_metrics,
)
from radiofm_models.served import ServedBundle
from radiofm_models.vit import Encoder

BATCH = 32

SNR_BANDS = ((-10, 0), (0, 5), (5, 10), (10, 20), (20, 60))  # dB

Array = npt.NDArray[np.float32]


Serve = Callable[[Image], dict[str, Array]]  # slices [n, 1, H, W] -> each head's output, by name


class Served:
    """A bundle of spectrograms in ONNX Runtime, on one thread."""

    def __init__(self, bundle: Bundle) -> None:
        self.manifest = bundle.manifest
        self._graphs = ServedBundle(self.manifest, bundle.read)
        self.labels = bundle.head("signals").labels
        self.temperature = bundle.head("signals").temperature
        self.error_p99 = bundle.head("anomaly").error_p99 or math.inf

    def __call__(self, images: Image) -> dict[str, Array]:
        return self._graphs(images)


def in_torch(encoder: Encoder, heads: list[TrainedHead]) -> Serve:
    """The same of an encoder and heads that are not exported."""

    @torch.no_grad()
    def serve(images: Image) -> dict[str, Array]:
        trunk = encoder.trunk(torch.from_numpy(images))
        taps = {"trunk": trunk, "tokens": encoder.tail(trunk)}
        return {head.name: head.module(taps[head.tap]).numpy() for head in heads}

    return serve


def evaluate_bundle(
    bundle: Bundle, untrained: Serve, data: SliceSet, split: Split, test: Image, recordings: Path
) -> dict[str, Any]:
    """Every head on the test slices `test` [n, 1, H, W] and on the recordings of the manifest
    `recordings`, where there is one.

    `untrained` is of the same heads, trained the same way on an encoder that never was.
    """
    served = Served(bundle)
    labels = served.labels
    records = [data.records[row] for row in split.test]
    truth = np.array([labels.index(record.label) for record in records])
    masks = data.masks[split.test]
    results = {
        name: _test(serve, test, masks, truth, served.temperature)
        for name, serve in (("test", served), ("random_init", untrained))
    }
    usual = int(np.bincount([labels.index(data.records[i].label) for i in split.train]).argmax())
    predicted, error = results["test"].predicted, results["test"].error
    snr = np.array([np.nan if r.snr_db is None else r.snr_db for r in records])
    rows = np.sort(np.random.default_rng(0).choice(split.validation, 300))
    threshold = best_energy_threshold(
        standardised(data, rows, bundle.manifest.spec), data.masks[rows]
    )
    return {
        "signals": {
            **{
                name: classification_metrics(confusion(truth, r.predicted, len(labels)))
                for name, r in results.items()
            },
            "majority": classification_metrics(
                confusion(truth, np.full_like(truth, usual), len(labels))
            ),
            "by_snr": [
                {"slices": band.pop("items"), **band}
                for band in accuracy_by_snr(truth, predicted, snr, SNR_BANDS)
            ],
            "expected_calibration_error": results["test"].calibration_error,
        },
        "segmentation": {
            **{name: segmentation_metrics(r.pixels) for name, r in results.items()},
            "all_empty": segmentation_metrics(overlap(masks, np.zeros(masks.shape, bool))),
            "energy_threshold": segmentation_metrics(
                overlap(masks, above_median(test) > threshold)
            ),
            "energy_threshold_db": threshold * _decibels_per_unit(bundle),
        },
        "anomaly": {
            "test_mse": float(error.mean()),
            "random_init_mse": float(results["random_init"].error.mean()),
            "share_above_p99": float((error > served.error_p99).mean()),
        },
        "recordings": _on_air(bundle, recordings),
    }  # fmt: skip


def _on_air(bundle: Bundle, recordings: Path) -> list[dict[str, Any]]:
    if not (recordings.is_file() or (recordings / MANIFEST).is_file()):
        return []
    return [heard.to_json() for heard in on_air(bundle, read_manifests([recordings]))]


@dataclass(frozen=True)
class _Results:
    predicted: Indices  # [n]
    pixels: Counts  # [2, 2]
    error: npt.NDArray[np.float64]  # [n], of the reconstruction
    calibration_error: float


def _test(serve: Serve, images: Image, masks: Mask, truth: Indices, temperature: float) -> _Results:
    logits, errors = [], []
    pixels = np.zeros((2, 2), np.int64)
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        out = serve(images[part])
        logits.append(out["signals"])
        pixels += overlap(masks[part], out["segmentation"].argmax(axis=1) == 1)
        errors.append(reconstruction_error(images[part], out["anomaly"]))
    scores = scipy.special.softmax(np.concatenate(logits) / temperature, axis=1)
    return _Results(
        scores.argmax(axis=1), pixels, np.concatenate(errors), calibration_error(scores, truth)
    )


def _decibels_per_unit(bundle: Bundle) -> float:
    low, high = bundle.manifest.spec.range_db
    return (high - low) * bundle.manifest.spec.std
