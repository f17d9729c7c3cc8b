"""From settings to a running capture: the device, the publisher, the recorder, put together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from radiofm.bus import Publisher
from radiofm.errors import UsageError
from radiofm.settings import CaptureSettings
from radiofm.topics import CHANNELS, endpoint_for
from radiofm_capture.daemon import CaptureDaemon
from radiofm_capture.device import DEFAULT_RATE, Device, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.forecast import Forecast
from radiofm_capture.record_plan import plan_recording
from radiofm_capture.recorder import Recorder

MAX_BANDWIDTH_HZ = 56e6  # of the AD9361


@dataclass(frozen=True)
class Session:
    daemon: CaptureDaemon
    recorder: Recorder | None
    forecast: Forecast | None  # of the recording


@contextmanager
def open_session(settings: CaptureSettings, stopped: threading.Event) -> Iterator[Session]:
    """Open everything that a capture needs; on leaving, sockets are closed."""
    plan = plan_recording(settings)
    lossless = settings.speed == 0 and settings.device != "pluto"
    with ExitStack() as stack:
        device = open_device(settings)
        stack.callback(device.close)
        publisher = None
        if settings.publish != "none":
            channel = CHANNELS["iq"]
            publisher = Publisher(
                settings.publish or endpoint_for("iq"),
                message_bytes=channel.message_bytes,
                queue_bytes=channel.queue_bytes,
                lossless=lossless,
            )
            stack.callback(publisher.close)
        recorder = Recorder(plan.name, split=settings.split, space=plan.space) if plan else None
        if publisher:
            _wait(publisher, settings.readers, stopped)
        disk = DiskThread(recorder, wait=lossless) if recorder else None
        daemon = CaptureDaemon(
            device,
            publisher,
            disk,
            duration_s=settings.duration,
            name=f"replay of {settings.path.name}" if settings.path else "",
            storage=partial(_storage, recorder) if recorder else dict,
        )
        yield Session(daemon, recorder, plan.forecast if plan else None)


def _wait(publisher: Publisher, count: int, stopped: threading.Event) -> None:
    while count and not stopped.is_set():
        if publisher.wait_for_subscribers("iq", count, 0.2):
            return


def _storage(recorder: Recorder) -> dict[str, float]:
    return {"recorded_bytes": recorder.bytes_written, "disk_free_bytes": recorder.free_bytes()}


def open_device(settings: CaptureSettings) -> Device:
    """The device that the settings name, not yet started."""
    match settings.device:
        case "pluto":
            return _pluto(settings)
        case "replay":
            return _replay(settings)
        case _:
            return _sim(settings)


def _pluto(settings: CaptureSettings) -> Device:
    from radiofm_capture.pluto import PlutoDevice

    if settings.fc is None:
        raise UsageError("--device pluto needs a centre frequency: add --fc 2.44e9")
    tuning = live_tuning(settings, settings.fc)
    return PlutoDevice(
        tuning,
        settings.uri,
        buffer_samples=round(settings.buffer * tuning.sample_rate_hz),
        kernel_buffers=settings.kernel_buffers,
    )


def _replay(settings: CaptureSettings) -> Device:
    from radiofm.recording import Recording
    from radiofm_capture.replay import ReplayDevice

    if settings.path is None:
        raise UsageError("--device replay needs a recording: add --path FILE.sigmf-meta")
    recording = Recording.open(
        settings.path,
        datatype=settings.datatype,
        sample_rate_hz=settings.rate,
        center_frequency_hz=settings.fc,
    )
    return ReplayDevice(recording, speed=settings.speed or None, loops=settings.loops)


def _sim(settings: CaptureSettings) -> Device:
    from radiofm_capture.scenes import ScenePlayer, load_scene
    from radiofm_capture.sim import SimDevice

    scene = load_scene(settings.scene, seed=settings.seed)
    tuning = live_tuning(settings, settings.fc or scene.center_frequency_hz)
    return SimDevice(
        ScenePlayer(scene),
        tuning,
        speed=settings.speed or None,
        duration_s=settings.duration,
        faults=settings.fault,
    )


def live_tuning(settings: CaptureSettings, center_frequency_hz: float) -> Tuning:
    """The tuning that the settings ask for; a manual gain where one is given, else slow AGC."""
    rate = settings.rate or DEFAULT_RATE
    mode = settings.gain_mode or ("slow_attack" if settings.gain is None else "manual")
    return Tuning(
        center_frequency_hz=center_frequency_hz,
        sample_rate_hz=rate,
        bandwidth_hz=settings.bandwidth or min(rate, MAX_BANDWIDTH_HZ),
        gain_db=settings.gain,
        gain_mode=mode,
    )
