"""Several processes of one machine that train one network, as ``torchrun`` starts them.

Gloo joins CPUs, NCCL joins GPUs. Each process takes its share of every batch; after a step all hold the
same weights. The first one (rank 0) alone speaks, evaluates and writes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

# Rank 0 evaluates and writes while the others wait for it.
PATIENCE = timedelta(hours=12)
EVERYTHING = 10_000  # megabytes: all gradients in one message


@dataclass(frozen=True)
class World:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def ask(self, wish: int) -> Callable[[], int]:
        """Ask all processes what they wish. What comes back waits for the answer when it is called:
        the largest number that any of them said, the same for all."""
        if self.size == 1:
            return lambda: wish
        said = torch.tensor([wish])
        work = dist.all_reduce(said, dist.ReduceOp.MAX, group=_gloo(), async_op=True)

        def answer() -> int:
            work.wait()
            return int(said.item())

        return answer

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The values of all processes, added up, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def from_leader(self, values: list[float]) -> list[float]:
        """What rank 0 says; it must say as many numbers as the others offer."""
        if self.size == 1:
            return values
        told = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(told, 0, group=_gloo())
        return [float(value) for value in told]

    def share(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over all processes."""
        if self.size == 1:
            return network
        on_cpu = next(network.parameters()).device.type == "cpu"
        # A GPU sends gradients while it computes others; a CPU would only interrupt itself.
        size = EVERYTHING if on_cpu else None
        return DistributedDataParallel(network, bucket_cap_mb=size, gradient_as_bucket_view=True)


@cache
def _gloo() -> dist.ProcessGroup | None:
    """For words between the processes: numbers on the CPU, so that no GPU is waited for."""
    if dist.get_backend() == "gloo":
        return dist.group.WORLD
    group: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=PATIENCE)
    return group


def join(device: torch.device) -> World:
    """Join the processes that ``torchrun`` started with this one; alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    return World(dist.get_rank(), size)


def part() -> None:
    """Leave in order, when the first process has written everything: gloo may abort at the
    interpreter's exit, and ``torchrun`` ends all when one fails. After an error do not call it: it may
    wait for processes that are gone."""
    if dist.is_initialized():
        dist.barrier(group=_gloo())
        _gloo.cache_clear()
        dist.destroy_process_group()
