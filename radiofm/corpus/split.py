"""Splits of a corpus into train, validation and test: whole groups only, by a hash of their name.

A group's split depends on its name and the seed, on nothing else: it stays when others are added,
and is the same on any machine. The fractions are thus expectations over groups, not quotas. Names
of recordings and devices do not change; a session or band that grows to an earlier time or a lower
frequency, or grows together with another, may move.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from radiofm.corpus.groups import By, groups
from radiofm.corpus.index import open_index
from radiofm.corpus.spec import write_spec
from radiofm.errors import UsageError

SPLITS = ("train", "validation", "test")
FRACTIONS = (0.8, 0.1, 0.1)
SEEDS = 10_000  # tried for one that leaves no split empty

Fraction = Annotated[float, Field(ge=0, le=1)]


class SplitRule(BaseModel):
    """How a corpus is split; kept in its index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: By = "recording"
    seed: int = 0
    fractions: tuple[Fraction, Fraction, Fraction] = FRACTIONS

    def split_of(self, group: str) -> str:
        """The split of a group, from its name and the seed alone."""
        digest = hashlib.sha256(f"{self.seed}:{group}".encode()).digest()
        at = int.from_bytes(digest[:8], "big") / 2**64
        edge = 0.0
        for name, fraction in zip(SPLITS, self.fractions, strict=True):
            edge += fraction
            if at < edge:
                return name
        return max(zip(self.fractions, SPLITS, strict=True))[1]  # where rounding left a rest

    def empty(self, names: Collection[str]) -> list[str]:
        """The splits that should have a group of `names` and have none."""
        filled = {self.split_of(name) for name in names}
        wanted = zip(SPLITS, self.fractions, strict=True)
        return [name for name, fraction in wanted if fraction > 0 and name not in filled]


@dataclass(frozen=True)
class SplitReport:
    """What a split came to: per split its groups, recordings, slices."""

    rule: SplitRule
    moved: int  # recordings that were in another split before
    parts: dict[str, dict[str, int]]


def split(
    folder: Path,
    by: By = "recording",
    seed: int | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> SplitReport:
    """Split the corpus in `folder`, record it in the index, measure the spec over train alone.

    `seed` None is the seed in use, where it does, else the first from 0 that leaves no split empty.
    Raises UsageError where a split would be empty or the fractions do not add up to 1.
    """
    if not math.isclose(sum(fractions), 1, abs_tol=1e-9) or min(fractions) < 0 or not fractions[0]:
        raise UsageError(
            f"fractions {','.join(f'{f:g}' for f in fractions)} do not say how to split: "
            "give three that add up to 1, the first above 0, like 0.8,0.1,0.1"
        )
    with open_index(folder) as index:
        of = groups(index, by)
        sliced = index.execute("SELECT DISTINCT recording FROM slices")
        names = {of[row[0]] for row in sliced}  # a group without a slice fills nothing
        before = get_rule(index)
        if seed is None:
            first = [before.seed] if before else []
            seed = _good_seed(by, [*first, *range(SEEDS)], fractions, names)
        rule = SplitRule(by=by, seed=seed, fractions=fractions)
        if empty := rule.empty(names):
            good = _good_seed(by, range(SEEDS), fractions, names)
            raise UsageError(
                f"seed {seed} leaves {' and '.join(empty)} without one of the {len(names)} groups: "
                f"take --seed {good}"
            )
        moved = _assign(index, rule, of)
        index.execute("REPLACE INTO settings VALUES ('split', ?)", (rule.model_dump_json(),))
        report = SplitReport(rule, moved, _parts(index, of))
        write_spec(index, folder)
    return report


def get_rule(index: sqlite3.Connection) -> SplitRule | None:
    """The rule that the corpus is split by, if it is."""
    row = index.execute("SELECT value FROM settings WHERE name = 'split'").fetchone()
    return SplitRule.model_validate_json(row[0]) if row else None


def assign_again(index: sqlite3.Connection) -> None:
    """Give what was added its split, by the rule in use."""
    if rule := get_rule(index):
        _assign(index, rule, groups(index, rule.by))


def _assign(index: sqlite3.Connection, rule: SplitRule, of: dict[int, str]) -> int:
    """Write the splits; returns how many recordings have moved from one to another."""
    before = dict(index.execute("SELECT id, split FROM recordings").fetchall())
    now = {id: rule.split_of(group) for id, group in of.items()}
    index.executemany(
        "UPDATE recordings SET split = ? WHERE id = ?", [(name, id) for id, name in now.items()]
    )
    return sum(before[id] not in (None, name) for id, name in now.items())


def _good_seed(
    by: By, seeds: Iterable[int], fractions: tuple[float, float, float], names: Collection[str]
) -> int:
    for seed in seeds:
        if not SplitRule(by=by, seed=seed, fractions=fractions).empty(names):
            return seed
    wanted = sum(fraction > 0 for fraction in fractions)
    raise UsageError(
        f"no seed fills {wanted} splits from {len(names)} groups by {by} (such as "
        f"{min(names, default='none')!r}): split --by recording, add recordings, or set a fraction "
        "to 0"
    )


def _parts(index: sqlite3.Connection, of: dict[int, str]) -> dict[str, dict[str, int]]:
    parts = {name: {"groups": 0, "recordings": 0, "slices": 0} for name in SPLITS}
    rows = index.execute(
        "SELECT id, split, (SELECT count(*) FROM slices WHERE recording = id) FROM recordings"
    )
    seen: set[tuple[str, str]] = set()
    for id, name, slices in rows:
        part = parts[name]
        part["recordings"] += 1
        part["slices"] += slices
        part["groups"] += (name, of[id]) not in seen
        seen.add((name, of[id]))
    return parts
