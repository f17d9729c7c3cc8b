"""Six activities as the motion of seven points of a body: head, chest, hips, two hands, two feet.

Hand-made: rates and reaches are those of the daily experience of such motions, nothing is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ACTIVITIES = ("box", "circle", "clean", "fall", "run", "walk")
REFLECTION_M = np.array([0.1, 0.2, 0.15, 0.06, 0.06, 0.08, 0.08])  # sqrt(cross-section / 4 pi)

# Ahead, to the left, up; metres, of a person 1.75 m tall who stands.
_STANDING = np.array(
    [
        [0.0, 0.0, 1.65], [0.0, 0.0, 1.3], [0.0, 0.0, 0.95], [0.1, 0.3, 0.9], [0.1, -0.3, 0.9],
        [0.05, 0.12, 0.05], [0.05, -0.12, 0.05],
    ]
)  # fmt: skip
_CHEST, _HANDS, _FEET = slice(0, 2), slice(3, 5), slice(5, 7)
_SIDES = np.array([1.0, -1.0])
_SHOULDER_M = 1.4


@dataclass(frozen=True)
class Person:
    """Who moves: size and tempo about 1, place on the floor, where they face (radians)."""

    size: float
    tempo: float
    place: tuple[float, float]
    facing: float

    @classmethod
    def draw(cls, rng: np.random.Generator, place: tuple[float, float]) -> Person:
        return cls(rng.uniform(0.9, 1.1), rng.uniform(0.85, 1.15), place, rng.uniform(0, 2 * np.pi))


def positions(activity: str, person: Person, t: Array, rng: np.random.Generator) -> Array:
    """Where the points are, [time, point, 3], metres, at the times `t`, seconds."""
    body = np.repeat(_STANDING[None], t.size, axis=0)
    body[:, _CHEST, 0] += 0.005 * np.sin(2 * np.pi * 0.3 * t + rng.uniform(0, 6))[:, None]  # breath
    ahead = _MOTIONS[activity](body, t * person.tempo, rng)
    body *= person.size
    body[:, :, 0] += ahead[:, None]
    cos, sin = np.cos(person.facing), np.sin(person.facing)
    x = person.place[0] + cos * body[:, :, 0] - sin * body[:, :, 1]
    y = person.place[1] + sin * body[:, :, 0] + cos * body[:, :, 1]
    return np.stack([x, y, body[:, :, 2]], axis=-1)


# Each moves the points of `body` [time, point, 3] and returns how far the person went ahead [time].


def _box(body: Array, t: Array, rng: np.random.Generator) -> Array:
    turn = 2 * np.pi * rng.uniform(1.3, 1.7) * t + rng.uniform(0, 6)
    punch = np.maximum(np.sin(turn)[:, None] * _SIDES, 0)  # one hand, then the other
    body[:, _HANDS, 0] = 0.2 + 0.5 * punch
    body[:, _HANDS, 2] = _SHOULDER_M - 0.1
    body[:, _CHEST, 1] += 0.04 * np.sin(turn)[:, None]
    return np.zeros_like(t)


def _circle(body: Array, t: Array, rng: np.random.Generator) -> Array:
    turn = (2 * np.pi * rng.uniform(0.8, 1.1) * t + rng.uniform(0, 6))[:, None]
    body[:, _HANDS, 0] = 0.6 * np.cos(turn)
    body[:, _HANDS, 2] = _SHOULDER_M + 0.6 * np.sin(turn)
    return np.zeros_like(t)


def _clean(body: Array, t: Array, rng: np.random.Generator) -> Array:
    sweep = np.sin(2 * np.pi * rng.uniform(0.6, 0.9) * t + rng.uniform(0, 6))[:, None]
    body[:, _CHEST, 0] += 0.35
    body[:, _CHEST, 2] -= 0.35
    body[:, _CHEST, 1] += 0.1 * sweep
    body[:, _HANDS, 0] = 0.6
    body[:, _HANDS, 1] = 0.5 * sweep + 0.1 * _SIDES
    body[:, _HANDS, 2] = 0.35
    return _to_and_fro(t, 0.2, 0.8, rng)


def _fall(body: Array, t: Array, rng: np.random.Generator) -> Array:
    lasts = rng.uniform(0.5, 0.8)
    part = np.clip((t - rng.uniform(0.5, 2.5)) / lasts, 0, 1)[:, None]
    down = part**2  # as a body falls
    height = body[:, :, 2].copy()
    body[:, :, 2] = height * (1 - down) + 0.12 * down
    body[:, :, 0] += height * np.sin(down * np.pi / 2)
    return np.zeros_like(t)


def _run(body: Array, t: Array, rng: np.random.Generator) -> Array:
    _stride(body, t, rng.uniform(2.5, 3.0), 0.4, rng)
    return _to_and_fro(t, rng.uniform(2.0, 2.8), 3.0, rng)


def _walk(body: Array, t: Array, rng: np.random.Generator) -> Array:
    _stride(body, t, rng.uniform(1.7, 2.0), 0.25, rng)
    return _to_and_fro(t, rng.uniform(0.9, 1.3), 3.0, rng)


def _stride(
    body: Array, t: Array, steps_hz: float, reach_m: float, rng: np.random.Generator
) -> None:
    turn = np.pi * steps_hz * t + rng.uniform(0, 6)  # two steps a turn
    swing = reach_m * np.sin(turn)[:, None] * _SIDES
    body[:, _FEET, 0] += swing
    body[:, _HANDS, 0] -= swing
    body[:, :5, 2] += 0.1 * reach_m * np.cos(2 * turn)[:, None]


def _to_and_fro(t: Array, speed_m_s: float, length_m: float, rng: np.random.Generator) -> Array:
    way = speed_m_s * t + rng.uniform(0, 2 * length_m)
    return length_m / 2 - np.abs(way % (2 * length_m) - length_m)


_MOTIONS = {
    "box": _box, "circle": _circle, "clean": _clean, "fall": _fall, "run": _run, "walk": _walk,
}  # fmt: skip
