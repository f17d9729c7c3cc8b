"""An admitted ONNX graph, ready to run: one float32 tensor in, one out.

A graph of the encoder may take an adapter's matrices beside it, which ONNX Runtime fills in.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import BundleError, MissingDependencyError
from radiofm_services.runtime import Runtime
from radiofm_services.safety import Shape, admit

WARM_UP_S = 5.0  # a graph whose first run takes longer is not served

Tensor = npt.NDArray[np.float32]


class Graph:
    """Checked, built and run once, so that the first slice is as fast as any.

    Batch size is 1: `inputs` is the whole shape of what it will be given, `outputs` of what it must
    return (None: any size). Raises BundleError where it does not.
    """

    def __init__(
        self, data: bytes, name: str, inputs: tuple[int, ...], outputs: Shape, runtime: Runtime
    ) -> None:
        admit(data, name, (None, *inputs[1:]), (None, *outputs[1:]))
        try:
            import onnxruntime as ort
            from onnxruntime.capi import onnxruntime_pybind11_state as state
        except ImportError:
            raise MissingDependencyError("onnxruntime", "pip install 'radiofm[serve]'") from None
        self.name, self.inputs = name, inputs
        self._errors: tuple[type[Exception], ...] = tuple(
            kind
            for kind in vars(state).values()
            if isinstance(kind, type) and issubclass(kind, Exception)
        )
        try:
            self._session: Any = runtime.session(data)
        except self._errors as error:
            raise self._refused(error) from None
        self.fallback = runtime.fallback(self._session)
        self._run_options: Any = ort.RunOptions
        port = self._session.get_inputs()[0]
        self._input: str = port.name
        self.any_tokens = isinstance(port.shape[1], str)  # whether it leaves axis 1 open
        self.adapter_inputs: dict[str, int] = {  # the width of each matrix, by its name
            port.name: port.shape[0 if port.name.endswith("a") else 1]
            for port in self._session.get_overridable_initializers()
        }
        self.outputs = self.warm_up(inputs, outputs)

    def __call__(self, tensor: Tensor, options: Any = None) -> Tensor:
        """Run it. Raises BundleError where the graph cannot take `tensor`."""
        try:
            result: Tensor = self._session.run(None, {self._input: tensor}, options)[0]
        except self._errors as error:
            raise self._refused(error) from None
        return result

    def warm_up(
        self, inputs: tuple[int, ...], outputs: Shape, options: Any = None
    ) -> tuple[int, ...]:
        """Try it on zeros of shape `inputs`; the shape of what comes, which must be `outputs`."""
        options = options or self._run_options()
        over = threading.Event()

        def watch() -> None:
            if not over.wait(WARM_UP_S):
                options.terminate = True

        watchdog = threading.Thread(target=watch, name="warm-up", daemon=True)
        watchdog.start()
        try:
            result = self(np.zeros(inputs, np.float32), options)
        except BundleError:
            if options.terminate:
                raise BundleError(
                    f"{self.name} is refused: its first run took more than {WARM_UP_S:g} s"
                ) from None
            raise
        finally:
            over.set()
            watchdog.join()
        if len(result.shape) != len(outputs) or any(
            want is not None and have != want
            for have, want in zip(result.shape, outputs, strict=True)
        ):
            raise BundleError(
                f"{self.name} is refused: it returned {list(result.shape)} where "
                f"{['n' if n is None else n for n in outputs]} is wanted; export it again"
            )
        return result.shape

    def _refused(self, error: Exception) -> BundleError:
        reason = str(error).strip().splitlines()[0][:200]
        return BundleError(f"{self.name} is refused: ONNX Runtime: {reason}")
