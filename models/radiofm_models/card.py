"""The model card: README.md of a bundle, every figure taken from its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radiofm.bundle import BundleManifest
from radiofm_models.evaluation.on_air import FAMILIES

TEMPLATE = """\
# {name}: an encoder for 16 ms spectrograms and three heads

Made by `{command}` (commit {commit}).
Every figure below is from that run and is in `bundle.json`. Licence: Apache-2.0.

## What it is for

{preset} is a vision transformer of {parameters:,} parameters ({dim} wide, {depth} blocks),
pretrained by masked spectrogram modeling (mask {mask_ratio}). It shows the whole chain at work on a
CPU, and is a start for your own heads. It is small and trained on simulated air only: do not rely
on it to monitor real bands before you have measured it on them.

Input: slices of `SpectrogramSpec` {spec}, standardised ({low} to {high} dBFS, mean {mean}, std
{std}). The statistics travel in `bundle.json`.

| head | task | tap | says | parameters |
|---|---|---|---|---|
{heads}

`signals` names the signal with most energy in the slice; a slice may hold several.

## What it was trained on

{count:,} slices simulated by `{slices_command}`: {labels}, alone or mixed, at {rates} MS/s,
through a random receiver (level, filter, offset, spurs, I/Q imbalance, quantisation). Split by
scene: {train:,} to train, {validation:,} to validate and calibrate, {test:,} to test. No real
recording was used in training.

Pretraining: {steps:,} steps of {batch} slices ({visits:,} visits), loss {loss_first:.3f} at the
first step and {loss_last:.3f} over the last hundred, in standardised units (1 = the variance of the
data; most of it is the level, which differs from slice to slice).

## How good it is, on the {test:,} test slices

Figures are of the ONNX graphs in ONNX Runtime. "Untrained" is the same head, trained
the same way, on the encoder as it was before its first step.

| `signals` | accuracy | macro-F1 |
|---|---|---|
{signals}

| truth, called (recall) | {label_columns} |
|---|{label_rule}
{confusion}

Accuracy by the SNR of the strongest signal, in its own bandwidth: {by_snr}. Expected calibration
error after temperature scaling: {calibration_error:.3f}.

| `segmentation` | pixel accuracy | IoU of occupied |
|---|---|---|
{segmentation}

The energy threshold is {energy_db:.1f} dB above a slice's median, the best on validation slices.

| reconstruction | mean squared error |
|---|---|
| encoder and decoder, {mask_ratio:.0%} of patches removed, over these | {masked_mse:.4f} |
| the mean of each frequency row's kept patches, over the same | {row_mean_mse:.4f} |
| `anomaly` head, whole slices | {anomaly_mse:.4f} |
| the same on the untrained encoder | {anomaly_untrained:.4f} |

**What pretraining gave**: {verdict}
Accuracy changes by {gain:+.1f} points and IoU by {gain_iou:+.3f} against the untrained encoder; on
removed patches the error is {ratio:.2f} times that of the row means (below 1 is better).

`anomaly` marks a slice when its error exceeds {error_p99:.4f} (the 99th percentile of validation
slices); of the test slices {above:.1%} do.

## On real recordings

Never trained on. Those shorter than a slice were repeated to fill one (*). Called what they hold:
{right} of {heard} slices{families}.

{recordings}

## What it cost

{cost}
In all {cpu_hours:.2f} CPU hours on {machine}; `heads` counts those of the untrained encoder too.

## Limits, and what was not checked

- One seed, one simulator. The figures say nothing of families that it does not draw.
- Trained at {rates} MS/s; other rates were not tried.
- Pretraining is short, about an hour of CPU, and the encoder is frozen under the heads. Longer
  runs and fine-tuning were not tried.
- Masks of the simulator do not mark signals weaker than 0 dB SNR, nor spurs and images.
- Not checked: two of these signals of nearly equal power, real receivers beyond the recordings
  above, drift over time, other processors than the one named.
