"""Figures over recordings: by technology, and of rows by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Figures = dict[str, Any]
Recordings = Sequence[Mapping[str, Any]]  # `Heard.to_json` of each


def summary(recordings: Recordings) -> Figures:
    """`technologies`: by what recordings hold, the share of slices that a head got right, over all
    slices and in the recording where it is lowest; `rows`: by head and what rows hold, the share of
    each label, as the mean over recordings, and over those alone whose band holds the rows whole.
    """
    held = {name for each in recordings for name in each["technology"]}
    return {
        "technologies": {name: _technology(_holding(recordings, name)) for name in sorted(held)},
        "rows": {
            head: {name: _rows(recordings, head, name) for name in names}
            for head, names in _known_rows(recordings).items()
        },
    }


def _holding(recordings: Recordings, technology: str) -> Recordings:
    return [each for each in recordings if technology in each["technology"]]


def _technology(recordings: Recordings) -> Figures:
    slices = np.array([each["slices"] for each in recordings])
    right: Figures = {}
    for head in dict.fromkeys(head for each in recordings for head in each["heads"]):
        shares = [each["heads"][head].get("right") for each in recordings]
        if all(share is not None for share in shares):
            values = np.array(shares, np.float64)
            right[head] = {
                "slices": float((values * slices).sum() / slices.sum()),
                "lowest": float(values.min()),
            }
    return {"recordings": len(recordings), "slices": int(slices.sum()), "right": right}


def _known_rows(recordings: Recordings) -> dict[str, list[str]]:
    """By segmentation head, what rows are known to hold."""
    found: dict[str, list[str]] = {}
    for each in recordings:
        for head, figures in each["heads"].items():
            for name in figures.get("rows", ()):
                if name not in found.setdefault(head, []):
                    found[head].append(name)
    return found


def _rows(recordings: Recordings, head: str, technology: str) -> Figures:
    rows = [each["heads"][head].get("rows", {}) for each in recordings]
    known = [one[technology] for one in rows if technology in one]
    whole = [one for one in known if one["whole"]]
    return {
        "recordings": len(known),
        "pixels": _mean(known),
        "whole": {"recordings": len(whole), "pixels": _mean(whole)},
    }


def _mean(known: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    labels = known[0]["pixels"] if known else ()
    return {label: float(np.mean([one["pixels"][label] for one in known])) for label in labels}
