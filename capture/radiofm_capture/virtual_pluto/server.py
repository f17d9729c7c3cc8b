"""The virtual Pluto's sockets and threads: one listener, one thread a connection."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from radiofm.errors import UsageError
from radiofm_capture.device import SampleSource
from radiofm_capture.virtual_pluto.ahead import Ahead
from radiofm_capture.virtual_pluto.faults import FaultPlan
from radiofm_capture.virtual_pluto.protocol import Disconnect, Session
from radiofm_capture.virtual_pluto.stream import Shared

log = logging.getLogger(__name__)


class VirtualPluto:
    """Serves `source` as a PlutoSDR at `uri`, between `start()` and `stop()`.

    Listens on loopback only; port 0 takes a free one. `faults` are words such as `stall@2s:300ms`.
    Raises UsageError for another address, an unknown fault or a port in use.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Iterable[str] = (),
    ) -> None:
        if not _is_loopback(host):
            raise UsageError(
                f"host {host!r} is not this machine: the virtual Pluto listens on 127.0.0.1 only,"
                " since its protocol knows no passwords"
            )
        self._shared = Shared(source, Ahead(source), FaultPlan(faults))
        self._lock = Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((host, port))
        except (OSError, OverflowError) as error:
            self._listener.close()
            raise UsageError(
                f"port {port} of {host} cannot be used ({error}): choose another, or 0 for any"
            ) from None
        self.port: int = self._listener.getsockname()[1]
        self._accepting = Thread(target=self._accept, name="virtual-pluto")

    @property
    def uri(self) -> str:
        """What a client is given: `ip:127.0.0.1:PORT`."""
        return f"ip:127.0.0.1:{self.port}"

    def start(self) -> None:
        self._listener.listen()
        self._accepting.start()

    def stop(self) -> None:
        """Close all connections; no thread is left. May be called again."""
        self._shared.closing.set()
        _shut(self._listener)  # wakes `accept`
        if self._accepting.ident:
            self._accepting.join()
        self._listener.close()
        self.disconnect()
        for thread in self._threads:
            thread.join()
        self._shared.ahead.close()

    def prepare(self, center_frequency_hz: float, sample_rate_hz: float) -> None:
        """Begin to make the samples of a tuning ready that clients will probably ask for."""
        self._shared.ahead.want(center_frequency_hz, sample_rate_hz, 0)

    def disconnect(self) -> None:
        """Close all connections, as if the cable were pulled; new ones are accepted."""
        with self._lock:
            for connection in self._connections:
                _shut(connection)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._shared.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = Thread(target=self._serve, args=(connection,), name="virtual-pluto-connection")
            with self._lock:
                self._connections.add(connection)
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            Session(connection, self._shared).serve()
        except Disconnect:
            log.warning("fault: all connections are closed")
            self.disconnect()
        except OSError as error:
            log.debug("client gone: %s", error)
        finally:
            with self._lock:
                self._connections.remove(connection)
            connection.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("was already closed")
