"""Options that several commands share, each written once. None means: not given."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofm.cli import complete

_Text = str | None
_DEVICE, _TUNING, _MODEL, _OUTPUT = "Device", "Tuning", "Model", "Output"
_TAKING = "Bursts and plans"


def _option(*names: str, help: str, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, **more)


Profile = Annotated[
    _Text,
    _option(
        "--profile",
        help="Settings from a profile: a name or FILE.toml.",
        autocompletion=complete.profiles,
    ),
]
Json = Annotated[
    bool, _option("--json", help="Close with one line of JSON; show nothing else.", panel=_OUTPUT)
]
Device = Annotated[
    _Text,
    _option(
        "--device",
        "-d",
        help="pluto, uhd, replay or sim. (default: pluto)",
        panel=_DEVICE,
        autocompletion=complete.devices,
    ),
]
Uri = Annotated[
    _Text,
    _option(
        "--uri", help="Address of the Pluto: ip:192.168.2.1, usb:. (default: found)", panel=_DEVICE
    ),
]
Args = Annotated[
    _Text,
    _option("--args", help="uhd: device arguments: type=b200. (default: found)", panel=_DEVICE),
]
Antenna = Annotated[
    _Text,
    _option("--antenna", help="uhd: receive port: RX2. (default: the device's own)", panel=_DEVICE),
]
Subdev = Annotated[
    _Text, _option("--subdev", help="uhd: A:A. (default: the device's own)", panel=_DEVICE)
]
ClockSource = Annotated[
    _Text,
    _option(
        "--clock-source",
        help="uhd: internal, external or gpsdo. (default: the device's own)",
        panel=_DEVICE,
    ),
]
TimeSource = Annotated[
    _Text,
    _option(
        "--time-source",
        help="uhd: pulse per second: external, gpsdo. (default: the host's clock)",
        panel=_DEVICE,
    ),
]
LoOffset = Annotated[
    _Text,
    _option(
        "--lo-offset",
        help="uhd: oscillator beside the centre frequency: 2 MHz. (default: 0 Hz)",
        panel=_TUNING,
    ),
]
RecordingPath = Annotated[
    Path | None,
    _option(
        "--path",
        help="replay: the recording: SigMF (an archive's or collection's one after another), raw, "
        "WAV or RRD .npy.",
        panel=_DEVICE,
    ),
]
Datatype = Annotated[
    _Text,
    _option(
        "--datatype",
        help="replay: format of a raw file: cu8 ci8 ci16 cf32 cf64. (default: by its suffix)",
        panel=_DEVICE,
    ),
]
Scene = Annotated[
    _Text,
    _option(
        "--scene",
        help="sim: a preset or FILE.toml. (default: ism24)",
        panel=_DEVICE,
        autocompletion=complete.scenes,
    ),
]
Seed = Annotated[
    int | None, _option("--seed", help="sim: another seed than the scene's.", panel=_DEVICE)
]
Fault = Annotated[
    list[str] | None, _option("--fault", help="sim: a fault, like drop@2s:10000.", panel=_DEVICE)
]
Speed = Annotated[
    _Text, _option("--speed", help="replay, sim: factor of real time, or max.", panel=_DEVICE)
]
Loops = Annotated[
    int | None, _option("--loops", help="replay: times to play, 0 for ever.", panel=_DEVICE)
]
Fc = Annotated[
    _Text,
    _option("--fc", "--freq", "-f", help="Centre frequency: 2.44e9, 2440 MHz.", panel=_TUNING),
]
SampleRate = Annotated[
    _Text,
    _option("--rate", "-s", help="Sample rate: 4e6, 4 MS/s. (default: 4 MS/s)", panel=_TUNING),
]
Bandwidth = Annotated[
    _Text, _option("--bw", "-b", help="Filter bandwidth. (default: the rate)", panel=_TUNING)
]
GainDb = Annotated[
    _Text, _option("--gain", "-g", help="Manual gain: 40 dB. (default: slow AGC)", panel=_TUNING)
]
GainMode = Annotated[
    _Text,
    _option(
        "--gain-mode",
        help="manual, slow_attack, fast_attack or hybrid; uhd: manual or agc.",
        panel=_TUNING,
    ),
]
Mode = Annotated[
    _Text,
    _option(
        "--mode",
        help="stream: without gaps; burst: whole slices at any rate; auto: as the link allows. "
        "(default: stream, or the plan's)",
        panel=_TAKING,
    ),
]
BurstSlices = Annotated[
    int | None,
    _option("--burst-slices", help="Slices of 16 ms in a burst. (default: 6)", panel=_TAKING),
]
Bursts = Annotated[
    int | None,
    _option("--bursts", help="Stop after so many bursts. (default: never)", panel=_TAKING),
]
Plan = Annotated[
    _Text,
    _option(
        "--plan",
        help="Tune by a plan: ism24, lte, nr, rrd or FILE.toml.",
        panel=_TAKING,
        autocompletion=complete.plans,
    ),
]
Sweep = Annotated[
    _Text,
    _option("--sweep", help="Tune from start to stop in steps: 2.4G:2.65G:20M.", panel=_TAKING),
]
DwellSlices = Annotated[
    int | None,
    _option("--dwell", help="Slices at each centre of a sweep. (default: 6)", panel=_TAKING),
]
Dwells = Annotated[
    int | None, _option("--dwells", help="Stop after so many dwells of the plan.", panel=_TAKING)
]
Repeat = Annotated[
    int | None,
    _option(
        "--repeat",
        help="Passes through the plan, 0 for ever. (default: its own, or 1)",
        panel=_TAKING,
    ),
]
Length = Annotated[_Text, _option("--duration", "-t", help="Stop after so much air: 30s, 5m.")]
Record = Annotated[
    Path | None,
    _option("--record", help="Keep the samples: a folder, or NAME.sigmf-meta.", panel=_OUTPUT),
]
FileNames = Annotated[
    _Text,
    _option(
        "--name",
        help="Names in the folder: utc, device, fc, rate, gain, n. (default: {utc}_{device}_{fc})",
        panel=_OUTPUT,
    ),
]
Split = Annotated[
    _Text,
    _option(
        "--split",
        help="Another file after 10m of air, 1GB, or at each `stream`. (default: one file)",
        panel=_OUTPUT,
    ),
]
DiskFloor = Annotated[
    _Text,
    _option(
        "--disk-floor", help="Bytes of the disk to leave free: 2GB. (default: 1GB)", panel=_OUTPUT
    ),
]
DiskFull = Annotated[
    _Text,
    _option(
        "--disk-full",
        help="At the floor: stop, or delete-oldest; NAME.keep protects NAME. (default: stop)",
        panel=_OUTPUT,
    ),
]
GnuRadio = Annotated[
    _Text,
    _option(
        "--gnuradio",
        help="Publish bare items for GNU Radio's ZMQ SUB Source at tcp://127.0.0.1:PORT. They do "
        "not tell gaps or tuning, and a late reader loses some. (default: none)",
        panel=_OUTPUT,
    ),
]
GnuRadioFormat = Annotated[
    _Text,
    _option(
        "--gnuradio-format",
        help="sc16: int16 I, Q in device counts; fc32: complex float, 1.0 full scale. "
        "(default: sc16)",
        panel=_OUTPUT,
    ),
]
Stdout = Annotated[
    bool | None,
    _option(
        "--stdout",
        help="Write bare I, Q to standard output: int16 counts from a radio or sim; replay: int16, "
        "or float32 where floats were recorded. It tells no gaps; the report is on standard error.",
        panel=_OUTPUT,
    ),
]

BundleName = Annotated[
    _Text,
    _option(
        "--bundle",
        help="A shipped bundle or a folder. (default: nano)",
        panel=_MODEL,
        autocompletion=complete.bundles,
    ),
]
HeadNames = Annotated[
    list[str] | None,
    _option(
        "--heads",
        help="Heads to serve: a,b. (default: all of the bundle)",
        panel=_MODEL,
        autocompletion=complete.heads,
    ),
]
Threads = Annotated[
    int | None, _option("--threads", help="Threads of one inference. (default: 1)", panel=_MODEL)
]
Provider = Annotated[
    _Text,
    _option(
        "--provider",
        help="What computes: cpu, cuda, tensorrt, openvino or coreml; the CPU where it cannot be "
        "had. (default: cpu)",
        panel=_MODEL,
    ),
]
PatchShare = Annotated[
    float | None,
    _option(
        "--patches",
        help="Share of each slice's patches that the encoder is given, at most: faster, less "
        "accurate. (default: 1)",
        panel=_MODEL,
    ),
]
Choose = Annotated[
    _Text,
    _option(
        "--choose",
        help="Which patches: energy: some of every level; change: those that changed most. "
        "(default: energy)",
        panel=_MODEL,
    ),
]
Deadline = Annotated[
    _Text,
    _option(
        "--deadline",
        help="Time for a slice: 16ms. The share of patches is chosen to keep it. (default: none)",
        panel=_MODEL,
    ),
]
Incomplete = Annotated[
    _Text,
    _option("--incomplete", help="Slices with lost samples: skip or infer.", panel=_MODEL),
]
Policy = Annotated[
    _Text,
    _option("--policy", help="latest: keep up, pass over the old; lossless: wait for every one."),
]
Patience = Annotated[
    _Text, _option("--patience", help="Give up when what it follows is silent. (default: 10s)")
]
Wait = Annotated[
    _Text, _option("--wait", help="Give up when no first message comes. (default: wait for ever)")
]
Readers = Annotated[
    int | None,
    _option("--readers", help="Readers to wait for before the first message. (default: 0)"),
]


# What every command takes that runs a capture: fields of CaptureSettings, in the help's order.
CAPTURE: dict[str, Any] = {
    "device": Device, "uri": Uri, "args": Args, "antenna": Antenna, "subdev": Subdev,
    "clock_source": ClockSource, "time_source": TimeSource, "lo_offset": LoOffset,
    "path": RecordingPath, "datatype": Datatype, "scene": Scene, "seed": Seed, "fault": Fault,
    "speed": Speed, "loops": Loops, "fc": Fc, "rate": SampleRate, "bandwidth": Bandwidth,
    "gain": GainDb, "gain_mode": GainMode, "mode": Mode, "burst_slices": BurstSlices,
    "bursts": Bursts, "plan": Plan, "sweep": Sweep, "dwell": DwellSlices, "dwells": Dwells,
    "repeat": Repeat, "duration": Length, "record": Record, "name": FileNames, "split": Split,
    "disk_floor": DiskFloor, "disk_full": DiskFull,
}  # fmt: skip


def with_capture(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options of CAPTURE too: its `flags` are those that were given."""
    own = signature(command, eval_str=True)
    shared = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in CAPTURE.items()
    ]
    rest = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        if name != "flags"
    ]

    @wraps(command)
    def wrapped(**values: Any) -> None:
        flags = given(**{name: values.pop(name) for name in CAPTURE})
        command(flags=flags, **values)

    everything = own.replace(parameters=[*shared, *rest])
    wrapped.__signature__ = everything  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in everything.parameters.values()}
    return wrapped


def given(**values: Any) -> dict[str, Any]:
    """The options that were given: the flags of one settings table."""
    return {name: value for name, value in values.items() if value is not None}