"""


def write_card(folder: Path, manifest: BundleManifest) -> None:
    """Write `folder/README.md` from a manifest that `reproduce` made."""
    (folder / "README.md").write_text(card(manifest), "utf-8")


def card(manifest: BundleManifest) -> str:
    """The card's Markdown."""
    p, m, spec = manifest.provenance, manifest.metrics, manifest.spec
    signals, segmentation, anomaly = m["signals"], m["segmentation"], m["anomaly"]
    recipe = p["recipe"]["pretrain"]
    heads = {head.name: head for head in manifest.heads}
    labels = heads["signals"].labels
    test = signals["test"]
    known = [r for r in m["recordings"] if r["heads"]["signals"]["right"] is not None]
    gain = 100 * (test["accuracy"] - signals["random_init"]["accuracy"])
    gain_iou = segmentation["test"]["iou_occupied"] - segmentation["random_init"]["iou_occupied"]
    tables = {
        "heads": _rows(
            (f"`{h.name}`", h.task, h.tap, ", ".join(h.labels) or "the slice again",
             f"{h.trainable_parameters:,}")
            for h in manifest.heads
        ),
        "signals": _rows(
            (what, f"{signals[key]['accuracy']:.1%}", f"{signals[key]['macro_f1']:.3f}")
            for key, what in (
                ("test", f"**{manifest.name}**"), ("random_init", "untrained encoder"),
                ("majority", "always the commonest label"),
            )
        ),
        "confusion": _rows(
            (f"**{label}** ({test['recall'][i]:.0%})", *map(str, test["confusion"][i]))
            for i, label in enumerate(labels)
        ),
        "segmentation": _rows(
            (what, f"{segmentation[key]['pixel_accuracy']:.1%}",
             f"{segmentation[key]['iou_occupied']:.3f}")
            for key, what in (
                ("test", f"**{manifest.name}**"), ("random_init", "untrained encoder"),
                ("energy_threshold", "energy threshold"), ("all_empty", "all empty"),
            )
        ),
        "recordings": _recordings(m["recordings"], labels),
        "cost": _table(
            ("stage", "wall", "CPU"),
            ((stage, f"{c['wall_s'] / 60:.1f} min", f"{c['cpu_s'] / 60:.1f} min")
             for stage, c in p["cost"].items()),
        ),
    }  # fmt: skip
    return TEMPLATE.format(
        name=manifest.name,
        command=p["command"],
        commit=(p["commit"] or "unknown")[:12],
        preset=manifest.encoder.preset,
        parameters=p["parameters"],
        dim=manifest.encoder.dim,
        depth=manifest.encoder.depth,
        mask_ratio=recipe["mask_ratio"],
        spec=spec.hash,
        low=spec.range_db[0],
        high=spec.range_db[1],
        mean=spec.mean,
        std=spec.std,
        count=p["slices"]["count"],
        slices_command=p["slices"]["command"],
        labels=", ".join(labels),
        rates=", ".join(f"{rate / 1e6:g}" for rate in p["slices"]["rates"]),
        **p["split"],
        steps=p["pretraining"]["step"],
        batch=recipe["batch"],
        visits=p["pretraining"]["step"] * recipe["batch"],
        loss_first=p["pretraining"]["loss_first"],
        loss_last=p["pretraining"]["loss_last_100"],
        label_columns=" | ".join(labels),
        label_rule="---|" * len(labels),
        by_snr=", ".join(
            f"{b['snr_db'][0]} to {b['snr_db'][1]} dB {b['accuracy']:.0%} ({b['slices']})"
            for b in signals["by_snr"]
        ),
        calibration_error=signals["expected_calibration_error"],
        energy_db=segmentation["energy_threshold_db"],
        right=sum(round(r["heads"]["signals"]["right"] * r["slices"]) for r in known),
        heard=sum(r["slices"] for r in known),
        families=_families(labels),
        verdict=_verdict(
            {
                "signals": gain,
                "segmentation": gain_iou,
                "anomaly": anomaly["random_init_mse"] - anomaly["test_mse"],
            }
        ),
        gain=gain,
        gain_iou=gain_iou,
        ratio=m["pretraining"]["masked_mse"] / m["pretraining"]["row_mean_mse"],
        masked_mse=m["pretraining"]["masked_mse"],
        row_mean_mse=m["pretraining"]["row_mean_mse"],
        anomaly_mse=anomaly["test_mse"],
        anomaly_untrained=anomaly["random_init_mse"],
        error_p99=heads["anomaly"].error_p99,
        above=anomaly["share_above_p99"],
        cpu_hours=sum(c["cpu_s"] for c in p["cost"].values()) / 3600,
        machine=p["machine"],
        **tables,
    )


def _verdict(gains: dict[str, float]) -> str:
    """Which heads are better on this encoder than on the untrained one."""
    better = [f"`{head}`" for head, gain in gains.items() if gain > 0]
    others = [f"`{head}`" for head, gain in gains.items() if gain <= 0]
    if not better:
        return "nothing measurable: every head does as well or better on the untrained encoder."
    gained = f"better for it: {', '.join(better)}"
    return f"{gained}; no better: {', '.join(others)}." if others else f"{gained}."


def _families(labels: Sequence[str]) -> str:
    """Which labels stand for what recordings hold."""
    used = [f"{name} is {label}" for name, label in FAMILIES.items()
            if name not in labels and label in labels]  # fmt: skip
    return f" ({', '.join(used)})" if used else ""


def _recordings(rows: list[dict[str, Any]], labels: Sequence[str]) -> str:
    if not rows:
        return "No recordings were at hand in this run.\n"
    return _table(
        ("recording", "slices", "it holds", "called that", *labels, "over the anomaly limit"),
        (_recording(r, r["heads"]["signals"], r["heads"]["anomaly"], labels) for r in rows),
    )


def _recording(
    row: dict[str, Any], signals: dict[str, Any], anomaly: dict[str, Any], labels: Sequence[str]
) -> Sequence[str]:
    return (
        row["recording"] + ("*" if row["repeated_to_fill_a_slice"] else ""),
        str(row["slices"]),
        ", ".join(row["technology"]) or "?",
        "" if signals["right"] is None else f"{signals['right']:.0%}",
        *(str(signals["called"][label] or "") for label in labels),
        f"{anomaly['share_above_p99']:.0%}",
    )


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"{_rows([head])}\n|{'---|' * len(head)}\n{_rows(rows)}\n"
