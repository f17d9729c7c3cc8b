"""ZeroMQ, opened in one place: every socket gets every limit.

Live topics are PUB/SUB (XPUB, so that subscribers can be counted): a slow reader loses its own
messages only, and sees by sequence and index that it did. A lossless publisher waits for its
readers instead: right for a recording replayed as fast as possible, wrong for a radio.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy.typing as npt
import zmq

from radiofm.errors import UsageError, WireError
from radiofm.wire import MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, Header, Message, decode, encode

MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES
CONNECT_S = 2.0  # how long a local peer may take to accept
LINGER_S = 5.0  # how long a closing socket may take to hand over its last messages
LOSSLESS_LINGER_S = 60.0  # the same where slow readers are waited for
IPC_PATH_MAX = 107  # sun_path of a Unix socket, less its NUL


def make_socket(
    kind: int,
    *,
    queue_bytes: int,
    message_bytes: int,
    context: zmq.Context[zmq.Socket[bytes]] | None = None,
) -> zmq.Socket[bytes]:
    """Open a socket with all limits set: queues are bounded in bytes, not in messages.

    No ZeroMQ heartbeats: a reader that is behind answers none, so that a publisher that waits for
    it would cut it off, and libzmq 4.3.5 aborts the reader when its peer closes meanwhile. Silence
    is the readers' to judge; between hosts TCP's keepalive finds dead connections.
    """
    socket = (context or zmq.Context.instance()).socket(kind)
    waiting = max(2, queue_bytes // message_bytes)
    socket.set_hwm(waiting)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 10)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
    return socket


def libzmq_version() -> str:
    """The version of the C library that does the work."""
    return zmq.zmq_version()


class _Bound:
    """A bound socket and, for ipc, the lock that keeps a second daemon from taking its place.

    It has a context of its own: ending that is the way to know that the last messages are out.
    """

    def __init__(self, kind: int, endpoint: str, *, queue_bytes: int, message_bytes: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = make_socket(
            kind, queue_bytes=queue_bytes, message_bytes=message_bytes, context=self._context
        )
        self._lock: int | None = None
        try:
            self._bind(endpoint)
        except (UsageError, zmq.ZMQError) as error:
            self.close()
            if isinstance(error, zmq.ZMQError):
                raise UsageError(f"cannot bind {endpoint}: {error.strerror.lower()}") from None
            raise

    def _bind(self, endpoint: str) -> None:
        check_endpoint(endpoint)
        if endpoint.startswith("ipc://"):
            self._lock_ipc(endpoint)
        else:
            check_loopback(endpoint)
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
            raise UsageError(
                f"{endpoint} is busy: stop the program that holds it, or choose another port"
            ) from None
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def _lock_ipc(self, endpoint: str) -> None:
        # ZeroMQ silently takes over the path of a Unix socket that another process serves.
        path = Path(endpoint.removeprefix("ipc://") + ".lock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{endpoint} is busy: another radiofm serves it; stop that one, or choose another"
            ) from None

    def close(self, linger_s: float = 0) -> None:
        """Close, giving the last messages up to `linger_s` to go out."""
        self.socket.close(int(linger_s * 1000))
        self._context.term()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def check_endpoint(endpoint: str) -> None:
    """Refuse what is no tcp:// or ipc:// address, in one sentence."""
    if endpoint.startswith("ipc://"):
        if len(endpoint.removeprefix("ipc://").encode()) > IPC_PATH_MAX:
            raise UsageError(
                f"{endpoint} is longer than {IPC_PATH_MAX} bytes: use a shorter folder"
            )
        return
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme == "tcp" and parts.hostname and (parts.port is not None)
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{endpoint!r} is no endpoint: write tcp://127.0.0.1:PORT or ipc://PATH")


def check_loopback(endpoint: str) -> None:
    """Refuse to serve beyond this machine: peers are not authenticated yet."""
    host = urlsplit(endpoint).hostname
    if host not in ("127.0.0.1", "localhost"):
        raise UsageError(
            f"{endpoint} would serve beyond this machine without keys: bind 127.0.0.1 and forward "
            "it (for instance `ssh -L`)"
        )


