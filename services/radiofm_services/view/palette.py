"""The view's colours, made by formula in OKLCH so that lightness is the power.

Two ramps of 32 steps: blue where no head says "occupied", amber where one does. Both rise evenly in
lightness, and blue against amber survives the common colour blindnesses. OKLab: B. Ottosson, "A
perceptual color space for image processing", 2020.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.style import Style

STEPS = 32
Rgb = npt.NDArray[np.uint8]

_TO_LMS = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def oklch(lightness: npt.ArrayLike, chroma: npt.ArrayLike, hue_degrees: npt.ArrayLike) -> Rgb:
    """OKLCH (lightness 0 to 1, chroma about 0 to 0.3) -> sRGB uint8 [n, 3], clipped to gamut."""
    light, chroma_, hue = np.broadcast_arrays(lightness, chroma, np.radians(hue_degrees))
    lab = np.stack([light, chroma_ * np.cos(hue), chroma_ * np.sin(hue)], axis=-1)
    linear = np.clip((lab @ _TO_LMS.T) ** 3 @ _TO_RGB.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(255 * srgb), np.uint8)


def _ramp(hue_from: float, hue_to: float, chroma: float) -> Rgb:
    rise = np.linspace(0, 1, STEPS)
    hue = hue_from + (hue_to - hue_from) * rise
    return oklch(0.17 + 0.77 * rise, chroma * np.sin(np.pi * (0.12 + 0.78 * rise)), hue)


FREE = 0  # the first of 32 steps
OCCUPIED = STEPS  # the first of 32 steps
BACKGROUND, HATCH, HATCH_GAP, SKIPPED, STREAM = range(2 * STEPS, 2 * STEPS + 5)
BAND = 2 * STEPS + 5
LABELS = 2 * STEPS + 6  # the first of LABEL_COLOURS, then the quiet one
LABEL_COLOURS = 8
QUIET_LABEL = LABELS + LABEL_COLOURS

_HUES = [70, 230, 160, 350, 100, 290, 40, 195]  # neighbours in order differ in lightness too
_LIGHT = [0.80, 0.68, 0.74, 0.66, 0.88, 0.62, 0.66, 0.84]

TABLE: Rgb = np.concatenate(
    [
        _ramp(268, 215, 0.125),
        _ramp(35, 92, 0.150),
        oklch(
            [0.155, 0.66, 0.26, 0.24, 0.50],
            [0.012, 0.10, 0.05, 0.005, 0.02],
            [265, 25, 25, 265, 265],
        ),
        oklch([0.20], [0.016], [265]),
        oklch(_LIGHT, [0.125] * LABEL_COLOURS, _HUES),
        oklch([0.52], [0.015], [265]),
    ]
)
COLORS = [Color.from_rgb(*(int(c) for c in rgb)) for rgb in TABLE]


@cache
def ink(index: int, background: int = BACKGROUND, *, bold: bool = False) -> Style:
    """Text in palette colour `index` upon palette colour `background`."""
    return Style(color=COLORS[index], bgcolor=COLORS[background], bold=bold)


def _grey(
    lightness: float, *, bold: bool = False, chroma: float = 0.012, hue: float = 250
) -> Style:
    red, green, blue = (int(c) for c in oklch(lightness, chroma, hue))
    color = Color.from_rgb(red, green, blue)
    return Style(color=color, bgcolor=COLORS[BACKGROUND], bold=bold)


TEXT = _grey(0.86)
STRONG = _grey(0.96, bold=True)
DIM = _grey(0.58)
FAINT = _grey(0.46)
GOOD = _grey(0.82, chroma=0.11, hue=190, bold=True)
WARN = _grey(0.82, chroma=0.14, hue=75, bold=True)
BAD = _grey(0.70, chroma=0.17, hue=25, bold=True)
