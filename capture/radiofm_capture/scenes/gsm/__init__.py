"""A GSM base station's carrier (TS 45.002, 45.003, 45.004)."""

from radiofm_capture.scenes.gsm.waveform import Gsm, draw_gsm

__all__ = ["Gsm", "draw_gsm"]
