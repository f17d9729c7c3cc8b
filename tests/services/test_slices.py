"""Any cut into messages, any gaps, any order inside a slice: the slices of the batch cut."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm.wire import IqHeader, Loss
from radiofm_services.slices import CutSlice, SliceCutter

RATE = 64e3
SPEC = SpectrogramSpec(
    duration_s=0.001, window_size=16, hop=16, fft_size=16, height=16, width=16
)  # 64 samples a slice
SIZE = SPEC.slice_samples(RATE)
STREAMING, BATCH = Spectrogram(SPEC, RATE), Spectrogram(SPEC, RATE)
START_NS = 1_700_000_000_000_000_000

Samples = npt.NDArray[np.int16]


def header(
    index: int, count: int, stream: int = 1, rate: float = RATE, lost: tuple[Loss, ...] = ()
) -> IqHeader:
    time_ns = START_NS + round(index * 1e9 / rate)
    return IqHeader(
        stream=UUID(int=stream), sequence=0, sample_index=index, sample_count=count,
        time_ns=time_ns, time_quality="device", center_frequency_hz=1e9, sample_rate_hz=rate,
        datatype="ci16_le", full_scale=2048, bandwidth_hz=rate, host_time_ns=time_ns, lost=lost,
    )  # fmt: skip


def counter(count: int, seed: int = 0) -> Samples:
    """Samples that no two places share, and of which none is zero."""
    noise = np.random.default_rng(seed).integers(1, 2000, (count, 2))
    return noise.astype(np.int16)


def pieces(draw: Any, total: int) -> list[tuple[int, int]]:
    """A cut of [0, total) into messages of any size."""
    edges = sorted(draw(st.sets(st.integers(1, total - 1), max_size=12)) | {0, total})
    return list(zip(edges, edges[1:], strict=False))


@st.composite
def schedules(draw: Any) -> tuple[int, list[tuple[int, int]]]:
    """A stream's length, and the parts of it that arrive, shuffled within each slice."""
    total = draw(st.integers(2, 5 * SIZE))
    kept = [p for p in pieces(draw, total) if draw(st.integers(0, 3))]
    # Out of order only within a slice: a message that begins another slice ends the one before.
    keys = {p: draw(st.integers(0, 9)) for p in kept}
    inside = {p: p[0] // SIZE == (p[1] - 1) // SIZE for p in kept}
    first = min(kept, default=None)  # where the stream is joined
    kept.sort(key=lambda p: (p != first, p[0] // SIZE, keys[p] if inside[p] else 10, p[0]))
    repeats = [p for p in kept for _ in range(draw(st.integers(1, 2)))]
    return total, repeats


def expected(stream: Samples, parts: list[tuple[int, int]]) -> dict[int, tuple[Samples, int]]:
    """Batch: zero-fill the stream, cut it, leave out slices of which nothing came."""
    slices = -(-len(stream) // SIZE)
    filled = np.zeros((slices * SIZE, 2), np.int16)
    there = np.zeros(slices * SIZE, bool)
    for start, stop in parts:
        filled[start:stop] = stream[start:stop]
        there[start:stop] = True
    return {
        k: (filled[k * SIZE : (k + 1) * SIZE], SIZE - int(there[k * SIZE : (k + 1) * SIZE].sum()))
        for k in range(slices)
        if there[k * SIZE : (k + 1) * SIZE].any()
    }


def feed(cutter: SliceCutter, stream: Samples, parts: list[tuple[int, int]]) -> list[CutSlice]:
    cuts = []
    for start, stop in parts:
        cuts += cutter.take(header(start, stop - start), stream[start:stop])
    return cuts + cutter.finish(len(stream))


@given(schedules(), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_any_schedule_gives_the_batch_slices(
    schedule: tuple[int, list[tuple[int, int]]], seed: int
) -> None:
    total, parts = schedule
    stream, cutter = counter(total, seed), SliceCutter(SPEC)
    cuts = feed(cutter, stream, parts)
    want = expected(stream, parts)
    assert [cut.index for cut in cuts] == list(want)
    for cut in cuts:
        samples, missing = want[cut.index]
        np.testing.assert_array_equal(cut.samples, samples)
        assert (cut.missing, cut.sample_index) == (missing, cut.index * SIZE)
        assert abs(cut.time_ns - header(cut.sample_index, 0).time_ns) <= 1
        assert STREAMING(cut.samples, 2048).tobytes() == BATCH(samples, 2048).tobytes()
    account = cutter.samples.account()
    assert account.received + account.lost == account.span
    slices = cutter.slices.account()
    assert slices.inferred == len(cuts)
    assert slices.inferred + slices.untaken == slices.slices
    if parts:
        covered = np.zeros(total, bool)
        for start, stop in parts:
            covered[start:stop] = True
        assert account.received == covered.sum()
        assert account.span == total - parts[0][0]  # joined there


def test_a_whole_slice_is_not_copied() -> None:
    stream, cutter = counter(2 * SIZE), SliceCutter(SPEC)
    (cut,) = cutter.take(header(0, SIZE), stream[:SIZE])
    assert np.shares_memory(cut.samples, stream)
    assert cut.missing == 0


def test_what_comes_after_its_slice_is_counted_not_cut() -> None:
    stream, cutter = counter(3 * SIZE), SliceCutter(SPEC)
    assert cutter.take(header(0, 10), stream[:10]) == []
    (first,) = cutter.take(header(SIZE, 10), stream[SIZE : SIZE + 10])
    assert (first.index, first.missing) == (0, SIZE - 10)
    assert cutter.take(header(10, 20), stream[10:30]) == []
    (second,) = cutter.finish(2 * SIZE)
    np.testing.assert_array_equal(second.samples[:10], stream[SIZE : SIZE + 10])
    account = cutter.samples.account()
    assert (account.span, account.received, account.lost) == (2 * SIZE, 40, 2 * SIZE - 40)


def test_a_late_message_is_received_and_its_slice_untaken() -> None:
    stream, cutter = counter(3 * SIZE), SliceCutter(SPEC)
    cuts = cutter.take(header(0, SIZE), stream[:SIZE])
    cuts += cutter.take(header(SIZE, SIZE), None)
    cuts += cutter.take(header(2 * SIZE, SIZE), stream[2 * SIZE :])
    assert [cut.index for cut in cuts] == [0, 2]
    assert cutter.samples.account().received == 3 * SIZE
    assert cutter.slices.account().untaken == 1


def test_a_new_stream_flushes_and_starts_at_zero() -> None:
    stream, cutter = counter(2 * SIZE), SliceCutter(SPEC)
    assert cutter.take(header(5 * SIZE, 10), stream[:10]) == []  # joined at slice 5
    (flushed,) = cutter.take(header(SIZE, 4, stream=2, rate=2 * RATE), stream[:4])
    assert (flushed.index, flushed.missing) == (5, SIZE - 10)
    assert flushed.header.stream == UUID(int=1)
    (rest,) = cutter.finish()
    assert (rest.index, len(rest.samples)) == (0, 2 * SIZE)  # twice the rate
    account = cutter.samples.account()
    assert (account.received, account.lost) == (14, SIZE)  # the start of the second never came
    assert cutter.slices.account().slices == 2


def test_declared_losses_and_the_end_are_accounted_for() -> None:
    stream, cutter = counter(SIZE), SliceCutter(SPEC)
    loss = Loss(samples=SIZE, exact=False, stage="device")
    cutter.take(header(0, SIZE), stream)
    cutter.take(header(2 * SIZE, SIZE, lost=(loss,)), stream)
    cutter.finish(5 * SIZE, [Loss(samples=SIZE, exact=True, stage="link")])
    account = cutter.samples.account()
    assert account.lost_by_stage == {"device": SIZE, "link": SIZE, "queue": SIZE}
    assert (account.lost_estimated, account.span) == (SIZE, 5 * SIZE)
    assert cutter.slices.account().slices == 5


def test_a_rate_without_a_sample_per_slice_is_refused() -> None:
    with pytest.raises(UsageError, match="10 S/s leaves no sample in a slice"):
        SliceCutter(SPEC).take(header(0, 1, rate=10), counter(1))
