"""From settings to a running capture: the device, the publisher, the recorder, put together."""

from __future__ import annotations

import logging
import sys
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
from radiofm_capture.gnuradio import GnuRadioEndpoint
from radiofm_capture.pipe import PipeSink
from radiofm_capture.plan import Dwell, Plan
from radiofm_capture.prepare import prepare_recording
from radiofm_capture.recorder import Recorder
from radiofm_capture.taking import Taking, bursts_of, plan_of, take

log = logging.getLogger(__name__)

PIPE_QUEUE_BYTES = 64 << 20  # that a late reader of standard output may be behind
MAX_BANDWIDTH_HZ = 56e6  # of the AD9361


@dataclass(frozen=True)
class Session:
    daemon: CaptureDaemon
    recorder: Recorder | None
    forecast: Forecast | None  # of the recording
    pipe: PipeSink | None
    taking: Taking


@contextmanager
def open_session(settings: CaptureSettings, stopped: threading.Event) -> Iterator[Session]:
    """Open everything that a capture needs; on leaving, sockets are closed."""
    lossless = settings.speed == 0 and settings.device in ("replay", "sim")
    plan = plan_of(settings)
    prepared = prepare_recording(settings, plan)
    with ExitStack() as stack:
        radio = open_device(at_dwell(settings, plan.dwells[0]) if plan else settings)
        stack.callback(radio.close)
        taking = take(radio, settings, plan, partial(dwell_tuning, settings))
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
        gnuradio = None
        if settings.gnuradio:
            gnuradio = GnuRadioEndpoint(settings.gnuradio, settings.gnuradio_format)
            stack.callback(gnuradio.close)
        if settings.record and settings.device not in ("replay", "sim"):
            _warn_of_agc(settings, plan)
        recorder = prepared.open(about(settings, plan)) if prepared else None
        if publisher:
            _wait(publisher, settings.readers, stopped)
        disk = DiskThread(recorder, wait=lossless) if recorder else None
        sink = PipeSink(sys.stdout.fileno(), stopped) if settings.stdout else None
        pipe = DiskThread(sink, wait=lossless, queue_bytes=PIPE_QUEUE_BYTES) if sink else None
        daemon = CaptureDaemon(
            taking.device,
            publisher,
            disk,
            pipe=pipe,
            gnuradio=gnuradio,
            duration_s=settings.duration,
            name=f"replay of {settings.path.name}" if settings.path else "",
            storage=partial(_storage, recorder) if recorder else dict,
            radio=taking.gauges,
            note=taking.note,
        )
        ahead = prepared.forecast if prepared else None
        yield Session(daemon, recorder, ahead, sink, taking)


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
        case "uhd":
            return _uhd(settings)
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
        bursts=bursts_of(settings) if settings.mode == "burst" else None,
    )


def _uhd(settings: CaptureSettings) -> Device:
    from radiofm_capture.uhd import UhdDevice, UsrpSetup

    if settings.fc is None:
        raise UsageError("--device uhd needs a centre frequency: add --fc 2.44e9")
    tuning = live_tuning(settings, settings.fc)
    setup = UsrpSetup(
        antenna=settings.antenna,
        subdev=settings.subdev,
        clock_source=settings.clock_source,
        time_source=settings.time_source,
        lo_offset_hz=settings.lo_offset,
    )
    buffer = round(settings.buffer * tuning.sample_rate_hz)
    bursts = bursts_of(settings) if settings.mode == "burst" else None
    return UhdDevice(tuning, settings.args, setup, buffer_samples=buffer, bursts=bursts)


def _replay(settings: CaptureSettings) -> Device:
    from radiofm.recording import open_recordings
    from radiofm_capture.replay import ReplayDevice

    if settings.path is None:
        raise UsageError("--device replay needs a recording: add --path FILE.sigmf-meta")
    recordings = open_recordings(
        settings.path,
        datatype=settings.datatype,
        sample_rate_hz=settings.rate,
        center_frequency_hz=settings.fc,
    )
    return ReplayDevice(*recordings, speed=settings.speed or None, loops=settings.loops)


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
        bursts=bursts_of(settings) if settings.mode == "burst" else None,
    )


def live_tuning(settings: CaptureSettings, center_frequency_hz: float) -> Tuning:
    """The tuning that the settings ask for; a manual gain where one is given, else AGC."""
    rate = settings.rate or DEFAULT_RATE
    usrp = settings.device == "uhd"
    agc = "agc" if usrp else "slow_attack"
    widest = rate if usrp else MAX_BANDWIDTH_HZ
    mode = settings.gain_mode or (agc if settings.gain is None else "manual")
    return Tuning(
        center_frequency_hz=center_frequency_hz,
        sample_rate_hz=rate,
        bandwidth_hz=settings.bandwidth or min(rate, widest),
        gain_db=settings.gain,
        gain_mode=mode,
    )


def at_dwell(settings: CaptureSettings, dwell: Dwell) -> CaptureSettings:
    """The settings at a plan's dwell. A gain or bandwidth that they give is that of all dwells."""
    own: dict[str, object] = {"fc": dwell.fc, "rate": dwell.rate, "mode": None}
    if settings.bandwidth is None:
        own["bandwidth"] = dwell.bandwidth
    if settings.gain is None and settings.gain_mode is None:
        own |= {"gain": dwell.gain, "gain_mode": dwell.gain_mode}
    return settings.model_copy(update=own)


def dwell_tuning(settings: CaptureSettings, dwell: Dwell) -> Tuning:
    """The tuning of a plan's dwell."""
    return live_tuning(at_dwell(settings, dwell), dwell.fc)


def about(settings: CaptureSettings, plan: Plan | None) -> str:
    """What a recording is to say of its plan."""
    if not plan:
        return ""
    order = f", shuffled by seed {plan.seed}" if plan.order == "shuffled" else ""
    return f"plan {settings.plan or settings.sweep}{order}"


def _warn_of_agc(settings: CaptureSettings, plan: Plan | None) -> None:
    wanted = [at_dwell(settings, dwell) for dwell in plan.dwells] if plan else [settings]
    modes = {live_tuning(one, one.fc or 0).gain_mode for one in wanted} - {"manual"}
    if modes:
        log.warning(
            "the gain is the device's own (%s): levels are not comparable, neither within the"
            " recording nor with others; use --gain 40 for a corpus",
            ", ".join(sorted(modes)),
        )
