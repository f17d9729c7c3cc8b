"""The loss estimate against simulated devices: exact clocks, queues and late readers."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm_capture.overflow import Arrival, LossEstimator

RATE, BLOCK = 1e6, 10_000
PERIOD = BLOCK / RATE
EMPTY = np.zeros((BLOCK, 2), np.int16)


class Queue:
    """A device with `depth` buffers that pauses while all are full; time moves by hand."""

    def __init__(self, depth: int) -> None:
        self.depth, self.now, self.next, self.bit = depth, 0.0, 0, False
        self.full: deque[int] = deque()
        self.taken: list[int] = []  # the true number of each block handed over

    def advance(self, seconds: float) -> None:
        self.now += seconds
        while not self.bit_now() and (self.next + 1) * PERIOD <= self.now + 1e-9:
            self.full.append(self.next)
            self.next += 1

    def bit_now(self) -> bool:
        paused = len(self.full) == self.depth and (self.next + 1) * PERIOD <= self.now + 1e-9
        self.bit |= paused
        return paused

    def fetch(self) -> Arrival:
        began = self.now
        if not self.full:
            self.advance((self.next + 1) * PERIOD - self.now)
        paused = self.bit_now()
        self.taken.append(self.full.popleft())
        if paused:
            self.next = math.ceil(self.now / PERIOD - 1e-6)
        return Arrival(EMPTY, began, self.now)

    def overflowed(self) -> bool:
        bit, self.bit = self.bit, False
        return bit


def follow(queue: Queue, pauses: list[float]) -> list[tuple[int, int]]:
    """Read a block after each pause; the claimed and the true number of each block."""
    estimator = LossEstimator(RATE, BLOCK, queue.depth, 0.0)
    ahead: list[Arrival] = []
    claimed, numbers = 0, []

    def peek() -> Arrival:
        ahead.append(queue.fetch())
        return ahead[0]

    for pause in pauses:
        queue.advance(pause)
        arrival = ahead.pop() if ahead else queue.fetch()
        lost = estimator.lost_before(arrival, queue.overflowed, peek)
        assert lost % BLOCK == 0
        claimed += lost // BLOCK
        numbers.append(claimed)
        claimed += 1
    return list(zip(numbers, queue.taken, strict=False))


def test_without_a_late_reader_nothing_is_lost() -> None:
    assert all(a == b for a, b in follow(Queue(4), [0.0] * 100))


@given(st.integers(2, 16), st.floats(0.5, 60), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_one_pause_is_placed_and_measured_exactly(depth: int, blocks: float, at: int) -> None:
    pauses = [0.0] * at + [blocks * PERIOD] + [0.0] * 60
    numbers = follow(Queue(depth), pauses)
    assert all(a == b for a, b in numbers), [(a, b) for a, b in numbers if a != b]


@given(st.integers(2, 8), st.lists(st.floats(0, 20), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_after_any_pauses_the_account_is_right_within_a_block_each(
    depth: int, pauses: list[float]
) -> None:
    quiet = [0.0] * 60
    numbers = follow(Queue(depth), [*quiet, *(p * PERIOD for p in pauses), *quiet, *quiet])
    claimed, true = numbers[-1]
    assert abs(claimed - true) <= len(pauses)


@given(st.integers(2, 8), st.integers(0, 3), st.integers(1, 60))
def test_a_bit_that_is_seen_before_its_gap_is_told_at_the_gap(
    depth: int, poll: int, blocks: int
) -> None:
    class Dropping(Queue):
        """Drops blocks just as it is asked, so that the answer runs ahead of the samples."""

        polls = 0

        def overflowed(self) -> bool:
            if self.polls == poll:
                self.next, self.bit = self.next + blocks, True
            self.polls += 1
            return super().overflowed()

    queue = Dropping(depth)
    numbers = follow(queue, [0.0] * 400)
    assert queue.polls > poll
    assert all(a == b for a, b in numbers[-200:]), numbers[-1]


def test_a_reader_that_is_always_late_hears_of_it_while_it_lasts() -> None:
    numbers = follow(Queue(4), [2.5 * PERIOD] * 400)
    assert all(abs(a - b) <= 4 + 3 for a, b in numbers)
    assert numbers[-1][0] > 900
