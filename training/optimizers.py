"""Optimizers built from a configuration."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from training.config import SGD, Adagrad, Adam, Momentum, Optimizer


def build_optimizer(config: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer in its fused form: one kernel for all weights instead of one for each.

    Matrices and filters decay; what has one dimension (biases, norms) does not.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = config.learning_rate
    if isinstance(config, SGD):
        return torch.optim.SGD(groups, rate, fused=True)
    if isinstance(config, Momentum):
        return torch.optim.SGD(
            groups, rate, momentum=config.momentum, nesterov=config.nesterov, fused=True
        )
    if isinstance(config, Adagrad):
        # torch fuses this one on the CPU only
        fused = all(weight.device.type == "cpu" for weight in weights)
        accumulator = config.initial_accumulator
        return torch.optim.Adagrad(
            groups, rate, initial_accumulator_value=accumulator, fused=fused or None
        )
    kind = torch.optim.Adam if isinstance(config, Adam) else torch.optim.AdamW
    betas = (config.beta1, config.beta2)
    return kind(groups, rate, betas=betas, eps=config.epsilon, fused=True)


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory as flat names, ``<weight's number>/<name>``."""
    return {
        f"{number}/{name}": value
        for number, weight in enumerate(_weights(optimizer))
        for name, value in optimizer.state[weight].items()
        if isinstance(value, Tensor)
    }


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what :func:`state_tensors` gave. Raises ``KeyError`` on another network's."""
    weights = list(_weights(optimizer))
    for key, value in tensors.items():
        number, name = key.split("/")
        weight = weights[int(number)]
        if value.shape == weight.shape:
            # Fused kernels walk weight and state side by side: they must lie alike in memory.
            value = torch.empty_like(weight, memory_format=torch.preserve_format).copy_(value)
        optimizer.state[weight][name] = value.detach()


def _weights(optimizer: torch.optim.Optimizer) -> Iterable[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
