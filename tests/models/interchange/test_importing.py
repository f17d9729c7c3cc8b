"""Released weights, imported: the function that they were; what does not fit is one sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from radiofm.errors import RadiofmError, UsageError
from radiofm.spectrogram import PRESETS as SPECS
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import CheckpointError, load_weights, read_json
from radiofm_models.datasets.scaling import PRESETS as SCALINGS
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.interchange.importing import Imported, Source, import_weights
from radiofm_models.interchange.naming import halves, stream_order
from radiofm_models.modalities import encoder_of
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import PRESETS, Encoder, ViTConfig, positions, unpatchify
from tests.models.interchange import reference
from tests.models.interchange.reference import MAE, ModalityAdapterViT, multimodal, weights

GRID = (3, 3)
KEEP = torch.tensor([[4, 0, 7], [8, 3, 2]])


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Imported]:
    """Writes weights to a file and imports it."""

    def run(
        state: dict[str, Tensor],
        source: Source = "mae",
        heads: tuple[int | None, int | None] = (2, 4),
        norm_eps: float = 1e-5,
        folder: str = "ours",
    ) -> Imported:
        save_file(state, tmp_path / "theirs.safetensors")
        file = tmp_path / "theirs.safetensors"
        return import_weights(file, source, tmp_path / folder, SPECS["wavesfm"], *heads, norm_eps)

    return run


def opened(made: Imported) -> MaskedAutoencoder:
    """The checkpoint on disk, as all of ours are opened."""
    config = ViTConfig.model_validate(read_json(made.folder / "config.json")["vit"])
    model = MaskedAutoencoder(config)
    load_weights(made.folder, model)
    return model.eval()


def same(model: MaskedAutoencoder, theirs: MAE, image: Tensor, modality: str | None = None) -> None:
    with torch.no_grad():
        expected, as_image = theirs(image, KEEP)
        tokens = model.encoder(image, KEEP, modality)
        decoded = model.decode(tokens, KEEP, GRID, modality)
    exchanged = halves(tokens.shape[2])
    torch.testing.assert_close(tokens, expected[..., exchanged], rtol=0, atol=1e-5)
    torch.testing.assert_close(unpatchify(decoded, GRID, 16), as_image, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_mae_is_what_it_was(bring: Callable[..., Imported], channels: int) -> None:
    theirs = MAE(channels)
    made = bring(weights(theirs))
    config = made.config
    assert (config.dim, config.depth, config.decoder_dim, config.decoder_depth) == (32, 3, 16, 2)
    assert config.channels == channels and made.decoder
    same(opened(made), theirs, torch.randn(2, channels, 48, 48))
    record = read_json(made.folder / "config.json")
    assert record["imported"]["from"] == "mae" and "NC" in record["imported"]["terms"]
    if channels == 1:
        assert SpectrogramSpec.model_validate(record["inputs"]["spectrogram"]) == SPECS["wavesfm"]
    else:
        assert record["inputs"] == {}  # the authors had none of two channels


def test_each_channel_count_becomes_a_modality(bring: Callable[..., Imported]) -> None:
    theirs = MAE([1, 3, 4])
    made = bring(weights(theirs))
    assert made.config.channels == {"spectrogram": 1, "wifi-csi": 3, "5g-csi": 4}
    inputs = read_json(made.folder / "config.json")["inputs"]
    assert list(inputs) == list(made.config.channels)
    assert Scaling.model_validate(inputs["wifi-csi"]) == SCALINGS["ntu-fi-humanid"]
    assert Scaling.model_validate(inputs["5g-csi"]) == SCALINGS["5g-cfr"]
    model = opened(made)
    for modality, channels in (("spectrogram", 1), ("wifi-csi", 3), ("5g-csi", 4)):
        same(model, theirs, torch.randn(2, channels, 48, 48), modality)
    image = torch.randn(2, 4, 48, 48)
    alone = encoder_of(model.encoder, "5g-csi")
    assert torch.equal(alone(image), model.encoder(image, modality="5g-csi"))


def test_tables_in_our_order_leave_the_halves(bring: Callable[..., Imported]) -> None:
    """Each table for itself: here the decoder's is as ours is, and the encoder's is MAE's."""
    theirs = MAE(1)
    theirs.decoder_pos_embed.data = positions(GRID, 16)[None].clone()
    same(opened(bring(weights(theirs))), theirs, torch.randn(2, 1, 48, 48))


def test_the_table_of_mae_is_ours_with_its_halves_exchanged() -> None:
    table = reference.table(14, 512)
    order = stream_order("pos_embed", table)
    assert order is not None and torch.equal(order, halves(512))
    torch.testing.assert_close(table[0][:, order], positions((14, 14), 512), rtol=0, atol=1e-6)
    assert stream_order("pos_embed", positions((14, 14), 512)[None]) is None
    with pytest.raises(CheckpointError, match=r"pos_embed \[1, 197, 512\] is not the fixed"):
        stream_order("pos_embed", table + 0.01 * torch.randn_like(table))
    with pytest.raises(CheckpointError, match="not the fixed"):
        stream_order("pos_embed", table[:, :196])


