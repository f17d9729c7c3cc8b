"""A scene: emitters around a centre frequency over a noise floor, with their ground truth."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from radiofm.errors import UsageError
from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.scenes.waveforms import AnyWaveform

SLICE_S = 0.016  # the unit of schedules and loops
MIN_LABEL_S = 50e-6  # shorter remains of a burst do not name a window


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Emitter(_Model):
    """One transmitter. Give its place as `center_hz` or `offset_hz`, its strength as `snr_db`
    (in its own bandwidth) or `power_dbfs` (both while it is on)."""

    waveform: AnyWaveform
    center_hz: Annotated[float, Field(ge=0)] | None = None
    offset_hz: float | None = None  # from the scene's centre
    snr_db: float | None = None
    power_dbfs: float | None = None
    on: tuple[tuple[int, int], ...] = ()  # slices [first, last) of the loop; empty: always

    @model_validator(mode="after")
    def _one_of_each(self) -> Emitter:
        if (self.center_hz is None) == (self.offset_hz is None):
            raise ValueError("give either center_hz or offset_hz")
        if (self.snr_db is None) == (self.power_dbfs is None):
            raise ValueError("give either snr_db or power_dbfs")
        return self


class Scene(_Model):
    seed: Annotated[int, Field(ge=0)] = 0
    center_frequency_hz: Annotated[float, Field(ge=0)] = 2.44e9
    slices: Annotated[int, Field(ge=1, le=100_000)] = 250  # length of the loop, 16 ms each
    noise_dbfs_per_hz: float = -115.0
    emitters: tuple[Emitter, ...] = ()
    front_end: FrontEnd = FrontEnd()

    def emitter_hz(self, emitter: Emitter) -> float:
        """Radio frequency of the emitter's centre."""
        if emitter.center_hz is not None:
            return emitter.center_hz
        assert emitter.offset_hz is not None
        return self.center_frequency_hz + emitter.offset_hz

    def emitter_dbfs(self, emitter: Emitter) -> float:
        """Power of the emitter while it is on."""
        if emitter.power_dbfs is not None:
            return emitter.power_dbfs
        assert emitter.snr_db is not None
        return emitter.snr_db + self._noise_dbfs(emitter)

    def emitter_snr_db(self, emitter: Emitter) -> float:
        return self.emitter_dbfs(emitter) - self._noise_dbfs(emitter)

    def _noise_dbfs(self, emitter: Emitter) -> float:
        return self.noise_dbfs_per_hz + 10 * math.log10(emitter.waveform.bandwidth_hz)


def presets() -> list[str]:
    """Names of the scenes that come with the package."""
    folder = resources.files("radiofm_capture.scenes") / "presets"
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_scene(name: str, seed: int | None = None) -> Scene:
    """A preset by name, or the scene in a TOML file; `seed` replaces the scene's own.

    UsageError says what is wrong with it.
    """
    try:
        if name in presets():
            folder = resources.files("radiofm_capture.scenes") / "presets"
            text = (folder / f"{name}.toml").read_text("utf-8")
        elif Path(name).suffix == ".toml":
            text = Path(name).read_text("utf-8")
        else:
            have = ", ".join(presets())
            raise UsageError(f"scene {name!r} is not known: use {have} or a .toml file")
        scene = Scene.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"scene {name}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"scene {name}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or "scene"
        raise UsageError(f"scene {name}: {where}: {first['msg']}") from None
    return scene if seed is None else scene.model_copy(update={"seed": seed})
