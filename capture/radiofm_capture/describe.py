"""Blocks and tunings as SigMF tells them, and what becomes of labels in a file."""

from __future__ import annotations

import dataclasses

from radiofm.sigmf_meta import EXTENSION, RECORDER, Annotation, Capture, Info
from radiofm.wire import Loss, merge_losses
from radiofm_capture.device import Block, Note, Tuning
from radiofm_capture.sigmf_writer import SigmfWriter


def info_of(tuning: Tuning, description: str, offset: int, collection: str | None) -> Info:
    """The `global` object of a file."""
    return Info(
        core_datatype=tuning.datatype,
        core_sample_rate=tuning.sample_rate_hz,
        core_offset=offset,
        core_hw=tuning.hardware or None,
        core_recorder=RECORDER,
        core_description=description or None,
        core_collection=collection,
        core_extensions=(EXTENSION,),
        radiofm_full_scale=tuning.full_scale,
    )


def capture_of(
    block: Block, start: int, index: int, stream: int, lost: tuple[Loss, ...]
) -> Capture:
    """The capture segment that begins with a block."""
    return Capture(
        core_sample_start=start,
        core_global_index=index,
        core_frequency=block.tuning.center_frequency_hz,
        core_datetime=block.time_ns,
        radiofm_bandwidth_hz=block.tuning.bandwidth_hz,
        radiofm_gain_db=block.tuning.gain_db,
        radiofm_gain_mode=block.tuning.gain_mode,
        radiofm_time_quality=block.time_quality,
        radiofm_stream=stream,
        radiofm_lost=merge_losses(lost),
    )


def file_wide(tuning: Tuning) -> tuple[float, str, float, str]:
    """What SigMF says once a file."""
    return tuning.sample_rate_hz, tuning.datatype, tuning.full_scale, tuning.hardware


def after(block: Block, count: int) -> Block | None:
    """The block without its first samples."""
    if count == len(block.samples):
        return None
    return dataclasses.replace(
        block,
        samples=block.samples[count:],
        sample_index=block.sample_index + count,
        time_ns=block.time_ns + round(count / block.tuning.sample_rate_hz * 1e9),
        lost=(),
        new_stream=False,
        notes=(),
    )


def annotation_of(note: Note, origin: int) -> Annotation:
    """What a source knows, as SigMF tells it; `origin` is the global index of its sample 0."""
    alias = ", folded back by the front end" if note.alias else ""
    return Annotation(
        core_sample_start=origin + note.sample_index,
        core_sample_count=note.sample_count,
        core_freq_lower_edge=note.low_hz,
        core_freq_upper_edge=note.high_hz,
        core_label=note.label,
        core_comment=f"SNR {note.snr_db:.1f} dB, {note.power_dbfs:.1f} dBFS{alias}",
        core_generator=RECORDER,
        radiofm_snr_db=note.snr_db,
        radiofm_power_dbfs=note.power_dbfs,
        radiofm_alias=note.alias or None,
    )


class Notes:
    """Labels by global index, until they are written by positions in a file."""

    def __init__(self) -> None:
        self._notes: list[Annotation] = []

    def add(self, annotation: Annotation) -> None:
        self._notes.append(annotation)

    def take(self, writer: SigmfWriter, end: int) -> list[Annotation]:
        """The parts that are in the file; what goes on at global index `end` is kept."""
        notes, self._notes = self._notes, [note for note in self._notes if _end(note) > end]
        return [n for note in notes if (n := _in_file(note, writer)).core_sample_count]


def _end(note: Annotation) -> int:
    return note.core_sample_start + (note.core_sample_count or 0)


def _in_file(note: Annotation, writer: SigmfWriter) -> Annotation:
    first, end = writer.position(note.core_sample_start), writer.position(_end(note))
    return note.model_copy(update={"core_sample_start": first, "core_sample_count": end - first})
