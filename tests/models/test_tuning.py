"""Fine-tuning modes: the papers' counts, layer decay, and what a step moves."""

import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.heads import channel_head
from radiofm_models.lora import LoRAConfig, adapter_of, attach
from radiofm_models.probes import AttentiveProbe, Probe
from radiofm_models.tuning import Mode, Part, tune
from radiofm_models.vit import PRESETS, Encoder, ViTConfig

SMALL = ViTConfig(dim=32, depth=4, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
R50 = LoRAConfig(rank=50, alpha=8)
PATCHES = 256 * 512 + 512  # of one channel, in the patch embedding of ViT-S
TOKENIZER: dict[Part, int] = {"tokenizer": PATCHES + 512, "norm": 1_024}
ENCODER = 37_961_728


def on_small(
    mode: Mode, outputs: int, channels: int = 1, tokenizer: bool = False
) -> dict[Part, int]:
    """Trained parameters of ViT-S with a linear head of `outputs`."""
    with torch.device("meta"):
        encoder = Encoder(PRESETS["small"].model_copy(update={"channels": channels}))
        tuning = tune(encoder, Probe(512, outputs, "token"), mode, 1e-3, lora=R50,
                      tokenizer=tokenizer)  # fmt: skip
    parameters = [*tuning.encoder.parameters(), *tuning.head.parameters()]
    counted = sum(p.numel() for p in parameters if p.requires_grad)
    assert counted == sum(tuning.parameters.values())
    assert counted == sum(p.numel() for g in tuning.groups for p in g["params"])
    return tuning.parameters


def test_human_activity() -> None:
    """Six classes from three channels; the papers' code trains its positions too: 499,206."""
    assert on_small("strict", 6, 3) == {"head": 3_078}
    linear = on_small("linear", 6, 3)
    assert linear == {"tokenizer": 3 * 256 * 512 + 512 + 512, "norm": 1_024, "head": 3_078}
    assert sum(linear.values()) + 197 * 512 == 499_206


def test_last_two_blocks() -> None:
    assert on_small("last", 20) == {"blocks": 6_304_768, "norm": 1_024, "head": 10_260}
    as_published = on_small("last", 20, tokenizer=True)
    assert sum(as_published.values()) + 197 * 512 == 6_549_012
    positioning = on_small("last", 3, 4, tokenizer=True)
    assert sum(positioning.values()) + 197 * 512 == 6_933_507


def test_channel_estimation() -> None:
    """With fixed positions, as published."""
    with torch.device("meta"):
        encoder = Encoder(PRESETS["small"].model_copy(update={"channels": 2}))
        head = channel_head(PRESETS["small"], (14, 14), (1, 42))
        tuning = tune(encoder, head, "last", 1e-3, tokenizer=True)
    assert sum(tuning.parameters.values()) == 7_622_144


def test_lora() -> None:
    assert on_small("lora", 20) == {"adapter": 1_228_800, "head": 10_260}
    assert sum(on_small("lora", 20).values()) == 1_239_060
    as_published = on_small("lora", 20, tokenizer=True)
    assert as_published == TOKENIZER | {"adapter": 1_228_800, "head": 10_260}
    assert sum(as_published.values()) + 197 * 512 == 1_473_044  # "1.5 million"


def test_all() -> None:
    modes: tuple[Mode, ...] = ("full", "scratch")
    for mode in modes:
        assert sum(on_small(mode, 20).values()) == ENCODER + 10_260
    with torch.device("meta"):
        head = AttentiveProbe(512, 20, 8)
        tuning = tune(Encoder(PRESETS["small"]), head, "attentive", 1e-3)
    assert tuning.parameters == {"head": sum(p.numel() for p in head.parameters())}
    assert str(tuning) == "attentive: 536,084 parameters are trained: head 536,084"


def test_layers_learn_slower_the_deeper() -> None:
    encoder, head = Encoder(SMALL), Probe(32, 3, "avg")
    tuning = tune(encoder, head, "full", lr=0.1, weight_decay=0.3)
    group_of = {id(p): group for group in tuning.groups for p in group["params"]}
    scales = {  # depth 4: head and norm 5, blocks 4 to 1, patch embedding 0
        "norm.weight": 1.0, "blocks.3.fc1.weight": 0.75, "blocks.0.qkv.weight": 0.75**4,
        "patch_embed.weight": 0.75**5, "cls": 0.75**5,
    }  # fmt: skip
    parameters = dict(encoder.named_parameters())
    for name, scale in scales.items():
        group = group_of[id(parameters[name])]
        assert group["lr_scale"] == pytest.approx(scale)
        assert group["lr"] == pytest.approx(0.1 * scale)
        assert group["weight_decay"] == (0.3 if parameters[name].ndim > 1 else 0.0)
    assert group_of[id(head.out.weight)]["lr"] == 0.1
    from_scratch = tune(encoder, head, "scratch", lr=0.1)
    assert {group["lr_scale"] for group in from_scratch.groups} == {1.0}


@pytest.mark.parametrize(
    ("mode", "moved"),
    [
        ("strict", set()),
        ("linear", {"patch_embed", "cls", "norm"}),
        ("last", {"blocks.2", "blocks.3", "norm"}),
        ("lora", {"blocks.0", "blocks.1", "blocks.2", "blocks.3"}),
        ("full", {"patch_embed", "cls", "norm", *(f"blocks.{i}" for i in range(4))}),
    ],
)
def test_a_step_moves_what_the_mode_says(mode: Mode, moved: set[str]) -> None:
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    base = {name: value.clone() for name, value in encoder.state_dict().items()}
    lora = LoRAConfig(rank=2, alpha=1)
    tuning = tune(encoder, Probe(32, 3, "avg"), mode, 1e-2, lora=lora)
    before = {name: value.clone() for name, value in tuning.encoder.state_dict().items()}
    image = torch.randn(4, 1, 32, 32)
    optimizer = torch.optim.AdamW(tuning.groups)
    for _ in range(2):  # B moves at first, and A after it
        loss = tuning.head(tuning.encoder(image)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = tuning.encoder.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {".".join(n.split(".")[: 2 if n.startswith("blocks") else 1]) for n in changed} == moved
    if mode == "lora":  # what came with the encoder stayed
        assert changed == {n for n in after if n.endswith(("_a", "_b"))}
        for name, value in base.items():
            kept = after.get(name, after.get(name.replace("qkv.", "qkv.base.")))
            assert kept is not None and torch.equal(kept, value)


def test_scratch_forgets() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SMALL)
    tuning = tune(encoder, Probe(32, 3, "avg"), "scratch", 1e-3)
    new, old = tuning.encoder.state_dict(), encoder.state_dict()
    assert not torch.equal(new["patch_embed.weight"], old["patch_embed.weight"])


def test_adapters_that_are_there_are_kept() -> None:
    encoder, head = Encoder(SMALL), Probe(32, 3, "avg")
    attach(encoder, LoRAConfig(rank=2, alpha=1))
    before = adapter_of(encoder)
    tuning = tune(encoder, head, "lora", 1e-3)
    assert tuning.parameters["adapter"] == 4 * 32 * 2 * 4
    assert all(torch.equal(before[n], v) for n, v in adapter_of(tuning.encoder).items())


def test_what_a_mode_needs() -> None:
    encoder, head = Encoder(SMALL), Probe(32, 3, "avg")
    with pytest.raises(UsageError, match="mode lora needs a rank and an alpha"):
        tune(encoder, head, "lora", 1e-3)
    with pytest.raises(UsageError, match="last 5: the encoder has 4 blocks: name 1 to 4"):
        tune(encoder, head, "last", 1e-3, last=5)
