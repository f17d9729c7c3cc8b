"""From an item to the encoder's input: resized, scaled by the set's range, standardised.

The range, mean and standard deviation are measured over the training items (one pass, kept as
JSON) or the authors' (PRESETS). The papers resize before or after scaling, which is the same:
cubic interpolation commutes with a shift and a factor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from radiofm.errors import RecordingError, UsageError
from radiofm_models.data import Indices
from radiofm_models.datasets.dataset import Array, Dataset

Progress = Callable[[int, int], None]  # told items done and to do


class Scaling(BaseModel):
    """x -> ((x - low) / (high - low) - mean) / std, channel by channel, at `size`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    range: tuple[float, float]
    mean: tuple[float, ...]  # a channel each, of the scaled values
    std: tuple[float, ...]
    size: tuple[int, int] | None = (224, 224)  # rows, columns; None: as the items are
    source: str  # who measured it, over what

    def __call__(self, values: Array) -> Array:
        """float32 [channels, H, W], or [channels, samples] where `size` is None."""
        if len(values) != len(self.mean):
            raise UsageError(
                f"items of {len(values)} channels are not those of {self.source}, which have "
                f"{len(self.mean)}: take another preset or measure the set"
            )
        one: Array = self.standardise(resized(values, self.size)[None])[0]
        return one

    def standardise(self, values: Array) -> Array:
        """Items of the right size: float32 [n, channels, ...] -> the encoder's input."""
        low, high = self.range
        shape = (-1, *[1] * (values.ndim - 2))
        mean, std = (np.asarray(x, np.float32).reshape(shape) for x in (self.mean, self.std))
        scaled = (values - np.float32(low)) / np.float32(high - low)
        return np.asarray((scaled - mean) / std, np.float32)


def resized(values: Array, size: tuple[int, int] | None) -> Array:
    """[channels, H, W] at `size` by antialiased cubic interpolation (Keys, a = -0.5)."""
    if size is None or values.shape[1:] == size:
        return values
    from PIL import Image

    if values.ndim != 3:
        raise UsageError(f"items of shape {values.shape} are no images: take size None")
    rows, columns = size
    planes = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in values]
    cubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(plane.resize((columns, rows), cubic)) for plane in planes])


def measure(
    dataset: Dataset,
    rows: Indices,
    size: tuple[int, int] | None = (224, 224),
    folder: Path | None = None,
    progress: Progress = lambda done, of: None,
) -> Scaling:
    """The scaling of the items `rows`; kept in `folder`, and taken from there the next time.

    One pass: each item is read once. Raises RecordingError where an item is not finite, or all
    are one value.
    """
    key = hashlib.sha256(f"{dataset.fingerprint()} {size}".encode())
    key.update(np.asarray(rows, "<i8").tobytes())
    kept = folder / f"{dataset.name}-{key.hexdigest()[:16]}.json" if folder else None
    if kept and kept.exists():
        try:
            return Scaling.model_validate_json(kept.read_text("utf-8"))
        except (ValueError, ValidationError):
            raise RecordingError(f"{kept}: it is no scaling: remove it") from None
    moments = _Moments()
    for done, row in enumerate(rows):
        values = resized(dataset.item(int(row))[0], size)
        if not np.isfinite(values).all():
            raise RecordingError(
                f"{dataset.path}: item {row} is not finite: leave it out of the split"
            )
        moments.add(values)
        progress(done + 1, len(rows))
    scaling = moments.scaling(size, f"measured over {len(rows)} items of {dataset.name}")
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(scaling.model_dump_json(indent=1) + "\n", "utf-8")
    return scaling


class _Moments:
    """Range, and mean and squared deviation a channel, joined item by item (Chan et al., 1983)."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.count = 0
        self.mean: npt.NDArray[np.float64] = np.zeros(0)
        self.square: npt.NDArray[np.float64] = np.zeros(0)

    def add(self, values: Array) -> None:
        flat = values.reshape(len(values), -1).astype(np.float64)
        self.low, self.high = min(self.low, flat.min()), max(self.high, flat.max())
        n, mean = flat.shape[1], flat.mean(axis=1)
        square = np.square(flat - mean[:, None]).sum(axis=1)
        if self.count == 0:
            self.count, self.mean, self.square = n, mean, square
            return
        total, step = self.count + n, mean - self.mean
        self.square = self.square + square + step**2 * self.count * n / total
        self.mean = self.mean + step * n / total
        self.count = total

    def scaling(self, size: tuple[int, int] | None, source: str) -> Scaling:
        span = self.high - self.low
        if self.count == 0 or span <= 0 or not self.square.all():
            raise RecordingError(f"{source}: a channel of one value cannot be standardised")
        std = np.sqrt(self.square / self.count) / span
        return Scaling(
            range=(float(self.low), float(self.high)),
            mean=tuple(((self.mean - self.low) / span).tolist()),
            std=tuple(std.tolist()),
            size=size,
            source=source,
        )


def _preset(
    low: float, high: float, mean: list[float], std: list[float], size: int | None = 224
) -> Scaling:
    square = None if size is None else (size, size)
    return Scaling(
        range=(low, high), mean=tuple(mean), std=tuple(std), size=square, source="its authors"
    )


# As in the WavesFM authors' released code (AhmedTarek62/mae; those of RadioML of .../wavesfm).
PRESETS: dict[str, Scaling] = {
    "ntu-fi-har": _preset(2.44, 54.72, [0.7396, 0.7722, 0.7758], [0.0960, 0.0764, 0.0888]),
    "ntu-fi-har-step-4": _preset(-0.44, 56.07, [0.7352, 0.7653, 0.7686], [0.0899, 0.0717, 0.0831]),
    "ntu-fi-humanid": _preset(-0.113, 53.83, [0.7098, 0.7590, 0.6966], [0.0824, 0.0789, 0.0824]),
    "5g-cfr": _preset(
        4.306, 2833.35, [0.1380, 0.1054, 0.1214, 0.0588], [0.0386, 0.0296, 0.0339, 0.0163]
    ),
    "5g-positioning-outdoor": _preset(
        -0.096, 1.136, [0.4638, 0.4631, 0.4703, 0.4620], [0.1154, 0.1176, 0.0979, 0.1281]
    ),
    "5g-positioning-indoor": _preset(
        -0.123,
        1.415,
        [0.3824, 0.3853, 0.3841, 0.3931, 0.3909],
        [0.1168, 0.1112, 0.1182, 0.0988, 0.0972],
    ),
    "signal-images": _preset(0, 1, [0.5], [0.5]),
    # theirs scales to [-1, 1], mean (-.0297, -.0304), std .0953: the same, said of [0, 1]
    "channel-estimation": _preset(-12.33, 13.09, [0.48515, 0.48480], [0.04765, 0.04765]),
    # mean: taken as 0, none is published
    "radioml-2016.10a": _preset(0, 1, [0.0, 0.0], [0.0058, 0.0062], size=None),
}
