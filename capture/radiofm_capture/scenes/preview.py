"""A scene as a picture: its spectrogram with the truth drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import MissingDependencyError, UsageError
from radiofm.quantities import format_si
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec
from radiofm_capture.scenes.front_end import FULL_SCALE
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.truth import TruthBox

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT, WIDTH = 512, 1000  # cells of the spectrogram
LONGEST_S = 1.0
DARKEST, BRIGHTEST = 2.0, 99.9  # percentiles of the cells that the colours reach from and to
LABELLED = 0.08  # of the picture: what is less long is only outlined
THIN = 0.006  # of the picture: what is less long has a line of its own measure
SHADE = "#00000099"  # around lines and letters
COLOURS = ("#38e1ff", "#9dff57", "#ffffff", "#ffe14d", "#5cffc4", "#8ab4ff", "#d6ff8a", "#b8f1ff")


def save_preview(
    player: ScenePlayer, title: str, out: Path, center_hz: float, rate: float, seconds: float
) -> list[TruthBox]:
    """Write the first `seconds` (at most 1) to `out`, a .png or .svg; returns the boxes shown."""
    if out.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"--out {out}: a picture is a .png or a .svg")
    if seconds > LONGEST_S:
        raise UsageError(f"--seconds {seconds:g}: a picture shows {LONGEST_S:g} s at most")
    count = round(seconds * rate)
    image = picture_of(player.read(0, count, center_hz, rate), FULL_SCALE, rate)
    boxes = player.truth(0, count, center_hz, rate)
    figure = figure_of(11, 6)
    axes = figure.add_subplot()
    draw(axes, image, center_hz, rate, count, boxes)
    axes.set_title(title, loc="left", fontsize=10)
    figure.savefig(out, dpi=110)
    return boxes


def picture_of(
    samples: npt.NDArray[Any],
    full_scale: float,
    rate: float,
    height: int = HEIGHT,
    width: int = WIDTH,
) -> Image:
    """Samples [count, 2] of at most a second -> dBFS [frequency, time]."""
    size = 1024 if rate > 4e6 else 512
    while size > 32 and len(samples) < 8 * size:  # short: fewer frequencies, more times
        size //= 2
    frames = len(samples) / size
    spec = SpectrogramSpec(
        duration_s=len(samples) / rate, window_size=size, fft_size=2 * size,
        hop=size if frames > width else max(16, int(len(samples) / width)),
        height=height, width=width,
    )  # fmt: skip
    return Spectrogram(spec, rate).decibels(samples, full_scale)


def draw(
    axes: Axes, image: Image, center_hz: float, rate: float, count: int, boxes: Sequence[TruthBox]
) -> None:
    """A spectrogram of `count` samples, time to the right in ms, frequency up in MHz."""
    low, high = (center_hz - rate / 2) / 1e6, (center_hz + rate / 2) / 1e6
    span_ms = count / rate * 1e3
    darkest, brightest = np.percentile(image, [DARKEST, BRIGHTEST])
    shown = axes.imshow(
        image, origin="lower", aspect="auto", extent=(0, span_ms, low, high), cmap="magma",
        vmin=float(darkest), vmax=float(brightest), interpolation="nearest",
    )  # fmt: skip
    bar = axes.figure.colorbar(shown, ax=axes, pad=0.01, aspect=40)
    bar.set_label("dBFS a bin")
    axes.set_xlabel("ms")
    axes.set_ylabel("MHz")
    axes.ticklabel_format(useOffset=False)
    colours: dict[str, str] = {}
    for box in boxes:
        colour = colours.setdefault(box.label, COLOURS[len(colours) % len(COLOURS)])
        _outline(axes, box, rate, span_ms, colour)
    for label, colour in colours.items():
        axes.plot([], [], "s", color=colour, label=label, fillstyle="none")
    if colours:
        axes.legend(
            loc="upper right", fontsize=8, framealpha=0.75, facecolor="black", labelcolor="white"
        )


def _outline(axes: Axes, box: TruthBox, rate: float, span_ms: float, colour: str) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    start, length = box.start_sample / rate * 1e3, box.sample_count / rate * 1e3
    low, high = box.low_hz / 1e6, box.high_hz / 1e6
    thin = length < THIN * span_ms
    shade = [] if thin else [withStroke(linewidth=2.2, foreground=SHADE)]
    axes.add_patch(
        Rectangle(
            (start, low), length, high - low, fill=False, edgecolor=colour,
            linewidth=0.4 if thin else 1.0, linestyle=(0, (2, 2)) if box.alias else "-",
            path_effects=shade,
        )
    )  # fmt: skip
    if length > LABELLED * span_ms:
        axes.text(
            start, high, f" {box.label} {box.snr_db:.0f} dB", color=colour, fontsize=8,
            va="top", clip_on=True, path_effects=shade,
        )  # fmt: skip


def figure_of(width: float, height: float) -> Figure:
    """An empty figure of so many inches; MissingDependencyError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "matplotlib", "pip install matplotlib, or 'radiofm[sim]'"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def title_of(name: str, seed: int, center_hz: float, rate: float) -> str:
    """What a picture says above."""
    return f"{name}, seed {seed}: {format_si(center_hz, 'Hz')}, {format_si(rate, 'S/s')}"
