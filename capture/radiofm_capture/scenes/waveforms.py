"""The table of waveform families: to add one, write its model and its draw, and list them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.adsb import Adsb
from radiofm_capture.scenes.am import Am
from radiofm_capture.scenes.bluetooth import Ble, Bluetooth
from radiofm_capture.scenes.chirp import Chirp, draw_chirp
from radiofm_capture.scenes.cw import Cw
from radiofm_capture.scenes.dect import Dect
from radiofm_capture.scenes.drone import Drone
from radiofm_capture.scenes.dvbt import Dvbt
from radiofm_capture.scenes.fm import Fm
from radiofm_capture.scenes.fmcw import Fmcw
from radiofm_capture.scenes.gfsk import Gfsk, draw_gfsk
from radiofm_capture.scenes.gsm import Gsm
from radiofm_capture.scenes.ism import Remote, Sensor
from radiofm_capture.scenes.lora import Lora
from radiofm_capture.scenes.lte import Lte
from radiofm_capture.scenes.microwave import Microwave
from radiofm_capture.scenes.nbfm import Nbfm, draw_nbfm
from radiofm_capture.scenes.nr import Nr
from radiofm_capture.scenes.ofdm import Ofdm, draw_ofdm
from radiofm_capture.scenes.ook import Ook, draw_ook
from radiofm_capture.scenes.pocsag import Pocsag
from radiofm_capture.scenes.radar import Radar
from radiofm_capture.scenes.signal import Waveform
from radiofm_capture.scenes.umts import Umts
from radiofm_capture.scenes.wifi import Wifi
from radiofm_capture.scenes.zigbee import Zigbee

NOISE = "noise"

AnyWaveform = Annotated[
    Ofdm | Gfsk | Chirp | Nbfm | Ook | Lte | Nr | Wifi | Bluetooth | Ble | Zigbee | Lora
    | Adsb | Am | Cw | Dect | Drone | Dvbt | Fm | Fmcw | Gsm | Microwave | Pocsag | Radar | Remote
    | Sensor | Umts,
    Field(discriminator="family"),
]  # fmt: skip

# Label -> a random, realistic member of the family for a receiver at a sample rate.
DRAWS: dict[str, Callable[[np.random.Generator, float], Waveform]] = {
    "ofdm": draw_ofdm,
    "gfsk": draw_gfsk,
    "chirp": draw_chirp,
    "nbfm": draw_nbfm,
    "ook": draw_ook,
}
LABELS = (NOISE, *DRAWS)
