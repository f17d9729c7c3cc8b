"""Run by Debian's Python, beside its real `uhd`: what test_uhd_contract.py reports.

    /usr/bin/python3 -I uhd_contract.py SITE-PACKAGES...

The arguments are where pydantic and the rest are found; numpy stays the one that `uhd` was built
for. Writes one JSON object: the checks by name, with what is wrong or null.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from enum import Enum
from inspect import isclass, isfunction, signature
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def load_fake() -> Any:
    """The fake, new, under another name than the real module has."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "fake_uhd"]:
        del sys.modules[name]
    folder = HERE / "fake_uhd" / "uhd"
    spec = importlib.util.spec_from_file_location(
        "fake_uhd", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_uhd"] = module
    spec.loader.exec_module(module)
    return module


def public(thing: Any) -> Iterator[tuple[str, Any]]:
    """The names that a fake module or class makes its own."""
    for name, value in vars(thing).items():
        if name.startswith("_"):
            continue
        if isinstance(value, ModuleType):
            if thing.__name__ == "fake_uhd" and value.__name__.startswith("fake_uhd."):
                yield name, value
        elif not isinstance(thing, ModuleType) or _made_in(value, thing.__name__):
            yield name, value


def _made_in(value: Any, module: str) -> bool:
    return getattr(value, "__module__", "").startswith(module)


def check_every_name_is_real(real: Any, fake: Any) -> None:
    compared = 0

    def compare(made: Any, true: Any, path: str) -> None:
        nonlocal compared
        for name, value in public(made):
            assert hasattr(true, name), f"uhd has no {path}.{name}"
            compared += 1
            if isclass(value) and issubclass(value, Enum):
                continue
            if isclass(value) or isinstance(value, ModuleType):
                compare(value, getattr(true, name), f"{path}.{name}")
            elif callable(value):
                assert callable(getattr(true, name)), f"uhd's {path}.{name} is no function"

    compare(fake, real, "uhd")
    assert compared > 50, compared
    # Attributes that the fake gives its objects.
    command = real.types.StreamCMD(real.types.StreamMode.num_done)
    request = real.types.TuneRequest(1e9, 1e6)
    arguments = real.usrp.StreamArgs("sc16", "sc16")
    for thing, copy in (
        (command, fake.types.StreamCMD(fake.types.StreamMode.num_done)),
        (request, fake.types.TuneRequest(1e9, 1e6)),
        (arguments, fake.usrp.StreamArgs("sc16", "sc16")),
    ):
        for name in vars(copy):
            assert name.startswith("_") or hasattr(thing, name), f"{thing} has no {name}"
    assert (request.target_freq, request.rf_freq) == (1e9, 1.001e9)


def check_enumerations_are_equal(real: Any, fake: Any) -> None:
    for name in ("RXMetadataErrorCode", "StreamMode"):
        true = getattr(real.types, name).__members__
        made = getattr(fake.types, name).__members__
        for key, member in made.items():
            assert int(true[key]) == member.value and true[key].name == key, f"{name}.{key}"
    assert set(fake.types.RXMetadataErrorCode.__members__) == set(
        real.types.RXMetadataErrorCode.__members__
    ), "an error code that the fake does not know"


def check_signatures(real: Any, fake: Any) -> None:
    """A method of the fake takes no more than the real one says that it takes."""
    checked = 0
    for kind in ("MultiUSRP", "RXStreamer"):
        for name, method in public(getattr(fake.usrp, kind)):
            if not isfunction(method):
                continue
            ours = [p for p in signature(method).parameters if p != "self"]
            text = getattr(getattr(real.usrp, kind), name).__doc__
            known = re.findall(rf"^(?:\d+\. )?{name}\((self: .*)\) ->", text, re.MULTILINE)
            forms = [re.findall(r"(\w+): ", form)[1:] for form in known]
            assert any(len(form) >= len(ours) for form in forms), (name, ours, forms)
            checked += 1
    assert checked > 30, checked


def check_recv_takes_three_and_no_one_packet(real: Any, fake: Any) -> None:
    import numpy as np

    stream = real.usrp.RXStreamer
    assert re.search(
        r"recv\(self: [\w.]+, np_array: object, metadata: [\w.]+, timeout: float = 0.1\) -> int",
        stream.recv.__doc__,
    ), stream.recv.__doc__
    try:
        # Refused before it looks at the stream, of which there is none.
        stream.__new__(stream).recv(
            np.zeros(4, np.int32), real.types.RXMetadata(), 0.1, one_packet=True
        )
    except TypeError as error:
        assert "incompatible function arguments" in str(error)
    else:
        raise AssertionError("recv takes one_packet: the receiver may use it")


def check_nobody_there_is_our_sentence(real: Any, fake: Any) -> None:
    from radiofm.errors import DeviceError
    from radiofm_capture.device import Tuning
    from radiofm_capture.uhd import UhdDevice, find_usrps

    args = "addr=127.0.0.1,type=e3xx"
    said = []
    for module in (real, fake):
        try:
            module.usrp.MultiUSRP(args)
        except RuntimeError as error:
            said.append(str(error))
    assert said[0] == said[1], said
    try:
        UhdDevice(Tuning(2.44e9, 1e6, 1e6), args, buffer_samples=1000)
    except DeviceError as error:
        assert str(error).startswith(f"no USRP at {args!r}: check its cable"), error
    else:
        raise AssertionError("there is a USRP")
    assert isinstance(find_usrps(), list)


def check_real_objects_go_through_the_device(real: Any, fake: Any) -> None:
    """The real commands, times, requests, ranges and codes; only the radio and what `recv` writes
    (which Python cannot write) are the fake's."""
    from radiofm_capture.device import Bursts, Tuning
    from radiofm_capture.uhd import UhdDevice, UsrpSetup

    modes: dict[int, str] = {}  # a real command does not say its mode

    def command(mode: Any) -> Any:
        made = real.types.StreamCMD(mode)
        modes[id(made)] = mode.name
        return made

    class Streamer(fake.usrp.RXStreamer):  # type: ignore[misc]
        def issue_stream_cmd(self, true: Any) -> None:
            made = fake.types.StreamCMD(fake.types.StreamMode[modes[id(true)]])
            made.num_samps, made.stream_now = true.num_samps, true.stream_now
            made.time_spec = true.time_spec
            super().issue_stream_cmd(made)

    mixed = SimpleNamespace(
        types=SimpleNamespace(
            StreamCMD=command,
            StreamMode=real.types.StreamMode,
            RXMetadata=fake.types.RXMetadata,
            TimeSpec=real.types.TimeSpec,
            TuneRequest=real.types.TuneRequest,
        ),
        usrp=SimpleNamespace(
            StreamArgs=real.usrp.StreamArgs,
            MultiUSRP=fake.usrp.MultiUSRP,
        ),
    )
    true_types = {
        name: getattr(real.types, name)
        for name in ("TimeSpec", "RXMetadataErrorCode", "MetaRange", "SensorValue", "DeviceAddr")
    }
    fake.usrp.types.__dict__.update(true_types)
    fake.usrp.RXStreamer = Streamer
    for bursts in (None, Bursts(1)):
        device = UhdDevice(
            Tuning(2.44e9, 1e6, 1e6, gain_db=30.0),
            "faults=lose@20000:742",
            UsrpSetup(clock_source="external", lo_offset_hz=1e6),
            buffer_samples=5000,
            bursts=bursts,
            uhd=mixed,
        )
        device.start()
        lost = 0
        at = 0
        zero = None
        while at < 100_000:
            block = device.read()
            assert block and block.time_quality == "device"
            lost += sum(loss.samples for loss in block.lost if not loss.untaken)
            tick = int(block.samples[0, 0]) | int(block.samples[0, 1]) << 14
            zero = tick if zero is None else zero
            assert (tick - zero) % 2**28 == block.sample_index
            at = block.sample_index + len(block.samples)
        device.close()
        assert lost == 742 or bursts, lost


def check_real_metadata_goes_through_the_receiver(real: Any, fake: Any) -> None:
    from radiofm_capture.uhd_receive import Receiver

    class Stream:
        def recv(self, np_array: Any, metadata: Any, timeout: float) -> int:
            assert type(metadata) is real.types.RXMetadata
            return len(np_array)

        def issue_stream_cmd(self, command: Any) -> None:
            assert type(command) is real.types.StreamCMD
            assert command.num_samps == 7 and not command.stream_now
            assert command.time_spec.get_full_secs() == 1_700_000_000
            assert abs(command.time_spec.get_frac_secs() - 0.25) < 1e-12

    receiver = Receiver(real, SimpleNamespace(get_rx_stream=lambda arguments: Stream()), 10)
    receiver.send(7, (1_700_000_000, 0.25))
    arrival = receiver.receive(4)
    assert arrival.samples.shape == (4, 2) and arrival.samples.dtype.name == "int16"
    assert (arrival.error, arrival.when, arrival.out_of_sequence) == ("none", None, False)


def check_capture_works_on_this_numpy(real: Any, fake: Any) -> None:
    import numpy as np

    from radiofm.level import count_clipped
    from radiofm.recording import Recording
    from radiofm.wire import Loss
    from radiofm_capture import daemon, session  # noqa: F401  they load
    from radiofm_capture.device import Block, Tuning
    from radiofm_capture.framer import Framer
    from radiofm_capture.recorder import Recorder

    tuning = Tuning(2.44e9, 1e6, 1e6, full_scale=32768.0)
    blocks, at = [], 0
    for n, (lost, count) in enumerate([(0, 20_000), (500, 30_000)]):
        losses = (Loss(samples=lost, exact=True, stage="link"),) if lost else ()
        at += lost
        samples = np.arange(2 * count, dtype=np.int16).reshape(-1, 2)
        blocks.append(Block(samples, at, at * 1000, "device", tuning, losses, n == 0))
        at += count
    framer = Framer()
    frames = [frame for block in blocks for frame in framer.add(block)] + list(framer.flush())
    assert sum(len(frame.samples) for frame in frames) == 50_000
    with tempfile.TemporaryDirectory() as folder:
        with Recorder(Path(folder) / "a") as recorder:
            for block in blocks:
                recorder.write(block)
        recording = Recording.open(Path(folder) / "a.sigmf-meta")
        assert np.array_equal(recording.read(20_000, 30_000), blocks[1].samples)
        assert recording.segments[1].global_index == 20_500
    assert count_clipped(np.array([[32767, 0]], np.int16), 32768) == 1


def main() -> None:
    sys.path.insert(0, "/usr/lib/python3/dist-packages")
    try:
        real = importlib.import_module("uhd")
    except ModuleNotFoundError as error:
        json.dump({"absent": str(error)}, sys.stdout)
        return
    sys.path[:0] = [str(ROOT), str(ROOT / "capture"), *sys.argv[1:]]
    results: dict[str, str | None] = {}
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check(real, load_fake())
                results[name] = None
            except Exception:  # noqa: BLE001  all of it is the report
                results[name] = traceback.format_exc()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
