"""All waveforms on one sheet, and recordings of real air beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm.quantities import format_si
from radiofm.recording import Recording
from radiofm_capture.scenes.front_end import FULL_SCALE
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.preview import BRIGHTEST, DARKEST, figure_of, picture_of
from radiofm_capture.scenes.scene import SLICE_S, Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS, INCHES = 5, (3.0, 2.2)
HEIGHT, WIDTH = 160, 240  # cells of a panel
LONGEST_S = 0.04  # of a recording
CENTER_HZ = 1e9
SNR_DB = 25.0


@dataclass(frozen=True)
class Panel:
    """How a family is shown: the receiver's rate, how long, and what differs from its defaults."""

    rate: float
    seconds: float
    fields: dict[str, Any] = field(default_factory=dict)
    seed: int = 1


PANELS: dict[str, Panel] = {
    "lte": Panel(15.36e6, 0.02, {"prb": 50, "load": 0.2}),
    "nr": Panel(30.72e6, 0.02, {"load": 0.3, "cell_id": 500}),
    "wifi": Panel(25e6, 0.01),
    "bluetooth": Panel(80e6, 0.02, {"occupancy": 0.8}),
    "ble": Panel(80e6, 0.05, {"advertisers": 20, "connections": 2}),
    "zigbee": Panel(4e6, 0.04),
    "lora": Panel(1e6, 0.2),
    "adsb": Panel(4e6, 0.004, {"aircraft": 200}),
    "fm": Panel(1e6, 0.04),
    "nbfm": Panel(50e3, 0.5),
    "am": Panel(50e3, 0.5, {"on_s": [0.2, 0.3], "off_s": [0.05, 0.1]}),
    "gsm": Panel(1e6, 0.02),
    "dect": Panel(20e6, 0.03),
    "umts": Panel(10e6, 0.01),
    "dvbt": Panel(12e6, 0.01),
    "sensor": Panel(250e3, 0.2, {"off_s": [0.05, 0.05]}),
    "remote": Panel(250e3, 0.2, {"off_s": [0.05, 0.05]}),
    "pocsag": Panel(50e3, 1.0, {"off_s": [0.05, 0.1]}),
    "radar": Panel(8e6, 0.004, {"pulse_s": 60e-6, "chirp_hz": 4e6}),
    "fmcw": Panel(20e6, 0.03, {"sweep_hz": 15e6}),
    "drone": Panel(20e6, 0.02),
    "microwave": Panel(50e6, 0.03),
    "cw": Panel(5e3, 1.0),
}


def save_sheet(
    out: Path, recordings: Sequence[Path], progress: Callable[[str], None] = lambda title: None
) -> int:
    """Draw every family, then `recordings`, into `out`, a .png or .jpg; returns the panels."""
    if out.suffix.lower() not in (".png", ".jpg"):
        raise UsageError(f"--out {out}: a sheet is a .png or a .jpg")
    count = len(PANELS) + len(recordings)
    rows = math.ceil(count / COLUMNS)
    figure = figure_of(INCHES[0] * COLUMNS, INCHES[1] * rows)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).reshape(-1)
    shown = 0
    for title, samples, full_scale, rate in (*_simulated(), *_recorded(recordings)):
        progress(title)
        _draw(axes[shown], title, samples, full_scale, rate)
        shown += 1
    for empty in axes[shown:]:
        empty.set_axis_off()
    figure.savefig(out, dpi=80)
    return shown


def _simulated() -> Iterator[tuple[str, npt.NDArray[Any], float, float]]:
    for family, panel in PANELS.items():
        emitter = {
            "waveform": {"family": family, **panel.fields}, "offset_hz": 0.0, "snr_db": SNR_DB,
        }  # fmt: skip
        scene = Scene.model_validate(
            {
                "seed": panel.seed, "center_frequency_hz": CENTER_HZ,
                "slices": math.ceil(panel.seconds / SLICE_S), "noise_dbfs_per_hz": -120.0,
                "emitters": [emitter],
            }
        )  # fmt: skip
        count = round(panel.seconds * panel.rate)
        samples = ScenePlayer(scene).read(0, count, CENTER_HZ, panel.rate)
        yield family, samples, FULL_SCALE, panel.rate


def _recorded(paths: Sequence[Path]) -> Iterator[tuple[str, npt.NDArray[Any], float, float]]:
    for path in paths:
        recording = Recording.open(path, verify=False)
        rate = recording.sample_rate_hz
        samples = recording.read(0, min(recording.count, round(LONGEST_S * rate)))
        name = path.name.removesuffix(".sigmf-meta")
        yield f"REAL {name}", samples, recording.full_scale, rate


def _draw(
    axes: Axes, title: str, samples: npt.NDArray[Any], full_scale: float, rate: float
) -> None:
    image = picture_of(samples, full_scale, rate, HEIGHT, WIDTH)
    darkest, brightest = np.percentile(image, [DARKEST, BRIGHTEST])
    axes.imshow(
        image, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
        extent=(0, len(samples) / rate * 1e3, -rate / 2e6, rate / 2e6),
        vmin=float(darkest), vmax=float(brightest),
    )  # fmt: skip
    axes.set_title(f"{title}, {format_si(rate, 'S/s')}", fontsize=7, loc="left", pad=2)
    axes.tick_params(labelsize=6, pad=1)
