"""Masked spectrogram modeling: polarity, counts, where the loss looks, order of tokens."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radiofm_models.msm import MaskedAutoencoder, msm_loss, sample
from radiofm_models.vit import ViTConfig, patchify

SMALL = ViTConfig(dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)


@given(patches=st.integers(2, 300), ratio=st.floats(0.05, 0.95), seed=st.integers(0, 2**31))
def test_mask_is_one_where_removed(patches: int, ratio: float, seed: int) -> None:
    noise = torch.rand(3, patches, generator=torch.Generator().manual_seed(seed))
    keep, mask = sample(noise, ratio)
    kept = max(1, int(patches * (1 - ratio)))
    assert keep.shape == (3, kept)
    assert (mask.sum(dim=1) == patches - kept).all()
    assert not mask.gather(1, keep).any()  # 0 = kept
    assert all(len(set(row.tolist())) == kept for row in keep)


def test_mask_of_the_paper() -> None:
    keep, mask = sample(torch.rand(1, 196), 0.75)
    assert keep.shape[1] == 49 and mask.sum() == 147


def test_loss_is_equation_1_up_to_the_stated_constant() -> None:
    torch.manual_seed(0)
    patches, decoded = torch.randn(2, 4, 5, 256).unbind(0)
    _, mask = sample(torch.rand(4, 5), 0.6)
    equation_1 = ((patches - decoded) ** 2).sum(dim=2).mul(mask).sum() / (4 * 5)
    expected = equation_1 * 5 / (3 * 256)
    torch.testing.assert_close(msm_loss(decoded, patches, mask), expected)


def test_sample_by_hand() -> None:
    """Of 4 patches at ratio 0.6, int(4 * 0.4) = 1 is kept: that of the smallest noise."""
    keep, mask = sample(torch.tensor([[0.7, 0.2, 0.9, 0.4], [0.1, 0.8, 0.3, 0.6]]), 0.6)
    assert keep.tolist() == [[1], [0]]
    assert mask.tolist() == [[1, 0, 1, 1], [0, 1, 1, 1]]


def test_loss_by_hand() -> None:
    """Two slices of two patches of two pixels; each has one patch removed."""
    patches = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [5.0, 5.0]]])
    decoded = torch.tensor([[[9.0, 9.0], [1.0, 1.0]], [[1.0, 3.0], [9.0, 9.0]]])
    mask = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    # Removed: (3 - 1)^2 + (4 - 1)^2 = 13 and 1^2 + 3^2 = 10. Equation 1: 23 / (2 * 2) = 5.75.
    # Equation 13: 23 / (2 * 1) = 11.5. Over 4 removed pixels: 5.75.
    assert msm_loss(decoded, patches, mask).item() == 5.75
    # Ours is equation 1 times M / (removed patches of a slice * P) = 2 / (1 * 2) = 1.


def test_loss_looks_at_removed_patches_only() -> None:
    torch.manual_seed(0)
    patches = torch.randn(2, 9, 256)
    decoded = torch.randn(2, 9, 256, requires_grad=True)
    _, mask = sample(torch.rand(2, 9), 0.5)
    msm_loss(decoded, patches, mask).backward()  # type: ignore[no-untyped-call]
    assert decoded.grad is not None
    touched = decoded.grad.abs().sum(dim=2) > 0
    assert torch.equal(touched, mask.bool())


def test_decoder_puts_tokens_back_in_their_place() -> None:
    """Kept patches in another order of `keep` decode to the same slice."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(SMALL)
    image = torch.randn(1, 1, 48, 32)
    keep = torch.tensor([[4, 0, 3]])
    order = torch.tensor([[0, 3, 4]])
    one = model.decode(model.encoder(image, keep), keep, (3, 2))
    other = model.decode(model.encoder(image, order), order, (3, 2))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_a_few_steps_lower_the_loss(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = MaskedAutoencoder(SMALL)
    rows = torch.linspace(-1, 1, size[0])[:, None].expand(size)
    image = (rows + 0.1 * torch.randn(8, 1, *size)).float()
    noise = torch.rand(8, size[0] * size[1] // 256)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss = model.loss(image, noise, 0.5)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    # The target is the slice itself.
    decoded, mask = model(image, noise, 0.5)
    assert torch.equal(msm_loss(decoded, patchify(image, 16), mask), model.loss(image, noise, 0.5))
