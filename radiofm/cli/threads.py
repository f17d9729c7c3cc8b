"""How the threads of a training command wait."""

from __future__ import annotations

import os


def wait_quietly() -> None:
    """Let OpenMP's threads sleep where they wait for each other, unless the user says otherwise.

    They spin by default: on a machine that does other work, too, a step then takes ten times as
    long. Must come before torch is imported, which reads it once.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
