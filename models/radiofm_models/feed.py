"""Items of a data set as slices of a bundle's modality: a channel sounder that needs no radio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from radiofm.bundle import load_bundle
from radiofm.errors import RadiofmError, UsageError
from radiofm.follow import TICK_S, Pace
from radiofm.ledger import SampleLedger, SliceLedger
from radiofm.modality import ModalityRecord
from radiofm.send import Sender
from radiofm.wire import SliceHeader
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.opening import DATASETS, open_dataset
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.protobeam.pictures import pictures

DAEMON = "feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig(Pace):
    """What is published, and where; an endpoint is as `radiofm.topics` has them."""

    items: str  # NAME:PATH of a data set, or the folder of a simulated one
    bundle: Path
    modality: str
    slices: str  # endpoint to publish at
    rate: float | None = None  # slices a second; None: as fast as the readers take them
    count: int | None = None  # None: all items


@dataclass(frozen=True, slots=True)
class FeedSummary:
    """slices_made + slices_untaken = slices, which are those asked for; untaken: stopped before."""

    items: int  # of the data set
    slices: int
    slices_made: int
    slices_untaken: int

    def to_json(self) -> dict[str, Any]:
        """As the closing line has it."""
        return asdict(self)


class Feed:
    """Publishes item after item, until the last or `stop`. Item k is slice k, and counts as one
    sample. Raises a RadiofmError at once where data set and bundle do not fit.
    """

    def __init__(self, config: FeedConfig) -> None:
        self._config = config
        self._stop = threading.Event()
        self._data = dataset_of(config.items)
        manifest = load_bundle(config.bundle).manifest
        record = manifest.modality(config.modality)
        self._record, self._spec = record, record.hash(manifest.spec)
        self._slice = slicer(record, config.modality, f"bundle {manifest.name}")
        self._stream = uuid4()
        self._samples, self._slices = SampleLedger(), SliceLedger()
        self._count = min(config.count or len(self._data), len(self._data))
        self._newest: SliceHeader | None = None
        self._slice(self._data.item(0)[0])

    def stop(self) -> None:
        """Ask `run` to end in good order. From any thread or signal handler."""
        self._stop.set()

    def run(self) -> FeedSummary:
        """Publish. Raises a RadiofmError once the readers have been told of it."""
        note, made = "", 0
        with closing(
            Sender("slice", self._config.slices, self._config, self._stop, DAEMON)
        ) as sender:
            start = time.monotonic()
            try:
                while made < self._count and not self._stop.is_set():
                    due = start + made / self._config.rate if self._config.rate else start
                    if (early := due - time.monotonic()) > 0:
                        self._stop.wait(min(early, TICK_S))
                    else:
                        self._publish(made, sender)
                        made += 1
                    if sender.heartbeat_due():
                        self._status(made, sender)
            except RadiofmError as error:
                note = str(error)
                raise
            finally:
                self._status(made, sender, ended=True, note=note)
        return FeedSummary(len(self._data), self._count, made, self._count - made)

    def _publish(self, index: int, sender: Sender) -> None:
        values = self._slice(self._data.item(index)[0])
        now = time.time_ns()
        self._samples.take(index, 1)
        self._slices.settle(index, "inferred")
        self._newest = SliceHeader(
            stream=self._stream,
            sequence=sender.next_sequence("slice"),
            sample_index=index,
            sample_count=1,
            time_ns=now,
            time_quality="host",
            center_frequency_hz=0.0,
            sample_rate_hz=self._config.rate or 0.0,
            slice_index=index,
            spec=self._spec,
            shape=self._record.shape,
            complete=True,
            modality=self._record.slices or self._config.modality,
            host_time_ns=now,
            complete_ns=now,
        )
        sender.send(self._newest, np.ascontiguousarray(values.reshape(self._record.shape), "<f4"))

    def _status(self, made: int, sender: Sender, *, ended: bool = False, note: str = "") -> None:
        sender.status(
            self._newest,
            ended=ended,
            sample_index=made,
            samples=self._samples.account(),
            slices=self._slices.account(),
            gauges={"items": float(len(self._data))},
            note=note,
        )


def slicer(record: ModalityRecord, name: str, source: str) -> Callable[[Array], Array]:
    """What makes a slice of modality `name` of an item; it raises UsageError where none can be."""
    blocks = record.blocks
    if record.scaling is not None:
        return Scaling(**record.scaling.model_dump(), size=record.size, source=source)
    if blocks is None:
        raise UsageError(f"modality {name} is made of samples: feed it by `radiofm spectrogram`")
    shape = (2, blocks.samples)

    def picture(item: Array) -> Array:
        if item.shape != shape:
            raise UsageError(
                f"items of shape {item.shape} are not those of {source}, whose {name} is of blocks "
                f"{shape}, I and Q: feed `radiofm simulate beams` or deepbeam:FILE"
            )
        one: Array = pictures(item[None], blocks.spec)[0]
        return one

    return picture


def dataset_of(items: str) -> Dataset:
    """The data set that NAME:PATH names, or the simulated one in the folder `items`."""
    if Path(items).is_dir():
        return open_dataset("simulated", items)
    name, colon, path = items.partition(":")
    if not colon:
        names = ", ".join(sorted(DATASETS))
        raise UsageError(f"{items!r} is no folder: name one, or NAME:PATH with a NAME of {names}")
    return open_dataset(name, path)
