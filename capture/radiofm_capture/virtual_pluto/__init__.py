"""A virtual PlutoSDR: a TCP server that speaks libiio's network protocol and plays a source.

The unchanged driver library, or any other libiio program, receives from it as from a real one.
"""

from radiofm_capture.virtual_pluto.server import VirtualPluto

__all__ = ["VirtualPluto"]
