"""Logs of the Intel 5300 CSI tool, read by csiread: channels of Wi-Fi packets.

Amplitudes are scaled by RSSI and AGC, phases freed of what the clocks add, times made even.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiofm.errors import MissingDependencyError
from radiofm_models.data import Indices
from radiofm_models.datasets.files import broken, line

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

# IEEE 802.11n-2009, 7.3.1.27, Ng = 4 at 40 MHz and 2 at 20 MHz: the 30 subcarriers that are told.
SUBCARRIERS_40 = np.r_[-58:-1:4, 2:59:4]
SUBCARRIERS_20 = np.r_[-28:-1:2, -1, 1:28:2, 28]
HT40 = 1 << 11  # in the driver's rate_n_flags
LONGEST_STEP_S = 60.0  # between packets; the clock wraps after 4295 s


@dataclass(frozen=True)
class CsiLog:
    """One log: packets of one bandwidth and the first transmit stream."""

    time_s: Array  # [packet], rising, from 0
    csi: Complex  # [packet, antenna, subcarrier]; |csi|^2 is the signal-to-noise ratio
    subcarriers: Indices  # [subcarrier]


def read_intel5300(path: Path) -> CsiLog:
    """One log, amplitudes scaled, phases sanitised.

    Scaling is that of the Linux 802.11n CSI Tool (get_scaled_csi): CSI power made the RSSI less the
    AGC, over thermal and quantisation noise. Packets of the less common bandwidth are dropped.
    """
    try:
        import csiread
    except ImportError:
        raise MissingDependencyError("csiread", "pip install 'radiofm[train]'") from None
    log = csiread.Intel(str(path), nrxnum=3, ntxnum=3, if_report=False)
    try:
        log.read()
    except Exception as error:  # noqa: BLE001  csiread raises bare ones for broken packets
        raise broken(path, f"it is no whole log ({line(error)})") from None
    wide = (log.rate & HT40) != 0
    is_wide = bool(wide.mean() >= 0.5) if log.count else False
    kept = np.flatnonzero((wide == is_wide) & (log.Nrx == 3))
    if kept.size < 2:
        raise broken(path, "it holds no CSI of three antennas", "give a log of the Intel 5300")
    csi = log.get_scaled_csi()[kept, :, :, 0].transpose(0, 2, 1)
    ticks = log.timestamp_low[kept].astype(np.uint32)  # microseconds, modulo 2**32
    steps_s = np.diff(ticks).astype(np.float64) / 1e6
    if not ((steps_s > 0) & (steps_s < LONGEST_STEP_S)).all():
        raise broken(path, "its clock stands or jumps", "cut it there")
    subcarriers = SUBCARRIERS_40 if is_wide else SUBCARRIERS_20
    return CsiLog(np.r_[0, np.cumsum(steps_s)], sanitise(csi, subcarriers), subcarriers)


def sanitise(csi: Complex, subcarriers: Indices) -> Complex:
    """`csi` [packet, antenna, subcarrier] without each packet's own phase slope and offset.

    Both come from the packet's detection time and the carrier offset, and are common to the
    antennas: the slope is that of all of them (Kotaru et al., SpotFi, SIGCOMM 2015, algorithm 1),
    the offset the mean phase of the first. Differences between antennas stay.
    """
    phase = np.unwrap(np.angle(csi), axis=-1)
    k = subcarriers - subcarriers.mean()
    slope = (phase @ k).mean(1) / np.sum(k**2)
    offset = phase[:, 0].mean(1)
    turn: Complex = np.exp(-1j * (offset[:, None, None] + slope[:, None, None] * k))
    return csi * turn


def resample(log: CsiLog, seconds: float, rate_hz: float) -> Complex:
    """[antenna, subcarrier, time]: the middle `seconds` of the log at `rate_hz`, interpolated.

    A shorter log is held at its ends.
    """
    middle = log.time_s[-1] / 2
    grid = middle + (np.arange(round(seconds * rate_hz)) + 0.5) / rate_hz - seconds / 2
    flat = log.csi.reshape(len(log.time_s), -1)
    right = np.clip(np.searchsorted(log.time_s, grid), 1, len(log.time_s) - 1)
    left = right - 1
    part = (grid - log.time_s[left]) / (log.time_s[right] - log.time_s[left])
    part = np.clip(part, 0, 1)[:, None]
    even: Complex = (1 - part) * flat[left] + part * flat[right]
    return even.T.reshape(*log.csi.shape[1:], len(grid))
