"""The LTE downlink (3GPP Release 8 and on): what a base station sends, to be acquired like one."""

from radiofm_capture.scenes.lte.waveform import Lte, draw_lte

__all__ = ["Lte", "draw_lte"]
