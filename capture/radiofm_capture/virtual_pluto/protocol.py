"""One client of the virtual Pluto: iiod's ASCII protocol, as libiio 0.x speaks it.

Each line is answered by a length or a negative errno; a malformed line by -EINVAL.
Source: libiio v0.24, iiod-client.c (client) and iiod/parser.y, iiod/ops.c (server).
"""

from __future__ import annotations

import logging
import socket
import time
from errno import EBADF, EBUSY, EINVAL, EIO, ENODEV, ENOMEM, ENXIO
from typing import BinaryIO

from radiofm.errors import RadiofmError
from radiofm_capture.virtual_pluto.context import VERSION, Place
from radiofm_capture.virtual_pluto.layout import RX, TX, Layout
from radiofm_capture.virtual_pluto.stream import Shared, Stream

log = logging.getLogger(__name__)

_MAX_LINE = 1024
_MAX_VALUE = 64 * 1024  # a filter file has about 1 kB
_MAX_BLOCK = 16 << 20  # bytes, as industrialio_buffer_dma.max_block_size has it
_MEMORY = 256 << 20  # bytes that the blocks of one buffer may take
_READY_S = 3.0  # connecting and opening may wait for samples; clients give up after 5 s
_COLUMNS = {1: slice(0, 1), 2: slice(1, 2), 3: slice(0, 2)}  # channel mask -> I, Q or both


class Disconnect(Exception):
    """A fault asks for all connections to be closed."""


class Session:
    """Serves one connection until the client leaves. Attributes are shared, open buffers not."""

    def __init__(self, connection: socket.socket, shared: Shared) -> None:
        self._connection = connection
        self._shared, self._context = shared, shared.context
        self._stream: Stream | None = None
        self._mask = 0
        self._rest = memoryview(b"")  # of a block that was fetched in part
        self._transmitting = False

    def serve(self) -> None:
        self._shared.ahead.wait(_READY_S)
        try:
            with self._connection.makefile("rb") as lines:
                while (line := lines.readline(_MAX_LINE)).endswith(b"\n"):
                    words = line.decode("ascii", "replace").split()
                    if words == ["EXIT"]:
                        break
                    if words:
                        self._answer(words, lines)
        finally:
            self._close_stream()

    def _answer(self, words: list[str], lines: BinaryIO) -> None:
        try:
            self._command(words, lines)
        except ConnectionError:
            raise
        except OSError as error:
            self._send_number(-(error.errno or EINVAL))
        except RadiofmError as error:
            log.error("the source failed: %s", error)
            self._send_number(-EIO)

    def _command(self, words: list[str], lines: BinaryIO) -> None:
        match words:
            case ["PRINT"]:
                self._send_text(self._context.xml())
            case ["VERSION"]:
                self._connection.sendall(f"{VERSION}\n".encode())
            case ["TIMEOUT", milliseconds]:
                _natural(milliseconds)
                self._send_number(0)
            case ["READ", key, *place, attribute]:
                device = self._context.device(key)
                self._send_text(self._context.read(device, _place(place), attribute) + "\0")
            case ["WRITE", key, *place, attribute, length]:
                self._write(key, _place(place), attribute, _natural(length), lines)
            case ["SET", key, "BUFFERS_COUNT", count]:
                self._context.set_buffers_count(self._context.device(key), _natural(count))
                self._send_number(0)
            case ["GETTRIG" | "SETTRIG", key, *_]:
                raise OSError(ENODEV, self._context.device(key).id)
            case ["OPEN", key, count, mask, *cyclic] if cyclic in ([], ["CYCLIC"]):
                self._open(self._context.device(key), _natural(count), mask)
                self._send_number(0)
            case ["READBUF", key, length]:
                self._read_buffer(self._context.device(key), _natural(length))
            case ["WRITEBUF", key, length]:
                self._write_buffer(self._context.device(key), _natural(length), lines)
            case ["CLOSE", key]:
                self._close(self._context.device(key))
                self._send_number(0)
            case _:  # HELP, and what later versions try first: ZPRINT, BINARY
                raise OSError(EINVAL, words[0])

    def _write(self, key: str, place: Place, attribute: str, size: int, lines: BinaryIO) -> None:
        if size > _MAX_VALUE:
            raise OSError(EINVAL, attribute)
        value = lines.read(size)  # taken off the line before the rest is looked at
        text = value.rstrip(b"\0\n").decode("ascii", "replace")
        self._context.write(self._context.device(key), place, attribute, text)
        self._send_number(size)

    def _open(self, device: Layout, count: int, mask: str) -> None:
        if self._stream or self._transmitting:
            raise OSError(EBUSY, device.id)
        try:
            channels = int(mask, 16)
        except ValueError:
            channels = 0
        if device not in (RX, TX) or channels not in _COLUMNS or not count:
            raise OSError(EINVAL, device.id)
        count = min(count, _MAX_BLOCK // 4)  # the kernel shortens it, and says nothing
        depth = self._context.buffers_count[device.id]
        if depth * count * 4 > _MEMORY:
            raise OSError(ENOMEM, device.id)
        if device is TX:
            self._transmitting = True
            return
        frequency, rate, _ = self._context.receiver()
        self._shared.ahead.want(frequency, rate, _READY_S)  # before the clock runs
        with self._context.lock:
            self._stream = Stream(self._shared, count, _COLUMNS[channels], depth)
            self._context.on_change.append(self._stream.advance)
        self._mask = channels

    def _read_buffer(self, device: Layout, length: int) -> None:
        if device is not RX or not self._stream:
            raise OSError(EBADF, device.id)
        if self._shared.faults.due("disconnect", self._context.air(time.monotonic())):
            raise Disconnect
        head = f"{self._mask:08x}\n"  # the mask follows the first chunk's length only
        while length:
            block = self._rest or self._stream.take()
            chunk, self._rest = block[:length], block[length:]
            self._connection.sendall(f"{len(chunk)}\n{head}".encode())
            self._connection.sendall(chunk)
            length -= len(chunk)
            head = ""

    def _write_buffer(self, device: Layout, length: int, lines: BinaryIO) -> None:
        """Samples to transmit are taken and go nowhere."""
        if device is not TX or not self._transmitting:
            raise OSError(EBADF, device.id)
        if length > _MAX_BLOCK:
            raise OSError(EINVAL, device.id)
        self._send_number(0)
        lines.read(length)
        self._send_number(length)

    def _close(self, device: Layout) -> None:
        if not (self._stream if device is RX else self._transmitting and device is TX):
            raise OSError(ENXIO, device.id)
        if device is RX:
            self._close_stream()
        else:
            self._transmitting = False

    def _close_stream(self) -> None:
        if self._stream:
            with self._context.lock:
                self._context.on_change.remove(self._stream.advance)
            self._stream, self._rest = None, memoryview(b"")

    def _send_number(self, number: int) -> None:
        self._connection.sendall(f"{number}\n".encode())

    def _send_text(self, text: str) -> None:
        data = text.encode()
        self._connection.sendall(b"%d\n%s\n" % (len(data), data))


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise OSError(EINVAL, text)
    return int(text)


def _place(words: list[str]) -> Place:
    if len(words) > 2:
        raise OSError(EINVAL, " ".join(words))
    return tuple(words)
