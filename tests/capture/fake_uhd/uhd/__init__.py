"""A stand-in for Ettus' `uhd` 4.3: as much of it as is used, behaving as measured.

Everything public is in the real module too, with the same values: test_uhd_contract.py holds the
two against each other. What the radio does is told by device arguments: see `_radio.py`.
"""

from __future__ import annotations

from . import types, usrp

__all__ = ["find", "types", "usrp"]


def find(args: str) -> list[types.DeviceAddr]:
    """The one radio there is."""
    known = {"type": "b200", "product": "B210", "name": "fake", "serial": "FA4E"}
    asked = types.DeviceAddr(args).to_dict()
    same = all(known.get(key) == value for key, value in asked.items())
    return [types.DeviceAddr(",".join(f"{k}={v}" for k, v in known.items()))] if same else []
