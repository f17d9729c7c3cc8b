"""Files of half the size that compute what was measured."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch import nn

from radiofm_models.export import run, to_onnx
from radiofm_models.half import round_weights
from radiofm_models.vit import Encoder
from tests.models.tiny import VIT


def test_a_rounded_encoder_is_stored_in_half_the_bytes() -> None:
    torch.manual_seed(0)
    encoder = Encoder(VIT).eval()
    round_weights(encoder)
    images = torch.randn(2, 1, 32, 48)
    whole, half = (to_onnx(encoder, images, "slice", "tokens", half=h) for h in (False, True))
    weights = sum(p.numel() for p in encoder.parameters())
    assert len(whole) - len(half) > 1.6 * weights
    kinds = {c.data_type for c in onnx.load_from_string(half).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert np.array_equal(run(half, images.numpy()), run(whole, images.numpy()))


def test_weights_that_16_bits_do_not_hold_stay_as_they_are() -> None:
    layer = nn.Linear(32, 32)
    nn.init.constant_(layer.weight, 1 + 2**-20)
    example = torch.randn(2, 32)
    data = to_onnx(layer, example, "tokens", "output", half=True)
    kinds = {c.data_type for c in onnx.load_from_string(data).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds
    assert np.abs(run(data, example.numpy()) - layer(example).detach().numpy()).max() < 1e-5
