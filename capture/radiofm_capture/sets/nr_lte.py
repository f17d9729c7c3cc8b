"""NR-LTE segmentation: spectrograms whose pixels are noise, LTE or NR.

`Paper` follows the ConvLSTM paper's tables II and III (and says where they leave a choice),
`Impaired` draws the scene `impaired-lte-nr`: what a network must see to work on real captures.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from radiofm.array_set import ArrayInfo, Arrays
from radiofm.spectrogram import SpectrogramSpec
from radiofm_capture.scenes.load import draw_document, read_scene
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.scenes.truth import TruthBox, clip
from radiofm_capture.sets.factors import RATE as LOWER
from radiofm_capture.sets.factors import Factor, leave_out
from radiofm_capture.sets.heard import Heard, hear
from radiofm_capture.sets.mixes import (
    CENTER_HZ,
    channel_hz,
    draw_carriers,
    emitter,
    place_carriers,
)
from radiofm_capture.simulate import covered

CARRIERS = ("lte", "nr")
CLASSES = ("noise", *CARRIERS)
RATE = 61.44e6  # of the paper, and the highest of the impaired

Split = Literal["train", "test"]
Extent = Literal["channel", "occupied"]
SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class _NrLte(ABC):
    split: Split = "train"
    extent: Extent = "channel"  # of a label, see `about`
    iq: bool = False
    spec: SpectrogramSpec = field(default_factory=SpectrogramSpec)

    name: ClassVar[str] = "nr-lte"
    about: ClassVar[str]
    not_for: ClassVar[str]
    group: ClassVar[str | None] = "scene"
    shard: ClassVar[int] = 8
    needs: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    ideal: ClassVar[bool]  # receiver

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> tuple[Scene, float]:
        """A scene and the rate that it is received at."""

    def arrays(self) -> dict[str, ArrayInfo]:
        image = (self.spec.height, self.spec.width)
        arrays = {
            "decibels": ArrayInfo(
                dtype="float32", shape=image,
                about="dBFS before standardising; frequency (row 0 is the lowest), time",
            ),
            "mask": ArrayInfo(dtype="uint8", shape=image, about="class", labels=CLASSES),
            "snr_db": ArrayInfo(
                dtype="float32", shape=(2,),
                about="of the strongest LTE and NR carrier in its occupied band; nan: none",
            ),
            "noise_dbfs": ArrayInfo(
                dtype="float32", shape=(), about="at the antenna, over the whole band"
            ),
            "sample_rate_hz": ArrayInfo(dtype="float64", shape=(), about="S/s"),
            "scene": ArrayInfo(dtype="int64", shape=(), about="number of the scene"),
        }  # fmt: skip
        if self.iq:
            arrays["iq"] = ArrayInfo(
                dtype="float32", shape=(self.spec.slice_samples(RATE), 2),
                about="I and Q, 1 is full scale; at a lower rate 0 behind the last sample",
            )  # fmt: skip
        return arrays

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        made = {
            name: np.zeros((len(rows), *array.shape), array.dtype)
            for name, array in self.arrays().items()
        }
        # The splits of one seed share no scene.
        own = np.random.default_rng([int(rng.integers(2**31)), SPLITS.index(self.split)])
        for at, row in enumerate(rows):
            scene, rate = self.draw(own)
            heard = hear(scene, rate, self.spec, ideal=self.ideal)
            made["decibels"][at] = heard.decibels
            made["mask"][at] = self.mask(scene, rate, heard)
            made["snr_db"][at] = [_snr_db(heard, family) for family in CARRIERS]
            made["noise_dbfs"][at] = scene.noise_dbfs_per_hz + 10 * math.log10(rate)
            made["sample_rate_hz"][at], made["scene"][at] = rate, row
            if self.iq:
                made["iq"][at, : len(heard.samples)] = heard.samples
        return made

    def mask(self, scene: Scene, rate: float, heard: Heard) -> npt.NDArray[np.uint8]:
        """uint8 [height, width]: a carrier lies over what folds back onto it."""
        count, center = self.spec.slice_samples(rate), scene.center_frequency_hz
        boxes = [box for box in heard.boxes if box.label in CARRIERS]
        if self.extent == "channel":
            boxes = clip(_channels(scene, count), 0, count, center, rate)
        mask = np.zeros((self.spec.height, self.spec.width), np.uint8)
        for box in sorted(boxes, key=lambda box: not box.alias):
            mask[covered(box, self.spec, count, center, rate)] = CLASSES.index(box.label)
        return mask


@dataclass(frozen=True)
class Paper(_NrLte):
    signal_dbm: float = -45.0  # of each carrier: the paper does not say
    noise_train_dbm: tuple[float, float] = (-70.0, 5.0)  # mean, deviation; over the band
    noise_test_dbm: tuple[float, float] = (-90.0, -20.0)  # uniform; over the band
    full_scale_dbm: float = -10.0  # what 0 dBFS stands for
    alone: float = 0.0  # share of slices with one carrier only, LTE or NR alike
    lte_loads: tuple[float, ...] = (0.02, 0.1, 0.5, 1.0)  # of resource blocks; not in the paper
    nr_loads: tuple[float, ...] = (0.3, 0.7, 1.0)
    doppler_hz: tuple[float, ...] = (0.0, 10.0, 500.0)

    ideal: ClassVar[bool] = True
    about: ClassVar[str] = (
        "One LTE (5 to 20 MHz, FDD) and one NR carrier (10 to 50 MHz, SCS 15 or 30 kHz, SSB case "
        "A or B each 20 ms) at 61.44 MS/s around 4 GHz, neighbours without overlap, each through "
        "its own fading (EPA, EVA, ETU; TDL-A to -E, 30 to 300 ns). Noise is N(-70, 5) dBm for "
        "training, U(-90, -20) dBm for test, over the whole band. SNR over the band is "
        "signal_dbm less that: at -45 dBm 25 +- 5 dB for training, -25 to 45 dB for test; in a "
        "carrier's own band B it is 10 log10(61.44 MHz / B) more, as `snr_db` says. Labels: "
        "`channel` is the channel bandwidth over all the slice, idle or not; `occupied` the "
        "subcarriers."
    )
    not_for: ClassVar[str] = (
        "for use on real captures: no receiver, no partial bands, no other signals (`impaired` "
        "has them). Not the paper's files: MATLAB made those, with CDL channels where these are "
        "TDL; signal power, load and Doppler are not in the paper."
    )

    def draw(self, rng: np.random.Generator) -> tuple[Scene, float]:
        families: tuple[str, ...] = CARRIERS
        if rng.random() < self.alone:
            families = (str(rng.choice(CARRIERS)),)
        loads = {"lte": self.lte_loads, "nr": self.nr_loads}
        carriers = draw_carriers(rng, RATE, families, loads)
        offsets = place_carriers(rng, RATE, carriers)
        power = self.signal_dbm - self.full_scale_dbm
        if self.split == "train":
            noise = rng.normal(*self.noise_train_dbm)
        else:
            noise = rng.uniform(*self.noise_test_dbm)
        scene = Scene(
            seed=int(rng.integers(2**31)),
            center_frequency_hz=CENTER_HZ,
            noise_dbfs_per_hz=noise - self.full_scale_dbm - 10 * math.log10(RATE),
            emitters=tuple(
                emitter(rng, carrier, offset, power, self.doppler_hz)
                for carrier, offset in zip(carriers, offsets, strict=True)
            ),
        )
        return scene, RATE


@dataclass(frozen=True)
class Impaired(_NrLte):
    extent: Extent = "occupied"
    scenes: str = "impaired-lte-nr"
    document: dict[str, Any] = field(default_factory=lambda: read_scene("impaired-lte-nr")[0])
    without: tuple[Factor, ...] = ()

    ideal: ClassVar[bool] = False
    about: ClassVar[str] = (
        "LTE and NR carriers as receivers get them: FDD and TDD, nearly idle to full, in part "
        "beyond the band, faded, among narrow neighbours that have no label, at six rates, through "
        "a receiver with filter, aliases, AGC steps, LO leak, spurs, IQ imbalance, phase noise, "
        "clipping, 8 or 12 bits. None to five carriers a slice. Labels: `occupied` is the "
        "subcarriers while the cell sends downlink, and what folds back of them; `channel` the "
        "channel bandwidth over all the slice, uplink too, without aliases."
    )
    not_for: ClassVar[str] = (
        "comparing with the paper: both splits are drawn alike, by other seeds. Uplink is not in "
        "it, nor OFDM other than LTE and NR."
    )

    def draw(self, rng: np.random.Generator) -> tuple[Scene, float]:
        seed, (_, folder) = int(rng.integers(2**31)), read_scene(self.scenes)
        scene = draw_document(self.scenes, self.document, folder, seed)
        assert scene.sample_rate_hz is not None
        rate = LOWER if "rates" in self.without else scene.sample_rate_hz
        return leave_out(scene, rate, self.without, CARRIERS), rate


PRESETS: dict[str, Paper | Impaired] = {"paper": Paper(), "impaired": Impaired()}


def _channels(scene: Scene, count: int) -> list[TruthBox]:
    boxes = []
    for one in scene.emitters:
        if one.name in CARRIERS:
            middle = scene.emitter_hz(one) * (1 + (one.carrier_ppm - scene.front_end.ppm) * 1e-6)
            half = channel_hz(one.waveform) / 2
            snr, power = scene.emitter_snr_db(one), scene.emitter_dbfs(one)
            boxes.append(TruthBox(one.name, 0, count, middle - half, middle + half, snr, power))
    return boxes


def _snr_db(heard: Heard, family: str) -> float:
    levels = [box.snr_db for box in heard.boxes if box.label == family and not box.alias]
    return max(levels, default=math.nan)
