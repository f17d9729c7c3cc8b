"""Bluetooth BR/EDR and Low Energy (Core Specification 5.4)."""

from radiofm_capture.scenes.bluetooth.classic import Bluetooth, draw_bluetooth
from radiofm_capture.scenes.bluetooth.le import Ble, draw_ble

__all__ = ["Ble", "Bluetooth", "draw_ble", "draw_bluetooth"]
