"""Folds, accuracies and angle errors, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radiofm_models.metrics import n_shot_folds
from radiofm_models.protobeam.blocks import Blocks, Material
from radiofm_models.protobeam.densenet import DenseNet, DenseNetConfig
from radiofm_models.protobeam.evaluation import (
    accuracies,
    angle_errors,
    computed,
    covariances,
    settle,
    without_shots,
)
from radiofm_models.protobeam.inputs import IqInputs

CLASSES = np.array([0, 2, 0, 2])
VECTORS = np.array([[0.0], [10.0], [1.0], [4.0]])  # the last is nearer to class 0


def of(classes: list[int], labels: tuple[str, ...]) -> Blocks:
    return Blocks(np.zeros((len(classes), 2, 1), np.float32), np.array(classes), labels)


def test_each_fold_asks_about_all_other_items() -> None:
    folds = list(n_shot_folds(VECTORS, CLASSES, 1, False))
    assert [rows.tolist() for rows, _ in folds] == [[2, 3], [0, 1]]
    assert [given.tolist() for _, given in folds] == [[0, 0], [0, 2]]


def test_accuracies_are_of_one_domain_at_a_time() -> None:
    """A domain shifted as a whole is told apart as well: its own shots calibrate it."""
    labels = ("a", "b", "c")
    same = Blocks(np.zeros((4, 2, 1), np.float32), CLASSES, labels)
    near = Blocks(np.ones((4, 2, 1), np.float32), CLASSES, labels)
    far = Blocks(np.full((4, 2, 1), 9, np.float32), np.array([0, 0, 2, 2]), labels)
    material = Material(same, same, {"near": near, "far": far})

    def embed(blocks: Blocks) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(VECTORS + 100 * blocks.iq[:, 0])

    figures = accuracies(embed, material, [1], False)
    # near: folds of 1/2 and 1. far: class 0 is (0, 10), class 2 is (1, 4): 10 -> 2, 4 -> 2; then
    # prototypes 10 and 4: 0 -> 2, 1 -> 2.
    assert figures["TTSA 1-shot"] == 0.75
    assert figures["TOTA 1-shot"] == pytest.approx((0.75 + 0.5) / 2)
    assert figures["TTSA 1-shot std"] == pytest.approx(np.std([0.5, 1], ddof=1))
    always_c = without_shots(lambda blocks: np.full(len(blocks), 2), material)
    assert always_c == {"TTSA 0-shot": 0.5, "TOTA 0-shot": 0.5}


def test_angle_errors_by_hand() -> None:
    """Three angles, one shot of each; of the queries the second is taken for the third."""
    blocks = of([0, 1, 2, 0, 1, 2], ("-10", "0", "30"))
    embeddings = np.array([[0.0], [5.0], [9.0], [1.0], [8.0], [9.5]])
    figures = angle_errors(embeddings, blocks, 1, np.array([0, 2]), False)
    # Second fold: prototypes 1, 8, 9.5; 0 -> -10, 5 -> 0, 9 -> 8 and 9.5: at 30.
    assert figures["taught 1-shot"] == 0 and figures["new 1-shot"] == pytest.approx(15)
    assert figures["all 1-shot"] == pytest.approx((10 + 0) / 2)
    assert figures["all 1-shot std"] == pytest.approx(np.std([10, 0], ddof=1))


def test_covariances_know_no_phase_and_no_level() -> None:
    rng = np.random.default_rng(0)
    iq = rng.normal(size=(1, 4, 50)).astype(np.float32)  # two channels
    x = (iq[:, 0::2] + 1j * iq[:, 1::2]) * 3 * np.exp(1j)
    other = np.stack([x.real, x.imag], axis=2).reshape(1, 4, 50).astype(np.float32)
    one, same = (covariances(Blocks(i, np.array([0]), ("0",))) for i in (iq, other))
    assert one.shape == (1, 8) and one[0, 0] + one[0, 3] == pytest.approx(1)
    np.testing.assert_allclose(one, same, atol=1e-6)


def test_embeddings_are_computed_in_order_and_untrained_norms_settle() -> None:
    torch.manual_seed(0)
    network = DenseNet(DenseNetConfig(growth=2, blocks=(1,), first=4, dim=3))
    iq = 5 + np.random.default_rng(0).normal(size=(300, 2, 16)).astype(np.float32)
    inputs = IqInputs(iq, False, False)
    settle(network, inputs, len(iq), seed=0)
    norm = network.features[0]
    seen = network.first(inputs(np.arange(300)).transpose(1, 2)[:, None])
    assert isinstance(norm, torch.nn.BatchNorm2d) and norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, seen.mean(dim=(0, 2, 3)), rtol=0.2, atol=0.1)
    found = computed(network, inputs, 300, network)
    with torch.no_grad():
        np.testing.assert_allclose(found[290:], network(inputs(np.arange(290, 300))), atol=1e-4)
