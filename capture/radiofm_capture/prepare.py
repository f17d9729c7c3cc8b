"""Before a recording begins: repair what was cut off, make the names, look at the room."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from radiofm.errors import UsageError
from radiofm.record_options import Split
from radiofm.settings import CaptureSettings
from radiofm_capture.forecast import Forecast, forecast
from radiofm_capture.names import GivenName, TemplateName
from radiofm_capture.plan import Plan
from radiofm_capture.recorder import Recorder
from radiofm_capture.repair import repair
from radiofm_capture.space import DiskSpace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Where and how will be recorded."""

    name: GivenName | TemplateName
    split: Split | None
    space: DiskSpace
    forecast: Forecast

    def open(self, description: str = "") -> Recorder:
        return Recorder(self.name, description, split=self.split, space=self.space)


def prepare_recording(settings: CaptureSettings, plan: Plan | None = None) -> Prepared | None:
    """What the settings ask to record, if they do; RecordingError where it cannot be done.

    What lies broken in the folder is repaired first, with a warning.
    """
    if settings.record is None:
        return None
    stem = re.sub(r"\.sigmf(-meta|-data)?$", "", settings.record.name)
    given = stem != settings.record.name
    folder = settings.record.parent if given else settings.record
    if folder.is_dir():
        for done in repair(folder):
            log.log(logging.INFO if done.action == "in use" else logging.WARNING, "%s", done)
    if given and "name" in settings.model_fields_set:
        raise UsageError(f"--name is for a folder: --record {settings.record} is a name already")
    name: GivenName | TemplateName = TemplateName(folder, settings.name, settings.device)
    if given:
        name = GivenName(folder / stem)
    space = DiskSpace(folder, settings.disk_floor, settings.disk_full)
    ahead = forecast(settings, space, plan)
    ahead.check()
    return Prepared(name, settings.split, space, ahead)
