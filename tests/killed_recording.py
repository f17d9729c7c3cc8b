"""A recording that is made to be killed, and its repair: `killed_recording.py record|repair BASE`.

`blocks` is what is recorded, for ever, from a seed: the test makes it again and compares.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sigmf import SigMFCollection
from sigmf.sigmffile import fromfile

from radiofm.record_options import Split
from radiofm.recording import Recording
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.recorder import Recorder
from radiofm_capture.repair import repair

SPLIT_BYTES = 700_000


def samples(first: int, count: int) -> npt.NDArray[np.int16]:
    """Sample i of the recording, the lost ones counted, is (i mod 2^15, i / 2^15)."""
    index = np.arange(first, first + count)
    return np.stack([index & 0x7FFF, index >> 15], axis=1).astype(np.int16)


def blocks(seed: int) -> Iterator[Block]:
    """Blocks of any length, now and then a loss or a retune."""
    rng = np.random.default_rng(seed)
    tuning = Tuning(2.44e9, 1e6, 1e6)
    first = index = 0  # the stream's first sample in the recording; the next one in the stream
    while True:
        lost: tuple[Loss, ...] = ()
        if index and rng.random() < 0.1:
            first, index = first + index, 0
            tuning = Tuning(float(rng.integers(1, 100)) * 1e8, 1e6, 1e6)
        elif index and rng.random() < 0.2:
            lost = (Loss(samples=int(rng.integers(1, 9999)), exact=False, stage="device"),)
            index += lost[0].samples
        count = int(rng.integers(1, 30_000))
        block = samples(first + index, count)
        yield Block(block, index, index * 1000, "host", tuning, lost, index == 0)
        index += count


def check(base: Path, seed: int) -> int:
    """The files are an exact prefix of the blocks, gaps and all; return how many samples."""
    folder = base.parent
    count = len(list(folder.glob("*.sigmf-data")))
    names = [base, *(base.with_name(f"{base.name}-{n}") for n in range(2, count + 1))]
    files = [Recording.open(name, verify=True) for name in names[:count]]
    assert not list(folder.glob("*.sigmf-journal")) and not list(folder.glob("*.part"))
    indices, gaps, tunings = [np.empty(0, np.int64)], [], [0.0]
    for file in files:
        fromfile(file.path).validate()
        assert file.info.core_offset == sum(map(len, indices))
        for segment in file.segments:
            first = segment.global_index
            read = file.read(segment.start, segment.count)
            assert np.array_equal(read, samples(first, segment.count))
            indices.append(np.arange(first, first + segment.count))
            gaps += [(first, segment.lost)] if segment.lost else []
            frequency = segment.center_frequency_hz or 0.0
            tunings += [frequency] if frequency != tunings[-1] else []
    recorded = np.concatenate(indices)
    assert np.array_equal(recorded, _expected(seed, len(recorded), gaps, tunings))
    if count > 1:
        collection = SigMFCollection(
            metadata=json.loads((folder / f"{base.name}.sigmf-collection").read_bytes()),
            base_path=folder,
        )  # it checks the hashes
        assert collection.get_stream_names() == [name.name for name in names]
    return len(recorded)


def _expected(
    seed: int, count: int, gaps: list[tuple[int, tuple[Loss, ...]]], tunings: list[float]
) -> npt.NDArray[np.int64]:
    """The global indices of the first `count` samples, after comparing the gaps and retunes."""
    indices: list[npt.NDArray[np.int64]] = []
    lost, tuned, origin, end, left = [], [0.0], 0, 0, count
    for block in blocks(seed):
        if left <= 0:
            break
        origin = end if block.new_stream else origin
        first = origin + block.sample_index
        lost += [(first, block.lost)] if block.lost else []
        frequency = block.tuning.center_frequency_hz
        tuned += [frequency] if frequency != tuned[-1] else []
        end = first + len(block.samples)
        indices.append(np.arange(first, first + min(left, len(block.samples))))
        left -= len(block.samples)
    assert gaps == lost and tunings == tuned
    return np.concatenate([np.empty(0, np.int64), *indices])


def main(verb: str, base: Path, seed: int) -> None:
    """Record until killed, or repair once."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if verb == "repair":
        repair(base.parent)
        return
    with Recorder(base, split=Split("bytes", SPLIT_BYTES)) as recorder:
        for block in blocks(seed):
            recorder.write(block)
            time.sleep(0.0005)  # the disk is shared


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
