"""An analog phased array with a codebook of beams, as built: no two alike.

One chain, a phase shifter of few bits at each element. What differs from device to device: gain and
phase of the elements, their slope over frequency (lines of unlike length), their amplifiers'
compression, and the steps of the phase shifters. All of it is seen through the beam's weights,
so each beam has its own frequency response and its own distortion, on each device another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Geometry:
    """Elements half a wavelength apart, `columns` in azimuth; beams even in sin(azimuth)."""

    columns: int
    rows: int
    beams: int
    phase_bits: int
    widest_deg: float = 60.0

    @property
    def elements(self) -> int:
        return self.columns * self.rows

    def steering(self, azimuth_rad: Array, detune: Array | float = 0.0) -> Complex:
        """Response [..., element] to directions [...]; `detune`: offset over carrier frequency."""
        column = np.tile(np.arange(self.columns) - (self.columns - 1) / 2, self.rows)
        turns = 0.5 * np.asarray((1 + np.asarray(detune)) * np.sin(azimuth_rad))[..., None] * column
        return np.asarray(np.exp(2j * np.pi * turns))

    def beam_azimuths(self) -> Array:
        edge = np.sin(np.radians(self.widest_deg))
        return np.arcsin(np.linspace(-edge, edge, self.beams))


@dataclass(frozen=True)
class FrontEnd:
    """One device: per beam and element what it applies, over frequency."""

    geometry: Geometry
    weights: Complex  # [beam, element]
    delay_s: Array  # [element]
    compression: Complex  # [element]: of x |x|^2, relative to x
    tilt_rad: float  # how askew it is mounted

    @classmethod
    def draw(
        cls, geometry: Geometry, rng: np.random.Generator, spread: float, bandwidth_hz: float
    ) -> FrontEnd:
        """A device; `spread` 1 is that of an uncalibrated one, 0 none."""
        n = geometry.elements
        step = 2 * np.pi / 2**geometry.phase_bits
        ideal = -np.angle(geometry.steering(geometry.beam_azimuths()))
        state = np.round(ideal / step).astype(int) % 2**geometry.phase_bits
        states = np.arange(2**geometry.phase_bits) * step
        phase = states + spread * rng.normal(0, np.radians(8), (n, states.size))
        loss_db = spread * rng.normal(0, 0.7, (n, states.size))
        shifter = 10 ** (loss_db / 20) * np.exp(1j * phase)  # [element, state]
        element_db = spread * rng.normal(0, 1.5, n)
        element = 10 ** (element_db / 20) * np.exp(1j * spread * rng.normal(0, np.radians(25), n))
        weights = np.stack([shifter[np.arange(n), s] for s in state]) * element
        return cls(
            geometry,
            weights / np.sqrt(n),
            spread * rng.normal(0, 0.15, n) / bandwidth_hz,
            -spread * rng.uniform(0.0, 0.25, n) * np.exp(1j * rng.uniform(-0.6, 0.6, n)),
            spread * float(rng.normal(0, np.radians(2))),
        )

    def response(self, azimuth_rad: float, offset_hz: Array, carrier_hz: float) -> Complex:
        """Of each beam towards a direction, at offsets from the carrier: [beam, offset]."""
        steering = self.geometry.steering(
            np.full(offset_hz.shape, azimuth_rad - self.tilt_rad), offset_hz / carrier_hz
        )  # [offset, element]
        slope = np.exp(-2j * np.pi * offset_hz[:, None] * self.delay_s)
        response: Complex = self.weights @ (steering * slope).T
        return response

    def distortion(self, azimuth_rad: float) -> Complex:
        """Of each beam towards a direction, the weight of x |x|^2: [beam]."""
        steering = self.geometry.steering(np.asarray(azimuth_rad - self.tilt_rad))
        distortion: Complex = self.weights @ (self.compression * steering)
        return distortion
