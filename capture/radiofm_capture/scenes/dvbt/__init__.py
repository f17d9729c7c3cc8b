"""Terrestrial digital television (DVB-T, ETSI EN 300 744)."""

from radiofm_capture.scenes.dvbt.waveform import Dvbt, draw_dvbt

__all__ = ["Dvbt", "draw_dvbt"]
