"""`radiofm pretrain` as a person runs it: killed and resumed, and by two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from radiofm.slice_set import SliceRecord, SliceSetInfo, write_slice_set
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import latest_checkpoint

SPEC = SpectrogramSpec(height=32, width=48)
LABELS = ("noise", "tone")
STEPS = 8


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 slices of noise, half of them with a tone, in 20 groups."""
    folder = tmp_path_factory.mktemp("slices") / "set"
    rng = np.random.default_rng(0)
    items = []
    for at in range(40):
        image = rng.normal(-90, 3, (32, 48)).astype(np.float32)
        mask = np.zeros((32, 48), np.uint8)
        if at % 2:
            row = int(rng.integers(2, 28))
            image[row : row + 2] += 30
            mask[row : row + 2] = 1
        record = SliceRecord(label=LABELS[at % 2], group=at // 2, sample_rate_hz=5e6)
        items.append((image, mask, record))
    info = SliceSetInfo(spec=SPEC, labels=LABELS, count=40, provenance={"command": "test"})
    write_slice_set(folder, info, items)
    return folder


def command(slices: Path, out: Path, *more: str) -> list[str]:
    arguments = ["pretrain", str(slices), "--out", str(out), "--preset", "nano", "--json"]
    arguments += ["--steps", str(STEPS), "--batch", "4", "--checkpoint-every", "2"]
    return ["-m", "radiofm", *arguments, "--evaluate-every", "4", *more]


def environment() -> dict[str, str]:
    """One thread: two that wait for each other on a busy machine cost 50 times the work."""
    return os.environ | {"OMP_NUM_THREADS": "1"}


def weights(out: Path) -> dict[str, torch.Tensor]:
    found = latest_checkpoint(out)
    assert found is not None and found.name == f"step-{STEPS:07d}"
    return load_file(found / "model.safetensors")


@pytest.fixture(scope="module")
def whole(slices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    arguments = [sys.executable, *command(slices, out, "--ema", "0.9")]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=True, timeout=100, env=environment()
    )
    report = json.loads(done.stdout)
    assert 0 <= report["waited"] < 1
    assert report["step"] == STEPS and report["sets"] == {str(slices): 32}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(STEPS))
    assert lines[3]["evaluation"]["masked_mse"] > 0 and "evaluation" not in lines[4]
    return out


def test_a_run_killed_and_resumed_equals_one_that_was_not(
    slices: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = [sys.executable, *command(slices, out, "--ema", "0.9")]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env=environment()) as process:
        deadline = time.monotonic() + 100
        while latest_checkpoint(out) is None and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    subprocess.run(arguments, check=True, timeout=100, stdout=subprocess.DEVNULL, env=environment())
    expected, found = weights(whole), weights(out)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert (whole / "log.jsonl").read_text() == (out / "log.jsonl").read_text()
    averages = [load_file(run / f"step-{STEPS:07d}" / "ema.safetensors") for run in (whole, out)]
    assert all(torch.equal(value, averages[1][name]) for name, value in averages[0].items())
    assert not torch.equal(averages[0]["encoder.cls"], expected["encoder.cls"])


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_equal_one(slices: Path, whole: Path, tmp_path: Path, parallel: str) -> None:
    """Losses within 1e-5 of their size, weights within a tenth of one step's change (lr 1e-3):
    sums are added up in another order, and AdamW makes much of the smallest gradients."""
    out = tmp_path / "run"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [*launch, *command(slices, out, "--parallel", parallel)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=110, env=environment())
    assert done.returncode == 0, done.stderr[:3000]
    expected, found = weights(whole), weights(out)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-4, msg=name)
    losses = [
        [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
        for run in (whole, out)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5) and len(losses[1]) == STEPS
    steps = load_file(out / f"step-{STEPS:07d}" / "optimizer.safetensors")
    assert steps["encoder.cls/step"].item() == STEPS


def test_a_batch_that_two_cannot_share_is_refused() -> None:
    from radiofm.errors import UsageError
    from radiofm_models.world import World

    with pytest.raises(UsageError, match="batch 5: 2 processes"):
        World(0, 2, torch.device("cpu")).share(5)
