"""A scene as a recording: its samples, exact and without a clock, and its truth beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from radiofm_capture.device import Tuning
from radiofm_capture.recorder import Recorder
from radiofm_capture.scenes.load import DRAWN
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.sigmf_files import base_of
from radiofm_capture.sim import SimDevice


@dataclass(frozen=True)
class Made:
    """What was written."""

    path: Path  # the .sigmf-meta
    samples: int
    lost: int  # as the scene has it: the recording tells where
    notes: int  # boxes of truth


def record_scene(
    scene: Scene,
    name: str,
    out: Path,
    *,
    center_hz: float,
    rate: float,
    seconds: float,
    stopped: threading.Event,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Made:
    """Write OUT.sigmf-data, OUT.sigmf-meta and the scene as drawn, OUT.scene.json.

    The samples are those of `radiofm capture --device sim`. Ends early when `stopped` is set.
    Raises RecordingError.
    """
    player = ScenePlayer(scene)
    device = SimDevice(
        player, Tuning(center_hz, rate, rate, gain_mode="manual"), speed=None, duration_s=seconds,
        drops=scene.losses, truth=player,
    )  # fmt: skip
    lost = notes = 0
    device.start()
    with Recorder(out, f"scene {name}, seed {scene.seed}") as recorder:
        while not stopped.is_set() and (block := device.read()):
            recorder.write(block)
            lost += sum(loss.samples for loss in block.lost)
            notes += len(block.notes)
            progress((block.sample_index + len(block.samples)) / rate)
    base = base_of(out)
    drawn = base.with_name(base.name + DRAWN)
    drawn.write_text(scene.model_dump_json(indent=1) + "\n", "utf-8")
    return Made(recorder.paths[0], recorder.samples, lost, notes)
