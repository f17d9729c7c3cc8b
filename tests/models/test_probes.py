"""Sizes of the papers' heads, to the parameter, and what each looks at."""

import pytest
import torch
from torch import nn

from radiofm_models.heads import (
    PixelHead,
    channel_head,
    reconstruction_head,
    segmentation_head,
)
from radiofm_models.probes import AttentiveProbe, Probe, pooled
from radiofm_models.vit import PRESETS, ViTConfig

SMALL, MEDIUM, GRID = PRESETS["small"], PRESETS["medium"], (14, 14)
TINY = ViTConfig(dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Probe(512, 6, "token"), 512 * 6 + 6),  # human activity
        (lambda: Probe(512, 20, "token"), 10_260),  # RF signals
        (lambda: Probe(512, 20, "token", layers=2), 10_260 + 512 * 512 + 512),
        (lambda: Probe(512, 3, "avg"), 1_539),  # positioning
        (lambda: AttentiveProbe(512, 6, 8), 2 * 512**2 + 3 * 512 + 6 * 512 + 6),
        (lambda: segmentation_head(SMALL, GRID, 3), 1_908_736),
        (lambda: segmentation_head(MEDIUM, GRID, 3), 7_093_504),
        (lambda: channel_head(SMALL, GRID, (1, 42)), 1_053_184),
        (lambda: reconstruction_head(SMALL, GRID, 1), 1_908_736 - 2 * 256 * 257 - 118_768),
    ],
)  # fmt: skip
def test_parameters(make: type[nn.Module], expected: int) -> None:
    with torch.device("meta"):
        assert count(make()) == expected


def test_pooling() -> None:
    tokens = torch.arange(2 * 4 * 3.0).reshape(2, 4, 3)
    assert pooled(tokens, "token").tolist() == [[0, 1, 2], [12, 13, 14]]
    assert pooled(tokens, "avg").tolist() == [[6, 7, 8], [18, 19, 20]]  # CLS is not in it


@pytest.mark.parametrize("layers", [1, 3])
def test_probe_reads_its_pool_only(layers: int) -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 8)
    other = tokens.clone()
    other[:, 0] += 1
    head = Probe(8, 3, "avg", layers)
    assert torch.equal(head(tokens), head(other)) and head(tokens).shape == (2, 3)
    head = Probe(8, 3, "token", layers)
    assert not torch.equal(head(tokens), head(other))


def test_attention_by_hand() -> None:
    """Width 1, keys and values the tokens themselves, query 1: a softmax-weighted mean."""
    head = AttentiveProbe(1, 1, heads=1)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(1.0 if parameter.ndim > 1 else 0.0)
        head.query.fill_(1.0)
    tokens = torch.tensor([[[0.0], [1.0]]])
    expected = torch.tensor(1.0).exp() / (1 + torch.tensor(1.0).exp())  # 0 e^0 + 1 e^1
    torch.testing.assert_close(head(tokens).squeeze(), expected)


def test_attentive_probe_finds_one_patch_among_many() -> None:
    """A feature in one patch of 36, anywhere, is lost to an average but not to a query."""
    torch.manual_seed(0)
    tokens = torch.randn(64, 37, 16)
    classes = torch.arange(64) % 2
    places = torch.randint(1, 37, (64,))
    tokens[torch.arange(64), places, 0] = 6.0
    tokens[torch.arange(64), places, 1] = torch.where(classes == 1, 6.0, -6.0)
    head = AttentiveProbe(16, 2, heads=2)
    optimizer = torch.optim.AdamW(head.parameters(), 2e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(head(tokens), classes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert (head(tokens).argmax(dim=1) == classes).float().mean() > 0.95


def test_shapes_of_pixel_heads() -> None:
    tokens = torch.randn(2, 7, 32)
    assert segmentation_head(TINY, (3, 2), 3)(tokens).shape == (2, 3, 48, 32)
    assert reconstruction_head(TINY, (3, 2), 4)(tokens).shape == (2, 4, 48, 32)
    assert channel_head(TINY, (3, 2), (1, 5))(tokens).shape == (2, 2, 16, 80)


def test_channel_head_gives_out_the_first_tokens() -> None:
    torch.manual_seed(0)
    head: PixelHead = channel_head(TINY, (3, 2), (1, 4))
    tokens = torch.randn(2, 7, 32)
    patches = head.out(head.body(tokens))  # [B, 1 + M, 2 * 16 * 16]
    third = patches[1, 3].reshape(2, 16, 16)  # CLS, and two before it
    assert torch.equal(head(tokens)[1, :, :, 32:48], third)
