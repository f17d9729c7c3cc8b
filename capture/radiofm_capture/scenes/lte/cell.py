"""What does not change in a cell: its width, identity, ports and frame structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Grid = npt.NDArray[np.complex64]
Mask = npt.NDArray[np.bool_]

SPACING_HZ = 15e3  # between subcarriers (TS 36.211, 6.12)
BLOCK = 12  # subcarriers of a resource block (TS 36.211, table 6.2.3-1, normal prefix)
SLOT = 7  # symbols (the same table)
SYMBOLS = 2 * SLOT  # of a subframe
SUBFRAMES = 10  # of a frame of 10 ms
SUBFRAME_S = 1e-3
FRAMES = 1024  # the system frame number wraps (TS 36.331, 6.2.2, MasterInformationBlock)
FDD = "D" * SUBFRAMES
TDD = (  # uplink-downlink configurations 0 to 6 (TS 36.211, table 4.2-2)
    "DSUUUDSUUU",
    "DSUUDDSUUD",
    "DSUDDDSUDD",
    "DSUUUDDDDD",
    "DSUUDDDDDD",
    "DSUDDDDDDD",
    "DSUUUDSUUD",
)
DWPTS = (3, 9, 10, 11, 12, 3, 9, 10, 11, 6)  # downlink symbols of special subframe configurations
# 0 to 9 (TS 36.211, table 4.2-1, normal prefixes): 6592, 19760, ... samples of 1 / 30.72 MHz


@dataclass(frozen=True, slots=True)
class Cell:
    """`pattern` has a letter for each subframe of a frame; `dwpts` are the symbols of an S."""

    prb: int  # resource blocks, 6 to 100
    cell_id: int  # physical layer cell identity, 0 to 503
    ports: int  # antenna ports of the cell-specific reference signals: 1, 2 or 4
    pattern: str = FDD
    dwpts: int = 0
    phich_sixths: int = 6  # N_g of TS 36.211, 6.9, in sixths: 1, 3, 6 or 12

    @property
    def subcarriers(self) -> int:
        return BLOCK * self.prb

    @property
    def tdd(self) -> bool:
        return self.pattern != FDD

    def downlink(self, subframe: int) -> int:
        """How many symbols of a subframe (0 to 9) are downlink, from its first on."""
        return {"D": SYMBOLS, "S": self.dwpts, "U": 0}[self.pattern[subframe]]

    def runs_s(self) -> list[tuple[float, float]]:
        """(begin, end) of each stretch of downlink that begins in a TDD frame; it may end later."""
        runs = []
        for first, kind in enumerate(self.pattern):
            if kind == "D" and self.pattern[first - 1] == "U":
                last = (self.pattern * 2).index("S", first)
                length = (2192 * self.dwpts + 16 * -(-self.dwpts // SLOT)) / 30.72e6  # 4.2
                end = last * SUBFRAME_S + length
                runs.append((first * SUBFRAME_S, end))
        return runs

    def middle(self, count: int) -> slice:
        """The `count` subcarriers around the centre."""
        return slice(self.subcarriers // 2 - count // 2, self.subcarriers // 2 + count // 2)

    def frequencies(self) -> npt.NDArray[np.int64]:
        """Of each subcarrier, in spacings from the centre, which itself is left free (6.12)."""
        half = self.subcarriers // 2
        return np.concatenate([np.arange(-half, 0), np.arange(1, half + 1)])
