"""Wi-Fi networks (IEEE 802.11-2020)."""

from radiofm_capture.scenes.wifi.waveform import Wifi, draw_wifi

__all__ = ["Wifi", "draw_wifi"]
