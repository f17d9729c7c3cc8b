"""What a recording will take of the disk, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from radiofm.errors import RecordingError
from radiofm.quantities import format_si
from radiofm.recording import open_recordings
from radiofm.settings import CaptureSettings
from radiofm.wire import DTYPES
from radiofm_capture.device import DEFAULT_RATE
from radiofm_capture.plan import Plan
from radiofm_capture.space import DiskSpace


@dataclass(frozen=True)
class Forecast:
    """Bytes and seconds of air; losses make it less."""

    bytes_per_hour: float
    lasts_s: float  # until the disk is at its floor
    duration_s: float | None  # how long it will be, where that is known
    floor_bytes: float
    deletes: bool  # the oldest recordings, at the floor

    @property
    def fits(self) -> bool:
        return self.lasts_s >= (self.duration_s or 1.0)

    def check(self) -> None:
        """Raise RecordingError where the recording would stop before its time."""
        if not self.fits and not self.deletes:
            raise RecordingError(
                f"the recording will not fit: {self}: make room, record less, "
                "or add --disk-full delete-oldest"
            )

    def report(self) -> dict[str, float]:
        """The figures, for programs."""
        return {
            "recording_bytes_per_hour": round(self.bytes_per_hour),
            "recording_disk_lasts_s": round(self.lasts_s, 1),
        }

    def __str__(self) -> str:
        text = f"recording takes {format_si(round(self.bytes_per_hour, -6), 'B')} an hour"
        if self.duration_s is not None:
            size = self.bytes_per_hour * self.duration_s / 3600
            text += f", {format_si(round(size, -6), 'B')} for {_span(self.duration_s)}"
        floor = format_si(self.floor_bytes, "B")
        text += f"; the disk lasts {_span(self.lasts_s)}, down to its floor of {floor}"
        if self.deletes:
            text += ", then the oldest recordings are deleted"
        return text


def forecast(settings: CaptureSettings, space: DiskSpace, plan: Plan | None = None) -> Forecast:
    """The forecast for `settings.record`; a plan is taken at its highest rate."""
    rate, duration = settings.rate or DEFAULT_RATE, settings.duration
    frame = DTYPES["ci16_le"].itemsize * 2
    if plan:
        rate = max(dwell.rate for dwell in plan.dwells)
    if settings.device == "replay" and settings.path:
        files = open_recordings(
            settings.path, datatype=settings.datatype, sample_rate_hz=settings.rate, verify=False
        )
        rate = max(file.sample_rate_hz for file in files)
        frame = max(2 * DTYPES[file.wire_datatype].itemsize for file in files)
        length = settings.loops * sum(file.count / file.sample_rate_hz for file in files)
        if settings.loops and (duration is None or length < duration):
            duration = length
    return Forecast(
        bytes_per_hour=rate * frame * 3600,
        lasts_s=max(0.0, space.free() - space.floor_bytes) / (rate * frame),
        duration_s=duration,
        floor_bytes=space.floor_bytes,
        deletes=space.deletes,
    )


def _span(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 120 else f"{seconds:.1f} s"
