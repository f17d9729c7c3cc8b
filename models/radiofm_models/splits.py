"""Splits of data sets into train, validation and test: made once by a rule, stored, checked.

    split = make_split(dataset, seed=0)
    split.save(folder / "split.json")
    rows = StoredSplit.load(folder / "split.json").rows(dataset)   # a Split of row numbers

Units are groups (a session, a place) where the set knows them, else single items; units of one
class, and of one SNR where it has steps, are shared out alike. Where the authors fixed a test part
it is the test part, and validation is taken from their train part, unless it is fixed too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from radiofm.errors import RecordingError, UsageError
from radiofm_models.data import Indices, Split
from radiofm_models.datasets.dataset import Dataset, Names

Fractions = tuple[float, float, float]  # train, validation, test
FRACTIONS: Fractions = (0.8, 0.1, 0.1)
SNR_STEPS = 32  # more of them are drawn from a range


class StoredSplit(BaseModel):
    """A split as it is kept: what made it, and its row numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    dataset: str
    fingerprint: str  # of the items that it is of
    seed: int
    fractions: Fractions
    units: Literal["group", "item"]
    official: bool  # the test part is the authors'
    shared_groups: int  # groups that the authors' parts divide
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def rows(self, dataset: Dataset) -> Split:
        """The parts; raises RecordingError where `dataset` is not what was split."""
        if dataset.fingerprint() != self.fingerprint:
            raise RecordingError(
                f"{dataset.path}: its items are not those that the split of {self.dataset} was "
                "made of: make the split anew"
            )
        return Split(*(np.array(p, np.int64) for p in (self.train, self.validation, self.test)))

    def save(self, path: Path) -> None:
        path.write_text(self.model_dump_json() + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> StoredSplit:
        try:
            return cls.model_validate_json(path.read_text("utf-8"))
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise RecordingError(f"{path}: it is no split ({reason}): make it anew") from None


def make_split(
    dataset: Dataset, seed: int = 0, fractions: Fractions = FRACTIONS, official: bool = True
) -> StoredSplit:
    """Split by the rule above; `official=False` passes over the authors' parts.

    Fractions are of the units of each stratum, rounded, but none of them empty where it has three
    units or more. With the authors' test part, validation is its share of train and validation.
    Raises UsageError where a part that should have items has none.
    """
    if abs(sum(fractions) - 1) > 1e-9 or min(fractions) < 0 or fractions[0] == 0:
        raise UsageError(
            f"fractions {fractions} do not say how to split: give three that add up to 1, the "
            "first above 0"
        )
    parts = dataset.parts if official else None
    rows = np.arange(len(dataset)) if parts is None else np.flatnonzero(parts == "train")
    groups = rows if dataset.groups is None else dataset.groups[rows]
    share = fractions
    if parts is not None:
        share = (fractions[0] / (1 - fractions[2]), fractions[1] / (1 - fractions[2]), 0.0)
        if "validation" in parts:
            share = (1.0, 0.0, 0.0)
    assigned = _assign(groups, _strata(dataset)[rows], share, np.random.default_rng(seed))
    train, validation, test = (rows[assigned == number] for number in range(3))
    if parts is not None:
        test = np.flatnonzero(parts == "test")
        if "validation" in parts:
            validation = np.flatnonzero(parts == "validation")
    for name, part, fraction in zip(
        ("train", "validation", "test"), (train, validation, test), fractions, strict=True
    ):
        if fraction > 0 and len(part) == 0:
            raise UsageError(
                f"{dataset.name} of {len(np.unique(groups))} groups leaves {name} empty: give it "
                "a fraction of 0, or more groups"
            )
    shared = 0
    if dataset.groups is not None and parts is not None:
        shared = len(np.intersect1d(groups, dataset.groups[test]))
    return StoredSplit(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint(),
        seed=seed,
        fractions=fractions,
        units="item" if dataset.groups is None else "group",
        official=parts is not None,
        shared_groups=shared,
        train=tuple(train.tolist()),
        validation=tuple(validation.tolist()),
        test=tuple(test.tolist()),
    )


def _strata(dataset: Dataset) -> Indices:
    """A number for each item: those of one class, and of one SNR if it has steps, have the same."""
    keys: list[Names] = [] if dataset.classes is None else [dataset.classes]
    if dataset.snr_db is not None:
        steps = len(np.unique(dataset.snr_db))
        if steps <= SNR_STEPS and 2 * steps <= len(dataset):  # else a few items of a range
            keys.append(dataset.snr_db)
    if not keys:
        return np.zeros(len(dataset), np.int64)
    codes = [np.unique(key, return_inverse=True)[1].astype(np.int64) for key in keys]
    return codes[0] if len(codes) == 1 else codes[0] * (int(codes[1].max()) + 1) + codes[1]


def _assign(
    groups: Indices, strata: Indices, fractions: Fractions, rng: np.random.Generator
) -> Indices:
    """0, 1 or 2 (train, validation, test) for each item; one number for all of a group."""
    names, first, of = np.unique(groups, return_index=True, return_inverse=True)
    mixed = np.zeros(len(names), bool)
    mixed[of[strata != strata[first][of]]] = True
    stratum = np.where(mixed, -1, strata[first])  # groups of several classes are one stratum
    number = np.zeros(len(names), np.int64)
    for one in np.unique(stratum):
        units = rng.permutation(np.flatnonzero(stratum == one))
        counts = [round(fraction * len(units)) for fraction in fractions[1:]]
        if len(units) >= 3:
            counts = [max(c, 1) if f > 0 else 0 for c, f in zip(counts, fractions[1:], strict=True)]
        while sum(counts) >= len(units):  # train has each class
            counts[int(np.argmax(counts))] -= 1
        number[units[: counts[0]]] = 1
        number[units[counts[0] : sum(counts)]] = 2
    return number[of.reshape(-1)]
