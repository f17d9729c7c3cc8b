"""A random, realistic member of every family that is on real air, for a receiver at any rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiofm_capture.scenes.adsb import draw_adsb
from radiofm_capture.scenes.am import draw_am
from radiofm_capture.scenes.bluetooth import draw_ble, draw_bluetooth
from radiofm_capture.scenes.cw import draw_cw
from radiofm_capture.scenes.dect import draw_dect
from radiofm_capture.scenes.drone import draw_drone
from radiofm_capture.scenes.dvbt import draw_dvbt
from radiofm_capture.scenes.fm import draw_fm
from radiofm_capture.scenes.fmcw import draw_fmcw
from radiofm_capture.scenes.gsm import draw_gsm
from radiofm_capture.scenes.ism import draw_remote, draw_sensor
from radiofm_capture.scenes.lora import draw_lora
from radiofm_capture.scenes.lte import draw_lte
from radiofm_capture.scenes.microwave import draw_microwave
from radiofm_capture.scenes.nbfm import Nbfm
from radiofm_capture.scenes.nr import draw_nr
from radiofm_capture.scenes.pocsag import draw_pocsag
from radiofm_capture.scenes.radar import draw_radar
from radiofm_capture.scenes.signal import Waveform
from radiofm_capture.scenes.umts import draw_umts
from radiofm_capture.scenes.wifi import draw_wifi
from radiofm_capture.scenes.zigbee import draw_zigbee


def draw_voice(rng: np.random.Generator, rate: float) -> Nbfm:
    """A voice channel of 12.5 or 25 kHz: `draw_nbfm` makes broadcasting too, which is `fm` here."""
    return Nbfm(deviation_hz=rng.choice([2.5e3, 5e3]), audio_hz=3e3)


FAMILY_DRAWS: dict[str, Callable[[np.random.Generator, float], Waveform]] = {
    "lte": draw_lte,
    "nr": draw_nr,
    "wifi": draw_wifi,
    "bluetooth": draw_bluetooth,
    "ble": draw_ble,
    "zigbee": draw_zigbee,
    "lora": draw_lora,
    "adsb": draw_adsb,
    "fm": draw_fm,
    "nbfm": draw_voice,
    "am": draw_am,
    "gsm": draw_gsm,
    "dect": draw_dect,
    "umts": draw_umts,
    "dvbt": draw_dvbt,
    "sensor": draw_sensor,
    "remote": draw_remote,
    "pocsag": draw_pocsag,
    "radar": draw_radar,
    "fmcw": draw_fmcw,
    "drone": draw_drone,
    "microwave": draw_microwave,
    "cw": draw_cw,
}
