"""Waveforms that keep a rhythm of their own, whatever a scene says of `on_s` and `off_s`."""

from __future__ import annotations

from typing import Self, TypeVar

from pydantic import model_validator

from radiofm_capture.scenes.signal import Waveform

W = TypeVar("W", bound=Waveform)


class Paced(Waveform):
    """What is sent has its own length; the pauses are `off_s`."""

    @model_validator(mode="after")
    def _own_length(self) -> Self:
        return _unchanged(self, "on_s")


class Steady(Waveform):
    """Always on, or on and off by the standard's own clock."""

    @model_validator(mode="after")
    def _own_clock(self) -> Self:
        return _unchanged(_unchanged(self, "on_s"), "off_s")


def _unchanged(waveform: W, name: str) -> W:
    if getattr(waveform, name) != type(waveform).model_fields[name].default:
        raise ValueError(f"{name} has no effect on {waveform.family}: leave it out")
    return waveform
