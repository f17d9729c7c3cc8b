"""A bundle: the folder that holds an encoder, its heads and all that is needed to serve them.

    bundle.json      this manifest: spec, encoder, taps, heads, calibration, provenance, hashes
    embeds/<name>.onnx             slice of a modality -> embedded patches, CLS first
    trunk.onnx                     any of these -> tokens after block K-2   tap `trunk`
    tail.onnx                      those -> tokens of the encoder           tap `tokens`
    heads/<name>/head.onnx
    adapters/<name>.onnx_adapter   query and value matrices that trunk and tail take for a head
    predictions.npz                what heads said of test items, for `radiofm models verify`
    checkpoint/                    weights of encoder and decoder, to be adapted and fine-tuned on

Bundles of before have no embeds: their trunk takes slices, all patches of them.

Nothing in it can run code: files are read once, their hash is checked over the bytes that are used,
and the server admits standard ONNX operators only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from radiofm.errors import BundleError
from radiofm.modality import ModalityRecord, Record, RelativePath, spectrograms
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM, Edge, Hash, Name, Task

MANIFEST = "bundle.json"
MAX_FILE_BYTES = 2 * 1024**3


class FileRecord(Record):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=MAX_FILE_BYTES)]


class EncoderRecord(Record):
    """The encoder. `hash` is of trunk and tail together; heads name the encoder they sit on."""

    hash: Hash
    preset: Name
    dim: Annotated[int, Field(gt=0, le=1 << 16)]
    depth: int
    heads: int
    patch: int
    grid: tuple[Edge, Edge]  # patches over rows and columns of the first modality
    trunk: RelativePath = "trunk.onnx"
    tail: RelativePath = "tail.onnx"
    trunk_int8: RelativePath | None = None  # the same with 8-bit weights, where that was faster
    tail_int8: RelativePath | None = None


class HeadRecord(Record):
    """One head. Input: the tap's tokens, float32 [batch, 1 + patches, dim], token 0 the CLS token.

    Outputs, float32: classification and presence: logits [batch, labels]; segmentation: logits
    [batch, labels, height, width]; reconstruction: the slice again, [batch, channels, height,
    width]; regression: [batch, n]; channel: real and imaginary part, [batch, 2, rows, columns];
    forecast: the columns that come after the slice's, [batch, channels, height, columns].
    """

    name: Name
    version: Annotated[str, Field(max_length=64)]
    task: Task
    tap: Literal["trunk", "tokens"]
    encoder: Hash
    file: RelativePath
    modality: Name | None = None  # None in a bundle of before, which has but spectrograms
    adapter: RelativePath | None = None
    labels: tuple[str, ...] = ()
    temperature: Annotated[float, Field(gt=0)] = 1.0  # logits are divided by it (calibration)
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()  # presence; else 0.5 a label
    error_p99: float | None = None  # reconstruction: 99th percentile of held-out error
    trainable_parameters: int = 0

    @model_validator(mode="after")
    def _thresholds(self) -> Self:
        if self.thresholds and len(self.thresholds) != len(self.labels):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels")
        return self


class BundleManifest(Record):
    version: Literal[1] = 1
    name: Name
    spec: SpectrogramSpec
    encoder: EncoderRecord
    modalities: dict[Name, ModalityRecord] = Field(default_factory=dict)  # empty: of before
    heads: tuple[HeadRecord, ...]
    floor_dbfs: tuple[float, float] | None = None  # noise floors learnt from: their quartiles
    files: dict[RelativePath, FileRecord]
    provenance: dict[str, Any]  # command, commit, seeds, data, packages, cost
    metrics: dict[str, Any]

    @model_validator(mode="after")
    def _modalities_of_heads(self) -> Self:
        for head in self.heads:
            if (head.modality is None) != (not self.modalities):
                raise ValueError(f"head {head.name}: modality {head.modality!r} does not fit")
            if head.modality is not None and head.modality not in self.modalities:
                raise ValueError(f"head {head.name}: modality {head.modality!r} is not there")
        for name, modality in self.modalities.items():
            if not self.modalities.get(modality.slices or name, modality).same_slices(modality):
                raise ValueError(f"modality {name}: its slices are not those of {modality.slices}")
            if modality.slices is not None and modality.slices not in self.modalities:
                raise ValueError(f"modality {name}: modality {modality.slices!r} is not there")
        return self

    def modality(self, name: str | None) -> ModalityRecord:
        """The record of modality `name`. None: that of a bundle of before, whose trunk takes
        spectrograms as they are.
        """
        if name is None or (name == SPECTROGRAM and not self.modalities):
            return spectrograms(self.spec, self.encoder.grid, self.encoder.trunk)
        if name in self.modalities:
            return self.modalities[name]
        have = ", ".join(self.modalities) or SPECTROGRAM
        raise BundleError(f"modality {name!r} is not in bundle {self.name}: it has {have}")


@dataclass(frozen=True)
class Bundle:
    """A manifest whose files are all there and unaltered when they are read."""

    path: Path
    manifest: BundleManifest

    def read(self, name: str) -> bytes:
        """The bytes of one of the bundle's files, checked against the manifest."""
        record = self.manifest.files.get(name)
        if record is None:
            raise BundleError(f"{self.path}: {name} is not listed in {MANIFEST}")
        file = self.path / name
        if file.is_symlink() or not file.is_file():
            raise BundleError(f"{self.path}: {name} is missing: fetch the bundle again")
        data = file.read_bytes()
        if len(data) != record.size or hashlib.sha256(data).hexdigest() != record.sha256:
            raise BundleError(
                f"{self.path}: {name} is not the file that {MANIFEST} names: fetch it again"
            )
        return data

    def head(self, name: str) -> HeadRecord:
        """The record of head `name`, or a BundleError that lists those there are."""
        for head in self.manifest.heads:
            if head.name == name:
                return head
        have = ", ".join(h.name for h in self.manifest.heads)
        raise BundleError(f"head {name!r} is not in bundle {self.manifest.name}: it has {have}")


def load_bundle(path: Path) -> Bundle:
    """Open the bundle at `path` (a folder). Files are hashed when read, not here."""
    try:
        text = (path / MANIFEST).read_bytes()
    except OSError:
        raise BundleError(f"bundle {path}: no readable {MANIFEST} there") from None
    return Bundle(path, parse_manifest(text, str(path)))


def parse_manifest(text: bytes, where: str) -> BundleManifest:
    """The manifest of the bundle that is at `where`, or BundleError that names the field."""
    try:
        return BundleManifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(p) for p in first["loc"])
        raise BundleError(f"bundle {where}: {MANIFEST}: {field}: {first['msg']}") from None


def file_record(data: bytes) -> FileRecord:
    """Hash and size of a file's bytes."""
    return FileRecord(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def write_manifest(path: Path, manifest: BundleManifest) -> None:
    """Write bundle.json, indented, so that a person can read it."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (path / MANIFEST).write_text(text + "\n", "utf-8")
