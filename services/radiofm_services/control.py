"""What is said to a running inference service about its heads: requests, reply, client."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from radiofm.bus import control_request
from radiofm.errors import BundleError, WireError
from radiofm.wire import Int64, Name, Part, Task

FolderPath = Annotated[str, Field(min_length=1, max_length=1000)]

Label = Annotated[str, Field(min_length=1, max_length=64)]

MAX_SHOTS = 1000  # slices of one label
ANSWER_S = 30.0  # reading, building and warming a large head takes seconds


class ListHeads(Part):
    action: Literal["list"] = "list"


class LoadHead(Part):
    """Serve one head more, from the bundle in folder `path` (the running one where None)."""

    action: Literal["load"] = "load"
    name: Name
    path: FolderPath | None = None


class SwapHead(Part):
    """Serve head `name` of the bundle in folder `path` in place of the one of that name."""

    action: Literal["swap"] = "swap"
    name: Name
    path: FolderPath


class UnloadHead(Part):
    action: Literal["unload"] = "unload"
    name: Name


class EnrollLabel(Part):
    """Let head `name`, which is made where it is not there, know `label` by the next slices."""

    action: Literal["enroll"] = "enroll"
    name: Name
    label: Label
    shots: Annotated[int, Field(ge=1, le=MAX_SHOTS)]


class ForgetLabel(Part):
    """Let head `name` know `label` no more; one that knows nothing is unloaded."""

    action: Literal["forget"] = "forget"
    name: Name
    label: Label


Request = ListHeads | LoadHead | SwapHead | UnloadHead | EnrollLabel | ForgetLabel
REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="action")])


class HeadInfo(Part):
    """A head that serves."""

    name: Name
    version: str
    task: Task
    tap: Literal["trunk", "tokens"]
    labels: tuple[str, ...]


class Reply(Part):
    """`error` is empty where the request was met; `heads` are those that serve now."""

    error: str = ""
    heads: tuple[HeadInfo, ...] = ()
    first_slice: Int64 | None = None  # the first that the change can serve


def ask(endpoint: str, request: Request, timeout_s: float = ANSWER_S) -> Reply:
    """Put `request` to the service at `endpoint`. BundleError where it refuses, WireError where
    it does not answer.
    """
    data = control_request(endpoint, request.model_dump_json().encode(), timeout_s)
    try:
        reply = Reply.model_validate_json(data)
    except ValidationError:
        raise WireError(f"what answers at {endpoint} is no inference service") from None
    if reply.error:
        raise BundleError(reply.error)
    return reply
