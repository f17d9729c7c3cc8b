"""The ConvLSTM: the paper's sizes, a cell worked by hand, masking, forecasting."""

import torch

from radiofm_models.convlstm import (
    ConvLSTM,
    ConvLSTMConfig,
    ConvLSTMLayer,
    MaskedConvLSTM,
    cut,
    join,
    mask_tokens,
)
from radiofm_models.convlstm_heads import ConvSegmentation, ForecastHead, forecast

TINY = ConvLSTMConfig(layers=2, kernels=4)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters_of_table_iv() -> None:
    """A layer: 4 * 64 * (9 * (c + 64) + 1), c = 1 and then 64; the Conv3D: 27 * 64 + 1."""
    with torch.device("meta"):
        model = MaskedConvLSTM(ConvLSTMConfig())
        assert count(model.encoder) == 150_016 + 4 * 295_168
        assert count(model) == 1_330_688 + 1_729
        assert count(ForecastHead(ConvLSTMConfig())) == 1_729
        # 64 * (9 * 64 + 1), then 3 * (9 * 64 + 1)
        assert count(ConvSegmentation(ConvLSTMConfig(), 3)) == 36_928 + 1_731


def test_a_cell_by_hand() -> None:
    """One pixel, one kernel of 1 x 1; all gates at sigmoid(0) = 1/2, candidate x + 2 h."""
    layer = ConvLSTMLayer(1, 1, 1)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        layer.from_input.weight[3] = 1  # of the candidate
        layer.from_state.weight[3] = 2
    tokens = torch.tensor([4.0, 2.0, -9.0]).reshape(1, 3, 1, 1, 1)
    # c = 4/2 = 2, h = 1; then g = 2 + 2 * 1 = 4, c = 2/2 + 4/2 = 3, h = 1.5;
    # then g = relu(-9 + 3) = 0, c = 3/2 + 0 = 1.5, h = 0.75.
    assert layer(tokens).flatten().tolist() == [1.0, 1.5, 0.75]


def test_gates_by_hand() -> None:
    """Open input and output gates, a shut or an open forget gate."""
    layer = ConvLSTMLayer(1, 1, 1)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    tokens = torch.tensor([3.0, 5.0]).reshape(1, 2, 1, 1, 1)
    assert layer.from_input.bias is not None
    for forget, expected in ((-100.0, [3, 5]), (100.0, [3, 8])):
        with torch.no_grad():
            layer.from_input.bias[:3] = torch.tensor([100.0, forget, 100.0])  # i, f, o
            layer.from_input.weight[3] = 1
        assert layer(tokens).flatten().tolist() == expected


def test_reach_of_a_pixel() -> None:
    """A kernel of 3 carries it 1 pixel into its own output, and no token back."""
    torch.manual_seed(0)
    layer = ConvLSTMLayer(1, 4, 3)
    tokens = torch.randn(1, 3, 1, 9, 9)
    changed = tokens.clone()
    changed[0, 1, 0, 4, 4] += 5
    moved = (layer(tokens) - layer(changed)).abs().sum(dim=2)[0] > 0  # [T, H, W]
    assert not moved[0].any()
    assert moved[1].nonzero().amin(dim=0).tolist() == [3, 3]
    assert moved[1].nonzero().amax(dim=0).tolist() == [5, 5]
    assert moved[2, 2:7, 2:7].any() and moved[2].sum() == moved[2, 2:7, 2:7].sum()


def test_cut_and_join() -> None:
    image = torch.arange(2 * 8 * 12.0).reshape(2, 1, 8, 12)
    tokens = cut(image, 3)
    assert tokens.shape == (2, 3, 1, 8, 4)
    assert torch.equal(tokens[1, 2, 0], image[1, 0, :, 8:])  # time goes on from token to token
    assert torch.equal(join(tokens), image)


def test_masked_tokens_are_white_noise() -> None:
    noise = torch.rand(2, 16)
    tokens, white = torch.randn(2, 2, 16, 1, 8, 2).unbind(0)
    masked, mask = mask_tokens(tokens, noise, white, 0.2)
    assert mask.sum(dim=1).tolist() == [3, 3]
    assert torch.equal(masked[mask == 1], white[mask == 1])
    assert torch.equal(masked[mask == 0], tokens[mask == 0])


def test_loss_is_equation_1_up_to_the_stated_constant() -> None:
    torch.manual_seed(0)
    model = MaskedConvLSTM(TINY)
    tokens, white = torch.randn(2, 2, 5, 1, 8, 4).unbind(0)
    noise = torch.rand(2, 5)
    masked, mask = mask_tokens(tokens, noise, white, 0.4)
    difference = (model(masked) - tokens).square().sum(dim=(2, 3, 4))  # [N, T]
    equation_1 = (difference * mask).sum()
    loss = model.loss(tokens, noise, white, 0.4)
    torch.testing.assert_close(loss, equation_1 / (2 * 2 * 8 * 4))


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    model = MaskedConvLSTM(TINY)
    tokens = torch.linspace(0, 2, 8)[:, None].expand(4, 6, 1, 8, 4) + 0.1 * torch.randn(
        4, 6, 1, 8, 4
    )
    noise, white = torch.rand(4, 6), torch.randn(4, 6, 1, 8, 4)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-2)
    losses = []
    for _ in range(40):
        loss = model.loss(tokens, noise, white, 0.3)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_forecast_goes_on_from_what_it_foretold() -> None:
    torch.manual_seed(0)
    encoder, head = ConvLSTM(TINY), ForecastHead(TINY)
    tokens = torch.randn(2, 5, 1, 8, 4)
    ahead = forecast(encoder, head, tokens, 3)
    assert ahead.shape == (2, 3, 1, 8, 4)
    with torch.no_grad():
        assert torch.equal(ahead[:, 0], head(encoder(tokens)))
        again = torch.cat([tokens[:, 2:], ahead[:, :2]], dim=1)
        assert torch.equal(ahead[:, 2], head(encoder(again)))
        # The whole sentence bears on the next token.
        changed = tokens.clone()
        changed[:, 0] += 1
        assert not torch.equal(head(encoder(changed)), ahead[:, 0])


def test_segmentation_shape() -> None:
    head = ConvSegmentation(TINY, 3)
    assert head(ConvLSTM(TINY)(torch.randn(2, 4, 1, 8, 2))).shape == (2, 3, 8, 8)
