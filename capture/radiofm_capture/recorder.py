"""The recorder: blocks to SigMF, with every loss, retune and gain change as its own segment."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from radiofm import __version__
from radiofm.errors import RecordingError
from radiofm.sigmf_meta import RECORDER, Annotation, Capture, Extension, Info, pair
from radiofm.wire import Loss, merge_losses
from radiofm_capture.device import Block, Tuning
from radiofm_capture.sigmf_writer import SigmfWriter, refuse_existing

_EXTENSION = Extension(name="radiofm", version=__version__, optional=True)


class Recorder:
    """Writes BASE.sigmf-data as blocks come, and BASE.sigmf-meta when the file ends.

    What SigMF says once for a file (rate, datatype, full scale, hardware) may change: the
    recording then goes on in BASE-2, BASE-3... All errors are RecordingError.

    `core:global_index` counts as the device does, the lost samples too, and goes on over the
    streams of a file. A hole that no block accounts for was lost on the way to the disk.
    """

    def __init__(self, base: Path | str, description: str = "") -> None:
        self._base = pair(Path(base))[0].with_suffix("")
        self._description = description
        self._written: list[SigmfWriter] = []
        self._writer: SigmfWriter | None = None  # the last of them, until it is finished
        self._tuning: Tuning | None = None
        self._stream = -1  # number of the stream in the file
        self._origin = 0  # global index of the stream's sample 0
        self._next = 0  # global index that would follow without a gap
        self._notes: list[Annotation] = []  # by global index
        self._ended = False
        refuse_existing(self._base)

    def write(self, block: Block) -> None:
        """Append a block. After an error the file is finished as far as it goes."""
        if self._ended:
            raise RecordingError(f"recording {self._base} has ended: begin another")
        if len(block.samples) == 0:
            return
        try:
            self._segment(block).append(block.samples)
        except RecordingError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise RecordingError(
                f"recording {self._base} ended after {self.samples} samples: {error.strerror}: "
                "make room or record elsewhere"
            ) from None
        self._next += len(block.samples)

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
        lower, upper = band_hz or (None, None)
        self._notes.append(
            Annotation(
                core_sample_start=self._origin + sample_index,
                core_sample_count=sample_count,
                core_freq_lower_edge=lower,
                core_freq_upper_edge=upper,
                core_label=label,
                core_comment=comment,
                core_generator=generator,
            )
        )

    def close(self) -> None:
        """Finish the files. Any number of times."""
        if not self._ended:
            self._ended = True
            self._finish()

    @property
    def samples(self) -> int:
        return sum(writer.samples for writer in self._written)

    @property
    def bytes_written(self) -> int:
        return sum(writer.bytes_written for writer in self._written)

    @property
    def paths(self) -> list[Path]:
        """The .sigmf-meta files, the one that is being written among them."""
        return [writer.meta_path for writer in self._written if writer.samples]

    def free_bytes(self) -> int:
        """Room left on the disk."""
        folder = self._base.absolute().parent
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _segment(self, block: Block) -> SigmfWriter:
        """The file for the block, with the capture segment opened that it may need."""
        before, self._tuning = self._tuning, block.tuning
        new_stream = block.new_stream or before != block.tuning
        writer = self._writer
        if writer is None or before is None or _file_wide(before) != _file_wide(block.tuning):
            writer = self._open(block.tuning)
        if new_stream:
            self._stream += 1
            self._origin = self._next
        index = self._origin + block.sample_index
        lost = block.lost
        if not new_stream:
            hole = index - self._next - sum(loss.samples for loss in lost)
            if hole < 0:
                raise RecordingError(
                    f"recording {self._base}: a block at sample {block.sample_index} was already "
                    "counted: the device must begin a new stream to go back"
                )
            if hole:
                lost = (*lost, Loss(samples=hole, exact=True, stage="disk"))
        if new_stream or lost:
            writer.captures.append(self._capture(block, writer.samples, index, lost))
        self._next = index
        return writer

    def _capture(self, block: Block, start: int, index: int, lost: tuple[Loss, ...]) -> Capture:
        return Capture(
            core_sample_start=start,
            core_global_index=index,
            core_frequency=block.tuning.center_frequency_hz,
            core_datetime=block.time_ns,
            radiofm_bandwidth_hz=block.tuning.bandwidth_hz,
            radiofm_gain_db=block.tuning.gain_db,
            radiofm_gain_mode=block.tuning.gain_mode,
            radiofm_time_quality=block.time_quality,
            radiofm_stream=self._stream,
            radiofm_lost=merge_losses(lost),
        )

    def _open(self, tuning: Tuning) -> SigmfWriter:
        self._finish()
        self._stream, self._origin, self._next = -1, 0, 0
        number = len(self._written) + 1
        base = self._base if number == 1 else self._base.with_name(f"{self._base.name}-{number}")
        info = Info(
            core_datatype=tuning.datatype,
            core_sample_rate=tuning.sample_rate_hz,
            core_hw=tuning.hardware or None,
            core_recorder=RECORDER,
            core_description=self._description or None,
            core_extensions=(_EXTENSION,),
            radiofm_full_scale=tuning.full_scale,
        )
        self._writer = SigmfWriter(base, info)
        self._written.append(self._writer)
        return self._writer

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        notes = [n for note in self._notes if (n := _in_file(note, writer)).core_sample_count]
        self._notes = []
        try:
            writer.finish(notes)
        except OSError as error:
            raise RecordingError(
                f"{writer.meta_path} could not be written: {error.strerror}: "
                f"the {writer.samples} samples are in {writer.data_path}"
            ) from None


def _file_wide(tuning: Tuning) -> tuple[float, str, float, str]:
    return tuning.sample_rate_hz, tuning.datatype, tuning.full_scale, tuning.hardware


def _in_file(note: Annotation, writer: SigmfWriter) -> Annotation:
    """The note by positions in the file instead of by global index."""
    first, count = note.core_sample_start, note.core_sample_count or 0
    start, end = writer.position(first), writer.position(first + count)
    return note.model_copy(update={"core_sample_start": start, "core_sample_count": end - start})
