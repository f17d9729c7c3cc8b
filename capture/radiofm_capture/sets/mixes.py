"""One LTE and one NR carrier side by side, as the ConvLSTM paper's segmentation set has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiofm_capture.scenes.lte import Lte
from radiofm_capture.scenes.multipath import Multipath
from radiofm_capture.scenes.nr import Nr
from radiofm_capture.scenes.nr.numerology import RESOURCE_BLOCKS, SUBCARRIERS
from radiofm_capture.scenes.nr.ssb import WIDTH
from radiofm_capture.scenes.scene import Emitter
from radiofm_capture.scenes.signal import Waveform

CENTER_HZ = 4e9
RASTER_HZ = 100e3
LTE_CHANNELS_HZ = {25: 5e6, 50: 10e6, 75: 15e6, 100: 20e6}  # table III
NR_CHANNELS_HZ = tuple(1e6 * mhz for mhz in range(10, 55, 5))  # table II
NR_CASES = {15e3: "A", 30e3: "B"}  # table II
NR_PERIOD_S = 0.02  # table II
LTE_PROFILES = ("EPA", "EVA", "ETU")
NR_PROFILES = ("TDL-A", "TDL-B", "TDL-C", "TDL-D", "TDL-E")
NR_SPREAD_S = (30e-9, 300e-9)


def channel_hz(waveform: Waveform) -> float:
    """What a carrier is named after: its occupied bandwidth and the guards to both sides."""
    if isinstance(waveform, Lte):
        return LTE_CHANNELS_HZ[waveform.prb]
    assert isinstance(waveform, Nr)
    return waveform.channel_hz


def draw_lte_carrier(rng: np.random.Generator, loads: tuple[float, ...]) -> Lte:
    """FDD, one port, as of the reference channels of table III."""
    prb = int(rng.choice(list(LTE_CHANNELS_HZ)))
    return Lte.model_validate({"prb": prb, "ports": 1, "load": rng.choice(loads)})


def draw_nr_carrier(rng: np.random.Generator, loads: tuple[float, ...]) -> Nr:
    """FDD, its SSB anywhere in it."""
    scs = float(rng.choice(list(NR_CASES)))
    channel = float(rng.choice(NR_CHANNELS_HZ))
    room = RESOURCE_BLOCKS[scs][channel / 1e6] * SUBCARRIERS - WIDTH
    return Nr.model_validate(
        {
            "scs_hz": scs,
            "channel_hz": channel,
            "f0_hz": CENTER_HZ,
            "tdd": "",
            "ssb_case": NR_CASES[scs],
            "ssb_offset_hz": (int(rng.integers(room + 1)) - room // 2) * scs,
            "ssb_period_s": NR_PERIOD_S,
            "load": rng.choice(loads),
        }
    )


def draw_carriers(
    rng: np.random.Generator,
    rate: float,
    families: tuple[str, ...],
    loads: Mapping[str, tuple[float, ...]],
) -> list[Waveform]:
    """One of each family, drawn until the channels fit side by side."""
    draws = {"lte": draw_lte_carrier, "nr": draw_nr_carrier}
    while True:
        carriers = [draws[family](rng, loads[family]) for family in families]
        if sum(map(channel_hz, carriers)) <= rate:
            return [carriers[n] for n in rng.permutation(len(carriers))]


def place_carriers(rng: np.random.Generator, rate: float, carriers: list[Waveform]) -> list[float]:
    """Offsets of their centres, from low to high: anywhere in the band on the raster, apart."""
    widths = [round(channel_hz(carrier) / RASTER_HZ) for carrier in carriers]
    room = int(rate / RASTER_HZ) - sum(widths)
    gaps = np.sort(rng.integers(0, room + 1, len(widths)))
    lows = gaps + np.cumsum([0, *widths[:-1]])
    return [
        float((low + width / 2) * RASTER_HZ - rate / 2)
        for low, width in zip(lows, widths, strict=True)
    ]


def emitter(
    rng: np.random.Generator,
    waveform: Waveform,
    offset_hz: float,
    power_dbfs: float,
    doppler_hz: tuple[float, ...],
) -> Emitter:
    """The carrier through a channel of its own."""
    profile: dict[str, Any] = {"profile": rng.choice(LTE_PROFILES)}
    if isinstance(waveform, Nr):
        profile = {
            "profile": rng.choice(NR_PROFILES), "delay_spread_s": rng.uniform(*NR_SPREAD_S)
        }  # fmt: skip
    channel = Multipath.model_validate({**profile, "doppler_hz": rng.choice(doppler_hz)})
    return Emitter(
        waveform=waveform, offset_hz=offset_hz, power_dbfs=power_dbfs, channel=channel
    )  # fmt: skip
