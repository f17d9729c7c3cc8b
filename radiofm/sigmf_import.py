"""Recordings of any kind written as SigMF pairs: the samples as they are, and all that is known."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.errors import RecordingError
from radiofm.recording import Recording
from radiofm.sigmf_meta import RECORDER, meta_bytes, pair

CHUNK_SAMPLES = 1 << 20


def import_recording(
    recording: Recording,
    folder: Path,
    center_frequency_hz: float | None = None,
    progress: Callable[[int], None] = lambda written: None,
) -> Path:
    """Write `recording` to `folder` and return its `.sigmf-meta`; `progress` is told the bytes.

    The samples keep their datatype, to the bit; SigMF metadata keeps all of its keys. The centre
    is for what does not tell its own; `core:description` names the source. Nothing is overwritten,
    and nothing half written is left behind. Raises RecordingError.
    """
    meta_path, data_path = pair(folder / f"{recording.source.name}.sigmf-meta")
    for path in (meta_path, data_path):
        if path.exists():
            raise RecordingError(f"{path} exists: import to another folder, or move it away")
    parts = [path.with_name(path.name + ".part") for path in (data_path, meta_path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sha512 = _copy(recording, parts[0], progress)
        document = _document(recording, sha512, center_frequency_hz)
        parts[1].write_text(json.dumps(document, indent=4) + "\n", "utf-8")
        parts[0].rename(data_path)
        parts[1].rename(meta_path)
    except OSError as error:
        raise RecordingError(
            f"{data_path} could not be written: {error.strerror}: make room or go elsewhere"
        ) from None
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return meta_path


def _copy(recording: Recording, path: Path, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha512()
    with path.open("wb") as file:
        for start in range(0, recording.count, CHUNK_SAMPLES):
            part = np.ascontiguousarray(recording.data[start : start + CHUNK_SAMPLES])
            data = part.view(np.uint8).reshape(-1).data
            digest.update(data)
            file.write(data)
            progress(len(data))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _document(recording: Recording, sha512: str, center_frequency_hz: float | None) -> Any:
    source, said = recording.source, recording.info.core_description
    made = json.loads(meta_bytes(source.meta))
    found = source.document or made
    origin = f"imported by {RECORDER} from {source.path.name}"
    info = {"core:version": made["global"]["core:version"], **found["global"]} | {
        "core:sample_rate": recording.sample_rate_hz,
        "core:description": f"{said} ({origin})" if said else origin,
        "core:sha512": sha512,
    }
    info.pop("core:collection", None)  # the copy is not in it
    center = {} if center_frequency_hz is None else {"core:frequency": center_frequency_hz}
    captures = found.get("captures") or [{"core:sample_start": recording.info.core_offset}]
    return {
        **found,
        "global": info,
        "captures": [center | capture for capture in captures],
        "annotations": found.get("annotations", []),
    }
