"""What `radiofm doctor` finds of the machine: disk, processor, clock, limits.

Figures are of this moment: beside other programs they come out lower.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from radiofm.doctor import Finding
from radiofm.spectrogram import PRESETS, Spectrogram

SAMPLE_BYTES = 4  # int16 I and Q
USUAL_RATE = 4e6  # S/s, what USB 2 carries from a Pluto
TRIAL_BYTES, TRIAL_BLOCK, TRIAL_S = 128 << 20, 16 << 20, 2.0  # written to find a disk's speed
LOW_SPACE_S = 600  # seconds of recording at the usual rate that there should be room for
FEW_FILES = 256  # descriptors; a chain needs some dozens
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def disk(folder: Path) -> Iterator[Finding]:
    """Free space in `folder`, and the sample rate that can be recorded to it."""
    try:
        free = shutil.disk_usage(folder).free
        speed = _write_speed(folder, min(TRIAL_BYTES, free // 2))
    except OSError as error:
        seen = f"{folder}: {error.strerror or error}"
        yield Finding("disk", "fail", seen, "choose a folder that can be written to: --path FOLDER")
        return
    seconds, rate = free / SAMPLE_BYTES / USUAL_RATE, speed / SAMPLE_BYTES
    seen = (
        f"{folder.resolve()}: {free / 1e9:.1f} GB free, {seconds / 60:.0f} min at 4 MS/s; "
        f"written at {speed / 1e6:.0f} MB/s, so up to {rate / 1e6:.0f} MS/s can be recorded"
    )
    if rate < USUAL_RATE or seconds < LOW_SPACE_S:
        yield Finding("disk", "warn", seen, "record to a larger or faster disk: --record FOLDER")
    else:
        yield Finding("disk", "ok", seen)


def _write_speed(folder: Path, size: int) -> float:
    """Bytes a second that reach the disk, over `size` bytes or TRIAL_S, whichever ends first."""
    block = os.urandom(max(1, min(TRIAL_BLOCK, size)))  # no file system compresses it
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        began, written, took = time.perf_counter(), 0, 0.0
        while written == 0 or (written < size and took < TRIAL_S):
            written += file.write(block)
            os.fdatasync(file.fileno())
            took = time.perf_counter() - began
    return written / took


def processor() -> Iterator[Finding]:
    """Cores, vector instructions, governor and load."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    flags = set(_read("/proc/cpuinfo").split())
    vectors = next((name for name in ("avx512f", "avx2", "asimd") if name in flags), "none")
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    driver = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver")
    seen = f"{cores} cores ({platform.machine()}), vector instructions {vectors}, load {load:.1f}"
    seen += f", governor {governor}" if governor else ""
    if vectors == "none":
        yield Finding("processor", "warn", seen, "inference will be slow: use a newer machine")
    elif governor == "powersave" and "pstate" not in driver:  # there it is the usual one
        cure = "sudo cpupower frequency-set -g performance"
        yield Finding("processor", "warn", seen, cure)
    elif load > cores:
        yield Finding("processor", "warn", seen, "close other programs: they take the cores")
    else:
        yield Finding("processor", "ok", seen)


def spectrogram_speed() -> Iterator[Finding]:
    """The time of one slice's spectrogram, against the time that the slice lasts."""
    spec, noise = PRESETS["table-i"], np.random.default_rng(0)
    shares = {}
    for rate in (USUAL_RATE, 5 * USUAL_RATE):
        work = Spectrogram(spec, rate)
        iq = noise.integers(-2048, 2048, (work.samples, 2), np.int16)
        shares[rate] = median_time(partial(work, iq, 2048.0)) / spec.duration_s
    seen = "; ".join(
        f"{rate / 1e6:g} MS/s: {say_speed(share, spec.duration_s)}"
        for rate, share in shares.items()
    )
    seen += f", by {work.backend}"
    if shares[USUAL_RATE] > 1:
        yield Finding("spectrogram", "warn", seen, "choose a lower --rate, or a faster machine")
    else:
        yield Finding("spectrogram", "ok", seen)


def median_time(work: Callable[[], object], budget_s: float = 0.4) -> float:
    """Seconds that `work` takes once it is warm: the median of what fits into `budget_s`."""
    work()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget_s and len(times) < 100):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def say_speed(share: float, duration_s: float) -> str:
    """A share of real time in words, for slices of `duration_s`."""
    took_s = share * duration_s
    return f"{took_s * 1e3:.1f} ms a slice, {1 / took_s:.0f} slices/s, {share:.0%} of real time"


def clock() -> Iterator[Finding]:
    """Whether the host's clock, which dates the samples, is held by a time service."""
    libc = ctypes.CDLL(None)
    state = libc.adjtimex(ctypes.create_string_buffer(512))  # struct timex, modes 0: only asks
    if state == TIME_ERROR:
        cure = "start a time service: sudo timedatectl set-ntp true"
        yield Finding("clock", "warn", "not synchronised: times of samples may be wrong", cure)
    elif state < 0:
        yield Finding("clock", "ok", "the kernel does not say (usual in a container)")
    else:
        yield Finding("clock", "ok", "synchronised")


def limits() -> Iterator[Finding]:
    """The limits of this shell's processes."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    seen = f"{files} open files"
    if 0 <= files < FEW_FILES:
        yield Finding("limits", "warn", seen, "ulimit -n 1024")
    else:
        yield Finding("limits", "ok", seen)


def _read(file: str) -> str:
    try:
        return Path(file).read_text("ascii", "replace").strip()
    except OSError:
        return ""
