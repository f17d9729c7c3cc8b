"""`radiofm corpus import`: the samples as they are, and all that is known of them."""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from radiofm.errors import RecordingError
from radiofm.recording import Recording, open_recordings
from radiofm.sigmf_import import import_recording

NOON = 1577880000 * 10**9  # 2020-01-01T12:00:00Z


def bring(path: Path, to: Path, **given: Any) -> list[Path]:
    center = given.get("center_frequency_hz")
    return [import_recording(one, to, center) for one in open_recordings(path, **given)]


def validate(*paths: Path) -> None:
    script = Path(sys.executable).with_name("sigmf_validate")
    done = subprocess.run([script, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_kind_of_file_keeps_its_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(-(2**15), 2**15, (3000, 2)).astype("<i2")
    octets = rng.integers(0, 256, 6000).astype(np.uint8)
    octets.tofile(tmp_path / "g001_433.92M_250k.cu8")
    counts.tofile(tmp_path / "cap_868MHz_1Msps.cs16")
    wavfile.write(tmp_path / "SDRSharp_20200101_120000Z_137500000Hz_IQ.wav", 250_000, counts)
    rows = counts.T.astype("f8")
    with (tmp_path / "rrd.npy").open("wb") as file:
        np.save(file, rows)
        np.save(file, [0])
        np.save(file, np.array([{"center_freq": 2.44e9, "effective_sample_rate": 20e6}]))
    made = {}
    for path in sorted(tmp_path.iterdir()):
        (made[path.suffix],) = bring(path, tmp_path / "out")
    validate(*made.values())
    found = {suffix: Recording.open(path, verify=True) for suffix, path in made.items()}
    data = {suffix: one.path.read_bytes() for suffix, one in found.items()}
    assert data[".cu8"] == octets.tobytes()
    assert data[".cs16"] == data[".wav"] == counts.tobytes()
    assert data[".npy"] == counts.astype("<f8").tobytes()
    said = {
        suffix: (one.datatype, one.sample_rate_hz, one.segments[0].center_frequency_hz)
        for suffix, one in found.items()
    }
    assert said == {
        ".cu8": ("cu8", 250e3, 433.92e6),
        ".cs16": ("ci16_le", 1e6, 868e6),
        ".wav": ("ci16_le", 250e3, 137.5e6),
        ".npy": ("cf64_le", 20e6, 2.44e9),
    }
    assert found[".wav"].segments[0].time_ns == NOON
    assert "from g001_433.92M_250k.cu8" in (found[".cu8"].info.core_description or "")


def test_sigmf_keeps_what_radiofm_does_not_read(tmp_path: Path) -> None:
    data = np.arange(200, dtype=">i2")
    meta = {
        "global": {
            "core:datatype": "ci16_be",
            "core:version": "1.0.0",
            "core:author": "somebody",
            "core:license": "https://example.org",
            "core:description": "a test",
            "core:collection": "gone",
        },
        "captures": [{"core:sample_start": 0, "antenna:gain": 3}, {"core:sample_start": 50}],
        "annotations": [{"core:sample_start": 1, "core:sample_count": 2, "x:y": 1}],
    }
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta))
    data.tofile(tmp_path / "a.sigmf-data")
    with tarfile.open(tmp_path / "arc.sigmf", "w") as tar:
        tar.add(tmp_path / "a.sigmf-meta", "arc/a.sigmf-meta")
        tar.add(tmp_path / "a.sigmf-data", "arc/a.sigmf-data")
    given = {"sample_rate_hz": 2e6, "center_frequency_hz": 1e9}
    (path,) = bring(tmp_path / "arc.sigmf", tmp_path / "out", **given)
    validate(path)
    found = json.loads(path.read_text())
    info = found["global"]
    description = info.pop("core:description")
    assert description.startswith("a test (imported by radiofm") and "arc.sigmf" in description
    assert info == {
        "core:datatype": "ci16_be",
        "core:version": "1.0.0",
        "core:author": "somebody",
        "core:license": "https://example.org",
        "core:sample_rate": 2e6,
        "core:sha512": hashlib.sha512(data.tobytes()).hexdigest(),
    }
    assert found["captures"] == [
        {"core:sample_start": 0, "antenna:gain": 3, "core:frequency": 1e9},
        {"core:sample_start": 50, "core:frequency": 1e9},
    ]
    assert found["annotations"] == meta["annotations"]
    assert path.with_suffix(".sigmf-data").read_bytes() == data.tobytes()


def test_real_recordings_are_copied_to_the_bit(shared_iq: Path, tmp_path: Path) -> None:
    source = shared_iq / "adsb-1090M-rtlsdr.sigmf-meta"
    (path,) = bring(source, tmp_path)
    one, other = Recording.open(source), Recording.open(path, verify=True)
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.segments == other.segments and one.sample_rate_hz == other.sample_rate_hz


def test_nothing_is_overwritten_and_nothing_half_done_is_left(tmp_path: Path) -> None:
    (tmp_path / "a_1k.cu8").write_bytes(bytes(10))
    bring(tmp_path / "a_1k.cu8", tmp_path / "out")
    with pytest.raises(RecordingError, match=r"a_1k.sigmf-meta exists: import to another folder"):
        bring(tmp_path / "a_1k.cu8", tmp_path / "out")
    recording = Recording.open(tmp_path / "a_1k.cu8")

    def fail(written: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(RecordingError, match="No space left on device: make room"):
        import_recording(recording, tmp_path / "full", progress=fail)
    assert list((tmp_path / "full").iterdir()) == []


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "a_1k.cu8").write_bytes(bytes(10))
    (tmp_path / "b.iq").write_bytes(bytes(8))
    command = [sys.executable, "-m", "radiofm", "corpus", "import", "--to", str(tmp_path / "out")]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=tmp_path)

    done = run("a_1k.cu8", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "command": "corpus import",
        "recordings": [str(tmp_path / "out" / "a_1k.sigmf-meta")],
        "samples": 5,
    }
    done = run("b.iq", "--rate", "1M", "--fc", "433.92M")
    assert done.returncode == 1 and "--datatype" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    done = run("b.iq", "--rate", "1M", "--fc", "433.92M", "--datatype", "cs16")
    assert done.returncode == 0 and "2 samples of ci16_le" in done.stderr
    recording = Recording.open(tmp_path / "out" / "b")
    assert (recording.sample_rate_hz, recording.segments[0].center_frequency_hz) == (1e6, 433.92e6)
    assert run("b.iq", "--rate", "fast").returncode == 2
