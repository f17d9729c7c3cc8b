"""The wire contract: what is sent arrives, and nothing else gets in."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import WireError
from radiofm.wire import (
    HeadResult,
    IqHeader,
    LabelScore,
    Loss,
    ResultHeader,
    SliceHeader,
    StatusHeader,
    arrays,
    decode,
    encode,
    masks,
    merge_losses,
)

COMMON: dict[str, Any] = {
    "stream": UUID(int=7), "sequence": 3, "sample_index": 2**60, "sample_count": 4,
    "time_ns": 1_795_000_000_123_456_789, "time_quality": "host", "center_frequency_hz": 2.44e9,
    "sample_rate_hz": 4e6,
}  # fmt: skip
IQ = IqHeader(
    **COMMON, datatype="ci16_le", full_scale=2048, bandwidth_hz=4e6, host_time_ns=1,
    lost=(Loss(samples=5, exact=False, stage="device"),),
)  # fmt: skip
SAMPLES = np.arange(8, dtype="<i2").reshape(4, 2)


def parts(header: Any = IQ, payload: Any = SAMPLES) -> list[bytes]:
    return [bytes(part) for part in encode(header, payload)]


def test_what_is_sent_arrives() -> None:
    message = decode(parts())
    assert message.header == IQ
    np.testing.assert_array_equal(message.payload, SAMPLES)
    image = np.random.default_rng(0).normal(size=(3, 5)).astype("<f4")
    header = SliceHeader(
        **COMMON, slice_index=9, spec="ab" * 8, shape=(3, 5), complete=True, host_time_ns=1
    )
    np.testing.assert_array_equal(decode(parts(header, image)).payload, image)
    status = StatusHeader(**COMMON, daemon="capture", state="running")
    assert decode(parts(status, None)).header == status


def test_large_integers_travel_as_text() -> None:
    header = json.loads(parts()[1])
    assert header["sample_index"] == str(2**60)
    assert header["time_ns"] == "1795000000123456789"


def test_masks_come_apart_by_head() -> None:
    score = LabelScore(label="occupied", score=0.5)
    heads = (
        HeadResult(name="a", version="1", task="segmentation", mask_shape=(2, 3)),
        HeadResult(name="b", version="1", task="classification", labels=(score,)),
        HeadResult(name="c", version="1", task="segmentation", mask_shape=(1, 2)),
    )
    header = ResultHeader(
        **COMMON, slice_index=1, encoder="cd" * 8, heads=heads, host_time_ns=1, complete_ns=2,
        taken_ns=3, answered_ns=4,
    )  # fmt: skip
    payload = np.arange(8, dtype=np.uint8)
    found = masks(decode(parts(header, payload)))
    assert {name: mask.tolist() for name, mask in found.items()} == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "c": [[6, 7]],
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"surprise": 1}, "surprise"),
        ({"version": 2}, "version"),
        ({"sample_count": 5}, "payload has 16 bytes where the header says 20"),
        ({"sample_count": -1}, "sample_count"),
        ({"sample_index": "9" * 30}, "sample_index"),
        ({"sample_index": -1}, "sample_index"),
        ({"sample_rate_hz": float("nan")}, "iq header"),
        ({"datatype": "ci8"}, "datatype"),
        ({"stream": "x"}, "stream"),
        ({"lost": [{"samples": 0, "exact": True, "stage": "device"}]}, "lost"),
        ({"lost": [{"samples": 1, "exact": True, "stage": "moon"}]}, "stage"),
    ],
)
def test_a_header_that_breaks_the_contract_is_named(change: dict[str, Any], says: str) -> None:
    topic, header, payload = parts()
    broken = json.dumps(json.loads(header) | change).encode()
    with pytest.raises(WireError, match=says) as error:
        decode([topic, broken, payload])
    assert "\n" not in str(error.value)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_garbage_raises_wire_errors_only(frames: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(frames)


@given(st.integers(0, 2), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_either_refused_or_harmless(part: int, at: int, value: int) -> None:
    frames = [bytearray(p) for p in parts()]
    frames[part][at % len(frames[part])] = value
    try:
        message = decode([bytes(f) for f in frames])
    except WireError:
        return
    header = message.header
    assert isinstance(header, IqHeader)
    assert message.payload.shape == (header.sample_count, 2)


@given(
    st.lists(
        st.builds(
            Loss,
            samples=st.integers(1, 1000),
            exact=st.booleans(),
            stage=st.sampled_from(["device", "link", "queue"]),
        ),
        max_size=20,
    )
)
def test_merged_losses_lose_nothing(losses: list[Loss]) -> None:
    merged = merge_losses(losses)
    assert len({(x.stage, x.exact) for x in merged}) == len(merged) <= 6
    for exact in (True, False):
        assert sum(x.samples for x in merged if x.exact is exact) == sum(
            x.samples for x in losses if x.exact is exact
        )


def result(*heads: HeadResult) -> ResultHeader:
    return ResultHeader(
        **COMMON, slice_index=1, encoder="ab" * 8, heads=heads, host_time_ns=1, complete_ns=1,
        taken_ns=1, answered_ns=1,
    )  # fmt: skip


def test_masks_and_arrays_share_a_payload_in_the_heads_order() -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (3, 5), np.uint8)
    channel, forecast = (rng.normal(size=shape).astype("<f4") for shape in ((2, 1, 3), (1, 3, 2)))
    header = result(
        HeadResult(name="a", version="1", task="channel", array_shape=channel.shape),
        HeadResult(name="b", version="1", task="segmentation", mask_shape=mask.shape),
        HeadResult(name="c", version="1", task="presence", present=0),
        HeadResult(name="d", version="1", task="forecast", array_shape=forecast.shape),
    )
    data = channel.tobytes() + mask.tobytes() + forecast.tobytes()
    message = decode(parts(header, np.frombuffer(data, "u1")))
    assert message.header == header
    found = masks(message) | arrays(message)
    assert list(masks(message)) == ["b"] and list(arrays(message)) == ["a", "d"]
    for name, values in (("a", channel), ("b", mask), ("d", forecast)):
        np.testing.assert_array_equal(found[name], values)
    assert found["d"].flags.aligned
    with pytest.raises(WireError, match="payload has 62 bytes where the header says 63"):
        decode(parts(header, np.frombuffer(data[:-1], "u1")))


def test_slices_have_channels_where_they_are_no_spectrograms() -> None:
    image = np.zeros((3, 4, 5), "<f4")
    fields = COMMON | {
        "slice_index": 9, "spec": "ab" * 8, "shape": (3, 4, 5), "complete": True, "host_time_ns": 1,
    }  # fmt: skip
    header = SliceHeader(**fields, modality="wifi-csi")
    np.testing.assert_array_equal(decode(parts(header, image)).payload, image)
    text = header.model_dump_json().replace("wifi-csi", "spectrogram")
    with pytest.raises(WireError, match="a spectrogram has two axes"):
        decode([b"slice", text.encode(), image.tobytes()])
