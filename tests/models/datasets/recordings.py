"""Small SigMF recordings with annotations, written for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

RATE, CENTER = 100e3, 1e9
SLICE = 1600  # samples of 16 ms


def note(
    label: str | None, start: int, count: int | None, low: float, high: float, **more: Any
) -> dict[str, Any]:
    """An annotation; `low` and `high` are shares of the band."""
    edges = [CENTER + (share - 0.5) * RATE for share in (low, high)]
    made = {
        "core:sample_start": start, "core:sample_count": count, "core:label": label,
        "core:freq_lower_edge": edges[0], "core:freq_upper_edge": edges[1],
        **{f"radiofm:{key}": value for key, value in more.items()},
    }  # fmt: skip
    return {key: value for key, value in made.items() if value is not None}


def recording(
    path: Path,
    slices: float,
    annotations: list[dict[str, Any]] = [],  # noqa: B006
    captures: list[dict[str, Any]] | None = None,
    tone: float | None = None,
    seed: int = 0,
) -> Path:
    """Noise at -40 dBFS, and a `tone` at this share of the band 30 dB above it."""
    rng, count = np.random.default_rng(seed), round(slices * SLICE)
    iq = rng.normal(0, 0.007, (count, 2))
    if tone is not None:
        phase = 2 * np.pi * (tone - 0.5) * np.arange(count)
        iq += 0.3 * np.stack([np.cos(phase), np.sin(phase)], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.clip(iq * 32768, -32768, 32767).astype("<i2").tofile(path.with_suffix(".sigmf-data"))
    first = {"core:sample_start": 0, "core:frequency": CENTER}
    meta = {
        "global": {
            "core:datatype": "ci16_le", "core:version": "1.2.0", "core:sample_rate": RATE,
        },
        "captures": captures or [first],
        "annotations": annotations,
    }  # fmt: skip
    path.with_suffix(".sigmf-meta").write_text(json.dumps(meta))
    return path.with_suffix(".sigmf-meta")
