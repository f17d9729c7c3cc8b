"""The recorder: blocks to SigMF, with every loss, retune and gain change as its own segment."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from radiofm.errors import RecordingError
from radiofm.record_options import Split
from radiofm.sigmf_meta import RECORDER
from radiofm.wire import Loss
from radiofm_capture.collection import write_collection
from radiofm_capture.describe import Notes, after, capture_of, file_wide, info_of
from radiofm_capture.device import Block, Tuning
from radiofm_capture.names import GivenName, TemplateName
from radiofm_capture.sigmf_files import base_of, collection_path
from radiofm_capture.sigmf_writer import SigmfWriter
from radiofm_capture.space import DiskSpace


class Recorder:
    """Writes NAME.sigmf-data as blocks come, and NAME.sigmf-meta when the file ends.

    What SigMF says once for a file (rate, datatype, full scale, hardware) may change: another
    recording then begins. `split` ends files for other reasons: at a stream, again a recording of
    its own; or by time or size, and the recording goes on in the next file, its indices too
    (`core:offset`). More files than one are a collection. All errors are RecordingError.

    `core:global_index` counts as the device does, the lost samples too, and goes on over the
    streams of a recording. A hole that no block accounts for was lost on the way to the disk.

    After `kill -9` the journal (journal.py) holds all but the annotations; see repair.py.
    """

    def __init__(
        self,
        name: Path | str | GivenName | TemplateName,
        description: str = "",
        *,
        split: Split | None = None,
        space: DiskSpace | None = None,
    ) -> None:
        """`space` is that of the name's folder; without it nothing is left free."""
        if isinstance(name, (str, Path)):
            name = GivenName(base_of(Path(name)))
        self._names: GivenName | TemplateName = name
        self._description = description
        self._split = split
        self._space = space or DiskSpace(self._names.folder)
        self._finished: list[Path] = []  # metadata files
        self._files = self._samples = self._bytes = 0  # of the finished files
        self._collection: str | None = None
        self._writer: SigmfWriter | None = None
        self._first = 0  # global index of the file's first sample
        self._tuning: Tuning | None = None
        self._stream = -1  # number of the stream in the recording
        self._origin = 0  # global index of the stream's sample 0
        self._next = 0  # global index that would follow without a gap
        self._notes = Notes()
        self._ended = False

    def write(self, block: Block) -> None:
        """Append a block. After an error the file is finished as far as it goes."""
        if self._ended:
            raise RecordingError(f"recording {self._name} has ended: begin another")
        rest = block if len(block.samples) else None
        try:
            while rest:
                rest = self._write(rest)
        except RecordingError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise RecordingError(
                f"recording {self._name} ended after {self.samples} samples: {error.strerror}: "
                "make room or record elsewhere"
            ) from None

    def annotate(
        self,
        sample_index: int,
        sample_count: int,
        label: str,
        band_hz: tuple[float, float] | None = None,
        comment: str | None = None,
        generator: str = RECORDER,
    ) -> None:
        """Label samples of the present stream, written or to come, by the stream's index.

        What of them was lost is left out. `band_hz` are the edges, at RF.
        """
        start = self._origin + sample_index
        self._notes.add(start, sample_count, label, band_hz, comment, generator)

    def close(self) -> None:
        """Finish the files. Any number of times."""
        if not self._ended:
            self._ended = True
            self._finish(last=True)

    @property
    def samples(self) -> int:
        return self._samples + (self._writer.samples if self._writer else 0)

    @property
    def bytes_written(self) -> int:
        return self._bytes + (self._writer.bytes_written if self._writer else 0)

    @property
    def paths(self) -> list[Path]:
        """The .sigmf-meta files that were not deleted since, and the one to come."""
        open_ = [self._writer.meta_path] if self._writer and self._writer.samples else []
        return [*self._kept(), *open_]

    def free_bytes(self) -> int:
        """Room left on the disk."""
        return self._space.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _name(self) -> Path:
        last = self._writer.meta_path if self._writer else next(reversed(self._finished), None)
        return base_of(last) if last else self._names.folder

    def _kept(self) -> list[Path]:
        return [path for path in self._finished if path.exists()]

    def _write(self, block: Block) -> Block | None:
        """Write what the file takes of a block; return the rest."""
        before, self._tuning = self._tuning, block.tuning
        new_stream = block.new_stream or before != block.tuning
        splits = new_stream and self._split is not None and self._split.unit == "stream"
        if before is None or splits or file_wide(before) != file_wide(block.tuning):
            self._begin(block)
        if new_stream:
            self._stream += 1
            self._origin = self._next
        index = self._origin + block.sample_index
        lost = self._lost(block, index, new_stream)
        if self._room(index) <= 0:
            self._open(block, index, self._file.end)
        file = self._file
        count = min(len(block.samples), max(1, self._room(index)))
        opens = new_stream or lost or file.samples == 0
        capture = capture_of(block, file.end, index, self._stream, lost) if opens else None
        self._space.claim(count * file.frame_bytes)
        file.append(block.samples[:count], index, capture)
        self._next = index + count
        return after(block, count)

    @property
    def _file(self) -> SigmfWriter:
        assert self._writer
        return self._writer

    def _room(self, index: int) -> int:
        """Samples that the file takes from this index on."""
        file, split = self._file, self._split
        if split and split.unit == "seconds":
            assert file.info.core_sample_rate
            return self._first + round(split.amount * file.info.core_sample_rate) - index
        if split and split.unit == "bytes":
            return (int(split.amount) - file.bytes_written) // file.frame_bytes
        return sys.maxsize

    def _lost(self, block: Block, index: int, new_stream: bool) -> tuple[Loss, ...]:
        hole = index - self._next - sum(loss.samples for loss in block.lost)
        if new_stream or hole == 0:
            return block.lost
        if hole < 0:
            raise RecordingError(
                f"recording {self._name}: a block at sample {block.sample_index} was already "
                "counted: the device must begin a new stream to go back"
            )
        return (*block.lost, Loss(samples=hole, exact=True, stage="disk"))

    def _begin(self, block: Block) -> None:
        """Begin a recording of its own."""
        another = self._writer is not None
        self._open(block, block.sample_index, 0)
        self._stream, self._origin, self._next = -1, 0, 0
        if another:
            self._notes = Notes()

    def _open(self, block: Block, index: int, offset: int) -> None:
        """Begin a file, then finish the one before: at no time is there neither's journal."""
        if self._writer and not self._collection:
            self._collection = self._writer.base.name
        info = info_of(block.tuning, self._description, offset, self._collection)
        self._files += 1
        writer = SigmfWriter(self._names.base(self._files, block.tuning, block.time_ns), info)
        try:
            self._finish()
        finally:
            self._writer, self._first = writer, index

    def _finish(self, *, last: bool = False) -> None:
        writer = self._writer
        if writer is None:
            return
        try:
            writer.finish(self._notes.take(writer, self._next), self._collection)
            self._finished += [writer.meta_path] if writer.samples else []
            if last and self._collection and (kept := self._kept()):
                write_collection(collection_path(kept[0].parent, self._collection), kept)
            writer.release()
        except OSError as error:
            raise RecordingError(
                f"recording {writer.base} could not be finished: {error.strerror}: its "
                f"{writer.samples} samples are there: `radiofm corpus repair {writer.base.parent}`"
            ) from None
        finally:
            writer.close()
            self._samples += writer.samples
            self._bytes += writer.bytes_written
            self._writer = None
