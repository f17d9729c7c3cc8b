"""How graphs are run by ONNX Runtime: threads, and what computes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from radiofm.errors import MissingDependencyError

Provider = Literal["cpu", "cuda", "tensorrt", "openvino", "coreml"]
# ONNX Runtime's names, each followed by what takes over an operator that it does not have.
_NAMES: dict[Provider, tuple[str, ...]] = {
    "cpu": (),
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider",),
    "coreml": ("CoreMLExecutionProvider",),
}
_REMEDIES: dict[Provider, str] = {
    "cpu": "",
    "cuda": "pip install onnxruntime-gpu in place of onnxruntime, with NVIDIA's CUDA and cuDNN",
    "tensorrt": "pip install onnxruntime-gpu in place of onnxruntime, with NVIDIA's TensorRT",
    "openvino": "pip install onnxruntime-openvino in place of onnxruntime",
    "coreml": "it is there on macOS only",
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """`threads` of one graph, on `provider` or, where that cannot be had, on the CPU."""

    threads: int = 1
    provider: Provider = "cpu"

    def session(self, data: bytes) -> Any:
        """A session of the graph `data`. Raises ONNX Runtime's errors."""
        try:
            import onnxruntime as ort
        except ImportError:
            raise MissingDependencyError("onnxruntime", "pip install 'radiofm[serve]'") from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4  # what fails is raised
        # Waiting threads would otherwise take the core that the spectrogram needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        there = ort.get_available_providers()
        providers = [name for name in _NAMES[self.provider] if name in there]
        return ort.InferenceSession(data, options, providers=[*providers, "CPUExecutionProvider"])

    def fallback(self, session: Any) -> str:
        """What to say where `session` has come to run without the provider; else empty."""
        wanted = _NAMES[self.provider]
        if not wanted or wanted[0] in session.get_providers():
            return ""
        return (
            f"provider {self.provider} cannot be had from this onnxruntime, the CPU computes "
            f"instead: {_REMEDIES[self.provider]}"
        )


ONE_THREAD = Runtime()
