"""FM broadcasting with stereo and RDS (ITU-R BS.450, IEC 62106)."""

from radiofm_capture.scenes.fm.waveform import Fm, draw_fm

__all__ = ["Fm", "draw_fm"]
