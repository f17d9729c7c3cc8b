"""Random cells as they are on the air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiofm_capture.scenes.nr import ssb
from radiofm_capture.scenes.nr.cell import ssb_places
from radiofm_capture.scenes.nr.numerology import RESOURCE_BLOCKS
from radiofm_capture.scenes.nr.waveform import Nr

WIDER = 1.5  # channels are at most this much wider than the receiver's band
LOADS = (0.0, 0.02, 0.1, 0.3, 0.7, 1.0)


@dataclass(frozen=True)
class Band:
    """Where carriers may lie, in Hz, and how (TS 38.101-1, tables 5.2-1, 5.3.5-1, 5.4.2.3-1)."""

    low: float
    high: float
    raster: float
    scs: float
    case: str
    widest: float
    tdd: tuple[str, ...] = ("",)


BANDS = (
    Band(2110e6, 2170e6, 100e3, 15e3, "A", 50e6),  # n1
    Band(1805e6, 1880e6, 100e3, 15e3, "A", 50e6),  # n3
    Band(758e6, 803e6, 100e3, 15e3, "A", 30e6),  # n28
    Band(2110e6, 2180e6, 100e3, 30e3, "B", 40e6),  # n66
    Band(2300e6, 2400e6, 100e3, 30e3, "C", 100e6, ("DDDSU", "DSUUD")),  # n40
    Band(2496e6, 2690e6, 30e3, 30e3, "C", 100e6, ("DDDSU", "DDDDDDDSUU")),  # n41
    Band(3300e6, 3800e6, 30e3, 30e3, "C", 100e6, ("DDDSU", "DDDDDDDSUU", "DDDSUUDDDD")),  # n78
)


def draw_nr(rng: np.random.Generator, rate: float) -> Nr:
    """A cell of one of some bands, of any load, not much wider than the receiver's `rate`."""
    band = BANDS[rng.integers(len(BANDS))]
    channels = [1e6 * width for width in RESOURCE_BLOCKS[band.scs] if 1e6 * width <= band.widest]
    channel = float(rng.choice([c for c in channels if c <= WIDER * rate] or channels[:1]))
    pattern = str(rng.choice(band.tdd))
    n_rb = RESOURCE_BLOCKS[band.scs][channel / 1e6]
    while True:  # a raster frequency where the SSB has a place: one in two or more
        lowest = (band.low + channel / 2) / band.raster
        highest = (band.high - channel / 2) / band.raster
        f0 = band.raster * float(rng.integers(np.ceil(lowest), np.floor(highest) + 1))
        if ssb.raster(f0, band.scs, n_rb):
            break
    room = ssb_places(band.case, f0, pattern)[1]
    # A full carrier wider than the band would look like noise.
    loads = LOADS[:-1] if channel > rate and not pattern else LOADS
    return Nr.model_validate(
        {
            "scs_hz": band.scs,
            "channel_hz": channel,
            "f0_hz": f0,
            "tdd": pattern,
            "ssb_case": band.case,
            "ssb_period_s": rng.choice([0.01, 0.02, 0.04], p=[0.1, 0.8, 0.1]),
            "beams": min(room, 2 ** int(rng.integers(4))),
            "load": rng.choice(loads),
            "standalone": rng.random() < 0.6,
        }
    )
