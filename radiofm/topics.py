"""The running system as two tables: every topic, and every daemon."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from radiofm.errors import UsageError

RUNTIME_VARIABLE = "RADIOFM_RUNTIME_DIR"


@dataclass(frozen=True, slots=True)
class Channel:
    """One endpoint: who binds it, what it carries, how many bytes may wait for a slow reader."""

    daemon: str
    topics: tuple[str, ...]
    queue_bytes: int
    message_bytes: int  # of a typical large message: queue_bytes / message_bytes may wait


CHANNELS: dict[str, Channel] = {
    "iq": Channel("capture", ("iq", "status"), 64 << 20, 4 << 20),
    "gnuradio": Channel("capture", (), 64 << 20, 256 << 10),  # bare items: where one is asked for
    "slice": Channel("spectrogram", ("slice", "status"), 16 << 20, 200 << 10),
    "result": Channel("infer", ("result", "status"), 8 << 20, 50 << 10),
    "control": Channel("infer", (), 1 << 20, 64 << 10),
}

# daemon -> the command that starts it; the supervisor starts them from last to first,
# so that nobody misses the beginning.
DAEMONS: dict[str, str] = {
    "capture": "capture",
    "spectrogram": "spectrogram",
    "infer": "infer",
}


def runtime_dir() -> Path:
    """The private folder (mode 0700) that holds the sockets of one user's daemons."""
    chosen = os.environ.get(RUNTIME_VARIABLE)
    if chosen:
        path = Path(chosen)
    elif base := os.environ.get("XDG_RUNTIME_DIR"):
        path = Path(base) / "radiofm"
    else:
        path = Path(tempfile.gettempdir()) / f"radiofm-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.getuid() or (not chosen and status.st_mode & 0o077):
        raise UsageError(
            f"{path} must be yours alone: remove it, or set {RUNTIME_VARIABLE} to a private folder"
        )
    return path


def endpoint_for(channel: str, directory: Path | None = None) -> str:
    """The default endpoint of a channel: a Unix socket in the runtime folder."""
    return f"ipc://{(directory or runtime_dir()) / CHANNELS[channel].daemon}-{channel}"
