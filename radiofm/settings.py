"""Settings: defaults, then a profile, then the environment (RADIOFM_), then flags. The last wins.

A profile is a TOML file with the tables below; the environment writes RADIOFM_CAPTURE__RATE=4M.
An unknown key is an error that suggests the known one.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic import ValidationInfo as Info
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from radiofm import quantities
from radiofm.errors import UsageError
from radiofm.record_options import Split, check_name, parse_split

Origin = Literal["default", "profile", "environment", "flag"]


def _field(info: Info) -> str:
    return info.field_name or "value"


Frequency = Annotated[
    float, BeforeValidator(lambda v, info: quantities.parse_frequency(v, _field(info)))
]
Offset = Annotated[float, BeforeValidator(lambda v, info: quantities.parse_offset(v, _field(info)))]
Rate = Annotated[float, BeforeValidator(lambda v, info: quantities.parse_rate(v, _field(info)))]
Gain = Annotated[float, BeforeValidator(lambda v, info: quantities.parse_gain(v, _field(info)))]
Duration = Annotated[
    float, BeforeValidator(lambda v, info: quantities.parse_duration(v, _field(info)))
]


def _speed(value: object, info: Info) -> float:
    """A factor, or `max` (0 here): as fast as the readers follow."""
    if value == "max":
        return 0.0
    try:
        factor = float(str(value))
    except ValueError:
        factor = -1.0
    if not 0 <= factor < float("inf"):
        raise UsageError(
            f"{_field(info)} {value!r} is no speed: write a factor like 1 or 0.5, or max"
        )
    return factor


Speed = Annotated[float, BeforeValidator(_speed)]
Size = Annotated[float, BeforeValidator(lambda v, info: quantities.parse_size(v, _field(info)))]


def _split(value: object, info: Info) -> object:
    return parse_split(value, _field(info)) if isinstance(value, str) else value


Splitting = Annotated[Split, BeforeValidator(_split)]
NameTemplate = Annotated[str, BeforeValidator(lambda v, info: check_name(str(v), _field(info)))]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=False)


class CaptureSettings(_Table):
    """What `radiofm capture` does."""

    device: Literal["pluto", "uhd", "replay", "sim"] = Field(
        "pluto", description="which kind of device"
    )
    uri: str | None = Field(None, description="the Pluto's address; found by itself if absent")
    args: str = Field("", description="uhd: device arguments, like type=b200; found if absent")
    antenna: str | None = Field(None, description="uhd: receive port; the device's own if absent")
    subdev: str | None = Field(None, description="uhd: subdevice, like A:A")
    clock_source: str | None = Field(
        None, description="uhd: reference: internal, external or gpsdo"
    )
    time_source: str | None = Field(
        None, description="uhd: pulse per second: external or gpsdo; the host's clock if absent"
    )
    lo_offset: Offset = Field(0.0, description="uhd: oscillator beside the centre, in Hz")
    path: Path | None = Field(None, description="replay: the recording")
    datatype: str | None = Field(None, description="replay: format of a raw file, like cu8")
    scene: str = Field("ism24", description="sim: a preset's name or a TOML file")
    seed: int | None = Field(None, description="sim: another seed than the scene's")
    fault: tuple[str, ...] = Field((), description="sim: faults on request, like drop@2s")
    fc: Frequency | None = Field(None, description="centre frequency in Hz")
    rate: Rate | None = Field(None, description="sample rate in S/s; 4 MS/s if absent")
    bandwidth: Frequency | None = Field(
        None, description="filter bandwidth in Hz; the rate if absent"
    )
    gain: Gain | None = Field(None, description="manual gain in dB; slow AGC if absent")
    gain_mode: str | None = Field(
        None, description="manual, slow_attack, fast_attack or hybrid; uhd: manual or agc"
    )
    speed: Speed = Field(1.0, description="replay and sim: factor of real time, or max")
    loops: int = Field(1, ge=0, description="replay: times to play; 0 is for ever")
    duration: Duration | None = Field(None, description="stop after so much air")
    mode: Literal["stream", "burst", "auto"] | None = Field(
        None, description="how the air is taken; stream if absent, or what the plan says"
    )
    burst_slices: int = Field(6, ge=1, le=4096, description="slices of 16 ms in a burst")
    bursts: int = Field(0, ge=0, description="stop after so many bursts; 0 is for ever")
    plan: str | None = Field(None, description="where to tune in turn: a preset or FILE.toml")
    sweep: str | None = Field(None, description="the same, as start:stop:step in Hz")
    dwell: int | None = Field(None, ge=1, description="sweep: slices at each centre; 6 if absent")
    dwells: int | None = Field(None, ge=1, description="plan: stop after so many dwells")
    repeat: int | None = Field(None, ge=0, description="plan: passes; 0 is for ever")
    record: Path | None = Field(None, description="keep the samples: a folder, or NAME.sigmf-meta")
    name: NameTemplate = Field("{utc}_{device}_{fc}", description="names of the files in a folder")
    split: Splitting | None = Field(
        None, description="begin another file after 10m of air, 1GB, or at each new stream"
    )
    disk_floor: Size = Field(1e9, description="bytes of the disk that stay free")
    disk_full: Literal["stop", "delete-oldest"] = Field(
        "stop", description="at the floor: stop recording, or delete the oldest recordings"
    )
    publish: str | None = Field(None, description="endpoint of the iq stream")
    gnuradio: str | None = Field(None, description="endpoint of bare items for GNU Radio")
    gnuradio_format: Literal["sc16", "fc32"] = Field("sc16", description="the items of gnuradio")
    stdout: bool = Field(False, description="write the bare samples to standard output")
    readers: int = Field(0, ge=0, description="readers to wait for before the first sample")
    buffer: Duration = Field(0.016, description="length of a device buffer")
    kernel_buffers: int = Field(16, ge=2, le=64, description="device buffers that the kernel keeps")


class SpectrogramSettings(_Table):
    """What `radiofm spectrogram` does."""

    policy: Literal["latest", "lossless"] = Field("latest", description="when inference is late")
    patience: Duration = Field(10.0, description="silence of the publisher that ends the worker")
    backend: Literal["auto", "numba", "fftw", "mkl", "scipy", "reference"] = Field(
        "auto", description="what computes; auto: the fastest that is installed"
    )


class InferSettings(_Table):
    """What `radiofm infer` does."""

    bundle: str = Field("nano", description="a shipped bundle's name or a folder")
    heads: tuple[str, ...] = Field((), description="heads to serve; all of the bundle if empty")
    threads: int = Field(1, ge=1, le=64, description="threads of one inference")
    provider: Literal["cpu", "cuda", "tensorrt", "openvino", "coreml"] = Field(
        "cpu", description="what computes; the CPU where it cannot be had"
    )
    patches: float = Field(
        1.0, gt=0, le=1, description="share of each slice's patches to look at, at most"
    )
    choose: Literal["energy", "change"] = Field(
        "energy", description="which: some of every level, or those that changed most"
    )
    deadline: Duration | None = Field(
        None, description="time for a slice, by which the share of patches is chosen"
    )
    policy: Literal["latest", "lossless"] = Field("latest", description="when slices queue up")
    incomplete: Literal["skip", "infer"] = Field("skip", description="slices with missing samples")
    patience: Duration = Field(10.0, description="silence of the worker that ends the service")


class Settings(BaseSettings):
    """All tables. Build it with `load_settings`."""

    model_config = SettingsConfigDict(
        extra="forbid", env_prefix="RADIOFM_", env_nested_delimiter="__", validate_default=False
    )

    capture: CaptureSettings = CaptureSettings()
    spectrogram: SpectrogramSettings = SpectrogramSettings()
    infer: InferSettings = InferSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The profile's values arrive with the flags', already merged in the right order.
        return (init_settings,)


def load_settings(
    profile: str | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Settings from defaults, `profile` (a name or a TOML file), environment and `flags`."""
    merged: dict[str, dict[str, Any]] = {}
    for _, values in _layers(profile, flags or {}):
        for table, fields in values.items():
            if not isinstance(fields, Mapping):
                raise UsageError(f"{table!r} is no table: tables are {', '.join(_TABLES)}")
            merged.setdefault(table, {}).update(fields)
    try:
        return Settings(**merged)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(_sentence(error)) from None


