"""Frames hold every sample once, in order, and never cross a slice boundary, a gap or a stream."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.framer import Frame, Framer

TUNING = Tuning(2.44e9, 10_000, 10_000)  # 160 samples a slice
SLICE = 160


@st.composite
def block_streams(draw: st.DrawFn) -> list[Block]:
    blocks: list[Block] = []
    at = value = 0
    for n in range(draw(st.integers(1, 25))):
        fresh = n == 0 or draw(st.integers(0, 9)) == 0
        lost: tuple[Loss, ...] = ()
        if fresh:
            at = 0
        elif draw(st.booleans()):
            gone = draw(st.integers(1, 400))
            lost = (Loss(samples=gone, exact=draw(st.booleans()), stage="device"),)
            at += gone
        count = draw(st.integers(1, 500))
        samples = np.arange(value, value + count).astype("<i2").repeat(2).reshape(-1, 2)
        blocks.append(Block(samples, at, at * 100_000, "host", TUNING, lost, fresh))
        at += count
        value += count
    return blocks


def frame_all(blocks: list[Block]) -> list[Frame]:
    framer = Framer()
    frames: list[Frame] = []
    for block in blocks:
        samples = block.samples.copy()
        frames += framer.add(Block(samples, *(getattr(block, f) for f in Block.__slots__[1:])))
        samples[:] = -1  # a device may reuse its buffer: frames must not look at it again
    frames += framer.flush()
    return frames


@given(block_streams())
def test_nothing_is_lost_twice_or_moved(blocks: list[Block]) -> None:
    frames = frame_all(blocks)
    assert np.array_equal(
        np.concatenate([f.samples for f in frames]), np.concatenate([b.samples for b in blocks])
    )
    assert len({f.stream for f in frames}) == sum(b.new_stream for b in blocks)
    reached: dict[object, int] = {}
    for frame in frames:
        first, last = frame.sample_index, frame.sample_index + len(frame.samples) - 1
        assert first // SLICE == last // SLICE
        gone = sum(loss.samples for loss in frame.lost)
        assert frame.sample_index == reached.get(frame.stream, 0) + gone
        assert frame.time_ns == frame.sample_index * 100_000
        reached[frame.stream] = last + 1


@given(block_streams())
def test_losses_are_passed_on(blocks: list[Block]) -> None:
    frames = frame_all(blocks)
    assert [x for f in frames for x in f.lost] == [x for b in blocks for x in b.lost]
