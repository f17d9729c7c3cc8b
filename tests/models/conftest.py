"""Torch on one thread: on a busy machine two that wait for each other cost 50 times the work."""

import torch

torch.set_num_threads(1)
