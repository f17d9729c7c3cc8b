"""ViT-MSM, Table III: the sizes of the models, counted."""

from __future__ import annotations

import torch

from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.papers.laboratory import Laboratory
from radiofm_models.papers.plan import Plan, measured
from radiofm_models.report import Cell, Column, Part, Section, Table, beside_paper
from radiofm_models.vit import PRESETS


def sections(plan: Plan, lab: Laboratory) -> list[Section]:
    """Nothing is trained: the counts are the same at every scale."""
    exact: list[list[Cell]] = []
    ours: dict[str, list[Cell]] = {}
    for row in plan.rows:
        with torch.device("meta"):
            model = MaskedAutoencoder(PRESETS[row.preset])
        encoder = sum(p.numel() for p in model.encoder.parameters())
        decoder = sum(p.numel() for p in model.parameters()) - encoder
        config = model.config
        exact.append(
            [row.name, config.patch, config.dim, config.depth, config.heads, encoder,
             config.decoder_dim, config.decoder_depth, config.decoder_heads, decoder]
        )  # fmt: skip
        ours[row.name] = [encoder / 1e6, decoder / 1e6]
    titles = ("model", "patch", "width", "blocks", "heads", "encoder parameters",
              "decoder width", "blocks", "heads", "decoder parameters")  # fmt: skip
    paper: dict[str, list[Cell]] = {
        row.name: [measured(number) for number in row.published] for row in plan.rows
    }
    columns = [Column("encoder, millions", ".0f"), Column("decoder, millions", ".0f")]
    parts: list[Part] = [
        beside_paper(plan.title, plan.source, "model", columns, paper, ours, "paper"),
        Table("To the unit, of one channel, fixed positions not counted",
              [Column(title) for title in titles], exact),
    ]  # fmt: skip
    return [Section(plan.title, parts)]
