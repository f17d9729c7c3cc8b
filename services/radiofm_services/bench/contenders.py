"""Contenders in processes of their own, run in turn. See `radiofm.contender` for their side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RadiofmError

THREADS = ("OMP", "MKL", "OPENBLAS", "NUMBA")  # read once, as the libraries load
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in THREADS}


class Contender:
    """A process that runs a case when it is told to."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name, self._process = name, process

    def run(self, case: float) -> float:
        """Processor seconds that the case takes."""
        seconds: float = self._ask({"case": case})["seconds"]
        return seconds

    def result(self, case: float) -> npt.NDArray[np.float32]:
        """What the case makes, flat."""
        with tempfile.NamedTemporaryFile() as file:
            self._ask({"case": case, "save": file.name})
            return np.frombuffer(Path(file.name).read_bytes(), np.float32)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RadiofmError(f"contender {self._name} has ended: run it alone to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def contenders(
    commands: Mapping[str, Sequence[str]],
) -> Iterator[tuple[dict[str, Contender], list[str]]]:
    """The contenders that start, by name, and the names of those that do not: not installed."""
    with ExitStack() as stack:
        started, absent = {}, []
        for name, command in commands.items():
            if shutil.which(command[0]) is None:
                absent.append(name)
                continue
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env={**os.environ, **ONE_THREAD},
            )  # fmt: skip
            stack.enter_context(process)  # closes its input, which ends it
            assert process.stdout
            if process.stdout.readline() == "ready\n":
                started[name] = Contender(name, process)
            else:
                absent.append(name)
        yield started, absent


def interleave(contenders: Mapping[str, Contender], case: float, rounds: int) -> dict[str, float]:
    """Least seconds of each, all run in each round: what else the machine does only adds time."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, contender in contenders.items():
            best[name] = min(best[name], contender.run(case))
    return best
