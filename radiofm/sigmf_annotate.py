"""Annotations added to SigMF metadata: whatever else is there stays as it is.

Who annotated is told by `core:generator`, NAME@VERSION; what the same NAME said before gives way.
`radiofm:annotated_by` of the global object lists those who have looked, also where nothing was
found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofm.errors import RecordingError
from radiofm.files import put
from radiofm.sigmf_meta import EXTENSION, Annotation, pair, parse_meta, read_meta, read_text

BY = "radiofm:annotated_by"


@dataclass(frozen=True, slots=True)
class Target:
    """A recording's metadata, and the file that its annotations go to: the same, or another's."""

    source: Path  # .sigmf-meta
    meta: Path

    @classmethod
    def in_place(cls, recording: Path) -> Target:
        """The pair's own metadata. RecordingError where a collection knows it by its hash."""
        meta = pair(recording)[0]
        collection = read_meta(meta).info.core_collection
        if collection and (path := meta.with_name(f"{collection}.sigmf-collection")).exists():
            raise RecordingError(
                f"{meta} is not to be changed: {path.name} knows it by its hash: annotate it with "
                "--out FOLDER"
            )
        return cls(meta, meta)

    @classmethod
    def in_folder(cls, recording: Path, folder: Path) -> Target:
        """Metadata of the same name in `folder`, beside a link to the samples.

        RecordingError where another recording of that name is there.
        """
        source, data = pair(recording)
        meta, link = pair(folder / source.name)
        if os.path.lexists(link) and not (link.exists() and link.samefile(data)):
            raise RecordingError(f"{link} is of another recording: name another --out FOLDER")
        if meta.exists() and not link.exists():
            raise RecordingError(f"{meta} exists: name another --out FOLDER, or move it away")
        return cls(source, meta)

    def annotated_by(self) -> frozenset[str]:
        """Who has looked at the recording. Raises RecordingError."""
        return frozenset(self._document()["global"].get(BY, ()))

    def write(self, notes: Iterable[Annotation], by: Iterable[str]) -> None:
        """Add `notes`, which the generators `by` have made. All at once; raises RecordingError."""
        document = annotated(self._document(), notes, by)
        if self.meta != self.source:
            document["global"].pop("core:collection", None)  # its collection is elsewhere
        text = json.dumps(document, indent=4) + "\n"
        try:
            if self.meta != self.source:
                self._link()
            put(self.meta, text.encode(), self.meta.with_name(self.meta.name + ".part"))
        except OSError as error:
            raise RecordingError(
                f"{self.meta} could not be written: {error.strerror}: make room, or name another "
                "--out FOLDER"
            ) from None

    def _document(self) -> dict[str, Any]:
        path = self.meta if self.meta.exists() else self.source
        text = read_text(path)
        parse_meta(path, text)
        document: dict[str, Any] = json.loads(text)
        return document

    def _link(self) -> None:
        data, link = pair(self.source)[1].resolve(), pair(self.meta)[1]
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(os.path.relpath(data, link.parent.resolve()))


def annotated(
    document: dict[str, Any], notes: Iterable[Annotation], by: Iterable[str]
) -> dict[str, Any]:
    """A metadata document with `notes` among its annotations, in the order of their samples, in
    place of those that generators of the same names as `by` have left.
    """
    by = tuple(by)
    names = {_name(generator) for generator in by}
    info, old = document["global"], document.get("annotations", [])
    kept = [note for note in old if _name(note.get("core:generator", "")) not in names]
    new = [note.model_dump(mode="json", by_alias=True, exclude_none=True) for note in notes]
    before = [one for one in info.get(BY, ()) if _name(one) not in names]
    extensions = [one for one in info.get("core:extensions", ()) if one["name"] != EXTENSION.name]
    return document | {
        "global": info
        | {"core:extensions": [*extensions, EXTENSION.model_dump()], BY: [*before, *by]},
        "captures": document.get("captures", []),
        "annotations": sorted(kept + new, key=lambda note: int(note["core:sample_start"])),
    }


def _name(generator: str) -> str:
    return generator.partition("@")[0]