def test_the_epsilon_of_the_norms_is_as_said(bring: Callable[..., Imported]) -> None:
    """What a file does not tell, and shows where a token is small: that of CLS."""
    theirs, image = MAE(1, eps=1e-3), torch.randn(2, 1, 48, 48)
    made = bring(weights(theirs), norm_eps=1e-3)
    same(opened(made), theirs, image)
    made = bring(weights(theirs), folder="other")
    with pytest.raises(AssertionError):
        same(opened(made), theirs, image)


@pytest.mark.parametrize("preset", ["small", "medium"])
def test_the_authors_sizes_need_no_heads(tmp_path: Path, preset: str) -> None:
    """Names, shapes and heads of the released sizes, without their weights' memory."""
    config = PRESETS[preset]
    with torch.device("meta"):
        theirs = MAE(1, 14, config.dim, config.decoder_dim)
    from radiofm_models.interchange import mae

    state = {k: v for k, v in theirs.state_dict().items() if ".0." in k or "locks." not in k}
    for n in range(12):
        state |= {f"blocks.{n}.{k}": v for k, v in theirs.blocks[0].state_dict().items()}
    for n in range(8):
        more = theirs.decoder_blocks[0].state_dict().items()
        state |= {f"decoder_blocks.{n}.{k}": v for k, v in more}
    assert mae.config_of(state, None, None) == config


@pytest.mark.parametrize("separate", [False, True])
def test_wavesfm_pretrained(bring: Callable[..., Imported], separate: bool) -> None:
    theirs = MAE(1, film=True)
    made = bring(multimodal(theirs, separate), "wavesfm")
    assert made.config.film and made.decoder
    assert {"iq_segment_embed.weight", "mod_ln_scale.iq", "vis_pos_embed"} <= set(made.left_out)
    same(opened(made), theirs, torch.randn(2, 1, 48, 48))


@pytest.mark.parametrize(("channels", "film"), [(1, False), (1, True), (3, True)])
def test_wavesfm_fine_tuned(bring: Callable[..., Imported], channels: int, film: bool) -> None:
    theirs = ModalityAdapterViT(channels, film=film)
    made = bring(weights(theirs), "wavesfm", (None, None))
    assert not made.decoder and made.config.channels == channels and made.config.film is film
    assert {"head.bias", "head.weight"} <= set(made.left_out)
    encoder = Encoder(made.config)
    load_weights(made.folder, nn.ModuleDict({"encoder": encoder}))
    image = torch.randn(2, channels, 48, 48)
    with torch.no_grad():
        expected = theirs(image)[..., halves(128)]
        torch.testing.assert_close(encoder(image), expected, rtol=0, atol=1e-5)


def drop(name: str) -> Callable[[dict[str, Tensor]], None]:
    return lambda state: state.__delitem__(name)


def put(name: str, *shape: int, value: float = 0.0) -> Callable[[dict[str, Tensor]], None]:
    return lambda state: state.__setitem__(name, torch.full(shape, value))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (drop("blocks.1.attn.qkv.bias"), r"blocks\.1\.attn\.qkv\.bias is missing"),
        (drop("cls_token"), "cls_token is missing: --from names another layout"),
        (drop("decoder_pred.weight"), r"decoder_pred\.weight is missing"),
        (put("head.weight", 6, 32), r"head\.weight is left over"),
        (put("blocks.0.norm1.weight", 31), r"blocks\.0\.norm1\.weight \[31\] does not fit \[32\]"),
        (put("patch_embed.proj.weight", 32, 256), r"\[32, 256\] should have 4 dimensions"),
        (put("norm.weight", 32, value=float("nan")), "norm.weight is not of finite"),
        (put("patch_embed.proj.bias", 0), r"patch_embed\.proj\.bias is not of finite"),
        (put("pos_embed", 1, 10, 32), "trained positions cannot be imported"),
        (put("mask_token", 1, 1, 18), "18: give --heads"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    bring: Callable[..., Imported],
    tmp_path: Path,
    harm: Callable[[dict[str, Tensor]], None],
    says: str,
) -> None:
    state = weights(MAE(1))
    harm(state)
    with pytest.raises(RadiofmError, match=says) as raised:
        bring(state)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ours").exists()


def test_refusals_name_the_remedy(bring: Callable[..., Imported], tmp_path: Path) -> None:
    state = weights(MAE(1))
    with pytest.raises(UsageError, match="width of 32 with 3 blocks .*: give --heads"):
        bring(state, heads=(None, None))
    with pytest.raises(CheckpointError, match="only WavesFM's vision path"):
        bring(state, "wavesfm")
    bring(state)
    with pytest.raises(UsageError, match="ours is there already: name another folder"):
        bring(state)
    (tmp_path / "no.safetensors").write_text("no")
    with pytest.raises(CheckpointError, match=r"no safetensors file .*radiofm models convert"):
        import_weights(tmp_path / "no.safetensors", "mae", tmp_path / "x", SPECS["wavesfm"])


def test_one_modality_twice_is_refused(bring: Callable[..., Imported]) -> None:
    with pytest.raises(CheckpointError, match="two of them are of one modality"):
        bring(weights(MAE([1, 1])))


def test_half_precision_is_widened(bring: Callable[..., Imported]) -> None:
    state = weights(MAE(1))
    made = bring({k: v if "pos_embed" in k else v.half() for k, v in state.items()})
    assert json.loads((made.folder / "config.json").read_text())["vit"]["dim"] == 32
    assert {value.dtype for value in opened(made).state_dict().values()} == {torch.float32}
