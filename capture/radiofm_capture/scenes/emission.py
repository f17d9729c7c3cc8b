"""One emitter on its way: waveform, keying, ramps, amplifier, multipath, clocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radiofm_capture.scenes.propagate import needed, propagate
from radiofm_capture.scenes.receiver import mean_power
from radiofm_capture.scenes.scene import SLICE_S, Scene
from radiofm_capture.scenes.signal import Burst, Iq
from radiofm_capture.scenes.traffic import Always
from radiofm_capture.scenes.transmitter import key, ramp

KEYING, PATHS, IDENTITY = 1, 2, 3  # streams of random numbers beside that of the waveform


def emission(
    scene: Scene, number: int, start: int, rate: float, count: int, offset_hz: float
) -> tuple[Iq, list[Burst]]:
    """Emitter `number` (from 1) from slice `start` of the loop on, as it arrives at the antenna.

    `count` samples at `rate` of a receiver whose clock errs as the scene says, with the emitter's
    centre `offset_hz` away. The mean power while on is 1, whatever the amplifier and the channel
    do; bursts are where the receiver has them.
    """
    emitter = scene.emitters[number - 1]
    ahead = 1 + emitter.clock_ppm * 1e-6
    drift = ahead / (1 + scene.front_end.clock_ppm * 1e-6) - 1
    waveform = emitter.waveform.resume(start * SLICE_S, scene.random(number, 0, IDENTITY))
    iq, bursts = waveform.render(
        rate, needed(count, drift), offset_hz / ahead, scene.random(number, start)
    )
    if not isinstance(emitter.traffic, Always):
        spans = emitter.traffic.spans(len(iq) / rate, scene.random(number, start, KEYING))
        bursts = key(iq, bursts, spans, rate)
    if emitter.ramp_s:
        ramp(iq, bursts, round(emitter.ramp_s * rate))
    power = mean_power(iq) if emitter.amplifier or emitter.channel else 0.0
    if emitter.amplifier:
        emitter.amplifier.apply(iq)
    if emitter.channel or drift:
        paths = None
        if emitter.channel:  # the same for the whole loop
            paths = emitter.channel.paths(scene.emitter_hz(emitter), scene.random(number, 0, PATHS))
        iq = propagate(iq, count, rate, paths, drift, start * SLICE_S)
        bursts = [_received(burst, drift, count) for burst in bursts]
    if power and (arrived := mean_power(iq)):
        iq *= np.float32((power / arrived) ** 0.5)
    return iq, [burst for burst in bursts if burst.count > 0]


def _received(burst: Burst, drift: float, count: int) -> Burst:
    first, last = (
        min(round(edge / (1 + drift)), count) for edge in (burst.start, burst.start + burst.count)
    )
    return replace(
        burst, start=first, count=last - first,
        low_hz=burst.low_hz * (1 + drift), high_hz=burst.high_hz * (1 + drift),
    )  # fmt: skip
