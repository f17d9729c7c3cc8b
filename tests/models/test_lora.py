"""LoRA: equations 15 and 16, merging, files."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from radiofm_models.checkpoint import CheckpointError
from radiofm_models.lora import (
    AdaptedQKV,
    LoRAConfig,
    adapter_of,
    attach,
    load_adapter,
    merge,
    save_adapter,
)
from radiofm_models.vit import PRESETS, Encoder, ViTConfig

SMALL = ViTConfig(dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
LORA = LoRAConfig(rank=4, alpha=2.0)
IMAGE = torch.randn(2, 1, 32, 48, generator=torch.Generator().manual_seed(7))


def trained(config: LoRAConfig = LORA) -> Encoder:
    """An encoder with adapters that do something."""
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    attach(encoder, config)
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if name.endswith("_b"):
                value.normal_(std=0.1)
    return encoder


@pytest.mark.parametrize(
    ("rank", "expected"), [(1, 24_576), (8, 196_608), (50, 1_228_800), (100, 2_457_600)]
)
def test_parameters_on_small(rank: int, expected: int) -> None:
    with torch.device("meta"):
        encoder = Encoder(PRESETS["small"])
        attach(encoder, LoRAConfig(rank=rank, alpha=8))
    assert sum(value.numel() for value in adapter_of(encoder).values()) == expected


def test_scale() -> None:
    assert LoRAConfig(rank=64, alpha=8).scale == 8
    assert LoRAConfig(rank=64, alpha=8, rank_stabilised=True).scale == 1


def test_equations_15_and_16_by_hand() -> None:
    """Width 2, rank 1, scale 3; the base layer gives q = k = v = z."""
    base = torch.nn.Linear(2, 6)
    with torch.no_grad():
        base.weight.copy_(torch.eye(2).repeat(3, 1))
        base.bias.zero_()
    layer = AdaptedQKV(base, LoRAConfig(rank=1, alpha=3))
    with torch.no_grad():
        layer.query_a.copy_(torch.tensor([[1.0], [2.0]]))
        layer.query_b.copy_(torch.tensor([[1.0, 0.0]]))
        layer.value_a.copy_(torch.tensor([[0.0], [1.0]]))
        layer.value_b.copy_(torch.tensor([[0.0, -1.0]]))
    z = torch.tensor([[[1.0, 1.0]]])
    # q + 3 (1 + 2) (1, 0) = (10, 1); k = z; v + 3 * 1 * (0, -1) = (1, -2)
    assert layer(z).flatten().tolist() == [10, 1, 1, 1, 1, -2]
    assert layer.merged()(z).flatten().tolist() == [10, 1, 1, 1, 1, -2]


def test_new_adapters_change_nothing() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    before = encoder(IMAGE)
    attach(encoder, LORA)
    assert torch.equal(encoder(IMAGE), before)


def test_merged_is_an_ordinary_encoder_that_gives_the_same() -> None:
    encoder = trained()
    adapted = encoder(IMAGE)
    merge(encoder)
    torch.testing.assert_close(encoder(IMAGE), adapted, rtol=0, atol=1e-5)
    plain = Encoder(SMALL)
    plain.load_state_dict(encoder.state_dict())
    assert torch.equal(plain(IMAGE), encoder(IMAGE))
    torch.manual_seed(0)
    assert (Encoder(SMALL)(IMAGE) - adapted).abs().max() > 0.01  # the adapters did something


def test_file_holds_the_adapters_alone(tmp_path: Path) -> None:
    encoder, path = trained(LoRAConfig(rank=4, alpha=2, rank_stabilised=True)), tmp_path / "a"
    save_adapter(path, encoder)
    assert sorted(load_file(path)) == sorted(
        f"blocks.{i}.qkv.{of}_{x}" for i in range(3) for of in ("query", "value") for x in "ab"
    )
    torch.manual_seed(0)
    other = Encoder(SMALL)
    load_adapter(path, other)
    assert torch.equal(other(IMAGE), encoder(IMAGE))


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    with pytest.raises(CheckpointError, match="adapter .*: train it anew"):
        load_adapter(path, Encoder(SMALL))
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="no adapter's file: train it anew"):
        load_adapter(path, Encoder(SMALL))
    save_adapter(path, trained())
    wider = Encoder(SMALL.model_copy(update={"dim": 64}))
    with pytest.raises(CheckpointError, match="made for an encoder of other sizes"):
        load_adapter(path, wider)
    assert not adapter_of(wider)
