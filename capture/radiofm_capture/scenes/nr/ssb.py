"""The SS/PBCH block: its content, its places in time, and on the synchronisation raster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.nr import pbch
from radiofm_capture.scenes.nr.numerology import SUBCARRIERS
from radiofm_capture.scenes.nr.sequences import LENGTH, pbch_reference, pss, sss

WIDTH, SSB_SYMBOLS = 240, 4  # subcarriers and OFDM symbols (TS 38.211, 7.4.3.1)
SYNC = slice(56, 56 + LENGTH)  # subcarriers of PSS and SSS (TS 38.211, table 7.4.3.1-1)
# Places of the PBCH and its DM-RS: all of symbols 1 and 3, both sides of symbol 2.
PBCH = WIDTH + np.concatenate([np.arange(WIDTH + 48), np.arange(WIDTH + 192, 3 * WIDTH)])
ENERGY = 2 * LENGTH + len(PBCH)  # of a block, in elements of unit power

# First symbols of the candidates in a half frame (TS 38.213, 4.1): (in each period, period).
CASES = {"A": ((2, 8), 14), "B": ((4, 8, 16, 20), 28), "C": ((2, 8), 14)}

GRID_HZ, COARSE_HZ, FINE_HZ = 3e9, 1.44e6, 1.2e6  # TS 38.101-1, table 5.4.3.1-1
FINE_SHIFTS_HZ = (50e3, 150e3, 250e3)


def block(mib: pbch.Mib, cell_id: int, ssb_index: int, l_max: int) -> npt.NDArray[np.complex64]:
    """[4, 240], every element of unit power (TS 38.211, 7.4.3.1)."""
    grid = np.zeros((SSB_SYMBOLS, WIDTH), np.complex64)
    grid[0, SYNC] = pss(cell_id)
    grid[2, SYNC] = sss(cell_id)
    pilot = (PBCH - cell_id) % 4 == 0
    flat = grid.reshape(-1)
    number = ssb_index + 4 * mib.half_frame if l_max == 4 else ssb_index
    flat[PBCH[pilot]] = pbch_reference(cell_id, number)
    flat[PBCH[~pilot]] = pbch.symbols(mib, cell_id, ssb_index, l_max)
    return grid


def candidates(case: str, f0_hz: float, paired: bool) -> list[int]:
    """First symbols in the half frame: 4 at low carrier frequencies, else 8 (TS 38.213, 4.1)."""
    low = f0_hz < 1.88e9 if case == "C" and not paired else f0_hz <= 3e9
    places, period = CASES[case]
    count = 4 if low else 8
    return [n * period + place for n in range(count // len(places)) for place in places]


def raster(f0_hz: float, scs_hz: float, n_rb: int) -> list[int]:
    """First subcarriers of blocks that lie on the raster, on the carrier's grid and inside it.

    TS 38.101-1, 5.4.3.1: below 3 GHz N * 1.2 MHz + {50, 150, 250} kHz, above 3 GHz + N * 1.44 MHz;
    the block's subcarrier 120 lies there.
    """
    room = n_rb * SUBCARRIERS - WIDTH
    lowest = f0_hz - room / 2 * scs_hz  # where subcarrier 120 of the lowest block lies
    shifts, step = (FINE_SHIFTS_HZ, FINE_HZ) if f0_hz < GRID_HZ else ((GRID_HZ,), COARSE_HZ)
    places = []
    for shift in shifts:
        first = np.ceil((lowest - shift) / step)
        count = int(room * scs_hz / step) + 1
        hertz = shift + step * (first + np.arange(count)) - lowest
        whole = np.rint(hertz / scs_hz)
        fits = (np.abs(hertz - whole * scs_hz) < 1) & (whole <= room)
        places += whole[fits].astype(int).tolist()
    return sorted(places)
