"""A bundle on real recordings: what its heads call their slices, beside what is known of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from radiofm.bundle import Bundle, BundleManifest, HeadRecord
from radiofm.errors import RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec
from radiofm_models.evaluation.manifest import NOISE, Known, Rows
from radiofm_models.metrics import reconstruction_error
from radiofm_models.progress import tracked
from radiofm_models.served import Array, ServedBundle

BATCH = 32
MOST = 64  # slices of a recording
TASKS = ("classification", "presence", "segmentation", "reconstruction")
FAMILIES = {  # labels of `simulate scenes`, which stand for a technology where its own is not there
    "lte": "ofdm", "nr": "ofdm", "wifi": "ofdm", "adsb": "ook", NOISE: "empty",
}  # fmt: skip

Figures = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """One recording: figures of each head, by its name, as JSON has them; and one slice to show."""

    known: Known
    slices: int
    repeated: bool  # it is shorter than a slice, and was repeated to fill one
    heads: dict[str, Figures]
    image: Image  # [H, W]
    masks: dict[str, npt.NDArray[np.uint8]]  # by segmentation head: its answer to `image`
    edges: tuple[float, ...]  # of known rows, as shares of the band from its lower end

    def to_json(self) -> Figures:
        return {
            "recording": self.known.name,
            "technology": list(self.known.technologies),
            "slices": self.slices,
            "repeated_to_fill_a_slice": self.repeated,
            "heads": self.heads,
        }


def label_of(technology: str, labels: Sequence[str]) -> str | None:
    """The label that names `technology`: its own, or the family that stands for it."""
    for name in (technology, FAMILIES.get(technology)):
        if name in labels:
            return name
    return None


def judged_heads(manifest: BundleManifest, recordings: Sequence[Known]) -> list[HeadRecord]:
    """The heads of `manifest` that answer to spectrograms in words of the recordings, or without
    labels; UsageError where there is none."""
    there = {name for known in recordings for name in known.technologies}
    there |= {row.technology for known in recordings for row in known.rows(None)}
    own = [m for m in manifest.modalities if manifest.modalities[m].scaling is None]
    heads = [
        head
        for head in manifest.heads
        if head.task in TASKS and (head.modality is None or head.modality in own)
        if head.task == "reconstruction"
        or any(label_of(name, head.labels) for name in there)
        or (head.task == "segmentation" and label_of(NOISE, head.labels))
    ]
    if not heads:
        have = "; ".join(f"{h.name}: {', '.join(h.labels) or h.task}" for h in manifest.heads)
        raise UsageError(
            f"bundle {manifest.name} has no head for these recordings, which hold "
            f"{', '.join(sorted(there)) or 'nothing that is known'}: it has {have}"
        )
    return heads


def on_air(bundle: Bundle, recordings: Sequence[Known], most: int = MOST) -> list[Heard]:
    """What the bundle's heads make of up to `most` slices of each recording, evenly spread.

    Graphs run in ONNX Runtime, as they are served. Raises UsageError or RecordingError.
    """
    heads = judged_heads(bundle.manifest, recordings)
    served = ServedBundle(bundle.manifest, bundle.read)
    return [_hear(served, heads, known, most) for known in tracked(recordings, "recordings")]


def recording_slices(recording: Recording, spec: SpectrogramSpec, most: int) -> tuple[Image, bool]:
    """Up to `most` slices of a recording's first tuning, evenly spread and without a gap inside:
    [n, 1, H, W]; and whether it, shorter than a slice, was repeated to fill one."""
    compute = Spectrogram(spec, recording.sample_rate_hz)
    size = compute.samples
    if recording.count == 0:
        raise RecordingError(f"{recording.path} holds no samples: leave it out of the manifest")
    first = recording.segments[0]
    starts = [
        segment.start + number * size
        for segment in recording.segments
        if segment.center_frequency_hz == first.center_frequency_hz
        for number in range(segment.count // size)
    ]
    if starts:
        rows = np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).astype(int))
        parts = [recording.read(starts[row], size) for row in rows]
    else:
        parts = [np.resize(recording.read(first.start, first.count), (size, 2))]
    images = [compute(part, recording.full_scale) for part in parts]
    return np.stack(images)[:, None], not starts


def _hear(served: ServedBundle, heads: Sequence[HeadRecord], known: Known, most: int) -> Heard:
    entry = known.entry
    recording = Recording.open(
        known.path, datatype=entry.datatype, sample_rate_hz=entry.sample_rate_hz,
        center_frequency_hz=entry.center_frequency_hz,
    )  # fmt: skip
    images, repeated = recording_slices(recording, served.manifest.spec, most)
    rows = known.rows(recording.segments[0].center_frequency_hz)
    answers = _answers(served, heads, images)
    figures: dict[str, Figures] = {}
    for head in heads:
        answer = answers[head.name]
        match head.task:
            case "classification":
                figures[head.name] = _called(head, answer, known.technologies)
            case "presence":
                figures[head.name] = _present(head, answer, known.technologies)
            case "segmentation":
                figures[head.name] = _rows(head, answer, rows, recording.sample_rate_hz)
            case _:
                above = answer > (head.error_p99 or math.inf)
                figures[head.name] = {"share_above_p99": float(above.mean())}
    masks = {h.name: answers[h.name][0] for h in heads if h.task == "segmentation"}
    shares = [hz / recording.sample_rate_hz + 0.5 for r in rows for hz in (r.low_hz, r.high_hz)]
    edges = tuple(sorted({share for share in shares if 0 < share < 1}))
    return Heard(known, len(images), repeated, figures, images[0, 0], masks, edges)


def _answers(
    served: ServedBundle, heads: Sequence[HeadRecord], images: Image
) -> dict[str, npt.NDArray[Any]]:
    """Of each head: logits [n, labels]; masks [n, H, W]; errors of reconstruction [n]."""
    parts: dict[str, list[npt.NDArray[Any]]] = {head.name: [] for head in heads}
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        outputs: dict[str, Array] = {}
        for modality in dict.fromkeys(head.modality for head in heads):
            outputs |= served(batch, modality)
        for head in heads:
            output: npt.NDArray[Any] = outputs[head.name]
            if head.task == "segmentation":
                output = output.argmax(axis=1).astype(np.uint8)
            elif head.task == "reconstruction":
                output = reconstruction_error(batch, output)
            parts[head.name].append(output)
    return {name: np.concatenate(each) for name, each in parts.items()}


def _called(head: HeadRecord, logits: Array, technologies: Sequence[str]) -> Figures:
    """`right`: the share of slices whose top label names what the recording holds."""
    counts = np.bincount(logits.argmax(axis=1), minlength=len(head.labels))
    called = dict(zip(head.labels, counts.tolist(), strict=True))
    named = {label for name in technologies if (label := label_of(name, head.labels))}
    right = sum(called[label] for label in named) / len(logits)
    return {"called": called, "right": right if named else None}


def _present(head: HeadRecord, logits: Array, technologies: Sequence[str]) -> Figures:
    """`right`: the share of slices in which all that the recording holds is said to be there; of
    noise, in which nothing is."""
    there = scipy.special.expit(logits) >= (head.thresholds or 0.5)
    named = [label for name in technologies if (label := label_of(name, head.labels))]
    right: float | None = None
    if named:
        right = float(there[:, [head.labels.index(n) for n in named]].all(axis=1).mean())
    elif tuple(technologies) == (NOISE,):
        right = float((~there).all(axis=1).mean())
    present = dict(zip(head.labels, there.mean(axis=0).tolist(), strict=True))
    return {"present": present, "right": right}


def _rows(
    head: HeadRecord, masks: npt.NDArray[np.uint8], rows: Sequence[Rows], rate_hz: float
) -> Figures:
    """`pixels`: the share of each label in all rows; `rows`: in those known to hold one technology,
    and whether the band holds all of them (`whole`)."""
    height = masks.shape[1]
    hz = ((np.arange(height) + 0.5) / height - 0.5) * rate_hz
    found: dict[str, Figures] = {}
    for name in dict.fromkeys(row.technology for row in rows):
        mine = [row for row in rows if row.technology == name]
        inside = np.any([(hz >= row.low_hz) & (hz <= row.high_hz) for row in mine], axis=0)
        if inside.any():
            edges = [abs(edge) for row in mine for edge in (row.low_hz, row.high_hz)]
            whole = name == NOISE or max(edges) <= rate_hz / 2
            found[name] = {"whole": whole, "pixels": _shares(head, masks[:, inside])}
    return {"pixels": _shares(head, masks), "rows": found}


def _shares(head: HeadRecord, masks: npt.NDArray[np.uint8]) -> dict[str, float]:
    counts = np.bincount(masks.reshape(-1), minlength=len(head.labels))
    return dict(zip(head.labels, (counts / masks.size).tolist(), strict=True))
