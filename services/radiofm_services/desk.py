"""Where a running service takes requests about its heads: a thread beside the slices."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError
from pathlib import Path

from pydantic import ValidationError

from radiofm.bundle import Bundle, load_bundle
from radiofm.bus import ControlServer
from radiofm.errors import BundleError, RadiofmError
from radiofm_services.control import (
    REQUEST,
    HeadInfo,
    ListHeads,
    LoadHead,
    Reply,
    Request,
    SwapHead,
    UnloadHead,
)
from radiofm_services.encoder import Encoder
from radiofm_services.heads import HeadRack, HeadSet, head_set, load_head

log = logging.getLogger(__name__)

TICK_S = 0.1
SEAM_S = 10.0  # how long to wait for the end of a slice


class Desk:
    """Builds and tries heads here, hands them to the rack, and says from which slice they serve.

    A request that cannot be met changes nothing.
    """

    def __init__(self, endpoint: str, bundle: Bundle, encoder: Encoder, rack: HeadRack) -> None:
        self._bundle, self._encoder, self._rack = bundle, encoder, rack
        self._over = threading.Event()
        self._server = ControlServer(endpoint)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests; one that waits for a slice is refused."""
        self._over.set()
        while self._thread.is_alive():
            self._rack.close()
            self._thread.join(TICK_S)
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            data = self._server.receive(TICK_S)
            if data is not None:
                self._server.reply(self._reply(data).model_dump_json().encode())

    def _reply(self, data: bytes) -> Reply:
        try:
            request = REQUEST.validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "request"
            return Reply(error=f"request refused: {where}: {first['msg']}")
        try:
            first_slice = self._act(request)
        except RadiofmError as error:
            log.warning("%s refused: %s", request.action, error)
            return Reply(error=str(error))
        except OSError as error:
            return Reply(error=f"the head cannot be read: {error.strerror}: check the folder")
        except (TimeoutError, CancelledError):
            return Reply(error="no slice came to an end: the service is ending or its reader hangs")
        heads = tuple(
            HeadInfo(
                name=name,
                version=head.version,
                task=head.record.task,
                tap=head.record.tap,
                labels=head.record.labels,
            )
            for name, head in self._rack.serving.items()
        )
        return Reply(heads=heads, first_slice=first_slice)

    def _act(self, request: Request) -> int | None:
        heads = dict(self._rack.serving)
        match request:
            case ListHeads():
                return None
            case LoadHead(name=name, path=path):
                if name in heads:
                    raise BundleError(f"head {name} is served already: swap it instead")
                bundle = load_bundle(Path(path)) if path else self._bundle
                heads[name] = load_head(bundle, name, self._encoder)
            case SwapHead(name=name, path=path):
                _served(name, heads)
                bundle = load_bundle(Path(path))
                heads[name] = load_head(bundle, name, self._encoder)
            case UnloadHead(name=name):
                _served(name, heads)
                del heads[name]
        done = self._rack.propose(head_set(heads))
        try:
            return done.result(SEAM_S)
        finally:
            done.cancel()  # where it came to nothing, it must not come later


def _served(name: str, heads: HeadSet) -> None:
    if name not in heads:
        have = ", ".join(heads) or "none"
        raise BundleError(f"head {name} is not served: served are {have}")
