"""The shared coding of LTE and NR, against their defining recursions and tables."""

from __future__ import annotations

import binascii

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm_capture.scenes.coding import CRC16, CRC24A, crc, gold, qam, qpsk


def plain_gold(c_init: int, count: int) -> list[int]:
    """TS 36.211, 7.2, to the letter."""
    x1, x2 = [1] + [0] * 30, [c_init >> n & 1 for n in range(31)]
    for n in range(1600 + count):
        x1.append((x1[n + 3] + x1[n]) % 2)
        x2.append((x2[n + 3] + x2[n + 2] + x2[n + 1] + x2[n]) % 2)
    return [(x1[n + 1600] + x2[n + 1600]) % 2 for n in range(count)]


@given(st.integers(0, 2**31 - 1), st.integers(1, 300))
def test_gold_is_the_standards_recursion(c_init: int, count: int) -> None:
    assert gold(c_init, count).tolist() == plain_gold(c_init, count)


@given(st.binary(min_size=1, max_size=40))
def test_crc16_is_that_of_the_standard_library(data: bytes) -> None:
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    assert int("".join(map(str, crc(bits, CRC16, 16))), 2) == binascii.crc_hqx(data, 0)


@given(st.binary(min_size=3, max_size=20))
def test_a_word_with_its_crc_has_none(data: bytes) -> None:
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    assert not crc(np.concatenate([bits, crc(bits, CRC24A, 24)]), CRC24A, 24).any()


def test_qpsk_and_16qam_have_the_standards_points() -> None:
    assert np.allclose(qpsk(np.array([0, 0, 1, 0], np.uint8)) * 2**0.5, [1 + 1j, -1 + 1j])
    # TS 36.211, table 7.1.3-1: 0000, 0010, 0101, 1111
    bits = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1], np.uint8)
    assert np.allclose(qam(bits, 4) * 10**0.5, [1 + 1j, 3 + 1j, 1 - 3j, -3 - 3j])


@pytest.mark.parametrize("per_symbol", [2, 4, 6, 8])
def test_constellations_have_unit_power_and_all_points(per_symbol: int) -> None:
    words = np.arange(2**per_symbol)[:, None] >> np.arange(per_symbol - 1, -1, -1) & 1
    points = qam(words.astype(np.uint8).reshape(-1), per_symbol)
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1)
    assert len(np.unique(points.round(4))) == 2**per_symbol
