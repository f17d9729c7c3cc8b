"""A Pluto's receive chain through libiio: how it is tuned, one buffer at a time, and its status.

Whatever libiio refuses or breaks off is an OSError here; `gone` words it.
"""

from __future__ import annotations

import os
import threading
import time
from errno import EBADF, ENOMEM, ETIMEDOUT
from typing import Any

import numpy as np

from radiofm.errors import DeviceError, UsageError
from radiofm_capture.device import Tuning
from radiofm_capture.overflow import Arrival
from radiofm_capture.pluto_open import load_libraries, open_pluto
from radiofm_capture.pluto_tuning import tune

TIMEOUT_MS = 5000
LONGEST_BUFFER_S = 2.0  # iiod itself gives up after half of the client's timeout
# industrialio_buffer_dma.max_block_size: the kernel shortens a longer one without a word, and
# what comes is then not contiguous.
LARGEST_BUFFER = (16 << 20) // 4  # samples
MOST_BUFFERS = 64
_DMA_STATUS = 0x80000088  # of the receive core; bit 2 is set when samples were dropped
_OVERFLOW = 0x4


class PlutoReceiver:
    """The context at a URI, and the buffer that is open on it, if any."""

    def __init__(self, uri: str | None) -> None:
        self._sdr, self.uri = open_pluto(uri)
        self._dma = self._sdr.ctx.find_device("cf-ad9361-lpc")
        self._buffer: Any = None
        self._cancelled = False
        self._guard = threading.Lock()  # held while the buffer is made, cancelled or destroyed
        try:
            self._sdr.ctx.set_timeout(TIMEOUT_MS)
        except OSError as error:
            raise self.gone(error) from None

    def tune(self, tuning: Tuning) -> Tuning:
        """Set the receiver, and return how it really is. UsageError for what it does not take."""
        return tune(self._sdr, tuning)

    def gain_db(self) -> float:
        """The gain at this moment, also where the device sets it itself."""
        return float(self._sdr.rx_hardwaregain_chan0)

    def open(self, samples: int, count: int) -> None:
        """Begin to fill `count` buffers of `samples` each, back to back."""
        iio, _ = load_libraries()
        self._dma.set_kernel_buffers_count(count)  # before the buffer exists
        for name in ("voltage0", "voltage1"):
            self._dma.find_channel(name).enabled = True
        with self._guard:
            if self._cancelled:
                raise OSError(EBADF, os.strerror(EBADF))
            try:
                self._buffer = iio.Buffer(self._dma, samples, False)
            except OSError as error:
                if error.errno != ENOMEM:
                    raise
                raise UsageError(
                    f"{count} kernel buffers of {samples} samples do not fit into the Pluto's"
                    " memory: use fewer or shorter ones, or fewer slices of a burst"
                ) from None
        self.overflowed()  # set while nobody fetched: it says nothing of this buffer

    def refill(self) -> Arrival:
        """The next buffer, int16 [count, 2], when it is full."""
        began = time.monotonic()
        self._buffer.refill()
        ended = time.monotonic()
        samples = np.frombuffer(self._buffer.read(), np.dtype("<i2")).reshape(-1, 2)
        return Arrival(samples, began, ended)

    def overflowed(self) -> bool:
        """Whether samples were dropped since this was last asked."""
        if not self._dma.reg_read(_DMA_STATUS) & _OVERFLOW:
            return False
        self._dma.reg_write(_DMA_STATUS, _OVERFLOW)
        return True

    def cancel(self) -> None:
        """Break off a waiting `refill`, from any thread; nothing is opened after that."""
        with self._guard:
            self._cancelled = True
            if self._buffer is not None:
                self._buffer.cancel()

    def close_buffer(self) -> None:
        """End the buffer, with all that waits in it."""
        with self._guard:
            self._buffer = None

    def close(self) -> None:
        """Give the device back: the buffer first, then the context under it."""
        self.close_buffer()
        self._dma = None
        self._sdr = None

    def gone(self, error: OSError) -> DeviceError:
        """The sentence for an error of the connection."""
        if error.errno == ETIMEDOUT:
            return DeviceError(
                f"the Pluto at {self.uri} sent nothing for {TIMEOUT_MS / 1000:g} s: check its"
                " cable and power, then start again"
            )
        reason = os.strerror(error.errno) if error.errno else str(error)
        return DeviceError(
            f"the connection to the Pluto at {self.uri} broke ({reason}): check its cable and"
            " power, then start again"
        )