class Publisher:
    """Publishes one daemon's topics at one endpoint. Not shared between threads."""

    def __init__(
        self,
        endpoint: str,
        *,
        message_bytes: int,
        queue_bytes: int = 64 << 20,
        lossless: bool = False,
    ) -> None:
        self._bound = _Bound(
            zmq.XPUB, endpoint, queue_bytes=queue_bytes, message_bytes=message_bytes
        )
        self.endpoint = self._bound.endpoint
        self._socket = self._bound.socket
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)  # also the second of two equal subscriptions
        self.lossless = lossless
        self.linger_s = LOSSLESS_LINGER_S if lossless else LINGER_S
        if lossless:
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._subscribers: Counter[str] = Counter()
        self._sequence: Counter[str] = Counter()

    def next_sequence(self, topic: str) -> int:
        """The sequence number that the next message of `topic` must carry."""
        number = self._sequence[topic]
        self._sequence[topic] += 1
        return number

    def send(
        self, header: Header, payload: npt.NDArray[Any] | None = None, *, timeout_s: float = -1
    ) -> bool:
        """Publish; the payload is not copied and must not be written to again.

        A lossless publisher waits up to `timeout_s` (-1: for ever) for slow readers; False if one
        was too slow. Others never wait: ZeroMQ drops for the reader whose queue is full.
        """
        if self.lossless:
            self._socket.setsockopt(zmq.SNDTIMEO, int(timeout_s * 1000) if timeout_s >= 0 else -1)
        try:
            self._socket.send_multipart(encode(header, payload), copy=False)
        except zmq.Again:
            return False
        return True

    def subscribers(self, topic: str) -> int:
        """How many readers follow `topic` now."""
        while self._socket.poll(0):
            event = self._socket.recv()
            name = event[1:].decode("ascii", "replace")
            self._subscribers[name] += 1 if event[:1] == b"\x01" else -1
        return self._subscribers[topic]

    def wait_for_subscribers(self, topic: str, count: int, timeout_s: float) -> bool:
        """Wait until `count` readers follow `topic`: a reader that joins late misses the start."""
        deadline = time.monotonic() + timeout_s
        while self.subscribers(topic) < count:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._socket.poll(int(min(remaining, 0.1) * 1000) + 1)
        return True

    def send_last(self, header: Header) -> None:
        """Publish the last word: readers that are behind are waited for, within `linger_s`."""
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self.lossless = True
        self.send(header, timeout_s=self.linger_s)

    def close(self) -> None:
        """Hand over what is still to be read, within `linger_s`, and free the endpoint."""
        self._bound.close(self.linger_s)


class ItemPublisher:
    """Publishes bare items, single part, without topic or header: what GNU Radio's zeromq blocks
    read (gr-zeromq, `sub_source` without a key). A message is a whole number of items.

    It never waits: a reader that is behind loses whole messages, which nothing in this format can
    tell it, nor us.
    """

    def __init__(self, endpoint: str, *, message_bytes: int, queue_bytes: int) -> None:
        self._bound = _Bound(
            zmq.PUB, endpoint, queue_bytes=queue_bytes, message_bytes=message_bytes
        )
        self.endpoint = self._bound.endpoint
        self._message_bytes = message_bytes

    def send(self, items: npt.NDArray[Any]) -> None:
        """Publish items [count, 2] in messages of up to `message_bytes`.

        They are not copied, must be contiguous, and must not be written to again.
        """
        count = max(1, self._message_bytes // (2 * items.itemsize))
        for start in range(0, len(items), count):
            part = items[start : start + count]
            self._bound.socket.send(part.data.cast("B"), copy=False)

    def close(self) -> None:
        """Hand over what is still to be read, within LINGER_S, and free the endpoint."""
        self._bound.close(LINGER_S)


class Subscriber:
    """Follows topics of one or more publishers, in the order of each."""

    def __init__(
        self,
        endpoints: Sequence[str],
        topics: Sequence[str],
        *,
        message_bytes: int,
        queue_bytes: int = 64 << 20,
    ) -> None:
        for endpoint in endpoints:
            check_endpoint(endpoint)
        self._socket = make_socket(zmq.SUB, queue_bytes=queue_bytes, message_bytes=message_bytes)
        self.malformed = 0  # messages that broke the contract and were passed over
        for topic in topics:
            self._socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        for endpoint in endpoints:
            self._socket.connect(endpoint)

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, or None when none came within `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while True:
            remaining = deadline - time.monotonic()
            if not self._socket.poll(int(max(0.0, remaining) * 1000)):
                return None
            frames = self._socket.recv_multipart(copy=False)
            try:
                return decode([frame.buffer for frame in frames])
            except WireError:
                self.malformed += 1
                if remaining <= 0:
                    return None

    def close(self) -> None:
        self._socket.close()


class ControlServer:
    """Answers requests one after another: receive, then reply."""

    def __init__(self, endpoint: str) -> None:
        self._bound = _Bound(zmq.REP, endpoint, queue_bytes=1 << 20, message_bytes=64 << 10)
        self.endpoint = self._bound.endpoint

    def receive(self, timeout_s: float) -> bytes | None:
        """The next request, which must be replied to, or None."""
        socket = self._bound.socket
        if not socket.poll(int(timeout_s * 1000)):
            return None
        parts = socket.recv_multipart()
        return parts[0] if len(parts) == 1 else b""

    def reply(self, data: bytes) -> None:
        self._bound.socket.send(data)

    def close(self) -> None:
        self._bound.close(LINGER_S)


def control_request(endpoint: str, data: bytes, timeout_s: float = 10.0) -> bytes:
    """Send one request to a ControlServer and return its reply; WireError where none comes."""
    check_endpoint(endpoint)
    socket = make_socket(zmq.REQ, queue_bytes=1 << 20, message_bytes=64 << 10)
    try:
        socket.setsockopt(zmq.IMMEDIATE, 1)  # ready to send once somebody is there
        socket.connect(endpoint)
        there = socket.poll(int(min(timeout_s, CONNECT_S) * 1000), zmq.POLLOUT)
        if there:
            socket.send(data)
        if not there or not socket.poll(int(timeout_s * 1000)):
            raise WireError(f"nothing answers at {endpoint}: is `radiofm infer` running?")
        return socket.recv()
    finally:
        socket.close()
