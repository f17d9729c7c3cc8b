"""`radiofm models push|import|convert`: weights from and to others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from radiofm.cli import options

Heads = Annotated[
    int | None,
    typer.Option(min=1, help="Attention heads of the encoder. (default: the authors', by size)"),
]
DecoderHeads = Annotated[
    int | None,
    typer.Option(min=1, help="Attention heads of the decoder. (default: the authors', by size)"),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        help="Address of the hub. (default: $HF_ENDPOINT or https://huggingface.co)",
        show_default=False,
    ),
]


def push(
    folder: Annotated[Path, typer.Argument(help="A bundle's or a checkpoint's folder.")],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the hub; made where it is not.")],
    public: Annotated[bool, typer.Option("--public", help="Let all see a new repository.")] = False,
    endpoint: Endpoint = None,
    as_json: options.Json = False,
) -> None:
    """Put a bundle or a checkpoint on a Hugging Face hub, with the token of `hf auth login`."""
    from radiofm_models.interchange.hub import push as run

    done = run(folder, repo, public, endpoint, progress=shown(as_json))
    report = {"command": "models push", "repo": repo, "kind": done.kind, "commit": done.commit}
    if as_json:
        typer.echo(json.dumps({**report, "files": done.files}))
    else:
        typer.echo(f"{repo}: {done.kind} of {len(done.files)} files, commit {done.commit}")


def import_(
    file: Annotated[
        Path, typer.Argument(help="A safetensors file; `radiofm models convert` makes one.")
    ],
    source: Annotated[
        Literal["mae", "wavesfm"],
        typer.Option(
            "--from",
            help="Whose layout: mae (AhmedTarek62/mae, one or several channels), wavesfm (v1, the "
            "vision path).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint to write.")],
    spec: Annotated[
        str,
        typer.Option(
            help="Spec of the spectrograms they were trained on: wavesfm, table-i or FILE."
        ),
    ] = "wavesfm",
    heads: Heads = None,
    decoder_heads: DecoderHeads = None,
    norm_eps: Annotated[
        float, typer.Option(help="Epsilon of the blocks' norms, which no file tells.")
    ] = 1e-5,
    as_json: options.Json = False,
) -> None:
    """Turn the authors' released weights into a checkpoint: every name and shape is checked."""
    from radiofm.cli.specs import spec_named
    from radiofm_models.interchange.importing import import_weights

    made = import_weights(file, source, out, spec_named(spec), heads, decoder_heads, norm_eps)
    if as_json:
        report = {
            "command": "models import",
            "checkpoint": str(out),
            "vit": made.config.model_dump(),
            "decoder": made.decoder,
            "parameters": made.parameters,
            "left_out": made.left_out,
        }
        typer.echo(json.dumps(report))
        return
    what = "encoder and decoder" if made.decoder else "encoder"
    typer.echo(f"{out}: {what} of {made.parameters:,} parameters", err=True)
    if made.left_out:
        typer.echo(f"left out: {', '.join(made.left_out)}", err=True)


def convert(
    file: Annotated[Path, typer.Argument(help="A checkpoint of torch: .pth or .pt.")],
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")],
    as_json: options.Json = False,
) -> None:
    """Turn a .pth into a safetensors file; one with more than weights and values is refused."""
    from radiofm_models.interchange.pth import convert as run

    parameters = run(file, out)
    report = {"command": "models convert", "file": str(out), "parameters": parameters}
    typer.echo(json.dumps(report) if as_json else f"{out}: {parameters:,} parameters")


def shown(as_json: bool) -> bool:
    """Whether a bar is: a person looks, and not a program."""
    return not as_json and sys.stderr.isatty()
