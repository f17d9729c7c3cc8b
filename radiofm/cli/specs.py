"""The spec that a user names: a preset, a file or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radiofm.errors import UsageError

if TYPE_CHECKING:
    from radiofm.spectrogram import SpectrogramSpec


def spec_named(text: str) -> SpectrogramSpec:
    """`table-i`, FILE.toml, FILE.json or `{"hop": 256}`; what is not said is Table I's."""
    import tomllib

    from pydantic import ValidationError

    from radiofm.spectrogram import PRESETS, SpectrogramSpec

    if text in PRESETS:
        return PRESETS[text]
    try:
        if text.lstrip().startswith("{"):
            return SpectrogramSpec.model_validate_json(text)
        path = Path(text)
        if path.suffix == ".toml":
            return SpectrogramSpec.model_validate(tomllib.loads(path.read_text("utf-8")))
        if path.suffix == ".json":
            return SpectrogramSpec.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"spec {text}: {error.strerror}: name a file that is there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"spec {text} is not TOML ({error}): correct it") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise UsageError(f"spec {text}: {where}: {first['msg']}: correct it") from None
    raise UsageError(
        f"spec {text!r} is unknown: take {', '.join(PRESETS)}, FILE.toml, FILE.json or JSON"
    )
