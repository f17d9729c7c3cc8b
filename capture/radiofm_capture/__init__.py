"""Devices, the capture daemon, the recorder, RF scenes and the virtual Pluto.

Needs no torch, no onnxruntime."""
