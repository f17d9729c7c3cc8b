"""A basic service set on the air: contention, exchanges and beacons (IEEE 802.11-2020, 10.3)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radiofm_capture.scenes.frames import Frame
from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.wifi import dsss, mac, ofdm
from radiofm_capture.scenes.wifi.tones import NON_HT, WIDE

if TYPE_CHECKING:
    from radiofm_capture.scenes.wifi.waveform import Wifi

PPDU_MAX_S = 5.484e-3  # aPPDUMaxTime (table 19-25)
HT_MAX = 65_535  # bytes (table 19-25)
BODIES = ((40, 120), (100, 1460), (1400, 1460))  # bytes: acknowledgements, the rest, full packets
BODY_SHARES = (0.3, 0.45)  # of all up to the first, the second


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and slots, as seen between the ends and starts of PPDUs."""

    sifs_s: float
    slot_s: float
    cw_min: int
    cw_max: int = 1023

    @property
    def difs_s(self) -> float:
        return self.sifs_s + 2 * self.slot_s


DSSS = Timing(10e-6, 20e-6, 31)  # table 16-4
OFDM = Timing(16e-6, 9e-6, 15)  # table 17-21; at 2.4 GHz 10 us after an extension of 6 (18.4.4)


class Network:
    """An access point, station 0, and its stations, each with a clock and a power of its own."""

    def __init__(self, wifi: Wifi, rng: np.random.Generator) -> None:
        self.wifi, self.rng = wifi, rng
        self.timing = DSSS if wifi.phy == "dsss" else OFDM
        count = wifi.stations + 1
        self.addresses = [mac.address(rng) for _ in range(count)]
        self.errors_hz = rng.uniform(-1, 1, count) * wifi.error_hz
        gains = 10 ** (rng.uniform(-0.5, 0.5, count) * wifi.spread_db / 20)
        self.gains = gains / np.sqrt(np.mean(gains**2))
        self.mcs = rng.choice(wifi.mcs, count)
        self.elements = mac.beacon_elements(rng)
        self.windows = np.full(count, self.timing.cw_min)
        self.backoff = rng.integers(0, self.windows + 1)
        self.sequence = int(rng.integers(4096))

    def frames(self, seconds: float) -> Iterator[Frame]:
        """All PPDUs of [0, seconds), after those of up to 5 ms before it."""
        at = -PPDU_MAX_S * float(self.rng.random())
        interval = self.wifi.beacon_units * mac.UNIT_S
        target = at + interval * float(self.rng.random())  # TBTT (11.1.3.2)
        busy_s = PPDU_MAX_S / 4  # of the exchange before
        while at < seconds:
            load = self.wifi.load
            pause = self.rng.exponential(busy_s * (1 - load) / load) if load else math.inf
            if target <= at + pause:
                frame = self._beacon(max(at, target))
                target += interval
                at = frame.stop_s
                yield frame
            else:
                begin = at + pause
                at = yield from self._exchange(begin)
                busy_s = at - begin

    def _beacon(self, at: float) -> Frame:
        slots = int(self.rng.integers(self.timing.cw_min + 1))
        start = at + self.timing.difs_s + slots * self.timing.slot_s
        micros = int((start + 3600) * 1e6)  # the network has been there for an hour
        psdu = mac.beacon(
            self.addresses[0], micros, self.wifi.beacon_units, self._next(), self.elements
        )
        if self.wifi.phy == "dsss":
            return self._frame(0, start, dsss.dsss(psdu, 0, False), dsss.RATE, dsss.WIDTH_HZ)
        iq = ofdm.non_ht(psdu, 0, 20e6, self._seed())
        primary = (self.wifi.primary + 0.5) * 20e6 - self.wifi.width_hz / 2
        return self._frame(0, start, iq, 20e6, NON_HT.width_hz, primary)

    def _exchange(self, at: float) -> Generator[Frame, None, float]:
        """The stations with the shortest backoff send; one alone is answered (10.3.3, 10.3.4)."""
        least = int(self.backoff.min())
        senders = np.flatnonzero(self.backoff == least)
        self.backoff -= least
        start = at + self.timing.difs_s + least * self.timing.slot_s
        stop = start
        for sender in senders.tolist():
            receiver = 0 if sender else int(self.rng.integers(1, self.wifi.stations + 1))
            mcs = int(self.mcs[sender or receiver])  # the link's
            frame, answer = self._data(sender, receiver, mcs, start)
            yield frame
            stop = max(stop, frame.stop_s)
            doubled = min(2 * int(self.windows[sender]) + 1, self.timing.cw_max)
            self.windows[sender] = doubled if len(senders) > 1 else self.timing.cw_min
            self.backoff[sender] = self.rng.integers(self.windows[sender] + 1)
        if len(senders) == 1:
            reply = self._control(receiver, stop + self.timing.sifs_s, answer, mcs)
            yield reply
            stop = reply.stop_s
        return stop

    def _data(self, sender: int, receiver: int, mcs: int, start: float) -> tuple[Frame, bytes]:
        """The PPDU, and the answer to it."""
        wifi, to, own = self.wifi, self.addresses[receiver], self.addresses[sender]
        rate, width = wifi.width_hz, wifi.wide_hz
        guard, first = wifi.short_guard, self._next()
        mpdus = [
            mac.data(to, own, 60, self._next(), self._body(), sender == 0)
            for _ in range(wifi.aggregate)
        ]
        if wifi.phy == "dsss":
            iq = dsss.dsss(mpdus[0], mcs, wifi.short_preamble and mcs > 0)
            rate, width = dsss.RATE, dsss.WIDTH_HZ
        elif wifi.phy == "ofdm":
            iq = ofdm.non_ht(mpdus[0], mcs, rate, self._seed())
        elif wifi.phy == "ht":
            psdu = self._fitting(mpdus, mcs) if wifi.aggregate > 1 else mpdus[0]
            iq = ofdm.ht(psdu, mcs, rate, guard, wifi.aggregate > 1, self._seed())
        else:  # always an A-MPDU (9.7.1)
            iq = ofdm.vht(self._fitting(mpdus, mcs), mcs, rate, guard, self._seed())
        answer = mac.block_ack(own, to, first) if wifi.aggregate > 1 else mac.ack(own)
        return self._frame(sender, start, iq, rate, width), answer

    def _fitting(self, mpdus: list[bytes], mcs: int) -> bytes:
        """An A-MPDU of as many MPDUs as one PPDU may hold."""
        bits_s = ofdm.WIDE_MCS[mcs].data_bits(WIDE[self.wifi.width_hz]) / 4e-6
        room = min(HT_MAX, 0.98 * PPDU_MAX_S * bits_s / 8)
        lengths = np.cumsum([len(mpdu) + 8 for mpdu in mpdus])
        return mac.aggregate(mpdus[: max(1, int(np.searchsorted(lengths, room)))])

    def _control(self, sender: int, start: float, psdu: bytes, mcs: int) -> Frame:
        """An answer, at a basic rate not above the data's (10.6.6.5), over the whole channel."""
        wifi = self.wifi
        if wifi.phy == "dsss":
            iq = dsss.dsss(psdu, min(mcs, 1), wifi.short_preamble and mcs > 0)
            return self._frame(sender, start, iq, dsss.RATE, dsss.WIDTH_HZ)
        step = (0, 2, 4)[min(2, mcs // 2 if wifi.phy == "ofdm" else (mcs + 1) // 2)]
        iq = ofdm.non_ht(psdu, step, wifi.width_hz, self._seed())
        return self._frame(sender, start, iq, wifi.width_hz, wifi.legacy_hz)

    def _frame(
        self, sender: int, start: float, iq: Iq, rate: float, width: float, offset: float = 0.0
    ) -> Frame:
        offset += float(self.errors_hz[sender])
        return Frame(start, iq, rate, width, offset, float(self.gains[sender]))

    def _body(self) -> bytes:
        low, high = BODIES[np.searchsorted(BODY_SHARES, self.rng.random())]
        return self.rng.bytes(int(self.rng.integers(low, high + 1)))

    def _next(self) -> int:
        self.sequence = (self.sequence + 1) % 4096
        return self.sequence

    def _seed(self) -> int:
        return int(self.rng.integers(1, 128))
