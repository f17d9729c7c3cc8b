"""Signal families: slices of one family, or of two to four at once, by an impaired receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from radiofm.array_set import ArrayInfo, Arrays
from radiofm.spectrogram import SpectrogramSpec
from radiofm_capture.scenes.draw import place, spread_db
from radiofm_capture.scenes.family_draws import FAMILY_DRAWS
from radiofm_capture.scenes.front_end import FrontEnd, draw_front_end
from radiofm_capture.scenes.multipath import Multipath
from radiofm_capture.scenes.scene import Emitter, Scene
from radiofm_capture.scenes.signal import log_uniform
from radiofm_capture.scenes.waveforms import NOISE
from radiofm_capture.sets.factors import RATE, Factor, leave_out
from radiofm_capture.sets.heard import Heard, hear
from radiofm_capture.simulate import covered

FAMILIES = tuple(FAMILY_DRAWS)
LABELS = (NOISE, *FAMILIES)
RATES = (
    1.92e6, 2.4e6, 3.84e6, 5e6, 7.68e6, 10e6, 15.36e6, 20e6, 23.04e6, 30.72e6, 40e6, 46.08e6,
    61.44e6,
)  # fmt: skip
CENTER_HZ = 1e9
LEAST = 2  # families of a multi-label slice
TRIES = 20  # slices of a scene until one holds what is named
APART = 37  # slices between them
PROFILES = ("flat", "TDL-A", "TDL-B", "TDL-C", "TDL-D")


@dataclass(frozen=True)
class Families:
    multi: bool = False
    rates: tuple[float, ...] = RATES  # the wider the rarer: they cost more
    snr_db: tuple[float, float] = (-5.0, 35.0)  # uniform; in the signal's bandwidth, or a row
    most: int = 4  # families of a multi-label slice
    consecutive: int = 1  # slices of each scene, one after the other; a divisor of `shard`
    without: tuple[Factor, ...] = ()
    receiver: FrontEnd | None = None  # of all slices, instead of one drawn for each
    spec: SpectrogramSpec = field(default_factory=SpectrogramSpec)

    name: ClassVar[str] = "families"
    about: ClassVar[str] = (
        "Slices of one signal family each, or of noise, or (multi) of two to four families: any "
        "member of the family anywhere in the band, in part beyond it too, at any of the rates, "
        "through fading and a receiver with filter, aliases, LO leak, spurs, IQ imbalance, phase "
        "noise, AGC steps, clipping, 8 or 12 bits. Labels and masks are of what the slice holds: "
        "one whose family stays silent or out of the band is noise."
    )
    not_for: ClassVar[str] = (
        "reckoning what is on the air: families are as frequent as each other, at frequencies "
        "that are not theirs. Families that were not simulated have no label."
    )
    group: ClassVar[str | None] = "scene"
    shard: ClassVar[int] = 12
    needs: ClassVar[tuple[str, ...]] = ("numpy", "scipy")

    def arrays(self) -> dict[str, ArrayInfo]:
        image = (self.spec.height, self.spec.width)
        arrays = {
            "decibels": ArrayInfo(
                dtype="float32", shape=image,
                about="dBFS before standardising; frequency (row 0 is the lowest), time",
            ),
            "sample_rate_hz": ArrayInfo(dtype="float64", shape=(), about="S/s"),
            "scene": ArrayInfo(dtype="int64", shape=(), about="number of scene and receiver"),
        }  # fmt: skip
        if self.consecutive > 1:
            arrays["follows"] = ArrayInfo(
                dtype="uint8", shape=(), about="1 where it goes on from the slice before"
            )
        if self.multi:
            return arrays | {
                "present": ArrayInfo(
                    dtype="uint8", shape=(len(FAMILIES),), about="1 where the family is there",
                    labels=FAMILIES,
                ),
                "snr_db": ArrayInfo(
                    dtype="float32", shape=(len(FAMILIES),), about="of its strongest; nan: none"
                ),
                "mask": ArrayInfo(
                    dtype="uint32", shape=image,
                    about="bit k (of value 2^k) is set where family k of `present` is",
                ),
            }  # fmt: skip
        return arrays | {
            "label": ArrayInfo(dtype="uint8", shape=(), about="family", labels=LABELS),
            "snr_db": ArrayInfo(dtype="float32", shape=(), about="of the strongest; nan: none"),
            "mask": ArrayInfo(dtype="uint8", shape=image, about="family", labels=LABELS),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        made = {
            name: np.zeros((len(rows), *array.shape), array.dtype)
            for name, array in self.arrays().items()
        }
        made["snr_db"][:] = np.nan
        weights = 1 / np.sqrt(self.rates)
        for start in range(0, len(rows), self.consecutive):
            number = rows[start] // self.consecutive
            rate = float(rng.choice(self.rates, p=weights / weights.sum()))
            rate = RATE if "rates" in self.without else rate
            names = self._names(number, rng)
            scene = self.draw(names, rate, rng)
            first, heard = self._hear(scene, rate, names)
            for at in range(start, min(start + self.consecutive, len(rows))):
                if at > start:
                    heard = hear(scene, rate, self.spec, first + at - start)
                    made["follows"][at] = 1
                made["decibels"][at] = heard.decibels
                made["sample_rate_hz"][at], made["scene"][at] = rate, number
                self._label(heard, rate, made, at)
        return made

    def draw(self, names: Sequence[str], rate: float, rng: np.random.Generator) -> Scene:
        """A scene with one emitter of each family, and its receiver."""
        scene = Scene(
            seed=int(rng.integers(2**31)),
            center_frequency_hz=CENTER_HZ,
            slices=TRIES * APART,
            noise_dbfs_per_hz=-60 - 10 * np.log10(rate),
            emitters=tuple(self._emitter(name, rate, rng) for name in names),
            front_end=_front_end(rng),
        )
        scene = leave_out(scene, rate, self.without, FAMILIES)
        return scene.model_copy(update={"front_end": self.receiver}) if self.receiver else scene

    def _emitter(self, name: str, rate: float, rng: np.random.Generator) -> Emitter:
        waveform = FAMILY_DRAWS[name](rng, rate)
        channel: dict[str, Any] = {"profile": rng.choice(PROFILES)}
        if channel["profile"] != "flat":
            channel["delay_spread_s"] = log_uniform(rng, 20e-9, 1e-6)
        channel["speed_m_s"] = rng.choice([0.0, 1.0, 15.0])
        return Emitter(
            waveform=waveform,
            label=name,
            offset_hz=place(rng, waveform, rate),
            snr_db=rng.uniform(*self.snr_db) + spread_db(waveform, rate),
            carrier_ppm=rng.uniform(-20, 20),
            clock_ppm=rng.uniform(-20, 20),
            channel=Multipath.model_validate(channel),
        )

    def _names(self, number: int, rng: np.random.Generator) -> list[str]:
        if not self.multi:
            label = LABELS[number % len(LABELS)]
            return [] if label == NOISE else [label]
        count = int(rng.integers(LEAST, self.most + 1))
        return [FAMILIES[n] for n in rng.choice(len(FAMILIES), count, replace=False)]

    def _hear(self, scene: Scene, rate: float, names: Sequence[str]) -> tuple[int, Heard]:
        """The first slice that holds the family, or two, or the one that holds most; where it is.

        Of consecutive ones it is the first: what is in it need not be in those that follow.
        """
        best, most, enough = None, -1, min(len(names), LEAST)
        for attempt in range(TRIES):
            heard = hear(scene, rate, self.spec, APART * attempt)
            count = len(_levels(heard))
            if count > most:
                best, most = (APART * attempt, heard), count
            if most >= enough:
                break
        assert best is not None
        return best

    def _label(self, heard: Heard, rate: float, made: Arrays, at: int) -> None:
        mask, count = made["mask"][at], len(heard.samples)
        for box in heard.boxes:
            where = covered(box, self.spec, count, CENTER_HZ, rate)
            if self.multi:
                mask[where] |= np.uint32(1 << FAMILIES.index(box.label))
            else:
                mask[where] = LABELS.index(box.label)
        for name, level in _levels(heard).items():
            if self.multi:
                made["present"][at, FAMILIES.index(name)] = 1
                made["snr_db"][at, FAMILIES.index(name)] = level
            else:
                made["label"][at], made["snr_db"][at] = LABELS.index(name), level


PRESETS = {"single": Families(), "multi": Families(multi=True)}


def _levels(heard: Heard) -> dict[str, float]:
    """The families that are there, and the SNR of the strongest of each."""
    levels: dict[str, float] = {}
    for box in heard.boxes:
        levels[box.label] = max(box.snr_db, levels.get(box.label, box.snr_db))
    return levels


def _front_end(rng: np.random.Generator) -> FrontEnd:
    """A receiver as measured, that also hears aliases and whose oscillator and clock err."""
    return draw_front_end(rng).model_copy(
        update={
            "aliasing": True,
            "clock_ppm": rng.uniform(-20, 20),
            "phase_noise_deg": log_uniform(rng, 0.1, 5),
            "phase_noise_hz": log_uniform(rng, 1e3, 1e5),
        }
    )
