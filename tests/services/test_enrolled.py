"""A head that is shown its labels on the air, by a running service."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from radiofm.errors import BundleError
from radiofm.wire import ResultHeader
from radiofm_services import desk
from radiofm_services.control import EnrollLabel, ForgetLabel, ListHeads, ask
from radiofm_services.enrolled import Prototypes, Showing, pooled
from radiofm_services.inference import InferenceConfig, InferenceService

from .conftest import SIZE, Worker


class Air:
    """Slices of one kind after another, no faster than they are answered, until it is closed."""

    def __init__(self, worker: Worker, out: Any) -> None:
        self._worker, self._out, self._over = worker, out, threading.Event()
        rng = np.random.default_rng(0)
        self._images = rng.normal(0, 1, (2, 16, 32, 32)).astype(np.float32)
        self._images += 12 * rng.normal(0, 1, (2, 1, 32, 32)).astype(np.float32)
        self._kind = 0
        self.kinds: list[int] = []  # of each slice
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def show(self, kind: int) -> None:
        """Returns when all that was sent is of that kind."""
        self._kind = kind
        sent = len(self.kinds) + 1
        while self._answered() <= sent and not self._over.is_set():
            time.sleep(0.001)

    def close(self) -> None:
        self._over.set()
        self._thread.join(20)
        self._worker.say("ended", len(self.kinds) * SIZE)

    def _answered(self) -> int:
        return sum(isinstance(m.header, ResultHeader) for m in self._out.messages)

    def _play(self) -> None:
        while not self._over.is_set():
            kind, index = self._kind, len(self.kinds)
            self._worker.images = self._images[kind]
            self.kinds.append(kind)
            self._worker.send(index)
            while self._answered() < index and not self._over.is_set():
                time.sleep(0.001)


def test_labels_are_shown_known_and_forgotten(
    config: InferenceConfig, worker: Worker, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    background(InferenceService(config).run)
    worker.wait()
    air = Air(worker, out)
    first = ask(config.control, EnrollLabel(name="mine", label="a", shots=4))
    assert [h.labels for h in first.heads if h.name == "mine"] == [("a",)]
    air.show(1)
    second = ask(config.control, EnrollLabel(name="mine", label="b", shots=4))
    for kind in (0, 1, 0):
        air.show(kind)
        time.sleep(0.05)
    third = ask(config.control, ForgetLabel(name="mine", label="a"))
    assert [h.labels for h in third.heads if h.name == "mine"] == [("b",)]
    with pytest.raises(BundleError, match="head mine knows no a: it has b"):
        ask(config.control, ForgetLabel(name="mine", label="a"))
    with pytest.raises(BundleError, match="head classification is of a bundle: enroll into"):
        ask(config.control, EnrollLabel(name="classification", label="a", shots=1))
    last = ask(config.control, ForgetLabel(name="mine", label="b"))
    assert "mine" not in {head.name for head in last.heads}
    air.close()
    results = {r.slice_index: r for r in out.all(ResultHeader)}
    assert len(results) == len(air.kinds)  # none was lost
    assert second.first_slice is not None and third.first_slice is not None
    both = range(second.first_slice, third.first_slice)
    assert {air.kinds[index] for index in both} == {0, 1}
    for index in both:
        (said,) = [h for h in results[index].heads if h.name == "mine"]
        assert said.labels[0].label == "ab"[air.kinds[index]] and said.labels[0].score > 0.6


def test_slices_that_do_not_come(
    config: InferenceConfig,
    worker: Worker,
    reader: Any,
    background: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "SHOWN_S", 0.3)
    reader(config.results, "result")
    background(InferenceService(config).run)
    worker.wait()
    with pytest.raises(BundleError, match=r"fewer than 3 slices came in 0.3 s: lower --shots"):
        ask(config.control, EnrollLabel(name="mine", label="a", shots=3))
    assert "mine" not in {head.name for head in ask(config.control, ListHeads()).heads}
    worker.say("ended", 0)


def test_prototypes_by_hand() -> None:
    examples = {
        "a": np.array([[0.0, 0], [2, 0]], np.float32),
        "b": np.array([[5.0, 4]], np.float32),
    }
    known = Prototypes(examples)
    tokens = np.array([[[9.0, 9], [0, 0], [2, 2]]], np.float32)  # CLS is not looked at
    assert pooled(tokens).tolist() == [1, 1]
    assert known(tokens).tolist() == [[-1, -25]] and known.outputs == (1, 2)
    assert known.temperature == pytest.approx(2.0)  # of a: 1 + 1 over 2 - 1
    one = {label: shown[:1] for label, shown in examples.items()}
    assert Prototypes(one).temperature == pytest.approx((25 + 16) / 4)


def test_what_is_shown_is_kept_and_no_more() -> None:
    showing = Showing(Prototypes(), 2)
    for value in range(3):
        answer = showing(np.full((1, 3, 4), value, np.float32))
        assert np.isnan(answer).all()  # an empty answer
        assert showing.seen.done() == (value >= 1)
    assert showing.seen.result(0).tolist() == [[0] * 4, [1] * 4]
