"""Sensors and remote controls of the 433 and 868 MHz bands."""

from radiofm_capture.scenes.ism.remotes import Remote, draw_remote
from radiofm_capture.scenes.ism.sensors import Sensor, draw_sensor

__all__ = ["Remote", "Sensor", "draw_remote", "draw_sensor"]