def origins(profile: str | None = None) -> dict[str, tuple[Any, Origin]]:
    """Every setting as `table.field` -> (value, where it came from)."""
    settings = load_settings(profile)
    found: dict[str, tuple[Any, Origin]] = {}
    for table in _TABLES:
        for field, value in getattr(settings, table).model_dump(mode="json").items():
            origin: Origin = "default"
            for name, values in _layers(profile, {}):
                if field in values.get(table, {}):
                    origin = name
            found[f"{table}.{field}"] = (value, origin)
    return found


def profile_names() -> dict[str, str]:
    """The profiles there are -> their first line's comment. A user's own hide shipped ones."""
    folders = [resources.files("radiofm") / "profiles", _user_profiles()]
    found: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda f: f.name):
                if file.name.endswith(".toml"):
                    first = file.read_text("utf-8").partition("\n")[0]
                    found[file.name.removesuffix(".toml")] = first.lstrip("# ")
    return found


_TABLES = tuple(Settings.model_fields)


def _user_profiles() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "radiofm" / "profiles"


def _layers(
    profile: str | None, flags: Mapping[str, Mapping[str, Any]]
) -> list[tuple[Origin, Mapping[str, Any]]]:
    return [
        ("profile", _read_profile(profile) if profile else {}),
        ("environment", EnvSettingsSource(Settings)()),
        ("flag", flags),
    ]


def _read_profile(name: str) -> dict[str, Any]:
    if name.endswith(".toml"):
        file: Any = Path(name)
    else:
        own = _user_profiles() / f"{name}.toml"
        file = own if own.is_file() else resources.files("radiofm") / "profiles" / f"{name}.toml"
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        have = ", ".join(profile_names())
        raise UsageError(
            f"profile {name!r} is not there: take one of {have}, or FILE.toml"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"profile {name}: {error}") from None


def _words(annotation: Any) -> list[str]:
    """The words of a Literal, which may be optional."""
    parts = get_args(annotation)
    return [w for part in parts for w in ([part] if isinstance(part, str) else _words(part))]


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    path = ".".join(where)
    if first["type"] == "extra_forbidden":
        model: Any = Settings
        for part in where[:-1]:
            model = model.model_fields[part].annotation
        known = list(model.model_fields)
        close = difflib.get_close_matches(where[-1], known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
        return f"setting {path!r} is unknown: {hint}"
    if first["type"] == "literal_error":
        field: Any = getattr(Settings.model_fields[where[0]].annotation, "model_fields", {}).get(
            where[1]
        )
        choices = ", ".join(_words(field.annotation)) if field else ""
        return f"setting {path} cannot be {first['input']!r}: it is one of {choices}"
    return f"setting {path} cannot be {first['input']!r}: {first['msg'].lower()}"
