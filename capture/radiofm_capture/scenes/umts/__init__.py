"""A UMTS (W-CDMA) cell's downlink (TS 25.211, 25.213, 25.104)."""

from radiofm_capture.scenes.umts.waveform import Umts, draw_umts

__all__ = ["Umts", "draw_umts"]
