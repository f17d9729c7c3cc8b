"""Recipes of papers cut down to the least that runs."""

from __future__ import annotations

from typing import Any

from radiofm_models.papers.plan import Plan, load_plan

LEAST: dict[str, Any] = {
    "seeds": (0,),
    "preset": "nano",
    "pretrain": {"steps": 2, "batch": 8},
    "tune": {"epochs": 1, "batch": 8, "lr": 1e-3},
}


def cut(name: str, of_smoke: dict[str, Any], **of_plan: Any) -> Plan:
    """The recipe `name` with `LEAST` and `of_smoke` at smoke scale, and `of_plan` else."""
    plan = load_plan(name)
    smoke = plan.smoke.model_copy(update=LEAST | of_smoke)
    return plan.model_copy(update={"smoke": smoke} | of_plan)
