"""Mode S and ADS-B of aircraft (ICAO Annex 10, volume IV; RTCA DO-260B)."""

from radiofm_capture.scenes.adsb.waveform import Adsb, draw_adsb

__all__ = ["Adsb", "draw_adsb"]
