"""5G NR downlink (3GPP release 17, FR1)."""

from radiofm_capture.scenes.nr.waveform import Nr, draw_nr

__all__ = ["Nr", "draw_nr"]
