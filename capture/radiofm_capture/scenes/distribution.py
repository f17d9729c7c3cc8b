"""Scenes that are drawn: where a value of the file may be a distribution instead.

    snr_db = { uniform = [-5, 35] }
    snr_db = { normal = [20, 5] }                     mean and standard deviation
    bursts_s = { log_uniform = [1, 1000] }
    cell_id = { integer = [0, 503] }                  both ends included
    bits = { choice = [8, 12], p = [0.6, 0.4] }       without p all alike; tables may be chosen too
    offset_hz = { uniform = [-0.6, 0.6], unit = "rate" }   times the scene's `sample_rate_hz`

An emitter may have `copies`, a number or a distribution: so many emitters, each drawn for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

KINDS = ("uniform", "log_uniform", "normal", "integer", "choice")
MOST_COPIES = 1000


class DistributionError(ValueError):
    """A distribution that cannot be drawn from, and where it is."""


def resolve(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every distribution replaced by a value that its `seed` draws.

    A pure function: first the sample rate is drawn, then the rest in the order of the file.
    """
    drawing = _Drawing(document)
    drawn = {key: drawing.value(value, key) for key, value in document.items()}
    return drawn if drawing.rate is None else {**drawn, "sample_rate_hz": drawing.rate}


class _Drawing:
    def __init__(self, document: dict[str, Any]) -> None:
        seed = document.get("seed", 0)
        if not isinstance(seed, int) or seed < 0:
            seed = 0  # the scene's own check says what is wrong
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
        self.rate = self.value(document.get("sample_rate_hz"), "sample_rate_hz")

    def value(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            if any(kind in value for kind in KINDS):
                return self._draw(value, where)
            return {key: self.value(part, f"{where}.{key}") for key, part in value.items()}
        if isinstance(value, list):
            return [
                drawn
                for number, part in enumerate(value)
                for drawn in self._items(part, f"{where}.{number}")
            ]
        return value

    def _items(self, part: Any, where: str) -> Iterator[Any]:
        """An item of a list, or its copies."""
        if not (isinstance(part, dict) and "copies" in part):
            yield self.value(part, where)
            return
        copies = self.value(part["copies"], f"{where}.copies")
        if not isinstance(copies, int) or not 0 <= copies <= MOST_COPIES:
            raise DistributionError(
                f"{where}.copies: {copies!r} is not a whole number from 0 to {MOST_COPIES}"
            )
        one = {key: field for key, field in part.items() if key != "copies"}
        for _ in range(copies):
            yield self.value(one, where)

    def _draw(self, table: dict[str, Any], where: str) -> Any:
        kind = next(kind for kind in KINDS if kind in table)
        extra = set(table) - {kind, "p" if kind == "choice" else "unit"}
        if extra:
            raise DistributionError(f"{where}: {sorted(extra)[0]!r} has no place beside {kind!r}")
        if kind == "choice":
            return self._choose(table, where)
        low, high = self._pair(table[kind], kind, where)
        match kind:
            case "uniform":
                drawn: float = float(self._rng.uniform(low, high))
            case "log_uniform":
                drawn = math.exp(self._rng.uniform(math.log(low), math.log(high)))
            case "normal":
                drawn = float(self._rng.normal(low, high))
            case _:
                drawn = int(self._rng.integers(int(low), int(high), endpoint=True))
        return drawn * self._unit(table, where) if "unit" in table else drawn

    def _pair(self, pair: Any, kind: str, where: str) -> tuple[float, float]:
        numbers = isinstance(pair, list) and all(isinstance(n, (int, float)) for n in pair)
        if not numbers or len(pair) != 2 or not all(math.isfinite(n) for n in pair):
            raise DistributionError(f"{where}: {kind} is two numbers, not {pair!r}")
        low, high = pair
        wrong = high < 0 if kind == "normal" else low > high
        if wrong or (kind == "log_uniform" and low <= 0):
            rule = {
                "normal": "[mean, deviation], the latter not below 0",
                "log_uniform": "[lowest, highest], both above 0",
            }.get(kind, "[lowest, highest]")
            raise DistributionError(f"{where}: {kind} is {rule}, not {pair!r}")
        if kind == "integer" and not all(float(n).is_integer() for n in pair):
            raise DistributionError(f"{where}: integer is two whole numbers, not {pair!r}")
        return low, high

    def _choose(self, table: dict[str, Any], where: str) -> Any:
        choices, shares = table["choice"], table.get("p")
        if not isinstance(choices, list) or not choices:
            raise DistributionError(f"{where}: choice is a list of values, not {choices!r}")
        if shares is not None and (
            not isinstance(shares, list)
            or len(shares) != len(choices)
            or not all(isinstance(n, (int, float)) and n >= 0 for n in shares)
            or not sum(shares) > 0
        ):
            raise DistributionError(
                f"{where}: p is a share for each of the {len(choices)} choices, not {shares!r}"
            )
        weights = np.ones(len(choices)) if shares is None else np.array(shares, float)
        index = int(self._rng.choice(len(choices), p=weights / weights.sum()))
        return self.value(choices[index], f"{where}.{index}")

    def _unit(self, table: dict[str, Any], where: str) -> float:
        if table["unit"] != "rate":
            raise DistributionError(f'{where}: unit is "rate", not {table["unit"]!r}')
        if not isinstance(self.rate, (int, float)):
            raise DistributionError(
                f'{where}: the unit "rate" needs one: give the scene sample_rate_hz, or --rate'
            )
        return float(self.rate)
