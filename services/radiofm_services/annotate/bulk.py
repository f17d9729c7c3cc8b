"""Many recordings: which they are, where their annotations go, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from radiofm.corpus.find import find_recordings
from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.sigmf_annotate import Target
from radiofm.sigmf_meta import pair
from radiofm_services.annotate.annotator import Annotator

Progress = Callable[[int, int], None]  # bytes done, of how many


@dataclass
class Report:
    """What was done. Samples are of the recordings annotated; `unread`: path -> reason."""

    recordings: int = 0
    annotated: int = 0
    unchanged: int = 0  # these heads had annotated them before
    slices: int = 0
    samples: int = 0
    samples_seen: int = 0  # in slices
    annotations: Counter[str] = field(default_factory=Counter)  # by label
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """The share of the samples that the heads have seen."""
        return self.samples_seen / self.samples if self.samples else 0.0


def annotate(
    paths: Sequence[Path],
    annotator: Annotator,
    out: Path | None = None,
    *,
    again: bool = False,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Annotate the SigMF recordings at `paths`, and below those that are folders.

    Annotations go to `out`, a folder, or where that is None into the recordings' own metadata, as
    soon as a recording is done: what was stopped goes on with the next. Recordings that all of the
    heads have annotated before are passed over, but for `again`. One that cannot be read stops
    nothing. Raises UsageError where two would be written to one file, or there are none.
    """
    found = recordings_in(paths, out)
    sizes = [path.stat().st_size if path.is_file() else 0 for path in found]
    report, total, done = Report(recordings=len(found)), sum(sizes), 0
    for (path, folder), size in zip(found.items(), sizes, strict=True):
        try:
            _annotate(path, folder, annotator, report, again, partial(_tell, progress, done, total))
        except (RadiofmError, OSError) as error:
            report.unread[str(path)] = str(error)
        done += size
        progress(done, total)
    return report


def recordings_in(paths: Sequence[Path], out: Path | None) -> dict[Path, Path | None]:
    """The recordings at and below `paths`, each with its folder in `out`."""
    found: dict[Path, Path | None] = {}
    for path in paths:
        below = find_recordings(path) if path.is_dir() else [_data(path)]
        root = path if path.is_dir() else path.parent
        for one in below:
            if out is None or out.resolve() not in one.absolute().parents:
                found[one] = None if out is None else out / one.parent.relative_to(root)
    if not found:
        raise UsageError(f"no recordings are in {', '.join(map(str, paths))}: name some")
    names = Counter(folder / one.stem for one, folder in found.items() if folder is not None)
    if names and (most := names.most_common(1)[0])[1] > 1:
        raise UsageError(
            f"{most[1]} recordings would be written to {most[0]}: annotate them one by one, each "
            "with an --out of its own"
        )
    return found


def _tell(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _data(path: Path) -> Path:
    """The file of samples that a SigMF name stands for; of other files, they."""
    data = pair(path)[1]
    return data if path in pair(path) or not path.is_file() else path


def _annotate(
    path: Path,
    folder: Path | None,
    annotator: Annotator,
    report: Report,
    again: bool,
    progress: Callable[[int], None],
) -> None:
    if path.suffix != ".sigmf-data":
        raise RecordingError(
            f"{path} has no metadata to annotate: `radiofm corpus import {path} --to FOLDER` first"
        )
    recording = Recording.open(path)
    target = Target.in_place(path) if folder is None else Target.in_folder(path, folder)
    if not again and set(annotator.by.values()) <= target.annotated_by():
        report.unchanged += 1
        return
    frame, seen = 2 * recording.data.itemsize, 0

    def within(samples: int) -> None:
        nonlocal seen
        seen += samples
        progress(seen * frame)

    made = annotator(recording, within)
    target.write(made.notes, annotator.by.values())
    report.annotated += 1
    report.slices += made.slices
    report.samples += recording.count
    report.samples_seen += made.samples
    report.annotations.update(note.core_label for note in made.notes if note.core_label)
