"""What makes simulated air like real air, each to be left out: what is it worth?

receiver    filter, aliases, LO leak, spurs, IQ imbalance, phase noise, gain steps, its clock
level       any level from full scale down to the noise of the converter
bits        8 bits as well as 12
fading      multipath and movement
partial     signals that lie across the band's edge
neighbours  narrow signals that have no label (nr-lte)
rates       any sample rate
"""

from __future__ import annotations

from typing import Literal

from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.scenes.scene import Emitter, Scene

Factor = Literal["receiver", "level", "bits", "fading", "partial", "neighbours", "rates"]

LEVEL_DBFS = -25.0
RATE = 30.72e6  # that any family is simulated at


def leave_out(
    scene: Scene, rate: float, factors: tuple[Factor, ...], labels: tuple[str, ...]
) -> Scene:
    """`scene` at `rate` (S/s) without these; emitters of `labels` are no neighbours."""
    front_end, emitters = scene.front_end, scene.emitters
    if "receiver" in factors:
        known = {"bits", "midrise", "level_dbfs", "gain_db"}
        front_end = FrontEnd.model_validate(front_end.model_dump(include=known))
    if "level" in factors:
        front_end = front_end.model_copy(update={"level_dbfs": LEVEL_DBFS, "gain_db": 0.0})
    if "bits" in factors:
        front_end = front_end.model_copy(update={"bits": 12, "midrise": False})
    if "fading" in factors:
        emitters = tuple(one.model_copy(update={"channel": None}) for one in emitters)
    if "partial" in factors:
        emitters = tuple(_inside(one, scene, rate) for one in emitters)
    if "neighbours" in factors:
        emitters = tuple(one for one in emitters if one.name in labels)
    return scene.model_copy(update={"front_end": front_end, "emitters": emitters})


def _inside(emitter: Emitter, scene: Scene, rate: float) -> Emitter:
    """Moved no further than it takes; one wider than the band is at its centre."""
    room = max(0.0, (rate - emitter.waveform.bandwidth_hz) / 2)
    offset = scene.emitter_hz(emitter) - scene.center_frequency_hz
    near = min(max(offset, -room), room)
    return emitter.model_copy(update={"offset_hz": near, "center_hz": None})
