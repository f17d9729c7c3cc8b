"""The share of patches that keeps to a deadline, with times that are made, not measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofm_services.deadline import SHARES, Deadline


def settle(deadline: Deadline, always: float, whole: float, slices: int = 600) -> list[float]:
    """The shares of the slices of an encoder that takes `always + whole * share` seconds."""
    shares = []
    for _ in range(slices):
        shares.append(deadline.share)
        deadline.took(always + whole * deadline.share)
    return shares


@given(st.floats(0, 0.02), st.floats(0.001, 0.5), st.floats(0.01, 1))
@example(0.0, 0.19, 1.0)  # small, of 16 ms: a sixteenth
@example(0.001, 0.004, 1.0)  # always in time
@example(0.02, 0.1, 1.0)  # never
@settings(max_examples=100, deadline=None)
def test_it_settles_on_a_share_that_keeps_to_it(always: float, whole: float, most: float) -> None:
    shares = settle(Deadline(0.016, most), always, whole)
    assert len(set(shares[-200:])) == 1, "it does not come to rest"
    last = shares[-1]
    assert 0 < last <= most
    smallest = min(most, SHARES[-1])
    assert always + whole * last <= 0.016 or last == smallest
    if always + whole * most <= 0.016:
        assert last == most


def test_a_slow_start_is_left_at_once() -> None:
    shares = settle(Deadline(0.016), 0.0, 0.19, slices=20)
    assert shares[8] == SHARES[-1] and shares[:8] == [1.0] * 8


def test_it_goes_up_again_when_the_machine_is_free() -> None:
    deadline = Deadline(0.016)
    assert settle(deadline, 0.001, 0.05)[-1] == 0.25
    assert settle(deadline, 0.001, 0.01)[-1] == 1.0


def test_single_slow_slices_change_nothing() -> None:
    deadline = Deadline(0.016)
    for k in range(300):
        deadline.took(0.5 if k % 20 == 0 else 0.01)
    assert deadline.share == 1.0


def test_what_scatters_about_the_deadline_does_not_swing() -> None:
    rng, deadline = np.random.default_rng(0), Deadline(0.016)
    shares = []
    for _ in range(3000):
        shares.append(deadline.share)
        deadline.took(0.0155 * deadline.share * rng.normal(1, 0.03))
    assert np.count_nonzero(np.diff(shares)) <= 3
    assert shares[-1] == pytest.approx(0.75, abs=0.25)
