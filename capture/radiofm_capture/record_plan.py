"""Before a recording begins: repair what was cut off, make the names, look at the room."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from radiofm.errors import UsageError
from radiofm.settings import CaptureSettings
from radiofm_capture.forecast import Forecast, forecast
from radiofm_capture.names import GivenName, TemplateName
from radiofm_capture.repair import repair
from radiofm_capture.space import DiskSpace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Where and how will be recorded, before it begins."""

    name: GivenName | TemplateName
    space: DiskSpace
    forecast: Forecast


def plan_recording(settings: CaptureSettings) -> Plan | None:
    """The plan that the settings ask for, if they do; RecordingError where it cannot be kept.

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
    ahead = forecast(settings, space)
    ahead.check()
    return Plan(name, space, ahead)
