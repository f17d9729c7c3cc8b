"""Speed as ratios against named rivals in one run: `make bench`. Outputs are compared first."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal

from radiofm.corpus.build import build
from radiofm.spectrogram import Spectrogram, SpectrogramSpec, resize_weights
from radiofm_capture.device import Block, Tuning
from radiofm_capture.recorder import Recorder

SPEC = SpectrogramSpec(resize="bilinear")  # the kernel that torch has too
RUNS = 12


def naive_torch(iq: Any) -> Any:
    """What one writes first: stft, abs, square, shift, interpolate, log."""
    import torch

    x = torch.from_numpy(iq.astype(np.float32) / 2048)
    x = torch.view_as_complex(x)
    window = torch.hann_window(512) / torch.hann_window(512).sum()
    frames = (len(x) - 512) // 512 + 1
    padded = torch.nn.functional.pad(torch.view_as_real(x), (0, 0, 256, 256))
    stft = torch.stft(
        torch.view_as_complex(padded), 1024, 512, 512, window, center=False, return_complex=True,
        onesided=False,
    )[:, :frames]  # fmt: skip
    power = torch.fft.fftshift(stft.abs() ** 2, dim=0)[None, None]
    small = torch.nn.functional.interpolate(
        power, (224, 224), mode="bilinear", antialias=True, align_corners=False
    )
    return (10 * torch.log10(small[0, 0] + 1e-16)).numpy()


def short_time_fft(iq: Any) -> Any:
    """scipy's own class, and the same reduction."""
    x = (iq[:, 0] + 1j * iq[:, 1]) / 2048
    stft = scipy.signal.ShortTimeFFT(
        scipy.signal.get_window("hann", 512), 512, 1.0, mfft=1024, fft_mode="centered",
        scale_to="magnitude",
    )  # fmt: skip
    power = stft.spectrogram(x)
    rows = resize_weights(1024, 224, "bilinear")
    columns = resize_weights(power.shape[1], 224, "bilinear")
    return 10 * np.log10(rows @ power @ columns.T + 1e-16)


def fastest(functions: list[Callable[[], Any]]) -> list[float]:
    """Least process time of each, the runs interleaved."""
    best = [float("inf")] * len(functions)
    for _ in range(RUNS):
        for n, function in enumerate(functions):
            start = time.process_time()
            function()
            best[n] = min(best[n], time.process_time() - start)
    return best


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rate", [5e6, 20e6, 61.44e6])
def test_spectrogram_against_torch_and_scipy(rate: float) -> None:
    import torch

    torch.set_num_threads(1)
    compute = Spectrogram(SPEC, rate)
    rng = np.random.default_rng(0)
    iq = rng.normal(0, 300, (compute.samples, 2)).round().astype(np.int16)
    ours = compute.decibels(iq, 2048)
    assert np.median(np.abs(ours - naive_torch(iq))) < 0.05
    # scipy's frames lie half a window elsewhere: of noise, only the mean is the same.
    assert abs(np.mean(ours) - np.mean(short_time_fft(iq))) < 0.2
    mine, torchs, scipys = fastest(
        [
            lambda: compute(iq, 2048),
            lambda: naive_torch(iq),
            lambda: short_time_fft(iq),
        ]
    )
    print(
        f"\nspectrogram of 16 ms at {rate / 1e6:g} MS/s, one thread: "
        f"{torchs / mine:.1f} x naive torch, {scipys / mine:.1f} x scipy's ShortTimeFFT"
    )
    assert mine < torchs and mine < scipys


def recordings(folder: Path) -> list[Path]:
    """The papers' kind of corpus: 96 ms each, 20 to 61.44 MS/s, int16; 187 MB."""
    rng = np.random.default_rng(0)
    paths = []
    for rate in (20e6, 40e6, 61.44e6):
        for number in range(4):
            base = folder / f"{rate:.0f}-{number}"
            samples = rng.integers(-600, 600, (round(0.096 * rate), 2), np.int16)
            samples.tofile(base.with_suffix(".sigmf-data"))
            keys = {"core:datatype": "ci16_le", "core:version": "1.2.6", "core:sample_rate": rate}
            meta = {"global": keys, "captures": [{"core:sample_start": 0, "core:frequency": 2.4e9}]}
            base.with_suffix(".sigmf-meta").write_text(json.dumps(meta | {"annotations": []}))
            paths.append(base.with_suffix(".sigmf-data"))
    return paths


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_building_a_corpus_against_a_plain_read(tmp_path: Path) -> None:
    paths = recordings(tmp_path)
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    plain = first = again = float("inf")
    for _ in range(3):
        (tmp_path / "corpus.sqlite").unlink(missing_ok=True)
        times = [time.process_time()]
        for path in paths:
            np.fromfile(path, np.int16)
        times.append(time.process_time())
        assert build(tmp_path).read == len(paths)
        times.append(time.process_time())
        assert build(tmp_path).read == 0
        times.append(time.process_time())
        took = np.diff(times).tolist()
        plain, first, again = min(plain, took[0]), min(first, took[1]), min(again, took[2])
    print(
        f"\ncorpus build, int16 at 20 to 61.44 MS/s, one process: {megabytes / first:.0f} MB/s, "
        f"{first / plain:.1f} x the time of numpy.fromfile ({megabytes / plain:.0f} MB/s); "
        f"again, unchanged: {again / first:.3f} x"
    )
    assert again < first / 10


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_recorder_against_writing_and_hashing(tmp_path: Path) -> None:
    """At the highest rate of a Pluto, 246 MB/s. The rivals sync as often."""
    tuning, count, blocks = Tuning(2.44e9, 61.44e6, 56e6), 983_040, 128
    samples = np.random.default_rng(0).integers(-2048, 2048, (count, 2)).astype("<i2")
    data = samples.data.cast("B")

    def plain(*, hashed: bool = False) -> None:
        digest = hashlib.sha512()
        with (tmp_path / "plain").open("wb", buffering=0) as file:
            for n in range(1, blocks + 1):
                file.write(data)
                if hashed:
                    digest.update(data)
                if n % 16 == 0:  # 63 MB
                    os.fdatasync(file.fileno())

    def recorder() -> None:
        with Recorder(tmp_path / "cap") as recorder:
            for n in range(blocks):
                new = n == 0
                recorder.write(Block(samples, n * count, 0, "host", tuning, new_stream=new))

    runs: list[Callable[[], None]] = [recorder, plain, lambda: plain(hashed=True)]
    wall, cpu = [float("inf")] * 3, [float("inf")] * 3
    for _ in range(4):
        for n, run in enumerate(runs):
            start, used = time.perf_counter(), time.process_time()
            run()
            wall[n] = min(wall[n], time.perf_counter() - start)
            cpu[n] = min(cpu[n], time.process_time() - used)
            for path in tmp_path.iterdir():
                path.unlink()
    print(
        f"\nrecorder: {wall[1] / wall[0]:.2f} x plain writes, {wall[2] / wall[0]:.2f} x writes and "
        f"SHA-512, {blocks * len(data) / wall[0] / 1e6:.0f} MB/s; processor time "
        f"{cpu[0] / cpu[2]:.2f} of writes and SHA-512"
    )
    assert cpu[0] < 2 * cpu[2]
