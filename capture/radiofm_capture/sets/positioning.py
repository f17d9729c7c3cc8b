"""5G positioning: channel amplitudes at base stations around a user, by image sources in a box.

Each wall, the ground and, indoors, the ceiling mirror the user; a path for every image of up to
`order` bounces, its amplitude 1 / distance times a loss a bounce (Allen and Berkley, 1979, JASA 65,
943). So the channel is a function of the position alone, smooth within a wavelength: it can be
learned. Noise is that of the receivers: the same at all stations, whatever they receive.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.constants import c as LIGHT

from radiofm.array_set import ArrayInfo, Arrays

Points = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

MARGIN_M = 1.0  # from walls and stations
CORNERS = ((0.0, 0.0, 10.0), (80.0, 0.0, 14.0), (0.0, 60.0, 18.0), (80.0, 60.0, 25.0))
CEILING = (
    (2.0, 2.0, 3.8),
    (58.0, 2.0, 3.6),
    (2.0, 18.0, 3.4),
    (58.0, 18.0, 3.2),
    (30.0, 10.0, 3.9),
)


@dataclass(frozen=True)
class Positioning:
    """Defaults: outdoors, a yard between four house fronts, the user on foot."""

    box_m: tuple[float, float, float] = (80.0, 60.0, 40.0)
    stations_m: tuple[tuple[float, float, float], ...] = CORNERS
    height_m: tuple[float, float] = (1.0, 2.0)  # of the user
    ceiling: bool = False
    order: int = 2  # bounces
    wall: float = 0.5  # amplitude kept in a bounce off a wall (6 dB lost)
    ground: float = 0.7  # or off the ground or ceiling
    carrier_hz: float = 3.5e9
    subcarriers: int = 192
    spacing_hz: float = 480e3  # every eighth subcarrier of 60 kHz: 92 MHz in all
    symbols: int = 14
    snr_db: tuple[float, ...] = (10.0, 20.0, 50.0)  # one a sample; of a free path of reference_m
    reference_m: float = 20.0  # a free path of so many metres has amplitude 1

    name: ClassVar[str] = "positioning"
    about: ClassVar[str] = (
        "Amplitudes of the channel from a user to synchronised base stations, by image sources in "
        "a box, and where the user stood. Layout of the public 5G NR positioning set."
    )
    not_for: ClassVar[str] = (
        "measured: plane walls, isotropic antennas, nothing in the way, a user who stands still. "
        "Errors in metres say nothing of a real site."
    )
    group: ClassVar[str | None] = None
    shard: ClassVar[int] = 256
    needs: ClassVar[tuple[str, ...]] = ("numpy",)

    def arrays(self) -> dict[str, ArrayInfo]:
        shape = (len(self.stations_m), self.subcarriers, self.symbols)
        return {
            "features": ArrayInfo(
                dtype="float32", shape=shape, about="amplitude: station, subcarrier, symbol"
            ),
            "position": ArrayInfo(dtype="float32", shape=(3,), about="x, y, z, metres"),
            "snr_db": ArrayInfo(dtype="float32", shape=(), about="of a free path, see parameters"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        (x, y, _), (low, high) = self.box_m, self.height_m
        lowest, highest = (MARGIN_M, MARGIN_M, low), (x - MARGIN_M, y - MARGIN_M, high)
        positions = rng.uniform(lowest, highest, (len(rows), 3))
        snr_db = np.asarray(self.snr_db)[np.asarray(rows) % len(self.snr_db)]
        features = np.empty((len(rows), *self.arrays()["features"].shape), np.float32)
        for out, position, snr in zip(features, positions, snr_db, strict=True):
            sigma = np.sqrt(0.5 * 10 ** (-snr / 10))
            noise = sigma * rng.standard_normal((*out.shape, 2)).view(np.complex128)[..., 0]
            out[:] = np.abs(self.response(position)[:, :, None] + noise)
        return {"features": features, "position": positions, "snr_db": snr_db}

    def response(self, position: Points) -> Complex:
        """The channel [station, subcarrier] from `position` [3], metres."""
        images, kept = self.images(position)
        offsets = images - np.asarray(self.stations_m)[:, None]  # [station, image, 3]
        distance = np.linalg.norm(offsets, axis=-1)
        k = np.arange(self.subcarriers) - (self.subcarriers - 1) / 2
        cycles = (self.carrier_hz + k * self.spacing_hz)[:, None] * (distance / LIGHT)[:, None]
        gain = kept * self.reference_m / np.maximum(distance, MARGIN_M)
        response: Complex = np.einsum("bi,bki->bk", gain, np.exp(-2j * np.pi * cycles))
        return response

    def images(self, position: Points) -> tuple[Points, Points]:
        """The user and its mirror images [image, 3], and the amplitude that each has kept."""
        images, kept = [], []
        span = range(-self.order, self.order + 1)
        for n in product(span, span, span if self.ceiling else (-1, 0)):
            if sum(map(abs, n)) <= self.order:
                images.append(
                    [_image(p, b, m) for p, b, m in zip(position, self.box_m, n, strict=True)]
                )
                kept.append(self.wall ** (abs(n[0]) + abs(n[1])) * self.ground ** abs(n[2]))
        return np.array(images), np.array(kept)


def _image(at: float, width: float, bounces: int) -> float:
    """Where a point at `at` between walls at 0 and `width` is seen after so many bounces.

    Positive: off the far wall first, negative: off the near one (at 0).
    """
    return bounces * width + (at if bounces % 2 == 0 else width - at)


PRESETS: dict[str, Any] = {
    "outdoor": Positioning(),
    "indoor": Positioning(
        box_m=(60.0, 20.0, 4.0),
        stations_m=CEILING,
        height_m=(0.5, 2.0),
        ceiling=True,
        reference_m=10.0,
    ),  # fmt: skip
}
