"""Several modalities on one trunk: what is shared, what is not, and balanced turns."""

from collections import Counter

import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.modalities import MODALITIES, encoder_of, turn_of, with_channels
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import PRESETS, Encoder, ViTConfig

CONFIG = ViTConfig(
    dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2,
    channels=MODALITIES,
)  # fmt: skip
SIZES = {"spectrogram": 20, "wifi-csi": 7, "5g-csi": 4}


@pytest.fixture(scope="module")
def model() -> MaskedAutoencoder:
    torch.manual_seed(0)
    return MaskedAutoencoder(CONFIG)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters() -> None:
    """One trunk, and 256 c D + D for each modality's embedding, 256 c E + 256 c its prediction."""
    with torch.device("meta"):
        model = MaskedAutoencoder(PRESETS["small"].model_copy(update={"channels": MODALITIES}))
    others = sum(channels for name, channels in MODALITIES.items() if name != "spectrogram")
    assert count(model.encoder) == 37_961_728 + others * 256 * 512 + 3 * 512
    assert count(model) - count(model.encoder) == 6_515_968 + others * (256 * 256 + 256)


@pytest.mark.parametrize(("name", "size"), [("spectrogram", (32, 48)), ("iq-grid", (16, 64)),
                                            ("5g-csi", (48, 16))])  # fmt: skip
def test_a_modality_trains_its_own_and_the_shared(
    model: MaskedAutoencoder, name: str, size: tuple[int, int]
) -> None:
    image = torch.randn(2, MODALITIES[name], *size)
    noise = torch.rand(2, size[0] * size[1] // 256)
    model.zero_grad()
    model.loss(image, noise, 0.5, name).backward()  # type: ignore[no-untyped-call]
    without = {n for n, p in model.named_parameters() if p.grad is None}
    assert without == {
        f"{part}.{other}.{k}"
        for part in ("encoder.patch_embed", "to_pixels")
        for other in MODALITIES
        for k in ("weight", "bias")
        if other != name
    }


@pytest.mark.parametrize("name", MODALITIES)
def test_the_encoder_of_one_modality(model: MaskedAutoencoder, name: str) -> None:
    image = torch.randn(2, MODALITIES[name], 32, 48)
    alone = encoder_of(model.encoder, name)
    assert torch.equal(alone(image), model.encoder(image, modality=name))
    assert count(alone) == count(Encoder(CONFIG.model_copy(update={"channels": MODALITIES[name]})))


def test_new_channels_leave_the_rest_as_it_was() -> None:
    torch.manual_seed(0)
    encoder = Encoder(CONFIG.model_copy(update={"channels": 1}))
    csi = with_channels(encoder, 3)
    assert csi(torch.randn(2, 3, 32, 48)).shape == (2, 7, 32)
    before, after = encoder.state_dict(), csi.state_dict()
    assert {n for n in before if not torch.equal(before[n], after[n])} == {"patch_embed.weight"}
    assert after["patch_embed.weight"].shape == (32, 768)
    with torch.no_grad():
        csi.norm.bias.fill_(1)
    assert not encoder.norm.bias.any()  # a copy


def test_modalities_are_named(model: MaskedAutoencoder) -> None:
    image = torch.zeros(1, 1, 16, 32)
    with pytest.raises(UsageError, match="modality 'lidar': this encoder has spectrogram, wifi"):
        model.encoder(image, modality="lidar")
    with pytest.raises(UsageError, match="modality None: .* name one"):
        model.encoder(image)
    with pytest.raises(UsageError, match="modality 'spectrogram': this encoder has but one"):
        Encoder(CONFIG.model_copy(update={"channels": 1}))(image, modality="spectrogram")
    with pytest.raises(UsageError, match="modality 'lidar': this encoder's channels are"):
        encoder_of(model.encoder, "lidar")


def test_turns_are_balanced() -> None:
    """Each modality has every third step; within it, each slice once before any comes twice."""
    turns = [turn_of(step, SIZES, 2, seed=1) for step in range(60)]
    assert [turn.name for turn in turns[:4]] == ["spectrogram", "wifi-csi", "5g-csi",
                                                     "spectrogram"]  # fmt: skip
    seen = {name: Counter[int]() for name in SIZES}
    for turn in turns:
        assert len(turn.rows) == 2
        seen[turn.name].update(turn.rows.tolist())
    assert {sum(rows.values()) for rows in seen.values()} == {40}
    assert set(seen["spectrogram"].values()) == {2}
    assert set(seen["5g-csi"].values()) == {10}
    assert max(seen["wifi-csi"]) < 7 and max(seen["wifi-csi"].values()) <= 7  # 3 of 3.5 batches


def test_turns_depend_on_step_and_seed_only() -> None:
    assert all(
        (turn_of(step, SIZES, 2, 1).rows == turn_of(step, SIZES, 2, 1).rows).all()
        for step in range(9)
    )
    assert any(
        (turn_of(step, SIZES, 2, 1).rows != turn_of(step, SIZES, 2, 2).rows).any()
        for step in range(9)
    )
    with pytest.raises(UsageError, match="batch 5: 5g-csi has 4 slices: lower it"):
        turn_of(2, SIZES, 5, 1)
