"""5G NR downlink (3GPP release 17, FR1)."""

from radiofm_capture.scenes.nr.bands import draw_nr
from radiofm_capture.scenes.nr.waveform import Nr

__all__ = ["Nr", "draw_nr"]
