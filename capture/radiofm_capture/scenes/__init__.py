"""Simulated air: waveforms, front end, scenes with their ground truth, and the player."""

from radiofm_capture.scenes.load import load_scene, presets
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.scenes.truth import TruthBox
from radiofm_capture.scenes.waveforms import LABELS

__all__ = ["LABELS", "Scene", "ScenePlayer", "TruthBox", "load_scene", "presets"]
