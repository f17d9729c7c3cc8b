"""Starts the stages of a chain as processes, from the last to the first, and ends them in order.

A stage is a radiofm command that closes with one line of JSON. The first to fail ends them all, and
its sentence is the supervisor's. Nothing is left behind: what does not end in time is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from radiofm.errors import RadiofmError

SENTENCE = "radiofm: "  # how a command's last word on its failure begins
STOP_S = 15.0  # how long a stage may take to end after it was asked to
DRY_S = 120.0  # how long one may take to work off what waits, after the one before has ended


class StageError(RadiofmError):
    """A stage failed; the message is its own sentence."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class Stage:
    """One process. `lines` and `errors` fill while it runs."""

    name: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)
    excused: bool = False  # its failure does not end the others

    def report(self) -> dict[str, Any]:
        """The JSON of its last line."""
        for line in reversed(self.lines):
            if line.startswith("{"):
                value: dict[str, Any] = json.loads(line)
                return value
        return {}

    def failure(self) -> StageError | None:
        code = self.process.poll()
        if code in (None, 0) or self.excused:
            return None
        for reader in self.readers:
            reader.join(1)
        # Libraries may write to stderr as well, also after the sentence.
        said = [line for line in self.errors if line.strip()]
        said = [line for line in said if line.startswith(SENTENCE)] or said
        text = (
            said[-1].strip().removeprefix(SENTENCE)
            if said
            else f"{self.name} ended with code {code}"
        )
        return StageError(text, code if code in (1, 2) else 1)


class Supervisor:
    """Runs stages; use it as a context manager, so that all of them end."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, *arguments: str) -> Stage:
        """Start `radiofm ARGUMENTS`. Ctrl-C does not reach it: it is ended in its turn."""
        # One thread a library: the stages share the cores, and OpenMP threads wait by spinning.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "radiofm", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        stage = Stage(name, process)
        assert process.stdout and process.stderr
        for stream, into in ((process.stdout, stage.lines), (process.stderr, stage.errors)):
            reader = threading.Thread(target=into.extend, args=(stream,), daemon=True)
            reader.start()
            stage.readers.append(reader)
        self.stages.append(stage)
        return stage

    def check(self, but: Stage | None = None) -> bool:
        """True while all run. Raises the sentence of the first stage that failed, `but` for one."""
        for stage in self.stages:
            if stage is not but and (failure := stage.failure()):
                raise failure
        return all(stage.process.poll() is None for stage in self.stages)

    def wait(self, stage: Stage, timeout_s: float) -> bool:
        """Wait for a stage to end by itself, watching the others; False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while stage.process.poll() is None:
            if time.monotonic() > deadline:
                return False
            self.check()
            time.sleep(0.05)
        self.check()
        return True

    def stop(self) -> None:
        """End every stage, the first of the chain first: each sees its publisher's last word."""
        for stage in reversed(self.stages):
            if stage.process.poll() is None:
                stage.process.send_signal(signal.SIGTERM)
            _join(stage)

    def finish(self, chain: Sequence[Stage]) -> None:
        """End the first stage of `chain` and let the others run dry, in the data's order."""
        if chain[0].process.poll() is None:
            chain[0].process.send_signal(signal.SIGTERM)
        for stage in chain:
            if not self.wait(stage, DRY_S):
                raise StageError(f"{stage.name} did not end in {DRY_S:g} s and was stopped", 1)


def _join(stage: Stage) -> None:
    try:
        stage.process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        stage.process.kill()
        stage.process.wait()
    for reader in stage.readers:
        reader.join(1)
    for pipe in (stage.process.stdout, stage.process.stderr):
        if pipe:
            pipe.close()
