"""Wi-Fi: a network of one standard on one channel, saturated or nearly idle."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from radiofm_capture.scenes.frames import lay
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, log_uniform
from radiofm_capture.scenes.wifi import dsss
from radiofm_capture.scenes.wifi.network import Network
from radiofm_capture.scenes.wifi.tones import NON_HT, WIDE

WIDTHS = {"dsss": (20e6,), "ofdm": (20e6, 40e6, 80e6), "ht": (20e6, 40e6), "vht": tuple(WIDE)}
INDICES = {"dsss": 4, "ofdm": 8, "ht": 8, "vht": 10}


class Wifi(Waveform):
    """IEEE 802.11-2020 with one spatial stream and the binary convolutional code.

    Clauses 15 and 16 (`dsss`, 802.11b), 17 (`ofdm`, a and g), 19 (`ht`, n, mixed), 21 (`vht`, ac).
    An exchange is data and its answer, as 10.3 times them; beacons come at their targets.
    """

    family: Literal["wifi"] = "wifi"
    phy: Literal["dsss", "ofdm", "ht", "vht"] = "ht"
    width_hz: Annotated[float, Field(gt=0)] = 20e6  # of the channel
    primary: Annotated[int, Field(ge=0)] = 0  # 20 MHz of the beacons, from the lowest
    mcs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (3, 4, 5, 7)
    load: Annotated[float, Field(ge=0, le=1)] = 0.5  # share of time in exchanges
    stations: Annotated[int, Field(ge=1, le=100)] = 4  # beside the access point
    beacon_units: Annotated[int, Field(ge=1, le=65_535)] = 100  # beacon interval, TU of 1024 us
    aggregate: Annotated[int, Field(ge=1, le=64)] = 1  # MPDUs in an A-MPDU, of ht and vht
    short_guard: bool = False  # 0.4 us, of ht and vht
    short_preamble: bool = False  # of dsss
    error_hz: Annotated[float, Field(ge=0)] = 20e3  # of the stations' carriers, at most
    spread_db: Annotated[float, Field(ge=0)] = 0.0  # between the stations' powers, at most

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.width_hz not in WIDTHS[self.phy]:
            have = ", ".join(f"{w:g}" for w in WIDTHS[self.phy])
            raise ValueError(f"width_hz {self.width_hz:g} is not of {self.phy}: use {have}")
        if self.primary >= self.width_hz / 20e6:
            raise ValueError(f"primary {self.primary} is beyond width_hz")
        top = INDICES[self.phy] - (self.phy == "vht" and self.width_hz == 20e6)  # table 21-30
        if max(self.mcs) >= top:
            raise ValueError(f"mcs {max(self.mcs)} is not of {self.phy}: use 0 to {top - 1}")
        return self

    @property
    def wide_hz(self) -> float:
        """Occupied by data."""
        if self.phy == "dsss":
            return dsss.WIDTH_HZ
        return self.legacy_hz if self.phy == "ofdm" else WIDE[self.width_hz].width_hz

    @property
    def legacy_hz(self) -> float:
        """Occupied by answers of OFDM, repeated in each 20 MHz."""
        return NON_HT.width_hz + self.width_hz - 20e6

    @property
    def bandwidth_hz(self) -> float:
        return self.wide_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        if abs(offset_hz) > (rate + self.wide_hz) / 2 + self.error_hz:
            return np.zeros(count, np.complex64), []
        return lay(Network(self, rng).frames(count / rate), rate, count, offset_hz)


def draw_wifi(rng: np.random.Generator, rate: float) -> Wifi:
    """Any standard that is not much wider than the band, from a lone beacon to a saturated cell."""
    phy = str(rng.choice(["dsss", "ofdm", "ht", "vht"], p=[0.1, 0.25, 0.4, 0.25]))
    widths = [w for w in WIDTHS[phy] if w <= max(20e6, 1.5 * rate)]
    width = 20e6 if phy == "ofdm" else float(rng.choice(widths))
    top = INDICES[phy] - (phy == "vht" and width == 20e6)
    stations = int(rng.integers(1, 9))
    return Wifi(
        phy=phy, width_hz=width, primary=int(rng.integers(round(width / 20e6))),
        mcs=tuple(rng.integers(0, top, 3).tolist()),
        load=float(rng.choice([0.02, 0.1, 0.3, 0.6, 0.9, 1.0])), stations=stations,
        aggregate=1 if phy in ("dsss", "ofdm") else int(log_uniform(rng, 1, 64)),
        short_guard=phy in ("ht", "vht") and bool(rng.random() < 0.5),
        short_preamble=phy == "dsss" and bool(rng.random() < 0.3),
        error_hz=float(rng.uniform(5e3, 50e3)), spread_db=float(rng.uniform(0, 20)),
    )  # fmt: skip
