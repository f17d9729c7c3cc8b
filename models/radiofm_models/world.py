"""The processes that train together: one, or those that `torchrun` started.

    torchrun --nproc-per-node 2 -m radiofm pretrain ...

Every process draws the same batch and takes its share of it, and gradients are averaged: the run is
that of one process with the whole batch, but for the order in which sums are added up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from radiofm.errors import UsageError
from radiofm_models.vit import Block

Parallel = Literal["ddp", "fsdp"]


class Objective(nn.Module):
    """`loss` as the forward of a module, which is what is wrapped; it calls `model`."""

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self._loss = model, loss

    def forward(self, *inputs: Any) -> Tensor:
        return self._loss(*inputs)


@dataclass(frozen=True)
class World:
    """This process among `size`; the first has rank 0 and does the writing."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of a batch."""
        if batch % self.size:
            raise UsageError(f"batch {batch}: {self.size} processes cannot share it alike")
        part = batch // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process does this, and writes what the others then find."""
        if not self.first:
            _meet()
        yield
        if self.first and self.size > 1:
            _meet()

    def mean(self, value: Tensor) -> float:
        """A number of each process -> their mean."""
        if self.size > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
            value /= self.size
        return value.item()

    def wrap(self, objective: Objective, parallel: Parallel, partial: bool) -> nn.Module:
        """`objective`, so that backward averages over processes.

        `ddp` keeps all weights in each process, `fsdp` shards them. `partial`: a step may leave
        parameters out, as one of several modalities does.
        """
        if self.size == 1:
            return objective
        if parallel == "ddp":
            return DistributedDataParallel(objective, find_unused_parameters=partial)
        for module in objective.model.modules():
            if isinstance(module, Block):
                fully_shard(module)
        fully_shard(objective.model)
        return objective


def _meet() -> None:
    """Wait for all processes.

    gloo's own barrier lets go of past tensors in a thread of its own, which aborts a process that
    is about to end; its monitored one does not.
    """
    if dist.get_backend() == "gloo":
        dist.monitored_barrier()
    else:
        dist.barrier()


def device() -> torch.device:
    """The fastest that there is."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def joined() -> Iterator[World]:
    """The world that `torchrun`'s environment tells of; left at the end."""
    if "WORLD_SIZE" not in os.environ:
        yield World(0, 1, device())
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), device())
    finally:
        dist.destroy_process_group()


def whole(value: Tensor) -> Tensor:
    """`value`, gathered where it is sharded: every process has to ask for it."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """`value`, which is whole, on the device of `parameter` and sharded as that is."""
    if isinstance(parameter, DTensor) and value.ndim:
        return distribute_tensor(value, parameter.device_mesh, parameter.placements)
    return value.to(parameter.device) if value.ndim else value
